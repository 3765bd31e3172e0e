//! How sessions are shown.

use comfy_table::Table;
use indicatif::HumanBytes;

use super::id;
use crate::ctl::agent::list_or_dash;
use crate::ctl::budget::used;
use crate::ctl::failure::Failure;
use crate::ctl::limits::listed;
use crate::ctl::output::{Format, Output, Times, cell, columns, optional};
use crate::ctl::server::understand;
use crate::wire::sessions::{Session, SessionArchive, SessionList, Tier};

/// Columns of a list that are shown unless all are asked for.
const NARROW_COLUMNS: usize = 5;

/// Prints the answer to a request for sessions, the first `offset` of which were skipped.
pub(super) fn list(output: &Output, answer: &[u8], offset: u32) -> Result<(), Failure> {
    output.list(answer, "sessions", id, |sessions| table(sessions, output))?;
    if output.format == Format::Table && output.is_watched() {
        let list: SessionList = understand(answer)?;
        let seen = u64::from(offset) + list.sessions.len() as u64;
        if seen < list.total {
            output.note(&format!(
                "{} of {} sessions; `--offset {seen}` shows more",
                list.sessions.len(),
                list.total
            ));
        }
    }
    Ok(())
}

/// Prints the answer to a request for one session.
pub(super) fn one(output: &Output, answer: &[u8]) -> Result<(), Failure> {
    output.one(answer, "session", id, |session| output.table(details(&session, output.times)))
}

fn table(sessions: Vec<Session>, output: &Output) -> Table {
    let names = ["ID", "AGENT", "STATUS", "LAST ACTIVE", "CREATED", "VERSION", "MODEL", "USED"];
    let shown = if output.is_wide() { names.len() } else { NARROW_COLUMNS };
    let mut table = columns(names.into_iter().take(shown));
    for session in sessions {
        let cells = [
            session.id.to_string(),
            session.agent_name.to_string(),
            status(&session),
            output.times.show(session.last_active_at),
            output.times.show(session.created_at),
            session.agent_version.to_string(),
            optional(session.model.as_deref()),
            used(&session.usage, session.budget.as_ref()),
        ];
        table.add_row(cells.into_iter().take(shown));
    }
    table
}

/// The state, and what happens in it.
fn status(session: &Session) -> String {
    let status = match session.tier.filter(|tier| *tier != Tier::Hot) {
        Some(tier) => format!("{}, {}", session.status.as_str(), tier.as_str()),
        None => session.status.as_str().to_owned(),
    };
    match (session.busy, session.queued_turns) {
        (false, _) => status,
        (true, _) if session.open_permissions > 0 => format!("{status}, asks"),
        (true, 0) => format!("{status}, busy"),
        (true, queued) => format!("{status}, busy, {queued} queued"),
    }
}

fn archived(archive: Option<&SessionArchive>, times: Times) -> String {
    let Some(archive) = archive else { return "-".to_owned() };
    let place = if archive.away { "files outside" } else { "a snapshot, files here" };
    format!("{}, {}, {place}", times.show(archive.made_at), HumanBytes(archive.bytes))
}

fn details(session: &Session, times: Times) -> Table {
    let config = &session.config;
    let names =
        |names: &[String]| list_or_dash(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let subagents: Vec<String> =
        config.subagents.iter().flat_map(|agents| agents.keys().cloned()).collect();
    let permissions = serde_json::to_value(config.permission_mode).unwrap_or_default();
    let mut table = Table::new();
    table
        .add_row(["id", &id(session)])
        .add_row(["agent", &format!("{} v{}", session.agent_name, session.agent_version)])
        .add_row(["status", &status(session)])
        .add_row(["created", &times.show(session.created_at)])
        .add_row(["last active", &times.show(session.last_active_at)])
        .add_row(["model", &optional(session.model.as_deref())])
        .add_row(["permissions", permissions.as_str().unwrap_or("-")])
        .add_row(["system prompt", &optional(config.system_prompt.as_deref())])
        .add_row(["allowed tools", &names(&config.allowed_tools)])
        .add_row(["disallowed tools", &names(&config.disallowed_tools)])
        .add_row(["MCP servers", &names(&config.mcp_servers)])
        .add_row(["environment", &names(&config.extra_env)])
        .add_row(["hosts", &names(&session.allowed_hosts)])
        .add_row(["limits", &listed(&session.limits)])
        .add_row(["used", &used(&session.usage, session.budget.as_ref())])
        .add_row(["betas", &names(&config.betas)])
        .add_row(["subagents", &names(&subagents)])
        .add_row(["initial agent", &optional(config.initial_agent.as_deref())])
        .add_row(["archived", &archived(session.archive.as_ref(), times)])
        .add_row(["sandbox", &cell(&session.sandbox_id)]);
    table
}
