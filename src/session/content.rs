//! The content of a message: judged at the door, and made into a line for the CLI.

use serde_json::{Value, json};

use super::options::OptionError;
use crate::wire::turns::{BLOCKS_MAX, TEXT_CHARACTERS_MAX};

/// What a user says: a text, or a list of content blocks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Content(Value);

fn wrong(field: impl Into<String>, what: impl Into<String>) -> OptionError {
    OptionError { field: field.into(), what: what.into() }
}

impl Content {
    /// A text, one block, or 1 to 20 blocks of the types `text`, `image` and `document`. What is
    /// inside an image or a document is the model API's to judge.
    pub(crate) fn parse(content: Value) -> Result<Self, OptionError> {
        match content {
            Value::String(text) => {
                check_text("content", &text)?;
                Ok(Self(Value::String(text)))
            }
            Value::Array(blocks) => {
                if blocks.is_empty() || blocks.len() > BLOCKS_MAX {
                    let what =
                        format!("it has {} blocks; 1 to {BLOCKS_MAX} are allowed", blocks.len());
                    return Err(wrong("content", what));
                }
                for (index, block) in blocks.iter().enumerate() {
                    check_block(&format!("content.{index}"), block)?;
                }
                Ok(Self(Value::Array(blocks)))
            }
            block @ Value::Object(_) => {
                check_block("content", &block)?;
                Ok(Self(Value::Array(vec![block])))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                Err(wrong("content", "it is a text, a content block, or a list of content blocks"))
            }
        }
    }

    /// What was stored by [`Content::value`].
    pub(crate) fn stored(value: Value) -> Self {
        Self(value)
    }

    pub(crate) fn value(&self) -> &Value {
        &self.0
    }

    /// The first characters of what is said in words.
    pub(crate) fn start_of_text(&self, characters_max: usize) -> String {
        let text = match &self.0 {
            Value::String(text) => Some(text.as_str()),
            Value::Array(blocks) => {
                blocks.iter().find_map(|block| block.get("text").and_then(Value::as_str))
            }
            _ => None,
        };
        text.unwrap_or_default().chars().take(characters_max).collect()
    }

    /// The line for the CLI's stdin, without its newline.
    pub(crate) fn line(&self) -> String {
        json!({
            "type": "user",
            "message": { "role": "user", "content": self.0 },
            "parent_tool_use_id": null,
            "session_id": "",
        })
        .to_string()
    }

    /// The message as the history keeps it.
    pub(crate) fn history(&self) -> String {
        json!({ "type": "user", "content": self.0 }).to_string()
    }
}

fn check_text(field: &str, text: &str) -> Result<(), OptionError> {
    if text.is_empty() {
        return Err(wrong(field, "it is empty"));
    }
    // Bytes first: counting characters is only worth it where it can matter.
    if text.len() > TEXT_CHARACTERS_MAX && text.chars().count() > TEXT_CHARACTERS_MAX {
        return Err(wrong(field, format!("it has more than {TEXT_CHARACTERS_MAX} characters")));
    }
    Ok(())
}

fn check_block(field: &str, block: &Value) -> Result<(), OptionError> {
    let Value::Object(members) = block else {
        return Err(wrong(field, "a content block is an object"));
    };
    match members.get("type").and_then(Value::as_str) {
        Some("text") => match members.get("text") {
            Some(Value::String(text)) => check_text(&format!("{field}.text"), text),
            _ => Err(wrong(format!("{field}.text"), "it is missing, or not a string")),
        },
        Some("image" | "document") => match members.get("source") {
            Some(Value::Object(_)) => Ok(()),
            _ => Err(wrong(format!("{field}.source"), "it is missing, or not an object")),
        },
        Some(other) => Err(wrong(
            format!("{field}.type"),
            format!(
                "`{}` is not one of `text`, `image`, `document`",
                other.chars().take(40).collect::<String>()
            ),
        )),
        None => Err(wrong(format!("{field}.type"), "it is missing, or not a string")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_a_text_and_one_block_becomes_a_list() {
        assert_eq!(Content::parse(json!("hello")).unwrap().value(), &json!("hello"));
        let block = json!({"type":"text","text":"hello"});
        assert_eq!(Content::parse(block.clone()).unwrap().value(), &json!([block]));
        let image = json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}});
        assert_eq!(Content::parse(json!([block, image])).unwrap().value(), &json!([block, image]));
    }

    #[test]
    fn a_wrong_content_names_its_place() {
        let field = |content: Value| Content::parse(content).unwrap_err().field;
        assert_eq!(field(json!("")), "content");
        assert_eq!(field(json!(7)), "content");
        assert_eq!(field(json!([])), "content");
        assert_eq!(field(json!([{"type":"text","text":"x"}, {"type":"video"}])), "content.1.type");
        assert_eq!(field(json!([{"type":"image"}])), "content.0.source");
        assert_eq!(field(json!("x".repeat(500_001))), "content");
        assert_eq!(field(Value::Array(vec![json!({"type":"text","text":"x"}); 21])), "content");
    }

    #[test]
    fn the_line_for_the_cli_is_one_line() {
        let line = Content::parse(json!("a\nb")).unwrap().line();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["message"]["content"], "a\nb");
    }
}
