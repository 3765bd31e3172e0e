//! The program `ash-bridge`: process 1 of a sandbox.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::RawFd;
use std::os::unix::net::UnixListener as StdListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use nix::sys::prctl;
use tokio::net::UnixListener;

use super::connection::Door;
use super::forwarder;
use super::journal::Limits;
use super::launcher::Launcher;
use super::process::Reaper;
use super::relay::{Relay, Settings};
use super::termination::Termination;
use crate::bridge::protocol::LINE_BYTES_MAX;
use crate::os::sys;

/// Threads for files and the journal: as many as file requests work at once, one for each archive,
/// and two for the journal.
const BLOCKING_THREADS: usize = 8;

/// Life of such a thread without work: a bridge idles for days.
const BLOCKING_KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Process 1 of a sandbox: drives the Claude CLI for ashd.
#[derive(Debug, clap::Parser)]
#[command(name = "ash-bridge", version)]
struct Arguments {
    /// Listening unix socket that ashd connects to, inherited under this number.
    #[arg(long, value_name = "FD", value_parser = clap::value_parser!(RawFd).range(3..))]
    listen_fd: RawFd,
    /// The Claude CLI; absent in a jail, which only serves files and commands.
    #[arg(long, value_name = "PATH")]
    cli: Option<PathBuf>,
    /// Where the CLI works.
    #[arg(long, value_name = "DIR")]
    workspace: PathBuf,
    /// Home of the CLI.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// Where what ashd has not taken is kept when it does not fit into memory.
    #[arg(long, value_name = "DIR")]
    spill_dir: PathBuf,
    /// Leave when ashd was away for so long and no turn ran; never if absent.
    #[arg(long, value_name = "SECONDS")]
    orphan_timeout_seconds: Option<NonZeroU64>,
}

/// Why the program could not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("descriptor {number} is not a listening socket")]
    Listener {
        number: RawFd,
        #[source]
        source: io::Error,
    },
    #[error("other descriptors could not be closed")]
    Descriptors(#[source] io::Error),
    #[error("this process could not be shielded from the others of its sandbox")]
    Shield(#[source] nix::Error),
    #[error("the way to egress could not be opened for programs that know proxies")]
    Forwarder(#[source] io::Error),
    #[error("the runtime could not be started")]
    Runtime(#[source] io::Error),
}

pub(super) fn main() -> ExitCode {
    main_with(std::env::args_os())
}

pub(super) fn main_with(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> ExitCode {
    match run(Arguments::parse_from(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let source = std::error::Error::source(&error);
            let source = source.map(|source| format!(": {source}")).unwrap_or_default();
            #[expect(clippy::print_stderr, reason = "ashd reads it when no bridge appears")]
            {
                eprintln!("ash-bridge: {error}{source}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), StartError> {
    let number = arguments.listen_fd;
    let refused = |source| StartError::Listener { number, source };
    close_all_but(number).map_err(StartError::Descriptors)?;
    let listener = StdListener::from(sys::adopt_inherited(number).map_err(refused)?);
    listener.set_nonblocking(true).map_err(refused)?;
    // Neither its memory nor its descriptors can be reached from the CLI's user.
    prctl::set_dumpable(false).map_err(StartError::Shield)?;
    // As process 1 they come anyway.
    prctl::set_child_subreaper(true).map_err(StartError::Shield)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(BLOCKING_KEEP_ALIVE)
        .build()
        .map_err(StartError::Runtime)?;
    runtime.block_on(async {
        let listener = UnixListener::from_std(listener).map_err(refused)?;
        let reaper = Reaper::new(true).map_err(StartError::Runtime)?;
        let termination = Termination::of_program().map_err(StartError::Runtime)?;
        let launcher = Launcher::Program(arguments.cli.clone(), reaper);
        let settings = settings(arguments);
        if forwarder::is_wanted() {
            match forwarder::start() {
                // Where the network is not its own, which is told of such a host, somebody was first.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                started => started.map_err(StartError::Forwarder)?,
            }
        }
        let relay = Relay::new(settings, Door::Listener(listener), launcher, termination);
        relay.run().await;
        Ok(())
    })?;
    // A file job that hangs must not keep the sandbox alive.
    runtime.shutdown_background();
    Ok(())
}

fn settings(arguments: Arguments) -> Settings {
    let mut environment: BTreeMap<_, _> = std::env::vars_os().collect();
    environment.insert("HOME".into(), arguments.home.clone().into());
    environment.insert("PWD".into(), arguments.workspace.clone().into());
    Settings {
        workspace: Arc::from(arguments.workspace),
        home: arguments.home,
        spill: arguments.spill_dir,
        environment,
        journal: Limits::STANDARD,
        line_bytes_max: LINE_BYTES_MAX,
        orphan_timeout: arguments
            .orphan_timeout_seconds
            .map(|seconds| Duration::from_secs(seconds.get())),
    }
}

/// Closes what was left open by whoever started this program.
fn close_all_but(kept: RawFd) -> io::Result<()> {
    let mut open = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok());
        open.extend(number.filter(|number| *number > 2 && *number != kept));
    }
    for number in open {
        // One of them was the directory itself, and is closed.
        let _closed = nix::unistd::close(number);
    }
    Ok(())
}
