//! Events as server-sent events: the original's format, with an `id` for each event and a
//! comment now and then so that nobody takes a thinking model for a dead connection.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::Stream;
use tokio::time::Instant;

use super::App;
use super::answer::Refused;
use super::params::{Query, bad, last_event_id, session_id, turn_id};
use crate::control::Caller;
use crate::control::stream::{EventStream, Read, Scope, StreamRequest};
use crate::session::frame::{Frame, FrameKind};
use crate::session::shown::{Audience, shown};
use crate::wire::turns::{Resync, ResyncReason, event};

/// Silence after which a comment is sent: below the 30 s and more that proxies allow.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

/// Bytes behind which a chunk is not made longer: a few writes to a socket, and no latency.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// How soon a client comes back: ashd restarts within a second.
const RETRY: &[u8] = b"retry: 1000\n\n";

/// The stream of a session.
pub(super) async fn watch(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let after = query.number("after", 0..=i64::MAX.unsigned_abs())?;
    let until_done = match query.text("until") {
        None => false,
        Some("done") => true,
        Some(_) => return Err(bad("until", "`until` is `done`".to_owned())),
    };
    let request = StreamRequest {
        // Who comes back repeats the query of the first time.
        after: last_event_id(&headers)?.or(after),
        turn: query.text("turn").map(|text| turn_id("turn", text)).transpose()?,
        until_done,
        partial: query.flag("includePartialMessages")?.unwrap_or(false),
    };
    let events = app.control.stream(&caller, session_id(&id)?, request).await?;
    if events.is_over() {
        // Tells an `EventSource` not to come back.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(event_stream(EventBody::of_session(events)))
}

/// The answer that streams.
pub(super) fn event_stream(body: EventBody) -> Response {
    sse(body.into_stream())
}

/// The answer that streams these chunks.
pub(super) fn sse(
    chunks: impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static,
) -> Response {
    let mut response = Body::from_stream(chunks).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies such as nginx would hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The body of such an answer.
#[derive(Debug)]
pub(super) struct EventBody {
    events: EventStream,
    /// To be sent before anything else.
    first: VecDeque<Bytes>,
}

impl EventBody {
    pub(super) fn of_turn(mut events: EventStream) -> Self {
        let asked = events.after;
        let mut first = VecDeque::new();
        if let Some(from) = events.came_from_ahead() {
            first.push_back(resync(ResyncReason::Ahead, asked, from));
        }
        Self { events, first }
    }

    pub(super) fn of_session(events: EventStream) -> Self {
        let mut body = Self::of_turn(events);
        body.first.push_front(Bytes::from_static(RETRY));
        body
    }

    /// What is there is one chunk. It ends behind what was asked for; before that if ashd leaves or
    /// its store fails: then the client comes back.
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        futures_util::stream::unfold(self, |mut body| async move {
            if let Some(chunk) = body.first.pop_front() {
                return Some((Ok(chunk), body));
            }
            // The client's silence counts, not the agent's: frames may come that it does not see.
            let silent_until = Instant::now() + HEARTBEAT;
            loop {
                let next = tokio::time::timeout_at(silent_until, body.events.next()).await;
                let chunk = match next {
                    Err(_silence) => Bytes::from_static(b": heartbeat\n\n"),
                    Ok(Ok(Some(read))) => body.chunk(read),
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

impl EventBody {
    /// What was read, and what is at hand behind it.
    fn chunk(&mut self, first: Read) -> Bytes {
        let mut chunk = Vec::new();
        let mut next = Some(first);
        while let Some(read) = next {
            match read {
                // Who did not ask for pieces misses none.
                Read::Frame(frame) if frame.kind == FrameKind::Pruned => {
                    if self.events.partial {
                        let asked = self.events.after.max(frame.sequence - u64::from(frame.width));
                        let gap = resync(ResyncReason::Pruned, asked, frame.sequence);
                        chunk.extend_from_slice(&gap);
                    }
                }
                Read::Frame(frame) => encode(&frame, &self.events, &mut chunk),
                Read::Gap { from } => {
                    let gap = resync(ResyncReason::Pruned, self.events.after, from);
                    chunk.extend_from_slice(&gap);
                }
            }
            let has_room = chunk.len() < CHUNK_BYTES_MAX;
            next = has_room.then(|| self.events.next_at_hand()).flatten();
        }
        Bytes::from(chunk)
    }
}

/// Tells that the events between the two numbers cannot be had.
fn resync(reason: ResyncReason, asked: u64, from: u64) -> Bytes {
    let data = serde_json::to_string(&Resync { reason, asked, from });
    let data = data.expect("numbers have a JSON form");
    Bytes::from(format!("id: {from}\nevent: {}\ndata: {data}\n\n", event::RESYNC))
}

/// Writes the events of a frame that the client asked for and does not have.
fn encode(frame: &Frame, to: &EventStream, text: &mut Vec<u8>) {
    encode_for(frame, Reader { scope: to.scope, partial: to.partial, after: to.after }, text);
}

/// Who reads.
#[derive(Debug, Clone, Copy)]
struct Reader {
    scope: Scope,
    partial: bool,
    after: u64,
}

impl Reader {
    fn sees(self, audience: Audience) -> bool {
        match audience {
            Audience::Everyone => true,
            Audience::Partial => self.partial,
            Audience::Whole => !self.partial,
            Audience::Watchers => !matches!(self.scope, Scope::Turn { .. }),
        }
    }
}

fn encode_for(frame: &Frame, reader: Reader, text: &mut Vec<u8>) {
    if frame.audience.is_some_and(|audience| !reader.sees(audience)) {
        return;
    }
    let first = frame.sequence + 1 - u64::from(frame.width);
    if frame.width == 1 && frame.kind == FrameKind::Cli && frame.audience.is_some() {
        // The line itself is all there is to show.
        return encode_event(first, event::MESSAGE, &frame.data, reader, text);
    }
    for (id, event) in (first..).zip(shown(frame.kind, &frame.data)) {
        if reader.sees(event.audience) {
            encode_event(id, &event.name, &event.data, reader, text);
        }
    }
}

fn encode_event(id: u64, name: &str, data: &[u8], reader: Reader, text: &mut Vec<u8>) {
    if id <= reader.after {
        return;
    }
    text.reserve(data.len() + 128);
    write!(text, "id: {id}\nevent: {name}\ndata: ").expect("memory takes what is written");
    let start = text.len();
    text.extend_from_slice(data);
    // JSON allows a bare carriage return between tokens, where it is white space; in this
    // format it would end the line.
    for byte in &mut text[start..] {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
    text.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::reading::Reading;

    fn encode_to(frame: &Frame, reader: Reader) -> Bytes {
        let mut text = Vec::new();
        encode_for(frame, reader, &mut text);
        Bytes::from(text)
    }

    fn encode(frame: &Frame, partial: bool) -> Bytes {
        encode_to(frame, Reader { scope: Scope::Turn { ordinal: 1 }, partial, after: 0 })
    }

    fn frame(width: u32, data: &'static str) -> Frame {
        Frame {
            sequence: 9,
            width,
            turn: Some(1),
            kind: FrameKind::Cli,
            audience: None,
            data: Bytes::from_static(data.as_bytes()),
        }
    }

    #[test]
    fn a_frame_of_the_store_is_shown_as_it_was_when_it_was_new() {
        let lines = [
            r#"{"type":"system","subtype":"init"}"#,
            r#"{"type":"stream_event","event":{"type":"message_stop"}}"#,
            r#"{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}}"#,
            r#"{"type":"assistant","message":{"content":[{"type":"text","text":"a"}]}}"#,
            r#"{"type":"assistant","message":{"content":[{"type":"thinking","thinking":"a"}]}}"#,
            r#"{"type":"assistant","message":{"content":[{"type":"tool_use","id":"t"}]}}"#,
            r#"{"type":"result","num_turns":1,"result":"x"}"#,
            r#"{"type":7}"#,
        ];
        for (line, partial) in lines.iter().flat_map(|line| [(line, false), (line, true)]) {
            let Reading { width, audience, .. } = Reading::of(FrameKind::Cli, line.as_bytes());
            let stored = frame(width, line);
            let new = Frame { audience, ..stored.clone() };
            assert!(audience.is_some() || line.contains("thinking"), "{line}");
            assert_eq!(encode(&new, partial), encode(&stored, partial), "{line}");
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

    #[test]
    fn what_the_client_has_of_a_frame_is_not_shown_again() {
        let frame = frame(2, r#"{"type":"result","num_turns":1,"result":"x"}"#);
        let reader = Reader { scope: Scope::Session, partial: false, after: 8 };
        assert!(encode_to(&frame, reader).starts_with(b"id: 9\nevent: message\n"));
        assert!(encode_to(&frame, Reader { after: 9, ..reader }).is_empty());
    }

    #[test]
    fn a_users_message_is_for_those_who_watch_the_session() {
        let frame = Frame { kind: FrameKind::User, ..frame(1, r#"{"type":"user","content":"x"}"#) };
        assert!(encode(&frame, false).is_empty());
        let reader = Reader { scope: Scope::Session, partial: false, after: 0 };
        assert_eq!(
            encode_to(&frame, reader),
            "id: 9\nevent: user_message\ndata: {\"type\":\"user\",\"content\":\"x\"}\n\n"
        );
    }
}
