//! The command line of `ashd`.

use std::path::PathBuf;

/// Runs Claude-powered agents: the daemon.
#[derive(Debug, clap::Parser)]
#[command(name = "ashd", version, after_long_help = crate::config::reference())]
pub(super) struct Arguments {
    /// Read the configuration from FILE alone, instead of /etc/ash/ash.toml and its drop-ins.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Simulate sandboxes: no root, no bwrap, no Claude Code. For tests and for writing clients.
    #[arg(long)]
    pub(super) simulate: bool,
    /// Print ash.toml(5) and exit: what packages install.
    #[arg(long, hide = true)]
    pub(super) manual: bool,
    /// Check the configuration and exit.
    #[arg(long)]
    pub(super) check: bool,
}
