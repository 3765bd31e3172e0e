//! What an agent's folder says, and what the agent presets, is in force with the real CLI.

use serde_json::{Value, json};

use crate::options::MCP_SERVER;
use crate::server::{Event, eventually};
use crate::world::{World, bash, named};

/// A variable of the agent reaches its server by the name that the file gives it.
const SERVERS: &str = r#"{ "mcpServers": { "tiny": {
    "command": "/workspace/server.sh", "env": { "WORD": "${FRUIT} of ${ANTHROPIC_API_KEY}" } } } }"#;

/// In a mode in which every tool may be used, so that nothing else refuses.
const SETTINGS: &str = r#"{
    "env": { "COLOUR": "blue" },
    "permissions": { "deny": ["Bash(touch denied*)", "Read(./secret.txt)"] },
    "hooks": {
        "SessionStart": [{ "hooks": [{ "type": "command", "command": "cat >> starts" }] }],
        "PreToolUse": [{ "matcher": "Bash", "hooks": [
            { "type": "command", "command": ".claude/hooks/guard.sh" } ] }],
        "PostToolUse": [{ "matcher": "Bash", "hooks": [
            { "type": "command", "command": "cat >> \"$CLAUDE_PROJECT_DIR/used\"" } ] }]
    }
}"#;

/// Refuses one command and says why, as a hook does.
const GUARD: &str = "#!/bin/sh\n\
    if grep -q 'touch guarded'; then echo 'the guard of this folder says no' >&2; exit 2; fi\n";

/// The model hears it only if the skill is there, and does what it hears.
const SKILL: &str = "---\nname: greet-softly\ndescription: How to greet softly\n---\n\
    [[say:whispered as the skill tells]]\n";

fn init(events: &[Event]) -> &Value {
    let lines = named(events, "message").into_iter().map(|event| &event.data);
    lines.into_iter().find(|line| line["subtype"] == "init").unwrap()
}

/// The text of each tool result, and whether it is an error.
fn results(events: &[Event]) -> Vec<(String, bool)> {
    let told = named(events, "tool_result").into_iter().map(|event| &event.data);
    told.map(|data| (data["content"].to_string(), data["is_error"] == json!(true))).collect()
}

/// Whatever became of the session's CLI before, its folder rules.
fn assert_folder_in_force(world: &World, session: &str, path: &str) {
    // The CLI does not wait long for its servers: on a busy machine they are there a moment later.
    let mut events = Vec::new();
    eventually("that the server of the folder is connected", || {
        events = world.turn(session, &json!({ "content": "[[tool:mcp__tiny__whisper:{}]]" }));
        results(&events).iter().any(|(_, is_error)| !is_error)
    });
    let told = results(&events);
    assert!(told.len() == 1 && told[0].0.contains("the word is plum of "), "{path}: {told:?}");
    let said = init(&events);
    let servers = said["mcp_servers"].as_array().unwrap();
    assert!(servers.len() == 1 && servers[0]["name"] == "tiny", "{path}: {said}");
    assert!(said["skills"].to_string().contains("greet-softly"), "{path}: {said}");

    let skill = world.say(session, r#"[[tool:Skill:{"skill":"greet-softly"}]]"#);
    // A conversation that has it is told so, and not once more.
    let again = path != "created" && skill.contains("Skill /greet-softly is already loaded");
    assert!(again || skill.contains("whispered as the skill tells"), "{path}: {skill}");

    let asked = [
        bash("touch denied.txt"),
        bash("touch guarded.txt"),
        r#"[[tool:Read:{"file_path":"/workspace/secret.txt"}]]"#.to_owned(),
        bash("touch free.txt; ls; echo \"it is $COLOUR\""),
        "[[say:end]]".to_owned(),
    ];
    let told = results(&world.turn(session, &json!({ "content": asked.concat() })));
    let [denied, guarded, secret, free] = &told[..] else { panic!("{path}: {told:?}") };
    assert!(denied.1 && denied.0.contains("denied"), "{path}: {denied:?}");
    assert!(guarded.1 && guarded.0.contains("the guard of this folder says no"), "{guarded:?}");
    assert!(secret.1 && !secret.0.contains("hidden treasure"), "{path}: {secret:?}");
    assert!(!free.1 && free.0.contains("it is blue"), "{path}: {free:?}");
    assert!(free.0.contains("free.txt"), "{path}: {free:?}");
    assert!(!free.0.contains("denied.txt") && !free.0.contains("guarded.txt"), "{path}: {free:?}");
}

#[test]
fn servers_skills_rules_and_hooks_of_the_folder_are_in_force_whatever_became_of_the_cli() {
    let Some(mut world) = World::start() else { return };
    world.deploy_files(
        "tester",
        &[
            (".mcp.json", SERVERS, false),
            ("server.sh", MCP_SERVER, true),
            ("secret.txt", "hidden treasure", false),
            (".claude/settings.json", SETTINGS, false),
            (".claude/hooks/guard.sh", GUARD, true),
            (".claude/skills/greet-softly/SKILL.md", SKILL, false),
        ],
    );
    let env = json!({ "env": { "FRUIT": "plum" } }).to_string();
    assert_eq!(world.send("PATCH", "/api/agents/tester", &[], env.as_bytes()).status, 200);
    let session = world.session_of(&json!({ "agent": "tester" }));
    assert_folder_in_force(&world, &session, "created");

    // What hooks are told: of this session, and of the tools that did run.
    let read = |name: &str| {
        let read = world.get(&format!("/api/sessions/{session}/files/{name}"));
        assert_eq!(read.status, 200, "{name}: {read:?}");
        match read.body {
            Value::String(text) => text,
            one => one.to_string(),
        }
    };
    let starts = read("starts");
    assert!(starts.contains(&session) && starts.contains("\"startup\""), "{starts}");
    let used = read("used");
    assert!(used.contains("touch free.txt"), "{used}");
    assert!(!used.contains("touch denied.txt") && !used.contains("touch guarded.txt"), "{used}");

    assert_eq!(world.post(&format!("/api/sessions/{session}/stop"), &json!({})).status, 200);
    assert_folder_in_force(&world, &session, "stopped and woken");
    let starts = world.bash(&session, "cat starts");
    assert!(starts.contains("\"resume\""), "{starts}");
    let fork = world.post(&format!("/api/sessions/{session}/fork"), &json!({}));
    assert_folder_in_force(&world, fork.body["session"]["id"].as_str().unwrap(), "forked");
    world.crash(|_| {});
    assert_folder_in_force(&world, &session, "after a crash of ashd");

    // The same asked of an agent whose folder says nothing: what is seen above is of the folder.
    world.deploy("plain");
    let plain = world.session_of(&json!({ "agent": "plain" }));
    let asked = format!("[[tool:mcp__tiny__whisper:{{}}]]{}[[say:end]]", bash("touch denied.txt"));
    let told = results(&world.turn(&plain, &json!({ "content": asked })));
    assert!(told[0].1 && !told[1].1, "{told:?}");
    world.end();
}

fn models(world: &World) -> Vec<String> {
    let seen = world.model.seen().requests;
    let asked = seen.into_iter().filter(|request| request.path == "/v1/messages");
    asked.filter_map(|request| request.model).collect()
}

/// A turn whose tools show what the preset below says.
fn assert_preset(world: &World, session: &str, path: &str) {
    let asked = [
        bash("echo allowed"),
        bash("touch unasked.txt"),
        "[[tool:mcp__tiny__whisper:{}]]".to_owned(),
        "[[echo-system]]".to_owned(),
    ];
    let events = world.turn(session, &json!({ "content": asked.concat() }));
    let told = results(&events);
    let [allowed, unasked, whispered] = &told[..] else { panic!("{path}: {told:?}") };
    assert!(!allowed.1 && allowed.0.contains("allowed"), "{path}: {allowed:?}");
    assert!(unasked.1, "{path}: {unasked:?}");
    assert!(whispered.0.contains("the word is heliotrope"), "{path}: {whispered:?}");
    let said = init(&events);
    assert_eq!(said["model"], "claude-haiku-4-5", "{path}: {said}");
    assert_eq!(said["permissionMode"], "default", "{path}: {said}");
    assert!(said["agents"].to_string().contains("critic"), "{path}: {said}");
    assert!(!said["tools"].to_string().contains("\"WebFetch\""), "{path}: {said}");
    let complete = named(&events, "turn_complete");
    let system = complete[0].data["result"].as_str().unwrap();
    assert!(system.contains("Speak like a pirate."), "{path}: {system}");
}

#[test]
fn what_an_agent_presets_reaches_the_real_cli_on_every_path() {
    let Some(mut world) = World::start() else { return };
    world.deploy_files("tester", &[("server.sh", MCP_SERVER, true)]);
    let preset = json!({
        "model": "claude-haiku-4-5", "permissionMode": "default",
        "allowedTools": ["Bash(echo *)", "mcp__tiny"], "disallowedTools": ["WebFetch"],
        "systemPrompt": "Speak like a pirate.",
        "subagents": { "critic": { "description": "Finds faults", "prompt": "Find faults." } },
        "mcpServers": { "tiny": {
            "command": "/workspace/server.sh", "env": { "WORD": "heliotrope" } } },
    });
    let path = "/api/agents/tester/config";
    let changed = world.send("PATCH", path, &[], preset.to_string().as_bytes());
    assert_eq!(changed.status, 200, "{changed:?}");
    assert!(!changed.body.to_string().contains("heliotrope"), "{changed:?}");

    let session = world.session_of(&json!({ "agent": "tester" }));
    assert_preset(&world, &session, "created");
    assert_eq!(world.post(&format!("/api/sessions/{session}/stop"), &json!({})).status, 200);
    assert_preset(&world, &session, "stopped and woken");
    let fork = world.post(&format!("/api/sessions/{session}/fork"), &json!({}));
    assert_preset(&world, fork.body["session"]["id"].as_str().unwrap(), "forked");
    // A change is for sessions to come.
    let change = json!({ "model": "claude-sonnet-5-5", "mcpServers": null }).to_string();
    assert_eq!(world.send("PATCH", path, &[], change.as_bytes()).status, 200);
    world.crash(|_| {});
    assert_preset(&world, &session, "after a crash of ashd, with another preset");
    let used = models(&world);
    assert!(used.iter().all(|model| model == "claude-haiku-4-5"), "{used:?}");

    // A session's own option wins over its agent's, by itself.
    let own = json!({ "agent": "tester", "permissionMode": "bypassPermissions" });
    let session = world.session_of(&own);
    let events = world.turn(&session, &json!({ "content": bash("touch unasked.txt") }));
    assert_eq!(init(&events)["permissionMode"], "bypassPermissions");
    assert!(!results(&events)[0].1, "{events:?}");
    let used = models(&world);
    assert_eq!(used.last().map(String::as_str), Some("claude-sonnet-5-5"));
    world.end();
}
