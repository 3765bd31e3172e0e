//! Commands that are run in a session.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Body of `POST /api/sessions/{id}/exec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExecCommand {
    pub(crate) command: Command,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<u64>,
    /// Beneath the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cwd: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stdin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stdin_base64: Option<String>,
    /// Answer with an event for each piece of output.
    #[serde(default)]
    pub(crate) stream: bool,
}

/// A line for a shell, or a program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(crate) enum Command {
    Shell(String),
    Words(Vec<String>),
}

/// The answer that is not streamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExecResult {
    pub(crate) exec_id: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    #[serde(flatten)]
    pub(crate) end: ExecEnd,
}

/// How a command ended; also the last event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExecEnd {
    /// Of a command that a signal ended: 128 and the signal, as a shell says it; of one that took
    /// too long 124.
    pub(crate) exit_code: i32,
    pub(crate) signal: Option<i32>,
    pub(crate) timed_out: bool,
    /// There was more output than is passed on.
    pub(crate) truncated: bool,
    pub(crate) duration_ms: u64,
}

/// The first event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExecStart {
    pub(crate) exec_id: String,
}

/// A piece of output: text where it is text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExecOutput {
    Text(String),
    Base64(String),
}

/// The events of a stream.
pub(crate) mod event {
    pub(crate) const START: &str = "start";
    pub(crate) const STDOUT: &str = "stdout";
    pub(crate) const STDERR: &str = "stderr";
    pub(crate) const EXIT: &str = "exit";
    pub(crate) const ERROR: &str = "error";
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::operation;
    use super::operations::Operation;
    use super::problem::Code;
    use super::turns::{TRACE_PARENT, TRACE_PARENT_ABOUT};
    vec![
        operation(Operation::ExecCommand, "Runs a command in a session.")
            .header(TRACE_PARENT, TRACE_PARENT_ABOUT)
            .body::<ExecCommand>()
            .answers::<ExecResult>(200)
            .streams("`POST /api/sessions/{id}/exec`")
            .refuses(&[
                Code::ArchiveFailed,
                Code::CutOff,
                Code::FileNotFound,
                Code::NotSupported,
                Code::PathOutside,
                Code::SandboxFailed,
                Code::SessionBusy,
                Code::SessionEnded,
                Code::SessionState,
                Code::TooManyCommands,
                Code::TooManySessions,
            ]),
    ]
}
