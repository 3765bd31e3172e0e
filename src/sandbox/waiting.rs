//! `ash-launch` before its order: it is started, put into its scope, and waits. One that a sandbox
//! is expected for waits in advance.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net as unix;
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use tokio::net::UnixStream;
use tokio::process::ChildStdout;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::error::LaunchError;
use super::live::KILL_DEADLINE;
use super::order::Entry;
use super::placement::Programs;
use super::scope::{self, InForce};
use super::spec::{Limits, SandboxName};
use super::tail::Tail;
use crate::os::cgroup::{self, Cgroup};
use crate::os::process::{self, Process, ProcessId};
use crate::systemd::scope::{Manager, ScopeError};

/// An `ash-launch` without an order. It ends by itself when nobody can give it one any more.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) orders: UnixStream,
    pub(super) id: ProcessId,
    pub(super) outer: Option<Process>,
    pub(super) stderr: Tail,
    /// What a probe prints.
    pub(super) stdout: Option<ChildStdout>,
}

/// The control group of a scope, and what it limits; nothing without a version 2 hierarchy.
pub(super) type Placed = Option<(Cgroup, InForce)>;

pub(super) async fn spawn(programs: &Programs, entry: Entry) -> Result<Waiting, LaunchError> {
    let during = "starting ash-launch";
    let (orders, theirs) = pair().map_err(LaunchError::system(during))?;
    let mut command = process::command(&programs.launch, &programs.launch_arguments);
    command.stdin(Stdio::from(theirs)).stderr(Stdio::piped());
    if entry == Entry::Probe {
        command.stdout(Stdio::piped());
    }
    let mut child = command
        .spawn()
        .map_err(|source| LaunchError::Program { program: programs.launch.clone(), source })?;
    // Our copy of the child's end of the pair goes with it.
    drop(command);
    let stderr = child.stderr.take().map_or_else(Tail::empty, Tail::of);
    let stdout = child.stdout.take();
    let found = child.id().map_or(Err(io::ErrorKind::NotFound.into()), ProcessId::of);
    let (id, outer) = match found.and_then(|id| Ok((id, Process::find(id)?))) {
        Ok(found) => found,
        Err(source) => {
            drop(child.kill().await);
            return Err(LaunchError::System { during, source });
        }
    };
    // Only so that the kernel can forget it; its end is watched by its handle.
    tokio::spawn(async move { drop(child.wait().await) });
    Ok(Waiting { orders, id, outer, stderr, stdout })
}

pub(super) fn pair() -> io::Result<(UnixStream, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
    let ours = unix::UnixStream::from(ours);
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, theirs))
}

/// Makes the scope around ash-launch, and makes sure.
pub(super) async fn place(
    manager: &Manager,
    name: &SandboxName,
    limits: &Limits,
    pid: u32,
) -> Result<Placed, LaunchError> {
    let unit = name.unit();
    let properties = scope::properties(name, limits, manager.version());
    match manager.start_scope(&unit, properties, pid).await {
        Err(ScopeError::Exists { unit }) => return Err(LaunchError::ScopeTaken { unit }),
        other => other.map_err(LaunchError::Scope)?,
    }
    let expected = manager.control_group(&unit).await.map_err(LaunchError::Scope)?;
    let found = cgroup::path_of(pid).map_err(LaunchError::system("reading the control group"))?;
    // Without a version 2 hierarchy there is nothing to compare, and nothing claimed.
    let (Some(expected), Some(found)) = (expected, found) else { return Ok(None) };
    let Some(cgroup) = Cgroup::at(&expected) else { return Ok(None) };
    if found != expected {
        return Err(LaunchError::OutsideScope { found });
    }
    let in_force = scope::in_force(&cgroup, limits);
    Ok(Some((cgroup, in_force)))
}

/// An `ash-launch` that waits in the scope of a sandbox that is expected.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) waiting: Waiting,
    pub(super) placed: Placed,
    limits: Limits,
}

impl Ready {
    /// `None`, and nothing is left, where that cannot be: then the sandbox starts as all did before.
    pub(super) async fn make(
        programs: &Programs,
        manager: &Manager,
        name: &SandboxName,
        limits: Limits,
    ) -> Option<Self> {
        let waiting = match spawn(programs, Entry::Bridge).await {
            Ok(waiting) => waiting,
            Err(error) => {
                debug!(%name, %error, "no scope is prepared");
                return None;
            }
        };
        match place(manager, name, &limits, waiting.id.pid).await {
            Ok(placed) => Some(Self { waiting, placed, limits }),
            Err(error) => {
                debug!(%name, %error, "no scope is prepared");
                // One that is somebody else's stays as it is.
                let is_ours = !matches!(error, LaunchError::ScopeTaken { .. });
                end(waiting, is_ours.then_some(manager), name).await;
                None
            }
        }
    }

    /// With these limits in force; `None`, and nothing is left, if it is dead or cannot have them.
    pub(super) async fn fitted(
        mut self,
        manager: &Manager,
        name: &SandboxName,
        limits: &Limits,
    ) -> Option<Self> {
        let lives = self.waiting.outer.as_ref().is_some_and(|outer| !outer.is_gone());
        let changed = scope::changed(name, &self.limits, limits, manager.version());
        let refitted = async {
            if lives && !changed.is_empty() {
                let unit = name.unit();
                manager.set_properties(&unit, changed).await?;
                // systemd writes what it was told before it answers the next call.
                manager.control_group(&unit).await?;
                if let Some((cgroup, in_force)) = &mut self.placed {
                    *in_force = scope::in_force(cgroup, limits);
                }
            }
            Ok::<_, ScopeError>(lives)
        };
        match refitted.await {
            Ok(true) => return Some(self),
            Ok(false) => debug!(%name, "the prepared scope is gone"),
            Err(error) => warn!(%name, %error, "the prepared scope does not get its limits"),
        }
        self.discard(manager, name).await;
        None
    }

    /// Ends it, and answers when systemd has forgotten its scope.
    pub(super) async fn discard(self, manager: &Manager, name: &SandboxName) {
        end(self.waiting, Some(manager), name).await;
    }
}

async fn end(waiting: Waiting, manager: Option<&Manager>, name: &SandboxName) {
    if let Some(outer) = &waiting.outer {
        drop(outer.signal(Signal::SIGKILL));
        if timeout(KILL_DEADLINE, outer.gone()).await.is_err() {
            warn!(%name, "ash-launch does not end");
        }
    }
    if let Some(manager) = manager
        && let Err(error) = manager.forget(&name.unit()).await
    {
        warn!(%name, %error, "systemd does not forget a prepared scope");
    }
}
