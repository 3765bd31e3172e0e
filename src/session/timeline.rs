//! The timeline of a session: what `GET …/events` lists, made of the stored frames.

use serde_json::value::RawValue;

use super::frame::FrameKind;
use super::shown::{Block, Line, blocks, is_shown, object};

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

fn cli(line: &[u8]) -> Vec<TimelinePart> {
    let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else { return Vec::new() };
    match (&*line.kind, line.message) {
        ("assistant", Some(message)) => {
            blocks(message).into_iter().filter_map(|(_, block)| said(&block)).collect()
        }
        ("user", Some(message)) => {
            blocks(message).into_iter().filter_map(|(_, block)| tool_result(&block)).collect()
        }
        ("result", None) => {
            let members = [("numTurns", line.num_turns), ("result", line.result)];
            vec![part(
                "turn_complete",
                object(&members.map(|(name, raw)| (name, raw.map(RawValue::get)))),
            )]
        }
        _ => Vec::new(),
    }
}

/// The type of what such a block of an assistant message says.
pub(super) fn said_kind(block: &str) -> Option<&'static str> {
    match block {
        "text" => Some("text"),
        "thinking" => Some("reasoning"),
        "tool_use" => Some("tool_start"),
        _ => None,
    }
}

fn said(block: &Block<'_>) -> Option<TimelinePart> {
    let get = |raw: Option<&'_ RawValue>| raw.map(|raw| raw.get().to_owned());
    let kind = said_kind(&block.kind)?;
    let members = match kind {
        "text" => vec![("text", get(block.text))],
        "reasoning" => vec![("text", get(block.thinking))],
        _ => vec![
            ("toolName", get(block.name)),
            ("toolId", get(block.id)),
            ("input", get(block.input)),
        ],
    };
    let members: Vec<_> = members.iter().map(|(name, json)| (*name, json.as_deref())).collect();
    Some(part(kind, object(&members)))
}

fn tool_result(block: &Block<'_>) -> Option<TimelinePart> {
    if !is_shown(&block.kind) {
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
