//! How a stored frame is shown to the clients of a turn: the original's server-sent events.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::frame::FrameKind;
use crate::wire::turns::event;

/// Who sees an event of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    Everyone,
    /// Clients that asked for partial messages.
    Partial,
    /// Clients that did not: they have not seen the deltas of it.
    Whole,
    /// Those who watch the session, and not one turn.
    Watchers,
}

/// One event: its name and its data, one line of JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) data: Cow<'a, [u8]>,
    pub(crate) audience: Audience,
}

impl<'a> Shown<'a> {
    fn new(
        name: impl Into<Cow<'a, str>>,
        data: impl Into<Cow<'a, [u8]>>,
        audience: Audience,
    ) -> Self {
        Self { name: name.into(), data: data.into(), audience }
    }
}

/// The events of a frame, in order; never none, so that each frame has a sequence number.
pub(crate) fn shown(kind: FrameKind, data: &[u8]) -> Vec<Shown<'_>> {
    match kind {
        FrameKind::TurnStarted => vec![Shown::new(event::SESSION_START, data, Audience::Everyone)],
        FrameKind::User => vec![Shown::new(event::USER_MESSAGE, data, Audience::Watchers)],
        FrameKind::Lifecycle => vec![Shown::new(event::LIFECYCLE, data, Audience::Watchers)],
        FrameKind::Error => vec![Shown::new(event::ERROR, data, Audience::Everyone)],
        FrameKind::Done => vec![Shown::new(event::DONE, data, Audience::Everyone)],
        FrameKind::PermissionAsked => {
            vec![Shown::new(event::PERMISSION_REQUEST, data, Audience::Everyone)]
        }
        FrameKind::PermissionResolved => {
            vec![Shown::new(event::PERMISSION_RESOLVED, data, Audience::Everyone)]
        }
        FrameKind::Pruned => vec![Shown::new(event::RESYNC, data, Audience::Partial)],
        FrameKind::Cli => cli(data),
    }
}

/// The granular events of a CLI line, then the line itself.
fn cli(line: &[u8]) -> Vec<Shown<'_>> {
    let mut events = Vec::with_capacity(2);
    let mut audience = Audience::Everyone;
    match serde_json::from_slice::<Line<'_>>(line) {
        Ok(Line { kind, event: Some(inner), .. }) if kind == "stream_event" => {
            audience = Audience::Partial;
            events.extend(delta(inner));
        }
        Ok(Line { kind, message: Some(message), .. }) if kind == "assistant" => {
            events.extend(blocks(message).into_iter().filter_map(spoken));
        }
        Ok(Line { kind, message: Some(message), .. }) if kind == "user" => {
            events.extend(blocks(message).into_iter().filter_map(tool_result));
        }
        Ok(Line { kind, num_turns, result, .. }) if kind == "result" => {
            let data = object(&[
                ("numTurns", num_turns.map(RawValue::get)),
                ("result", result.map(RawValue::get)),
            ]);
            events.push(Shown::new(event::TURN_COMPLETE, data, Audience::Everyone));
        }
        // A line of an unknown or unexpected shape has no granular events, but is shown.
        Ok(_) | Err(_) => {}
    }
    events.push(Shown::new(event::MESSAGE, line, audience));
    events
}

/// The members that granular events are made of; everything else stays as it came.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) num_turns: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StreamEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
}

/// A content block or a delta of one.
#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) thinking: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) tool_use_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) is_error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
}

/// A content block, as it came and as it is read.
pub(super) type ReadBlock<'a> = (&'a RawValue, Block<'a>);

/// The content blocks of a message; none if its content is a plain text or has another shape.
pub(super) fn blocks(message: &RawValue) -> Vec<ReadBlock<'_>> {
    let Ok(message) = serde_json::from_str::<Message<'_>>(message.get()) else { return Vec::new() };
    message
        .content
        .into_iter()
        .filter_map(|raw| Some((raw, serde_json::from_str(raw.get()).ok()?)))
        .collect()
}

fn delta(stream_event: &RawValue) -> Option<Shown<'_>> {
    let inner: StreamEvent<'_> = serde_json::from_str(stream_event.get()).ok()?;
    if inner.kind != "content_block_delta" {
        return None;
    }
    let raw = inner.delta?;
    let block: Block<'_> = serde_json::from_str(raw.get()).ok()?;
    Some(match &*block.kind {
        "text_delta" => {
            let data = object(&[("delta", block.text.map(RawValue::get))]);
            Shown::new(event::TEXT_DELTA, data, Audience::Partial)
        }
        "thinking_delta" => {
            let data = object(&[("delta", block.thinking.map(RawValue::get))]);
            Shown::new(event::THINKING_DELTA, data, Audience::Partial)
        }
        _ => other(block.kind, raw, Audience::Partial)?,
    })
}

/// A block of an assistant message. Its text has no event of its own: it comes as deltas, and
/// as the `message`.
fn spoken((raw, block): ReadBlock<'_>) -> Option<Shown<'_>> {
    match &*block.kind {
        "text" => None,
        "thinking" => {
            let data = object(&[("delta", block.thinking.map(RawValue::get))]);
            Some(Shown::new(event::THINKING_DELTA, data, Audience::Whole))
        }
        "tool_use" => {
            let members = [("id", block.id), ("name", block.name), ("input", block.input)];
            let data = object(&members.map(|(name, raw)| (name, raw.map(RawValue::get))));
            Some(Shown::new(event::TOOL_USE, data, Audience::Everyone))
        }
        _ => other(block.kind, raw, Audience::Everyone),
    }
}

fn tool_result((_, block): ReadBlock<'_>) -> Option<Shown<'_>> {
    if !is_shown(&block.kind) {
        return None;
    }
    let members = [
        ("tool_use_id", block.tool_use_id),
        ("content", block.content),
        ("is_error", block.is_error),
    ];
    let data = object(&members.map(|(name, raw)| (name, raw.map(RawValue::get))));
    Some(Shown::new(event::TOOL_RESULT, data, Audience::Everyone))
}

/// A block under its own name, if that name can stand in an `event:` line.
fn other<'a>(kind: Cow<'a, str>, raw: &'a RawValue, audience: Audience) -> Option<Shown<'a>> {
    is_usable(&kind).then(|| Shown::new(kind, raw.get().as_bytes(), audience))
}

fn is_usable(kind: &str) -> bool {
    /// Longest name taken over from the CLI; its own are below 40.
    const NAME_BYTES_MAX: usize = 64;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !kind.is_empty() && kind.len() <= NAME_BYTES_MAX && kind.chars().all(plain)
}

/// Whether such a block of an assistant message has an event of its own.
pub(super) fn is_spoken(kind: &str) -> bool {
    kind != "text" && is_usable(kind)
}

/// The same of a block of a user's message.
pub(super) fn is_shown(kind: &str) -> bool {
    kind == "tool_result"
}

/// Whether a stream event has an event of its own.
pub(super) fn is_delta(stream_event: &RawValue) -> bool {
    delta(stream_event).is_some()
}

/// A JSON object of members that are JSON already; an absent one is left out.
pub(super) fn object(members: &[(&str, Option<&str>)]) -> Vec<u8> {
    let mut data = vec![b'{'];
    for (name, json) in members.iter().filter_map(|(name, json)| Some((name, (*json)?))) {
        if data.len() > 1 {
            data.push(b',');
        }
        data.extend_from_slice(format!("\"{name}\":").as_bytes());
        data.extend_from_slice(json.as_bytes());
    }
    data.push(b'}');
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<(String, String, Audience)> {
        let text = |data: &[u8]| String::from_utf8(data.to_vec()).unwrap();
        shown(FrameKind::Cli, line.as_bytes())
            .into_iter()
            .map(|event| (event.name.to_string(), text(&event.data), event.audience))
            .collect()
    }

    #[test]
    fn a_text_delta_is_seen_by_those_who_asked_for_it() {
        let line = r#"{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hé\"\n"}},"session_id":"s"}"#;
        assert_eq!(
            names(line),
            [
                ("text_delta".into(), r#"{"delta":"hé\"\n"}"#.into(), Audience::Partial),
                ("message".into(), line.into(), Audience::Partial),
            ]
        );
    }

    #[test]
    fn an_assistant_message_gives_its_tools_and_then_itself() {
        let line = r#"{"message":{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"hi"},{"type":"tool_use","id":"t1","name":"Read","input":{"b":1.50,"a":2}}]},"type":"assistant"}"#;
        assert_eq!(
            names(line),
            [
                ("thinking_delta".into(), r#"{"delta":"hm"}"#.into(), Audience::Whole),
                (
                    "tool_use".into(),
                    r#"{"id":"t1","name":"Read","input":{"b":1.50,"a":2}}"#.into(),
                    Audience::Everyone
                ),
                ("message".into(), line.into(), Audience::Everyone),
            ]
        );
    }

    #[test]
    fn a_tool_result_names_its_tool_use() {
        let line = r#"{"type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"ok","is_error":false}]}}"#;
        assert_eq!(names(line)[0].1, r#"{"tool_use_id":"t1","content":"ok","is_error":false}"#);
    }

    #[test]
    fn a_result_completes_the_turn() {
        let line = r#"{"num_turns":2,"result":"bye","type":"result","subtype":"success"}"#;
        assert_eq!(
            names(line)[0],
            ("turn_complete".into(), r#"{"numTurns":2,"result":"bye"}"#.into(), Audience::Everyone)
        );
    }

    #[test]
    fn what_is_not_known_passes_through_untouched() {
        for line in [
            r#"{"type":"from_the_future","event":5,"message":"x"}"#,
            r#"{"type":"assistant","message":{"content":"plain"}}"#,
            r#"{"type":7}"#,
            r#"{"type":"stream_event","event":{"type":"message_start"}}"#,
        ] {
            let events = names(line);
            assert_eq!(events.len(), 1, "{line}");
            assert_eq!((events[0].0.as_str(), events[0].1.as_str()), ("message", line));
        }
    }

    #[test]
    fn a_block_cannot_forge_an_event_line() {
        let line = r#"{"type":"assistant","message":{"content":[{"type":"x\nevent: done"},{"type":"redacted_thinking","data":"z"}]}}"#;
        let events = names(line);
        assert_eq!(events[0].0, "redacted_thinking");
        assert_eq!(events.len(), 2);
    }
}
