//! Lines of the CLI, as far as a person is shown them. What is not understood is skipped: the
//! CLI has more kinds of lines than are listed here, and gets new ones.

use serde_json::Value;

/// Longest input of a tool that is shown, in characters.
const INPUT_CHARACTERS_MAX: usize = 100;

/// What a line of the CLI means for the person who waits.
#[derive(Debug, PartialEq)]
pub(crate) enum Frame {
    /// The agent said something; a subagent's words are not the answer.
    Said(String),
    /// The model API failed and is asked again.
    Retry(String),
    /// The turn came to its end.
    Result(Ending),
    /// Nothing that is shown.
    Other,
}

/// How a turn ended.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Ending {
    /// The last words of the agent.
    pub(crate) text: String,
    /// Why it is not a success.
    pub(crate) error: Option<TurnError>,
    /// Calls of the model, milliseconds, dollars of the session so far.
    pub(crate) summary: String,
}

/// Why a turn is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TurnError {
    Interrupted,
    Failed(String),
}

impl Frame {
    /// Reads a line.
    pub(crate) fn read(line: &str) -> Self {
        let Ok(frame) = serde_json::from_str::<Value>(line) else { return Self::Other };
        match (text(&frame["type"]), text(&frame["subtype"])) {
            // An assistant line with an `error` is made up by the CLI; its text comes again as
            // the result's.
            ("assistant", _)
                if frame["parent_tool_use_id"].is_null() && !frame["error"].is_string() =>
            {
                match said(&frame["message"]["content"]) {
                    said if said.is_empty() => Self::Other,
                    said => Self::Said(said),
                }
            }
            ("system", "api_retry") => Self::Retry(retry(&frame)),
            ("result", subtype) => Self::Result(Ending {
                text: text(&frame["result"]).to_owned(),
                error: error(&frame, subtype),
                summary: summary(&frame),
            }),
            _ => Self::Other,
        }
    }
}

/// The text of a stored message; `None` for one that has none to show.
pub(crate) fn text_of_stored(content: &str) -> Option<String> {
    let stored: Value = serde_json::from_str(content).ok()?;
    let parts = match text(&stored["type"]) {
        "user" => shown(&stored["content"]),
        "assistant" => shown(&stored["message"]["content"]),
        _ => String::new(),
    };
    (!parts.is_empty()).then_some(parts)
}

/// A use of a tool in one line.
pub(crate) fn tool_line(tool: &Value) -> String {
    let input = tool["input"].to_string();
    let mut shown: String = input.chars().take(INPUT_CHARACTERS_MAX).collect();
    if shown.len() < input.len() {
        shown.push('…');
    }
    format!("{} {shown}", text(&tool["name"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The text blocks of a content.
fn said(content: &Value) -> String {
    let blocks = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts = blocks.iter().filter(|block| text(&block["type"]) == "text");
    texts.map(|block| text(&block["text"])).collect::<Vec<_>>().join("\n")
}

/// A content as text, with a word for each block that is none.
fn shown(content: &Value) -> String {
    let blocks = match content {
        Value::String(text) => return text.clone(),
        Value::Array(blocks) => blocks.as_slice(),
        block => std::slice::from_ref(block),
    };
    let parts = blocks.iter().filter_map(|block| match text(&block["type"]) {
        "" | "thinking" | "redacted_thinking" => None,
        "text" => Some(text(&block["text"]).to_owned()),
        "tool_use" => Some(format!("[tool: {}]", tool_line(block))),
        other => Some(format!("[{other}]")),
    });
    parts.collect::<Vec<_>>().join("\n")
}

fn retry(frame: &Value) -> String {
    let why = match (frame["error_status"].as_u64(), text(&frame["error"])) {
        (Some(status), "") => format!("answered {status}"),
        (Some(status), error) => format!("answered {status} ({error})"),
        (None, "") => "did not answer".to_owned(),
        (None, error) => format!("did not answer ({error})"),
    };
    let delay = frame["retry_delay_ms"].as_f64().unwrap_or_default() / 1000.0;
    format!(
        "the model API {why}; try {} of {} in {delay:.1} s",
        frame["attempt"], frame["max_retries"]
    )
}

fn error(frame: &Value, subtype: &str) -> Option<TurnError> {
    if frame["is_error"] != true && matches!(subtype, "success" | "") {
        return None;
    }
    if text(&frame["terminal_reason"]).starts_with("aborted") {
        return Some(TurnError::Interrupted);
    }
    let errors: Vec<&str> =
        frame["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    Some(TurnError::Failed(match subtype {
        "error_max_turns" => "the turn reached its limit of steps (`--max-turns`)".to_owned(),
        "error_max_budget_usd" => "the turn used up its budget (`--max-budget-usd`)".to_owned(),
        "error_max_structured_output_retries" => "no answer fitted the schema".to_owned(),
        _ if !errors.is_empty() => errors.join("; "),
        _ if !text(&frame["result"]).is_empty() => text(&frame["result"]).to_owned(),
        _ => "the agent gave no reason".to_owned(),
    }))
}

fn summary(frame: &Value) -> String {
    let mut parts = vec![];
    if let Some(steps) = frame["num_turns"].as_u64() {
        parts.push(format!("{steps} {}", if steps == 1 { "step" } else { "steps" }));
    }
    if let Some(milliseconds) = frame["duration_ms"].as_f64() {
        parts.push(format!("{:.1} s", milliseconds / 1000.0));
    }
    if let Some(dollars) = frame["total_cost_usd"].as_f64() {
        parts.push(format!("${dollars:.4} in this session"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(text: &str) -> TurnError {
        TurnError::Failed(text.to_owned())
    }

    #[test]
    fn the_words_of_the_agent_are_the_answer_and_a_subagents_are_not() {
        let line = r#"{"message":{"content":[{"type":"text","text":"a"},{"type":"thinking"},{"type":"text","text":"b"}]},"type":"assistant","parent_tool_use_id":null}"#;
        assert_eq!(Frame::read(line), Frame::Said("a\nb".to_owned()));
        let line = line.replace("null", "\"toolu_1\"");
        assert_eq!(Frame::read(&line), Frame::Other);
    }

    #[test]
    fn an_error_that_the_cli_words_as_an_answer_is_none() {
        let line = r#"{"type":"assistant","error":"rate_limit","message":{"content":[{"type":"text","text":"API Error"}]}}"#;
        assert_eq!(Frame::read(line), Frame::Other);
    }

    #[test]
    fn a_retry_says_what_happens_when() {
        let line = r#"{"type":"system","subtype":"api_retry","attempt":2,"max_retries":10,"retry_delay_ms":2500.5,"error_status":529,"error":"overloaded"}"#;
        let expected = "the model API answered 529 (overloaded); try 2 of 10 in 2.5 s";
        assert_eq!(Frame::read(line), Frame::Retry(expected.to_owned()));
    }

    #[test]
    fn every_way_to_end_is_told_apart() {
        for (line, error) in [
            (r#"{"type":"result","subtype":"success","is_error":false,"result":"ok"}"#, None),
            (
                r#"{"type":"result","subtype":"success","is_error":true,"result":"API Error: 500"}"#,
                Some(failed("API Error: 500")),
            ),
            (
                r#"{"type":"result","subtype":"error_max_turns","is_error":true}"#,
                Some(failed("the turn reached its limit of steps (`--max-turns`)")),
            ),
            (
                r#"{"type":"result","subtype":"error_during_execution","is_error":true,"errors":["x","y"]}"#,
                Some(failed("x; y")),
            ),
            (
                r#"{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_tools"}"#,
                Some(TurnError::Interrupted),
            ),
            (
                r#"{"type":"result","subtype":"error_of_tomorrow"}"#,
                Some(failed("the agent gave no reason")),
            ),
        ] {
            match Frame::read(line) {
                Frame::Result(ending) => assert_eq!(ending.error, error, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_skipped() {
        for line in
            ["", "no json", "[]", "1", r#"{"type":"keep_alive"}"#, r#"{"type":"assistant"}"#]
        {
            assert_eq!(Frame::read(line), Frame::Other, "{line}");
        }
    }

    #[test]
    fn stored_messages_are_shown_with_their_tools() {
        for (content, expected) in [
            (r#"{"type":"user","content":"hello"}"#, Some("hello")),
            (
                r#"{"type":"user","content":[{"type":"text","text":"see"},{"type":"image","source":{}}]}"#,
                Some("see\n[image]"),
            ),
            (
                r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"Bash","input":{"command":"ls"}}]}}"#,
                Some(r#"[tool: Bash {"command":"ls"}]"#),
            ),
            (r#"{"type":"result","result":"done"}"#, None),
            ("broken", None),
        ] {
            assert_eq!(text_of_stored(content).as_deref(), expected, "{content}");
        }
    }

    #[test]
    fn a_long_input_of_a_tool_is_cut() {
        let tool = serde_json::json!({"name": "Write", "input": {"content": "ä".repeat(500)}});
        assert_eq!(tool_line(&tool).chars().count(), "Write ".len() + INPUT_CHARACTERS_MAX + 1);
    }
}
