//! Where sandboxes are put.

use std::path::{Path, PathBuf};

use super::error::LauncherError;
use crate::systemd::scope::{Manager, ScopeError, is_booted};

/// Where sandboxes are to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Wanted {
    /// In scopes where systemd is there and ashd is root, else plain.
    #[default]
    Auto,
    Scope,
    Plain,
    Simulated,
}

/// Where sandboxes are put.
#[derive(Debug)]
pub(super) enum Placement {
    /// Each in a transient scope of its own.
    Scope(Manager),
    /// Each one tree of processes, without a control group.
    Plain,
    /// Nowhere: a bridge in this process, and no CLI.
    Simulated,
}

impl Placement {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Scope(_) => "scope",
            Self::Plain => "plain",
            Self::Simulated => "simulated",
        }
    }

    /// What is possible of what is wanted, and why it is less.
    pub(super) async fn find(wanted: Wanted) -> Result<(Self, Option<String>), LauncherError> {
        match wanted {
            Wanted::Simulated => Ok((Self::Simulated, None)),
            Wanted::Plain => Ok((Self::Plain, None)),
            Wanted::Scope if !booted() => Err(LauncherError::NoSystemd),
            Wanted::Scope => Ok((Self::Scope(connect().await.map_err(LauncherError::Bus)?), None)),
            Wanted::Auto if !booted() => {
                Ok((Self::Plain, Some("systemd does not run this host".to_owned())))
            }
            Wanted::Auto if !nix::unistd::geteuid().is_root() => {
                Ok((Self::Plain, Some("ashd is not root and cannot ask for scopes".to_owned())))
            }
            Wanted::Auto => match connect().await {
                Ok(manager) => Ok((Self::Scope(manager), None)),
                Err(error) => Ok((Self::Plain, Some(error.to_string()))),
            },
        }
    }
}

fn booted() -> bool {
    is_booted().unwrap_or(false)
}

async fn connect() -> Result<Manager, ScopeError> {
    Manager::connect().await
}

/// The programs that ashd starts.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) launch: PathBuf,
    /// Arguments that make `launch` be ash-launch; none but in tests.
    pub(super) launch_arguments: Vec<String>,
    pub(super) bridge: PathBuf,
}

impl Programs {
    /// For a launcher that starts none.
    pub(super) fn none() -> Self {
        Self { launch: PathBuf::new(), launch_arguments: Vec::new(), bridge: PathBuf::new() }
    }

    /// In the given directory, else beside the program that runs (as cargo puts them), else in
    /// the libexec of its prefix (as they are installed).
    pub(super) fn find(libexec: Option<&Path>) -> Result<Self, LauncherError> {
        let program = |program: &'static str| {
            let failed = |source| LauncherError::Program { program, source };
            let path = if let Some(directory) = libexec {
                directory.join(program)
            } else {
                let this = std::env::current_exe().map_err(failed)?;
                let beside = this.with_file_name(program);
                if beside.exists() {
                    beside
                } else {
                    let prefix = this.parent().and_then(Path::parent);
                    prefix.unwrap_or(Path::new("/usr")).join("libexec/ash").join(program)
                }
            };
            std::fs::metadata(&path).map(|_there| path).map_err(failed)
        };
        let (launch, bridge) = (program("ash-launch")?, program("ash-bridge")?);
        Ok(Self { launch, launch_arguments: Vec::new(), bridge })
    }
}
