//! Does what is asked, or says why not. Whoever asks is judged as an enemy.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::folders::Folders;
use super::protocol::{Answer, Request, SandboxdError};
use crate::agent::Digest;
use crate::chain::chain;
use crate::id::SessionId;
use crate::os::quota::{self, Room};
use crate::sandbox::{
    BridgeStream, CliFinder, CopyError, FreezeError, Launcher, Limits, SandboxName, SandboxSpec,
};

/// Locks that are kept of sessions nobody asks about any more, before they are cleared away.
const IDLE_LOCKS_MAX: usize = 1024;

/// Nobody else does anything about the session.
pub(super) type Alone = tokio::sync::OwnedMutexGuard<()>;

/// What a keeper is told once, by the configuration and never by a request.
#[derive(Debug)]
pub(crate) struct KeeperSettings {
    pub(crate) data: PathBuf,
    pub(crate) runtime: PathBuf,
    /// The folder with the egress socket; sandboxes see it as `/run/ash`.
    pub(crate) egress: PathBuf,
    pub(crate) limits: Limits,
    /// The users of sandboxes; `None` where this process cannot change identity.
    pub(crate) uids: Option<Range<u32>>,
    pub(crate) cli: CliFinder,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Keeper(Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) launcher: Launcher,
    pub(super) folders: Folders,
    pub(super) settings: KeeperSettings,
    /// One request at a time for each session.
    turns: Mutex<HashMap<SessionId, Arc<tokio::sync::Mutex<()>>>>,
    /// Held while what a session's files take is looked at: an agent with a million of them must not
    /// keep all processors busy.
    looking: tokio::sync::Mutex<()>,
}

/// An answer, and the connection that goes with it.
pub(super) type Answered = (Answer, Option<BridgeStream>);

impl Keeper {
    pub(crate) async fn new(settings: KeeperSettings, launcher: Launcher) -> io::Result<Self> {
        let (data, runtime) = (settings.data.clone(), settings.runtime.clone());
        let folders = blocking(move || Folders::open(&data, &runtime)).await?;
        let (turns, looking) = (Mutex::default(), tokio::sync::Mutex::default());
        let inner = Arc::new(Inner { launcher, folders, settings, turns, looking });
        inner.adopt_jails().await?;
        Ok(Self(inner))
    }

    pub(super) fn is_simulated(&self) -> bool {
        self.0.launcher.is_simulated()
    }

    /// Does it to its end, also if the caller goes away.
    pub(super) async fn perform(&self, request: Request) -> Answered {
        let inner = Arc::clone(&self.0);
        let work = tokio::spawn(async move { inner.perform(request).await });
        let outcome = work.await.unwrap_or_else(|error| Err(SandboxdError::failed(error)));
        outcome.unwrap_or_else(|error| (Answer::Failed { error }, None))
    }
}

impl Inner {
    async fn perform(self: Arc<Self>, request: Request) -> Result<Answered, SandboxdError> {
        let answer = match request {
            Request::Hello => Answer::Hello {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                uids: self.settings.uids.clone(),
            },
            Request::Prepare { session, uid, digest } => {
                let _alone = self.turn(session).await;
                self.prepare(session, uid, digest).await?
            }
            Request::Fork { session, uid, parent, transcript } => {
                let _alone = self.turn(session).await;
                self.fork(session, uid, parent, transcript).await?
            }
            Request::Pack { session, unless } => {
                let alone = self.turn(session).await;
                return Ok((Answer::Connected, Some(self.pack(session, unless, alone).await?)));
            }
            Request::Unpack { session, uid } => {
                let alone = self.turn(session).await;
                return Ok((Answer::Connected, Some(self.unpack(session, uid, alone).await?)));
            }
            Request::Launch { session, uid, environment, limits } => {
                let _alone = self.turn(session).await;
                let stream = self.launch(session, uid, environment, &limits).await?;
                tracing::info!(%session, uid, "sandbox started");
                return Ok((Answer::Connected, Some(stream)));
            }
            Request::Jail { session, uid, limits } => {
                let _alone = self.turn(session).await;
                let stream = self.jail(session, uid, &limits).await?;
                return Ok((Answer::Connected, Some(stream)));
            }
            Request::EndJail { session } => {
                let _alone = self.turn(session).await;
                self.end_jail(session).await;
                Answer::Done
            }
            Request::Reconnect { session } => {
                let stream = self.launcher.reconnect(&session.into()).await;
                match stream.map_err(|error| SandboxdError::failed(chain(&error)))? {
                    Some(stream) => return Ok((Answer::Connected, Some(stream))),
                    None => Answer::NotLiving,
                }
            }
            Request::End { session } => {
                let _alone = self.turn(session).await;
                tracing::info!(%session, "sandbox ends");
                self.end(session).await
            }
            Request::Freeze { session } => {
                self.launcher.freeze(&session.into()).await.map_err(freezing)?;
                Answer::Done
            }
            Request::Thaw { session } => {
                self.launcher.thaw(&session.into()).await.map_err(freezing)?;
                Answer::Done
            }
            Request::IsFrozen { session } => {
                Answer::Frozen { frozen: self.launcher.is_frozen(&session.into()).await }
            }
            Request::Reclaim { session } => {
                let bytes = self.launcher.reclaim(&session.into()).await.map_err(freezing)?;
                Answer::Reclaimed { bytes }
            }
            Request::UsageOf { session } => {
                Answer::UsageOf { usage: self.launcher.usage_of(&session.into()).await }
            }
            Request::Live => {
                let living = self.launcher.live().await;
                Answer::Live { sessions: living.iter().filter_map(SandboxName::session).collect() }
            }
            Request::Usage => {
                let all = self.launcher.usage().await.into_iter();
                let of_sessions = |(name, usage): (SandboxName, _)| Some((name.session()?, usage));
                Answer::Usage { sandboxes: all.filter_map(of_sessions).collect() }
            }
            Request::Isolation { measured } => {
                let isolation = if measured {
                    self.launcher.measured_isolation().await
                } else {
                    self.launcher.isolation()
                };
                Answer::Isolation { isolation: Box::new(isolation) }
            }
            Request::DiskUse { session, limits } => self.disk_use(session, &limits).await?,
            Request::Remove { session } => {
                let _alone = self.turn(session).await;
                self.remove(session).await?
            }
        };
        Ok((answer, None))
    }

    /// Waits until nobody else does anything about the session.
    pub(super) async fn turn(&self, session: SessionId) -> Alone {
        let lock = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() > IDLE_LOCKS_MAX {
                turns.retain(|_session, lock| Arc::strong_count(lock) > 1);
            }
            Arc::clone(turns.entry(session).or_default())
        };
        lock.lock_owned().await
    }

    /// A user of the block, and nobody else's; none where there is no block.
    pub(super) fn judge(&self, session: SessionId, uid: Option<u32>) -> Result<(), SandboxdError> {
        let block = self.settings.uids.as_ref();
        let reason = match (uid, block) {
            (None, None) => return Ok(()),
            (Some(uid), Some(block)) if block.contains(&uid) => {
                if !self.folders.is_taken(uid, session) {
                    return Ok(());
                }
                format!("the user {uid} has the files of another session")
            }
            (Some(uid), Some(block)) => {
                format!("the user {uid} is not in {}..{}", block.start, block.end)
            }
            (None, Some(_)) => "it names no user for the sandbox".to_owned(),
            (Some(uid), None) => {
                format!("sandboxes have no users of their own here, and it names {uid}")
            }
        };
        Err(SandboxdError::refused(reason))
    }

    async fn prepare(
        self: &Arc<Self>,
        session: SessionId,
        uid: Option<u32>,
        digest: Digest,
    ) -> Result<Answer, SandboxdError> {
        self.judge(session, uid)?;
        let keeper = Arc::clone(self);
        let made = blocking(move || keeper.folders.make(session, uid, &digest)).await;
        let copied = match made {
            // What was there before is not ours to remove.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(SandboxdError::refused("the session has its folders already"));
            }
            Err(error) => Err(disk("making the folders of the session", &error)),
            Ok((version, workspace)) => {
                let copied = self.launcher.copy(uid, version, workspace).await;
                copied.map_err(|error| match error {
                    CopyError::DiskFull { .. } => {
                        SandboxdError::DiskFull { reason: error.to_string() }
                    }
                    CopyError::Failed { .. } => SandboxdError::failed(error),
                })
            }
        };
        if let Err(error) = copied {
            let keeper = Arc::clone(self);
            if let Err(error) = blocking(move || keeper.folders.remove(session)).await {
                tracing::warn!(%session, %error, "could not remove half-made folders");
            }
            return Err(error);
        }
        Ok(Answer::Done)
    }

    async fn fork(
        self: &Arc<Self>,
        session: SessionId,
        uid: Option<u32>,
        parent: SessionId,
        transcript: bool,
    ) -> Result<Answer, SandboxdError> {
        self.judge(session, uid)?;
        let keeper = Arc::clone(self);
        let copied =
            blocking(move || keeper.folders.make_copy(session, uid, parent, transcript)).await;
        match copied {
            Ok(()) => Ok(Answer::Done),
            // What was there before is not ours to remove.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(SandboxdError::refused("the session has its folders already"))
            }
            Err(error) => {
                let keeper = Arc::clone(self);
                if let Err(error) = blocking(move || keeper.folders.remove(session)).await {
                    tracing::warn!(%session, %error, "could not remove half-made folders");
                }
                Err(disk("copying the folders of the session", &error))
            }
        }
    }

    /// Looks while the session runs, by descriptor, one session at a time. Only in its folders, and no
    /// further than to what is too much.
    async fn disk_use(
        self: &Arc<Self>,
        session: SessionId,
        limits: &Limits,
    ) -> Result<Answer, SandboxdError> {
        let limits = limits.within(&self.settings.limits);
        let room = Room { bytes: limits.disk_bytes, files: limits.disk_files };
        let _one_at_a_time = self.looking.lock().await;
        let keeper = Arc::clone(self);
        let used = blocking(move || {
            let files = keeper.folders.open_files(session)?;
            quota::used(&[&files.workspace, &files.home], room)
        });
        let used =
            used.await.map_err(|error| disk("measuring the files of the session", &error))?;
        Ok(Answer::DiskUse { bytes: used.bytes, files: used.files })
    }

    /// Nothing of a session runs before its files are limited, where the kernel does that.
    pub(super) async fn limit_disk(
        self: &Arc<Self>,
        session: SessionId,
        uid: Option<u32>,
        limits: &Limits,
    ) -> Result<(), SandboxdError> {
        if uid.is_none() || !self.launcher.limits_disk().await {
            return Ok(());
        }
        let keeper = Arc::clone(self);
        let top = blocking(move || keeper.folders.open_top(session))
            .await
            .map_err(|error| disk("opening the folder of the session", &error))?;
        let limited = self.launcher.limit_disk(top, uid, limits).await;
        limited.map_err(|error| {
            SandboxdError::failed(format!("disk space could not be limited: {}", chain(&error)))
        })
    }

    async fn launch(
        self: &Arc<Self>,
        session: SessionId,
        uid: Option<u32>,
        environment: BTreeMap<String, String>,
        limits: &Limits,
    ) -> Result<BridgeStream, SandboxdError> {
        self.judge(session, uid)?;
        // One that a dead ashd left, and that has not noticed yet.
        self.end_jail(session).await;
        let cli = if self.launcher.is_simulated() {
            PathBuf::new()
        } else {
            self.settings.cli.path().map_err(SandboxdError::failed)?
        };
        let keeper = Arc::clone(self);
        blocking(move || keeper.folders.make_state(session))
            .await
            .map_err(|error| disk("making the runtime folder of the session", &error))?;
        let limits = limits.within(&self.settings.limits);
        self.limit_disk(session, uid, &limits).await?;
        let folders = self.folders.of(session);
        let spec = SandboxSpec {
            name: session.into(),
            uid,
            workspace: folders.workspace,
            home: folders.home,
            state: folders.state,
            cli,
            egress: self.settings.egress.clone(),
            limits,
            environment,
        };
        match self.launcher.launch(&spec).await {
            Ok(stream) => Ok(stream),
            Err(error) => {
                // Not the one of a sandbox that lives: that has a socket in it.
                let _kept = blocking(move || std::fs::remove_dir(spec.state)).await;
                Err(SandboxdError::failed(chain(&error)))
            }
        }
    }

    async fn end(self: &Arc<Self>, session: SessionId) -> Answer {
        self.end_jail(session).await;
        let report = self.launcher.end(&session.into()).await;
        let keeper = Arc::clone(self);
        if let Err(error) = blocking(move || keeper.folders.remove_state(session)).await {
            tracing::warn!(%session, %error, "could not remove the session's runtime folder");
        }
        Answer::Ended { report }
    }

    async fn remove(self: &Arc<Self>, session: SessionId) -> Result<Answer, SandboxdError> {
        if self.launcher.live().await.contains(&session.into()) {
            return Err(SandboxdError::refused("the sandbox of the session lives; end it first"));
        }
        self.end_jail(session).await;
        // Its user is given to another session one day, whose files come before its limits do.
        let uid = self.folders.owner_of(session);
        if let Err(error) = self.limit_disk(session, uid, &self.settings.limits).await {
            tracing::debug!(%session, %error, "the limit of a removed session stays");
        }
        let keeper = Arc::clone(self);
        blocking(move || keeper.folders.remove(session))
            .await
            .map_err(|error| disk("removing the folders of the session", &error))?;
        Ok(Answer::Done)
    }
}

fn freezing(error: FreezeError) -> SandboxdError {
    match error {
        FreezeError::NoControlGroup => SandboxdError::NoControlGroup,
        error => SandboxdError::failed(chain(&error)),
    }
}

pub(super) fn disk(during: &str, error: &io::Error) -> SandboxdError {
    let reason = format!("{during} failed: {error}");
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            SandboxdError::DiskFull { reason }
        }
        _ => SandboxdError::Failed { reason },
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
