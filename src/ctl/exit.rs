//! The exit statuses: the one table that the code, `docs/ashctl.md` and the tests share.

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::wire::problem::Code;

/// How the program ends. The numbers are part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Ok = 0,
    Failure = 1,
    Usage = 2,
    NotActive = 3,
    NotFound = 4,
    Refused = 5,
    Denied = 6,
    Unreachable = 7,
    TurnFailed = 8,
    Configuration = 9,
    NotRun = 125,
    Interrupted = 130,
}

impl Exit {
    /// Every status, in order.
    pub(crate) const ALL: [Self; 12] = [
        Self::Ok,
        Self::Failure,
        Self::Usage,
        Self::NotActive,
        Self::NotFound,
        Self::Refused,
        Self::Denied,
        Self::Unreachable,
        Self::TurnFailed,
        Self::Configuration,
        Self::NotRun,
        Self::Interrupted,
    ];

    /// What the status means, for the documentation.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "success",
            Self::Failure => {
                "failure that no other status names: the server is full, or went wrong"
            }
            Self::Usage => "the command line is wrong",
            Self::NotActive => "no daemon runs (`status` and `doctor`)",
            Self::NotFound => "there is no such agent, session, or file",
            Self::Refused => "the server refused the request as wrong",
            Self::Denied => "no permission: the socket's, or the API key's",
            Self::Unreachable => "the server cannot be reached, or the connection was lost",
            Self::TurnFailed => "the turn ended with an error",
            Self::Configuration => "the configuration is wrong",
            Self::NotRun => "`session exec` did not run the command to its end",
            Self::Interrupted => "interrupted with ^C",
        }
    }
}

/// The table as the help shows it.
pub(crate) fn help() -> String {
    let mut help = "Exit status:".to_owned();
    for exit in Exit::ALL {
        write!(help, "\n  {:3}  {}", exit as u8, exit.meaning()).expect("a text takes more text");
    }
    help
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Code> for Exit {
    fn from(code: Code) -> Self {
        match code {
            Code::AgentChanged
            | Code::AgentInvalid
            | Code::ArchiveInvalid
            | Code::BadRequest
            | Code::BodyTooLarge
            | Code::ChangedMeanwhile
            | Code::FileTooLarge
            | Code::IdempotencyMismatch
            | Code::EvalState
            | Code::JobState
            | Code::MethodNotAllowed
            | Code::PathOutside
            | Code::PermissionResolved
            | Code::SessionBusy
            | Code::SessionEnded
            | Code::SessionState
            | Code::TooManyAttachments
            | Code::TooManyEvals
            | Code::TooManyKeys
            | Code::TooManySchedules
            | Code::TooManyWebhooks
            | Code::TurnRunning
            | Code::VersionActive
            | Code::WebhookDisabled => Self::Refused,
            Code::AgentNotFound
            | Code::AttachmentNotFound
            | Code::CredentialNotFound
            | Code::EvalNotFound
            | Code::FileNotFound
            | Code::JobNotFound
            | Code::KeyNotFound
            | Code::NotFound
            | Code::PermissionNotFound
            | Code::ScheduleNotFound
            | Code::SessionNotFound
            | Code::TurnNotFound
            | Code::VersionNotFound
            | Code::WebhookNotFound => Self::NotFound,
            Code::ConfigInvalid => Self::Configuration,
            Code::Forbidden | Code::Unauthorized => Self::Denied,
            Code::ArchiveFailed
            | Code::CliMissing
            | Code::CliTooOld
            | Code::CredentialsUnavailable
            | Code::CutOff
            | Code::DiskFull
            | Code::DiskQuotaReached
            | Code::Draining
            | Code::Internal
            | Code::NotSupported
            | Code::QueueFull
            | Code::RateLimited
            | Code::SandboxFailed
            | Code::ShuttingDown
            | Code::StoreUnavailable
            | Code::TooManyCommands
            | Code::TooManySessions
            | Code::Unknown => Self::Failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_every_exit_status() {
        let page = include_str!("../../docs/ashctl.md");
        let (_, table) = page.split_once("| status | meaning |\n| ---: | --- |\n").unwrap();
        let (table, _) = table.split_once("\n\n").unwrap();
        let expected: Vec<String> = Exit::ALL
            .iter()
            .map(|exit| format!("| {} | {} |", *exit as u8, exit.meaning()))
            .collect();
        assert_eq!(table.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_a_client_did_wrong_is_never_a_plain_failure() {
        for code in Code::ALL {
            let client_error = (400..500).contains(&code.status()) && code.status() != 429;
            assert_eq!(Exit::from(code) != Exit::Failure, client_error, "{code:?}");
        }
    }
}
