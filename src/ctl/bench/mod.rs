//! `ashctl bench`: how long a server takes, measured from outside. Only what every server of this API
//! has is asked of it, so that the figures of two servers mean the same; `docs/benchmarks.md` has the
//! definition.

mod figures;
mod measure;

use clap::Args;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use self::figures::Row;
use self::measure::Bench;
use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{Format, Output, columns};
use super::turn::Interrupts;
use crate::id::AgentName;

/// Changes with the definition: figures of two versions must not be compared.
const DEFINITION: u32 = 1;

/// Sessions at one time, each with a sandbox of some 100 MB and more.
const SESSIONS_MAX: u16 = 1_000;
/// Steps of the ladder of sessions.
const LADDER_MAX: usize = 8;
/// Sessions that come and go one after the other.
const CREATES_MAX: u32 = 1_000;
/// Messages of one session in one step; each is a turn that its model answers, and costs.
const MESSAGES_MAX: u32 = 10_000;

/// Measure a server from outside: creates, first events, whole turns, and many sessions at once
///
/// The agent is deployed already, and every message is a real turn: its model answers, and costs. The
/// sessions are ended when it is done, fails, or is stopped with ^C. Percentiles are of the nearest rank,
/// times in milliseconds.
#[derive(Debug, Args)]
pub(crate) struct BenchVerb {
    /// Name of the agent
    agent: AgentName,
    /// Sessions that are created, asked once, and ended, one after the other
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=CREATES_MAX as i64))]
    creates: u32,
    /// Messages that each session gets one after the other
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=MESSAGES_MAX as i64))]
    messages: u32,
    /// Sessions that talk at once, one step after the other
    #[arg(long, value_name = "COUNTS", default_value = "1,4", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=SESSIONS_MAX as i64))]
    sessions: Vec<u16>,
    /// What is said in each message
    #[arg(long, default_value = "Answer with the one word yes, and use no tool.")]
    text: String,
}

/// What is printed as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    definition: u32,
    server: &'a str,
    rows: &'a [Row],
    failed_turns: u64,
}

pub(crate) async fn run(context: &Context, verb: BenchVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    if verb.sessions.len() > LADDER_MAX {
        return Err(Failure::usage(format!("`--sessions` has at most {LADDER_MAX} steps")));
    }
    let bench = Bench::new(server, verb.agent.as_str(), &verb.text);
    let measured = Interrupts::new()?.unless(measure(&bench, output, &verb)).await;
    // Whatever happened: nothing of it stays behind.
    let left = bench.end_all().await;
    let rows = measured?;
    let failed_turns = bench.failed_turns();
    tell(
        output,
        &Report { definition: DEFINITION, server: server.place(), rows: &rows, failed_turns },
    )?;
    left?;
    match failed_turns {
        0 => Ok(()),
        count => {
            let text = format!("{count} turns ended with an error; their times are left out");
            let hint = "`ashctl send` shows what is wrong with them";
            Err(Failure::new(Exit::TurnFailed, text).hint(hint))
        }
    }
}

async fn measure(
    bench: &Bench<'_>,
    output: &Output,
    verb: &BenchVerb,
) -> Result<Vec<Row>, Failure> {
    output.note(&format!("{} sessions, one after the other …", verb.creates));
    let mut rows = bench.come_and_go(verb.creates).await?;
    for sessions in &verb.sessions {
        output.note(&format!("{sessions} at once, {} messages each …", verb.messages));
        rows.extend(bench.talk(*sessions, verb.messages).await?);
    }
    Ok(rows)
}

fn tell(output: &Output, report: &Report<'_>) -> Result<(), Failure> {
    match output.format {
        Format::Json => output.json(&json(report)),
        Format::Jsonl => report.rows.iter().try_for_each(|row| output.json(&json(row))),
        Format::Id => report.rows.iter().try_for_each(|row| output.line(&row.name())),
        Format::Table => output.table(table(report.rows)),
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("figures have a JSON form")
}

fn table(rows: &[Row]) -> Table {
    let mut table = columns(["MILLISECONDS", "N", "P50", "P95", "P99", "MAX", "PER SECOND"]);
    for row in rows {
        let times = [row.p50, row.p95, row.p99, row.max].map(|time| format!("{time:.2}"));
        let rate = row.per_second.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"));
        let cells = [row.name(), row.n.to_string()].into_iter().chain(times).chain([rate]);
        table.add_row(cells.collect::<Vec<_>>());
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
