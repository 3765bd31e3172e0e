//! Where the daemons say things: the journal when it is connected to one, else stderr.

use std::io::{self, IsTerminal as _, Write as _};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

use super::failure::Failure;

/// Starts logging; `filter` is a level or a tracing filter, e.g. `info,ash::egress=debug`.
pub(super) fn start(program: &str, filter: &str) -> Result<LogFilter, Failure> {
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let registry = tracing_subscriber::registry().with(filter);
    if libsystemd::logging::connected_to_journal() {
        let journal = tracing_journald::layer().map_err(Failure::Logging)?;
        let journal = journal
            .with_syslog_identifier(program.to_owned())
            .with_field_prefix(Some("ASH".to_owned()));
        registry.with(journal).init();
    } else {
        let colors = io::stderr().is_terminal();
        let stderr = tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(colors)
            .with_target(false);
        registry.with(stderr).init();
    }
    Ok(LogFilter(handle))
}

/// What is logged, which may change.
#[derive(Debug)]
pub(super) struct LogFilter(reload::Handle<EnvFilter, Registry>);

impl LogFilter {
    pub(super) fn set(&self, filter: &str) -> Result<(), Failure> {
        let filter = parse(filter)?;
        self.0.reload(filter).map_err(|error| Failure::Logging(io::Error::other(error)))
    }
}

fn parse(filter: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::try_new(filter).map_err(|error| Failure::Logging(io::Error::other(error)))
}

/// What was asked for, on stdout.
pub(super) fn print(text: &str) {
    // A reader that has left needs no more.
    drop(write!(io::stdout().lock(), "{text}"));
}

/// A line on stderr, before logging runs or beside it.
pub(super) fn say(text: &str) {
    // Where stderr is closed there is nobody to tell.
    drop(writeln!(io::stderr().lock(), "{text}"));
}
