//! What ash-sandboxd and ash-egress have in common as programs: the command line, the start, and
//! what ends them, which is the same for ashd.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::{logging, runtime};
use crate::config::{self, Settings};

/// The command line of either.
#[derive(Debug, clap::Parser)]
#[command(version)]
struct ProgramArguments {
    /// Read the configuration from FILE alone, instead of /etc/ash/ash.toml and its drop-ins.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Settings of this host and a log, for the program `name`; then `work`.
pub(super) fn with_settings(
    name: &'static str,
    config: Option<&Path>,
    work: impl FnOnce(&Settings) -> Result<(), Failure>,
) -> ExitCode {
    let outcome = config::load(config, false).map_err(Failure::Config).and_then(|settings| {
        let _for_ever = logging::start(name, &settings.log)?;
        work(&settings)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(name),
    }
}

/// Runs `serve` with the settings of this host, as the program `name`.
pub(super) fn run(
    name: &'static str,
    about: &'static str,
    workers_max: usize,
    serve: impl AsyncFnOnce(&Settings) -> Result<(), Failure>,
) -> ExitCode {
    let matches = ProgramArguments::command().name(name).about(about).get_matches();
    let arguments = ProgramArguments::from_arg_matches(&matches);
    let ProgramArguments { config } = arguments.unwrap_or_else(|error| error.exit());
    with_settings(name, config.as_deref(), |settings| {
        runtime(workers_max)?.block_on(serve(settings))
    })
}

/// SIGTERM, SIGINT, or a part that gave up.
pub(super) async fn stopped(stop: &CancellationToken) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = stop.cancelled() => {}
    }
    Ok(())
}
