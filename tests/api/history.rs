//! The history: messages and the timeline, page by page.

use serde_json::{Value, json};

use crate::server::Server;

fn sequences(rows: &Value) -> Vec<u64> {
    rows.as_array().unwrap().iter().map(|row| row["sequence"].as_u64().unwrap()).collect()
}

#[test]
fn messages_have_no_gaps_and_come_in_pages() {
    let server = Server::start();
    let session = server.session();
    for turn in 0..3 {
        server.say(&session, &format!("[[say:answer {turn}]]"));
    }
    let path = format!("/api/sessions/{session}/messages");
    let all = server.get(&path).body["messages"].clone();
    let count = all.as_array().unwrap().len() as u64;
    assert_eq!(sequences(&all), (1..=count).collect::<Vec<_>>());
    let first = &all[0];
    assert_eq!((&first["role"], &first["sessionId"]), (&json!("user"), &json!(session)));
    let content: Value = serde_json::from_str(first["content"].as_str().unwrap()).unwrap();
    assert_eq!(content, json!({ "type": "user", "content": "[[say:answer 0]]" }));
    let mut paged = Vec::new();
    let mut after = 0;
    loop {
        let page = server.get(&format!("{path}?limit=2&after={after}")).body["messages"].clone();
        let Some(last) = sequences(&page).last().copied() else { break };
        paged.extend(page.as_array().unwrap().clone());
        after = last;
    }
    assert_eq!(Value::Array(paged), all);
}

#[test]
fn the_timeline_tells_the_story_without_gaps() {
    let server = Server::start();
    let session = server.session();
    let tool = json!({ "file_path": "a.txt", "content": "x" });
    server.turn(&session, &json!({ "content": format!("[[tool:Write:{tool}]][[say:done]]") }));
    let path = format!("/api/sessions/{session}/events");
    let events = server.get(&path).body["events"].clone();
    let count = events.as_array().unwrap().len() as u64;
    assert_eq!(sequences(&events), (1..=count).collect::<Vec<_>>());
    let kinds: Vec<&str> =
        events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    for kind in ["tool_start", "tool_result", "text", "turn_complete"] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    let tools = server.get(&format!("{path}?type=tool_start")).body["events"].clone();
    assert_eq!(tools.as_array().unwrap().len(), 1);
    let data: Value = serde_json::from_str(tools[0]["data"].as_str().unwrap()).unwrap();
    assert_eq!(data["toolName"], "Write");
    for query in ["?type=gossip", "?limit=1001", "?after=-1"] {
        assert_eq!(server.get(&format!("{path}{query}")).status, 400, "{query}");
    }
}

#[test]
fn history_survives_a_killed_daemon_and_states_do_not_lie() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "[[say:kept]]");
    let mut stream = server.stream(&session, &json!({ "content": "[[hang]]" }));
    assert_eq!(stream.next().unwrap().name, "session_start");
    let folder = server.kill();
    let server = Server::start_in(folder, &[]);
    let path = format!("/api/sessions/{session}");
    assert!(server.get(&format!("{path}/messages")).body.to_string().contains("kept"));
    // A simulated sandbox dies with its daemon: its turn is told as interrupted.
    crate::server::eventually("the end of the interrupted turn", || {
        let events = server.get(&format!("{path}/events?type=error")).body;
        events.to_string().contains("interrupted")
            && server.get(&path).body["session"]["busy"] == false
    });
    assert!(server.say(&session, "[[recall]]").contains("[[say:kept]]"));
}
