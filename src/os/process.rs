//! Processes: the only place that starts a program, and a name for a process that does not
//! change its meaning when the kernel gives its number away again.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncReadExt as _, Interest};
use tokio::process::Command;

use super::sys;

/// A program to start: an argument list, never a shell line; an empty environment; no standard
/// input, output or error until the caller sets them.
pub(crate) fn command(
    program: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the one place that starts programs")]
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Becomes `program`, in its caller's environment and on its terminal: what an operator's tool
/// hands over to another. Returns only if that fails.
pub(crate) fn become_program(
    program: &str,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> io::Error {
    use std::os::unix::process::CommandExt as _;
    #[expect(clippy::disallowed_methods, reason = "the environment is the caller's on purpose")]
    std::process::Command::new(program).args(arguments).exec()
}

/// A program of the operator's, such as ssh(1): with the environment, the folder and the standard
/// error of its caller.
pub(crate) fn tool(
    program: &str,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the environment is the caller's on purpose")]
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// What a short program said and how it ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// Why a short program gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("the program could not be started")]
    Start(#[source] io::Error),
    #[error("the program could not be read")]
    Read(#[source] io::Error),
    #[error("the program did not end within {} s", .0.as_secs_f32())]
    TooLong(Duration),
}

/// Runs a short program to its end and keeps the first `bytes_max` bytes of either output. It is
/// killed when `deadline` passes or the caller goes away.
pub(crate) async fn ask(
    mut command: Command,
    bytes_max: u64,
    deadline: Duration,
) -> Result<Answer, AskError> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(AskError::Start)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let work = async {
        let (stdout, stderr) =
            tokio::try_join!(first_bytes(stdout, bytes_max), first_bytes(stderr, bytes_max))?;
        Ok(Answer { status: child.wait().await?, stdout, stderr })
    };
    match tokio::time::timeout(deadline, work).await {
        Ok(answer) => answer.map_err(AskError::Read),
        Err(_elapsed) => Err(AskError::TooLong(deadline)),
    }
}

/// The first `bytes_max` bytes; the rest is read and dropped, so that the program can end.
async fn first_bytes(from: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(mut from) = from {
        (&mut from).take(bytes_max).read_to_end(&mut kept).await?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(kept)
}

/// One process of this boot: its number, and when it started, so that a later process with the
/// same number is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub(crate) pid: u32,
    /// Clock ticks after the boot.
    pub(crate) started: u64,
}

impl ProcessId {
    /// The process that has this number now.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        Ok(Self { pid, started: Stat::of(pid)?.started })
    }
}

/// The members of `/proc/<pid>/stat` that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    flags: u32,
    started: u64,
}

impl Stat {
    fn of(pid: u32) -> io::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::parse(&text).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    /// The name in brackets may itself hold brackets and spaces: count from its last bracket.
    fn parse(text: &str) -> Option<Self> {
        let mut members = text.rsplit_once(')')?.1.split_ascii_whitespace();
        // The first one here is member 3. The flags are member 9, the start time is member 22.
        let flags = members.nth(6)?.parse().ok()?;
        let started = members.nth(12)?.parse().ok()?;
        Some(Self { flags, started })
    }
}

/// A handle on one process, whoever its parent is.
#[derive(Debug)]
pub(crate) struct Process {
    id: ProcessId,
    handle: AsyncFd<File>,
}

impl Process {
    /// A handle on the process that has this number now; `None` if there is none. For one that
    /// cannot give its number away yet, or whose number is checked otherwise.
    pub(crate) fn find_now(pid: u32) -> io::Result<Option<Self>> {
        match ProcessId::of(pid) {
            Ok(id) => Self::find(id),
            // Gone, or hidden: the one without a start time tells which.
            Err(error) if is_gone(&error) => Self::find(ProcessId { pid, started: 0 }),
            Err(error) => Err(error),
        }
    }

    /// A handle on exactly this process; `None` if it is gone. A process that `/proc` hides is an
    /// error of the kind `PermissionDenied`.
    pub(crate) fn find(id: ProcessId) -> io::Result<Option<Self>> {
        let handle = match sys::pidfd_open(id.pid) {
            Ok(handle) => handle,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Asked after the handle exists: a number given away in between shows here.
        match Stat::of(id.pid) {
            Ok(stat) if stat.started == id.started => {}
            Ok(_other) => return Ok(None),
            Err(_unreadable) if has_ended(&handle) => return Ok(None),
            Err(error) if is_gone(&error) => {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "/proc hides it"));
            }
            Err(error) => return Err(error),
        }
        if has_ended(&handle) {
            return Ok(None);
        }
        let handle = sys::watch(File::from(handle), Interest::READABLE)?;
        Ok(Some(Self { id, handle }))
    }

    pub(crate) fn id(&self) -> ProcessId {
        self.id
    }

    /// Sends a signal; a process that is gone is none of our worries.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        match sys::pidfd_send_signal(self.handle.get_ref(), signal) {
            Err(error) if is_gone(&error) => Ok(()),
            other => other,
        }
    }

    /// Returns when the process has ended.
    pub(crate) async fn gone(&self) {
        // A handle that cannot be polled any more stands for nothing that lives.
        drop(self.handle.readable().await);
    }

    /// Whether the process is on its way out, or gone: this is so before its descriptors close.
    pub(crate) fn is_exiting(&self) -> bool {
        /// `PF_EXITING` of linux/sched.h.
        const EXITING: u32 = 4;
        self.is_gone() || Stat::of(self.id.pid).is_ok_and(|stat| stat.flags & EXITING != 0)
    }

    /// Whether the process has ended by now.
    pub(crate) fn is_gone(&self) -> bool {
        has_ended(self.handle.get_ref())
    }
}

/// Whether the process is the first of a process namespace below this one.
pub(crate) fn is_first_of_namespace(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    let numbers: Vec<_> = numbers.split_ascii_whitespace().collect();
    numbers.len() > 1 && numbers.last() == Some(&"1")
}

/// What the kernel calls this boot.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Whether the process behind a handle has ended, collected or not.
fn has_ended(handle: &impl AsFd) -> bool {
    let mut look = [PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
    // A handle that cannot be polled stands for nothing that lives.
    poll(&mut look, PollTimeout::ZERO) != Ok(0)
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(nix::libc::ESRCH)
        || error.raw_os_error() == Some(nix::libc::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_program_starts_with_an_empty_environment() {
        let answer = ask(command(Path::new("/usr/bin/env"), [""; 0]), 100, DEADLINE).await.unwrap();
        assert_eq!((answer.status.code(), answer.stdout), (Some(0), Vec::new()));
    }

    #[tokio::test]
    async fn a_flood_is_cut_and_the_program_still_ends() {
        let program = command(Path::new("/bin/sh"), ["-c", "head -c 1000000 /dev/zero; exit 3"]);
        let answer = ask(program, 100, DEADLINE).await.unwrap();
        assert_eq!((answer.status.code(), answer.stdout.len()), (Some(3), 100));
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_ended() {
        let program = command(Path::new("/bin/sleep"), ["1000"]);
        let answer = ask(program, 100, Duration::from_millis(50)).await;
        assert!(matches!(answer, Err(AskError::TooLong(_))), "{answer:?}");
    }

    #[tokio::test]
    async fn a_process_is_known_by_its_start_and_seen_to_end() {
        let mut child = command(Path::new("/bin/sleep"), ["1000"]).spawn().unwrap();
        let id = ProcessId::of(child.id().unwrap()).unwrap();
        let imposter = ProcessId { started: id.started + 1, ..id };
        assert!(Process::find(imposter).unwrap().is_none());
        let process = Process::find(id).unwrap().unwrap();
        assert!(!process.is_gone());
        process.signal(Signal::SIGKILL).unwrap();
        process.gone().await;
        assert!(process.is_gone());
        child.wait().await.unwrap();
        assert!(Process::find(id).unwrap().is_none());
        process.signal(Signal::SIGKILL).unwrap();
    }

    #[test]
    fn a_name_with_brackets_does_not_shift_the_members() {
        let text = "7 (a) b) (c) S 1 2 3 4 5 64 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        assert_eq!(Stat::parse(text), Some(Stat { flags: 64, started: 4242 }));
        assert_eq!(Stat::parse("7 (sh"), None);
    }
}
