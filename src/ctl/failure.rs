//! What a person is told when something fails: what and why, what to do, and the exit status.

use std::io::{self, Write as _};

use clap::builder::styling::{AnsiColor, Style};

use super::exit::Exit;
use super::plain;
use crate::chain::chain;
use crate::web::client::ClientError;
use crate::wire::problem::{Code, Problem};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Why a command did not do what it was told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What went wrong, in one sentence without a full stop. Nothing is printed if it is empty.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    pub(crate) exit: Exit,
}

impl Failure {
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { text: text.into(), hint: None, exit }
    }

    /// The command line, or a file that it names, is wrong.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text)
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What a problem document of the server means here.
    pub(crate) fn from_problem(problem: Problem) -> Self {
        let text = if problem.detail.is_empty() { problem.error } else { problem.detail };
        let text = match problem.field {
            Some(field) if !text.contains(&field) => format!("`{field}`: {text}"),
            _ => text,
        };
        let exit = match problem.code {
            Code::Unknown => by_status(problem.status_code.max(problem.status)),
            code => code.into(),
        };
        let hint = problem.hint.or_else(|| hint_for(problem.code).map(str::to_owned));
        Self { text, hint, exit }
    }

    /// What an answer means that is not a success and not a problem document either, as a proxy
    /// in between gives it.
    pub(crate) fn from_status(place: &str, status: http::StatusCode) -> Self {
        Self::new(by_status(status.as_u16()), format!("{place} answered `{status}`"))
    }

    /// The standard output cannot be written to. A reader that has seen enough, as `head`, is no
    /// failure.
    pub(crate) fn from_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::new(Exit::Ok, "")
        } else {
            Self::new(Exit::Failure, format!("the standard output cannot be written: {error}"))
        }
    }

    /// Tells the person.
    pub(crate) fn print(&self) {
        if self.text.is_empty() {
            return;
        }
        let mut stderr = anstream::stderr().lock();
        // There is nobody to tell that the standard error is gone.
        let _told = writeln!(stderr, "{ERROR}error:{ERROR:#} {}", plain::text(&self.text))
            .and_then(|()| match &self.hint {
                Some(hint) => writeln!(stderr, "{HINT}hint:{HINT:#} {}", plain::text(hint)),
                None => Ok(()),
            });
    }
}

/// The exit status for an HTTP status that comes without one of our codes.
fn by_status(status: u16) -> Exit {
    match status {
        401 | 403 => Exit::Denied,
        404 => Exit::NotFound,
        429 => Exit::Failure,
        400..500 => Exit::Refused,
        502 | 504 => Exit::Unreachable,
        _ => Exit::Failure,
    }
}

/// What to do about a problem for which the server gave no hint.
fn hint_for(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::AgentNotFound => {
            "`ashctl agent list` shows what is deployed, `ashctl deploy DIR` deploys more"
        }
        Code::CliMissing | Code::CliTooOld | Code::SandboxFailed => {
            "`ashctl doctor` shows what this host lacks"
        }
        Code::FileNotFound => "`ashctl session files ID` lists the files",
        Code::QueueFull => "wait for the running turn, or stop it with `ashctl interrupt ID`",
        Code::SessionEnded => "create a new one with `ashctl session create AGENT`",
        Code::SessionNotFound => "`ashctl session list` shows all sessions",
        Code::TooManySessions => "end some with `ashctl session end ID`",
        Code::Unauthorized => "give an API key with `--api-key-file FILE` or `ASH_API_KEY`",
        _ => return None,
    })
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let (exit, hint) = match &error {
            ClientError::NobodyListens { place } if place.starts_with("http") => (
                Exit::Unreachable,
                Some("is ashd started there, and does it listen on this address?"),
            ),
            ClientError::NobodyListens { place } if place.starts_with("the admin socket of ") => {
                (Exit::Unreachable, Some("start the daemon there with `systemctl start ashd`"))
            }
            ClientError::NobodyListens { .. } => (
                Exit::Unreachable,
                Some(
                    "start the daemon with `systemctl start ashd`, or name its socket with `--socket`",
                ),
            ),
            ClientError::Denied { .. } => (
                Exit::Denied,
                Some("join the group `ash` (`adduser USER ash`, then log in again), or use `sudo`"),
            ),
            ClientError::Tls { .. } => (
                Exit::Unreachable,
                Some(
                    "does it speak TLS? To trust an authority of your own, name its file in `SSL_CERT_FILE`",
                ),
            ),
            ClientError::Url { .. } => {
                (Exit::Usage, Some("a server looks like `https://ash.example.com:4100`"))
            }
            ClientError::AnswerTooLarge { .. } => (Exit::Failure, None),
            ClientError::Roots { .. } => (
                Exit::Unreachable,
                Some("install the package `ca-certificates`, or name a file in `SSL_CERT_FILE`"),
            ),
            ClientError::Connect { .. }
            | ClientError::ConnectTimeout { .. }
            | ClientError::Lost { .. }
            | ClientError::NoAnswer { .. }
            | ClientError::Silent { .. } => (Exit::Unreachable, None),
        };
        Self { text: chain(&error), hint: hint.map(str::to_owned), exit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_keeps_its_text_and_gets_a_hint_and_a_status() {
        let failure =
            Failure::from_problem(Problem::new(Code::AgentNotFound, "agent `x` is not deployed"));
        assert_eq!(
            (failure.text.as_str(), failure.exit),
            ("agent `x` is not deployed", Exit::NotFound)
        );
        assert!(failure.hint.unwrap().contains("ashctl agent list"));
    }

    #[test]
    fn the_hint_of_the_server_and_the_wrong_member_are_told() {
        let problem = Problem::new(Code::BadRequest, "it is empty").field("agent").hint("name one");
        assert_eq!(
            Failure::from_problem(problem),
            Failure::new(Exit::Refused, "`agent`: it is empty").hint("name one")
        );
    }

    #[test]
    fn an_error_of_the_original_has_a_status_by_its_number() {
        for (status, exit) in [
            (400, Exit::Refused),
            (401, Exit::Denied),
            (404, Exit::NotFound),
            (429, Exit::Failure),
            (500, Exit::Failure),
            (502, Exit::Unreachable),
        ] {
            let json = format!(r#"{{"error":"it went wrong","statusCode":{status}}}"#);
            let failure = Failure::from_problem(serde_json::from_str(&json).unwrap());
            assert_eq!(failure, Failure::new(exit, "it went wrong"));
        }
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        let failure = Failure::from_output(&io::ErrorKind::BrokenPipe.into());
        assert_eq!(failure, Failure::new(Exit::Ok, ""));
        assert_eq!(Failure::from_output(&io::ErrorKind::StorageFull.into()).exit, Exit::Failure);
    }
}
