//! Messages, the events of a turn, and the history on the wire.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{SessionId, TurnId};

/// Longest text of one message, in characters: the original's limit.
pub(crate) const TEXT_CHARACTERS_MAX: usize = 500_000;
/// Most blocks in one message: the original's limit.
pub(crate) const BLOCKS_MAX: usize = 20;

/// Body of `POST /api/sessions/:id/messages`. `content` is a text, one block, or a list of
/// blocks (`text`, `image`, `document`); it is judged by `control::send`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SendMessage {
    pub(crate) content: serde_json::Value,
    /// Show `text_delta` and the CLI's `stream_event` frames.
    #[serde(default)]
    pub(crate) include_partial_messages: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_turns: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_budget_usd: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) effort: Option<Effort>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) thinking: Option<Thinking>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output_format: Option<OutputFormat>,
    /// Interrupt the turn when it has run for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_seconds: Option<u32>,
}

impl SendMessage {
    /// A plain text without options.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            content: serde_json::Value::String(text.into()),
            include_partial_messages: false,
            model: None,
            max_turns: None,
            max_budget_usd: None,
            effort: None,
            thinking: None,
            output_format: None,
            timeout_seconds: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Effort {
    Low,
    Medium,
    High,
    Max,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Thinking {
    #[serde(rename = "type")]
    pub(crate) kind: ThinkingKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) budget_tokens: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum ThinkingKind {
    Adaptive,
    Enabled,
    Disabled,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputFormat {
    #[serde(rename = "type")]
    pub(crate) kind: OutputKind,
    pub(crate) schema: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum OutputKind {
    #[serde(rename = "json_schema")]
    JsonSchema,
}

/// Names of the server-sent events of a turn. The set is open: a delta or a block of a kind
/// that is not listed comes under its own name.
pub(crate) mod event {
    pub(crate) const SESSION_START: &str = "session_start";
    pub(crate) const TEXT_DELTA: &str = "text_delta";
    pub(crate) const THINKING_DELTA: &str = "thinking_delta";
    pub(crate) const TOOL_USE: &str = "tool_use";
    pub(crate) const TOOL_RESULT: &str = "tool_result";
    pub(crate) const TURN_COMPLETE: &str = "turn_complete";
    pub(crate) const MESSAGE: &str = "message";
    pub(crate) const ERROR: &str = "error";
    pub(crate) const DONE: &str = "done";
    pub(crate) const PERMISSION_REQUEST: &str = "permission_request";
    pub(crate) const PERMISSION_RESOLVED: &str = "permission_resolved";

    // Only in the stream of a session.
    pub(crate) const USER_MESSAGE: &str = "user_message";
    pub(crate) const LIFECYCLE: &str = "lifecycle";
    pub(crate) const RESYNC: &str = "resync";
}

/// The header with which a client names its request, so that it is never taken twice.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Longest such name, in bytes.
pub(crate) const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// The header that tells a message's turn.
pub(crate) const TURN_ID: &str = "ash-turn-id";
/// The header that tells the last event that a client has.
pub(crate) const LAST_EVENT_ID: &str = "last-event-id";

/// The span that a request is a part of, by W3C Trace Context.
#[cfg(test)]
pub(super) const TRACE_PARENT: &str = "traceparent";
#[cfg(test)]
pub(super) const TRACE_PARENT_ABOUT: &str =
    "The span that this is a part of, by W3C Trace Context.";

/// One row of `GET /api/sessions/:id/messages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredMessage {
    pub(crate) id: uuid::Uuid,
    pub(crate) session_id: SessionId,
    pub(crate) tenant_id: String,
    /// `user` or `assistant`.
    pub(crate) role: String,
    /// JSON in a string: `{"type":"user","content":…}`, or the CLI's frame verbatim.
    pub(crate) content: String,
    /// From 1, without gaps.
    pub(crate) sequence: u64,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageList {
    pub(crate) messages: Vec<StoredMessage>,
    /// The `cursor` of the next page; absent behind the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// One row of `GET /api/sessions/:id/events`: the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimelineEvent {
    pub(crate) id: uuid::Uuid,
    pub(crate) session_id: SessionId,
    pub(crate) tenant_id: String,
    /// `text`, `tool_start`, `tool_result`, `reasoning`, `error`, `turn_complete`, `lifecycle`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// JSON in a string.
    pub(crate) data: Option<String>,
    /// From 1, without gaps.
    pub(crate) sequence: u64,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimelineList {
    pub(crate) events: Vec<TimelineEvent>,
    /// The `cursor` of the next page; absent behind the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// Data of `resync`: some of what was asked for cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Resync {
    pub(crate) reason: ResyncReason,
    /// The last event that the client has.
    pub(crate) asked: u64,
    /// The stream goes on behind this number.
    pub(crate) from: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResyncReason {
    /// The events between were removed.
    Pruned,
    /// The log ends before: the server lost what the client has.
    Ahead,
    /// Of the events of the host: another ashd has begun, and has them from its start.
    Restarted,
}

/// One row of `GET /api/sessions/:id/queue`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueuedTurn {
    pub(crate) turn_id: TurnId,
    /// `running` or `queued`.
    pub(crate) state: String,
    /// The start of what was said.
    pub(crate) text: String,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Queue {
    /// The running turn, then those that wait, in their order.
    pub(crate) turns: Vec<QueuedTurn>,
}

/// Answer of `DELETE /api/sessions/:id/queue/:turn`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Removed {
    pub(crate) turn_id: TurnId,
}

/// Answer of `POST /api/sessions/:id/queue/:turn/now`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct SentNow {
    /// The turn that runs next.
    pub(crate) turn_id: TurnId,
    /// The turn that was interrupted for it; none ran if absent.
    pub(crate) interrupted_turn_id: Option<TurnId>,
}

/// Answer of `POST /api/sessions/:id/interrupt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Interrupted {
    /// The turn that was told to stop; none ran if absent.
    pub(crate) turn_id: Option<TurnId>,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::{flag, one_of, operation, text, uuid, whole};
    use super::operations::Operation;
    use super::problem::Code;
    use super::sessions::STARTS;
    vec![
        operation(Operation::SendMessage, "Sends a message and streams its turn.")
            .header(LAST_EVENT_ID, "Of a repeated request: the event behind which to go on.")
            .header(TRACE_PARENT, TRACE_PARENT_ABOUT)
            .body::<SendMessage>()
            .streams("The stream")
            .refuses(STARTS)
            .refuses(&[Code::IdempotencyMismatch, Code::QueueFull, Code::SessionState]),
        operation(Operation::StreamSession, "Streams the events of a session.")
            .query("after", whole(0, i64::MAX.unsigned_abs()), "The event behind which to begin.")
            .query("includePartialMessages", flag(), "Also the text while it is written.")
            .query("turn", uuid(), "Only this turn, up to its `done`.")
            .query("until", one_of(&["done"]), "The stream ends behind the first `done`.")
            .header(LAST_EVENT_ID, "As `after`, and wins.")
            .streams("The stream")
            .answers_nothing(204)
            .refuses(&[Code::TurnNotFound]),
        operation(Operation::InterruptSession, "Interrupts the running turn.")
            .answers::<Interrupted>(200),
        operation(Operation::ListQueue, "Lists the running turn and those that wait.")
            .answers::<Queue>(200),
        operation(Operation::RemoveTurn, "Removes a turn that waits.")
            .answers::<Removed>(200)
            .refuses(&[Code::TurnNotFound, Code::TurnRunning]),
        operation(Operation::SendNow, "Puts a turn that waits before all others.")
            .answers::<SentNow>(200)
            .refuses(&[Code::TurnNotFound, Code::TurnRunning]),
        operation(Operation::ListMessages, "Lists the history of a session.")
            .query(
                "after",
                whole(0, i64::MAX.unsigned_abs()),
                "The `sequence` behind which to begin.",
            )
            .query("limit", whole(1, 1000), "By default 100.")
            .query("cursor", text(), "The `nextCursor` of the page before; wins over `after`.")
            .answers::<MessageList>(200),
        operation(Operation::ListEvents, "Lists the timeline of a session.")
            .query(
                "after",
                whole(0, i64::MAX.unsigned_abs()),
                "The `sequence` behind which to begin.",
            )
            .query("limit", whole(1, 1000), "By default 200.")
            .query("cursor", text(), "The `nextCursor` of the page before; wins over `after`.")
            .query("type", text(), "Only of this type.")
            .answers::<TimelineList>(200),
    ]
}
