//! What an agent presets for its sessions, and its variables.

use serde_json::{Value, json};

use crate::server::{Answer, Server};

fn patch(server: &Server, path: &str, change: &Value) -> Answer {
    server.send("PATCH", path, &[], change.to_string().as_bytes())
}

fn options(server: &Server, session: &str) -> Value {
    serde_json::from_str(&server.say(session, "[[options]]")).unwrap()
}

/// What the CLI of a session runs with, as far as the preset below says it.
fn assert_preset(server: &Server, session: &str, path: &str) {
    let told = options(server, session);
    assert_eq!(told["model"], "haiku", "{path}: {told}");
    assert_eq!(told["permission_mode"], "acceptEdits", "{path}: {told}");
    assert_eq!(told["flags"]["--disallowedTools"], "WebFetch", "{path}: {told}");
    assert_eq!(told["flags"]["--allowedTools"], "Read", "{path}: {told}");
    assert_eq!(told["initialize"]["systemPrompt"], "Be brief.", "{path}: {told}");
    assert_eq!(told["initialize"]["agents"]["critic"]["prompt"], "p", "{path}: {told}");
    let servers = std::fs::read_to_string(told["flags"]["--mcp-config"].as_str().unwrap()).unwrap();
    assert!(servers.contains("memory-of-files") && servers.contains("s3cret"), "{path}");
}

#[test]
fn what_an_agent_presets_holds_on_every_path() {
    let server = Server::start();
    server.deploy("qa");
    let preset = json!({
        "model": "haiku", "permissionMode": "acceptEdits", "disallowedTools": ["WebFetch"],
        "allowedTools": ["Read"], "systemPrompt": "Be brief.",
        "subagents": { "critic": { "description": "d", "prompt": "p" } },
        "mcpServers": { "memory-of-files": { "command": "x", "env": { "TOKEN": "s3cret" } } },
    });
    let changed = patch(&server, "/api/agents/qa/config", &preset);
    assert_eq!(changed.status, 200, "{changed:?}");
    let shown = server.get("/api/agents/qa/config").body["config"].clone();
    assert_eq!(shown, changed.body["config"]);
    assert_eq!(shown["mcpServers"]["memory-of-files"]["env"]["TOKEN"], "***");
    assert_eq!(server.get("/api/agents/qa").body["agent"]["config"], shown);

    let session = server.session_of(&json!({ "agent": "qa" }));
    assert_preset(&server, &session, "created");
    server.post(&format!("/api/sessions/{session}/stop"), &json!({}));
    assert_preset(&server, &session, "stopped and woken");
    let forked = server.post(&format!("/api/sessions/{session}/fork"), &json!({}));
    assert_preset(&server, forked.body["session"]["id"].as_str().unwrap(), "forked");
    // What the agent presets now is not the session's.
    patch(&server, "/api/agents/qa/config", &json!({ "model": null, "allowedTools": [] }));
    let (_, folder) = server.stop();
    let server = Server::start_in(folder, &[]);
    assert_preset(&server, &session, "restarted");
    let next = options(&server, &server.session_of(&json!({ "agent": "qa" })));
    assert_ne!(next["model"], "haiku");
    assert_eq!(next["flags"].get("--allowedTools"), None, "{next}");
}

#[test]
fn a_session_says_otherwise_member_by_member() {
    let server = Server::start();
    let preset = json!({ "model": "haiku", "betas": ["b"], "allowedTools": ["Read"] });
    let agent = json!({ "name": "qa", "systemPrompt": "x", "config": preset });
    assert_eq!(server.post("/api/agents", &agent).body["agent"]["config"], preset);
    let own = json!({ "agent": "qa", "model": "opus", "allowedTools": [] });
    let told = options(&server, &server.session_of(&own));
    assert_eq!((&told["model"], &told["flags"]["--betas"]), (&json!("opus"), &json!("b")));
    assert_eq!(told["flags"].get("--allowedTools"), None, "{told}");
    // A deploy without a preset keeps it.
    server.post("/api/agents", &json!({ "name": "qa", "systemPrompt": "y" }));
    assert_eq!(server.get("/api/agents/qa/config").body["config"], preset);
}

#[test]
fn what_nobody_would_read_is_refused_by_its_name() {
    let server = Server::start();
    server.deploy("qa");
    for (change, field) in [
        (json!({ "preWarmCount": 2 }), "preWarmCount"),
        (json!({ "mcpServers": { "m": {} } }), "mcpServers.m"),
        (json!({ "permissionTimeoutSeconds": 5 }), "permissionTimeoutSeconds"),
        (json!({ "model": 5 }), "model"),
        (
            json!({ "mcpServers": { "m": { "url": "u", "headers": { "a": "***" } } } }),
            "mcpServers.m.headers.a",
        ),
    ] {
        let refused = patch(&server, "/api/agents/qa/config", &change);
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{refused:?}");
        assert!(!refused.body["error"].as_str().unwrap().contains("config."), "{refused:?}");
        let whole = patch(&server, "/api/agents/qa", &json!({ "config": change }));
        assert_eq!(whole.body["field"], format!("config.{field}"), "{whole:?}");
    }
    assert_eq!(server.get("/api/agents/qa/config").body["config"], json!({}));
    assert_eq!(patch(&server, "/api/agents/nobody/config", &json!({})).status, 404);
}

#[test]
fn variables_change_without_a_deploy() {
    let server = Server::start();
    let agent = json!({ "name": "qa", "systemPrompt": "x", "env": { "KEPT": "k", "GONE": "g" } });
    server.post("/api/agents", &agent);
    let before = server.session_of(&json!({ "agent": "qa" }));
    let change = json!({ "env": { "KEPT": "***", "NEW": "n" }, "limits": { "tasks": 64 } });
    let changed = patch(&server, "/api/agents/qa", &change).body["agent"].clone();
    assert_eq!(changed["env"], json!({ "KEPT": "***", "NEW": "***" }), "{changed}");
    assert_eq!((&changed["version"], &changed["limits"]["tasks"]), (&json!(1), &json!(64)));
    let names = |session: &str| options(&server, session)["environment"].to_string();
    let after = server.session_of(&json!({ "agent": "qa", "extraEnv": { "NEW": "own" } }));
    assert!(names(&after).contains("KEPT") && !names(&after).contains("GONE"));
    assert!(names(&before).contains("GONE"), "a session keeps what it has");
    let masked = patch(&server, "/api/agents/qa", &json!({ "env": { "NEVER": "***" } }));
    assert_eq!((masked.status, &masked.body["field"]), (400, &json!("env.NEVER")));
    let key = patch(&server, "/api/agents/qa", &json!({ "env": { "ANTHROPIC_API_KEY": "x" } }));
    assert_eq!(key.status, 400);
    patch(&server, "/api/agents/qa", &json!({ "env": {} }));
    assert_eq!(server.get("/api/agents/qa").body["agent"].get("env"), None);
}
