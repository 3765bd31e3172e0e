//! Sessions: create, list, show, end.

use serde_json::{Value, json};

use crate::server::Server;

#[test]
fn a_session_has_every_member_that_clients_need() {
    let server = Server::start();
    server.deploy("tester");
    let created = server.post("/api/sessions", &json!({ "agent": "tester", "model": "haiku" }));
    assert_eq!(created.status, 201);
    let session = &created.body["session"];
    assert_eq!((&session["agentName"], &session["status"]), (&json!("tester"), &json!("active")));
    assert_eq!((&session["model"], &session["tenantId"]), (&json!("haiku"), &json!("default")));
    for member in ["id", "sandboxId", "createdAt", "lastActiveAt"] {
        assert!(session[member].is_string(), "{member} in {session}");
    }
    for member in ["runnerId", "parentSessionId"] {
        assert_eq!(session.get(member), Some(&Value::Null), "{member} in {session}");
    }
    let shown = server.get(&format!("/api/sessions/{}", session["id"].as_str().unwrap()));
    assert_eq!(shown.body["session"]["id"], session["id"]);
}

#[test]
fn every_option_reaches_the_cli_or_is_refused() {
    let server = Server::start();
    server.deploy("tester");
    let session = server.session_of(&json!({
        "agent": "tester", "model": "haiku", "systemPrompt": "Speak like a pirate.", "permissionMode": "default",
        "allowedTools": ["Read"], "disallowedTools": ["Write"], "betas": ["some-beta"],
        "subagents": { "reviewer": { "description": "d", "prompt": "p" } }, "initialAgent": "reviewer",
        "extraEnv": { "USER_TOKEN": "t0ken" }, "mcpServers": { "files": { "command": "mcp-files" } },
    }));
    let events = server.turn(&session, &json!({ "content": "[[options]]" }));
    let seen = events.iter().find(|event| event.name == "turn_complete").unwrap().data["result"]
        .to_string();
    for word in [
        "haiku",
        "Speak like a pirate.",
        "--permission-mode=default",
        "--allowedTools=Read",
        "--disallowedTools=Write",
        "--betas=some-beta",
        "--agent=reviewer",
        "USER_TOKEN",
        "--mcp-config=",
    ] {
        assert!(seen.contains(word), "{word} in {seen}");
    }
    let shown = server.get(&format!("/api/sessions/{session}")).body;
    let config = &shown["session"]["config"];
    assert_eq!(config["permissionMode"], "default");
    assert_eq!(config["extraEnv"], json!(["USER_TOKEN"]));
    assert!(!shown.to_string().contains("t0ken"), "a value of the environment is shown: {shown}");
}

#[test]
fn a_wrong_request_is_refused_with_its_field() {
    let server = Server::start();
    server.deploy("tester");
    for (body, status, field) in [
        (json!({}), 400, "agent"),
        (json!({ "agent": 7 }), 400, "agent"),
        (json!({ "agent": "nobody" }), 404, "agent"),
        (json!({ "agent": "../etc" }), 404, "agent"),
        (json!({ "agent": "tester", "credentialId": "c" }), 400, "credentialId"),
        (json!({ "agent": "tester", "permissionMode": "yolo" }), 400, "permissionMode"),
        (
            json!({ "agent": "tester", "extraEnv": { "ANTHROPIC_API_KEY": "sk" } }),
            400,
            "extraEnv.ANTHROPIC_API_KEY",
        ),
        (json!({ "agent": "tester", "extraEnv": { "A": 1 } }), 400, "extraEnv.A"),
        (json!({ "agent": "tester", "mcpServers": { "m": {} } }), 400, "mcpServers.m"),
        (json!({ "agent": "tester", "model": "x".repeat(101) }), 400, "model"),
        (json!({ "agent": "tester", "novelty": true }), 400, "novelty"),
    ] {
        let refused = server.post("/api/sessions", &body);
        assert_eq!(
            (refused.status, refused.body["field"].as_str()),
            (status, Some(field)),
            "{body}: {refused:?}"
        );
    }
    assert_eq!(
        server.get("/api/sessions").body["sessions"],
        json!([]),
        "nothing half-made is left"
    );
}

#[test]
fn sessions_are_listed_newest_first_filtered_and_paged() {
    let server = Server::start();
    server.deploy("one");
    server.deploy("two");
    let ids: Vec<String> = (0..5)
        .map(|index| {
            server.session_of(&json!({ "agent": if index % 2 == 0 { "one" } else { "two" } }))
        })
        .collect();
    assert_eq!(server.delete(&format!("/api/sessions/{}", ids[0])).status, 200);
    let list = |query: &str| {
        let body = server.get(&format!("/api/sessions{query}")).body;
        let found = body["sessions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|session| session["id"].as_str().unwrap().to_owned());
        (found.collect::<Vec<_>>(), body["total"].as_u64().unwrap())
    };
    let newest_first: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!(list(""), (newest_first.clone(), 5));
    assert_eq!(list("?limit=2&offset=1"), (newest_first[1..3].to_vec(), 5));
    assert_eq!(list("?agent=two").1, 2);
    assert_eq!(list("?status=ended"), (vec![ids[0].clone()], 1));
    assert_eq!(list("?agent=one&status=active").1, 2);
    for query in ["?status=sleeping", "?limit=0", "?limit=x", "?offset=-1", "?agent=a/b"] {
        assert_eq!(server.get(&format!("/api/sessions{query}")).status, 400, "{query}");
    }
}

#[test]
fn an_unknown_session_is_404_and_a_wrong_id_400() {
    let server = Server::start();
    let unknown = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    for path in ["", "/messages", "/events", "/files", "/files/x"] {
        let answer = server.get(&format!("/api/sessions/{unknown}{path}"));
        assert_eq!(
            (answer.status, &answer.body["error"]),
            (404, &json!("Session not found")),
            "{path}"
        );
        assert_eq!(server.get(&format!("/api/sessions/not-a-uuid{path}")).status, 400, "{path}");
    }
    let message =
        server.post(&format!("/api/sessions/{unknown}/messages"), &json!({ "content": "x" }));
    assert_eq!(message.status, 404);
    assert_eq!(server.delete(&format!("/api/sessions/{unknown}")).status, 404);
}

#[test]
fn an_ended_session_takes_no_message_and_keeps_its_history() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "[[say:last words]]");
    let path = format!("/api/sessions/{session}");
    let ended = server.delete(&path);
    assert_eq!((ended.status, &ended.body["session"]["status"]), (200, &json!("ended")));
    assert_eq!(server.delete(&path).status, 200, "ending twice is ending once");
    let refused = server.post(&format!("{path}/messages"), &json!({ "content": "x" }));
    assert_eq!((refused.status, &refused.body["error"]), (400, &json!("Session is ended")));
    assert!(server.get(&format!("{path}/messages")).body.to_string().contains("last words"));
}

#[test]
fn ending_a_session_ends_its_turn() {
    let server = Server::start();
    let session = server.session();
    let mut stream = server.stream(&session, &json!({ "content": "[[hang]]" }));
    assert_eq!(stream.next().unwrap().name, "session_start");
    assert_eq!(server.delete(&format!("/api/sessions/{session}")).status, 200);
    let names: Vec<String> = stream.map(|event| event.name).collect();
    assert_eq!(names[names.len() - 2..], ["error", "done"]);
}
