//! What the rest of the daemon holds of a live session.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::archiving::ArchivingError;
pub(crate) use super::claim::Parked;
use super::feed::Feed;
use super::seats::Seat;
use super::span::Traced;
use crate::bridge::host::{BridgeSender, Hold};
use crate::clock::Timestamp;
use crate::id::{PermissionId, TurnId};
use crate::sandboxd::SandboxdError;
use crate::session::Status;
use crate::session::content::Content;
use crate::session::options::{OptionError, TurnOptions};
use crate::session::patch::ConfigureSession;
use crate::session::permission::Verdict;
use crate::session::tier::Tier;
use crate::store::{
    ArchiveNote, BudgetRecord, Idempotency, NewSession, SessionRecord, StoreError, UsedRecord,
};
use crate::telemetry::Context;

/// Commands that wait for a driver. A driver is busy for milliseconds, or while a sandbox
/// starts; more callers than this wait in line.
pub(crate) const COMMANDS_MAX: usize = 32;

/// A session's driver, from outside.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) feed: Arc<Feed>,
    pub(super) view: watch::Receiver<View>,
    /// Why the driver cannot store anything, while it tries: it answers nobody then.
    pub(super) stalled: watch::Receiver<Option<StoreError>>,
    pub(super) tenant: Arc<str>,
    /// That of its log in the store.
    pub(super) key: i64,
}

/// What can be seen of a session without asking it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// `None` until its driver has said something.
    pub(crate) status: Option<Status>,
    pub(crate) busy: bool,
    /// The running turn, and since when it runs.
    pub(crate) turn: Option<TurnId>,
    pub(crate) turn_since: Option<Timestamp>,
    pub(crate) queued: u32,
    /// What waits, waits for its user's resume.
    pub(crate) held: bool,
    /// Questions that nobody has answered.
    pub(crate) open_permissions: u32,
    /// As its CLI tells it, since this ashd drives it.
    pub(crate) spent: UsedRecord,
    /// How warm its sandbox is.
    pub(crate) tier: Tier,
    /// Since when it has a sandbox that nobody wants anything of.
    pub(crate) rests_since: Option<Instant>,
    /// Memory can be taken from its processes.
    pub(crate) reclaims: bool,
    pub(crate) parked: Parked,
    /// The turn that runs, or the last one, if spans of it are told.
    pub(crate) traced: Option<Traced>,
}

#[derive(Debug)]
pub(super) enum Command {
    /// Have a sandbox, and start the CLI in it ahead of the first message.
    Start {
        answer: oneshot::Sender<Result<(), StartError>>,
    },
    /// Have all that [`Command::Start`] gives, for nobody yet, in this seat.
    Park {
        seat: Seat,
        answer: oneshot::Sender<Result<(), StartError>>,
    },
    /// Be the session that is asked for, if what was parked is just that; else `None`.
    Claim {
        new: Box<NewSession>,
        answer: oneshot::Sender<Result<Option<SessionRecord>, StoreError>>,
    },
    Send {
        turn: Box<NewTurn>,
        answer: oneshot::Sender<Result<Accepted, SendError>>,
    },
    Interrupt {
        answer: oneshot::Sender<Option<TurnId>>,
    },
    Queue {
        answer: oneshot::Sender<Vec<Waiting>>,
    },
    /// Take a turn that waits out of the queue.
    Remove {
        turn: TurnId,
        answer: oneshot::Sender<Result<(), QueueError>>,
    },
    /// Interrupt the running turn and run this one next; answers the one that was interrupted.
    SendNow {
        turn: TurnId,
        answer: oneshot::Sender<Result<Option<TurnId>, QueueError>>,
    },
    Configure {
        patch: Box<ConfigureSession>,
        answer: oneshot::Sender<Result<(), ConfigureError>>,
    },
    /// The questions that are open.
    Permissions {
        answer: oneshot::Sender<Vec<PermissionId>>,
    },
    AnswerPermission {
        permission: PermissionId,
        verdict: Box<Verdict>,
        remember: bool,
        answer: oneshot::Sender<Result<Vec<String>, PermissionError>>,
    },
    /// Have a bridge that serves files and commands; answers `None` if it needs a place for a jail.
    Reach {
        place: Option<OwnedSemaphorePermit>,
        answer: oneshot::Sender<Result<Option<Reached>, StartError>>,
    },
    /// Rest until somebody wants something of the session.
    Pause {
        answer: oneshot::Sender<Result<Status, RestError>>,
    },
    /// Be ready for a message.
    Resume {
        answer: oneshot::Sender<Result<Status, RestError>>,
    },
    /// Have no process, until somebody wants something of the session.
    Stop {
        answer: oneshot::Sender<Result<Status, RestError>>,
    },
    /// Run nothing while somebody copies the session's files.
    Still {
        /// Also no sandbox, and whatever is outside may stay there.
        cold: bool,
        answer: oneshot::Sender<Result<Stillness, RestError>>,
    },
    /// Have the files here.
    BringBack {
        answer: oneshot::Sender<Result<(), StartError>>,
    },
    /// Be as cold as that, if nothing runs.
    Cool {
        tier: Tier,
        answer: oneshot::Sender<()>,
    },
    /// Use so much of the model from now on.
    Budget {
        budget: BudgetRecord,
        answer: oneshot::Sender<()>,
    },
    RenewTerms {
        answer: oneshot::Sender<()>,
    },
    End {
        answer: oneshot::Sender<()>,
    },
}

/// The one that came early, or the next. Cancel-safe.
pub(super) async fn next_command(
    early: &mut Option<Command>,
    commands: &mut mpsc::Receiver<Command>,
) -> Option<Command> {
    match early.take() {
        Some(command) => Some(command),
        None => commands.recv().await,
    }
}

/// While it is kept, nothing of the session runs.
#[derive(Debug)]
pub(crate) struct Stillness {
    /// Its end is what the driver waits for.
    kept: oneshot::Sender<ArchiveNote>,
    /// Somebody wants something of the session meanwhile.
    wanted: CancellationToken,
}

impl Stillness {
    pub(super) fn new(kept: oneshot::Sender<ArchiveNote>, wanted: CancellationToken) -> Self {
        Self { kept, wanted }
    }

    /// Returns when somebody wants something of the session: he waits.
    pub(crate) async fn wanted(&self) {
        self.wanted.cancelled().await;
    }

    /// Ends it, and tells the driver where the files are now.
    pub(crate) fn archived(self, note: ArchiveNote) {
        // A driver that has left is followed by one that reads it.
        let _told = self.kept.send(note);
    }
}

/// A bridge to be asked for files and commands. Keep it until it has been asked: meanwhile its
/// sandbox does not go away.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) sender: BridgeSender,
    /// It is that of a jail: the session has no sandbox.
    pub(crate) in_jail: bool,
    _hold: Hold,
}

impl Reached {
    pub(super) fn new(sender: BridgeSender, in_jail: bool) -> Self {
        let hold = sender.hold();
        Self { sender, in_jail, _hold: hold }
    }
}

/// A message on its way.
#[derive(Debug)]
pub(crate) struct NewTurn {
    pub(crate) id: TurnId,
    pub(crate) content: Content,
    pub(crate) options: TurnOptions,
    pub(crate) idempotency: Option<Idempotency>,
    /// The span that it is a part of for whoever asks for it.
    pub(crate) trace: Option<Context>,
    /// Room for its sandbox, if the session had none.
    pub(crate) seat: Option<Seat>,
}

/// A turn that waits or runs, as others see it.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) id: TurnId,
    /// The start of what was said.
    pub(crate) text: String,
    pub(crate) accepted_at: Timestamp,
    /// Since when it runs; `None` if it waits.
    pub(crate) started_at: Option<Timestamp>,
}

/// A message that is stored and will run, or one that came with the same key before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) id: TurnId,
    /// The turn's number in its session.
    pub(crate) ordinal: u64,
    /// Its events come behind this sequence number.
    pub(crate) after: u64,
}

/// Why a session cannot run now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("the sandbox could not be started")]
    Launch(#[source] SandboxdError),
    #[error("the sandbox was started, but does not talk")]
    Link(#[source] crate::bridge::host::LinkError),
    #[error("no session can start")]
    Cli(#[source] crate::sandbox::CliError),
    #[error("the memory of the host is short")]
    MemoryShort { position: usize },
    #[error("{running} sandboxes run, and {max} is the most")]
    TooMany { running: usize, max: usize, position: usize },
    #[error(
        "{max} sessions without a sandbox are asked for files or commands, and that is the most"
    )]
    NoJail { max: usize },
    #[error("the archived session could not be brought back")]
    Archive(#[source] ArchivingError),
    #[error("the session could not be stored")]
    Store(#[source] StoreError),
    #[error("the session is ending")]
    Ending,
}

/// Why a session was not put to rest or woken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestError {
    #[error("the session is {}", status.as_str())]
    Status { status: Status },
    #[error("a turn runs or waits")]
    Busy,
    #[error("the session could not be woken")]
    Start(#[source] StartError),
}

/// Why a message was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("{max} messages wait already")]
    QueueFull { max: usize },
    #[error("another message was sent with this idempotency key")]
    KeyReused,
    #[error("the message could not be stored")]
    Store(#[source] StoreError),
    #[error("the session is ending")]
    Ending,
}

/// Why a session has the options that it had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigureError {
    #[error("an option is wrong")]
    Option(#[source] OptionError),
    #[error("the options could not be stored")]
    Store(#[source] StoreError),
    #[error("the session is ending")]
    Ending,
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PermissionError {
    #[error("no question of this id was asked")]
    NotFound,
    #[error("the question was answered already, or its turn is over")]
    Resolved,
    #[error("there is nothing to remember: Claude Code suggests no rule for this")]
    NothingToRemember,
    #[error("the answer could not be stored")]
    Store(#[source] StoreError),
    #[error("the session is ending")]
    Ending,
}

/// Why the queue was left as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueueError {
    #[error("no turn of this id waits")]
    NotFound,
    #[error("the turn runs already")]
    Running,
    #[error("the queue could not be stored")]
    Store(#[source] StoreError),
    #[error("the session is ending")]
    Ending,
}

async fn until_stalled(stalled: &mut watch::Receiver<Option<StoreError>>) -> StoreError {
    if let Ok(error) = stalled.wait_for(Option::is_some).await
        && let Some(error) = error.clone()
    {
        return error;
    }
    // The driver has left, and nobody waits for it.
    std::future::pending().await
}

impl Handle {
    pub(crate) fn view(&self) -> View {
        *self.view.borrow()
    }

    pub(crate) fn belongs_to(&self, tenant: &str) -> bool {
        *self.tenant == *tenant
    }

    pub(crate) fn feed(&self) -> Arc<Feed> {
        Arc::clone(&self.feed)
    }

    pub(crate) async fn start(&self) -> Result<(), StartError> {
        self.ask(|answer| Command::Start { answer }).await.unwrap_or(Err(StartError::Ending))
    }

    pub(crate) async fn send(&self, turn: Box<NewTurn>) -> Result<Accepted, SendError> {
        let asked = self.ask_unless_stalled(|answer| Command::Send { turn, answer }).await;
        asked.map_err(SendError::Store)?.unwrap_or(Err(SendError::Ending))
    }

    pub(crate) async fn interrupt(&self) -> Option<TurnId> {
        self.ask(|answer| Command::Interrupt { answer }).await.flatten()
    }

    pub(crate) async fn change_budget(&self, budget: BudgetRecord) {
        self.ask(|answer| Command::Budget { budget, answer }).await.unwrap_or_default();
    }

    /// Tells egress again on which terms the session passes, if it has a sandbox.
    pub(crate) async fn renew_terms(&self) {
        self.ask(|answer| Command::RenewTerms { answer }).await.unwrap_or_default();
    }

    pub(crate) async fn queue(&self) -> Vec<Waiting> {
        self.ask(|answer| Command::Queue { answer }).await.unwrap_or_default()
    }

    pub(crate) async fn remove(&self, turn: TurnId) -> Result<(), QueueError> {
        let asked = self.ask(|answer| Command::Remove { turn, answer }).await;
        asked.unwrap_or(Err(QueueError::Ending))
    }

    pub(crate) async fn send_now(&self, turn: TurnId) -> Result<Option<TurnId>, QueueError> {
        let asked = self.ask(|answer| Command::SendNow { turn, answer }).await;
        asked.unwrap_or(Err(QueueError::Ending))
    }

    pub(crate) async fn configure(&self, patch: ConfigureSession) -> Result<(), ConfigureError> {
        let patch = Box::new(patch);
        let asked = self.ask(|answer| Command::Configure { patch, answer }).await;
        asked.unwrap_or(Err(ConfigureError::Ending))
    }

    pub(crate) async fn permissions(&self) -> Vec<PermissionId> {
        self.ask(|answer| Command::Permissions { answer }).await.unwrap_or_default()
    }

    /// Answers the rules that are remembered.
    pub(crate) async fn answer_permission(
        &self,
        permission: PermissionId,
        verdict: Verdict,
        remember: bool,
    ) -> Result<Vec<String>, PermissionError> {
        let verdict = Box::new(verdict);
        let answered = |answer| Command::AnswerPermission { permission, verdict, remember, answer };
        self.ask(answered).await.unwrap_or(Err(PermissionError::Ending))
    }

    /// `None` if the driver has left, and another may be found.
    pub(super) async fn reach(
        &self,
        place: Option<OwnedSemaphorePermit>,
    ) -> Option<Result<Option<Reached>, StartError>> {
        match self.ask_unless_stalled(|answer| Command::Reach { place, answer }).await {
            Ok(answered) => answered,
            Err(error) => Some(Err(StartError::Store(error))),
        }
    }

    pub(crate) async fn pause(&self) -> Result<Status, RestError> {
        self.rest(|answer| Command::Pause { answer }).await
    }

    pub(crate) async fn resume(&self) -> Result<Status, RestError> {
        self.rest(|answer| Command::Resume { answer }).await
    }

    pub(crate) async fn stop(&self) -> Result<Status, RestError> {
        self.rest(|answer| Command::Stop { answer }).await
    }

    /// Has the session's files here.
    pub(crate) async fn bring_back(&self) -> Result<(), StartError> {
        self.ask(|answer| Command::BringBack { answer }).await.unwrap_or(Err(StartError::Ending))
    }

    /// Answers when nothing of the session runs, and keeps it so; if `cold`, without a sandbox.
    pub(crate) async fn still(&self, cold: bool) -> Result<Stillness, RestError> {
        self.ask(|answer| Command::Still { cold, answer })
            .await
            .unwrap_or(Err(RestError::Start(StartError::Ending)))
    }

    async fn rest(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<Status, RestError>>) -> Command,
    ) -> Result<Status, RestError> {
        self.ask(command).await.unwrap_or(Err(RestError::Start(StartError::Ending)))
    }

    /// Makes the session as cold as `tier`, if nothing of it runs.
    pub(crate) async fn cool(&self, tier: Tier) {
        self.ask(|answer| Command::Cool { tier, answer }).await;
    }

    /// Ends the session; returns when nothing of it runs any more.
    pub(crate) async fn end(&self) {
        self.ask(|answer| Command::End { answer }).await;
    }

    /// The same, or why the driver answers nobody. It finds then that nobody waits any more.
    pub(super) async fn ask_unless_stalled<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<Option<T>, StoreError> {
        let mut stalled = self.stalled.clone();
        tokio::select! {
            biased;
            answer = self.ask(command) => Ok(answer),
            error = until_stalled(&mut stalled) => Err(error),
        }
    }

    /// `None` if the driver has left.
    pub(super) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.ok()?;
        answered.await.ok()
    }
}
