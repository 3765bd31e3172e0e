//! An answer as server-sent events, or as one JSON document.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::Stream;
use http_body::Frame;
use serde_json::{Value, json};

use super::answer::Part;
use crate::simulation::{Block, Delta, Message, Stop, StreamEvent, Usage, pieces};

/// What a thinking block is signed with.
const SIGNATURE: &str = "c3RhbmQtaW4=";

/// How long the last bytes before a cut are on their way: a client that sees both at once
/// reports a connection that never spoke.
const CUT_AFTER: Duration = Duration::from_millis(50);

/// The answer was cut on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
pub(super) struct Cut;

/// One thing to do while answering.
#[derive(Debug)]
enum Step {
    Send(Bytes),
    Pause(Duration),
    Silence,
    Cut,
}

/// An answer's head.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) number: u64,
    pub(super) model: String,
    pub(super) usage: Usage,
}

impl Head {
    fn message_id(&self) -> String {
        format!("msg_standin{:017}", self.number)
    }

    fn tool_id(&self, index: usize) -> String {
        format!("toolu_standin{:011}{index:04}", self.number)
    }
}

/// The parts as the body of an event stream.
pub(super) fn events(
    head: &Head,
    parts: &[Part],
) -> impl Stream<Item = Result<Frame<Bytes>, Cut>> + Send + use<> {
    futures_util::stream::unfold(steps(head, parts), async |mut steps| {
        loop {
            match steps.pop_front()? {
                Step::Send(bytes) => return Some((Ok(Frame::data(bytes)), steps)),
                Step::Pause(pause) => tokio::time::sleep(pause).await,
                Step::Silence => std::future::pending().await,
                Step::Cut => {
                    tokio::time::sleep(CUT_AFTER).await;
                    return Some((Err(Cut), VecDeque::new()));
                }
            }
        }
    })
}

/// The parts as one document, and how long it takes to write it. What can only break a stream
/// breaks nothing here: the CLI asks again without streaming, and then succeeds.
pub(super) fn document(head: &Head, parts: &[Part]) -> (Value, Duration) {
    let mut pause = Duration::ZERO;
    let mut content = Vec::new();
    let mut stop_reason = "end_turn";
    for part in parts {
        content.push(match part {
            Part::Text { text, pieces, pause: between } => {
                let gaps = u32::try_from(pieces.saturating_sub(1)).unwrap_or(u32::MAX);
                pause += between.saturating_mul(gaps);
                json!({"type": "text", "text": text})
            }
            Part::Thinking { text } => {
                json!({"type": "thinking", "thinking": text, "signature": SIGNATURE})
            }
            Part::Tool { name, input } => {
                stop_reason = "tool_use";
                let id = head.tool_id(content.len());
                json!({"type": "tool_use", "id": id, "name": name, "input": input})
            }
            Part::Pause(more) => {
                pause += *more;
                continue;
            }
            Part::Silence => {
                pause = Duration::MAX;
                continue;
            }
            Part::Failure | Part::Cut => continue,
        });
    }
    let document = json!({
        "id": head.message_id(), "type": "message", "role": "assistant", "model": head.model,
        "content": content, "stop_reason": stop_reason, "stop_sequence": null,
        "usage": head.usage,
    });
    (document, pause)
}

fn steps(head: &Head, parts: &[Part]) -> VecDeque<Step> {
    let message_id = head.message_id();
    let mut writer = Writer::default();
    let mut index = 0;
    let mut stop_reason = "end_turn";
    // A pause that comes first delays the first byte.
    let first = parts.iter().position(|part| !matches!(part, Part::Pause(_)));
    let (before, parts) = parts.split_at(first.unwrap_or(parts.len()));
    for part in before {
        if let Part::Pause(pause) = part {
            writer.pause(*pause);
        }
    }
    let begun = Message::begun(&message_id, &head.model, Usage { output_tokens: 1, ..head.usage });
    writer.event(&StreamEvent::MessageStart { message: begun });
    for part in parts {
        match part {
            Part::Text { text, pieces: count, pause } => {
                writer.begin(index, Block::Text { text });
                for (number, text) in pieces(text, *count).enumerate() {
                    if number > 0 {
                        writer.pause(*pause);
                    }
                    writer.delta(index, Delta::Text { text });
                }
            }
            Part::Thinking { text } => {
                writer.begin(index, Block::Thinking { thinking: text, signature: SIGNATURE });
                writer.delta(index, Delta::Thinking { thinking: text });
                writer.delta(index, Delta::Signature { signature: SIGNATURE });
            }
            Part::Tool { name, input } => {
                stop_reason = "tool_use";
                writer.begin(index, Block::ToolUse { id: &head.tool_id(index), name, input });
                let json = input.to_string();
                writer.delta(index, Delta::Input { partial_json: "" });
                for partial_json in pieces(&json, 2) {
                    writer.delta(index, Delta::Input { partial_json });
                }
            }
            Part::Pause(pause) => {
                writer.pause(*pause);
                continue;
            }
            Part::Silence => {
                writer.step(Step::Silence);
                continue;
            }
            Part::Failure => {
                writer.raw("error", br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#);
                return writer.finish();
            }
            Part::Cut => {
                writer.step(Step::Cut);
                continue;
            }
        }
        writer.event(&StreamEvent::ContentBlockStop { index });
        index += 1;
    }
    let delta = Stop { stop_reason: Some(stop_reason), stop_sequence: None };
    writer.event(&StreamEvent::MessageDelta { delta, usage: head.usage });
    writer.event(&StreamEvent::MessageStop);
    writer.finish()
}

/// Collects events; what comes without a pause between goes out as one piece.
#[derive(Debug, Default)]
struct Writer {
    steps: VecDeque<Step>,
    buffer: BytesMut,
}

impl Writer {
    fn event(&mut self, event: &StreamEvent<'_>) {
        let json = serde_json::to_vec(event).expect("these types always have a JSON form");
        self.raw(event.name(), &json);
    }

    fn begin(&mut self, index: usize, block: Block<'_>) {
        let no_input = json!({});
        let content_block = block.empty(&no_input);
        self.event(&StreamEvent::ContentBlockStart { index, content_block });
        if index == 0 {
            self.raw("ping", br#"{"type":"ping"}"#);
        }
    }

    fn delta(&mut self, index: usize, delta: Delta<'_>) {
        self.event(&StreamEvent::ContentBlockDelta { index, delta });
    }

    fn raw(&mut self, name: &str, json: &[u8]) {
        for piece in [&b"event: "[..], name.as_bytes(), b"\ndata: ", json, b"\n\n"] {
            self.buffer.put_slice(piece);
        }
    }

    fn pause(&mut self, pause: Duration) {
        if !pause.is_zero() {
            self.step(Step::Pause(pause));
        }
    }

    fn step(&mut self, step: Step) {
        if !self.buffer.is_empty() {
            self.steps.push_back(Step::Send(self.buffer.split().freeze()));
        }
        self.steps.push_back(step);
    }

    fn finish(mut self) -> VecDeque<Step> {
        if !self.buffer.is_empty() {
            self.steps.push_back(Step::Send(self.buffer.split().freeze()));
        }
        self.steps
    }
}
