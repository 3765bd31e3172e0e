//! The stream of a session, and coming back to a turn.

use std::io::{Read as _, Write as _};

use serde_json::json;

use crate::server::{Event, KEY, Server, eventually};

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

fn is_busy(server: &Server, session: &str) -> bool {
    server.get(&format!("/api/sessions/{session}")).body["session"]["busy"] == true
}

#[test]
fn the_past_is_replayed_from_any_place() {
    let server = Server::start();
    let session = server.session();
    let turns = ["[[say:one]]", "[[say:two]]"]
        .map(|text| server.turn(&session, &json!({ "content": text })));
    let mut whole: Vec<Event> = server.watch(&session, "?after=0&until=done", &[]).collect();
    let rest = whole.last().unwrap().id.unwrap();
    whole.extend(server.watch(&session, &format!("?after={rest}&until=done"), &[]));
    let sent: Vec<Event> = turns.concat();
    let asked: Vec<&Event> = whole.iter().filter(|event| event.name == "user_message").collect();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].data, json!({ "type": "user", "content": "[[say:one]]" }));
    let seen: Vec<Event> =
        whole.iter().filter(|event| event.name != "user_message").cloned().collect();
    assert_eq!(seen, sent, "what the turns showed and nothing else");
    for (index, event) in whole.iter().enumerate() {
        let id = event.id.unwrap().to_string();
        let again = server.watch(&session, "?until=done&after=0", &[("last-event-id", &id)]);
        // From the last event on, the next end of a turn is a future one.
        if index + 1 == whole.len() {
            break;
        }
        let again: Vec<Event> = again.collect();
        assert_eq!(again[..], whole[index + 1..=index + again.len()], "behind {id}");
        assert_eq!(again.last().unwrap().name, "done");
    }
}

#[test]
fn one_stream_shows_turn_after_turn_to_everybody() {
    let server = Server::start();
    let session = server.session();
    let one = server.watch(&session, "", &[]);
    let other = server.watch(&session, "?includePartialMessages=true", &[]);
    server.say(&session, "[[say:first words]]");
    server.say(&session, "[[say:second words]]");
    assert_eq!(server.delete(&format!("/api/sessions/{session}")).status, 200);
    let (one, other): (Vec<Event>, Vec<Event>) = (one.collect(), other.collect());
    for events in [&one, &other] {
        let names = names(events);
        assert_eq!(names.iter().filter(|name| **name == "session_start").count(), 2, "{names:?}");
        assert_eq!(names.iter().filter(|name| **name == "done").count(), 2, "{names:?}");
        assert_eq!(events.last().unwrap().name, "lifecycle");
        assert_eq!(events.last().unwrap().data["action"], "ended");
    }
    assert!(!names(&one).contains(&"text_delta"));
    assert!(names(&other).contains(&"text_delta"));
}

#[test]
fn a_late_client_gets_the_running_turn_from_its_start() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "[[say:before]]");
    let mut first = server.stream(&session, &json!({ "content": "[[hang]]" }));
    let start = first.next().unwrap();
    let mut late = server.watch(&session, "", &[]);
    assert_eq!(late.next().unwrap(), start);
    assert_eq!(late.next().unwrap().name, "user_message");
    server.post(&format!("/api/sessions/{session}/interrupt"), &json!({}));
    assert!(late.any(|event| event.name == "done"));
}

#[test]
fn a_turn_is_streamed_alone_by_its_id() {
    let server = Server::start();
    let session = server.session();
    let (turn, mut first) = server.stream_of(&session, &json!({ "content": "[[hang]]" }), &[]);
    first.next();
    let (next, second) = server.stream_of(&session, &json!({ "content": "[[say:2]]" }), &[]);
    let alone = server.watch(&session, &format!("?turn={next}"), &[]);
    server.post(&format!("/api/sessions/{session}/interrupt"), &json!({}));
    let second: Vec<Event> = second.collect();
    assert_eq!(alone.collect::<Vec<Event>>(), second);
    let past: Vec<Event> = server.watch(&session, &format!("?turn={turn}"), &[]).collect();
    assert_eq!((names(&past)[0], names(&past).last()), ("session_start", Some(&"done")));
    assert!(past.iter().all(|event| event.id < second[0].id));
    let unknown = "00000000-0000-4000-8000-000000000000";
    let answer = server.get(&format!("/api/sessions/{session}/stream?turn={unknown}"));
    assert_eq!((answer.status, &answer.body["code"]), (404, &json!("turn_not_found")));
}

#[test]
fn a_client_from_the_future_is_told_to_resync() {
    let server = Server::start();
    let session = server.session();
    let last = server.turn(&session, &json!({ "content": "[[say:x]]" })).pop().unwrap().id;
    let mut stream = server.watch(&session, "", &[("last-event-id", "123456")]);
    let resync = stream.next().unwrap();
    assert_eq!((resync.name.as_str(), resync.id), ("resync", last));
    assert_eq!(resync.data, json!({ "reason": "ahead", "asked": 123_456, "from": last }));
    server.say(&session, "[[say:y]]");
    assert_eq!(stream.next().unwrap().name, "session_start");
}

#[test]
fn an_ended_session_is_replayed_and_then_there_is_nothing_to_come_back_for() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "[[say:x]]");
    server.delete(&format!("/api/sessions/{session}"));
    let events: Vec<Event> = server.watch(&session, "?after=0", &[]).collect();
    assert_eq!(events.last().unwrap().name, "lifecycle");
    let last = events.last().unwrap().id.unwrap();
    let path = format!("/api/sessions/{session}/stream?after={last}");
    assert_eq!(server.get(&path).status, 204);
}

#[test]
fn what_is_wrong_with_a_stream_is_named() {
    let server = Server::start();
    let session = server.session();
    for (query, header, field) in [
        ("?after=x", "", "after"),
        ("?until=never", "", "until"),
        ("?turn=1", "", "turn"),
        ("", "-1", "last-event-id"),
        ("", "99999999999999999999", "last-event-id"),
    ] {
        let path = format!("/api/sessions/{session}/stream{query}");
        let answer = server.send("GET", &path, &[("last-event-id", header)], b"");
        assert_eq!((answer.status, &answer.body["field"]), (400, &json!(field)), "{query}{header}");
    }
    let other = "00000000-0000-4000-8000-000000000000";
    assert_eq!(server.get(&format!("/api/sessions/{other}/stream")).status, 404);
}

#[test]
fn the_stream_tells_how_soon_to_come_back_and_ends_when_ashd_stops() {
    let server = Server::start();
    let session = server.session();
    let mut raw = server.connect();
    let request = format!(
        "GET /api/sessions/{session}/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n\r\n"
    );
    raw.write_all(request.as_bytes()).unwrap();
    let mut said = String::new();
    while !said.contains("retry: 1000\n\n") {
        let mut piece = [0; 256];
        let bytes = raw.read(&mut piece).unwrap();
        assert!(bytes > 0, "{said}");
        said.push_str(std::str::from_utf8(&piece[..bytes]).unwrap());
    }
    let (left, _folder) = server.stop();
    assert!(left);
    let mut rest = String::new();
    raw.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "an orderly end: {rest:?}");
}

#[test]
fn a_retried_message_attaches_to_its_own_turn() {
    let server = Server::start();
    let session = server.session();
    let body = json!({ "content": "[[delay:300]][[say:once]]" });
    let key = [("idempotency-key", "first")];
    let (turn, mut stream) = server.stream_of(&session, &body, &key);
    stream.next();
    drop(stream);
    let (again, replayed) = server.stream_of(&session, &body, &key);
    let replayed: Vec<Event> = replayed.collect();
    assert_eq!(again, turn);
    assert_eq!((names(&replayed)[0], names(&replayed).last()), ("session_start", Some(&"done")));
    // Once more when it is long over, and from the middle.
    let middle = replayed[2].id.unwrap().to_string();
    let headers = [("idempotency-key", "first"), ("last-event-id", middle.as_str())];
    let (_, rest) = server.stream_of(&session, &body, &headers);
    assert_eq!(rest.collect::<Vec<Event>>(), replayed[3..]);
    let asked = server.get(&format!("/api/sessions/{session}/messages"));
    let users = asked.body["messages"].as_array().unwrap().iter();
    assert_eq!(users.filter(|message| message["role"] == "user").count(), 1);
}

#[test]
fn a_key_is_for_one_message_of_one_session() {
    let server = Server::start();
    let session = server.session();
    let path = |session: &str| format!("/api/sessions/{session}/messages");
    let send = |session: &str, key: &str, text: &str| {
        let body = json!({ "content": text }).to_string();
        server.send("POST", &path(session), &[("idempotency-key", key)], body.as_bytes())
    };
    assert_eq!(send(&session, "k", "[[say:a]]").status, 200);
    let other = send(&session, "k", "[[say:b]]");
    assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_mismatch")));
    assert_eq!(send(&session, "l", "[[say:b]]").status, 200);
    assert_eq!(send(&server.session(), "k", "[[say:b]]").status, 200);
    let long = send(&session, &"k".repeat(256), "[[say:b]]");
    assert_eq!((long.status, &long.body["field"]), (400, &json!("idempotency-key")));
    server.delete(&format!("/api/sessions/{session}"));
    let ended = send(&session, "k", "[[say:a]]");
    assert_eq!(ended.status, 200, "its turn can still be had: {ended:?}");
    assert_eq!(send(&session, "m", "[[say:a]]").body["code"], "session_state");
}

#[test]
fn a_key_holds_across_the_death_of_ashd() {
    let server = Server::start();
    let session = server.session();
    let body = json!({ "content": "[[say:done before]]" });
    let key = [("idempotency-key", "k")];
    let (turn, events) = server.stream_of(&session, &body, &key);
    let events: Vec<Event> = events.collect();
    let (running, mut stream) = server.stream_of(
        &session,
        &json!({ "content": "[[hang]]" }),
        &[("idempotency-key", "running")],
    );
    stream.next();
    let server = Server::start_in(server.kill(), &[]);
    let (again, replayed) = server.stream_of(&session, &body, &key);
    assert_eq!((again, replayed.collect::<Vec<Event>>()), (turn, events));
    let (again, replayed) = server.stream_of(
        &session,
        &json!({ "content": "[[hang]]" }),
        &[("idempotency-key", "running")],
    );
    let replayed: Vec<Event> = replayed.collect();
    assert_eq!(again, running);
    let error = replayed.iter().find(|event| event.name == "error").unwrap();
    assert_eq!(error.data["code"], "interrupted", "simulated sandboxes die with ashd");
    assert!(!is_busy(&server, &session));
}

#[test]
fn a_stream_goes_on_behind_the_last_event_after_a_restart() {
    let server = Server::start();
    let session = server.session();
    let seen: Vec<Event> = server.turn(&session, &json!({ "content": "[[say:1]]" }));
    let last = seen.last().unwrap().id.unwrap().to_string();
    let server = Server::start_in(server.kill(), &[]);
    let mut stream = server.watch(&session, "", &[("last-event-id", &last)]);
    assert_eq!(server.say(&session, "[[say:2]]"), "2");
    assert_eq!(stream.next().unwrap().name, "session_start");
    eventually("the end of the turn", || !is_busy(&server, &session));
}
