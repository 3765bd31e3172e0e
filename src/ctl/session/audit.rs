//! `ashctl session audit`: what was decided at a session's way out.

use clap::Args;
use comfy_table::Table;

use super::with_query;
use crate::ctl::Context;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Times, cell, columns};
use crate::ctl::prefix::resolve;
use crate::wire::audit::AuditEntry;

/// List what a session was let out for, and what it was refused
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// Id of the session, or its first characters
    session: String,
    /// Only what comes behind this number
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// At most so many
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
}

pub(super) async fn run(context: &mut Context, audit: Audit) -> Result<(), Failure> {
    let session = resolve(&context.server, &audit.session).await?;
    let mut query: Vec<String> = vec![];
    query.extend(audit.after.map(|after| format!("after={after}")));
    query.extend(audit.limit.map(|limit| format!("limit={limit}")));
    let target = with_query(&format!("/api/sessions/{session}/audit"), &query);
    let answer = context.server.get(&target).await?;
    let output = &context.output;
    let id = |entry: &AuditEntry| entry.sequence.to_string();
    output.list(&answer, "entries", id, |entries| table(entries, output.times))
}

fn table(entries: Vec<AuditEntry>, times: Times) -> Table {
    let mut table = columns(["NUMBER", "WHEN", "DECISION", "WHAT", "REASON", "OUT", "IN"]);
    for entry in entries {
        let what = match (&entry.host, &entry.request) {
            (Some(host), _) => format!("{host}:{}", entry.port.unwrap_or_default()),
            (None, Some(request)) => request.clone(),
            (None, None) => format!("{} entries", entry.count),
        };
        table.add_row([
            entry.sequence.to_string(),
            times.show(entry.created_at),
            entry.decision.clone(),
            cell(&what),
            entry.reason.clone(),
            entry.bytes_sent.to_string(),
            entry.bytes_received.to_string(),
        ]);
    }
    table
}
