//! `ashctl drain`: take nothing new, and wait for what runs.

use std::time::Duration;

use clap::Args;
use http::Method;

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{Format, Output};
use super::resume::{RECONNECT_SECONDS, Resuming};
use super::server::{Server, understand};
use super::when::largest_unit;
use crate::clock::Timestamp;
use crate::wire::drain::Drain;

/// How often the daemon is asked while it tells of nothing: an end between its answer and the first
/// event is missed.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

/// Sessions that are named while they are waited for.
const NAMED_MAX: usize = 10;

/// Take no new sessions and messages, and wait until no turn runs
///
/// For maintenance of the host. What was taken before runs to its end; clients that bring more are
/// told to come again in a minute. It holds until `--undo` or the next start of ashd. A stop or
/// restart of ashd needs no drain: its turns live on.
#[derive(Debug, Args)]
pub(crate) struct DrainVerb {
    /// Take new work again
    #[arg(long, conflicts_with_all = ["timeout", "no_wait"])]
    undo: bool,
    /// Wait for at most so long; the drain goes on
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Do not wait
    #[arg(long)]
    no_wait: bool,
}

pub(crate) async fn run(context: &Context, verb: DrainVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let method = if verb.undo { Method::DELETE } else { Method::POST };
    let answer = server.call(method, "/api/drain").await?;
    if verb.undo || verb.no_wait {
        return tell(output, &answer);
    }
    let wait = wait(server, output, &answer);
    let answer = match verb.timeout {
        None => wait.await?,
        Some(seconds) => {
            let waited = tokio::time::timeout(Duration::from_secs(seconds), wait).await;
            waited.unwrap_or_else(|_elapsed| {
                let text = format!("turns still run after {seconds} s; nothing new is taken");
                Err(Failure::new(Exit::Failure, text)
                    .hint("`ashctl top` shows them, `ashctl drain` waits on, `ashctl drain --undo` ends it"))
            })?
        }
    };
    tell(output, &answer)
}

/// Waits until no turn runs, and answers how it is then.
async fn wait(server: &Server, output: &Output, first: &[u8]) -> Result<Vec<u8>, Failure> {
    let target = "/api/events?follow=true&last=0".to_owned();
    let mut events = Resuming::new(server, target, Duration::from_secs(RECONNECT_SECONDS));
    let mut answer = first.to_vec();
    let mut told = String::new();
    loop {
        let drain: Drain = understand(&answer)?;
        if drain.busy.is_empty() {
            return Ok(answer);
        }
        let waits = waits_for(&drain, Timestamp::now());
        if waits != told {
            output.note(&waits);
            told = waits;
        }
        tokio::select! {
            event = events.next() => drop(event?),
            () = tokio::time::sleep(ASKED_AGAIN) => {}
        }
        answer = server.get("/api/drain").await?.to_vec();
        let now: Drain = understand(&answer)?;
        if now.since.is_none() {
            return Err(Failure::new(Exit::Failure, "the drain was undone, or ashd was restarted")
                .hint("new sessions and messages are taken; `ashctl drain` begins again"));
        }
    }
}

/// The sessions whose turns are waited for, those that run longest first.
fn waits_for(drain: &Drain, now: Timestamp) -> String {
    let mut busy: Vec<_> = drain.busy.iter().collect();
    busy.sort_by_key(|busy| busy.turn_since.map_or(i64::MAX, Timestamp::as_millis));
    let count = busy.len();
    let mut text = match count {
        1 => "waiting for 1 session:".to_owned(),
        count => format!("waiting for {count} sessions:"),
    };
    for one in busy.into_iter().take(NAMED_MAX) {
        let minutes = one.turn_since.map(|since| now.as_millis() - since.as_millis());
        let runs = minutes.map_or_else(
            || "waits".to_owned(),
            |millis| match millis / 60_000 {
                0 => "runs".to_owned(),
                minutes => format!("runs for {}", largest_unit(minutes * 60)),
            },
        );
        text.push_str("\n  ");
        text.push_str(&one.session.to_string());
        text.push_str("  ");
        text.push_str(one.agent.as_str());
        text.push_str("  ");
        text.push_str(&runs);
        if one.queued_turns > 0 {
            text.push_str(", ");
            text.push_str(&one.queued_turns.to_string());
            text.push_str(" queued");
        }
    }
    if count > NAMED_MAX {
        text.push_str("\n  …");
    }
    text
}

fn tell(output: &Output, answer: &[u8]) -> Result<(), Failure> {
    let drain: Drain = understand(answer)?;
    match output.format {
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(answer)),
        Format::Id => drain.busy.iter().try_for_each(|busy| output.line(&busy.session.to_string())),
        Format::Table => match (drain.since, drain.busy.len()) {
            (None, _) => output.line("New sessions and messages are taken"),
            (Some(_), 0) => output.line("Drained: nothing new is taken, and no turn runs"),
            (Some(_), busy) => {
                let sessions = if busy == 1 { "session is" } else { "sessions are" };
                output.line(&format!("Draining: nothing new is taken, {busy} {sessions} busy"))
            }
        },
    }
}
