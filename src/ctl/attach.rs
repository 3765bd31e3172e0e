//! `ashctl attach`: a session from now on, whoever talks to it.

use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{Format, Output};
use super::prefix::resolve;
use super::resume::{RECONNECT_SECONDS, Resuming};
use super::server::Server;
use super::turn::{Renderer, Wants, event_line, frame, print};
use crate::id::SessionId;
use crate::wire::turns::{SendMessage, event};

/// Follow a session, whoever talks to it
///
/// Begins with the running turn, and goes on over restarts of ashd. On a terminal, a line that is
/// typed is sent as a message. ^C and ^D leave; a running turn goes on.
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// Id of the session, or its first characters
    session: String,
    /// Send nothing, whatever is typed
    #[arg(long)]
    read_only: bool,
    /// Begin behind the event with this number
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
}

pub(crate) async fn run(context: &mut Context, attach: Attach) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    if matches!(output.format, Format::Json | Format::Id) {
        return Err(Failure::usage("a session that goes on is printed as `table` or `jsonl`"));
    }
    let session = resolve(server, &attach.session).await?;
    let partial = output.terminal || output.format == Format::Jsonl;
    let mut target = format!("/api/sessions/{session}/stream?includePartialMessages={partial}");
    target.extend(attach.after.map(|after| format!("&after={after}")));
    let mut events = Resuming::new(server, target, Duration::from_secs(RECONNECT_SECONDS));
    let mut leave = signal(SignalKind::interrupt()).map_err(|error| {
        Failure::new(Exit::Failure, format!("^C cannot be listened to: {error}"))
    })?;
    let mut typed =
        Typed::new(!attach.read_only && std::io::IsTerminal::is_terminal(&std::io::stdin()));
    let mut renderer = Renderer::new(Wants::Text);
    loop {
        tokio::select! {
            next = events.next() => {
                let Some(event) = next? else {
                    output.note("the session has ended");
                    return Ok(());
                };
                let name = event.event.as_deref().unwrap_or("message");
                let data = event.data.as_deref().unwrap_or_default();
                if output.format == Format::Jsonl {
                    output.json(&event_line(event.id.as_deref(), name, data))?;
                } else {
                    renderer = show(output, renderer, name, data)?;
                }
            }
            line = typed.next() => match line {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => send(server, session, line).await,
                None => return left(output, renderer, session),
            },
            () = pressed(&mut leave) => return left(output, renderer, session),
        }
    }
}

/// Shows an event; what comes behind the end of a turn has a new renderer.
fn show(
    output: &mut Output,
    mut renderer: Renderer,
    name: &str,
    data: &str,
) -> Result<Renderer, Failure> {
    if name == event::USER_MESSAGE {
        print(output, renderer.cut())?;
        if let Some(text) = frame::text_of_stored(data) {
            for line in text.lines() {
                output.note(&format!("> {line}"));
            }
        }
        return Ok(renderer);
    }
    let failed = renderer.error().is_some();
    print(output, renderer.event(name, data))?;
    if let Some(error) = renderer.error().filter(|_| !failed) {
        output.note(&match error {
            frame::TurnError::Interrupted => "the turn was interrupted".to_owned(),
            frame::TurnError::Failed(why) => format!("the turn failed: {why}"),
        });
    }
    if !renderer.is_done() {
        return Ok(renderer);
    }
    if output.is_watched() && !renderer.summary().is_empty() {
        output.note(&format!("({})", renderer.summary()));
    }
    Ok(Renderer::new(Wants::Text))
}

fn left(output: &mut Output, mut renderer: Renderer, session: SessionId) -> Result<(), Failure> {
    print(output, renderer.cut())?;
    output.note(&format!("left session {session}, which goes on"));
    Ok(())
}

/// The turn is seen in the session's own stream. A refusal ends nothing.
async fn send(server: &Server, session: SessionId, line: String) {
    let target = format!("/api/sessions/{session}/messages");
    if let Err(failure) = server.post(&target, &SendMessage::text(line)).await {
        failure.print();
    }
}

async fn pressed(interrupts: &mut Signal) {
    if interrupts.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

/// What is typed on a terminal: a thread waits for it, which ends with the program.
struct Typed(Option<mpsc::Receiver<String>>);

impl Typed {
    fn new(wanted: bool) -> Self {
        Self(wanted.then(|| {
            let (sender, lines) = mpsc::channel(1);
            std::thread::spawn(move || {
                for line in std::io::stdin().lines() {
                    let Ok(line) = line else { return };
                    if sender.blocking_send(line).is_err() {
                        return;
                    }
                }
            });
            lines
        }))
    }

    /// The next line, `None` at the end; never where nobody types. Cancel-safe.
    async fn next(&mut self) -> Option<String> {
        match &mut self.0 {
            None => std::future::pending().await,
            Some(lines) => lines.recv().await,
        }
    }
}
