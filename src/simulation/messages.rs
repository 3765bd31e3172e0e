//! The words of the Messages API that an answer is made of: its blocks, and the events that
//! stream them. The stand-in API sends them as they are; the CLI wraps them in `stream_event`.

use serde::Serialize;
use serde_json::Value;

/// One block of an answer.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Block<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str, signature: &'a str },
    ToolUse { id: &'a str, name: &'a str, input: &'a Value },
}

/// What a stream adds to a block.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "type")]
pub(crate) enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    Input { partial_json: &'a str },
}

/// Tokens, as the API counts them.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Usage {
    pub(crate) input_tokens: u64,
    pub(crate) cache_creation_input_tokens: u64,
    pub(crate) cache_read_input_tokens: u64,
    pub(crate) output_tokens: u64,
}

/// The head of an answer.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Message<'a> {
    pub(crate) id: &'a str,
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    pub(crate) role: &'a str,
    pub(crate) model: &'a str,
    pub(crate) content: &'a [Block<'a>],
    pub(crate) stop_reason: Option<&'a str>,
    pub(crate) stop_sequence: Option<&'a str>,
    pub(crate) usage: Usage,
}

impl<'a> Message<'a> {
    /// An answer that has only begun.
    pub(crate) fn begun(id: &'a str, model: &'a str, usage: Usage) -> Self {
        Self {
            id,
            kind: "message",
            role: "assistant",
            model,
            content: &[],
            stop_reason: None,
            stop_sequence: None,
            usage,
        }
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Stop<'a> {
    pub(crate) stop_reason: Option<&'a str>,
    pub(crate) stop_sequence: Option<&'a str>,
}

/// One event of a streamed answer.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum StreamEvent<'a> {
    MessageStart { message: Message<'a> },
    ContentBlockStart { index: usize, content_block: Block<'a> },
    ContentBlockDelta { index: usize, delta: Delta<'a> },
    ContentBlockStop { index: usize },
    MessageDelta { delta: Stop<'a>, usage: Usage },
    MessageStop,
}

impl StreamEvent<'_> {
    /// The name behind `event:` on the wire.
    #[cfg(feature = "testing")]
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::MessageStart { .. } => "message_start",
            Self::ContentBlockStart { .. } => "content_block_start",
            Self::ContentBlockDelta { .. } => "content_block_delta",
            Self::ContentBlockStop { .. } => "content_block_stop",
            Self::MessageDelta { .. } => "message_delta",
            Self::MessageStop => "message_stop",
        }
    }

    /// Whether it belongs to a thinking block and shows some of it.
    pub(crate) fn is_thinking(&self) -> bool {
        matches!(
            self,
            Self::ContentBlockStart { content_block: Block::Thinking { .. }, .. }
                | Self::ContentBlockDelta { delta: Delta::Thinking { .. }, .. }
        )
    }
}

impl<'a> Block<'a> {
    /// The block as a stream begins it, before its first delta.
    pub(crate) fn empty(self, no_input: &'a Value) -> Self {
        match self {
            Self::Text { .. } => Self::Text { text: "" },
            Self::Thinking { .. } => Self::Thinking { thinking: "", signature: "" },
            Self::ToolUse { id, name, .. } => Self::ToolUse { id, name, input: no_input },
        }
    }
}

/// A guess at how many tokens `bytes` are; the API's own rule of thumb.
pub(crate) fn tokens(bytes: usize) -> u64 {
    bytes as u64 / 4 + 1
}
