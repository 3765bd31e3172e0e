//! `ashctl queue`: the messages of a session that wait.

use clap::Subcommand;
use http::Method;

use super::Context;
use super::failure::Failure;
use super::output::{Format, cell, columns};
use super::prefix::resolve;
use super::server::understand;
use crate::id::TurnId;
use crate::wire::turns::{QueuedTurn, SentNow};

#[derive(Debug, Subcommand)]
pub(crate) enum QueueVerb {
    /// List the turn that runs and those that wait
    List {
        /// Id of the session, or its first characters
        session: String,
    },
    /// Remove a message that waits
    Remove {
        /// Id of the session, or its first characters
        session: String,
        /// Id of the turn
        turn: TurnId,
    },
    /// Interrupt the running turn and run this one next
    Now {
        /// Id of the session, or its first characters
        session: String,
        /// Id of the turn
        turn: TurnId,
    },
}

pub(crate) async fn run(context: &Context, verb: QueueVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    match verb {
        QueueVerb::List { session } => {
            let session = resolve(server, &session).await?;
            let answer = server.get(&format!("/api/sessions/{session}/queue")).await?;
            let id = |turn: &QueuedTurn| turn.turn_id.to_string();
            output.list(&answer, "turns", id, |turns| {
                let mut table = columns(["TURN", "STATE", "SENT", "TEXT"]);
                for turn in turns {
                    let sent = output.times.show(turn.created_at);
                    let (id, text) = (turn.turn_id.to_string(), cell(&turn.text));
                    table.add_row([id, cell(&turn.state), sent, text]);
                }
                table
            })
        }
        QueueVerb::Remove { session, turn } => {
            let session = resolve(server, &session).await?;
            let target = format!("/api/sessions/{session}/queue/{turn}");
            let answer = server.call(Method::DELETE, &target).await?;
            match output.format {
                Format::Table => output.line("Removed the message"),
                Format::Id => output.line(&turn.to_string()),
                Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
            }
        }
        QueueVerb::Now { session, turn } => {
            let session = resolve(server, &session).await?;
            let target = format!("/api/sessions/{session}/queue/{turn}/now");
            let answer = server.call(Method::POST, &target).await?;
            match output.format {
                Format::Table => {
                    let sent: SentNow = understand(&answer)?;
                    output.line(match sent.interrupted_turn_id {
                        Some(_) => "Interrupted the running turn; the message comes next",
                        None => "The message comes next",
                    })
                }
                Format::Id => output.line(&turn.to_string()),
                Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
            }
        }
    }
}
