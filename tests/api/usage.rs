//! What turns used, as clients ask for it.

use serde_json::{Value, json};

use crate::keys::administer;
use crate::server::{Server, eventually};

const HELLO: &str = "[[say:Hello]]";

fn events(server: &Server, query: &str) -> Vec<Value> {
    let answer = server.get(&format!("/api/usage{query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["events"].as_array().unwrap().clone()
}

fn stats(server: &Server, query: &str) -> Value {
    let answer = server.get(&format!("/api/usage/stats{query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn close(one: &Value, other: f64) -> bool {
    (one.as_f64().unwrap() - other).abs() < 1e-6
}

#[test]
fn a_turn_is_recorded_with_its_end() {
    let server = Server::start();
    let session = server.session();
    assert_eq!(stats(&server, "")["stats"]["totalTurns"], 0);
    let written = r#"[[tool:Write:{"file_path":"/workspace/a.txt","content":"a"}]][[say:Done]]"#;
    let told = server.turn(&session, &json!({ "content": written }));
    let result = told
        .iter()
        .rfind(|event| event.name == "message" && event.data["type"] == "result")
        .unwrap();
    let history = server.get(&format!("/api/sessions/{session}/messages")).body;
    let messages = history["messages"].as_array().unwrap().len();

    let shown = stats(&server, &format!("?sessionId={session}"));
    let sums = &shown["stats"];
    assert_eq!(
        (&sums["totalTurns"], &sums["totalToolCalls"], &sums["totalMessages"]),
        (&json!(1), &json!(1), &json!(messages)),
        "{sums}"
    );
    let usage = &result.data["usage"];
    assert_eq!(sums["totalInputTokens"], usage["input_tokens"], "{sums}");
    assert_eq!(sums["totalOutputTokens"], usage["output_tokens"], "{sums}");
    assert!(usage["output_tokens"].as_u64().unwrap() > 0, "{usage}");
    assert!(close(&sums["totalCostUsd"], result.data["total_cost_usd"].as_f64().unwrap()));
    assert_eq!(sums["totalCpuSeconds"], Value::Null, "nothing of it is real");
    assert!(shown["keptSince"].is_string(), "{shown}");

    let events = events(&server, &format!("?sessionId={session}"));
    let tokens = events.iter().find(|event| event["eventType"] == "output_tokens").unwrap();
    assert_eq!(tokens["value"].as_f64(), usage["output_tokens"].as_f64());
    assert_eq!((&tokens["agentName"], &tokens["tenantId"]), (&json!("tester"), &json!("default")));
    assert_eq!(events.len(), stats_events(&events), "an id is that of one event");
}

fn stats_events(events: &[Value]) -> usize {
    let ids = events.iter().map(|event| event["id"].as_str().unwrap());
    ids.collect::<std::collections::BTreeSet<_>>().len()
}

/// A Claude Code that is resumed goes on from what everything cost so far.
#[test]
fn what_a_resumed_session_costs_is_counted_once() {
    let server = Server::start();
    let session = server.session();
    let cost = || {
        let shown = stats(&server, "");
        shown["stats"]["totalCostUsd"].as_f64().unwrap()
    };
    server.say(&session, HELLO);
    let first = cost();
    assert!(first > 0.0);
    for round in 1..=2_u32 {
        assert_eq!(server.post(&format!("/api/sessions/{session}/stop"), &json!({})).status, 200);
        let told = server.turn(&session, &json!({ "content": HELLO }));
        let result = told.iter().rfind(|event| event.data["type"] == "result").unwrap();
        let in_all = result.data["total_cost_usd"].as_f64().unwrap();
        assert!((cost() - in_all).abs() < 1e-6, "{round}: {} and {in_all}", cost());
    }
    let load = server.administer("/api/load");
    assert!(close(&load["sessions"][0]["costUsd"], cost()), "{load}");
}

#[test]
fn records_survive_the_daemon_and_are_added_up_by_what_one_wants() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder, &[]);
    server.deploy("one");
    server.deploy("two");
    let session = server.session_of(&json!({ "agent": "one" }));
    server.say(&session, HELLO);
    server.say(&session, HELLO);
    let other = server.session_of(&json!({ "agent": "two" }));
    server.say(&other, HELLO);
    let folder = server.kill();
    let server = Server::start_in(folder, &[]);

    let names = |query: &str| -> Vec<(String, u64)> {
        let shown = stats(&server, query);
        let groups = shown["groups"].as_array().unwrap().iter();
        let name = |group: &Value| group["name"].as_str().unwrap_or_default().to_owned();
        let turns = |group: &Value| group["stats"]["totalTurns"].as_u64().unwrap();
        groups.map(|group| (name(group), turns(group))).collect()
    };
    assert_eq!(names("?groupBy=agent"), [("two".to_owned(), 1), ("one".to_owned(), 2)]);
    assert_eq!(names("?groupBy=session"), [(other.clone(), 1), (session, 2)]);
    assert_eq!(names("?groupBy=agent&limit=1"), [("two".to_owned(), 1)]);
    assert_eq!(names("?groupBy=turn&agentName=one").len(), 2);
    assert_eq!(names("?groupBy=day").iter().map(|(_, turns)| turns).sum::<u64>(), 3);
    assert_eq!(names("?groupBy=model").len(), 1);
    assert_eq!(stats(&server, "?after=2100-01-01")["stats"]["totalTurns"], 0);
    assert_eq!(stats(&server, "?before=2100-01-01T00:00:00%2B01:00")["stats"]["totalTurns"], 3);
    assert_eq!(events(&server, "?limit=2").len(), 2);

    let analytics = server.get("/api/analytics").body;
    assert_eq!(analytics["agents"], json!({ "total": 2 }));
    assert_eq!(analytics["sessions"], json!({ "total": 2, "byStatus": { "active": 2 } }));
    assert_eq!(analytics["usage"]["totalTurns"], 3);
    assert_eq!(analytics["evals"], json!({ "totalRuns": 0, "byStatus": {} }));
    assert_eq!(server.get("/api/analytics?after=2100-01-01").body["sessions"]["total"], 0);

    // It stays when its agent and its session are gone.
    assert_eq!(server.delete(&format!("/api/sessions/{other}")).status, 200);
    assert_eq!(server.delete("/api/agents/two").status, 200);
    assert_eq!(stats(&server, "")["stats"]["totalTurns"], 3);
}

#[test]
fn a_query_that_makes_no_sense_is_refused_by_its_name() {
    let server = Server::start();
    for (query, field) in [
        ("?sessionId=x", "sessionId"),
        ("?agentName=a%20b", "agentName"),
        ("?after=yesterday", "after"),
        ("?before=1", "before"),
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
    ] {
        for path in ["/api/usage", "/api/usage/stats"] {
            let refused = server.get(&format!("{path}{query}"));
            assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{query}");
        }
    }
    let refused = server.get("/api/usage/stats?groupBy=color");
    assert_eq!((refused.status, &refused.body["field"]), (400, &json!("groupBy")));
}

/// A turn that is over when ashd comes back has what it had before.
#[test]
fn a_turn_that_a_restart_of_ashd_cut_off_is_recorded_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder, &[]);
    let session = server.session();
    let content =
        "[[tool:Write:{\"file_path\":\"/workspace/a.txt\",\"content\":\"a\"}]][[delay:600000]]";
    let mut stream = server.stream(&session, &json!({ "content": content }));
    stream.find(|event| event.name == "tool_result").unwrap();
    let folder = server.kill();
    let server = Server::start_in(folder, &[]);
    eventually("the end of the turn", || stats(&server, "")["stats"]["totalTurns"] == 1);
    let sums = &stats(&server, "")["stats"];
    assert_eq!(sums["totalToolCalls"], 1, "{sums}");
    assert!(sums["totalMessages"].as_u64().unwrap() >= 2, "{sums}");
    assert_eq!(stats(&server, "?groupBy=turn")["groups"].as_array().unwrap().len(), 1);
}

#[test]
fn a_tenant_sees_what_its_own_turns_used() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, HELLO);
    let acme = [("ash-tenant", "acme")];
    for (path, member) in [("/api/usage/stats", "stats"), ("/api/analytics", "usage")] {
        let (status, body) = administer(&server, "GET", path, &acme, "");
        assert_eq!((status, &body[member]["totalTurns"]), (200, &json!(0)), "{path}");
        assert_eq!(server.get(path).body[member]["totalTurns"], 1, "{path}");
    }
    let of_ours = format!("/api/usage?sessionId={session}");
    let (_, body) = administer(&server, "GET", &of_ours, &acme, "");
    assert_eq!(body["events"], json!([]));
}
