//! `ashctl mcp` as another agent uses it, with a real `ashd` whose sandboxes are simulated.

use serde_json::{Value, json};

use crate::simulated::Ashd;

/// Asks one after the other in one conversation; answers what came for each, by its id.
fn talk(ashd: &Ashd, asked: &[(&str, Value)]) -> Vec<Value> {
    let mut input = String::new();
    for (id, (method, params)) in asked.iter().enumerate() {
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        input = format!("{input}{request}\n");
    }
    let said = ashd.ashctl(&["mcp"]).stdin(input).run();
    assert_eq!(said.status, 0, "{}", said.stderr);
    let mut answers: Vec<Value> =
        said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    answers.sort_by_key(|answer| answer["id"].as_u64());
    assert_eq!(answers.len(), asked.len(), "{}", said.stdout);
    answers
}

/// One call of a tool: its text, and whether it failed.
fn call(ashd: &Ashd, tool: &str, arguments: &Value) -> (String, bool) {
    let asked = json!({ "name": tool, "arguments": arguments });
    let result = &talk(ashd, &[("tools/call", asked)])[0]["result"];
    let text = result["content"][0]["text"].as_str().unwrap().to_owned();
    (text, result["isError"].as_bool().unwrap())
}

#[test]
fn an_agent_is_deployed_talked_to_and_ended_by_tools() {
    let ashd = Ashd::start();
    let folder = ashd.agent_folder();
    let (deployed, failed) = call(&ashd, "deploy", &json!({ "folder": folder, "name": "helper" }));
    assert!(!failed && deployed.contains("\"helper\""), "{deployed}");
    assert!(call(&ashd, "list_agents", &json!({})).0.contains("\"helper\""));
    let (created, _) = call(&ashd, "create_session", &json!({ "agent": "helper" }));
    let created: Value = serde_json::from_str(&created).unwrap();
    let session = created["session"]["id"].as_str().unwrap();
    let said =
        call(&ashd, "send_message", &json!({ "session": session, "message": "[[say:hello]]" }));
    assert_eq!(said, ("hello".to_owned(), false));
    assert!(call(&ashd, "list_sessions", &json!({ "agent": "helper" })).0.contains(session));
    assert!(call(&ashd, "list_files", &json!({ "session": session })).0.contains("CLAUDE.md"));
    let (read, _) = call(&ashd, "read_file", &json!({ "session": session, "path": "CLAUDE.md" }));
    assert_eq!(read, std::fs::read_to_string(folder.join("CLAUDE.md")).unwrap());
    let (ended, _) = call(&ashd, "end_session", &json!({ "session": session }));
    assert!(ended.contains("\"ended\""), "{ended}");
    let (refused, failed) =
        call(&ashd, "send_message", &json!({ "session": session, "message": "x" }));
    assert!(failed && refused.contains("create a new session"), "{refused}");
}

#[test]
fn the_protocol_is_spoken_and_what_is_unknown_is_refused() {
    let ashd = Ashd::start();
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {} });
    let answers = talk(
        &ashd,
        &[
            ("initialize", hello),
            ("tools/list", json!({})),
            ("tools/call", json!({ "name": "nothing" })),
            ("resources/list", json!({})),
            ("ping", Value::Null),
        ],
    );
    assert_eq!(answers[0]["result"]["serverInfo"]["name"], "ash");
    assert_eq!(answers[1]["result"]["tools"].as_array().unwrap().len(), 10);
    assert_eq!(answers[2]["error"]["code"], -32602);
    assert_eq!(answers[3]["error"]["code"], -32601);
    assert_eq!(answers[4]["result"], json!({}));
}
