//! `ashctl session timeline`: what happened in a session, step by step.

use clap::Args;
use comfy_table::Table;

use super::with_query;
use crate::ctl::Context;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Times, cell, columns, optional};
use crate::ctl::prefix::resolve;
use crate::ctl::server::encode_path;
use crate::wire::turns::TimelineEvent;

/// List what happened in a session: what was said and thought, tools, errors, ends of turns
#[derive(Debug, Args)]
pub(crate) struct Timeline {
    /// Id of the session, or its first characters
    session: String,
    /// Only events of this type, such as `tool_start`
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only what comes behind this number
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// At most so many
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
}

pub(super) async fn run(context: &mut Context, timeline: Timeline) -> Result<(), Failure> {
    let session = resolve(&context.server, &timeline.session).await?;
    let mut query: Vec<String> = vec![];
    query.extend(timeline.kind.map(|kind| format!("type={}", encode_path(&kind))));
    query.extend(timeline.after.map(|after| format!("after={after}")));
    query.extend(timeline.limit.map(|limit| format!("limit={limit}")));
    let target = with_query(&format!("/api/sessions/{session}/events"), &query);
    let answer = context.server.get(&target).await?;
    let output = &context.output;
    let id = |event: &TimelineEvent| event.sequence.to_string();
    output.list(&answer, "events", id, |events| table(&events, output.times))
}

fn table(events: &[TimelineEvent], times: Times) -> Table {
    let mut table = columns(["NUMBER", "WHEN", "TYPE", "WHAT"]);
    for event in events {
        table.add_row([
            event.sequence.to_string(),
            times.show(event.created_at),
            cell(&event.kind),
            optional(event.data.as_deref()),
        ]);
    }
    table
}
