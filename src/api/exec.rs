//! Commands in a session over REST: one answer at the end, or an event for each piece of output.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;

use super::App;
use super::answer::Refused;
use super::params::{collect, json, session_id};
use super::stream::{HEARTBEAT, sse};
use crate::control::Caller;
use crate::control::exec::{ANSWER_OUTPUT_BYTES_MAX, STREAM_OUTPUT_BYTES_MAX, Said, Started};
use crate::wire::exec::{ExecCommand, ExecEnd, ExecOutput, ExecResult, ExecStart, event};

/// Largest request: a standard input of 16 MiB in base64, and the command.
const EXEC_BYTES_MAX: u64 = 24 << 20;

/// The status of a command that took too long, as of timeout(1).
const TIMED_OUT: i32 = 124;

/// A shell's status for a command that a signal ended is this much more than the signal.
const SIGNAL_BASE: i32 = 128;

pub(super) async fn exec(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let id = session_id(&id)?;
    let request: ExecCommand = json(&collect(&headers, body, EXEC_BYTES_MAX).await?)?;
    let streams = request.stream;
    let most = if streams { STREAM_OUTPUT_BYTES_MAX } else { ANSWER_OUTPUT_BYTES_MAX };
    let started = app.control.exec(&caller, id, request, most).await?;
    if streams { Ok(stream(started)) } else { whole(started).await }
}

async fn whole(mut started: Started) -> Result<Response, Refused> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        match started.next().await? {
            Said::Output(bytes) => stdout.extend_from_slice(&bytes),
            Said::Errors(bytes) => stderr.extend_from_slice(&bytes),
            Said::Ended(ended) => {
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                let result = ExecResult {
                    exec_id: started.id,
                    stdout: text(stdout),
                    stderr: text(stderr),
                    end: end(&ended),
                };
                return Ok(axum::Json(result).into_response());
            }
        }
    }
}

fn stream(started: Started) -> Response {
    let first = encode(event::START, &ExecStart { exec_id: started.id.clone() });
    let state = (Some(first), Some(started), [Text::default(), Text::default()]);
    let body = futures_util::stream::unfold(state, |(first, started, mut texts)| async move {
        if let Some(first) = first {
            return Some((Ok::<_, Infallible>(first), (None, started, texts)));
        }
        let mut running = started?;
        loop {
            let Ok(next) = tokio::time::timeout(HEARTBEAT, running.next()).await else {
                let beat = Bytes::from_static(b": heartbeat\n\n");
                return Some((Ok(beat), (None, Some(running), texts)));
            };
            let (chunk, goes_on) = match next {
                Ok(Said::Output(bytes)) => (texts[0].events(event::STDOUT, &bytes), true),
                Ok(Said::Errors(bytes)) => (texts[1].events(event::STDERR, &bytes), true),
                Ok(Said::Ended(ended)) => {
                    let [stdout, stderr] = &mut texts;
                    let mut last = stdout.rest(event::STDOUT);
                    last.extend(stderr.rest(event::STDERR));
                    last.extend_from_slice(&encode(event::EXIT, &end(&ended)));
                    (last, false)
                }
                Err(refusal) => (encode(event::ERROR, &refusal.problem()).to_vec(), false),
            };
            if !chunk.is_empty() {
                let next = goes_on.then_some(running);
                return Some((Ok(Bytes::from(chunk)), (None, next, texts)));
            }
        }
    });
    sse(body)
}

fn end(ended: &crate::control::exec::CommandEnd) -> ExecEnd {
    let exit_code = match (ended.timed_out, ended.code, ended.signal) {
        (true, ..) => TIMED_OUT,
        (false, Some(code), _) => code,
        (false, None, signal) => SIGNAL_BASE + signal.unwrap_or(0),
    };
    ExecEnd {
        exit_code,
        signal: ended.signal,
        timed_out: ended.timed_out,
        truncated: ended.truncated,
        duration_ms: ended.elapsed_ms,
    }
}

fn encode(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("the types of the wire have a JSON form");
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// What of a character has come so far: pieces are cut anywhere.
#[derive(Debug, Default)]
struct Text(Vec<u8>);

impl Text {
    /// Events for the next bytes: text if they are, else base64.
    fn events(&mut self, name: &str, bytes: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(bytes);
        let kept = match std::str::from_utf8(&self.0) {
            Ok(_) => 0,
            // A character that is cut has more bytes to come, three at most.
            Err(error) if error.error_len().is_none() => self.0.len() - error.valid_up_to(),
            Err(_) => 0,
        };
        let rest = self.0.split_off(self.0.len() - kept);
        let whole = std::mem::replace(&mut self.0, rest);
        output(name, whole)
    }

    /// What no more bytes will complete.
    fn rest(&mut self, name: &str) -> Vec<u8> {
        output(name, std::mem::take(&mut self.0))
    }
}

fn output(name: &str, bytes: Vec<u8>) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let output = match String::from_utf8(bytes) {
        Ok(text) => ExecOutput::Text(text),
        Err(binary) => ExecOutput::Base64(STANDARD.encode(binary.as_bytes())),
    };
    encode(name, &output).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn a_character_on_a_seam_stays_whole_and_what_is_no_text_is_passed_on() {
        let mut stdout = Text::default();
        let euro = "\u{20ac}".as_bytes();
        assert_eq!(text(&stdout.events("stdout", &euro[..1])), "");
        let event = "event: stdout\ndata: {\"text\":\"\u{20ac}!\"}\n\n";
        assert_eq!(text(&stdout.events("stdout", &[&euro[1..], b"!"].concat())), event);
        let event = "event: stdout\ndata: {\"base64\":\"/3g=\"}\n\n";
        assert_eq!(text(&stdout.events("stdout", b"\xffx")), event);
        assert_eq!(text(&stdout.events("stdout", &euro[..2])), "");
        let event = "event: stdout\ndata: {\"base64\":\"4oI=\"}\n\n";
        assert_eq!(text(&stdout.rest("stdout")), event);
    }
}
