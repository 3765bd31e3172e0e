//! `ashctl top`: what sessions use, refreshed in place on a terminal.

use std::collections::HashMap;
use std::time::Duration;

use clap::{Args, ValueEnum};
use comfy_table::Table;
use indicatif::HumanBytes;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{Format, Output, cell, columns};
use super::server::{Server, understand};
use super::when::largest_unit;
use crate::id::SessionId;
use crate::wire::load::{Load, SessionLoad};
use crate::wire::sessions::{SessionStatus, Tier};

/// Shortest pause between two looks, in seconds: each costs the host some work.
const DELAY_SECONDS_MIN: f64 = 0.2;
const DELAY_SECONDS_MAX: f64 = 3600.0;

/// Rows that fit on a terminal that does not tell its height.
const ROWS_DEFAULT: usize = 20;

/// Lines above the rows: the summary and the names of the columns; and one below.
const LINES_BESIDE: usize = 3;

/// Another screen, which is left as it was found.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";
const HOME: &str = "\u{1b}[H\u{1b}[J";

/// Show what sessions use: processor, memory, tasks, tokens, dollars, and the running turn
///
/// On a terminal the table is refreshed until ^C; elsewhere, and with `--once`, it is printed once.
/// Processor time is that between two looks, in percent of one core.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Print one table and end
    #[arg(long)]
    once: bool,
    /// Largest first
    #[arg(long, value_enum, default_value_t, value_name = "COLUMN")]
    sort: Sort,
    /// At most so many sessions
    #[arg(short = 'n', long, value_name = "COUNT")]
    limit: Option<usize>,
    /// Between two looks
    #[arg(short, long, value_name = "SECONDS", default_value_t = 1.0, value_parser = delay)]
    delay: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    #[default]
    Cpu,
    Memory,
    Tasks,
    Tokens,
    Cost,
    /// How long the running turn runs
    Turn,
}

fn delay(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok();
    let seconds =
        seconds.filter(|seconds| (DELAY_SECONDS_MIN..=DELAY_SECONDS_MAX).contains(seconds));
    seconds.ok_or_else(|| format!("seconds are from {DELAY_SECONDS_MIN} to {DELAY_SECONDS_MAX}"))
}

/// A session between two looks.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(flatten)]
    usage: SessionLoad,
    /// In percent of one core.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<f64>,
    /// How long the running turn has run.
    #[serde(skip_serializing_if = "Option::is_none")]
    turn_seconds: Option<i64>,
}

pub(crate) async fn run(context: &Context, top: Top) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let mut before = look(server).await?;
    let pause = Duration::from_secs_f64(top.delay);
    if top.once || !output.terminal || output.format != Format::Table {
        tokio::time::sleep(pause).await;
        let now = look(server).await?;
        return print(output, &rows(&before, now, &top));
    }
    let mut leave = signal(SignalKind::interrupt()).map_err(|error| {
        Failure::new(Exit::Failure, format!("^C cannot be listened to: {error}"))
    })?;
    output.raw(ENTER)?;
    let watched = async {
        loop {
            tokio::time::sleep(pause).await;
            let now = look(server).await?;
            let mut rows = rows(&before, now.clone(), &top);
            before = now;
            let all = rows.len();
            rows.truncate(height().saturating_sub(LINES_BESIDE));
            output.raw(HOME)?;
            output.line(&summary(&rows, all))?;
            output.table(table(&rows))?;
        }
    };
    let ended: Result<std::convert::Infallible, Failure> = tokio::select! {
        ended = watched => ended,
        _ = leave.recv() => { output.raw(LEAVE)?; return Ok(()) }
    };
    output.raw(LEAVE)?;
    ended.map(|never| match never {})
}

/// Lines of the terminal.
fn height() -> usize {
    terminal_size::terminal_size().map_or(ROWS_DEFAULT, |(_, height)| usize::from(height.0))
}

async fn look(server: &Server) -> Result<Load, Failure> {
    understand(&server.get("/api/load").await?)
}

fn rows(before: &Load, now: Load, top: &Top) -> Vec<Row> {
    let between = now.at.as_millis().saturating_sub(before.at.as_millis());
    let earlier: HashMap<SessionId, u64> = before
        .sessions
        .iter()
        .filter_map(|session| Some((session.session, session.cpu_microseconds?)))
        .collect();
    let at = now.at;
    let row = |usage: SessionLoad| {
        let used = usage.cpu_microseconds.and_then(|total| {
            // A sandbox that was started since counts from nothing.
            let before = earlier.get(&usage.session).copied().filter(|before| *before <= total);
            (between > 0).then(|| total - before.unwrap_or(total))
        });
        #[expect(clippy::cast_precision_loss, reason = "seconds of a look, not years")]
        let cpu_percent = used.map(|used| {
            let percent = used as f64 / (between as f64 * 1000.0) * 100.0;
            (percent * 10.0).round() / 10.0
        });
        let since = usage.turn_since.map(|since| at.as_millis().saturating_sub(since.as_millis()));
        Row { cpu_percent, turn_seconds: since.map(|millis| millis / 1000), usage }
    };
    let mut rows: Vec<Row> = now.sessions.into_iter().map(row).collect();
    rows.sort_by(|one, other| weight(other, top.sort).total_cmp(&weight(one, top.sort)));
    rows.truncate(top.limit.unwrap_or(usize::MAX));
    rows
}

#[expect(clippy::cast_precision_loss, reason = "an order needs no last digit")]
fn weight(row: &Row, sort: Sort) -> f64 {
    let usage = &row.usage;
    let weight = match sort {
        Sort::Cpu => row.cpu_percent,
        Sort::Memory => usage.memory_bytes.map(|bytes| bytes as f64),
        Sort::Tasks => usage.tasks.map(|tasks| tasks as f64),
        Sort::Tokens => Some((usage.input_tokens + usage.output_tokens) as f64),
        Sort::Cost => Some(usage.cost_usd),
        Sort::Turn => row.turn_seconds.map(|seconds| seconds as f64),
    };
    weight.unwrap_or(-1.0)
}

fn print(output: &Output, rows: &[Row]) -> Result<(), Failure> {
    let json = |value: &Row| serde_json::to_string(value).expect("figures have a JSON form");
    match output.format {
        Format::Table => output.table(table(rows)),
        Format::Json => {
            let rows: Vec<String> = rows.iter().map(json).collect();
            output.json(&format!("{{\"sessions\":[{}]}}", rows.join(",")))
        }
        Format::Jsonl => rows.iter().try_for_each(|row| output.json(&json(row))),
        Format::Id => rows.iter().try_for_each(|row| output.line(&row.usage.session.to_string())),
    }
}

fn summary(rows: &[Row], all: usize) -> String {
    let busy = rows.iter().filter(|row| row.usage.turn.is_some()).count();
    let cpu: f64 = rows.iter().filter_map(|row| row.cpu_percent).sum();
    let memory: u64 = rows.iter().filter_map(|row| row.usage.memory_bytes).sum();
    let shown = if rows.len() < all { format!(", {} shown", rows.len()) } else { String::new() };
    format!(
        "{all} sessions{shown}, {busy} running a turn, CPU {cpu:.1} %, memory {}",
        HumanBytes(memory)
    )
}

fn table(rows: &[Row]) -> Table {
    let names =
        ["SESSION", "AGENT", "STATUS", "CPU %", "MEMORY", "TASKS", "IN", "OUT", "COST", "TURN"];
    let mut table = columns(names);
    let dash = || "-".to_owned();
    for row in rows {
        let usage = &row.usage;
        let status = match usage.tier {
            Tier::Hot => usage.status.as_str().to_owned(),
            tier if usage.status == SessionStatus::Active => tier.as_str().to_owned(),
            tier => format!("{}, {}", usage.status.as_str(), tier.as_str()),
        };
        let turn = match (row.turn_seconds, usage.queued_turns) {
            (None, _) => dash(),
            (Some(seconds), 0) => largest_unit(seconds.max(0)),
            (Some(seconds), queued) => format!("{}, {queued} queued", largest_unit(seconds.max(0))),
        };
        table.add_row([
            usage.session.to_string(),
            cell(usage.agent.as_str()),
            status,
            row.cpu_percent.map_or_else(dash, |percent| format!("{percent:.1}")),
            usage.memory_bytes.map_or_else(dash, |bytes| HumanBytes(bytes).to_string()),
            usage.tasks.map_or_else(dash, |tasks| tasks.to_string()),
            count(usage.input_tokens),
            count(usage.output_tokens),
            if usage.cost_usd > 0.0 { format!("${:.4}", usage.cost_usd) } else { dash() },
            turn,
        ]);
    }
    table
}

/// Tokens, as few digits as tell them apart.
fn count(tokens: u64) -> String {
    match tokens {
        0 => "-".to_owned(),
        1..10_000 => tokens.to_string(),
        10_000..10_000_000 => format!("{}k", tokens / 1000),
        _ => format!("{}M", tokens / 1_000_000),
    }
}
