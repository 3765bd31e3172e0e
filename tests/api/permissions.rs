//! What a session asks before it uses a tool, on the simulated launcher.

use serde_json::{Value, json};

use crate::server::{Event, Server, eventually};

/// Uses a tool that nothing but a permission can allow.
pub(crate) const WRITE: &str = r#"[[tool:Write:{"file_path":"new.txt","content":"as asked"}]]"#;

fn session(server: &Server, more: &Value) -> String {
    server.deploy("tester");
    let mut request = json!({ "agent": "tester", "askPermissions": true });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.session_of(&request)
}

/// Reads to the question, and answers its data.
fn asked(events: &mut impl Iterator<Item = Event>) -> Value {
    let found = events.find(|event| event.name == "permission_request" || event.name == "done");
    let event = found.expect("the stream holds");
    assert_eq!(event.name, "permission_request", "{event:?}");
    event.data
}

fn path(session: &str, request: &Value) -> String {
    let id = request["permissionId"].as_str().unwrap();
    format!("/api/sessions/{session}/permissions/{id}")
}

fn open(server: &Server, session: &str) -> Vec<Value> {
    let list = server.get(&format!("/api/sessions/{session}/permissions"));
    assert_eq!(list.status, 200, "{list:?}");
    list.body["permissions"].as_array().unwrap().clone()
}

/// Asks, answers, and reads the turn to its end.
fn settle(server: &Server, session: &str, answer: &Value) -> (Value, Vec<Event>) {
    let mut events = server.stream(session, &json!({ "content": WRITE }));
    let request = asked(&mut events);
    let answered = server.post(&path(session, &request), answer);
    assert_eq!(answered.status, 200, "{answered:?}");
    (answered.body, events.collect())
}

fn named<'a>(events: &'a [Event], name: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.name == name).collect()
}

fn file(server: &Server, session: &str) -> Option<String> {
    let read = server.get(&format!("/api/sessions/{session}/files/new.txt"));
    (read.status == 200).then(|| read.body.as_str().unwrap().to_owned())
}

#[test]
fn a_tool_waits_for_its_permission_and_is_used_when_it_is_given() {
    let server = Server::start();
    let session = session(&server, &json!({}));
    let mut events = server.stream(&session, &json!({ "content": WRITE }));
    let request = asked(&mut events);
    assert_eq!(
        (&request["toolName"], &request["input"]["content"], &request["sessionId"]),
        (&json!("Write"), &json!("as asked"), &json!(session))
    );
    assert!(request["expiresAt"].is_null() && request["toolUseId"].is_string(), "{request}");
    assert_eq!(open(&server, &session), std::slice::from_ref(&request));
    let shown = server.get(&format!("/api/sessions/{session}")).body["session"].clone();
    assert_eq!((&shown["openPermissions"], &shown["busy"]), (&json!(1), &json!(true)));
    assert_eq!(shown["config"]["permissionMode"], "default");
    assert_eq!(file(&server, &session), None);

    // A client that comes later sees it, too.
    let mut late = server.watch(&session, "?after=0", &[]);
    assert_eq!(asked(&mut late), request);

    let path = path(&session, &request);
    let answered = server.post(&path, &json!({ "behavior": "allow" }));
    assert_eq!(
        answered.body,
        json!({ "permissionId": request["permissionId"], "behavior": "allow" })
    );
    let rest: Vec<Event> = events.collect();
    let resolved = named(&rest, "permission_resolved");
    assert_eq!(
        (&resolved[0].data["behavior"], &resolved[0].data["by"]),
        (&json!("allow"), &json!("client"))
    );
    assert_eq!(named(&rest, "done").len(), 1);
    assert_eq!(file(&server, &session).as_deref(), Some("as asked"));
    assert_eq!(open(&server, &session), Vec::<Value>::new());
    let again = server.post(&path, &json!({ "behavior": "deny" }));
    assert_eq!((again.status, &again.body["code"]), (409, &json!("permission_resolved")));
}

#[test]
fn what_a_tool_is_used_with_can_be_changed() {
    let server = Server::start();
    let session = session(&server, &json!({}));
    let input = json!({ "file_path": "new.txt", "content": "as changed" });
    settle(&server, &session, &json!({ "behavior": "allow", "updatedInput": input }));
    assert_eq!(file(&server, &session).as_deref(), Some("as changed"));
}

#[test]
fn a_denial_tells_the_model_why_and_the_turn_goes_on() {
    let server = Server::start();
    let session = session(&server, &json!({}));
    let (_, rest) =
        settle(&server, &session, &json!({ "behavior": "deny", "message": "Not on a Friday." }));
    let complete = named(&rest, "turn_complete");
    assert!(complete[0].data["result"].as_str().unwrap().contains("Not on a Friday."));
    assert_eq!(file(&server, &session), None);
}

#[test]
fn a_denial_can_stop_the_turn() {
    let server = Server::start();
    let session = session(&server, &json!({}));
    let (_, rest) = settle(&server, &session, &json!({ "behavior": "deny", "interrupt": true }));
    assert_eq!(named(&rest, "error"), Vec::<&Event>::new(), "an interrupt is no error");
    assert_eq!(rest.last().unwrap().name, "done");
    assert_eq!(server.say(&session, "[[say:still here]]"), "still here");
}

#[test]
fn what_is_remembered_is_not_asked_again_even_by_the_next_claude() {
    let server = Server::start();
    let session = session(&server, &json!({}));
    settle(&server, &session, &json!({ "behavior": "allow", "remember": true }));
    let shown = server.get(&format!("/api/sessions/{session}")).body["session"].clone();
    assert_eq!(shown["config"]["permissionMode"], "acceptEdits", "{shown}");
    server.turn(&session, &json!({ "content": "[[say:x]]" }));
    let stopped = server.post(&format!("/api/sessions/{session}/stop"), &json!({}));
    assert_eq!(stopped.status, 200);
    let events = server.turn(&session, &json!({ "content": WRITE }));
    assert_eq!(named(&events, "permission_request"), Vec::<&Event>::new());
}

#[test]
fn an_interrupt_and_an_end_take_the_question_with_them() {
    let server = Server::start();
    let session = session(&server, &json!({}));
    for ends in [false, true] {
        let mut events = server.stream(&session, &json!({ "content": WRITE }));
        let request = asked(&mut events);
        if ends {
            assert_eq!(server.delete(&format!("/api/sessions/{session}")).status, 200);
        } else {
            server.post(&format!("/api/sessions/{session}/interrupt"), &json!({}));
        }
        let rest: Vec<Event> = events.collect();
        let resolved = named(&rest, "permission_resolved");
        assert_eq!(
            (&resolved[0].data["behavior"], &resolved[0].data["by"]),
            (&json!("cancelled"), &json!("session"))
        );
        assert_eq!(rest.last().unwrap().name, "done");
        let late = server.post(&path(&session, &request), &json!({ "behavior": "allow" }));
        assert_eq!((late.status, &late.body["code"]), (409, &json!("permission_resolved")));
    }
    assert_eq!(open(&server, &session), Vec::<Value>::new());
}

#[test]
fn nobody_in_time_is_answered_as_the_session_or_the_host_says() {
    let folder = tempfile::tempdir().unwrap();
    let file_of_host = folder.path().join("ash.toml");
    let host =
        "[sessions]\npermission_timeout_seconds = 1\npermission_timeout_action = \"allow\"\n";
    std::fs::write(&file_of_host, host).unwrap();
    let mut command = crate::server::command(folder.path(), &[]);
    command.arg("--config").arg(file_of_host);
    let server = Server::run(folder, command);
    let of_host = session(&server, &json!({}));
    let events = server.turn(&of_host, &json!({ "content": WRITE }));
    let resolved = named(&events, "permission_resolved");
    assert_eq!(
        (&resolved[0].data["behavior"], &resolved[0].data["by"]),
        (&json!("allow"), &json!("timeout"))
    );
    assert_eq!(file(&server, &of_host).as_deref(), Some("as asked"));

    let own = json!({ "permissionTimeoutSeconds": 1, "onPermissionTimeout": "deny" });
    let own = session(&server, &own);
    let events = server.turn(&own, &json!({ "content": WRITE }));
    let request = named(&events, "permission_request")[0].data.clone();
    assert_eq!((&request["onTimeout"], request["expiresAt"].is_string()), (&json!("deny"), true));
    assert_eq!(named(&events, "permission_resolved")[0].data["behavior"], "deny");
    assert_eq!(file(&server, &own), None);

    // For ever, whatever the host says.
    let never = session(&server, &json!({ "permissionTimeoutSeconds": 0 }));
    let mut events = server.stream(&never, &json!({ "content": WRITE }));
    assert!(asked(&mut events)["expiresAt"].is_null());
}

#[test]
fn what_is_wrong_with_an_answer_is_named() {
    let server = Server::start();
    let session = session(&server, &json!({}));
    let mut events = server.stream(&session, &json!({ "content": WRITE }));
    let request = asked(&mut events);
    let path = path(&session, &request);
    for (answer, field) in [
        (json!({}), "behavior"),
        (json!({ "behavior": "maybe" }), "behavior"),
        (json!({ "behavior": "allow", "message": "x" }), "message"),
        (json!({ "behavior": "allow", "interrupt": true }), "interrupt"),
        (json!({ "behavior": "deny", "remember": true }), "remember"),
        (json!({ "behavior": "deny", "updatedInput": {} }), "updatedInput"),
        (json!({ "behavior": "allow", "updatedInput": [] }), "updatedInput"),
        (json!({ "behavior": "deny", "message": "x".repeat(10_001) }), "message"),
        (json!({ "behavior": "allow", "colour": 1 }), "colour"),
    ] {
        let refused = server.post(&path, &answer);
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{answer}");
    }
    let unknown =
        format!("/api/sessions/{session}/permissions/67e55044-10b1-426f-9247-bb680e5fe0c8");
    let refused = server.post(&unknown, &json!({ "behavior": "allow" }));
    assert_eq!((refused.status, &refused.body["code"]), (404, &json!("permission_not_found")));
    let odd = server.post(&format!("/api/sessions/{session}/permissions/x"), &json!({}));
    assert_eq!((odd.status, &odd.body["field"]), (400, &json!("permission")));
    assert_eq!(open(&server, &session).len(), 1, "none of it was an answer");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let server = Server::start();
    server.deploy("tester");
    for (more, field) in [
        (json!({ "permissionTimeoutSeconds": 5 }), "permissionTimeoutSeconds"),
        (json!({ "onPermissionTimeout": "allow" }), "onPermissionTimeout"),
        (
            json!({ "askPermissions": true, "permissionMode": "bypassPermissions" }),
            "permissionMode",
        ),
        (json!({ "askPermissions": true, "permissionMode": "dontAsk" }), "permissionMode"),
    ] {
        let mut request = json!({ "agent": "tester" });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let refused = server.post("/api/sessions", &request);
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{request}");
    }
}

/// Several clients may answer; one of them is heard.
#[test]
fn a_question_is_answered_once_whoever_answers() {
    let server = Server::start();
    let session = session(&server, &json!({}));
    let mut events = server.stream(&session, &json!({ "content": WRITE }));
    let request = asked(&mut events);
    let path = path(&session, &request);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let answer = || server.post(&path, &json!({ "behavior": "allow" })).status;
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(answer)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 409)), "{statuses:?}");
    assert_eq!(events.filter(|event| event.name == "permission_resolved").count(), 1);
    eventually("the end of the turn", || {
        server.get(&format!("/api/sessions/{session}")).body["session"]["busy"] == false
    });
}
