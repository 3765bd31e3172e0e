//! What a client asks for reaches the real CLI.

use serde_json::{Value, json};

use crate::server::{Event, eventually};
use crate::world::{World, bash, named};

/// A file written by the Write tool, which nothing but a permission can allow.
const WRITE: &str = r#"[[tool:Write:{"file_path":"/workspace/new.txt","content":"x"}]]"#;

/// An MCP server that has one tool, which answers with the server's environment.
pub(crate) const MCP_SERVER: &str = r#"#!/bin/bash
while IFS= read -r line; do
  id=$(sed -n 's/.*"id":\([0-9]*\).*/\1/p' <<<"$line")
  case $line in
    *'"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"tiny","version":"1"}}' ;;
    *'"tools/list"'*) result='{"tools":[{"name":"whisper","description":"d","inputSchema":{"type":"object"}}]}' ;;
    *'"tools/call"'*) result="{\"content\":[{\"type\":\"text\",\"text\":\"the word is $WORD\"}]}" ;;
    *) continue ;;
  esac
  printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
done
"#;

/// The CLI's `result` line of a turn.
fn result(events: &[Event]) -> &Value {
    let mut lines = named(events, "message").into_iter().map(|event| &event.data);
    lines.rfind(|line| line["type"] == "result").unwrap()
}

fn models(world: &World) -> Vec<String> {
    let seen = world.model.seen().requests;
    let asked = seen.into_iter().filter(|request| request.path == "/v1/messages");
    let mut models: Vec<String> = asked.filter_map(|request| request.model).collect();
    models.dedup();
    models
}

#[test]
fn a_model_for_one_message_is_used_for_that_message_only() {
    let Some(world) = World::start() else { return };
    world.deploy("tester");
    let session = world.session_of(&json!({ "agent": "tester", "model": "claude-sonnet-5-5" }));
    world.say(&session, "one");
    let cli = world.cli();
    world.turn(&session, &json!({ "content": "two", "model": "claude-haiku-4-5" }));
    world.say(&session, "three");
    assert_eq!(models(&world), ["claude-sonnet-5-5", "claude-haiku-4-5", "claude-sonnet-5-5"]);
    assert_eq!(world.cli(), cli, "a model is changed without a restart");

    let plain = world.session_of(&json!({ "agent": "tester" }));
    world.say(&plain, "default");
    let default = models(&world).pop().unwrap();
    world.turn(&plain, &json!({ "content": "two", "model": "claude-haiku-4-5" }));
    world.say(&plain, "three");
    assert_eq!(models(&world)[3..], [&*default, "claude-haiku-4-5", &*default]);
    world.end();
}

#[test]
fn a_system_prompt_and_the_agents_instructions_reach_the_model() {
    let Some(world) = World::start() else { return };
    world.deploy("tester");
    let session =
        world.session_of(&json!({ "agent": "tester", "systemPrompt": "Speak like a pirate." }));
    let system = world.say(&session, "[[echo-system]]");
    assert!(system.contains("Speak like a pirate."), "{system}");
    world.end();
}

#[test]
fn variables_of_agent_and_session_are_seen_by_tools() {
    let Some(world) = World::start() else { return };
    let agent = json!({ "name": "tester", "env": { "FRUIT": "plum", "TREE": "oak" } });
    assert_eq!(world.post("/api/agents", &agent).status, 201);
    let session = world
        .session_of(&json!({ "agent": "tester", "extraEnv": { "FRUIT": "two words & $HOME" } }));
    assert_eq!(world.bash(&session, "echo \"$FRUIT, $TREE\""), "two words & $HOME, oak");
    world.end();
}

#[test]
fn executables_of_an_agent_can_be_executed() {
    let Some(world) = World::start() else { return };
    let script = "#!/bin/sh\necho ran in $PWD\n";
    world.deploy_files("tester", &[("run.sh", script, true), ("plain.sh", script, false)]);
    let session = world.session_of(&json!({ "agent": "tester" }));
    assert_eq!(world.bash(&session, "./run.sh"), "ran in /workspace");
    assert!(world.bash(&session, "./plain.sh").contains("Permission denied"));
    world.end();
}

#[test]
fn a_permission_mode_decides_what_tools_may_do() {
    let Some(world) = World::start() else { return };
    world.deploy("tester");
    let written = |more: Value| {
        let mut request = json!({ "agent": "tester" });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let session = world.session_of(&request);
        world.say(&session, WRITE);
        let file = world.get(&format!("/api/sessions/{session}/files/new.txt"));
        file.status == 200
    };
    assert!(written(json!({})), "every tool runs by default");
    assert!(!written(json!({ "permissionMode": "default" })), "nobody can be asked");
    assert!(written(json!({ "permissionMode": "default", "allowedTools": ["Write"] })));
    assert!(!written(json!({ "disallowedTools": ["Write"] })));
    world.end();
}

#[test]
fn an_agents_own_rules_decide_if_asked_to() {
    let Some(world) = World::start() else { return };
    let settings =
        r#"{"permissions":{"allow":["Bash(touch allowed*)"],"deny":["Bash(touch denied*)"]}}"#;
    world.deploy_files("tester", &[(".claude/settings.json", settings, false)]);
    let session =
        world.session_of(&json!({ "agent": "tester", "permissionMode": "permissionsByAgent" }));
    world.bash(&session, "touch allowed.txt");
    world.bash(&session, "touch denied.txt");
    world.bash(&session, "touch other.txt");
    let listed = world.get(&format!("/api/sessions/{session}/files")).body.to_string();
    assert!(listed.contains("allowed.txt"), "{listed}");
    assert!(!listed.contains("denied.txt") && !listed.contains("other.txt"), "{listed}");
    world.end();
}

/// It comes while the CLI of the session's creation is still on its way, and needs another.
#[test]
fn options_of_the_very_first_message_hold() {
    let Some(world) = World::start() else { return };
    world.deploy("tester");
    for _ in 0..3 {
        let session = world.session_of(&json!({ "agent": "tester" }));
        let events = world.turn(&session, &json!({ "content": "[[say:fine]]", "maxTurns": 1 }));
        assert_eq!(named(&events, "error"), Vec::<&Event>::new());
        assert_eq!(result(&events)["result"], "fine");
    }
    world.end();
}

#[test]
fn a_limit_of_turns_holds_for_one_message() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let two = format!("{}{}[[say:end]]", bash("echo 1"), bash("echo 2"));
    let limited = world.turn(&session, &json!({ "content": two, "maxTurns": 1 }));
    assert_eq!(result(&limited)["subtype"], "error_max_turns");
    assert_eq!(named(&limited, "error").len(), 1, "{limited:#?}");
    assert_eq!(limited.last().unwrap().name, "done");
    assert_eq!(world.say(&session, &two), "end", "the limit is gone, the session is not");
    world.end();
}

#[test]
fn a_budget_counts_what_its_message_spends() {
    let Some(world) = World::start() else { return };
    world.deploy("tester");
    // Priced by the CLI's own table; a request is about 20 000 tokens.
    let session = world.session_of(&json!({ "agent": "tester", "model": "claude-opus-4-5" }));
    let first = world.turn(&session, &json!({ "content": "one" }));
    let spent = result(&first)["total_cost_usd"].as_f64().unwrap();
    assert!(spent > 0.0, "{spent}");
    let two = format!("{}[[say:end]]", bash("echo 1"));
    // Enough for two requests, not for four.
    let enough = spent * 2.5;
    for round in 0..3 {
        let events = world.turn(&session, &json!({ "content": two, "maxBudgetUsd": enough }));
        assert_eq!(result(&events)["subtype"], "success", "round {round}: {:#}", result(&events));
    }
    // It is looked at between requests: two of the eight are made.
    let many = format!("{}[[say:end]]", bash("echo 1").repeat(7));
    let small = json!({ "content": many, "maxBudgetUsd": spent * 1.5 });
    let stops = || {
        let before = world.model.seen().count;
        let events = world.turn(&session, &small);
        assert_eq!(result(&events)["subtype"], "error_max_budget_usd", "{:#}", result(&events));
        let made = world.model.seen().count - before;
        assert_eq!(made, 2);
    };
    stops();
    // What the conversation has cost before does not count, whatever became of the CLI.
    world.say(&session, "count me");
    let errors = || world.timeline(&session).iter().filter(|(kind, _)| kind == "error").count();
    let before = errors();
    world.cli().kill();
    // Not only the end itself: a message that comes before ashd has heard of it fails with it.
    eventually("ashd to hear of the end of the CLI", || errors() > before);
    stops();
    assert_eq!(world.say(&session, &two), "end", "the budget is gone, the session is not");
    world.end();
}

#[test]
fn an_answer_can_be_asked_for_in_a_shape() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let schema = json!({
        "type": "object", "properties": { "fruit": { "type": "string" } },
        "required": ["fruit"], "additionalProperties": false,
    });
    let events = world.turn(
        &session,
        &json!({
            "content": r#"[[tool:StructuredOutput:{"fruit":"plum"}]][[say:done]]"#,
            "outputFormat": { "type": "json_schema", "schema": schema },
        }),
    );
    assert_eq!(result(&events)["structured_output"], json!({ "fruit": "plum" }), "{events:#?}");
    world.end();
}

#[test]
fn an_mcp_server_of_the_session_serves_its_tools() {
    let Some(world) = World::start() else { return };
    world.deploy_files("tester", &[("mcp.sh", MCP_SERVER, true)]);
    let session = world.session_of(&json!({
        "agent": "tester",
        "mcpServers": { "tiny": { "command": "/workspace/mcp.sh", "env": { "WORD": "heliotrope" } } },
    }));
    let answer = world.say(&session, "[[tool:mcp__tiny__whisper:{}]]");
    assert!(answer.contains("the word is heliotrope"), "{answer}");
    let shown = world.state(&session).to_string();
    assert!(!shown.contains("heliotrope"), "a server's variables are nobody's business: {shown}");
    world.end();
}
