//! A turn from the outside: send a message, show what comes, and stop it on ^C.
//!
//! The turn belongs to the server. When the connection is lost it goes on there: this comes back
//! to it, and if that fails, the person is told so.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde_json::value::RawValue;
use sse_stream::Sse;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{Format, Output, warn};
use super::server::Server;
use crate::id::SessionId;
use crate::wire::turns::{SendMessage, event};

mod asking;
mod follow;
pub(crate) mod frame;
pub(crate) mod options;
mod render;

use self::asking::Desk;
use self::follow::Follow;
use self::frame::TurnError;
use self::render::Piece;
pub(crate) use self::render::Renderer;
pub(crate) use self::render::Wants;

/// The presses of ^C. *Invariant:* once it exists, ^C does not end the program any more, so
/// whoever has it waits for nothing without it.
#[derive(Debug)]
pub(crate) struct Interrupts(Signal);

impl Interrupts {
    pub(crate) fn new() -> Result<Self, Failure> {
        signal(SignalKind::interrupt()).map(Self).map_err(|error| {
            Failure::new(Exit::Failure, format!("^C cannot be listened to: {error}"))
        })
    }

    /// Waits for the next ^C.
    async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // No signal can come any more.
            std::future::pending::<()>().await;
        }
    }

    /// Does `work` unless ^C comes first.
    pub(crate) async fn unless<T>(
        mut self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            result = work => result,
            () = self.next() => Err(Failure::new(Exit::Interrupted, "interrupted")),
        }
    }
}

/// How long a server may be away for those whom nobody watches.
const AWAY_MAX: Duration = Duration::from_mins(1);

/// Sends `message` and reads its turn to the end: what was answered.
pub(crate) async fn answer(
    server: &Server,
    session: SessionId,
    message: &SendMessage,
) -> Result<String, Failure> {
    let mut events = Follow::new(server, session, message, AWAY_MAX);
    events.send().await?;
    let (mut result, mut failed) = (None, None);
    loop {
        let event = events.next().await?;
        let data = event.data.as_deref().and_then(|data| serde_json::from_str(data).ok());
        let data: serde_json::Value = data.unwrap_or_default();
        match event.event.as_deref() {
            Some(event::TURN_COMPLETE) => result = data["result"].as_str().map(str::to_owned),
            Some(event::ERROR) => failed = data["error"].as_str().map(str::to_owned),
            Some(event::DONE) => break,
            _ => {}
        }
    }
    result.ok_or_else(|| {
        let text = failed.unwrap_or_else(|| "the turn has no result".to_owned());
        Failure::new(Exit::TurnFailed, text)
    })
}

/// Sends `message` and shows its turn until the end.
pub(crate) async fn run(
    context: &mut Context,
    session: SessionId,
    message: &SendMessage,
    wants: Wants,
    patience: Duration,
    mut interrupts: Interrupts,
) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let stop = || stop(server, session);
    let mut events = Follow::new(server, session, message, patience);
    tokio::select! {
        sent = events.send() => sent?,
        () = interrupts.next() => {
            // The server may have taken the message already.
            stop().await?;
            return Err(interrupted());
        }
    }
    let mut renderer = Renderer::new(wants);
    let mut stopping: Option<Stop<'_>> = None;
    let mut desk = Desk::new(server, output);
    let mut stopped = false;
    while !renderer.is_done() {
        tokio::select! {
            event = events.next() => match event {
                Ok(event) => show(output, &mut renderer, &event, &mut desk)?,
                Err(why) => return Err(cut(output, &mut renderer, session, why)),
            },
            () = desk.serve(output) => {}
            () = interrupts.next() => {
                if stopped {
                    print(output, renderer.cut())?;
                    return Err(interrupted().hint(goes_on(session)));
                }
                stopped = true;
                output.note("interrupting the turn; ^C once more leaves at once");
                stopping = Some(Box::pin(stop()));
            }
            result = async { stopping.as_mut().expect("checked by the guard").await },
                if stopping.is_some() =>
            {
                stopping = None;
                if let Err(failure) = result {
                    warn(&format!("the turn was not interrupted: {}", failure.text));
                }
            }
        }
    }
    finish(output, &renderer, session, stopped)
}

type Stop<'a> = Pin<Box<dyn Future<Output = Result<Bytes, Failure>> + 'a>>;

async fn stop(server: &Server, session: SessionId) -> Result<Bytes, Failure> {
    server.call(Method::POST, &format!("/api/sessions/{session}/interrupt")).await
}

fn interrupted() -> Failure {
    Failure::new(Exit::Interrupted, "the turn was interrupted")
}

fn goes_on(session: SessionId) -> String {
    format!(
        "the turn goes on on the server: `ashctl session show {session}` tells whether it is \
         still busy, `ashctl session messages {session}` shows the answer"
    )
}

/// Prints an event in the chosen format.
fn show(
    output: &mut Output,
    renderer: &mut Renderer,
    event: &Sse,
    desk: &mut Desk<'_>,
) -> Result<(), Failure> {
    let name = event.event.as_deref().unwrap_or("message");
    let data = event.data.as_deref().unwrap_or_default();
    let pieces = renderer.event(name, data);
    match output.format {
        Format::Table => {
            let mut left = Vec::with_capacity(pieces.len());
            for piece in pieces {
                match piece {
                    // What stands before it is to be read first.
                    Piece::Asks(asked) => {
                        print(output, std::mem::take(&mut left))?;
                        left.extend(desk.take(asked, output).map(Piece::Asks));
                    }
                    Piece::Settled(permission) => desk.settled(permission, output),
                    other => left.push(other),
                }
            }
            print(output, left)
        }
        Format::Jsonl => output.json(&event_line(event.id.as_deref(), name, data)),
        Format::Json | Format::Id => Ok(()),
    }
}

pub(crate) fn print(output: &mut Output, pieces: Vec<Piece>) -> Result<(), Failure> {
    for piece in pieces {
        match piece {
            Piece::Answer(text) => output.piece(&text)?,
            Piece::Note(note) => output.note(&note),
            Piece::Asks(asked) => output.note(&asked.note()),
            Piece::Settled(_) => {}
        }
    }
    Ok(())
}

/// An event as one line of JSON.
pub(crate) fn event_line(id: Option<&str>, event: &str, data: &str) -> String {
    #[derive(Serialize)]
    struct Line<'a, D: Serialize> {
        id: Option<Id<'a>>,
        event: &'a str,
        data: D,
    }
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Id<'a> {
        Number(u64),
        Text(&'a str),
    }
    let id = id.map(|id| id.parse().map_or(Id::Text(id), Id::Number));
    let line = match serde_json::from_str::<&RawValue>(data) {
        Ok(data) => serde_json::to_string(&Line { id, event, data }),
        Err(_) => serde_json::to_string(&Line { id, event, data }),
    };
    line.expect("texts and JSON have a JSON form").replace('\n', " ")
}

/// The stream ended before the turn did.
fn cut(output: &mut Output, renderer: &mut Renderer, session: SessionId, why: Failure) -> Failure {
    if output.format == Format::Table
        && let Err(failure) = print(output, renderer.cut())
    {
        return failure;
    }
    Failure::new(Exit::Unreachable, why.text).hint(goes_on(session))
}

/// Prints what comes last, and tells how the turn ended.
fn finish(
    output: &Output,
    renderer: &Renderer,
    session: SessionId,
    stopped: bool,
) -> Result<(), Failure> {
    match output.format {
        Format::Json => output.json(renderer.result().unwrap_or("null"))?,
        Format::Id => output.line(&session.to_string())?,
        Format::Table if output.is_watched() && !renderer.summary().is_empty() => {
            output.note(&format!("({})", renderer.summary()));
        }
        Format::Table | Format::Jsonl => {}
    }
    match renderer.error() {
        Some(TurnError::Interrupted) if stopped => Err(interrupted()),
        Some(TurnError::Interrupted) => {
            Err(Failure::new(Exit::TurnFailed, "the turn was interrupted by somebody else"))
        }
        Some(TurnError::Failed(why)) => {
            Err(Failure::new(Exit::TurnFailed, format!("the turn failed: {why}")))
        }
        None if renderer.lacks_value() => {
            Err(Failure::new(Exit::TurnFailed, "the answer has no value that fits the schema"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_json_with_its_data_untouched() {
        let data = "{\"b\":1.0,\n\"a\":[]}";
        assert_eq!(
            event_line(Some("17"), "message", data),
            r#"{"id":17,"event":"message","data":{"b":1.0, "a":[]}}"#
        );
        assert_eq!(
            event_line(Some("x-1"), "text_delta", "no json"),
            r#"{"id":"x-1","event":"text_delta","data":"no json"}"#
        );
        assert_eq!(event_line(None, "done", "{}"), r#"{"id":null,"event":"done","data":{}}"#);
    }
}
