//! `ashctl usage`: what turns used, added up.

use clap::{Args, ValueEnum};
use comfy_table::Table;
use indicatif::HumanBytes;

use super::Context;
use super::failure::Failure;
use super::output::{Format, Output, Times, cell, columns, optional};
use super::prefix::resolve;
use super::server::understand;
use super::session::with_query;
use super::when;
use crate::clock::Timestamp;
use crate::id::AgentName;
use crate::wire::usage::{Analytics, UsageEvent, UsageOfGroup};

/// Show what turns used: tokens, dollars, tool calls, time, and what the kernel counted
///
/// Tokens and dollars are what Claude Code reckons for turns that have ended; what counts for a budget
/// is counted on the way out, and `ashctl session show` and `ashctl budget` show it.
#[derive(Debug, Args)]
pub(crate) struct UsageVerb {
    /// What is added up
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    by: By,
    /// Only this session; its id, or its first characters
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// Only sessions of this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<AgentName>,
    /// Only turns that ended so long ago at most, such as `7d` or `12h`
    #[arg(long, value_name = "TIME", value_parser = when::seconds)]
    since: Option<u64>,
    /// At most so many rows
    #[arg(short = 'n', long, value_name = "COUNT")]
    limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum By {
    #[default]
    Agent,
    Session,
    Model,
    /// Of the calendar, in UTC
    Day,
    Turn,
    /// Nothing: every figure of every turn by itself
    Figure,
    /// Everything of the tenant, with its agents and sessions counted
    Tenant,
}

impl By {
    fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Session => "session",
            Self::Model => "model",
            Self::Day => "day",
            Self::Turn => "turn",
            Self::Figure => "figure",
            Self::Tenant => "tenant",
        }
    }
}

pub(crate) async fn run(context: &Context, verb: UsageVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let mut query = vec![];
    let narrowed = verb.session.is_some() || verb.agent.is_some() || verb.limit.is_some();
    if narrowed && verb.by == By::Tenant {
        return Err(Failure::usage("what is added up for a tenant is narrowed by `--since` only"));
    }
    if let Some(session) = &verb.session {
        query.push(format!("sessionId={}", resolve(server, session).await?));
    }
    query.extend(verb.agent.map(|agent| format!("agentName={agent}")));
    query.extend(verb.since.map(|seconds| {
        let millis = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        let after = Timestamp::now().as_millis().saturating_sub(millis);
        format!("after={}", Timestamp::from_millis(after))
    }));
    query.extend(verb.limit.map(|limit| format!("limit={limit}")));
    if verb.by == By::Figure {
        let answer = server.get(&with_query("/api/usage", &query)).await?;
        let id = |event: &UsageEvent| event.id.to_string();
        return output.list(&answer, "events", id, |events| figures(&events, output.times));
    }
    if verb.by == By::Tenant {
        let answer = server.get(&with_query("/api/analytics", &query)).await?;
        return overview(output, &answer);
    }
    query.insert(0, format!("groupBy={}", verb.by.as_str()));
    let answer = server.get(&with_query("/api/usage/stats", &query)).await?;
    let name = |group: &UsageOfGroup| group.name.clone().unwrap_or_else(|| "-".to_owned());
    let by = verb.by.as_str().to_uppercase();
    output.list(&answer, "groups", name, |groups| table(&by, &groups, output.times))
}

fn table(by: &str, groups: &[UsageOfGroup], times: Times) -> Table {
    let mut table = columns([
        by, "TURNS", "IN", "CACHED", "OUT", "COST", "TOOLS", "TIME", "CPU", "PEAK", "LAST",
    ]);
    let dash = || "-".to_owned();
    for UsageOfGroup { name, last_at, stats } in groups {
        let cached = stats.total_cache_read_tokens + stats.total_cache_creation_tokens;
        table.add_row([
            optional(name.as_deref()),
            stats.total_turns.to_string(),
            stats.total_input_tokens.to_string(),
            cached.to_string(),
            stats.total_output_tokens.to_string(),
            format!("${:.4}", stats.total_cost_usd),
            stats.total_tool_calls.to_string(),
            format!("{:.1} s", stats.total_compute_seconds),
            stats.total_cpu_seconds.map_or_else(dash, |seconds| format!("{seconds:.1} s")),
            stats.peak_memory_bytes.map_or_else(dash, |bytes| HumanBytes(bytes).to_string()),
            times.show(*last_at),
        ]);
    }
    table
}

fn figures(events: &[UsageEvent], times: Times) -> Table {
    let mut table = columns(["ENDED", "AGENT", "TURN", "FIGURE", "VALUE"]);
    for event in events {
        table.add_row([
            times.show(event.created_at),
            event.agent_name.to_string(),
            event.turn_id.to_string(),
            cell(&event.event_type),
            event.value.to_string(),
        ]);
    }
    table
}

fn overview(output: &Output, answer: &[u8]) -> Result<(), Failure> {
    if output.format != Format::Table {
        return output.json(&String::from_utf8_lossy(answer));
    }
    let Analytics { agents, sessions, usage, .. } = understand(answer)?;
    let states = sessions.by_status.iter().map(|(status, count)| format!("{count} {status}"));
    let states = states.collect::<Vec<_>>().join(", ");
    let mut table = Table::new();
    table
        .add_row(["agents", &agents.total.to_string()])
        .add_row(["sessions", &sessions.total.to_string()])
        .add_row(["states", &optional(Some(states.as_str()).filter(|states| !states.is_empty()))])
        .add_row(["turns", &usage.total_turns.to_string()])
        .add_row(["tokens in", &usage.total_input_tokens.to_string()])
        .add_row(["tokens out", &usage.total_output_tokens.to_string()])
        .add_row(["cost", &format!("${:.4}", usage.total_cost_usd)]);
    output.table(table)
}
