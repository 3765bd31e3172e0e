//! What the rest of the daemon holds of a live session.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::feed::Feed;
use super::seats::Seat;
use crate::bridge::host::BridgeSender;
use crate::id::TurnId;
use crate::sandboxd::SandboxdError;
use crate::session::Status;
use crate::session::content::Content;
use crate::session::options::TurnOptions;
use crate::session::tier::Tier;
use crate::store::StoreError;

/// Commands that wait for a driver. A driver is busy for milliseconds, or while a sandbox
/// starts; more callers than this wait in line.
pub(crate) const COMMANDS_MAX: usize = 32;

/// A session's driver, from outside.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) feed: Arc<Feed>,
    pub(super) view: watch::Receiver<View>,
}

/// What can be seen of a session without asking it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) busy: bool,
    pub(crate) queued: u32,
    /// How warm its sandbox is.
    pub(crate) tier: Tier,
    /// Since when it has a sandbox that nobody wants anything of.
    pub(crate) rests_since: Option<Instant>,
    /// Memory can be taken from its processes.
    pub(crate) reclaims: bool,
}

#[derive(Debug)]
pub(super) enum Command {
    /// Have a sandbox, and start the CLI in it ahead of the first message.
    Start {
        answer: oneshot::Sender<Result<(), StartError>>,
    },
    Send {
        turn: NewTurn,
        answer: oneshot::Sender<Result<Accepted, SendError>>,
    },
    Interrupt {
        answer: oneshot::Sender<Option<TurnId>>,
    },
    /// Have a sandbox, to ask it for files.
    Files {
        answer: oneshot::Sender<Result<BridgeSender, StartError>>,
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
    /// Be as cold as that, if nothing runs.
    Cool {
        tier: Tier,
        answer: oneshot::Sender<()>,
    },
    End {
        answer: oneshot::Sender<()>,
    },
}

/// A message on its way.
#[derive(Debug)]
pub(crate) struct NewTurn {
    pub(crate) id: TurnId,
    pub(crate) content: Content,
    pub(crate) options: TurnOptions,
    /// Room for its sandbox, if the session had none.
    pub(crate) seat: Option<Seat>,
}

/// A message that is stored and will run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
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
    MemoryShort,
    #[error("{running} sandboxes run, and {max} is the most")]
    TooMany { running: usize, max: usize },
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
    #[error("the message could not be stored")]
    Store(#[source] StoreError),
    #[error("the session is ending")]
    Ending,
}

impl Handle {
    pub(crate) fn view(&self) -> View {
        *self.view.borrow()
    }

    pub(crate) fn feed(&self) -> Arc<Feed> {
        Arc::clone(&self.feed)
    }

    pub(crate) async fn start(&self) -> Result<(), StartError> {
        self.ask(|answer| Command::Start { answer }).await.unwrap_or(Err(StartError::Ending))
    }

    pub(crate) async fn send(&self, turn: NewTurn) -> Result<Accepted, SendError> {
        self.ask(|answer| Command::Send { turn, answer }).await.unwrap_or(Err(SendError::Ending))
    }

    pub(crate) async fn interrupt(&self) -> Option<TurnId> {
        self.ask(|answer| Command::Interrupt { answer }).await.flatten()
    }

    pub(crate) async fn files(&self) -> Result<BridgeSender, StartError> {
        self.ask(|answer| Command::Files { answer }).await.unwrap_or(Err(StartError::Ending))
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

    /// `None` if the driver has left.
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.ok()?;
        answered.await.ok()
    }
}
