//! Why a verb was refused; the doors make a problem document of it.

use crate::agent::AgentError;
use crate::bridge::host::FileError;
use crate::egress::ReceiverError;
use crate::id::IdError;
use crate::runner::ArchivingError;
use crate::runner::handle::{PermissionError, QueueError, SendError, StartError};
use crate::sandboxd::SandboxdError;
use crate::session::Status;
use crate::session::evals::RunStatus;
use crate::session::job::JobStatus;
use crate::session::options::OptionError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the agent's name is not usable")]
    AgentName(#[source] IdError),
    #[error("the agent's folder is not usable")]
    Agent(#[source] AgentError),
    #[error("Agent not found")]
    AgentNotFound,
    #[error("Agent \"{name}\" not found")]
    AgentUnknown { name: String },
    /// The original's words.
    #[error("Version not found")]
    VersionNotFound,
    #[error("`{field}`: the agent has no such version")]
    VersionUnknown { field: &'static str },
    #[error("version {version} is the active one, and new sessions need it")]
    VersionActive { version: u32 },
    #[error("other files became the agent's meanwhile, again and again; nothing was changed")]
    AgentMoved,
    #[error("`{path}` is not below a folder that agents may be deployed from")]
    PathNotAllowed { path: String },
    #[error("`allowedHosts`: the configuration of this host does not allow {host}")]
    HostNotAllowed { host: String },
    /// The original's words.
    #[error("API key not found")]
    KeyNotFound,
    #[error("what belongs to all tenants is for an administrator of the host")]
    OfAllTenants,
    #[error("there are {max} API keys, and no more may be made")]
    TooManyKeys { max: usize },
    #[error("`label` has at most {max} characters")]
    KeyLabel { max: usize },
    #[error("`expiresInSeconds` is between 1 and {max}")]
    KeyLife { max: u64 },
    #[error("a tenant's name has 1 to {max} of the characters A-Z a-z 0-9 - _")]
    TenantName { max: usize },
    #[error("keys of another tenant are made over the admin socket only")]
    ForeignTenant,
    #[error("Credential not found")]
    CredentialNotFound,
    #[error("the tenant has {max} credentials, and no more may be made")]
    TooManyCredentials { max: usize },
    #[error("ash-egress has not said yet to what credentials are sealed: it is not there")]
    NoSealing,
    #[error("Attachment not found")]
    AttachmentNotFound,
    #[error("a session has at most {count} attachments of {bytes} bytes together")]
    TooManyAttachments { count: u64, bytes: u64 },
    #[error("{max} jobs wait already")]
    TooManyJobs { max: u64 },
    #[error("Queue item not found")]
    JobNotFound,
    #[error("Cannot cancel item with status \"{}\"", status.as_str())]
    JobState { status: JobStatus },
    #[error("Eval {what} not found")]
    EvalNotFound { what: &'static str },
    #[error("Eval result not found in this run")]
    EvalResultOfRun,
    #[error("Agent version {version} not found")]
    EvalVersion { version: u32 },
    #[error("Cannot cancel run with status \"{}\"", status.as_str())]
    EvalState { status: RunStatus },
    #[error("Provide humanScore and/or humanNotes")]
    NoOpinion,
    #[error("an agent has at most {max} cases")]
    TooManyCases { max: usize },
    #[error("there is no such schedule")]
    ScheduleNotFound,
    #[error("the tenant has {max} schedules, and no more may be made")]
    TooManySchedules { max: usize },
    #[error("`url` cannot be used: {error}")]
    Receiver { error: ReceiverError },
    #[error("there is no such webhook")]
    WebhookNotFound,
    #[error("the webhook is disabled: {reason}")]
    WebhookDisabled { reason: String },
    #[error("the tenant has {max} webhooks, and no more may be made")]
    TooManyWebhooks { max: usize },
    #[error("{max} deliveries of the webhook wait already")]
    TooManyDeliveries { max: u64 },
    #[error("Session not found")]
    SessionNotFound,
    #[error("Session is {}", status.as_str())]
    SessionState { status: Status },
    #[error("Cannot {verb} session with status \"{}\"", status.as_str())]
    CannotRest { verb: &'static str, status: Status },
    #[error("a session is not {done} while a turn of it runs or waits, or it is asked for files")]
    SessionBusy { done: &'static str },
    /// The original's words.
    #[error("Session has ended — create a new session")]
    SessionGone,
    #[error("`{}`: {error}", error.field)]
    Option {
        #[source]
        error: OptionError,
    },
    #[error("the session is {}, and its files are here", status.as_str())]
    NotArchived { status: Status },
    #[error("the session was not archived or restored")]
    Archiving(#[source] ArchivingError),
    #[error("the session could not be created")]
    Workspace(#[source] SandboxdError),
    #[error("the session could not be started")]
    Start(#[source] StartError),
    #[error("the message was not taken")]
    Send(#[source] SendError),
    #[error("the queue was not changed")]
    Queue(#[source] QueueError),
    #[error("the question was not answered")]
    Permission(#[source] PermissionError),
    #[error("Turn not found")]
    TurnNotFound,
    #[error("no uid is free for another sandbox: all {count} are held")]
    NoFreeUid { count: usize },
    /// The original's words.
    #[error("No workspace available for this session")]
    NoWorkspace,
    #[error("File not found")]
    FileNotFound,
    #[error("Invalid file path")]
    FilePath,
    #[error("Path is not a file")]
    NotAFile,
    #[error("File too large (max {bytes_max})")]
    FileTooLarge { bytes_max: u64 },
    #[error("the archive is damaged, or has something in it that is not unpacked")]
    Archive,
    #[error("no room is left for the session's files")]
    NoRoom,
    #[error("{text}")]
    DiskQuota { text: String },
    #[error("{commands} commands run in the session, and that is the most")]
    TooManyCommands { commands: usize },
    #[error("the session's sandbox was started by an older version of Ash, which cannot do this")]
    OldSandbox,
    #[error("it was cut off: the session needed its sandbox, or was stopped or ended")]
    CutOff,
    #[error("the sandbox did not answer")]
    Bridge(#[source] FileError),
    #[error("the store failed")]
    Store(#[source] StoreError),
    #[error("{reason}")]
    Configuration { reason: String },
    #[error("no new sessions and messages are taken: this host is drained for its administrator")]
    Draining,
    #[error("ashd stops")]
    Leaving,
    #[error("a worker of ashd failed")]
    Worker,
}

impl From<OptionError> for Refusal {
    fn from(error: OptionError) -> Self {
        Self::Option { error }
    }
}

impl From<ReceiverError> for Refusal {
    fn from(error: ReceiverError) -> Self {
        Self::Receiver { error }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::SessionEnded => Self::SessionGone,
            error => Self::Store(error),
        }
    }
}

impl From<AgentError> for Refusal {
    fn from(error: AgentError) -> Self {
        Self::Agent(error)
    }
}
