//! The same bridge as a task of ashd, with a scripted Claude: for `ashd --simulate`.

use std::path::PathBuf;
use std::sync::Arc;

use nix::sys::signal::Signal;
use tokio::io::{AsyncWriteExt as _, BufReader, DuplexStream};

use super::connection::Door;
use super::journal::Limits;
use super::launcher::Launcher;
use super::process::{CliProcess, Exit, Invocation, Life};
use super::relay::{Relay, Settings};
use super::termination::Termination;
use crate::bridge::protocol::LINE_BYTES_MAX;
use crate::simulation::{self, Ending};

/// Bytes between ashd and the bridge, and between the bridge and the scripted Claude: what a
/// pipe or a socket of Linux holds.
const PIPE_BYTES: usize = 64 << 10;

/// Where a simulated sandbox lives.
#[derive(Debug)]
pub(crate) struct SimulatedBridge {
    pub(crate) workspace: PathBuf,
    pub(crate) home: PathBuf,
    pub(crate) spill: PathBuf,
}

/// Starts a bridge as a task. It ends when the stream is dropped.
pub(crate) fn simulated(options: SimulatedBridge) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
    let settings = Settings {
        workspace: Arc::from(options.workspace),
        environment: [("HOME".into(), options.home.clone().into())].into(),
        home: options.home,
        spill: options.spill,
        journal: Limits::STANDARD,
        line_bytes_max: LINE_BYTES_MAX,
        orphan_timeout: None,
    };
    let door = Door::Only(Some(theirs));
    let relay = Relay::new(settings, door, Launcher::Simulated, Termination::never());
    drop(tokio::spawn(relay.run()));
    ours
}

/// Starts a scripted Claude.
pub(super) fn start(invocation: Invocation) -> CliProcess {
    let (input, stdin) = tokio::io::duplex(PIPE_BYTES);
    let (stdout, output) = tokio::io::duplex(PIPE_BYTES);
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let environment = invocation.environment.into_iter();
    let invocation = simulation::Invocation {
        arguments: invocation.arguments,
        environment: environment.map(|(name, value)| (text(name), text(value))).collect(),
        directory: invocation.directory,
    };
    let (mut stderr, errors) = tokio::io::duplex(PIPE_BYTES);
    let task = tokio::spawn(async move {
        match simulation::run(invocation, BufReader::new(stdin), stdout).await {
            Ending::Exited { code, stderr: text } => {
                // It is read to its end whoever waits for this.
                drop(stderr.write_all(text.as_bytes()).await);
                Exit { code: Some(code), signal: None }
            }
            Ending::Killed => Exit { code: None, signal: Some(Signal::SIGKILL as i32) },
        }
    });
    CliProcess {
        // No process of its own.
        pid: 0,
        input: Box::new(input),
        output: Box::new(output),
        errors: Some(Box::new(errors)),
        life: Life::Task(task),
    }
}
