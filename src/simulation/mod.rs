//! A scripted Claude: a Claude Code CLI that speaks stream-json as 2.1.330 does, remembers the
//! conversation on disk, and answers what the user's own words tell it to ([`directive`]).
//!
//! `ashd --simulate` runs it in-process; benchmarks and fault tests run it as a program. Without
//! a directive it answers at once, so what is measured around it is not its own time.
//!
//! ```text
//! run ── Options, Conversation ──▶ Cli::live ── a line ──▶ control · queue
//!                                      └─ a message ──▶ Cli::turn ─▶ play the directives
//! ```
//!
//! While a turn pauses, the CLI listens: an interrupt ends it, other requests are answered, and
//! messages wait for the next turn. Its words are checked against recordings of the real one in
//! `tests/fixtures/claude-cli-2.1.330`.

mod cli;
mod command;
mod control;
mod conversation;
mod directive;
#[cfg(test)]
pub(crate) mod fidelity;
mod frames;
#[cfg(test)]
pub(crate) mod host;
mod lines;
mod messages;
mod options;
mod refusal;
mod result;
mod tell;
#[cfg(test)]
mod tests;
mod tool_use;
mod tools;
mod turn;

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio::io::{AsyncBufRead, AsyncWrite};

#[cfg(feature = "testing")]
pub(crate) use directive::{Directive, chunks, counted_text, parse, pieces};
#[cfg(feature = "testing")]
pub(crate) use messages::{Block, Delta, Message, Stop, StreamEvent, Usage, tokens};

pub(crate) use command::execute;

use cli::Cli;
use conversation::{Conversation, OpenError};
use options::Options;

/// The version of the CLI that is imitated.
pub(crate) const VERSION: &str = "2.1.330";

/// How the CLI is called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Invocation {
    /// Behind the program's name.
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    /// The working directory.
    pub(crate) directory: PathBuf,
}

/// How the CLI ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With an exit code, and what it said on stderr.
    Exited { code: i32, stderr: String },
    /// By SIGKILL: a program has to do that to itself.
    Killed,
}

impl Ending {
    fn exited(code: i32) -> Self {
        Self::Exited { code, stderr: String::new() }
    }

    fn failed(stderr: impl Into<String>) -> Self {
        Self::Exited { code: 1, stderr: stderr.into() }
    }
}

/// Leads one conversation until stdin ends.
pub(crate) async fn run<R, W>(invocation: Invocation, stdin: R, stdout: W) -> Ending
where
    R: AsyncBufRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let options = match Options::parse(invocation) {
        Ok(options) => options,
        Err(told) => return Ending::failed(told),
    };
    let mut output = lines::Output::new(stdout);
    match Conversation::open(&options).await {
        Ok(conversation) => Cli::new(options, conversation, stdin, output).live().await,
        Err(error) => {
            if let OpenError::NotFound { id } = &error {
                output.line(&tell::not_found(id, &error.to_string()));
                if let Err(ending) = output.flush().await {
                    return ending;
                }
            }
            Ending::failed(error.to_string())
        }
    }
}
