//! What a real Claude Code is let out for, and what the programs it starts are.

use serde_json::{Value, json};

use crate::server::eventually;
use crate::world::{World, claude, named};

/// Most of the audit of a session.
fn audit(world: &World, session: &str) -> Vec<Value> {
    let answer = world.get(&format!("/api/sessions/{session}/audit?limit=1000"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["entries"].as_array().unwrap().clone()
}

#[test]
fn an_agent_with_hosts_talks_to_the_model_and_each_wish_is_audited() {
    let Some(claude) = claude() else { return };
    let folder = tempfile::tempdir().unwrap();
    let more = "[egress]\nallow = [\"listed.invalid\", \"*.npmjs.org\"]\n";
    let world = World::with(claude, folder, more);
    let agent = json!({
        "name": "tester",
        "systemPrompt": "You test.",
        "allowedHosts": ["listed.invalid"],
    });
    assert_eq!(world.post("/api/agents", &agent).status, 201);
    let session = world.session_of(&json!({ "agent": "tester" }));
    // The proxy that is set for other hosts does not come between the CLI and the model.
    assert!(world.say(&session, "[[say:fine]]").contains("fine"));
    let said = world.bash(&session, "env | grep -ci proxy; curl -sS https://other.invalid/ 2>&1");
    assert!(said.contains('6') && said.contains("403"), "{said}");
    let said = world.bash(&session, "curl -sS https://listed.invalid/ 2>&1");
    assert!(said.contains("502"), "{said}");
    eventually("the audit has all of it", || {
        let entries = audit(&world, &session);
        let has = |subject: &str, decision: &str, reason: &str| {
            entries.iter().any(|entry| {
                entry["subject"] == subject
                    && entry["decision"] == decision
                    && entry["reason"] == reason
            })
        };
        has("model", "allowed", "complete")
            && has("tunnel", "refused", "not_listed_for_the_agent")
            && has("tunnel", "refused", "name_unknown")
    });
    let entries = audit(&world, &session);
    let numbers: Vec<u64> =
        entries.iter().map(|entry| entry["sequence"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers[0] == 1, "{numbers:?}");
    let model = entries.iter().find(|entry| entry["subject"] == "model").unwrap();
    assert!(model["bytesSent"].as_u64() > Some(0), "{model}");
    assert!(!format!("{entries:?}").contains("sk-ant"), "no placeholder is in it");
    world.end();
}

#[test]
fn a_turn_at_the_end_of_its_budget_says_so_at_once_and_goes_on_when_it_is_raised() {
    let Some(world) = World::start() else { return };
    world.deploy("tester");
    let session = world.session_of(&json!({ "agent": "tester", "budget": { "tokens": 1 } }));
    let path = format!("/api/sessions/{session}");
    assert_eq!(world.state(&session)["budget"], json!({"tokens":1,"dollars":null,"reached":false}));
    // The first request begins below the budget, and overruns it.
    assert!(world.say(&session, "[[say:once]]").contains("once"));
    eventually("what was used is stored", || {
        world.state(&session)["budget"]["reached"] == json!(true)
    });
    let used = world.state(&session)["usage"].clone();
    assert!(used["inputTokens"].as_u64() > Some(100) && used["outputTokens"].as_u64() > Some(0));
    assert!(used["dollars"].as_f64() > Some(0.0), "{used}");

    let messages = || {
        let seen = world.model.seen().requests;
        seen.iter().filter(|request| request.path.starts_with("/v1/messages")).count()
    };
    let before = messages();
    let started = std::time::Instant::now();
    let events = world.turn(&session, &json!({ "content": "[[say:twice]]" }));
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "the CLI does not try again");
    let errors: Vec<&Value> = named(&events, "error").iter().map(|event| &event.data).collect();
    assert!(errors.iter().any(|error| error["code"] == "budget_reached"), "{events:#?}");
    assert_eq!(events.last().unwrap().name, "done");
    assert_eq!(messages(), before, "nothing left the host");
    let timeline = world.timeline(&session);
    assert!(timeline.iter().any(|(kind, data)| kind == "error" && data.contains("budget_reached")));

    let raised = world.send(
        "PATCH",
        &format!("{path}/budget"),
        &[("content-type", "application/json")],
        br#"{"tokens": 10000000}"#,
    );
    assert_eq!(raised.status, 200, "{raised:?}");
    assert_eq!(raised.body["session"]["budget"]["reached"], json!(false));
    assert!(world.say(&session, "[[say:thrice]]").contains("thrice"));
    world.end();
}
