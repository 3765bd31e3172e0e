//! A stored frame, and the little of it that Ash reads.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::shown::{Audience, Line};

/// What a stored frame is. The numbers are the database: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FrameKind {
    /// A turn began: `{"sessionId":…,"version":…}`.
    TurnStarted = 0,
    /// The user's message: `{"type":"user","content":…}`.
    User = 1,
    /// A line of the CLI, byte for byte.
    Cli = 2,
    /// Something went wrong: `{"error":…}`.
    Error = 3,
    /// The turn's end: `{"sessionId":…}`.
    Done = 4,
    /// A fact about the session: `{"action":…}`.
    Lifecycle = 5,
    /// The CLI asks before it uses a tool.
    PermissionAsked = 6,
    /// What became of such a question.
    PermissionResolved = 7,
    /// Some events of a message were removed here, long after it became whole. Empty.
    Pruned = 8,
}

impl FrameKind {
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        [
            Self::TurnStarted,
            Self::User,
            Self::Cli,
            Self::Error,
            Self::Done,
            Self::Lifecycle,
            Self::PermissionAsked,
            Self::PermissionResolved,
            Self::Pruned,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == number)
    }
}

/// Whether the frame is a piece of a message that another one holds as a whole, once it is whole.
pub(crate) fn is_piece(kind: u8, data: &[u8]) -> bool {
    kind == FrameKind::Cli as u8 && Head::read(data).kind == "stream_event"
}

/// A frame with its place in the session's log. It is shown as `width` events, which have the
/// sequence numbers `sequence - width + 1 ..= sequence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) sequence: u64,
    pub(crate) width: u32,
    /// The turn's ordinal; none outside of turns.
    pub(crate) turn: Option<u64>,
    pub(crate) kind: FrameKind,
    /// Who sees all of its events, where that was read when it was stored: spares its readers a parse.
    pub(crate) audience: Option<Audience>,
    pub(crate) data: Bytes,
}

/// Who speaks in a message of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    User,
    Assistant,
}

/// The members of a CLI line that decide what becomes of it. Key order differs between
/// versions of the CLI, so this is a parse and never a look at a prefix. It has all members of
/// [`Line`], so that what is odd for one is odd for the other.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Head<'a> {
    #[serde(rename = "type", borrow, default)]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) subtype: Option<Cow<'a, str>>,
    /// Of `system/session_state_changed`: `running`, `idle`, `requires_action`.
    #[serde(borrow, default)]
    pub(crate) state: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(crate) is_error: bool,
    #[serde(borrow, default)]
    pub(crate) terminal_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) result: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) errors: Vec<Cow<'a, str>>,
    /// What its events are made of, unread.
    #[serde(borrow, default)]
    pub(super) message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) event: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "num_turns")]
    _num_turns: Option<&'a RawValue>,
    /// It has a shape that nothing but its type is read of.
    #[serde(skip)]
    pub(super) is_odd: bool,
}

impl<'a> Head<'a> {
    /// Reads a line; one whose members have other types than expected is of no known type.
    pub(crate) fn read(line: &'a [u8]) -> Self {
        serde_json::from_slice(line).unwrap_or_else(|_unexpected| Self::of_unexpected(line))
    }

    fn of_unexpected(line: &'a [u8]) -> Self {
        if let Ok(Line { kind, event, message, .. }) = serde_json::from_slice(line) {
            return Self { kind, message, event, ..Self::default() };
        }
        let kind = serde_json::from_slice::<TypeOnly<'a>>(line).map(|only| only.kind);
        Self { kind: kind.unwrap_or_default(), is_odd: true, ..Self::default() }
    }

    /// Whether the CLI tells what it wrote into its transcript.
    pub(crate) fn is_mirror(&self) -> bool {
        self.kind == "transcript_mirror"
    }

    /// Whether the model says something with it.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(&*self.kind, "assistant" | "stream_event")
    }

    /// Whether the line is part of the conversation's history.
    pub(crate) fn speaker(&self) -> Option<Speaker> {
        matches!(&*self.kind, "assistant" | "result").then_some(Speaker::Assistant)
    }
}

#[derive(Deserialize)]
struct TypeOnly<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_members_does_not_matter() {
        let head = Head::read(
            br#"{"duration_api_ms":1,"is_error":true,"type":"result","subtype":"success"}"#,
        );
        assert_eq!(
            (&*head.kind, head.subtype.as_deref(), head.is_error),
            ("result", Some("success"), true)
        );
        assert_eq!(head.speaker(), Some(Speaker::Assistant));
    }

    #[test]
    fn a_member_of_an_unexpected_type_leaves_the_type_readable() {
        let head = Head::read(br#"{"type":"novel","state":{"deep":1},"errors":7}"#);
        assert_eq!((&*head.kind, head.state), ("novel", None));
        assert_eq!(&*Head::read(b"[]").kind, "");
    }
}
