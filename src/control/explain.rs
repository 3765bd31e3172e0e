//! How a refusal is told to a client: a problem document.

use super::Refusal;
use crate::agent::{AgentError, Fault};
use crate::archive::ArchiveError;
use crate::chain::chain;
use crate::egress::ReceiverError;
use crate::runner::ArchivingError;
use crate::runner::handle::{PermissionError, QueueError, SendError, StartError};
use crate::sandbox::CliError;
use crate::sandboxd::SandboxdError;
use crate::session::Status;
use crate::store::{ProblemKind, StoreError};
use crate::wire::problem::{Code, Problem};

impl Refusal {
    /// What the client reads. What only the log should know stays in the log.
    pub(crate) fn problem(&self) -> Problem {
        explain(self)
    }
}

fn explain(refusal: &Refusal) -> Problem {
    let text = refusal.to_string();
    match refusal {
        Refusal::AgentName(_) => Problem::new(Code::BadRequest, chain(refusal)).field("name"),
        Refusal::Agent(error) => agent(error),
        Refusal::AgentNotFound => Problem::new(Code::AgentNotFound, text)
            .hint("list what is deployed with `ashctl agent list`"),
        Refusal::AgentUnknown { .. } => Problem::new(Code::AgentNotFound, text)
            .field("agent")
            .hint("deploy it with `ashctl deploy DIR`"),
        Refusal::VersionNotFound => Problem::new(Code::VersionNotFound, text)
            .hint("list them with `ashctl agent version list`"),
        Refusal::VersionUnknown { field } => Problem::new(Code::BadRequest, text)
            .field(*field)
            .hint("list them with `ashctl agent version list`"),
        Refusal::VersionActive { .. } => Problem::new(Code::VersionActive, text)
            .hint("activate another version first, or delete the agent"),
        Refusal::AgentMoved => Problem::new(Code::AgentChanged, text).hint("ask again"),
        Refusal::PathNotAllowed { .. } => Problem::new(Code::Forbidden, text)
            .field("path")
            .hint("use `ashctl deploy` or upload the files; an administrator can list folders in `[agents] roots`"),
        Refusal::HostNotAllowed { host } => Problem::new(Code::Forbidden, text)
            .field("allowedHosts")
            .hint(format!("an administrator can add `{host}` to `[egress] allow` in ash.toml and restart ashd and ash-egress")),
        Refusal::OfAllTenants => Problem::new(Code::Forbidden, text)
            .hint("ask over the admin socket, as root or a member of the group `ash`"),
        Refusal::KeyNotFound => Problem::new(Code::KeyNotFound, text)
            .hint("list the keys with `ashctl key list`"),
        Refusal::TooManyKeys { .. } => {
            Problem::new(Code::TooManyKeys, text).hint("revoke those that nobody uses")
        }
        Refusal::KeyLabel { .. } => Problem::new(Code::BadRequest, text).field("label"),
        Refusal::KeyLife { .. } => Problem::new(Code::BadRequest, text).field("expiresInSeconds"),
        Refusal::TenantName { .. } => Problem::new(Code::BadRequest, text).field("tenantId"),
        Refusal::ForeignTenant => Problem::new(Code::Forbidden, text).field("tenantId"),
        Refusal::CredentialNotFound => Problem::new(Code::CredentialNotFound, text)
            .hint("list them with `ashctl credential list`"),
        Refusal::TooManyCredentials { .. } => {
            Problem::new(Code::TooManyKeys, text).hint("delete those that nobody uses")
        }
        Refusal::NoSealing => Problem::new(Code::CredentialsUnavailable, text)
            .hint("`systemctl status ash-egress` says why; ashd connects by itself"),
        Refusal::AttachmentNotFound => Problem::new(Code::AttachmentNotFound, text)
            .hint("list them with `ashctl session attachment list`"),
        Refusal::TooManyAttachments { .. } => Problem::new(Code::TooManyAttachments, text)
            .hint("remove some, or write files with `PUT /api/sessions/{id}/files/{path}`"),
        Refusal::TooManyJobs { .. } => Problem::new(Code::QueueFull, text),
        Refusal::JobNotFound => Problem::new(Code::JobNotFound, text)
            .hint("list the jobs with `ashctl job list`; those that are over are kept for `[jobs] keep_hours`"),
        Refusal::JobState { .. } => Problem::new(Code::JobState, text).hint("it is over already"),
        Refusal::EvalNotFound { .. } => Problem::new(Code::EvalNotFound, text)
            .hint("list them with `ashctl eval case list` and `ashctl eval list`; the newest 50 runs are kept"),
        Refusal::EvalResultOfRun => Problem::new(Code::EvalNotFound, text)
            .field("resultId")
            .hint("list them with `ashctl eval results`"),
        Refusal::EvalVersion { .. } => Problem::new(Code::VersionNotFound, text)
            .field("versionNumber")
            .hint("list them with `ashctl agent version list`"),
        Refusal::EvalState { .. } => Problem::new(Code::EvalState, text).hint("it is over already"),
        Refusal::NoOpinion => Problem::new(Code::BadRequest, text).field("humanScore"),
        Refusal::TooManyCases { .. } => Problem::new(Code::TooManyEvals, text)
            .hint("delete those that nobody runs, or ask a second agent of the same files"),
        Refusal::ScheduleNotFound => Problem::new(Code::ScheduleNotFound, text)
            .hint("list them with `ashctl schedule list`"),
        Refusal::TooManySchedules { .. } => Problem::new(Code::TooManySchedules, text)
            .hint("remove those that nobody needs with `ashctl schedule remove`"),
        Refusal::Receiver { error: ReceiverError::Shape { .. } } => {
            Problem::new(Code::BadRequest, text).field("url")
        }
        Refusal::Receiver { error: ReceiverError::NotListed { .. } } => {
            Problem::new(Code::Forbidden, text).field("url").hint(
                "an administrator can add a public host to `[webhooks] allow` in ash.toml, or an internal address to `[webhooks] internal`, and restart ashd and ash-egress",
            )
        }
        Refusal::WebhookNotFound => Problem::new(Code::WebhookNotFound, text)
            .hint("list them with `ashctl webhook list`"),
        Refusal::WebhookDisabled { .. } => Problem::new(Code::WebhookDisabled, text)
            .hint("`ashctl webhook enable` has it told again"),
        Refusal::TooManyWebhooks { .. } => Problem::new(Code::TooManyWebhooks, text)
            .hint("remove those that nobody listens to with `ashctl webhook remove`"),
        Refusal::TooManyDeliveries { .. } => Problem::new(Code::QueueFull, text)
            .hint("`ashctl webhook deliveries` tells why"),
        Refusal::SessionNotFound => Problem::new(Code::SessionNotFound, text),
        Refusal::SessionState { status: Status::Ended } => {
            Problem::new(Code::SessionState, text).hint("create a new session")
        }
        Refusal::SessionState { .. } => Problem::new(Code::SessionState, text),
        Refusal::CannotRest { status: Status::Paused | Status::Stopped, .. } => {
            Problem::new(Code::SessionState, text)
                .hint("it rests already; a message or a resume wakes it")
        }
        Refusal::CannotRest { .. } => Problem::new(Code::SessionState, text),
        Refusal::SessionBusy { .. } => Problem::new(Code::SessionBusy, text)
            .hint("wait for the end of the turn, or interrupt it"),
        Refusal::SessionGone => Problem::new(Code::SessionEnded, text),
        // The original's text, without our field in front of it.
        Refusal::Option { error } if error.field == "credentialId" => {
            Problem::new(Code::BadRequest, error.what.as_str()).field("credentialId")
        }
        Refusal::Option { error } => Problem::new(Code::BadRequest, text).field(&error.field),
        Refusal::NotArchived { .. } => Problem::new(Code::SessionState, text)
            .hint("only what is archived is restored; fork it, or end it first"),
        Refusal::Archiving(error) => archive(error),
        Refusal::Workspace(error) => workspace(error),
        Refusal::Start(error) => start(error),
        Refusal::Send(error) => send(error),
        Refusal::Queue(error) => queue(error),
        Refusal::Permission(error) => permission(error),
        Refusal::TurnNotFound => Problem::new(Code::TurnNotFound, text)
            .hint("list what runs and waits with `GET /api/sessions/{id}/queue`"),
        Refusal::NoFreeUid { .. } => Problem::new(Code::TooManySessions, text)
            .hint("end sessions, or widen `[sandbox] uid_count`"),
        Refusal::NoWorkspace => Problem::new(Code::FileNotFound, text)
            .hint("files of an ended session are kept for `[sessions] keep_ended_hours`"),
        Refusal::FileNotFound => Problem::new(Code::FileNotFound, text),
        Refusal::FilePath | Refusal::NotAFile => Problem::new(Code::PathOutside, text),
        Refusal::FileTooLarge { .. } => Problem::new(Code::FileTooLarge, text),
        Refusal::Archive => Problem::new(Code::ArchiveInvalid, text)
            .hint("files, folders and links below the folder are unpacked: tar, plain or in gzip or zstd"),
        Refusal::NoRoom => Problem::new(Code::DiskFull, text),
        Refusal::DiskQuota { .. } => Problem::new(Code::DiskQuotaReached, text)
            .hint("remove files, or raise `diskMib` or `diskFiles`"),
        Refusal::TooManyCommands { .. } => Problem::new(Code::TooManyCommands, text)
            .hint("wait for one to end"),
        Refusal::OldSandbox => Problem::new(Code::NotSupported, text)
            .hint("stop the session; it then gets a sandbox of this version"),
        Refusal::CutOff => Problem::new(Code::CutOff, text).hint("ask again"),
        Refusal::Bridge(_) => Problem::new(Code::SandboxFailed, chain(refusal)),
        Refusal::Store(error) => store(error),
        Refusal::Configuration { .. } => Problem::new(Code::ConfigInvalid, text)
            .hint("ashd goes on with what it had; ash.toml(5) lists the settings"),
        Refusal::Draining => Problem::new(Code::Draining, text)
            .hint("try again later; what was taken before goes on"),
        Refusal::Leaving => Problem::new(Code::ShuttingDown, text),
        Refusal::Worker => Problem::new(Code::Internal, text),
    }
}

fn agent(error: &AgentError) -> Problem {
    match (error.fault(), error) {
        // The original's words.
        (_, AgentError::ClaudeMdMissing) => {
            Problem::new(Code::AgentInvalid, "Agent directory must contain CLAUDE.md")
        }
        (Fault::Folder, error) => Problem::new(Code::AgentInvalid, chain(error)),
        (Fault::Size, error) => Problem::new(Code::BodyTooLarge, chain(error)),
        (Fault::DiskFull, _) => disk_full(),
        (Fault::Host, error) => Problem::new(Code::Internal, chain(error)),
    }
}

fn archive(error: &ArchivingError) -> Problem {
    let hint = match error {
        ArchivingError::Files(error) => return workspace(error),
        ArchivingError::Store(error) => return store(error),
        ArchivingError::Archive(ArchiveError::Content(source))
            if source.kind() == std::io::ErrorKind::StorageFull =>
        {
            return disk_full();
        }
        ArchivingError::Archive(error) => match error {
            ArchiveError::OtherKey { .. } => {
                "put the key of the host that made it into `archive.key_file`, and restart ashd"
            }
            ArchiveError::Newer { .. } => "install that version of Ash",
            ArchiveError::NotFound | ArchiveError::Damaged { .. } => {
                "an older copy of the objects may be whole: nothing was changed, here or there"
            }
            _ => "look at `archive.url` and whether it can be reached; nothing was changed",
        },
    };
    Problem::new(Code::ArchiveFailed, chain(error)).hint(hint)
}

fn workspace(error: &SandboxdError) -> Problem {
    match error {
        SandboxdError::DiskFull { .. } => disk_full(),
        error => Problem::new(Code::Internal, chain(error)),
    }
}

fn start(error: &StartError) -> Problem {
    match error {
        StartError::Cli(cli @ CliError::TooOld { .. }) => {
            Problem::new(Code::CliTooOld, cli.to_string())
        }
        StartError::Cli(cli) => Problem::new(Code::CliMissing, cli.to_string()),
        StartError::TooMany { position, .. } => {
            Problem::new(Code::TooManySessions, error.to_string())
                .queue_position(*position)
                .hint("wait, end sessions, or raise `[sandbox] max`")
        }
        StartError::NoJail { .. } => Problem::new(Code::TooManySessions, error.to_string())
            .hint("wait; a session that has its sandbox is always served"),
        StartError::MemoryShort { position } => {
            Problem::new(Code::TooManySessions, error.to_string())
                .queue_position(*position)
                .hint("wait, end sessions, or give the host more memory")
        }
        StartError::Archive(error) => archive(error),
        StartError::Store(error) => store(error),
        StartError::Ending => Problem::new(Code::ShuttingDown, error.to_string()),
        StartError::Launch(_) | StartError::Link(_) => {
            Problem::new(Code::SandboxFailed, chain(error))
                .hint("`ashctl doctor` says what this host can enforce and what is missing")
        }
    }
}

fn send(error: &SendError) -> Problem {
    match error {
        SendError::QueueFull { .. } => Problem::new(Code::QueueFull, error.to_string()),
        SendError::KeyReused => Problem::new(Code::IdempotencyMismatch, error.to_string())
            .hint("a retry repeats the request as it was; another message needs another key"),
        SendError::Store(error) => store(error),
        SendError::Ending => Problem::new(Code::ShuttingDown, error.to_string()),
    }
}

fn queue(error: &QueueError) -> Problem {
    match error {
        QueueError::NotFound => Problem::new(Code::TurnNotFound, error.to_string()),
        QueueError::Running => Problem::new(Code::TurnRunning, error.to_string())
            .hint("`POST /api/sessions/{id}/interrupt` stops it"),
        QueueError::Store(error) => store(error),
        QueueError::Ending => Problem::new(Code::ShuttingDown, error.to_string()),
    }
}

fn permission(error: &PermissionError) -> Problem {
    let text = error.to_string();
    match error {
        PermissionError::NotFound => Problem::new(Code::PermissionNotFound, text)
            .hint("list what is open with `GET /api/sessions/{id}/permissions`"),
        PermissionError::Resolved => Problem::new(Code::PermissionResolved, text),
        PermissionError::NothingToRemember => {
            Problem::new(Code::BadRequest, text).field("remember")
        }
        PermissionError::Store(error) => store(error),
        PermissionError::Ending => Problem::new(Code::ShuttingDown, text),
    }
}

fn store(error: &StoreError) -> Problem {
    match error {
        StoreError::DiskFull => disk_full(),
        StoreError::Moved { .. } => {
            Problem::new(Code::StoreUnavailable, chain(error)).hint(ProblemKind::Moved.hint())
        }
        StoreError::Corrupt { .. } | StoreError::NotDatabase => {
            Problem::new(Code::StoreUnavailable, chain(error)).hint(ProblemKind::Damaged.hint())
        }
        error if error.may_pass() => Problem::new(Code::StoreUnavailable, chain(error))
            .hint("nothing was changed; try again when the disk of the server works"),
        error => Problem::new(Code::Internal, chain(error)),
    }
}

fn disk_full() -> Problem {
    Problem::new(Code::DiskFull, "the disk of the server is full; nothing was changed")
        .hint("free space below the data directory of ashd")
}
