//! A sandbox that lives, or did a moment ago: its handles, and how it is brought to its end.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::placement::Placement;
use super::record::{Record, Records, absent_is_fine};
use super::report::{EndReport, Observed, Status};
use super::scope::InForce;
use super::spec::SandboxName;
use super::tail::Tail;
use super::{BRIDGE_SOCKET, blocking};
use crate::os::cgroup::{Cgroup, Usage};
use crate::os::process::{self, Process, ProcessId};
use crate::os::socket::{self, SocketError};
use crate::systemd::scope::Manager;

/// Longest wait for killed processes to be gone. The kernel takes milliseconds; a process stuck
/// in a dead disk takes for ever, and nobody can wait for that.
const KILL_DEADLINE: Duration = Duration::from_secs(5);

/// Longest wait for bwrap to write down how the first process ended.
const STATUS_DEADLINE: Duration = Duration::from_secs(1);

/// How long a sandbox may take from closing its socket to its end, before it is killed after all.
const LEAVE_GRACE: Duration = Duration::from_secs(1);

/// The handles of one sandbox.
#[derive(Debug)]
pub(super) struct Live {
    record: Mutex<Record>,
    outer: Option<Process>,
    init: OnceLock<Process>,
    cgroup: OnceLock<Cgroup>,
    in_force: OnceLock<InForce>,
    /// The scope of its name is its own, and not somebody else's.
    scope: AtomicBool,
    /// systemd froze it, or believes so, and must be asked to thaw it.
    pub(super) frozen_by_systemd: AtomicBool,
    tail: Tail,
    /// Held by whoever ends it; the next one then finds it ended.
    pub(super) ending: tokio::sync::Mutex<()>,
}

impl Live {
    pub(super) fn new(record: Record, outer: Option<Process>, tail: Tail) -> Self {
        Self {
            record: Mutex::new(record),
            outer,
            init: OnceLock::new(),
            cgroup: OnceLock::new(),
            in_force: OnceLock::new(),
            scope: AtomicBool::new(false),
            frozen_by_systemd: AtomicBool::new(false),
            tail,
            ending: tokio::sync::Mutex::default(),
        }
    }

    /// What a predecessor started, by what it wrote down.
    pub(super) fn adopted(record: Record, status: Status) -> std::io::Result<Self> {
        let outer = Process::find(record.outer)?;
        let init = match record.init {
            Some(id) => Process::find(id)?,
            None => first_process(record.outer, status)?,
        };
        let live = Self::new(record, outer, Tail::empty());
        if let Some(init) = init {
            drop(live.init.set(init));
        }
        Ok(live)
    }

    pub(super) fn record(&self) -> Record {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_cgroup(&self, cgroup: Cgroup, in_force: InForce) {
        let _known = self.in_force.set(in_force);
        let _known = self.cgroup.set(cgroup);
    }

    /// Stops bwrap, which has nothing to do until the sandbox ends. So the control group, and its
    /// count of kills for want of memory, outlives the sandbox until somebody has read it: systemd
    /// removes an empty one at once.
    pub(super) fn hold(&self) -> std::io::Result<()> {
        match &self.outer {
            Some(outer) if self.in_force().memory => outer.signal(Signal::SIGSTOP),
            _ => Ok(()),
        }
    }

    pub(super) fn in_force(&self) -> InForce {
        self.in_force.get().copied().unwrap_or_default()
    }

    /// Finds the first process by what bwrap has written, and remembers it for a successor.
    pub(super) async fn find_first_process(&self, records: &Records) -> std::io::Result<()> {
        let (records, record) = (records.clone(), self.record());
        let found = blocking(move || {
            let status = records.status(&record.name)?;
            let init = first_process(record.outer, status)?;
            let record = Record { init: init.as_ref().map(Process::id), ..record };
            records.write(&record)?;
            Ok::<_, std::io::Error>((init, record))
        });
        let (init, record) = found.await?;
        if let Some(init) = init {
            drop(self.init.set(init));
        }
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = record;
        Ok(())
    }

    /// Says that the scope of its name has been made for it.
    pub(super) fn own_scope(&self) {
        self.scope.store(true, Ordering::Relaxed);
    }

    pub(super) fn cgroup(&self) -> Option<&Cgroup> {
        self.cgroup.get()
    }

    /// systemd, if it holds a scope of this sandbox.
    pub(super) fn manager<'a>(&self, placement: &'a Placement) -> Option<&'a Manager> {
        match placement {
            Placement::Scope(manager) if self.scope.load(Ordering::Relaxed) => Some(manager),
            _ => None,
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        match (self.init.get(), self.record().init) {
            (Some(init), _) => !init.is_gone(),
            // Known once, and not found any more.
            (None, Some(_)) => false,
            (None, None) => self.outer.as_ref().is_some_and(|outer| !outer.is_gone()),
        }
    }

    /// Whether the sandbox has left by itself. One that is leaving, because its first process is
    /// on its way out or listens no more, is given the time to be gone.
    pub(super) async fn has_left(&self) -> bool {
        if !self.is_alive() {
            return true;
        }
        let Some(init) = self.init.get() else { return false };
        if init.is_exiting() || self.listens_no_more().await {
            drop(timeout(LEAVE_GRACE, init.gone()).await);
        }
        !self.is_alive()
    }

    async fn listens_no_more(&self) -> bool {
        match socket::connect(&self.record().state.join(BRIDGE_SOCKET)).await {
            Err(SocketError::Connect { source, .. }) => {
                source.kind() == std::io::ErrorKind::ConnectionRefused
            }
            Ok(_) | Err(_) => false,
        }
    }

    /// Returns when bwrap (or what was to become it) is gone.
    pub(super) async fn outer_gone(&self) {
        if let Some(outer) = &self.outer {
            outer.gone().await;
        }
    }

    /// `None` without a control group of its own.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.cgroup.get().map(Cgroup::usage)
    }

    /// How many processes of it were killed for want of memory; `None` where nobody counts.
    pub(super) fn oom_kills(&self) -> Option<u64> {
        self.cgroup.get().and_then(Cgroup::oom_kills)
    }

    /// Ends everything in it and forgets it. Whatever cannot be done is told to the log: the rest
    /// is done all the same.
    pub(super) async fn clear(&self, placement: &Placement, records: &Records) -> EndReport {
        let record = self.record();
        let name = &record.name;
        let was_alive = !self.has_left().await;
        let manager = self.manager(placement);
        if self.is_frozen()
            && let Err(error) = self.thaw(placement).await
        {
            // Killing reaches the frozen, too.
            debug!(%name, %error, "the sandbox does not thaw before its end");
        }
        let counted = self.kill_first().await;
        self.kill_rest(name, manager, records).await;
        let result = match manager {
            Some(manager) => forget(name, manager).await,
            None => None,
        };
        let stderr = self.tail.last_words().await;
        let status = status(name, records).await;
        let observed = Observed {
            was_alive,
            exit_code: status.exit_code,
            oom_kills: counted,
            scope_result: result.as_deref(),
        };
        let cause = observed.cause();
        remove(record, records).await;
        let by_result = u64::from(result.as_deref() == Some("oom-kill"));
        EndReport { cause, oom_kills: counted.max(by_result), stderr }
    }

    /// The first process first: its end is the end of all others in the sandbox, and bwrap then
    /// writes down how it came. Answers how many were killed for want of memory.
    async fn kill_first(&self) -> u64 {
        if let Some(init) = self.init.get() {
            if let Err(error) = init.signal(Signal::SIGKILL) {
                warn!(name = %self.record().name, %error, "the first process cannot be killed");
            }
            if timeout(KILL_DEADLINE, init.gone()).await.is_err() {
                warn!(name = %self.record().name, "the first process does not end");
            }
        }
        let counted = self.oom_kills().unwrap_or(0);
        if let Some(outer) = &self.outer
            && self.record().init.is_some()
        {
            drop(outer.signal(Signal::SIGCONT));
            drop(timeout(STATUS_DEADLINE, outer.gone()).await);
        }
        counted
    }

    /// bwrap, and what it had started when it was not yet a sandbox.
    async fn kill_rest(&self, name: &SandboxName, manager: Option<&Manager>, records: &Records) {
        if let Some(manager) = manager {
            let direct = self.cgroup.get().map(Cgroup::kill);
            if !matches!(direct, Some(Ok(())))
                && let Err(error) = manager.kill(&name.unit()).await
            {
                warn!(%name, %error, "systemd did not kill the scope");
            }
            if let Some(cgroup) = self.cgroup.get()
                && timeout(KILL_DEADLINE, cgroup.emptied()).await.is_err()
            {
                warn!(%name, "processes of the sandbox do not end");
            }
        }
        let Some(outer) = &self.outer else { return };
        if !outer.is_gone() {
            // A child of bwrap that waits for it is still in its process group, which ash-launch
            // has made its own.
            let group = i32::try_from(outer.id().pid).map(Pid::from_raw);
            let _gone = group.map(|group| killpg(group, Signal::SIGKILL));
            drop(outer.signal(Signal::SIGKILL));
            if timeout(KILL_DEADLINE, outer.gone()).await.is_err() {
                warn!(%name, "bwrap does not end");
            }
        }
        // One that had left the group has been written down before.
        if self.init.get().is_none()
            && let Ok(Some(init)) = first_process(outer.id(), status(name, records).await)
        {
            drop(init.signal(Signal::SIGKILL));
            drop(timeout(KILL_DEADLINE, init.gone()).await);
        }
    }
}

/// The first process of the sandbox that bwrap told of; `None` if it is gone, or the number
/// belongs to something that is no first process of a namespace by now.
fn first_process(outer: ProcessId, status: Status) -> std::io::Result<Option<Process>> {
    let Some(pid) = status.child_pid else { return Ok(None) };
    let found = Process::find_now(pid)?;
    let plausible = |process: &Process| {
        process.id().started >= outer.started && process::is_first_of_namespace(pid)
    };
    Ok(found.filter(plausible))
}

async fn status(name: &SandboxName, records: &Records) -> Status {
    let (name, records) = (name.clone(), records.clone());
    blocking(move || records.status(&name)).await.unwrap_or_default()
}

/// How systemd saw the end.
async fn forget(name: &SandboxName, manager: &Manager) -> Option<String> {
    manager.forget(&name.unit()).await.unwrap_or_else(|error| {
        warn!(%name, %error, "systemd does not forget the scope");
        None
    })
}

/// Removes the socket, the status and, last, the record: an ashd that dies in between does it
/// again.
async fn remove(record: Record, records: &Records) {
    let records = records.clone();
    let name = record.name.clone();
    let removed = blocking(move || {
        remove_socket(&record.state)?;
        records.remove(&record.name)
    });
    if let Err(error) = removed.await {
        warn!(%name, %error, "what was written down about the sandbox cannot be removed");
    }
}

pub(super) fn remove_socket(state: &Path) -> std::io::Result<()> {
    absent_is_fine(std::fs::remove_file(state.join(BRIDGE_SOCKET)))
}
