//! The CLI as a process of the sandbox, or as a task with a scripted Claude.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::tree::{self, Mark};

pub(super) type Input = Box<dyn AsyncWrite + Send + Unpin>;
pub(super) type Output = Box<dyn AsyncRead + Send + Unpin>;

/// How a CLI ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exit {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
}

/// What a CLI is started with.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<OsString, OsString>,
    pub(super) directory: PathBuf,
}

/// A started CLI.
pub(super) struct CliProcess {
    pub(super) pid: u32,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) errors: Option<Output>,
    pub(super) life: Life,
}

/// What can be waited for and killed.
#[derive(Debug)]
pub(super) enum Life {
    /// A process that leads its own group; a [`Reaper`] sees its end.
    Group(Pid),
    /// A task of this process.
    Task(JoinHandle<Exit>),
}

impl Life {
    /// Signals the whole group. A task has no handlers: any signal ends it.
    pub(super) fn signal(&self, signal: Signal) {
        match self {
            // Its number cannot be given away while the reaper has not collected it.
            Self::Group(pid) => {
                let _gone = killpg(*pid, signal);
            }
            Self::Task(task) => task.abort(),
        }
    }

    /// Waits for the end of a task, for ever otherwise. Cancel-safe.
    pub(super) async fn ended(&mut self) -> Exit {
        match self {
            Self::Group(_pid) => std::future::pending().await,
            Self::Task(task) => match task.await {
                Ok(exit) => exit,
                Err(_aborted) => Exit { code: None, signal: Some(Signal::SIGKILL as i32) },
            },
        }
    }
}

/// Starts `program`. It returns when the program has been executed, about a millisecond later:
/// the reaper must know the child before it can end.
pub(super) fn start(program: &Path, invocation: &Invocation) -> io::Result<CliProcess> {
    #[expect(clippy::disallowed_methods, reason = "the sandbox's environment was built by ashd")]
    let mut command = Command::new(program);
    command.args(&invocation.arguments).env_clear().envs(&invocation.environment);
    command.current_dir(&invocation.directory).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let pid = Pid::from_raw(child.id().try_into().map_err(io::Error::other)?);
    let mut pipes = || {
        let missing = || io::Error::from(io::ErrorKind::NotConnected);
        let input = OwnedFd::from(child.stdin.take().ok_or_else(missing)?);
        let output = OwnedFd::from(child.stdout.take().ok_or_else(missing)?);
        let errors = OwnedFd::from(child.stderr.take().ok_or_else(missing)?);
        io::Result::Ok(CliProcess {
            pid: child.id(),
            input: Box::new(pipe::Sender::from_owned_fd(input)?),
            output: Box::new(pipe::Receiver::from_owned_fd(output)?),
            errors: Some(Box::new(pipe::Receiver::from_owned_fd(errors)?)),
            life: Life::Group(pid),
        })
    };
    pipes().inspect_err(|_error| {
        let _gone = killpg(pid, Signal::SIGKILL);
    })
}

/// Whether this is the first process of its namespace.
pub(super) fn is_first() -> bool {
    Pid::this() == Pid::from_raw(1)
}

/// Stops every process of the namespace but this one, or lets them go on. Only for its first
/// process, which the signal does not reach.
pub(super) fn signal_others(stop: bool) -> bool {
    let signal = if stop { Signal::SIGSTOP } else { Signal::SIGCONT };
    match kill(Pid::from_raw(-1), signal) {
        // Nobody else is there.
        Ok(()) | Err(Errno::ESRCH) => true,
        Err(_) => false,
    }
}

/// Ends every process of the namespace but this one. Only for its first process, as above.
pub(super) fn kill_others() {
    let _nobody_else = kill(Pid::from_raw(-1), Signal::SIGKILL);
}

/// The commands that run beside the CLI, and who waits for the end of each.
#[derive(Debug, Clone, Default)]
pub(super) struct Children(Arc<Mutex<BTreeMap<i32, Waiting>>>);

#[derive(Debug)]
struct Waiting {
    ended: oneshot::Sender<Exit>,
    mark: Mark,
    /// All that it began ends with it.
    doomed: bool,
}

impl Children {
    fn table(&self) -> MutexGuard<'_, BTreeMap<i32, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a command that leads its own group. Nobody can collect it before it is known here.
    pub(super) fn spawn(
        &self,
        command: &mut Command,
    ) -> io::Result<(Child, Pid, oneshot::Receiver<Exit>)> {
        let (sender, receiver) = oneshot::channel();
        let mut table = self.table();
        let mark = Mark::new();
        command.env(tree::VARIABLE, &mark.0);
        let child = command.process_group(0).spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        table.insert(pid, Waiting { ended: sender, mark, doomed: false });
        Ok((child, Pid::from_raw(pid), receiver))
    }

    /// Asks a command and all that it began to end; nothing of that outlives it.
    pub(super) fn terminate(&self, pid: Pid) {
        if let Some(waiting) = self.table().get_mut(&pid.as_raw()) {
            waiting.doomed = true;
            waiting.mark.signal(pid, Signal::SIGTERM);
        }
    }

    /// Kills a command that has not been collected, whose number is its own, and all that it began.
    pub(super) fn kill(&self, pid: Pid) {
        if let Some(waiting) = self.table().get(&pid.as_raw()) {
            waiting.mark.kill(pid);
        }
    }
}

/// Collects children that ended.
pub(super) struct Reaper {
    signals: Signals,
    /// Whether the orphans of the sandbox come to this process.
    everyone: bool,
    watched: Option<Pid>,
    children: Children,
}

impl fmt::Debug for Reaper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reaper").field("everyone", &self.everyone).finish_non_exhaustive()
    }
}

impl Reaper {
    /// `everyone`: this process is the sandbox's init and has no other children of its own.
    pub(super) fn new(everyone: bool) -> io::Result<Self> {
        let signals = signal(SignalKind::child())?;
        Ok(Self { signals, everyone, watched: None, children: Children::default() })
    }

    pub(super) fn children(&self) -> Children {
        self.children.clone()
    }

    /// The child whose end is to be told.
    pub(super) fn watch(&mut self, life: &Life) {
        if let Life::Group(pid) = life {
            self.watched = Some(*pid);
        }
    }

    /// Collects whatever ends until it is the watched child. Cancel-safe.
    pub(super) async fn watched_exit(&mut self) -> Exit {
        loop {
            if let Some(exit) = self.collect() {
                return exit;
            }
            if self.signals.recv().await.is_none() {
                return std::future::pending().await;
            }
        }
    }

    fn collect(&mut self) -> Option<Exit> {
        if self.everyone {
            return self.collect_of(None);
        }
        let known: Vec<i32> = self.children.table().keys().copied().collect();
        for pid in known {
            let _of_a_command = self.collect_of(Some(Pid::from_raw(pid)));
        }
        self.collect_of(Some(self.watched?))
    }

    /// Collects one child, or all of them.
    fn collect_of(&mut self, child: Option<Pid>) -> Option<Exit> {
        loop {
            let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
            let whom = child.map_or(Id::All, Id::Pid);
            let pid = match waitid(whom, look) {
                Ok(status) => status.pid()?,
                Err(Errno::EINTR) => continue,
                // Ended by a real-time signal, which has no name.
                Err(Errno::EINVAL) => match self.collect_unnamed() {
                    Some(exit) => return Some(exit),
                    None => continue,
                },
                Err(_no_children) => return None,
            };
            let mut table = self.children.table();
            let watched = self.watched == Some(pid);
            let waiting = table.remove(&pid.as_raw());
            // Its group outlives it no longer, and its number is still its own.
            if watched {
                let _gone = killpg(pid, Signal::SIGKILL);
            }
            if let Some(waiting) = waiting.as_ref().filter(|waiting| waiting.doomed) {
                waiting.mark.kill(pid);
            }
            if watched {
                self.watched = None;
            }
            let status = waitpid(pid, None);
            drop(table);
            if let Some(waiting) = waiting {
                // Whoever started it may have gone.
                let _gone = waiting.ended.send(exit_of(status));
                continue;
            }
            if watched {
                return Some(exit_of(status));
            }
        }
    }

    /// Collects a child of which the kernel says more than can be named.
    fn collect_unnamed(&mut self) -> Option<Exit> {
        let whom = if self.everyone { None } else { self.watched };
        let _unnamed = waitpid(whom, Some(WaitPidFlag::WNOHANG));
        let is_gone = |pid: i32| kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH);
        let gone = self.children.table().extract_if(.., |pid, _waiting| is_gone(*pid)).next();
        if let Some((_pid, waiting)) = gone {
            let _nobody_waits = waiting.ended.send(Exit { code: None, signal: None });
        }
        let watched = self.watched?;
        if kill(watched, None) != Err(Errno::ESRCH) {
            return None;
        }
        self.watched = None;
        Some(Exit { code: None, signal: None })
    }
}

fn exit_of(status: nix::Result<WaitStatus>) -> Exit {
    match status {
        Ok(WaitStatus::Exited(_pid, code)) => Exit { code: Some(code), signal: None },
        Ok(WaitStatus::Signaled(_pid, signal, _core)) => {
            Exit { code: None, signal: Some(signal as i32) }
        }
        _ => Exit { code: None, signal: None },
    }
}
