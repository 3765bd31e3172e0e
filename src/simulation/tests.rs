//! Tests: what the scripted CLI does, seen from its host.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Ending;
use super::host::{Host, SESSION, kinds, result_of};

const UUIDS: [&str; 3] = [
    "33333333-3333-4333-8333-333333333331",
    "33333333-3333-4333-8333-333333333332",
    "33333333-3333-4333-8333-333333333333",
];

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn start(home: &TempDir, arguments: &[&str]) -> Host {
    Host::fake(home.path(), arguments)
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

fn failed(stderr: &str) -> Ending {
    Ending::Exited { code: 1, stderr: stderr.to_owned() }
}

#[tokio::test]
async fn without_a_directive_the_answer_has_the_number_and_the_words() {
    let home = home();
    let mut host = start(&home, &[]);
    assert_eq!(host.result("hello").await["result"], "Turn 1: you said \"hello\".");
    assert_eq!(host.result("again").await["result"], "Turn 2: you said \"again\".");
    assert_eq!(host.ending().await, Ending::exited(0));
}

#[tokio::test]
async fn a_resumed_conversation_remembers_what_was_said() {
    let home = home();
    let mut host = start(&home, &[&format!("--session-id={SESSION}")]);
    host.turn("my name is Ada").await;
    host.turn(&format!("[[tool:Read:{}]]", json!({"file_path": "none"}))).await;
    drop(host);

    let mut host = start(&home, &[&format!("--resume={SESSION}")]);
    let lines = host.turn("[[recall]]").await;
    assert!(lines.iter().all(|line| line["session_id"] == SESSION));
    let recalled = result_of(lines)["result"].as_str().unwrap().to_owned();
    assert!(recalled.starts_with("Earlier you said: \"my name is Ada\", \"[[tool"), "{recalled}");
    assert_eq!(host.result("x").await["result"], "Turn 4: you said \"x\".");

    let named = start(&home, &[&format!("--session-id={SESSION}")]);
    let told = format!("Error: Session ID {SESSION} is already in use.");
    assert_eq!(named.ending().await, failed(&told));
}

#[tokio::test]
async fn an_unknown_conversation_is_a_result_and_an_error() {
    let home = home();
    let mut host = start(&home, &[&format!("--resume={SESSION}")]);
    let told = format!("No conversation found with session ID: {SESSION}");
    let result = host.line().await.unwrap();
    assert_eq!(result["subtype"], "error_during_execution");
    assert_eq!(result["errors"], json!([told]));
    assert_eq!(host.ending().await, failed(&told));
}

#[tokio::test]
async fn every_option_can_be_asked_for() {
    let home = home();
    let arguments = [
        "--model=haiku",
        "--permission-mode=plan",
        "--system-prompt=be kind",
        "--max-turns=7",
        "--unheard-of=1",
    ];
    let mut host = start(&home, &arguments);
    host.ask(json!({"subtype": "initialize", "appendSystemPrompt": "and brief"})).await;
    host.ask(json!({"subtype": "apply_flag_settings", "settings": {"effortLevel": "low"}})).await;
    let told = host.result("[[options]]").await["result"].as_str().unwrap().to_owned();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["model"], "haiku");
    assert_eq!(told["permission_mode"], "plan");
    assert_eq!(told["system_prompt"], "be kind");
    assert_eq!(told["append_system_prompt"], "and brief");
    assert_eq!(told["max_turns"], 7);
    assert_eq!(told["settings"], json!({"effortLevel": "low"}));
    assert_eq!(told["flags"]["--unheard-of"], "1");
    assert!(told["environment"].as_array().unwrap().contains(&json!("ANTHROPIC_API_KEY")));
    assert!(!told.to_string().contains("sk-ant-dummy"), "a value of the environment is told");
}

#[tokio::test]
async fn control_requests_take_effect_or_are_refused() {
    let home = home();
    let mut host = start(&home, &[]);
    let initialized = host.ask(json!({"subtype": "initialize"})).await;
    assert_eq!(initialized["response"]["claude_code_version"], "2.1.330");
    assert_eq!(initialized["response"]["pid"], std::process::id());
    let answer = host.ask(json!({"subtype": "interrupt"})).await;
    assert_eq!(answer["response"], json!({"still_queued": []}));
    host.ask(json!({"subtype": "set_model", "model": "claude-haiku-4-5"})).await;
    host.ask(json!({"subtype": "set_permission_mode", "mode": "acceptEdits"})).await;
    for (request, code) in [
        (json!({"subtype": "bogus"}), "unsupported_request"),
        (json!({"subtype": "set_permission_mode", "mode": "wat"}), "invalid_mode"),
        (
            json!({"subtype": "set_permission_mode", "mode": "bypassPermissions"}),
            "bypass_not_launched",
        ),
    ] {
        let answer = host.ask(request).await;
        assert_eq!((&answer["subtype"], &answer["error_code"]), (&json!("error"), &json!(code)));
    }
    let lines = host.turn("hi").await;
    let init = lines.iter().find(|line| line["subtype"] == "init").unwrap();
    assert_eq!(init["model"], "claude-haiku-4-5");
    assert_eq!(init["permissionMode"], "acceptEdits");
}

#[tokio::test]
async fn an_interrupt_ends_any_pause_and_the_next_turn_works() {
    let home = home();
    let mut host = start(&home, &["--include-partial-messages"]);
    for text in ["[[delay:60000]]", "[[hang]]", "[[say:x]][[hang]]", "[[flood:1000000]]"] {
        host.say(text).await;
        host.until(|line| line["subtype"] == "status").await;
        host.request("stop", json!({"subtype": "interrupt"})).await;
        host.until(|line| line["type"] == "control_response").await;
        let lines = host.until_idle().await;
        let user = of_type(&lines, "user");
        assert_eq!(user[0]["message"]["content"][0]["text"], "[Request interrupted by user]");
        let result = result_of(lines);
        assert_eq!(result["subtype"], "error_during_execution", "{text}");
        assert_eq!(result["terminal_reason"], "aborted_streaming", "{text}");
    }
    assert_eq!(host.result("[[say:fine]]").await["result"], "fine");
    assert_eq!(host.ending().await, Ending::exited(0));
}

#[tokio::test]
async fn what_was_said_before_an_interrupt_is_told_as_aborted() {
    let home = home();
    let mut host = start(&home, &["--include-partial-messages"]);
    host.say("[[say:abcdef]][[chunks:2:60000]]").await;
    host.until(|line| line["event"]["type"] == "content_block_delta").await;
    host.request("stop", json!({"subtype": "interrupt"})).await;
    let lines = host.until_idle().await;
    let assistant = of_type(&lines, "assistant");
    assert_eq!(assistant[0]["aborted"], true);
    assert_eq!(assistant[0]["message"]["content"][0]["text"], "abc");
}

#[tokio::test]
async fn messages_that_come_during_a_turn_become_one_turn() {
    let home = home();
    let mut host = start(&home, &[]);
    host.say_as(UUIDS[0], "[[delay:100]]").await;
    host.until(|line| line["subtype"] == "init").await;
    host.say_as(UUIDS[1], "one").await;
    host.say_as(UUIDS[2], "two").await;
    let lines = host.until_idle().await;
    let results = of_type(&lines, "result");
    assert_eq!(results.len(), 2, "{:#?}", kinds(&lines));
    assert_eq!(results[1]["user_message_uuids"], json!([UUIDS[1], UUIDS[2]]));
    assert_eq!(results[1]["result"], "Turn 2: you said \"one\ntwo\".");
    let states: Vec<_> = of_type(&lines, "command_lifecycle")
        .iter()
        .filter(|line| line["command_uuid"] == UUIDS[2])
        .map(|line| line["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["queued", "started", "completed"]);
}

#[tokio::test]
async fn an_interrupt_may_drop_what_waits() {
    let home = home();
    let mut host = start(&home, &[]);
    host.say_as(UUIDS[0], "[[hang]]").await;
    host.until(|line| line["subtype"] == "init").await;
    host.say_as(UUIDS[1], "never").await;
    host.until(|line| line["command_uuid"] == UUIDS[1]).await;
    let answer = host.ask(json!({"subtype": "interrupt", "cancel_queued": true})).await;
    assert_eq!(answer["response"]["cancelled"], json!([UUIDS[1]]));
    assert_eq!(of_type(&host.until_idle().await, "result").len(), 1);
}

#[tokio::test]
async fn a_message_sent_twice_is_answered_once() {
    let home = home();
    let named = format!("--session-id={SESSION}");
    let resumed = format!("--resume={SESSION}");
    let mut host = start(&home, &[&named]);
    host.say_as(UUIDS[0], "once").await;
    assert_eq!(of_type(&host.until_idle().await, "result").len(), 1);
    host.say_as(UUIDS[0], "once").await;
    assert_eq!(
        kinds(&host.until_idle().await),
        ["command_lifecycle completed", "system session_state_changed idle"]
    );
    drop(host);
    let mut host = start(&home, &[&resumed]);
    host.say_as(UUIDS[0], "once").await;
    assert!(of_type(&host.until_idle().await, "result").is_empty());
}

#[tokio::test]
async fn a_text_comes_in_pieces_or_as_one_long_line() {
    let home = home();
    let mut host = start(&home, &["--include-partial-messages"]);
    let lines = host.turn("[[say:zwölf Boxkämpfer]][[chunks:4:1]]").await;
    let deltas: Vec<&str> =
        lines.iter().filter_map(|line| line["event"]["delta"]["text"].as_str()).collect();
    assert_eq!(deltas.len(), 4);
    assert_eq!(deltas.concat(), "zwölf Boxkämpfer");
    let result = host.result("[[bytes:3000000]]").await;
    assert_eq!(result["result"].as_str().unwrap().len(), 3_000_000);
    let lines = host.turn("[[flood:5000]]").await;
    let events = of_type(&lines, "stream_event");
    assert_eq!(events.len(), 5000 + 5, "the pieces, and what frames them");
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_told() {
    let home = home();
    let mut host = Host::fake_in(home.path(), &[], BTreeMap::new());
    host.say("[[think:hm]][[unknown]]").await;
    let lines = host.until(|line| line["type"] == "result").await;
    assert_eq!(
        kinds(&lines),
        [
            "system init",
            "assistant",
            "frame_from_the_future unheard_of",
            "assistant",
            "result success"
        ]
    );
    assert_eq!(host.ending().await, Ending::exited(0));
}

#[tokio::test]
async fn a_refusal_of_the_api_is_a_result_and_an_exit_code() {
    let home = home();
    let mut host = start(&home, &[]);
    for (text, error, status, retries) in [
        ("[[error:401]]", "authentication_failed", json!(401), 1),
        ("[[error:403]]", "authentication_failed", json!(403), 0),
        ("[[error:404]]", "model_not_found", json!(404), 0),
        ("[[error:429]]", "rate_limit", json!(429), 1),
        ("[[error:529]]", "server_error", json!(529), 1),
        ("[[errorN:500:2]]", "server_error", json!(500), 1),
        ("[[drop]]", "server_error", Value::Null, 1),
    ] {
        let lines = host.turn(text).await;
        let told = lines.iter().filter(|line| line["subtype"] == "api_retry").count();
        assert_eq!(told, retries, "{text}");
        let assistant = of_type(&lines, "assistant");
        assert_eq!(assistant[0]["message"]["model"], "<synthetic>", "{text}");
        assert_eq!(assistant[0]["error"], error, "{text}");
        let result = result_of(lines);
        assert_eq!(result["subtype"], "success", "{text}");
        assert_eq!(result["is_error"], true, "{text}");
        assert_eq!(result["api_error_status"], status, "{text}");
        assert_eq!(result["terminal_reason"], "api_error", "{text}");
    }
    let lines = host.turn("[[errorN:500:1]][[say:late]]").await;
    assert_eq!(lines.iter().filter(|line| line["subtype"] == "api_retry").count(), 1);
    assert_eq!(result_of(lines)["result"], "late");
    host.turn("[[error:500]]").await;
    assert_eq!(host.ending().await, Ending::exited(1));
}

#[tokio::test]
async fn a_cli_that_dies_has_kept_what_the_user_said() {
    let home = home();
    let mut host = start(&home, &[&format!("--session-id={SESSION}")]);
    host.say("[[say:a]][[crash]]").await;
    let told = kinds(&host.until(|line| line["type"] == "assistant").await);
    assert_eq!(told.last().unwrap(), "assistant");
    assert_eq!(host.ending().await, Ending::Killed);

    let mut host = start(&home, &[&format!("--resume={SESSION}")]);
    let recalled = host.result("[[recall]]").await;
    assert_eq!(recalled["result"], "Earlier you said: \"[[say:a]][[crash]]\".");
    host.say("[[exit:7]]").await;
    assert_eq!(host.ending().await, Ending::exited(7));
}

#[tokio::test]
async fn a_turn_nobody_asked_for_follows_idle_or_comes_before_it() {
    let home = home();
    let mut host = start(&home, &[]);
    let first = host.turn("[[say:started]][[background]]").await;
    assert_eq!(result_of(first)["result"], "started");
    let second = host.until_idle().await;
    assert_eq!(kinds(&second)[..2], ["system session_state_changed running", "system init"]);
    assert_eq!(result_of(second)["result"], "The background task has finished.");

    let lines = host.turn("[[background:busy]]").await;
    assert_eq!(of_type(&lines, "result").len(), 2);
    assert_eq!(host.result("[[recall]]").await["num_turns"], 1);
}

fn write_to(path: &Path) -> String {
    format!("[[tool:Write:{}]]", json!({"file_path": path, "content": "hi"}))
}

#[tokio::test]
async fn the_host_is_asked_before_a_tool_changes_something() {
    let home = home();
    let file = home.path().join("a.txt");
    let other = home.path().join("b.txt");
    let mut host = start(&home, &["--permission-prompt-tool=stdio"]);
    let ask = async |host: &mut Host| {
        host.say(&write_to(&file)).await;
        let lines = host.until(|line| line["type"] == "control_request").await;
        lines.last().unwrap().clone()
    };
    let request = ask(&mut host).await;
    assert_eq!(request["request"]["subtype"], "can_use_tool");
    assert_eq!(request["request"]["input"]["file_path"], json!(file));
    let answer = |request: &Value, response: Value| {
        json!({"type": "control_response", "response": {
            "subtype": "success", "request_id": request["request_id"], "response": response}})
    };
    let deny = json!({"behavior": "deny", "message": "not today"});
    host.send(&answer(&request, deny)).await;
    let result = result_of(host.until_idle().await);
    assert_eq!(result["result"], "Write returned: not today");
    assert_eq!(result["permission_denials"][0]["tool_name"], "Write");
    assert!(!file.exists());

    let request = ask(&mut host).await;
    let updated = json!({"file_path": other, "content": "changed"});
    host.send(&answer(&request, json!({"behavior": "allow", "updatedInput": updated}))).await;
    host.until_idle().await;
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "changed");

    let request = ask(&mut host).await;
    host.request("stop", json!({"subtype": "interrupt"})).await;
    let lines = host.until_idle().await;
    let cancel = of_type(&lines, "control_cancel_request");
    assert_eq!(cancel[0]["request_id"], request["request_id"]);
    assert_eq!(result_of(lines)["terminal_reason"], "aborted_tools");
}

#[tokio::test]
async fn without_a_host_to_ask_a_change_is_denied() {
    let home = home();
    let file = home.path().join("a.txt");
    let mut host = start(&home, &[]);
    let result = host.result(&write_to(&file)).await;
    assert_eq!(result["permission_denials"][0]["tool_input"]["file_path"], json!(file));
    assert!(!file.exists());
    host.ask(json!({"subtype": "set_permission_mode", "mode": "acceptEdits"})).await;
    let read = format!("[[tool:Read:{}]]", json!({"file_path": file}));
    let result = host.result(&format!("{}{read}", write_to(&file))).await;
    assert_eq!(result["result"], "Read returned: 1\thi");
    assert_eq!(result["num_turns"], 3);
}

#[tokio::test]
async fn the_limit_of_turns_and_a_schema_shape_the_result() {
    let home = home();
    let mut host = start(&home, &["--max-turns=1"]);
    let result = host.result("[[tool:Bash:{\"command\":\"echo\"}]][[say:never]]").await;
    assert_eq!(result["subtype"], "error_max_turns");
    assert_eq!(result["errors"], json!(["Reached maximum number of turns (1)"]));
    let result = host.result("[[tool:StructuredOutput:{\"a\":1}]]").await;
    assert_eq!(result["structured_output"], json!({"a": 1}));
    assert_eq!(result["result"], "{\"a\":1}");
}

#[tokio::test]
async fn a_mirror_carries_the_entries_ahead_of_the_result() {
    let home = home();
    let named = format!("--session-id={SESSION}");
    let mut host = start(&home, &["--session-mirror", "--no-session-persistence", &named]);
    let lines = host.turn("[[say:hello]]").await;
    let place = |kind: &str| lines.iter().position(|line| line["type"] == kind).unwrap();
    assert!(place("transcript_mirror") < place("result"));
    let entries = &lines[place("transcript_mirror")]["entries"];
    assert_eq!(kinds(entries.as_array().unwrap()), ["user", "assistant"]);
    assert_eq!(entries[1]["parentUuid"], entries[0]["uuid"]);
    assert!(!home.path().join(".claude").exists());
}

#[tokio::test]
async fn a_line_that_is_no_json_ends_the_cli() {
    let home = home();
    let mut host = start(&home, &[]);
    host.send_bytes(b"\n{\"type\":\"keep_alive\"}\n{\"type\":\"wat\"}\n").await;
    assert_eq!(host.result("still here").await["is_error"], false);
    host.send_bytes(b"not json\n").await;
    let told = "Error parsing streaming input line (type=unknown, 8 chars): SyntaxError";
    assert_eq!(host.ending().await, failed(told));
}

#[tokio::test]
async fn a_turn_is_finished_after_the_end_of_stdin() {
    let home = home();
    let mut host = start(&home, &[]);
    host.say("[[delay:50]][[say:done]]").await;
    let lines = host.rest().await;
    assert_eq!(result_of(lines)["result"], "done");
    assert_eq!(host.ending().await, Ending::exited(0));
}
