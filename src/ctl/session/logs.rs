//! `ashctl session logs`: what programs of a session's sandbox said for people.

use std::time::Duration;

use clap::Args;

use crate::ctl::Context;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, cell};
use crate::ctl::prefix::resolve;
use crate::ctl::server::understand;
use crate::wire::logs::LogLines;

/// How often somebody who follows asks for more: nobody reads faster.
const INTERVAL: Duration = Duration::from_secs(1);

/// Print what Claude Code and the scripts of the agent wrote beside the conversation
///
/// Each line says when, and where it comes from: `stdout`, `stderr`, or `system` for what Ash says of
/// them. What ashd itself says of a session stands in the journal: `ashctl logs SESSION`.
#[derive(Debug, Args)]
pub(crate) struct SessionLogs {
    /// Id of the session, or its first characters
    session: String,
    /// Only what comes behind this number
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// Go on with what is written from now on
    #[arg(short, long)]
    follow: bool,
}

pub(super) async fn run(context: &Context, asked: SessionLogs) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let session = resolve(server, &asked.session).await?;
    let mut after = asked.after;
    loop {
        let query = after.map(|after| format!("?after={after}")).unwrap_or_default();
        let answer = server.get(&format!("/api/sessions/{session}/logs{query}")).await?;
        let lines: LogLines = understand(&answer)?;
        if output.format == Format::Json && !asked.follow {
            return output.json(&String::from_utf8_lossy(&answer));
        }
        for line in &lines.logs {
            match output.format {
                Format::Table => {
                    let (when, level) = (line.ts, cell(&line.level));
                    output.line(&format!("{when}  {level:6}  {}", cell(&line.text)))?;
                }
                Format::Id => output.line(&line.index.to_string())?,
                Format::Json | Format::Jsonl => {
                    output.json(&serde_json::to_string(line).expect("a line has a JSON form"))?;
                }
            }
        }
        after = lines.logs.last().map(|line| line.index).or(after);
        if !asked.follow {
            return Ok(());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
