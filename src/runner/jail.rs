//! The jail of a session that has no sandbox: the same walls, and in them a bridge that serves files
//! and commands and has no CLI, no model and no way out. Its driver starts it when somebody asks,
//! and ends it soon after the last one is served, or when the session needs its sandbox.
//!
//! *Invariant:* a session never has two, nor one beside its sandbox.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::driver::Driver;
use super::handle::{Command, Reached, StartError};
use super::host::Host;
use super::live::GREETING_DEADLINE;
use crate::bridge::host::{self, BridgeEvents, BridgeSender, Link};
use crate::session::Status;
use crate::store::SessionRecord;

/// Jails at the same time. Each has a bridge of 2 MB, and whatever its commands take.
pub(super) const JAILS_MAX: usize = 16;

/// A jail stays for so long after its last request: who lists files then reads some.
const LINGER: Duration = Duration::from_secs(1);

/// How long a message waits for what is asked of the jail. A file takes less; a command, or a slow
/// client, must not hold up a turn.
const GIVE_WAY_MAX: Duration = Duration::from_secs(10);

/// How often a session's driver is looked for: it may leave, and one place may be lost to another.
const REACH_TRIES: u32 = 4;

/// How long the driver of an ended session waits for another question.
const ENDED_LINGER: Duration = Duration::from_secs(10);

/// A jail whose bridge answers.
#[derive(Debug)]
pub(super) struct Jail {
    sender: BridgeSender,
    /// Nothing comes but their end.
    events: BridgeEvents,
    _place: OwnedSemaphorePermit,
}

impl Jail {
    /// Returns when it has left, or when nobody needs it any more. Cancel-safe.
    async fn over(&mut self) {
        tokio::select! {
            () = async { while self.events.recv().await.is_some() {} } => {}
            () = self.sender.unasked_for(LINGER) => {}
        }
    }
}

/// Never for `None`.
pub(super) async fn over(jail: &mut Option<Jail>) {
    match jail {
        Some(jail) => jail.over().await,
        None => std::future::pending().await,
    }
}

impl Host {
    /// A bridge that can be asked for files and commands of a session, whatever its status.
    pub(crate) async fn reach(&self, record: &SessionRecord) -> Result<Reached, StartError> {
        let mut place = None;
        for _try in 0..REACH_TRIES {
            let handle = self.handle(record).await.map_err(StartError::Store)?;
            match handle.reach(place.take()).await {
                Some(Ok(Some(reached))) => return Ok(reached),
                Some(Ok(None)) => place = Some(self.jail_place().await?),
                Some(Err(error)) => return Err(error),
                // The driver of an ended session has just left.
                None => {}
            }
        }
        Err(StartError::Ending)
    }

    /// A place for one more jail; waits for it in line.
    async fn jail_place(&self) -> Result<OwnedSemaphorePermit, StartError> {
        let place = Arc::clone(&self.jails).acquire_owned();
        match timeout(self.policy().wait_max, place).await {
            Ok(place) => place.map_err(|_closed| StartError::Ending),
            Err(_elapsed) => Err(StartError::NoJail { max: JAILS_MAX }),
        }
    }
}

impl Driver {
    /// A bridge that can be asked for files and commands: that of the sandbox, woken, or of a jail.
    /// `None`: it needs a place for a jail, and there was none at once.
    pub(super) async fn reach(
        &mut self,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Option<Reached>, StartError> {
        if self.live.is_some() {
            self.wake().await?;
            let sender = self.live.as_ref().map(|live| live.sender.clone());
            let sender = sender.ok_or(StartError::Ending)?;
            return Ok(Some(Reached::new(sender, false)));
        }
        if self.jail.is_none() {
            let free = || Arc::clone(&self.host.jails).try_acquire_owned().ok();
            let place = place.or_else(free);
            let Some(place) = place else { return Ok(None) };
            self.jail = Some(self.start_jail(place).await?);
        }
        let sender = self.jail.as_ref().map(|jail| jail.sender.clone());
        Ok(sender.map(|sender| Reached::new(sender, true)))
    }

    async fn start_jail(&mut self, place: OwnedSemaphorePermit) -> Result<Jail, StartError> {
        self.have_files().await?;
        let session = self.record.id;
        let host = self.host.clone();
        let _one_of_few = host.launches.acquire().await.map_err(|_closed| StartError::Ending)?;
        let started = self.host.launcher.jail(session, self.record.uid, self.limits()).await;
        let stream = started.map_err(StartError::Launch)?;
        match host::connect(stream, 0, GREETING_DEADLINE).await {
            Ok(Link { sender, events, .. }) => {
                tracing::debug!(%session, "a jail serves the session");
                Ok(Jail { sender, events, _place: place })
            }
            Err(error) => {
                self.host.launcher.end_jail(session).await;
                Err(StartError::Link(error))
            }
        }
    }

    /// Ends the jail, if there is one, whatever is asked of it.
    pub(super) async fn end_jail(&mut self) {
        if self.jail.take().is_some() {
            self.host.launcher.end_jail(self.record.id).await;
            tracing::debug!(session = %self.record.id, "the jail has ended");
        }
        self.leaves_at = None;
    }

    /// The same, after what is asked of it, if that does not take too long.
    pub(super) async fn jail_gives_way(&mut self) {
        if let Some(jail) = &mut self.jail {
            let until = Instant::now() + GIVE_WAY_MAX;
            let done = jail.sender.unasked_for(Duration::ZERO);
            if timeout_at(until, done).await.is_err() {
                tracing::info!(session = %self.record.id, "ending a jail that is asked something, for a message");
            }
            self.end_jail().await;
        }
    }

    /// Whether somebody waits for an answer of the jail.
    pub(super) fn jail_is_asked(&self) -> bool {
        self.jail.as_ref().is_some_and(|jail| jail.sender.is_asked())
    }

    /// When a driver that has nothing to drive is to leave: that of an ended session.
    pub(super) fn leaves_at(&mut self) -> Option<Instant> {
        if self.record.status != Status::Ended || self.jail.is_some() {
            return None;
        }
        Some(*self.leaves_at.get_or_insert_with(|| Instant::now() + ENDED_LINGER))
    }

    /// Of an ended session only the files are left.
    pub(super) fn refuses(&self, command: &Command) -> bool {
        self.record.status == Status::Ended && !matches!(command, Command::Reach { .. })
    }

    /// Asks nobody: whoever has a question finds another driver.
    pub(super) fn leave(mut self) {
        self.commands.close();
        self.host.forget(self.record.id);
    }
}
