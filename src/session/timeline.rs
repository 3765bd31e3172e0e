//! The timeline of a session: what `GET …/events` lists, made of the stored frames.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::frame::FrameKind;
use super::shown::{Block, line_blocks, object};

/// One event of the timeline: its type and its data, JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TimelinePart {
    pub(crate) kind: &'static str,
    pub(crate) data: String,
}

/// The types that the published clients accept: a closed set.
pub(crate) const TYPES: [&str; 7] =
    ["text", "tool_start", "tool_result", "reasoning", "error", "turn_complete", "lifecycle"];

/// The timeline events of a frame, in order.
pub(crate) fn timeline(kind: FrameKind, data: &[u8]) -> Vec<TimelinePart> {
    match kind {
        // The published clients know no such types.
        FrameKind::PermissionAsked | FrameKind::PermissionResolved => Vec::new(),
        FrameKind::TurnStarted | FrameKind::User | FrameKind::Done | FrameKind::Pruned => {
            Vec::new()
        }
        FrameKind::Error => vec![part("error", data.to_vec())],
        FrameKind::Lifecycle => vec![part("lifecycle", data.to_vec())],
        FrameKind::Cli => cli(data),
    }
}

#[derive(Deserialize)]
struct ResultLine<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow, default)]
    num_turns: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
}

fn cli(line: &[u8]) -> Vec<TimelinePart> {
    if let Some((kind, blocks)) = line_blocks(line) {
        return match &*kind {
            "assistant" => blocks.into_iter().filter_map(|(_, block)| said(&block)).collect(),
            "user" => blocks.into_iter().filter_map(|(_, block)| tool_result(&block)).collect(),
            _ => Vec::new(),
        };
    }
    match serde_json::from_slice::<ResultLine<'_>>(line) {
        Ok(ResultLine { kind: "result", num_turns, result }) => {
            let members = [("numTurns", num_turns), ("result", result)];
            vec![part(
                "turn_complete",
                object(&members.map(|(name, raw)| (name, raw.map(RawValue::get)))),
            )]
        }
        Ok(_) | Err(_) => Vec::new(),
    }
}

fn said(block: &Block<'_>) -> Option<TimelinePart> {
    let get = |raw: Option<&'_ RawValue>| raw.map(|raw| raw.get().to_owned());
    let (kind, members) = match &*block.kind {
        "text" => ("text", vec![("text", get(block.text))]),
        "thinking" => ("reasoning", vec![("text", get(block.thinking))]),
        "tool_use" => (
            "tool_start",
            vec![
                ("toolName", get(block.name)),
                ("toolId", get(block.id)),
                ("input", get(block.input)),
            ],
        ),
        _ => return None,
    };
    let members: Vec<_> = members.iter().map(|(name, json)| (*name, json.as_deref())).collect();
    Some(part(kind, object(&members)))
}

fn tool_result(block: &Block<'_>) -> Option<TimelinePart> {
    if block.kind != "tool_result" {
        return None;
    }
    let members =
        [("toolId", block.tool_use_id), ("content", block.content), ("isError", block.is_error)];
    Some(part("tool_result", object(&members.map(|(name, raw)| (name, raw.map(RawValue::get))))))
}

fn part(kind: &'static str, data: Vec<u8>) -> TimelinePart {
    TimelinePart { kind, data: String::from_utf8(data).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_reads_as_a_story() {
        let lines = [
            r#"{"type":"system","subtype":"init"}"#,
            r#"{"type":"assistant","message":{"content":[{"type":"text","text":"Let me look."},{"type":"tool_use","id":"t","name":"Read","input":{}}]}}"#,
            r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t","content":"x"}]}}"#,
            r#"{"type":"result","num_turns":1,"result":"Done."}"#,
        ];
        let story: Vec<_> = lines
            .iter()
            .flat_map(|line| timeline(FrameKind::Cli, line.as_bytes()))
            .map(|part| (part.kind, part.data))
            .collect();
        assert_eq!(
            story,
            [
                ("text", r#"{"text":"Let me look."}"#.to_owned()),
                ("tool_start", r#"{"toolName":"Read","toolId":"t","input":{}}"#.to_owned()),
                ("tool_result", r#"{"toolId":"t","content":"x"}"#.to_owned()),
                ("turn_complete", r#"{"numTurns":1,"result":"Done."}"#.to_owned()),
            ]
        );
        assert!(story.iter().all(|(kind, _)| TYPES.contains(kind)));
    }
}
