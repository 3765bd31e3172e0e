//! Bridges for tests: with any program as its CLI, and small limits.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::connection::Door;
use super::journal::Limits;
use super::launcher::Launcher;
use super::process::Reaper;
use super::relay::{Relay, Settings};
use super::termination::Termination;

/// What a test may want to be different.
#[derive(Debug, Clone, Copy)]
pub(in crate::bridge) struct Options {
    pub(in crate::bridge) memory_bytes: usize,
    pub(in crate::bridge) spill_bytes: u64,
    pub(in crate::bridge) line_bytes_max: usize,
    pub(in crate::bridge) orphan_timeout: Option<Duration>,
}

/// Runs a bridge below `directory` as a task; its socket is `bridge.sock`.
pub(in crate::bridge) fn start(directory: &Path, cli: &Path, options: Options) -> JoinHandle<()> {
    let listener = UnixListener::bind(directory.join("bridge.sock")).unwrap();
    let workspace = directory.join("workspace");
    let settings = Settings {
        workspace: Arc::from(workspace),
        home: directory.join("home"),
        spill: directory.join("spill"),
        environment: [("PATH".into(), "/usr/bin:/bin".into())].into(),
        journal: Limits { memory_bytes: options.memory_bytes, spill_bytes: options.spill_bytes },
        line_bytes_max: options.line_bytes_max,
        orphan_timeout: options.orphan_timeout,
    };
    let launcher = Launcher::Program(Some(cli.to_owned()), Reaper::new(false).unwrap());
    let relay = Relay::new(settings, Door::Listener(listener), launcher, Termination::never());
    tokio::spawn(relay.run())
}

/// The program, with these arguments.
pub(in crate::bridge) fn program(arguments: &[&str]) -> ExitCode {
    super::program::main_with(arguments)
}
