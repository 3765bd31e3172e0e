//! `ashctl send`.

use std::io::{BufRead as _, BufReader};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::program::{Ashctl, ashctl, said};
use crate::scripted::{Reply, Scripted, Step, TURN, event, problem};
use crate::sessions::ONE;

const SAID: &str =
    r#"{"type":"assistant","message":{"content":[{"type":"text","text":"Hello there"}]}}"#;
const RESULT: &str = r#"{"type":"result","subtype":"success","is_error":false,"result":"Hello there","num_turns":1,"duration_ms":1200,"total_cost_usd":0.01}"#;

fn start() -> Step {
    event("session_start", format!(r#"{{"sessionId":"{ONE}"}}"#))
}

fn end() -> [Step; 3] {
    [
        event("turn_complete", r#"{"numTurns":1,"result":"Hello there"}"#),
        event("message", RESULT),
        event("done", format!(r#"{{"sessionId":"{ONE}"}}"#)),
    ]
}

fn turn(steps: impl IntoIterator<Item = Step>) -> Scripted {
    let steps: Vec<Step> = [start()].into_iter().chain(steps).collect();
    Scripted::new(move |seen| {
        if seen.line.ends_with("/messages") {
            Reply::Events(steps.clone())
        } else {
            crate::scripted::json(r#"{"turnId":"0198c8a0-1111-4111-8111-111111111111"}"#)
        }
    })
}

fn plain_turn() -> Scripted {
    turn([event("message", SAID)].into_iter().chain(end()))
}

#[test]
fn the_answer_is_printed_and_nothing_else() {
    let server = plain_turn();
    ashctl(&server, ["send", ONE, "Hi"]).succeeds("Hello there\n");
    let seen = server.seen();
    assert_eq!(seen[0].line, format!("POST /api/sessions/{ONE}/messages"));
    assert_eq!(seen[0].json(), json!({"content": "Hi", "includePartialMessages": false}));
}

#[test]
fn deltas_are_printed_as_they_come() {
    let deltas = [
        event("text_delta", r#"{"delta":"Hello "}"#),
        Step::Bytes(": heartbeat\n\n"),
        event("text_delta", r#"{"delta":"there"}"#),
        event("message", SAID),
    ];
    let server = turn(deltas.into_iter().chain(end()));
    ashctl(&server, ["send", ONE, "Hi", "--partial"]).succeeds("Hello there\n");
    assert_eq!(server.seen()[0].json()["includePartialMessages"], true);
}

#[test]
fn tools_are_told_beside_the_answer() {
    let tools = [
        event("tool_use", r#"{"id":"t1","name":"Bash","input":{"command":"ls"}}"#),
        event("tool_result", r#"{"tool_use_id":"t1","content":"x","is_error":true}"#),
        event("message", SAID),
    ];
    let server = turn(tools.into_iter().chain(end()));
    ashctl(&server, ["send", ONE, "Hi"]).ends(
        0,
        "Hello there\n",
        "tool: Bash {\"command\":\"ls\"}\ntool: it failed, the agent goes on\n",
    );
    ashctl(&server, ["send", ONE, "Hi", "-q"]).succeeds("Hello there\n");
}

#[test]
fn the_message_can_come_from_the_standard_input() {
    let server = plain_turn();
    let send = || Ashctl::new().server(&server).args(["send", ONE, "-"]);
    send().stdin("two\nlines\n").run().succeeds("Hello there\n");
    assert_eq!(server.seen()[0].json()["content"], "two\nlines");
    send().stdin("").run().ends(2, "", "error: the message is empty\n");
    assert_eq!(send().stdin(b"\xff\xfe").run().status, 2);
}

#[test]
fn events_are_printed_line_by_line() {
    let server = plain_turn();
    ashctl(&server, ["send", ONE, "Hi", "-o", "jsonl"]).succeeds(&format!(
        "{{\"id\":1,\"event\":\"session_start\",\"data\":{{\"sessionId\":\"{ONE}\"}}}}\n\
         {{\"id\":2,\"event\":\"message\",\"data\":{SAID}}}\n\
         {{\"id\":3,\"event\":\"turn_complete\",\"data\":{{\"numTurns\":1,\"result\":\"Hello there\"}}}}\n\
         {{\"id\":4,\"event\":\"message\",\"data\":{RESULT}}}\n\
         {{\"id\":5,\"event\":\"done\",\"data\":{{\"sessionId\":\"{ONE}\"}}}}\n"
    ));
    ashctl(&server, ["send", ONE, "Hi", "-o", "json"]).succeeds(&format!("{RESULT}\n"));
    ashctl(&server, ["send", ONE, "Hi", "-o", "id"]).succeeds(&format!("{ONE}\n"));
}

#[test]
fn a_value_is_printed_alone() {
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.json");
    std::fs::write(&schema, r#"{"type":"object"}"#).unwrap();
    let schema = schema.to_str().unwrap();
    let result = r#"{"type":"result","subtype":"success","structured_output":{"failing":3}}"#;
    let server = turn([event("message", SAID), event("message", result), event("done", "{}")]);
    ashctl(&server, ["send", ONE, "Hi", "--output-schema", schema]).succeeds("{\"failing\":3}\n");
    ashctl(&plain_turn(), ["send", ONE, "Hi", "--output-schema", schema]).ends(
        8,
        "",
        "error: the answer has no value that fits the schema\n",
    );
}

#[test]
fn a_turn_that_fails_has_its_own_exit_status() {
    let failed =
        r#"{"type":"result","subtype":"success","is_error":true,"result":"API Error: 529"}"#;
    let server = turn([event("message", failed), event("done", "{}")]);
    let error = "error: the turn failed: API Error: 529\n";
    ashctl(&server, ["send", ONE, "Hi"]).ends(8, "", error);
    assert_eq!(ashctl(&server, ["send", ONE, "Hi", "-o", "jsonl"]).status, 8);
    let server = turn([
        event("text_delta", r#"{"delta":"Hel"}"#),
        event("error", r#"{"error":"the sandbox is gone"}"#),
        event("done", "{}"),
    ]);
    ashctl(&server, ["send", ONE, "Hi"]).ends(
        8,
        "Hel\n",
        "error: the turn failed: the sandbox is gone\n",
    );
}

#[test]
fn a_cut_turn_is_come_back_to_and_nothing_is_said_twice() {
    let server = Scripted::new(move |seen| {
        let words = |text: &str| event("text_delta", format!(r#"{{"delta":"{text}"}}"#));
        let behind = seen.header("last-event-id").map(str::to_owned);
        match (seen.line.split_once(' ').unwrap().0, behind.as_deref()) {
            ("POST", None) => Reply::Turn(0, vec![start(), words("one "), Step::Cut]),
            // What the client has comes once more, which a server should not do.
            ("GET", Some("2")) => {
                Reply::Turn(1, vec![words("one "), words("two "), Step::Bytes(": x\n\n")])
            }
            ("GET", Some("3")) => {
                let rest = [words("three"), event("message", SAID)].into_iter().chain(end());
                Reply::Turn(3, rest.collect())
            }
            other => panic!("{other:?}"),
        }
    });
    ashctl(&server, ["send", ONE, "Hi", "--partial"]).succeeds("one two three\n");
    let seen = server.seen();
    assert!(seen[0].header("idempotency-key").is_some_and(|key| key.len() == 36));
    let target = format!("GET /api/sessions/{ONE}/stream?turn={TURN}&includePartialMessages=true");
    assert_eq!(server.lines()[1..], [target.clone(), target]);
}

#[test]
fn a_message_whose_answer_was_lost_is_sent_again_under_its_key() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let server = Scripted::new(move |_| {
        if first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            return Reply::Cut;
        }
        let steps = [start(), event("message", SAID)].into_iter().chain(end());
        Reply::Turn(0, steps.collect())
    });
    ashctl(&server, ["send", ONE, "Hi"]).succeeds("Hello there\n");
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].header("idempotency-key"), seen[1].header("idempotency-key"));
    assert_eq!(seen[0].body, seen[1].body);
}

#[test]
fn the_queue_is_listed_and_changed() {
    let server = Scripted::new(move |seen| {
        crate::scripted::json(match seen.line.split_once(' ').unwrap().0 {
            "GET" => format!(
                r#"{{"turns":[{{"turnId":"{TURN}","state":"queued","text":"Hi\nthere","createdAt":"2026-01-02T03:04:05.000Z","startedAt":null}}]}}"#
            ),
            "POST" => format!(r#"{{"turnId":"{TURN}","interruptedTurnId":null}}"#),
            _ => format!(r#"{{"turnId":"{TURN}"}}"#),
        })
    });
    let listed = ashctl(&server, ["queue", "list", ONE, "--full"]);
    assert_eq!(listed.status, 0);
    assert!(listed.stdout.contains(TURN) && listed.stdout.contains("queued"), "{listed:?}");
    ashctl(&server, ["queue", "list", ONE, "-o", "id"]).succeeds(&format!("{TURN}\n"));
    ashctl(&server, ["queue", "now", ONE, TURN]).succeeds("The message comes next\n");
    ashctl(&server, ["queue", "remove", ONE, TURN]).succeeds("Removed the message\n");
    assert_eq!(
        server.lines()[2..],
        [
            format!("POST /api/sessions/{ONE}/queue/{TURN}/now"),
            format!("DELETE /api/sessions/{ONE}/queue/{TURN}")
        ]
    );
    assert_eq!(ashctl(&server, ["queue", "now", ONE, "3"]).status, 2);
}

#[test]
fn a_lost_connection_says_that_the_turn_goes_on() {
    for lost in [vec![Step::Cut], vec![]] {
        let words = event("text_delta", r#"{"delta":"Hel"}"#);
        let server = turn([words].into_iter().chain(lost));
        let said = ashctl(&server, ["send", ONE, "Hi", "--partial"]);
        assert_eq!((said.status, said.stdout.as_str()), (7, "Hel\n"));
        let hint = format!(
            "hint: the turn goes on on the server: `ashctl session show {ONE}` tells whether it \
             is still busy, `ashctl session messages {ONE}` shows the answer\n"
        );
        assert!(said.stderr.ends_with(&hint), "{}", said.stderr);
    }
}

#[test]
fn a_message_to_an_ended_session_is_refused() {
    let server = Scripted::new(|_| problem(400, "session_state", "Session is ended"));
    ashctl(&server, ["send", ONE, "Hi"]).ends(5, "", "error: Session is ended\n");
}

#[test]
fn an_interrupt_stops_the_turn_and_waits_for_its_end() {
    let aborted = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_streaming"}"#;
    let server = turn([
        event("text_delta", "{\"delta\":\"Hel\\n\"}"),
        Step::Until("POST /api/sessions/67e55044-10b1-426f-9247-bb680e5fe0c8/interrupt"),
        event("message", aborted),
        event("done", "{}"),
    ]);
    let mut child = Ashctl::new().server(&server).args(["send", ONE, "Hi", "--partial"]).start();
    let mut first_line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first_line).unwrap();
    assert_eq!(first_line, "Hel\n");
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    said(child).ends(
        130,
        "",
        "interrupting the turn; ^C once more leaves at once\nerror: the turn was interrupted\n",
    );
}

#[test]
fn a_second_interrupt_leaves_at_once() {
    let interrupt = format!("POST /api/sessions/{ONE}/interrupt");
    let server = turn([event("text_delta", "{\"delta\":\"Hel\\n\"}"), Step::Until("never")]);
    let mut child = Ashctl::new().server(&server).args(["send", ONE, "Hi", "--partial"]).start();
    let mut first_line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first_line).unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    server.wait_for(&interrupt);
    kill(pid, Signal::SIGINT).unwrap();
    let said = said(child);
    assert_eq!(said.status, 130);
    assert!(said.stderr.contains("hint: the turn goes on on the server"), "{}", said.stderr);
}

#[test]
fn an_interrupt_by_somebody_else_is_no_success() {
    let aborted = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_tools"}"#;
    let server = turn([event("message", aborted), event("done", "{}")]);
    ashctl(&server, ["send", ONE, "Hi"]).ends(
        8,
        "",
        "error: the turn was interrupted by somebody else\n",
    );
}
