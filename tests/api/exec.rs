//! Commands in a session, and its files from outside. In a simulated sandbox a command is a few
//! words that are understood; `tests/real` runs real ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::server::{Answer, Event, KEY, Server, events_of};

fn exec(server: &Server, session: &str, body: &Value) -> Answer {
    server.post(&format!("/api/sessions/{session}/exec"), body)
}

fn streamed(server: &Server, session: &str, command: &str) -> Vec<Event> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("{}/api/sessions/{session}/exec", server.url));
    let request = request.header("authorization", format!("Bearer {KEY}"));
    let response = request.send_json(json!({ "command": command, "stream": true })).unwrap();
    events_of(response).collect()
}

#[test]
fn a_command_answers_in_the_shape_of_the_original() {
    let server = Server::start();
    let session = server.session();
    for status in ["active", "stopped", "ended"] {
        let said = exec(&server, &session, &json!({ "command": "echo hi; echo no >&2; exit 3" }));
        assert_eq!(said.status, 200, "{status}: {said:?}");
        let body = &said.body;
        assert_eq!((&body["exitCode"], &body["stdout"]), (&json!(3), &json!("hi\n")), "{status}");
        assert_eq!((&body["stderr"], &body["timedOut"]), (&json!("no\n"), &json!(false)));
        assert_eq!((&body["truncated"], &body["signal"]), (&json!(false), &Value::Null));
        assert!(body["execId"].is_string() && body["durationMs"].is_u64(), "{body}");
        match status {
            "active" => {
                let path = format!("/api/sessions/{session}/stop");
                assert_eq!(server.send("POST", &path, &[], b"").status, 200);
            }
            _ => drop(server.delete(&format!("/api/sessions/{session}"))),
        }
    }
}

#[test]
fn a_command_has_the_variables_of_its_session_and_its_own() {
    let server = Server::start();
    server.deploy("tester");
    let session =
        server.session_of(&json!({ "agent": "tester", "extraEnv": { "ONE": "1", "TWO": "2" } }));
    let env = |name: &str| {
        let body = json!({ "command": ["printenv", name], "env": { "TWO": "zwei" } });
        exec(&server, &session, &body).body["stdout"].clone()
    };
    assert_eq!([env("ONE"), env("TWO")], ["1\n", "zwei\n"]);
}

#[test]
fn a_streamed_command_tells_each_piece_and_its_end() {
    let server = Server::start();
    let session = server.session();
    let events = streamed(&server, &session, "echo hi; echo no >&2; exit 3");
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!((names[0], *names.last().unwrap(), names.len()), ("start", "exit", 4));
    assert!(events[0].data["execId"].is_string());
    let data = |name: &str| events.iter().find(|event| event.name == name).unwrap().data.clone();
    assert_eq!(data("stdout"), json!({ "text": "hi\n" }));
    assert_eq!(data("stderr"), json!({ "text": "no\n" }));
    assert_eq!(data("exit")["exitCode"], 3);
}

#[test]
fn a_wrong_command_is_refused_by_name() {
    let server = Server::start();
    let session = server.session();
    for (body, field) in [
        (json!({ "command": "" }), "command"),
        (json!({ "command": [] }), "command"),
        (json!({ "command": "x", "timeout": 0 }), "timeout"),
        (json!({ "command": "x", "timeout": 300_001 }), "timeout"),
        (json!({ "command": "x", "env": { "ANTHROPIC_API_KEY": "x" } }), "env"),
        (json!({ "command": "x", "stdinBase64": "!" }), "stdinBase64"),
        (json!({ "command": "x", "shell": true }), "shell"),
    ] {
        let refused = exec(&server, &session, &body);
        assert_eq!(refused.status, 400, "{body}: {refused:?}");
        let named = refused.body["field"].as_str().unwrap_or_default();
        assert!(named.starts_with(field), "{body}: {refused:?}");
    }
    for cwd in ["..", "/etc", "missing"] {
        let refused = exec(&server, &session, &json!({ "command": "pwd", "cwd": cwd }));
        assert!(matches!(refused.status, 400 | 404), "{cwd}: {refused:?}");
    }
    let unknown = "00000000-0000-4000-8000-000000000000";
    assert_eq!(exec(&server, unknown, &json!({ "command": "x" })).status, 404);
}

#[test]
fn files_are_written_and_removed_hot_and_cold() {
    let server = Server::start();
    let session = server.session();
    let at = |path: &str| format!("/api/sessions/{session}/files/{path}");
    for state in ["hot", "cold"] {
        let written = server.send("PUT", &at("a/b.txt"), &[], state.as_bytes());
        let answer = json!({ "path": "a/b.txt", "written": true, "size": state.len() });
        assert_eq!((written.status, &written.body), (200, &answer), "{state}");
        assert_eq!(server.get(&at("a/b.txt?format=json")).body["content"], state);
        for outside in ["../x", "a/../../x", "/etc/x"] {
            let path = at(&outside.replace('/', "%2F").replace('.', "%2E"));
            let refused = server.send("PUT", &path, &[], b"x");
            assert_eq!((refused.status, &refused.body["code"]), (400, &json!("path_outside")));
            assert_eq!(server.delete(&path).status, 400, "{outside}");
        }
        let deleted = server.delete(&at("a/b.txt"));
        let answer = json!({ "path": "a/b.txt", "deleted": true });
        assert_eq!((deleted.status, &deleted.body), (200, &answer));
        let gone = server.delete(&at("a/b.txt"));
        assert_eq!((gone.status, &gone.body["code"]), (404, &json!("file_not_found")));
        let stop = server.send("POST", &format!("/api/sessions/{session}/stop"), &[], b"");
        assert!(matches!(stop.status, 200 | 400));
    }
}

#[test]
fn several_files_are_written_as_the_original_does_it() {
    let server = Server::start();
    let session = server.session();
    let file =
        |path: &str, content: &str| json!({ "path": path, "content": STANDARD.encode(content) });
    let body = json!({
        "targetPath": "in",
        "files": [file("a", "one"), file("../../b", "two"), { "path": "c", "content": "!" }],
    });
    let answer = server.post(&format!("/api/sessions/{session}/files"), &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let files = answer.body["files"].as_array().unwrap();
    assert_eq!(files[0], json!({ "path": "a", "written": true, "size": 3 }));
    for failed in &files[1..] {
        assert!(failed["written"] == false && failed["error"].is_string(), "{failed}");
    }
    let read = server.get(&format!("/api/sessions/{session}/files/in/a?format=json"));
    assert_eq!(read.body["content"], "one");
}

#[test]
fn a_workspace_goes_out_and_comes_in_as_it_was() {
    let server = Server::start();
    let session = server.session();
    let path = format!("/api/sessions/{session}/workspace");
    let put = |name: &str, text: &str| {
        let path = format!("/api/sessions/{session}/files/{name}");
        assert_eq!(server.send("PUT", &path, &[], text.as_bytes()).status, 200);
    };
    put("a/b", "kept");
    let archive = {
        let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
        let request = agent.get(format!("{}{path}", server.url));
        let mut response = request.header("authorization", format!("Bearer {KEY}")).call().unwrap();
        assert_eq!(response.headers()["content-type"], "application/gzip");
        response.body_mut().read_to_vec().unwrap()
    };
    assert_eq!(archive[..2], [0x1f, 0x8b]);
    put("new", "goes");
    let replaced = server.send("PUT", &path, &[], &archive);
    assert_eq!((replaced.status, &replaced.body["files"]), (200, &json!(2)), "{replaced:?}");
    let read =
        |name: &str| server.get(&format!("/api/sessions/{session}/files/{name}?format=json"));
    assert_eq!(read("a/b").body["content"], "kept");
    assert_eq!(read("new").status, 404);
    put("new", "stays");
    let kept = server.send("PUT", &format!("{path}?keep=true"), &[], &archive);
    assert_eq!((kept.status, read("new").status), (200, 200));
    let restored = server.post(&path, &json!({ "bundle": STANDARD.encode(&archive) }));
    assert_eq!(restored.body["message"], "Workspace restored to live sandbox", "{restored:?}");
    for (body, code) in [(&b"no archive at all"[..], "archive_invalid"), (b"", "archive_invalid")] {
        let refused = server.send("PUT", &path, &[], body);
        assert_eq!((refused.status, &refused.body["code"]), (400, &json!(code)));
        assert_eq!(read("a/b").body["content"], "kept", "what is no archive changes nothing");
    }
    let empty = server.post(&path, &json!({ "bundle": "" }));
    assert_eq!((empty.status, &empty.body["error"]), (400, &json!("Empty bundle")));
}
