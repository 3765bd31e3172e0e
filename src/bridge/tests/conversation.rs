//! What passes between ashd and a CLI that behaves.

use std::fs;

use serde_json::json;

use super::rig::{RESULT, ROOMY, Rig, frame};
use crate::bridge::inside::testing::Options;
use crate::bridge::protocol::{Answer, Notice, PROTOCOL, StartCli};

#[tokio::test]
async fn a_bridge_introduces_itself() {
    let rig = Rig::new(ROOMY);
    let hello = rig.connect(0).await.hello;
    assert_eq!((hello.protocol, hello.last, hello.last_input), (PROTOCOL, 0, 0));
    assert_eq!((hello.cli_running, hello.version.as_str()), (false, env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn readiness_is_the_answer_to_initialize_and_no_frame() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    let record = r#"eval "$(declare -f control | sed s/control/real/)"; control() { echo "$2" > initialize.json; real "$@"; }"#;
    let mut start = rig.start_with(record);
    let members = json!({"hooks": null, "agents": {"a": 1}});
    start.initialize = Some(Box::new(members.as_object().unwrap().clone()));
    link.sender.start(&start).unwrap();
    let notice = link.notice().await;
    let Notice::Ready { version, pid } = notice else { panic!("{notice:?}") };
    assert_eq!(version.as_deref(), Some("9.9.9"));
    assert!(fs::exists(format!("/proc/{pid}")).unwrap());
    let request = fs::read(rig.workspace().join("initialize.json")).unwrap();
    let request: serde_json::Value = serde_json::from_slice(&request).unwrap();
    assert_eq!(
        request["request"],
        json!({"subtype": "initialize", "hooks": null, "agents": {"a": 1}})
    );
    link.run(1, "frame one; finish");
    assert_eq!(link.frame().await, frame("one"));
    assert_eq!(link.frame().await, RESULT);
}

#[tokio::test]
async fn a_cli_gets_its_arguments_its_environment_and_its_directory() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    let prelude = r#"frame "$*"; frame "$(pwd)"; frame "$HOME$IS_SANDBOX$CARGO_PKG_NAME""#;
    link.sender.start(&rig.start_with(prelude)).unwrap();
    assert_eq!(link.frame().await, frame(&format!("--verbose --session-id={}", rig.conversation)));
    assert_eq!(link.frame().await, frame(rig.workspace().to_str().unwrap()));
    assert_eq!(link.frame().await, frame(""));
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    let trusted = fs::read_to_string(rig.path().join("home/.claude.json")).unwrap();
    assert!(trusted.contains("hasTrustDialogAccepted"), "{trusted}");
}

#[tokio::test]
async fn a_known_conversation_is_resumed() {
    let rig = Rig::new(ROOMY);
    let slug = rig.workspace().to_str().unwrap().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let transcripts = rig.path().join("home/.claude/projects").join(slug);
    fs::create_dir_all(&transcripts).unwrap();
    fs::write(transcripts.join(format!("{}.jsonl", rig.conversation)), "{}\n").unwrap();
    let mut link = rig.connect(0).await;
    link.sender.start(&rig.start_with("frame \"$2\"")).unwrap();
    assert_eq!(link.frame().await, frame(&format!("--resume={}", rig.conversation)));
}

#[tokio::test]
async fn frames_arrive_byte_for_byte_and_unknown_ones_too() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    let lines = [
        r#"{"type":"from_the_future","request":{"subtype":"x"},"n":1e400, "spaced" : [ ] }"#,
        r#"{"text":"\u00e9\\ud83d é 🦀 \t","type":"assistant"}"#,
        r#"{"b":1,"a":2,"b":3}"#,
        "{}",
        r#"{"type":"control_response","response":{"subtype":"success","request_id":"of ashd"}}"#,
    ];
    let text = lines.map(|line| format!("{line}\n")).concat();
    fs::write(rig.workspace().join("lines"), text).unwrap();
    link.run(1, "cat lines");
    for line in lines {
        assert_eq!(link.frame().await, line);
    }
}

#[tokio::test]
async fn what_is_for_nobody_is_not_passed_on() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    let lines = r#"{"type":"keep_alive"}
{"type":"control_cancel_request","request_id":"1"}
plain text
[1]
{"torn":

{"type":"result","duration_ms":1}
"#;
    fs::write(rig.workspace().join("lines"), lines).unwrap();
    link.run(1, "cat lines");
    assert_eq!(link.frame().await, r#"{"type":"result","duration_ms":1}"#);
    link.run(2, "exit 3");
    let expected = "plain text\n[1]\n{\"torn\":".to_owned();
    let notice = link.notice().await;
    let exited = Notice::Exited { code: Some(3), signal: None, requested: false, stderr: expected };
    assert_eq!(notice, exited);
}

#[tokio::test]
async fn a_line_over_the_limit_is_told_and_the_next_one_passes() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.run(1, r#"printf '{"x":"%*s"}\n' 2000000 y; frame after"#);
    assert_eq!(link.notice().await, Notice::LineTooLong { bytes: 2_000_008 });
    assert_eq!(link.frame().await, frame("after"));
}

#[tokio::test]
async fn a_long_line_under_the_limit_passes() {
    let rig = Rig::new(Options { line_bytes_max: 8 << 20, ..ROOMY });
    let mut link = rig.ready().await;
    link.run(1, r#"printf '{"x":"%*s"}\n' 3000000 y; frame after"#);
    let line = link.frame().await;
    assert_eq!((line.len(), line.ends_with("y\"}")), (3_000_008, true));
    assert_eq!(link.frame().await, frame("after"));
}

#[tokio::test]
async fn a_message_is_given_once_whatever_comes_again() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.run(5, "frame five");
    link.run(5, "frame again");
    link.run(4, "frame earlier");
    link.run(6, "frame six");
    assert_eq!(link.frame().await, frame("five"));
    assert_eq!(link.frame().await, frame("six"));
    assert_eq!(rig.connect(0).await.hello.last_input, 6);
}

#[tokio::test]
async fn a_message_may_come_before_the_cli_is_ready() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    link.sender.start(&rig.start()).unwrap();
    link.run(1, "frame early");
    link.run(1, "frame twice");
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    assert_eq!(link.frame().await, frame("early"));
    link.run(2, "finish");
    assert_eq!(link.frame().await, RESULT);
}

#[tokio::test]
async fn a_message_without_a_cli_is_refused_and_may_come_again() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    link.run(1, "frame one");
    let refused = Notice::InputRefused { number: 1, reason: "no CLI runs".to_owned() };
    assert_eq!(link.notice().await, refused);
    link.sender.start(&rig.start()).unwrap();
    link.run(1, "frame one");
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    assert_eq!(link.frame().await, frame("one"));
}

#[tokio::test]
async fn a_control_request_of_ashd_is_heard_of_only_if_it_is_refused() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    let fine = r#"{"type":"control_request","request_id":"a1","request":{"subtype":"set_permission_mode"}}"#;
    let bad = r#"{"request":{"subtype":"set_model","model":"x"},"request_id":"a2","type":"control_request"}"#;
    link.run(1, &format!("{fine}\n{bad}\nframe after\n"));
    let refused = Notice::ControlRefused {
        request: "set_model".to_owned(),
        reason: "no such model".to_owned(),
    };
    assert_eq!(link.notice().await, refused);
    assert_eq!(link.frame().await, frame("after"));
}

#[tokio::test]
async fn questions_of_the_cli_are_answered_with_no() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    let ask = r#"ask() { echo "{\"request_id\":\"q1\",\"request\":{\"subtype\":\"$1\",\"tool_name\":\"Write\"},\"type\":\"control_request\"}"; IFS= read -r reply; echo "{\"heard\":$reply}"; }"#;
    link.run(1, ask);
    link.run(2, "ask can_use_tool");
    let heard: serde_json::Value = serde_json::from_str(&link.frame().await).unwrap();
    let response = &heard["heard"]["response"];
    assert_eq!((&response["request_id"], &response["subtype"]), (&json!("q1"), &json!("success")));
    assert_eq!(response["response"]["behavior"], "deny");
    link.run(3, "ask hook_callback");
    let heard: serde_json::Value = serde_json::from_str(&link.frame().await).unwrap();
    assert_eq!(heard["heard"]["response"]["subtype"], "error");
}

/// Shell of a CLI that asks and tells what it hears.
const ASK: &str = r#"ask() { echo "{\"request_id\":\"$1\",\"request\":{\"subtype\":\"can_use_tool\",\"input\":{\"n\":1.50},\"tool_name\":\"Write\"},\"type\":\"control_request\"}"; }; hear() { IFS= read -r reply; echo "{\"heard\":$reply}"; }"#;

fn answer(id: &str, response: &serde_json::Value) -> Answer {
    let response = serde_json::value::to_raw_value(response).unwrap();
    Answer { request_id: id.to_owned(), response }
}

#[tokio::test]
async fn a_question_is_passed_on_and_its_answer_is_given_once() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    link.sender.start(&StartCli { asks: true, ..rig.start() }).unwrap();
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    link.run(1, ASK);
    link.run(2, "ask q1; ask q2; hear; hear; frame after");
    for id in ["q1", "q2"] {
        assert!(link.frame().await.contains(&format!(r#""request_id":"{id}""#)));
    }
    // Another ashd comes, and knows what the first one has said.
    link.sender.answer(&answer("q2", &json!({ "behavior": "allow" }))).unwrap();
    let first = link.frame().await;
    assert!(first.contains(r#""updatedInput":{"n":1.50}"#), "{first}");
    drop(link);
    let mut link = rig.connect(4).await;
    link.sender.answer(&answer("q2", &json!({ "behavior": "deny" }))).unwrap();
    link.sender.answer(&answer("unheard of", &json!({ "behavior": "allow" }))).unwrap();
    let changed = json!({ "behavior": "allow", "updatedInput": { "n": 2 } });
    link.sender.answer(&answer("q1", &changed)).unwrap();
    let second: serde_json::Value = serde_json::from_str(&link.frame().await).unwrap();
    let response = &second["heard"]["response"];
    assert_eq!((&response["request_id"], &response["subtype"]), (&json!("q1"), &json!("success")));
    assert_eq!(response["response"]["updatedInput"], json!({ "n": 2 }));
    assert_eq!(link.frame().await, frame("after"));
}

#[tokio::test]
async fn a_question_that_is_taken_back_is_told_if_it_was_passed_on() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    link.sender.start(&StartCli { asks: true, ..rig.start() }).unwrap();
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    link.run(1, ASK);
    let back = r#"back() { echo "{\"type\":\"control_cancel_request\",\"request_id\":\"$1\"}"; }"#;
    link.run(2, back);
    link.run(3, "ask q1; back q0; back q1; back q1; frame after");
    assert!(link.frame().await.contains(r#""request_id":"q1""#));
    assert!(link.frame().await.contains("control_cancel_request"));
    assert_eq!(link.frame().await, frame("after"));
}

#[tokio::test]
async fn more_questions_than_a_session_keeps_are_answered_with_no() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    link.sender.start(&StartCli { asks: true, ..rig.start() }).unwrap();
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    link.run(1, ASK);
    link.run(2, "for n in $(seq 65); do ask q$n; done; hear");
    for _ in 0..64 {
        assert!(link.frame().await.contains("can_use_tool"));
    }
    let refused: serde_json::Value = serde_json::from_str(&link.frame().await).unwrap();
    let response = &refused["heard"]["response"];
    assert_eq!(
        (&response["request_id"], &response["response"]["behavior"]),
        (&json!("q65"), &json!("deny"))
    );
}

#[tokio::test]
async fn a_control_request_reaches_the_cli_and_nothing_else_does_that_way() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    let request = r#"{"type":"control_request","request_id":"a2","request":{"subtype":"set_model","model":"x"}}"#;
    link.sender.control("frame smuggled".into()).unwrap();
    link.sender.control(request.into()).unwrap();
    let refused = Notice::ControlRefused {
        request: "set_model".to_owned(),
        reason: "no such model".to_owned(),
    };
    assert_eq!(link.notice().await, refused);
}

#[tokio::test]
async fn an_interrupt_reaches_the_cli() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.run(1, r#"frame working; IFS= read -r line; echo "{\"heard\":$line}""#);
    assert_eq!(link.frame().await, frame("working"));
    link.sender.interrupt().unwrap();
    let heard: serde_json::Value = serde_json::from_str(&link.frame().await).unwrap();
    assert_eq!(heard["heard"]["request"], json!({"subtype": "interrupt"}));
}

#[tokio::test]
async fn a_full_input_does_not_stop_the_output() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.run(1, "until [ -e go ]; do frame tick; sleep 0.01; done");
    assert_eq!(link.frame().await, frame("tick"));
    // Twenty times what the pipe holds.
    link.run(2, &format!(": {}", "x".repeat(20 * 65536)));
    for _ in 0..20 {
        assert_eq!(link.frame().await, frame("tick"));
    }
    fs::write(rig.workspace().join("go"), "").unwrap();
    link.run(3, "finish");
    while link.frame().await != RESULT {}
}
