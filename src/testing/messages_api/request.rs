//! Reading a Messages API request: what the user really said last, and what came of it since.
//!
//! The CLI puts reminders and context beside the user's words, sends tool results as messages of
//! the user, and marks interruptions with a text of its own. None of that is the user speaking.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

/// Opens what the CLI tells the model behind the user's back.
const REMINDER_OPEN: &str = "<system-reminder>";
const REMINDER_CLOSE: &str = "</system-reminder>";

/// Starts the text with which the CLI marks an interrupted turn.
const INTERRUPTED: &str = "[Request interrupted by user";

/// Starts what the CLI says in the user's name after a stream broke off.
const CUT_OFF: &str = "Your response above was cut off mid-stream.";

/// The members of a request that a stand-in looks at.
#[derive(Debug, Deserialize)]
pub(super) struct MessagesRequest {
    pub(super) model: String,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    system: Content,
    messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Blocks(Vec::new())
    }
}

#[derive(Debug, Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    id: Option<String>,
    name: Option<String>,
    tool_use_id: Option<String>,
    content: Option<Value>,
}

/// What a tool gave back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Returned {
    pub(super) tool: String,
    pub(super) text: String,
}

/// The conversation as a model would understand it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Conversation {
    /// What the user said last; empty if nothing.
    pub(super) said: String,
    /// What the user said before, oldest first.
    pub(super) earlier: Vec<String>,
    /// What tools returned since the user spoke last.
    pub(super) returned: Vec<Returned>,
    /// The CLI asks to go on after a stream that broke off.
    pub(super) cut_off: bool,
    /// How many messages with tool results came since the user spoke last.
    pub(super) rounds: usize,
}

impl MessagesRequest {
    /// The system prompt, its blocks joined by empty lines.
    pub(super) fn system_text(&self) -> String {
        match &self.system {
            Content::Text(text) => text.clone(),
            Content::Blocks(blocks) => {
                let texts: Vec<&str> = blocks.iter().filter_map(|b| b.text.as_deref()).collect();
                texts.join("\n\n")
            }
        }
    }

    pub(super) fn conversation(&self) -> Conversation {
        let mut conversation = Conversation::default();
        let mut tools = HashMap::new();
        for message in &self.messages {
            let blocks = match &message.content {
                Content::Text(text) => {
                    if message.role == "user" {
                        conversation.hear(text);
                    }
                    continue;
                }
                Content::Blocks(blocks) => blocks,
            };
            let mut is_round = false;
            for block in blocks {
                match (block.kind.as_str(), message.role.as_str()) {
                    ("tool_use", _) => {
                        tools.insert(block.id.as_deref(), block.name.as_deref());
                    }
                    ("tool_result", "user") => {
                        is_round = true;
                        let tool = tools.get(&block.tool_use_id.as_deref()).copied().flatten();
                        conversation.returned.push(Returned {
                            tool: tool.unwrap_or("a tool").to_owned(),
                            text: result_text(block.content.as_ref()),
                        });
                    }
                    ("text", "user") => {
                        let heard = conversation.hear(block.text.as_deref().unwrap_or_default());
                        is_round &= !heard;
                    }
                    _ => {}
                }
            }
            conversation.rounds += usize::from(is_round);
        }
        conversation
    }
}

impl Conversation {
    /// Takes in a text that came in the user's name; whether the user really spoke.
    fn hear(&mut self, text: &str) -> bool {
        let words = user_words(text);
        if words.starts_with(CUT_OFF) {
            self.cut_off = true;
            return false;
        }
        if words.is_empty() {
            return false;
        }
        let before = std::mem::replace(&mut self.said, words);
        if !before.is_empty() {
            self.earlier.push(before);
        }
        self.returned.clear();
        self.rounds = 0;
        self.cut_off = false;
        true
    }
}

/// `text` without what the CLI added; empty if the user did not speak in it.
fn user_words(text: &str) -> String {
    let mut words = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(REMINDER_OPEN) {
        words.push_str(before);
        rest = behind.split_once(REMINDER_CLOSE).map_or("", |(_, behind)| behind);
    }
    words.push_str(rest);
    let words = words.trim();
    if words.starts_with(INTERRUPTED) { String::new() } else { words.to_owned() }
}

/// The text of a tool result: a string, or the text blocks of a list.
fn result_text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => user_words(text),
        Some(Value::Array(blocks)) => {
            let texts = blocks.iter().filter_map(|block| block.get("text")?.as_str());
            user_words(&texts.collect::<Vec<_>>().join("\n"))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn conversation(messages: &Value) -> Conversation {
        let body = json!({"model": "m", "messages": messages});
        serde_json::from_value::<MessagesRequest>(body).unwrap().conversation()
    }

    #[test]
    fn reminders_and_interruptions_are_not_the_user_speaking() {
        let seen = conversation(&json!([
            {"role": "user", "content": [
                {"type": "text", "text": "<system-reminder>\n[[error:500]]\n</system-reminder>"},
                {"type": "text", "text": "first"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "[[crash]]"}]},
            {"role": "user", "content": "[Request interrupted by user]"},
            {"role": "user", "content": "second <system-reminder>x</system-reminder>half"},
            {"role": "user", "content": [
                {"type": "text", "text": "<system-reminder>not even closed"}]},
        ]));
        assert_eq!(seen.said, "second half");
        assert_eq!(seen.earlier, ["first"]);
        assert_eq!(seen.rounds, 0);
    }

    #[test]
    fn tool_results_belong_to_what_the_user_said_last() {
        let tool = |id: &str| {
            json!({"role": "assistant", "content": [
            {"type": "tool_use", "id": id, "name": "Read", "input": {}}]})
        };
        let result = |id: &str, content: Value| {
            json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": content},
            {"type": "text", "text": "<system-reminder>queued</system-reminder>"}]})
        };
        let seen = conversation(&json!([
            {"role": "user", "content": "old"},
            tool("0"),
            result("0", json!("forgotten")),
            {"role": "user", "content": "go"},
            tool("1"),
            result("1", json!("one")),
            tool("2"),
            result("2", json!([{"type": "text", "text": "two"}, {"type": "image"}])),
        ]));
        assert_eq!((seen.said.as_str(), seen.rounds), ("go", 2));
        let texts: Vec<&str> = seen.returned.iter().map(|returned| &*returned.text).collect();
        assert_eq!(texts, ["one", "two"]);
        assert!(seen.returned.iter().all(|returned| returned.tool == "Read"));
    }

    #[test]
    fn going_on_after_a_broken_stream_is_not_the_user_speaking() {
        let seen = conversation(&json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "half an ans"},
            {"role": "user", "content": format!("{CUT_OFF} Resume directly from where it stops")},
        ]));
        assert_eq!(seen.said, "go");
        assert!(seen.cut_off && seen.earlier.is_empty(), "{seen:?}");
    }

    #[test]
    fn a_conversation_without_the_user_is_empty() {
        assert_eq!(conversation(&json!([])), Conversation::default());
    }
}
