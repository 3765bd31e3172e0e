//! A turn as server-sent events: the original's format, with an `id` for each event and a
//! comment now and then so that nobody takes a thinking model for a dead connection.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::time::Instant;

use crate::control::send::TurnStream;
use crate::session::frame::Frame;
use crate::session::shown::{Audience, shown};

/// Silence after which a comment is sent: below the 30 s and more that proxies allow.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The body of an answer to a message.
#[derive(Debug)]
pub(super) struct TurnBody {
    turn: TurnStream,
}

impl TurnBody {
    pub(super) fn new(turn: TurnStream) -> Self {
        Self { turn }
    }

    /// One chunk per frame. It ends behind `done`; without one if ashd leaves or its store
    /// fails: then the turn's end is in the history.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        futures_util::stream::unfold(self, |mut body| async move {
            // The client's silence counts, not the agent's: frames may come that it does not see.
            let silent_until = Instant::now() + HEARTBEAT;
            loop {
                let next = tokio::time::timeout_at(silent_until, body.turn.next()).await;
                let chunk = match next {
                    Err(_silence) => Bytes::from_static(b": heartbeat\n\n"),
                    Ok(Ok(Some(frame))) => encode(&frame, body.turn.partial),
                    Ok(Ok(None)) => return None,
                    Ok(Err(error)) => {
                        tracing::error!(%error, "a stream ended early");
                        return None;
                    }
                };
                if !chunk.is_empty() {
                    return Some((Ok(chunk), body));
                }
            }
        })
    }
}

/// The events of a frame for a client that did or did not ask for partial messages.
fn encode(frame: &Frame, partial: bool) -> Bytes {
    let mut text = Vec::with_capacity(frame.data.len() + 128);
    let first = frame.sequence + 1 - u64::from(frame.width);
    for (id, event) in (first..).zip(shown(frame.kind, &frame.data)) {
        let seen = match event.audience {
            Audience::Everyone => true,
            Audience::Partial => partial,
            Audience::Whole => !partial,
            Audience::NoOne => false,
        };
        if !seen {
            continue;
        }
        text.extend_from_slice(format!("id: {id}\nevent: {}\ndata: ", event.name).as_bytes());
        let start = text.len();
        text.extend_from_slice(&event.data);
        // JSON allows a bare carriage return between tokens, where it is white space; in this
        // format it would end the line.
        for byte in text.iter_mut().skip(start).filter(|byte| matches!(byte, b'\r' | b'\n')) {
            *byte = b' ';
        }
        text.extend_from_slice(b"\n\n");
    }
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::frame::FrameKind;

    fn frame(width: u32, data: &'static str) -> Frame {
        Frame {
            sequence: 9,
            width,
            turn: Some(1),
            kind: FrameKind::Cli,
            data: Bytes::from_static(data.as_bytes()),
        }
    }

    #[test]
    fn each_event_has_its_own_number() {
        let frame = frame(2, r#"{"type":"result","num_turns":1,"result":"x"}"#);
        assert_eq!(
            encode(&frame, false),
            "id: 8\nevent: turn_complete\ndata: {\"numTurns\":1,\"result\":\"x\"}\n\n\
             id: 9\nevent: message\ndata: {\"type\":\"result\",\"num_turns\":1,\"result\":\"x\"}\n\n"
        );
    }

    #[test]
    fn partial_messages_are_for_those_who_asked() {
        let delta = r#"{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}}"#;
        assert!(encode(&frame(2, delta), false).is_empty());
        assert!(
            encode(&frame(2, delta), true)
                .starts_with(b"id: 8\nevent: text_delta\ndata: {\"delta\":\"a\"}\n\nid: 9\n")
        );
    }

    #[test]
    fn a_carriage_return_cannot_break_the_format() {
        let encoded = encode(&frame(1, "{\"type\":\"x\",\r\"y\":1}"), false);
        assert_eq!(encoded, "id: 9\nevent: message\ndata: {\"type\":\"x\", \"y\":1}\n\n");
    }
}
