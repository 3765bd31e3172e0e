//! Scripts of an agent, and the logs of a session.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::server::Server;

fn deploy(server: &Server, name: &str, scripts: &[(&str, &str)]) {
    let file =
        |(path, text): &(&str, &str)| json!({ "path": path, "content": STANDARD.encode(text) });
    let files: Vec<Value> = scripts.iter().map(file).collect();
    let body = json!({ "name": name, "files": files, "systemPrompt": "x" });
    let deployed = server.post("/api/agents", &body);
    assert_eq!(deployed.status, 201, "{deployed:?}");
}

fn logs(server: &Server, session: &str, query: &str) -> Vec<Value> {
    let answer = server.get(&format!("/api/sessions/{session}/logs{query}"));
    assert_eq!((answer.status, &answer.body["source"]), (200, &json!("sandbox")), "{answer:?}");
    answer.body["logs"].as_array().unwrap().clone()
}

/// How often a line of this level says this.
fn said(logs: &[Value], level: &str, text: &str) -> usize {
    logs.iter().filter(|line| line["level"] == level && line["text"] == text).count()
}

#[test]
fn install_runs_once_and_startup_with_each_sandbox_and_what_they_say_is_kept() {
    let server = Server::start();
    let install = "#!/bin/sh\necho installed\necho careful >&2";
    deploy(&server, "qa", &[("install.sh", install), ("startup.sh", "echo begun")]);
    let session = server.session_of(&json!({ "agent": "qa" }));
    assert_eq!(server.say(&session, "[[say:hello]]"), "hello");
    let first = logs(&server, &session, "");
    for (level, text) in [
        ("stdout", "installed"),
        ("stderr", "careful"),
        ("stdout", "begun"),
        ("system", "install.sh begins"),
        ("system", "install.sh ended with status 0"),
    ] {
        assert_eq!(said(&first, level, text), 1, "{text}: {first:#?}");
    }
    for (index, line) in first.iter().enumerate() {
        assert_eq!(line["index"], index, "{line}");
        assert!(line["ts"].is_string(), "{line}");
    }
    // Another CLI in the same sandbox, then another sandbox.
    server.turn(&session, &json!({ "content": "[[say:x]]", "maxTurns": 3 }));
    assert_eq!(said(&logs(&server, &session, ""), "stdout", "begun"), 1);
    server.post(&format!("/api/sessions/{session}/stop"), &json!({}));
    assert_eq!(server.say(&session, "[[say:again]]"), "again");
    let second = logs(&server, &session, "");
    assert_eq!(said(&second, "stdout", "installed"), 1, "{second:#?}");
    assert_eq!(said(&second, "stdout", "begun"), 2, "{second:#?}");
    assert_eq!(second[..first.len()], first[..]);
    let rest = logs(&server, &session, &format!("?after={}", first.len() - 1));
    assert_eq!(rest[..], second[first.len()..]);
    assert_eq!(logs(&server, &session, "?after=-1"), second);
    let forked = server.post(&format!("/api/sessions/{session}/fork"), &json!({}));
    let fork = forked.body["session"]["id"].as_str().unwrap();
    server.say(fork, "[[say:fork]]");
    let of_fork = logs(&server, fork, "");
    let counts = (said(&of_fork, "stdout", "installed"), said(&of_fork, "stdout", "begun"));
    assert_eq!(counts, (0, 1), "{of_fork:#?}");

    server.delete(&format!("/api/sessions/{session}"));
    let ended = logs(&server, &session, "");
    assert_eq!(ended[..second.len()], second[..]);
    let (_, folder) = server.stop();
    let server = Server::start_in(folder, &[]);
    assert_eq!(logs(&server, &session, ""), ended);
    let wrong = server.get(&format!("/api/sessions/{session}/logs?after=x"));
    assert_eq!((wrong.status, &wrong.body["field"]), (400, &json!("after")), "{wrong:?}");
}

#[test]
fn a_script_that_fails_is_told_with_its_words_and_nobody_else_notices() {
    let server = Server::start();
    deploy(&server, "broken", &[("install.sh", "echo no such package >&2; exit 3")]);
    server.deploy("fine");
    let session = server.session_of(&json!({ "agent": "broken" }));
    let other = server.session_of(&json!({ "agent": "fine" }));
    for _attempt in 1..=2 {
        let events = server.turn(&session, &json!({ "content": "hello" }));
        let failed = events.iter().find(|event| event.data["code"] == "script_failed").unwrap();
        let error = "`install.sh` of the agent ended with status 3: no such package";
        assert_eq!((failed.name.as_str(), &failed.data["error"]), ("error", &json!(error)));
        assert_eq!(events.last().unwrap().name, "done");
        let state = server.get(&format!("/api/sessions/{session}"));
        assert_eq!(state.body["session"]["status"], "error");
    }
    let logs = logs(&server, &session, "");
    assert!(said(&logs, "stderr", "no such package") >= 2, "{logs:#?}");
    assert_eq!(server.say(&other, "[[say:fine]]"), "fine");
}

/// What comes into a workspace later is none of the agent's.
#[test]
fn a_script_that_the_agent_did_not_have_is_not_run() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "[[say:hello]]");
    let late = json!({ "files": [{ "path": "startup.sh", "content": STANDARD.encode("exit 1") }] });
    let written = server.post(&format!("/api/sessions/{session}/files"), &late);
    assert_eq!(written.body["files"][0]["written"], true, "{written:?}");
    server.post(&format!("/api/sessions/{session}/stop"), &json!({}));
    assert_eq!(server.say(&session, "[[say:again]]"), "again");
}
