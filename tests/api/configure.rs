//! Options of a session that change, on the simulated launcher.

use serde_json::{Value, json};

use crate::server::{Answer, Event, Server};

fn patch(server: &Server, session: &str, change: &Value) -> Answer {
    let path = format!("/api/sessions/{session}/config");
    server.send("PATCH", &path, &[], change.to_string().as_bytes())
}

fn configure(server: &Server, session: &str, change: &Value) -> Value {
    let answer = patch(server, session, change);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["session"].clone()
}

/// What the scripted CLI says that it runs with.
fn options(server: &Server, session: &str) -> Value {
    serde_json::from_str(&server.say(session, "[[options]]")).unwrap()
}

#[test]
fn a_model_and_a_mode_reach_the_claude_that_runs() {
    let server = Server::start();
    server.deploy("tester");
    let session = server.session_of(&json!({ "agent": "tester", "permissionMode": "default" }));
    server.say(&session, "one");
    let change = json!({ "model": "haiku", "permissionMode": "acceptEdits" });
    let shown = configure(&server, &session, &change);
    assert_eq!(
        (&shown["model"], &shown["config"]["permissionMode"]),
        (&json!("haiku"), &json!("acceptEdits"))
    );
    let told = options(&server, &session);
    assert_eq!(
        (&told["model"], &told["permission_mode"]),
        (&json!("haiku"), &json!("acceptEdits"))
    );
    assert_eq!(told["flags"]["--permission-mode"], "default", "it was not started again");
    // A message's own model is its own.
    let events = server.turn(&session, &json!({ "content": "[[options]]", "model": "opus" }));
    let result = events.iter().find(|event| event.name == "turn_complete").unwrap();
    assert!(result.data["result"].as_str().unwrap().contains(r#""model":"opus""#));
    assert_eq!(options(&server, &session)["model"], "haiku");
}

#[test]
fn other_options_start_claude_again_with_the_conversation() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "My name is Ada.");
    let change = json!({
        "systemPrompt": "Be brief.", "allowedTools": ["Read"], "disallowedTools": ["Bash(rm *)"],
        "betas": ["b1"], "subagents": { "critic": { "prompt": "p" } }, "initialAgent": "critic",
        "askPermissions": true,
    });
    let config = configure(&server, &session, &change)["config"].clone();
    assert_eq!(
        (&config["systemPrompt"], &config["permissionMode"]),
        (&json!("Be brief."), &json!("default"))
    );
    let told = options(&server, &session);
    assert_eq!(told["system_prompt"], "Be brief.");
    for (flag, value) in [
        ("--allowedTools", "Read"),
        ("--disallowedTools", "Bash(rm *)"),
        ("--betas", "b1"),
        ("--agent", "critic"),
        ("--permission-prompt-tool", "stdio"),
    ] {
        assert_eq!(told["flags"][flag], value, "{flag}: {told}");
    }
    assert!(server.say(&session, "[[recall]]").contains("My name is Ada."));

    let cleared = json!({
        "systemPrompt": null, "allowedTools": [], "disallowedTools": [], "betas": [],
        "subagents": null, "initialAgent": null, "askPermissions": false,
        "permissionMode": "bypassPermissions",
    });
    let shown = configure(&server, &session, &cleared);
    assert_eq!(shown["config"], json!({ "permissionMode": "bypassPermissions" }));
    let told = options(&server, &session);
    assert!(told["system_prompt"].is_null() && told["flags"]["--allowedTools"].is_null(), "{told}");
}

#[test]
fn a_change_is_kept_over_a_restart() {
    let server = Server::start_in(tempfile::tempdir().unwrap(), &[]);
    let session = server.session();
    configure(&server, &session, &json!({ "model": "haiku", "allowedTools": ["Read"] }));
    let server = Server::start_in(server.kill(), &[]);
    let told = options(&server, &session);
    assert_eq!(
        (&told["model"], &told["flags"]["--allowedTools"]),
        (&json!("haiku"), &json!("Read"))
    );
    assert!(configure(&server, &session, &json!({ "model": null }))["model"].is_null());
}

#[test]
fn a_mode_changes_in_the_middle_of_a_turn() {
    let server = Server::start();
    server.deploy("tester");
    let session = server.session_of(&json!({ "agent": "tester", "askPermissions": true }));
    let write = |name: &str| format!(r#"[[tool:Write:{{"file_path":"{name}","content":"x"}}]]"#);
    let content = format!("{}{}[[say:end]]", write("one"), write("two"));
    let mut events = server.stream(&session, &json!({ "content": content }));
    let request = events.find(|event| event.name == "permission_request").unwrap().data;
    configure(&server, &session, &json!({ "permissionMode": "acceptEdits" }));
    let id = request["permissionId"].as_str().unwrap();
    let path = format!("/api/sessions/{session}/permissions/{id}");
    assert_eq!(server.post(&path, &json!({ "behavior": "allow" })).status, 200);
    let rest: Vec<Event> = events.collect();
    assert!(rest.iter().all(|event| event.name != "permission_request"), "{rest:#?}");
    assert_eq!(server.get(&format!("/api/sessions/{session}/files/two")).status, 200);
}

#[test]
fn a_change_is_judged_as_a_creation_is() {
    let server = Server::start();
    let session = server.session();
    for (change, field) in [
        (json!({ "model": "" }), "model"),
        (json!({ "colour": "red" }), "colour"),
        (json!({ "agent": "other" }), "agent"),
        (json!({ "allowedTools": [""] }), "allowedTools.0"),
        (json!({ "permissionMode": null, "askPermissions": 7 }), "askPermissions"),
        (json!({ "permissionTimeoutSeconds": 7 }), "permissionTimeoutSeconds"),
        (json!({ "askPermissions": true, "permissionMode": "dontAsk" }), "permissionMode"),
    ] {
        let refused = patch(&server, &session, &change);
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{change}");
    }
    let config = server.get(&format!("/api/sessions/{session}")).body["session"]["config"].clone();
    assert_eq!(config["permissionMode"], "bypassPermissions", "nothing was changed");
    assert_eq!(server.delete(&format!("/api/sessions/{session}")).status, 200);
    let late = patch(&server, &session, &json!({ "model": "haiku" }));
    assert_eq!((late.status, &late.body["code"]), (410, &json!("session_ended")));
}
