//! What a bridge says of its CLI beside the frames.

use serde_json::json;

use super::driver::Driver;
use super::log::Batch;
use crate::bridge::protocol::{LogLevel, Notice};
use crate::session::frame::FrameKind;
use crate::store::LogSource;

/// The CLI is gone, or takes nothing.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) reason: String,
    /// It may have been gone before it could take the running turn's message.
    pub(super) was_late: bool,
}

impl Broken {
    fn early(reason: String) -> Self {
        Self { reason, was_late: false }
    }

    fn late(reason: String) -> Self {
        Self { reason, was_late: true }
    }
}

impl Driver {
    /// Answers why the CLI is gone, if it is.
    pub(super) fn notice(
        &mut self,
        number: u64,
        notice: Notice,
        batch: &mut Batch,
    ) -> Option<Broken> {
        let session = self.record.id;
        let ends = matches!(notice, Notice::StartFailed { .. } | Notice::Exited { .. });
        if ends && self.live.as_mut().is_some_and(|live| live.starts.is_of_an_earlier(number)) {
            // The turn belongs to the CLI that was started since.
            return None;
        }
        let settled = matches!(
            notice,
            Notice::Ready { .. }
                | Notice::StartFailed { .. }
                | Notice::Exited { requested: false, .. }
        );
        if let Some(live) = self.live.as_mut().filter(|_| settled) {
            live.starting = false;
        }
        match notice {
            Notice::Ready { version, pid } => {
                tracing::debug!(%session, version, pid, "Claude Code is ready");
                let version = version.unwrap_or_default();
                batch.log(LogSource::System, &format!("Claude Code {version} is ready"));
                None
            }
            Notice::StartFailed { reason, script: None } => {
                let reason = format!("Claude Code did not start: {reason}");
                batch.log(LogSource::System, &reason);
                Some(Broken::early(reason))
            }
            Notice::StartFailed { reason, script: Some(script) } => {
                if !self.record.is_parked() {
                    let error = json!({ "error": reason, "code": "script_failed" });
                    batch.push(FrameKind::Error, self.turns.running(), error.to_string());
                }
                let reason = format!("Claude Code was not started, because `{script}` failed");
                batch.log(LogSource::System, &reason);
                Some(Broken::early(reason))
            }
            Notice::Exited { requested: true, .. } => {
                batch.log(LogSource::System, "Claude Code was ended");
                None
            }
            Notice::Exited { code, signal, stderr, requested: false } => {
                let how = match (code, signal) {
                    (_, Some(signal)) => format!("was killed by signal {signal}"),
                    (Some(code), None) => format!("ended with status {code}"),
                    (None, None) => "ended".to_owned(),
                };
                batch.log(LogSource::System, &format!("Claude Code {how}"));
                let stderr = stderr.trim();
                let said = if stderr.is_empty() { String::new() } else { format!(": {stderr}") };
                Some(Broken::late(format!("Claude Code {how}{said}")))
            }
            Notice::LineTooLong { bytes } => {
                let error = format!(
                    "a line of {bytes} bytes from Claude Code was over the limit and was left out"
                );
                batch.push(
                    FrameKind::Error,
                    self.turns.running(),
                    json!({ "error": error }).to_string(),
                );
                None
            }
            Notice::ControlRefused { request, reason } => {
                let error = format!("Claude Code refused `{request}`: {reason}");
                batch.push(
                    FrameKind::Error,
                    self.turns.running(),
                    json!({ "error": error }).to_string(),
                );
                None
            }
            // Of a turn that has ended already, or of a message that was given to another CLI since.
            Notice::InputRefused { number: input, .. }
                if self.running.as_ref().is_none_or(|turn| turn.input != input)
                    || self.live.as_ref().is_some_and(|live| live.starts.is_replayed(number)) =>
            {
                None
            }
            Notice::InputRefused { reason, .. } => {
                Some(Broken::late(format!("Claude Code took no message: {reason}")))
            }
            Notice::Log { level, text } => {
                batch.log(source(level), &text);
                None
            }
            Notice::Unknown => None,
        }
    }
}

fn source(level: LogLevel) -> LogSource {
    match level {
        LogLevel::Stdout => LogSource::Stdout,
        LogLevel::Stderr => LogSource::Stderr,
        LogLevel::System => LogSource::System,
    }
}
