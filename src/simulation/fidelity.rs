//! Tests: the scripted CLI says what the real one said, line by line and member by member.

use serde_json::{Value, json};

use super::host::{Host, SESSION, kinds};

/// Members that only mirror what the API sent, or describe tokens nobody reads there.
const OF_NO_CONSEQUENCE: [&str; 5] = [
    ".event.context_management",
    ".event.delta.container",
    ".event.delta.stop_details",
    ".event.usage.",
    ".message.usage.",
];

macro_rules! recording {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/claude-cli-2.1.330/",
            $name,
            ".jsonl"
        ))
    };
}

fn lines_of(recording: &str) -> Vec<Value> {
    recording.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Leads the conversation of a recording: initialize, one message, perhaps an interrupt.
pub(crate) async fn lead(host: &mut Host, text: &str, interrupt: bool) -> Vec<Value> {
    host.request("initialize-1", json!({"subtype": "initialize"})).await;
    let mut lines = host.until(|line| line["type"] == "control_response").await;
    host.say(text).await;
    if interrupt {
        lines.extend(host.until(|line| line["event"]["type"] == "content_block_delta").await);
        host.request("interrupt-1", json!({"subtype": "interrupt"})).await;
    }
    lines.extend(host.until_idle().await);
    lines.extend(host.rest().await);
    lines
}

/// The lines are of the same kinds, and `fake` has every member that `real` has.
pub(crate) fn compare(real: &[Value], fake: &[Value]) {
    assert_eq!(kinds(fake), kinds(real));
    let mut missing = Vec::new();
    for ((real, fake), kind) in real.iter().zip(fake).zip(kinds(real)) {
        let mut paths = Vec::new();
        missing_members(real, fake, "", &mut paths);
        paths.retain(|path| !OF_NO_CONSEQUENCE.iter().any(|known| path.starts_with(known)));
        missing.extend(paths.into_iter().map(|path| format!("{kind}: {path}")));
    }
    assert_eq!(missing, Vec::<String>::new());
}

fn missing_members(real: &Value, fake: &Value, path: &str, missing: &mut Vec<String>) {
    match (real, fake) {
        (Value::Object(real), Value::Object(fake)) => {
            for (name, real) in real {
                let path = format!("{path}.{name}");
                match fake.get(name) {
                    Some(fake) => missing_members(real, fake, &path, missing),
                    None => missing.push(path),
                }
            }
        }
        (Value::Array(real), Value::Array(fake)) => {
            if let (Some(real), Some(fake)) = (real.first(), fake.first()) {
                missing_members(real, fake, &format!("{path}[0]"), missing);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (real, fake) => {
            if std::mem::discriminant(real) != std::mem::discriminant(fake) {
                missing.push(format!("{path} is of another type"));
            }
        }
    }
}

async fn same_as(recording: &str, text: &str, interrupt: bool) {
    let home = tempfile::tempdir().unwrap();
    let text = text.replace("$WORKSPACE", &home.path().display().to_string());
    let id = format!("--session-id={SESSION}");
    let arguments = [&*id, "--include-partial-messages", "--permission-mode=acceptEdits"];
    let mut host = Host::fake(home.path(), &arguments);
    compare(&lines_of(recording), &lead(&mut host, &text, interrupt).await);
}

#[tokio::test]
async fn a_plain_turn_is_like_the_real_one() {
    same_as(recording!("plain"), PLAIN, false).await;
}

#[tokio::test]
async fn a_turn_with_a_tool_is_like_the_real_one() {
    same_as(recording!("tool"), TOOL, false).await;
}

#[tokio::test]
async fn an_interrupted_turn_is_like_the_real_one() {
    same_as(recording!("interrupt"), INTERRUPT, true).await;
}

#[tokio::test]
async fn a_refused_turn_is_like_the_real_one() {
    same_as(recording!("api-error"), API_ERROR, false).await;
}

/// What was said to the real CLI when it was recorded.
pub(crate) const PLAIN: &str = "[[say:hello there]]";
pub(crate) const TOOL: &str = concat!(
    "[[think:hm]][[say:writing]]",
    r#"[[tool:Write:{"file_path":"$WORKSPACE/a.txt","content":"hi"}]]"#,
    "[[say:written]]"
);
pub(crate) const INTERRUPT: &str = "[[chunks:3:60000]]";
pub(crate) const API_ERROR: &str = "[[error:429]]";

#[test]
fn a_missing_member_and_another_order_are_noticed() {
    let real = json!({"type": "result", "usage": {"input_tokens": 1}, "errors": ["x"]});
    let mut paths = Vec::new();
    let fake = json!({"type": "result", "usage": {}, "errors": [1]});
    missing_members(&real, &fake, "", &mut paths);
    assert_eq!(paths, [".errors[0] is of another type", ".usage.input_tokens"]);
    let lines = lines_of(recording!("plain"));
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    assert_ne!(kinds(&lines), kinds(&swapped));
}
