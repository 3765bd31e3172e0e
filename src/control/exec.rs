//! Run a command in a session's sandbox, beside its turns.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::files::refused;
use super::{Caller, Control, Refusal};
pub(crate) use crate::bridge::host::Said;
use crate::bridge::host::{Execution, FileError};
pub(crate) use crate::bridge::protocol::CommandEnd;
use crate::bridge::protocol::RunCommand;
use crate::clock::Timestamp;
use crate::id::{SessionId, TurnId};
use crate::session::options::{OptionError, check_environment};
use crate::telemetry::{self, Context, Kind, Span};
use crate::wire::exec::{Command, ExecCommand};

/// How long a command may take if its request does not say it, and at most: the original's.
pub(crate) const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
pub(crate) const TIMEOUT_MAX: Duration = Duration::from_mins(5);

/// Output of a command that an answer holds: it is in memory, and the original's.
pub(crate) const ANSWER_OUTPUT_BYTES_MAX: u64 = 10 << 20;
/// Output of a command that is streamed.
pub(crate) const STREAM_OUTPUT_BYTES_MAX: u64 = 1 << 30;

/// Words of a command, and bytes of all of them: what the kernel takes, about.
const WORDS_MAX: usize = 4096;
const WORDS_BYTES_MAX: usize = 1 << 20;

/// What a shell line is given to.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// A command that runs.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) id: String,
    execution: Execution,
    session: SessionId,
    began: Timestamp,
    since: Instant,
    /// The span that it is a part of.
    trace: Option<Context>,
}

impl Started {
    /// What it says next; its end is the last. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Said, Refusal> {
        let next = self.execution.next().await.unwrap_or(Err(FileError::Closed));
        if let Ok(Said::Ended(ended)) = &next {
            self.trace_end(ended);
        }
        next.map_err(refused)
    }

    /// Tells the command, and neither its words nor what it said.
    fn trace_end(&mut self, ended: &CommandEnd) {
        let Some(parent) = self.trace.take().filter(|_| telemetry::is_on()) else { return };
        let error = match (ended.timed_out, ended.code) {
            (true, _) => Some("timeout"),
            (false, Some(0)) => None,
            (false, _) => Some("command_failed"),
        };
        let mut attributes = vec![
            ("gen_ai.conversation.id", self.session.to_string().into()),
            ("ash.exec", self.id.as_str().into()),
        ];
        let code = ended.code.and_then(|code| u64::try_from(code).ok());
        attributes.extend(code.map(|code| ("process.exit.code", code.into())));
        telemetry::tell(Span {
            name: "exec".to_owned(),
            kind: Kind::Internal,
            context: parent.child(),
            parent: Some(parent),
            began: self.began,
            took: self.since.elapsed(),
            error: error.map(str::to_owned),
            attributes,
        });
    }
}

impl Control {
    pub(crate) async fn exec(
        &self,
        caller: &Caller,
        id: SessionId,
        request: ExecCommand,
        output_bytes_max: u64,
    ) -> Result<Started, Refusal> {
        let input = input(&request)?;
        check_environment("env", &request.env)?;
        let timeout = match request.timeout {
            None => TIMEOUT_DEFAULT,
            Some(wanted) => Duration::from_millis(wanted),
        };
        if timeout.is_zero() || timeout > TIMEOUT_MAX {
            let most = TIMEOUT_MAX.as_millis();
            return Err(wrong("timeout", format!("it is from 1 to {most} milliseconds")));
        }
        let arguments = words(request.command)?;
        let reached = self.reach(caller, id).await?;
        // As for the CLI: the agent's, then the session's, then those of this command.
        let mut environment: BTreeMap<String, String> = reached.environment.clone();
        environment.extend(request.env);
        let command = RunCommand {
            arguments,
            directory: request.cwd,
            environment,
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            output_bytes_max,
        };
        let (began, since) = (Timestamp::now(), Instant::now());
        let execution = reached.bridge.sender.run(command).await.map_err(refused)?;
        let exec = TurnId::new().to_string();
        tracing::info!(session = %id, exec, in_jail = reached.bridge.in_jail, "command started");
        let data = execution.input();
        tokio::spawn(async move {
            if data.send(input).await.is_ok() {
                data.end();
            }
        });
        let trace = telemetry::current();
        Ok(Started { id: exec, execution, session: id, began, since, trace })
    }
}

fn wrong(field: &str, what: impl Into<String>) -> Refusal {
    OptionError { field: field.to_owned(), what: what.into() }.into()
}

fn words(command: Command) -> Result<Vec<String>, Refusal> {
    let words = match command {
        Command::Shell(line) if line.trim().is_empty() => {
            return Err(wrong("command", "it is empty"));
        }
        Command::Shell(line) => SHELL.into_iter().map(str::to_owned).chain([line]).collect(),
        Command::Words(words) => words,
    };
    if words.first().is_none_or(String::is_empty) {
        return Err(wrong("command", "it names no program"));
    }
    let bytes: usize = words.iter().map(String::len).sum();
    if words.len() > WORDS_MAX || bytes > WORDS_BYTES_MAX {
        return Err(wrong("command", format!("it has more than {WORDS_BYTES_MAX} bytes")));
    }
    if words.iter().any(|word| word.contains('\0')) {
        return Err(wrong("command", "it has a NUL character in it"));
    }
    Ok(words)
}

fn input(request: &ExecCommand) -> Result<Bytes, Refusal> {
    match (&request.stdin, &request.stdin_base64) {
        (Some(_), Some(_)) => Err(wrong("stdinBase64", "`stdin` is there, too")),
        (Some(text), None) => Ok(Bytes::from(text.clone())),
        (None, Some(text)) => match STANDARD.decode(text) {
            Ok(bytes) => Ok(bytes.into()),
            Err(error) => Err(wrong("stdinBase64", format!("it is not base64: {error}"))),
        },
        (None, None) => Ok(Bytes::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_given_to_a_shell_and_words_are_taken_as_they_are() {
        let shell = words(Command::Shell("a  b".to_owned())).unwrap();
        assert_eq!(shell, ["/bin/sh", "-c", "a  b"]);
        let plain = words(Command::Words(vec!["a b".to_owned(), String::new()])).unwrap();
        assert_eq!(plain, ["a b", ""]);
        for wrong in [
            Command::Shell(" \n".to_owned()),
            Command::Words(Vec::new()),
            Command::Words(vec![String::new()]),
            Command::Words(vec!["a\0b".to_owned()]),
            Command::Shell("x".repeat(WORDS_BYTES_MAX)),
        ] {
            assert!(words(wrong).is_err());
        }
    }
}
