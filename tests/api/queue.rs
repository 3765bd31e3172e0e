//! The messages that wait: listed, removed, sent now; and turns that take too long.

use serde_json::{Value, json};

use crate::server::{Event, Server, eventually};

fn queue(server: &Server, session: &str) -> Vec<Value> {
    let answer = server.get(&format!("/api/sessions/{session}/queue"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["turns"].as_array().unwrap().clone()
}

/// A session with a turn that does not end by itself, its id and its stream.
fn busy(server: &Server) -> (String, String, impl Iterator<Item = Event> + use<>) {
    let session = server.session();
    let (turn, mut stream) = server.stream_of(&session, &json!({ "content": "[[hang]]" }), &[]);
    assert_eq!(stream.next().unwrap().name, "session_start");
    (session, turn, stream)
}

fn interrupt(server: &Server, session: &str) {
    let answer = server.post(&format!("/api/sessions/{session}/interrupt"), &json!({}));
    assert_eq!(answer.status, 200);
}

#[test]
fn what_runs_and_what_waits_is_listed_in_order() {
    let server = Server::start();
    let (session, running, stream) = busy(&server);
    let long = format!("[[say:b]]{}", "x".repeat(1000));
    let bodies = [json!({ "content": "[[say:a]]" }), json!({ "content": long })];
    let waiting = bodies.map(|body| server.stream_of(&session, &body, &[]));
    let listed = queue(&server, &session);
    let ids: Vec<&Value> = listed.iter().map(|turn| &turn["turnId"]).collect();
    assert_eq!(ids, [&json!(running), &json!(waiting[0].0), &json!(waiting[1].0)]);
    let states: Vec<&Value> = listed.iter().map(|turn| &turn["state"]).collect();
    assert_eq!(states, ["running", "queued", "queued"]);
    assert_eq!((&listed[1]["text"], &listed[1]["startedAt"]), (&json!("[[say:a]]"), &Value::Null));
    assert_eq!(listed[2]["text"].as_str().unwrap().len(), 200);
    interrupt(&server, &session);
    assert_eq!(stream.last().unwrap().name, "done");
    for (_, stream) in waiting {
        assert_eq!(stream.last().unwrap().name, "done");
    }
    eventually("an empty queue", || queue(&server, &session).is_empty());
    server.delete(&format!("/api/sessions/{session}"));
    assert_eq!(queue(&server, &session), Vec::<Value>::new());
}

#[test]
fn a_message_that_waits_can_be_removed_and_its_stream_says_so() {
    let server = Server::start();
    let (session, running, first) = busy(&server);
    let (turn, removed) = server.stream_of(&session, &json!({ "content": "never" }), &[]);
    let (_, kept) = server.stream_of(&session, &json!({ "content": "[[say:kept]]" }), &[]);
    let path = |turn: &str| format!("/api/sessions/{session}/queue/{turn}");
    let answer = server.delete(&path(&turn));
    assert_eq!((answer.status, &answer.body["turnId"]), (200, &json!(turn)));
    let events: Vec<Event> = removed.collect();
    assert_eq!(
        events.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(),
        ["error", "done"]
    );
    assert_eq!(events[0].data["code"], "removed");
    let again = server.delete(&path(&turn));
    assert_eq!((again.status, &again.body["code"]), (404, &json!("turn_not_found")));
    let running = server.delete(&path(&running));
    assert_eq!((running.status, &running.body["code"]), (409, &json!("turn_running")));
    interrupt(&server, &session);
    assert_eq!(first.last().unwrap().name, "done");
    assert_eq!(kept.last().unwrap().name, "done");
    let history = server.get(&format!("/api/sessions/{session}/messages?limit=1000"));
    assert!(!history.body.to_string().contains("never"));
}

#[test]
fn a_message_is_sent_now_before_all_that_wait() {
    let server = Server::start();
    let (session, running, first) = busy(&server);
    let body = |text: &str| json!({ "content": format!("[[say:{text}]]") });
    let (_, second) = server.stream_of(&session, &body("second"), &[]);
    let (turn, third) = server.stream_of(&session, &body("third"), &[]);
    let answer = server.post(&format!("/api/sessions/{session}/queue/{turn}/now"), &json!({}));
    assert_eq!(answer.body, json!({ "turnId": turn, "interruptedTurnId": running }));
    let first: Vec<Event> = first.collect();
    let third: Vec<Event> = third.collect();
    let second: Vec<Event> = second.collect();
    let start = |events: &[Event]| events.first().unwrap().id;
    let end = |events: &[Event]| events.last().unwrap().id;
    assert!(end(&first) < start(&third) && end(&third) < start(&second));
    let result = third.iter().find(|event| event.name == "turn_complete").unwrap();
    assert_eq!(result.data["result"], "third");
}

#[test]
fn the_order_of_the_queue_survives_the_death_of_ashd() {
    let server = Server::start();
    let (session, _, _stream) = busy(&server);
    let texts = ["[[hang]]", "[[say:b]]", "[[say:c]]"];
    let turns = texts.map(|text| server.stream_of(&session, &json!({ "content": text }), &[]).0);
    // Not run now: that interrupts, and the test wants to see the queue as it is stored.
    let server = Server::start_in(server.kill(), &[]);
    eventually("that the next turn runs", || {
        queue(&server, &session).first().is_some_and(|turn| turn["turnId"] == turns[0])
    });
    let answer =
        server.post(&format!("/api/sessions/{session}/queue/{}/now", turns[2]), &json!({}));
    assert_eq!(answer.status, 200);
    eventually("an empty queue", || queue(&server, &session).is_empty());
    let history = server.get(&format!("/api/sessions/{session}/messages?limit=1000"));
    let said: Vec<String> = history.body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["role"] == "user")
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect();
    assert!(said[2].contains("[[say:c]]") && said[3].contains("[[say:b]]"), "{said:?}");
}

#[test]
fn a_turn_that_takes_too_long_is_interrupted_and_says_so() {
    let server = Server::start();
    let session = server.session();
    let events = server.turn(&session, &json!({ "content": "[[hang]]", "timeoutSeconds": 1 }));
    let error = events.iter().find(|event| event.name == "error").unwrap();
    assert_eq!(error.data["code"], "timeout", "{events:?}");
    assert_eq!(events.last().unwrap().name, "done");
    assert_eq!(server.say(&session, "[[say:on]]"), "on");
    let path = format!("/api/sessions/{session}/messages");
    let wrong = server.post(&path, &json!({ "content": "x", "timeoutSeconds": 0 }));
    assert_eq!((wrong.status, &wrong.body["field"]), (400, &json!("timeoutSeconds")));
}

#[test]
fn the_configuration_limits_turns_that_say_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ash.toml");
    std::fs::write(&file, "[sessions]\nturn_timeout_seconds = 1\n").unwrap();
    let mut command = crate::server::command(folder.path(), &[]);
    command.arg("--config").arg(file);
    let server = Server::run(folder, command);
    let session = server.session();
    let events = server.turn(&session, &json!({ "content": "[[hang]]" }));
    assert!(events.iter().any(|event| event.data["code"] == "timeout"), "{events:?}");
}
