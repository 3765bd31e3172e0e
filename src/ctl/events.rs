//! `ashctl events`: what happens on the host.

use std::time::Duration;

use clap::Args;
use serde_json::Value;
use sse_stream::Sse;

use super::Context;
use super::failure::Failure;
use super::output::{Format, Output, Times, cell, warn};
use super::prefix::resolve;
use super::resume::{RECONNECT_SECONDS, Resuming};
use super::server::understand;
use crate::wire::lifecycle::HostEvent;
use crate::wire::turns::event::RESYNC;
use crate::wire::turns::{Resync, ResyncReason};

/// Events that are shown first by who follows, unless he says otherwise.
const LINES_DEFAULT: u32 = 10;

/// Characters of a session's id that are shown to people.
const ID_CHARACTERS: usize = 8;

/// Show what happens on the host: sessions, turns, deploys, and ashd itself
///
/// ashd keeps the last 4096 events in memory; the journal has them all (`ashctl logs`). Each has a
/// number, by which a later call can go on.
#[derive(Debug, Args)]
pub(crate) struct EventsVerb {
    /// Go on with what happens from now on, also over restarts of ashd
    #[arg(short, long)]
    follow: bool,
    /// Only what happens to this session: its id, or its first characters
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Begin with the last so many; with --follow 10, else all that are kept
    #[arg(short = 'n', long, value_name = "COUNT", conflicts_with = "after")]
    lines: Option<u32>,
    /// Only what comes behind this number
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
}

pub(crate) async fn run(context: &Context, verb: EventsVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let EventsVerb { follow, session, lines, after } = verb;
    let session = match session {
        Some(text) => Some(resolve(server, &text).await?),
        None => None,
    };
    let lines = lines.or((follow && after.is_none()).then_some(LINES_DEFAULT));
    let mut target = format!("/api/events?follow={follow}");
    target.extend(session.map(|id| format!("&session={id}")));
    target.extend(lines.map(|lines| format!("&last={lines}")));
    target.extend(after.map(|after| format!("&after={after}")));
    let patience = Duration::from_secs(if follow { RECONNECT_SECONDS } else { 0 });
    let mut events = Resuming::new(server, target, patience);
    let mut whole = Vec::new();
    while let Some(event) = events.next().await? {
        if event.event.as_deref() == Some(RESYNC) {
            let told: Option<Resync> = serde_json::from_str(&data(event)).ok();
            if told.is_none_or(|told| told.reason != ResyncReason::Restarted) {
                warn("some events are not kept any more; `ashctl logs` has them");
            }
        } else if output.format == Format::Json && !follow {
            whole.push(data(event));
        } else {
            show(output, &data(event))?;
        }
    }
    if output.format == Format::Json && !follow {
        output.json(&format!("{{\"events\":[{}]}}", whole.join(",")))?;
    }
    Ok(())
}

fn data(event: Sse) -> String {
    event.data.unwrap_or_default()
}

fn show(output: &Output, data: &str) -> Result<(), Failure> {
    match output.format {
        Format::Json | Format::Jsonl => output.json(data),
        Format::Id => output.line(&understand::<HostEvent>(data.as_bytes())?.number.to_string()),
        Format::Table => output.line(&line(&understand(data.as_bytes())?, output.times)),
    }
}

/// The event on one line: time, what, of which session and agent, and the rest.
fn line(event: &HostEvent, times: Times) -> String {
    let full = times == Times::Absolute;
    let session = event.session.map_or_else(
        || "-".to_owned(),
        |id| {
            let id = id.to_string();
            if full { id } else { id.chars().take(ID_CHARACTERS).collect() }
        },
    );
    let agent = event.agent.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    let mut parts = vec![
        event.at.to_string(),
        format!("{:<16}", cell(&event.event)),
        format!("{session:<ID_CHARACTERS$}"),
        agent,
    ];
    parts.extend(event.more.iter().map(|(name, value)| match value {
        Value::String(text) => format!("{}={}", cell(name), cell(text)),
        other => format!("{}={}", cell(name), cell(&other.to_string())),
    }));
    parts.join("  ").trim_end().to_owned()
}
