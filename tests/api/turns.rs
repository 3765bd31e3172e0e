//! Messages and what is streamed of a turn.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{Event, KEY, PATIENCE, Server, eventually, rest};

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

/// What holds for every complete turn.
fn check_shape(events: &[Event]) {
    let names = names(events);
    assert_eq!(names.first(), Some(&"session_start"), "{names:?}");
    assert_eq!(names.last(), Some(&"done"), "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "done").count(), 1, "{names:?}");
    let ids: Vec<u64> = events.iter().map(|event| event.id.unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
}

#[test]
fn a_turn_starts_streams_and_is_done_once_and_last() {
    let server = Server::start();
    let session = server.session();
    let events = server.turn(&session, &json!({ "content": "[[say:hello there]]" }));
    check_shape(&events);
    assert_eq!(events[0].data["sessionId"], session.as_str());
    let turn = &events[0].data["turnId"];
    assert_eq!(events.last().unwrap().data, json!({ "sessionId": session, "turnId": turn }));
    let complete = events.iter().find(|event| event.name == "turn_complete").unwrap();
    assert_eq!(complete.data["result"], "hello there");
    let kinds: Vec<&Value> = events
        .iter()
        .filter(|event| event.name == "message")
        .map(|event| &event.data["type"])
        .collect();
    assert!(kinds.contains(&&json!("assistant")) && kinds.contains(&&json!("result")), "{kinds:?}");
    assert!(!names(&events).contains(&"text_delta"), "nobody asked for partial messages");
}

#[test]
fn partial_messages_add_up_to_the_answer() {
    let server = Server::start();
    let session = server.session();
    let body = json!({ "content": "[[say:one two three]]", "includePartialMessages": true });
    let events = server.turn(&session, &body);
    check_shape(&events);
    let deltas = events.iter().filter(|event| event.name == "text_delta");
    let text: String = deltas.map(|event| event.data["delta"].as_str().unwrap()).collect();
    assert_eq!(text, "one two three");
}

#[test]
fn the_conversation_is_remembered() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "My color is teal.");
    let answer = server.say(&session, "[[recall]]");
    assert!(answer.contains("My color is teal."), "{answer}");
}

#[test]
fn a_tool_call_shows_its_use_and_its_result() {
    let server = Server::start();
    let session = server.session();
    let tool = json!({ "file_path": "note.txt", "content": "kept" });
    let events = server.turn(&session, &json!({ "content": format!("[[tool:Write:{tool}]]") }));
    check_shape(&events);
    let used = events.iter().find(|event| event.name == "tool_use").unwrap();
    let result = events.iter().find(|event| event.name == "tool_result").unwrap();
    assert_eq!(used.data["name"], "Write");
    assert_eq!(used.data["id"], result.data["tool_use_id"]);
    let files = server.get(&format!("/api/sessions/{session}/files"));
    assert!(
        files.body["files"].as_array().unwrap().iter().any(|file| file["path"] == "note.txt"),
        "{files:?}"
    );
    let read = server.get(&format!("/api/sessions/{session}/files/note.txt?format=json"));
    assert_eq!(read.body["content"], "kept");
}

#[test]
fn a_frame_of_an_unknown_type_passes_through() {
    let server = Server::start();
    let session = server.session();
    let events = server.turn(&session, &json!({ "content": "[[unknown]]" }));
    check_shape(&events);
    let known = ["assistant", "user", "result", "system", "stream_event"];
    let unknown = events
        .iter()
        .filter(|event| event.name == "message")
        .filter(|event| !known.contains(&event.data["type"].as_str().unwrap_or("")));
    assert!(unknown.count() > 0, "{:?}", names(&events));
}

#[test]
fn every_form_of_content_is_taken() {
    let server = Server::start();
    let session = server.session();
    let image = json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "aGVsbG8=" } });
    let text = json!({ "type": "text", "text": "look" });
    for content in [json!("plain"), text.clone(), json!([text]), json!([text, image])] {
        check_shape(&server.turn(&session, &json!({ "content": content })));
    }
}

#[test]
fn a_second_message_waits_its_turn() {
    let server = Server::start();
    let session = server.session();
    let mut first = server.stream(&session, &json!({ "content": "[[delay:1500]][[say:first]]" }));
    assert_eq!(first.next().unwrap().name, "session_start");
    let second = server.turn(&session, &json!({ "content": "[[say:second]]" }));
    check_shape(&second);
    let mut events: Vec<Event> = first.collect();
    events.insert(0, Event { id: Some(0), name: "session_start".to_owned(), data: Value::Null });
    check_shape(&events);
    let result = |events: &[Event]| {
        events.iter().find(|event| event.name == "turn_complete").unwrap().data["result"].clone()
    };
    assert_eq!((result(&events), result(&second)), (json!("first"), json!("second")));
    assert!(events.last().unwrap().id < second[0].id, "the turns did not run one behind the other");
}

#[test]
fn a_full_queue_answers_429() {
    let server = Server::start();
    let session = server.session();
    let mut running = server.stream(&session, &json!({ "content": "[[hang]]" }));
    assert_eq!(running.next().unwrap().name, "session_start");
    let path = format!("/api/sessions/{session}");
    let body = json!({ "content": "x" }).to_string();
    // Connections that are left open: each message waits.
    let mut waiting = Vec::new();
    for _ in 0..32 {
        let mut stream = server.connect();
        write!(
            stream,
            "POST {path}/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200");
        waiting.push(stream);
    }
    let refused = server.post(&format!("{path}/messages"), &json!({ "content": "x" }));
    assert_eq!((refused.status, &refused.body["code"]), (429, &json!("queue_full")));
    assert_eq!(server.get(&path).body["session"]["queuedTurns"], waiting.len());
}

#[test]
fn an_interrupt_ends_the_turn_and_the_session_goes_on() {
    let server = Server::start();
    let session = server.session();
    let mut stream = server.stream(&session, &json!({ "content": "[[hang]]" }));
    assert_eq!(stream.next().unwrap().name, "session_start");
    let interrupt = format!("/api/sessions/{session}/interrupt");
    let interrupted = server.send("POST", &interrupt, &[], b"");
    assert!(interrupted.body["turnId"].is_string(), "{interrupted:?}");
    let events: Vec<Event> = stream.collect();
    assert_eq!(events.last().unwrap().name, "done");
    assert!(!names(&events).contains(&"error"), "an interrupt is no error");
    assert_eq!(server.say(&session, "[[say:still here]]"), "still here");
    let idle = server.send("POST", &interrupt, &[("content-type", "application/json")], b"");
    assert_eq!((idle.status, &idle.body["turnId"]), (200, &Value::Null));
}

#[test]
fn an_error_of_the_model_is_told_before_done() {
    let server = Server::start();
    let session = server.session();
    for (status, said) in [(401, "API key"), (429, "429"), (529, "529")] {
        let events = server.turn(&session, &json!({ "content": format!("[[error:{status}]]") }));
        check_shape(&events);
        let error = events.iter().find(|event| event.name == "error").unwrap();
        assert!(error.data["error"].as_str().unwrap().contains(said), "{status}: {error:?}");
    }
    assert_eq!(server.say(&session, "[[say:fine]]"), "fine");
}

#[test]
fn a_cli_that_dies_ends_the_turn_and_the_next_one_resumes() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "Remember the word plum.");
    for death in ["[[crash]]", "[[exit:3]]"] {
        let events = server.turn(&session, &json!({ "content": death }));
        check_shape(&events);
        assert!(names(&events).contains(&"error"), "{death}: {:?}", names(&events));
        let state = server.get(&format!("/api/sessions/{session}"));
        assert_eq!(state.body["session"]["status"], "error", "{death}");
        let answer = server.say(&session, "[[recall]]");
        assert!(answer.contains("plum"), "{death}: {answer}");
        let state = server.get(&format!("/api/sessions/{session}"));
        assert_eq!(state.body["session"]["status"], "active", "{death}");
    }
}

#[test]
fn a_turn_goes_on_without_its_client() {
    let server = Server::start();
    let session = server.session();
    let mut stream = server.stream(&session, &json!({ "content": "[[delay:300]][[say:unseen]]" }));
    assert_eq!(stream.next().unwrap().name, "session_start");
    drop(stream);
    let path = format!("/api/sessions/{session}/messages");
    eventually("the answer in the history", || {
        server.get(&path).body["messages"].to_string().contains("unseen")
    });
}

#[test]
fn one_long_line_arrives_whole() {
    let server = Server::start();
    let session = server.session();
    let events = server.turn(&session, &json!({ "content": "[[bytes:3000000]]" }));
    check_shape(&events);
    let complete = events.iter().find(|event| event.name == "turn_complete").unwrap();
    assert_eq!(complete.data["result"].as_str().unwrap().len(), 3_000_000);
}

#[test]
fn a_slow_client_gets_everything_and_holds_nobody_up() {
    let server = Server::start();
    let slow = server.session();
    let quick = server.session_of(&json!({ "agent": "tester" }));
    let body = json!({ "content": "[[flood:20000]]", "includePartialMessages": true });
    let mut stream = server.stream(&slow, &body);
    assert_eq!(stream.next().unwrap().name, "session_start");
    assert_eq!(server.say(&quick, "[[say:quick]]"), "quick");
    let events: Vec<Event> = stream.collect();
    let last = events.last().map(|event| event.name.as_str());
    let deltas = events.iter().filter(|event| event.name == "text_delta").count();
    let ids: Vec<u64> = events.iter().filter_map(|event| event.id).collect();
    let gaps: Vec<&[u64]> = ids.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    assert!(deltas >= 20_000 && last == Some("done"), "{deltas} deltas, {last:?} last, {gaps:?}");
}

#[test]
fn a_client_that_sees_nothing_of_a_long_turn_gets_a_comment() {
    let server = Server::start();
    let session = server.session();
    // Frames come all the time, but only partial ones, which this client did not ask for.
    let words = "word ".repeat(80);
    let body = json!({ "content": format!("[[chunks:80:250]][[say:{words}]]") }).to_string();
    let mut stream = server.connect();
    write!(
        stream,
        "POST /api/sessions/{session}/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let said = rest(stream);
    let (before, after) = said.split_once("\n: heartbeat\n").expect("a comment");
    assert!(before.contains("event: session_start") && after.contains("event: done"), "{said}");
}

/// While the database is busy, more of the CLI's lines wait than one commit takes.
#[test]
fn no_line_is_lost_while_the_store_is_slow() {
    let server = Server::start();
    let session = server.session();
    let body = json!({ "content": "[[flood:20000]]", "includePartialMessages": true });
    let mut stream = server.stream(&session, &body);
    assert_eq!(stream.next().unwrap().name, "session_start");
    let database = rusqlite::Connection::open(server.folder.path().join("data/ash.db")).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    let mut deltas = 0;
    for event in stream {
        deltas += usize::from(event.name == "text_delta");
        if deltas % 2_000 == 1 && event.name == "text_delta" {
            database.execute_batch("BEGIN IMMEDIATE").unwrap();
            std::thread::park_timeout(Duration::from_millis(200));
            database.execute_batch("ROLLBACK").unwrap();
        }
    }
    assert_eq!(deltas, 20_000);
}

#[test]
fn options_of_a_message_reach_the_cli_and_hold_for_one_message() {
    let server = Server::start();
    let session = server.session();
    let options = json!({
        "content": "[[options]]", "model": "haiku", "maxTurns": 3, "maxBudgetUsd": 0.5, "effort": "low",
        "thinking": { "type": "enabled", "budgetTokens": 2000 },
        "outputFormat": { "type": "json_schema", "schema": { "type": "object" } },
    });
    let text = |body: &Value| {
        let events = server.turn(&session, body);
        events.iter().find(|event| event.name == "turn_complete").unwrap().data["result"]
            .to_string()
    };
    let with = text(&options);
    for word in [
        "haiku",
        "--max-turns=3",
        "--max-budget-usd=0.5",
        "--effort=low",
        "--max-thinking-tokens=2000",
    ] {
        assert!(with.contains(word), "{word} in {with}");
    }
    let without = text(&json!({ "content": "[[options]]" }));
    for word in ["haiku", "--max-turns", "--max-budget-usd", "--effort"] {
        assert!(!without.contains(word), "{word} in {without}");
    }
}

#[test]
fn a_wrong_message_is_refused_with_its_field() {
    let server = Server::start();
    let session = server.session();
    let path = format!("/api/sessions/{session}/messages");
    for (body, field) in [
        (json!({}), "content"),
        (json!({ "content": "" }), "content"),
        (json!({ "content": [] }), "content"),
        (json!({ "content": [{ "type": "video" }] }), "content.0.type"),
        (json!({ "content": "x", "maxTurns": 0 }), "maxTurns"),
        (json!({ "content": "x", "maxTurns": "three" }), "maxTurns"),
        (json!({ "content": "x", "effort": "huge" }), "effort"),
        (json!({ "content": "x", "maxBudgetUsd": -1 }), "maxBudgetUsd"),
        (json!({ "content": "x", "colour": "red" }), "colour"),
        (json!({ "content": "x".repeat(500_001) }), "content"),
    ] {
        let refused = server.post(&path, &body);
        assert_eq!(
            (refused.status, refused.body["field"].as_str()),
            (400, Some(field)),
            "{refused:?}"
        );
        assert_eq!(refused.content_type, "application/problem+json; charset=utf-8");
        assert!(refused.body["error"].is_string() && refused.body["statusCode"] == 400);
    }
    assert_eq!(server.send("POST", &path, &[], b"{").status, 400);
    assert_eq!(server.get(&path).body["messages"], json!([]), "nothing of them is in the history");
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let server = Server::start();
    let session = server.session();
    let mut stream = server.connect();
    write!(
        stream,
        "POST /api/sessions/{session}/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: 52428801\r\n\r\n"
    )
    .unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 413");
}
