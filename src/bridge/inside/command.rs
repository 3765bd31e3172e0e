//! Commands that a client runs in the sandbox, beside the CLI: each a process group of its own, which
//! is killed, with all that it began, when its time is over or when nobody waits for it any more.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::BytesMut;
use nix::unistd::Pid;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::process::{Children, Exit, Input, Output};
use crate::bridge::protocol::{Refusal, RunCommand};
use crate::os::fs::Root;
use crate::simulation;

/// Time to end after SIGTERM.
const TERMINATE_MAX: Duration = Duration::from_secs(1);

/// Time to wait for what is left in the pipes of a command that ended: something that it left behind
/// may hold them open.
const DRAIN_MAX: Duration = Duration::from_millis(300);

/// Bytes that may be left in one: the largest pipe that there is without privilege.
const DRAIN_BYTES_MAX: usize = 1 << 20;

/// The statuses of a shell for a program that is not there, and for one that cannot be executed.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;

/// What runs commands.
#[derive(Debug, Clone)]
pub(super) enum Commands {
    Processes(Children),
    /// Of a simulated sandbox: a few words are understood, and nothing runs.
    Scripted,
}

/// Where a command runs, and with what.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) workspace: &'a Path,
    pub(super) environment: &'a BTreeMap<OsString, OsString>,
}

/// A command that runs. Dropped, it is killed.
pub(super) struct Running {
    pub(super) input: Option<Input>,
    pub(super) output: Output,
    pub(super) errors: Output,
    life: Life,
}

enum Life {
    Group { pid: Pid, children: Children, ended: oneshot::Receiver<Exit> },
    Over(Exit),
}

/// What comes out of a command, on one of its pipes.
pub(super) struct Pipe {
    output: Output,
    ended: watch::Receiver<bool>,
    drain: Duration,
    drain_bytes: usize,
}

impl Pipe {
    /// `ended`: whether the command has.
    pub(super) fn new(output: Output, ended: watch::Receiver<bool>) -> Self {
        Self { output, ended, drain: DRAIN_MAX, drain_bytes: DRAIN_BYTES_MAX }
    }

    /// The next of it, at most `bytes`; `None` at its end, or if what still comes is not of the
    /// command. Cancel-safe.
    pub(super) async fn next(&mut self, bytes: usize) -> Option<BytesMut> {
        let mut buffer = BytesMut::with_capacity(bytes);
        let read = loop {
            if *self.ended.borrow_and_update() {
                let began = Instant::now();
                let read = timeout(self.drain, self.output.read_buf(&mut buffer)).await.ok()?;
                self.drain = self.drain.saturating_sub(began.elapsed());
                self.drain_bytes = self.drain_bytes.checked_sub(buffer.len())?;
                break read;
            }
            tokio::select! {
                read = self.output.read_buf(&mut buffer) => break read,
                changed = self.ended.changed() => {
                    if changed.is_err() {
                        // Nobody will tell any more.
                        break self.output.read_buf(&mut buffer).await;
                    }
                }
            }
        };
        read.ok().filter(|read| *read > 0).map(|_read| buffer)
    }
}

/// How it ended, and whether that was because of the time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) exit: Exit,
    pub(super) timed_out: bool,
}

impl Commands {
    /// Starts a command. One that cannot be executed is told as a shell tells it.
    pub(super) fn start(&self, order: &RunCommand, place: &Place<'_>) -> Result<Running, Refusal> {
        let directory = directory(place.workspace, order.directory.as_deref())?;
        let (program, arguments) = order.arguments.split_first().ok_or(Refusal::NotFound)?;
        match self {
            Self::Scripted => {
                let said = simulation::execute(program, arguments, &directory, &order.environment);
                Ok(Running {
                    input: None,
                    output: Box::new(io::Cursor::new(said.output)),
                    errors: Box::new(io::Cursor::new(said.errors)),
                    life: Life::Over(Exit { code: Some(said.code), signal: None }),
                })
            }
            Self::Processes(children) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "what a client asks for, in a sandbox"
                )]
                let mut command = Command::new(program);
                command.args(arguments).env_clear().envs(place.environment);
                command.envs(&order.environment).current_dir(&directory);
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
                match children.spawn(&mut command) {
                    Ok((mut child, pid, ended)) => {
                        let life = Life::Group { pid, children: children.clone(), ended };
                        let pipes = || -> io::Result<(Input, Output, Output)> {
                            let missing = || io::Error::from(io::ErrorKind::NotConnected);
                            let input = OwnedFd::from(child.stdin.take().ok_or_else(missing)?);
                            let output = OwnedFd::from(child.stdout.take().ok_or_else(missing)?);
                            let errors = OwnedFd::from(child.stderr.take().ok_or_else(missing)?);
                            Ok((
                                Box::new(pipe::Sender::from_owned_fd(input)?),
                                Box::new(pipe::Receiver::from_owned_fd(output)?),
                                Box::new(pipe::Receiver::from_owned_fd(errors)?),
                            ))
                        };
                        let mut pipes = pipes;
                        match pipes() {
                            Ok((input, output, errors)) => {
                                Ok(Running { input: Some(input), output, errors, life })
                            }
                            Err(_io) => {
                                children.kill(pid);
                                Err(Refusal::Failed)
                            }
                        }
                    }
                    Err(error) => Ok(Running::unstarted(program, &error)),
                }
            }
        }
    }
}

impl Running {
    fn unstarted(program: &str, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound => NOT_FOUND,
            _ => NOT_EXECUTABLE,
        };
        let errors = format!("ash: {program}: {error}\n");
        Self {
            input: None,
            output: Box::new(tokio::io::empty()),
            errors: Box::new(io::Cursor::new(errors)),
            life: Life::Over(Exit { code: Some(code), signal: None }),
        }
    }

    /// Takes the pipes out, for whoever moves what is in them.
    pub(super) fn pipes(&mut self) -> (Option<Input>, Output, Output) {
        let nothing = || -> Output { Box::new(tokio::io::empty()) };
        let output = std::mem::replace(&mut self.output, nothing());
        let errors = std::mem::replace(&mut self.errors, nothing());
        (self.input.take(), output, errors)
    }

    /// Waits for its end; when the time is over it is asked to end, and then killed.
    pub(super) async fn ended(&mut self, time: Duration) -> Ended {
        let (pid, children, ended) = match &mut self.life {
            Life::Over(exit) => return Ended { exit: *exit, timed_out: false },
            Life::Group { pid, children, ended } => (*pid, children.clone(), ended),
        };
        let unknown = Exit { code: None, signal: None };
        tokio::select! {
            biased;
            exit = &mut *ended => {
                return Ended { exit: exit.unwrap_or(unknown), timed_out: false };
            }
            () = sleep_until(Instant::now() + time) => {}
        }
        children.terminate(pid);
        let exit = match timeout(TERMINATE_MAX, &mut *ended).await {
            Ok(exit) => exit,
            Err(_elapsed) => {
                children.kill(pid);
                ended.await
            }
        };
        Ended { exit: exit.unwrap_or(unknown), timed_out: true }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Life::Group { pid, children, .. } = &self.life {
            children.kill(*pid);
        }
    }
}

/// Where it runs: a directory beneath the workspace, reached through no link.
fn directory(workspace: &Path, wanted: Option<&str>) -> Result<PathBuf, Refusal> {
    let wanted =
        wanted.map(|path| path.trim_end_matches('/')).filter(|path| !matches!(*path, "" | "."));
    let Some(path) = wanted else { return Ok(workspace.to_owned()) };
    let root = Root::open(workspace).map_err(|_io| Refusal::Failed)?;
    let path = Path::new(path);
    root.open_directory(path).map_err(|error| super::changes::refusal(&error))?;
    Ok(workspace.join(path))
}
