//! What is said about a CLI: how it is started, what it is answered, and what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// How to start the CLI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartCli {
    /// Arguments behind the program's name, without `--session-id` and `--resume`: the bridge
    /// knows whether the conversation exists and picks the right one.
    pub(crate) arguments: Vec<String>,
    /// Added to the sandbox's own environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// The conversation's UUID.
    pub(crate) conversation: String,
    /// Members of the `initialize` control request beside its subtype (a JSON object).
    pub(crate) initialize: Option<Box<serde_json::Map<String, serde_json::Value>>>,
    /// Files for the CLI alone: what is secret or too long for an argument.
    #[serde(default)]
    pub(crate) files: Vec<StartFile>,
    /// What ashd calls this start; a bridge keeps it for the ashd that comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// What the CLI asks before it uses a tool is passed on as a frame and answered by ashd; else
    /// the bridge says no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) asks: bool,
    /// What it says beside the protocol is told as it comes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) logs: bool,
    /// The scripts of the agent run before it, those that are due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scripts: Option<Scripts>,
}

/// How the scripts of an agent are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scripts {
    /// When one is ended.
    pub(crate) timeout_ms: u64,
}

/// Where a line of the logs comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogLevel {
    Stdout,
    Stderr,
    /// Not a program's, but said of one.
    System,
}

/// ashd's answer to a question of the CLI.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The CLI's own name for its question.
    pub(crate) request_id: String,
    /// `behavior` and what belongs to it, as the CLI reads it. An `allow` without `updatedInput` is
    /// given the input that was asked for.
    pub(crate) response: Box<RawValue>,
}

/// A file that is written for one start of the CLI, readable for nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartFile {
    /// The argument that its path follows, e.g. `--mcp-config=`.
    pub(crate) argument: String,
    /// One plain file name.
    pub(crate) name: String,
    pub(crate) content: String,
}

/// What a bridge tells of the CLI, in sequence with its frames.
///
/// Each `Start` leads to [`Notice::StartFailed`] (nothing runs), or to [`Notice::Exited`] once
/// the CLI is gone; [`Notice::Ready`] stands before it if the CLI became ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub(crate) enum Notice {
    /// The CLI answered `initialize`.
    Ready { version: Option<String>, pid: u32 },
    /// The CLI could not be started, or refused `initialize` (and is gone).
    StartFailed {
        reason: String,
        /// The script of the agent that is to blame.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        script: Option<String>,
    },
    /// The CLI ended; `requested` if ashd asked for it, or if another `Start` came before it ran.
    Exited { code: Option<i32>, signal: Option<i32>, requested: bool, stderr: String },
    /// A line was longer than [`super::LINE_BYTES_MAX`] and was dropped.
    LineTooLong { bytes: u64 },
    /// A control request that ashd started was refused by the CLI.
    ControlRefused { request: String, reason: String },
    /// An `Input` could not be given to a CLI, and may be sent again under its number.
    InputRefused { number: u64, reason: String },
    /// Lines for the session's logs, with line feeds between them.
    Log { level: LogLevel, text: String },
    /// What has no place in this version.
    #[serde(other)]
    Unknown,
}
