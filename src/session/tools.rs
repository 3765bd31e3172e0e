//! Which tools a line of the CLI calls, and which have answered with it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::shown::{Block, blocks};

/// A step of a tool. What it is given and what it answers is not here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToolStep {
    /// Another call, if any, is the one that this is a part of: that of a subagent.
    Called {
        id: String,
        name: String,
        within: Option<String>,
    },
    Answered {
        id: String,
        failed: bool,
    },
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(default)]
    parent_tool_use_id: Option<String>,
}

/// The steps of a line of the kind `assistant` or `user`; none of one that has another shape.
pub(crate) fn steps(line: &[u8]) -> Vec<ToolStep> {
    let Ok(Line { message: Some(message), parent_tool_use_id }) = serde_json::from_slice(line)
    else {
        return Vec::new();
    };
    let step = |block: &Block<'_>| match &*block.kind {
        "tool_use" => Some(ToolStep::Called {
            id: text(block.id)?,
            name: text(block.name)?,
            within: parent_tool_use_id.clone(),
        }),
        "tool_result" => {
            let failed = block.is_error.is_some_and(|failed| failed.get() == "true");
            Some(ToolStep::Answered { id: text(block.tool_use_id)?, failed })
        }
        _ => None,
    };
    blocks(message).iter().filter_map(|(_, block)| step(block)).collect()
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_and_its_answer_are_found_and_nothing_of_what_they_say() {
        let called = br#"{"type":"assistant","message":{"content":[{"type":"text","text":"a"},{"type":"tool_use","id":"t","name":"Bash","input":{"command":"x"}}]},"parent_tool_use_id":"p"}"#;
        let call = ToolStep::Called {
            id: "t".to_owned(),
            name: "Bash".to_owned(),
            within: Some("p".to_owned()),
        };
        assert_eq!(steps(called), [call]);
        let answered = br#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":"no"}]},"parent_tool_use_id":null}"#;
        assert_eq!(steps(answered), [ToolStep::Answered { id: "t".to_owned(), failed: true }]);
        for odd in ["", "[]", r#"{"message":"a"}"#, r#"{"message":{"content":"a"}}"#] {
            assert_eq!(steps(odd.as_bytes()), [], "{odd}");
        }
    }
}
