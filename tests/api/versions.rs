//! Versions of an agent, and its files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::server::{Answer, Server};

fn patch(server: &Server, path: &str, change: &Value) -> Answer {
    server.send("PATCH", path, &[], change.to_string().as_bytes())
}

/// A file of the workspace of a new session.
fn in_a_session(server: &Server, request: &Value, path: &str) -> (Value, Value) {
    let session = server.post("/api/sessions", request);
    assert_eq!(session.status, 201, "{session:?}");
    let id = session.body["session"]["id"].as_str().unwrap().to_owned();
    let file = server.get(&format!("/api/sessions/{id}/files/{path}?format=json"));
    (session.body["session"]["agentVersion"].clone(), file.body["content"].clone())
}

fn deploy(server: &Server, prompt: &str) {
    let agent = json!({ "name": "qa", "files": [
        { "path": "CLAUDE.md", "content": STANDARD.encode(prompt) },
        { "path": "docs/a.md", "content": STANDARD.encode("a") },
    ] });
    assert_eq!(server.post("/api/agents", &agent).status, 201);
}

#[test]
fn a_version_is_made_activated_and_gone_back_from() {
    let server = Server::start();
    deploy(&server, "one");
    deploy(&server, "two");
    let request = json!({ "cloneFrom": 1, "systemPrompt": "three", "name": "kinder",
        "releaseNotes": "please", "knowledgeFiles": ["docs/a.md"] });
    let made = server.post("/api/agents/qa/versions", &request);
    assert_eq!(made.status, 201, "{made:?}");
    let version = &made.body["version"];
    assert_eq!(
        (&version["versionNumber"], &version["isActive"], &version["systemPrompt"]),
        (&json!(3), &json!(false), &json!("three"))
    );
    assert_eq!(made.body["versionNumber"], 3, "its members stand beside it, too");
    for (member, value) in [
        ("agentName", "qa"),
        ("tenantId", "default"),
        ("name", "kinder"),
        ("releaseNotes", "please"),
        ("createdBy", "configuration"),
    ] {
        assert_eq!(version[member], value, "{version}");
    }
    let qa = json!({ "agent": "qa" });
    assert_eq!(in_a_session(&server, &qa, "CLAUDE.md"), (json!(2), json!("two")));
    for which in [json!(3), json!("3"), version["id"].clone()] {
        let asked = json!({ "agent": "qa", "version": which });
        assert_eq!(in_a_session(&server, &asked, "CLAUDE.md"), (json!(3), json!("three")));
        assert_eq!(in_a_session(&server, &asked, "docs/a.md").1, json!("a"));
    }
    let activate =
        |which: &str| server.post(&format!("/api/agents/qa/versions/{which}/activate"), &json!({}));
    let activated = activate("3").body;
    assert_eq!((&activated["activated"], &activated["versionNumber"]), (&json!(true), &json!(3)));
    assert_eq!(server.get("/api/agents/qa").body["agent"]["version"], 3);
    assert_eq!(in_a_session(&server, &qa, "CLAUDE.md"), (json!(3), json!("three")));
    assert_eq!(activate("1").status, 200);
    assert_eq!(in_a_session(&server, &qa, "CLAUDE.md"), (json!(1), json!("one")));
    let list = server.get("/api/agents/qa/versions").body["versions"].clone();
    let numbers: Vec<&Value> =
        list.as_array().unwrap().iter().map(|version| &version["versionNumber"]).collect();
    assert_eq!(numbers, [&json!(3), &json!(2), &json!(1)]);
    let unknown = server.post("/api/sessions", &json!({ "agent": "qa", "version": 9 }));
    assert_eq!((unknown.status, &unknown.body["field"]), (400, &json!("version")));
    let source = server.post("/api/agents/qa/versions", &json!({ "cloneFrom": 9 }));
    assert_eq!((source.status, &source.body["field"]), (400, &json!("cloneFrom")));
    assert_eq!(activate("9").body["error"], "Version not found");
}

#[test]
fn a_version_is_described_and_deleted_and_its_sessions_go_on() {
    let server = Server::start();
    deploy(&server, "one");
    let session = server.session_of(&json!({ "agent": "qa" }));
    let refused = server.delete("/api/agents/qa/versions/1");
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("version_active")));
    deploy(&server, "two");
    let first = "/api/agents/qa/versions/1";
    let change = json!({ "name": "old", "releaseNotes": null, "knowledgeFiles": ["x"] });
    let changed = patch(&server, first, &change);
    assert_eq!(changed.body["version"]["name"], "old", "{changed:?}");
    assert_eq!(server.get(first).body["version"], changed.body["version"]);
    let prompt = patch(&server, first, &json!({ "systemPrompt": "other" }));
    assert_eq!((prompt.status, &prompt.body["field"]), (400, &json!("systemPrompt")));
    let deleted = server.delete(first);
    assert_eq!((deleted.status, &deleted.body["deleted"]), (200, &json!(true)));
    assert_eq!(server.get(first).body["code"], "version_not_found");
    assert_eq!(server.say(&session, "[[say:alive]]"), "alive");
    server.post(&format!("/api/sessions/{session}/stop"), &json!({}));
    assert_eq!(server.say(&session, "[[say:again]]"), "again");
    let forked = server.post(&format!("/api/sessions/{session}/fork"), &json!({}));
    assert_eq!(server.say(forked.body["session"]["id"].as_str().unwrap(), "[[say:fork]]"), "fork");
}

#[test]
fn files_of_an_agent_are_read_and_a_change_of_them_is_a_version() {
    let server = Server::start();
    deploy(&server, "one");
    let listed = |query: &str| {
        let body = server.get(&format!("/api/agents/qa/files{query}")).body;
        let files = body["files"].as_array().unwrap().clone();
        files.iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(""), ["CLAUDE.md", "docs/a.md"]);
    let write = json!({ "files": [
        { "path": "docs/a.md", "content": STANDARD.encode("b") },
        { "path": ".ashignore", "content": STANDARD.encode("docs/\nbin/\n") },
        { "path": "bin/run", "content": STANDARD.encode("#!/bin/sh"), "executable": true },
    ] });
    let written = server.post("/api/agents/qa/files", &write).body;
    assert_eq!((&written["written"], &written["agent"]["version"]), (&json!(3), &json!(2)));
    // What a `.ashignore` names stays: it was written on purpose.
    let all = [".ashignore", "CLAUDE.md", "bin/run", "docs/a.md"];
    assert_eq!(listed(""), all);
    assert_eq!(listed("?version=1"), ["CLAUDE.md", "docs/a.md"]);
    let file = |query: &str| server.get(&format!("/api/agents/qa/files/docs/a.md{query}")).body;
    assert_eq!(file(""), json!({ "path": "docs/a.md", "content": "b", "size": 1 }));
    assert_eq!(file("?version=1")["content"], "a");
    assert_eq!(
        in_a_session(&server, &json!({ "agent": "qa" }), "docs/a.md"),
        (json!(2), json!("b"))
    );
    let removed = server.delete("/api/agents/qa/files/docs/a.md").body;
    assert_eq!((&removed["deleted"], &removed["agent"]["version"]), (&json!(true), &json!(3)));
    assert_eq!(listed(""), [".ashignore", "CLAUDE.md", "bin/run"]);

    for (answer, status, code) in [
        (server.get("/api/agents/qa/files/docs/a.md"), 404, "file_not_found"),
        (server.delete("/api/agents/qa/files/docs/a.md"), 404, "file_not_found"),
        (server.get("/api/agents/qa/files/bin"), 400, "path_outside"),
        (server.get("/api/agents/qa/files/..%2f..%2fash.db"), 400, "path_outside"),
        (server.get("/api/agents/qa/files/%2fetc%2fpasswd"), 400, "path_outside"),
        (server.delete("/api/agents/qa/files/CLAUDE.md"), 400, "agent_invalid"),
        (
            server.post(
                "/api/agents/qa/files",
                &json!({ "files": [{ "path": "../x", "content": "" }] }),
            ),
            400,
            "path_outside",
        ),
        (server.post("/api/agents/qa/files", &json!({ "files": [] })), 400, "bad_request"),
        (server.get("/api/agents/nobody/files"), 404, "agent_not_found"),
    ] {
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{answer:?}");
    }
    assert_eq!(server.get("/api/agents/qa").body["agent"]["version"], 3, "nothing was changed");
}

/// A change that would undo another is made again on top of it.
#[test]
fn files_that_are_written_at_the_same_time_are_all_there() {
    let server = Server::start();
    deploy(&server, "one");
    std::thread::scope(|scope| {
        for number in 0..4 {
            let server = &server;
            scope.spawn(move || {
                let path = format!("f{number}");
                let files = json!({ "files": [{ "path": path, "content": "" }] });
                let written = server.post("/api/agents/qa/files", &files);
                assert_eq!(written.status, 200, "{written:?}");
            });
        }
    });
    let files = server.get("/api/agents/qa/files").body["files"].as_array().unwrap().len();
    assert_eq!(
        (files, server.get("/api/agents/qa").body["agent"]["version"].as_u64()),
        (6, Some(5))
    );
}
