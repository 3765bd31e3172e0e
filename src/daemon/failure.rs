//! Why a daemon does not start: what, why, and what to do.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use super::logging;
use crate::agent::AgentError;
use crate::archive::{ArchiveError, KeyError as ArchiveKeyError};
use crate::chain::chain;
use crate::config::ConfigError;
use crate::egress::{EgressError, KeyError, SealingKeyError};
use crate::os::socket::SocketError;
use crate::runner::RecoverError;
use crate::sandbox::LauncherError;
use crate::sandboxd::SandboxdError;
use crate::store::StoreError;
use crate::systemd::activation::ActivationError;
use crate::web::client::ClientError;

/// Exit statuses, of sysexits(3) where one fits.
const EX_CONFIG: u8 = 78;
const EX_CANTCREAT: u8 = 73;
const EX_UNAVAILABLE: u8 = 69;

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the configuration is not usable")]
    Config(#[from] ConfigError),
    #[error("could not start the runtime")]
    Runtime(#[source] io::Error),
    #[error("could not start logging")]
    Logging(#[source] io::Error),
    #[error("could not make the folder `{path}`")]
    Folder { path: PathBuf, source: io::Error },
    #[error("another ashd (process {pid}) uses the data directory `{path}`")]
    Locked { path: PathBuf, pid: String },
    #[error("could not read or write `{path}`")]
    File { path: PathBuf, source: io::Error },
    #[error("the socket passed by systemd is not usable")]
    Activation(#[from] ActivationError),
    #[error("could not listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("could not listen on `{path}`")]
    Socket { path: PathBuf, source: SocketError },
    #[error("could not open the store")]
    Store(#[from] StoreError),
    #[error("could not open the agents' folder")]
    Agents(#[from] AgentError),
    #[error("could not prepare the sandboxes")]
    Launcher(#[from] LauncherError),
    #[error("ash-sandboxd does not do its part")]
    Sandboxd(#[from] SandboxdError),
    #[error("could not take over what an earlier ashd left")]
    Recover(#[from] RecoverError),
    #[error("`{path}` could be replaced by another user than root: {reason}")]
    Untrusted { path: PathBuf, reason: String },
    #[error("what the user {project} may take on the disk could not be set: {reason}")]
    Quota { project: u32, reason: String },
    #[error("the model key is not usable")]
    ModelKey(#[from] KeyError),
    #[error("the key of archives is not usable")]
    ArchiveKey(#[from] ArchiveKeyError),
    #[error("the key of credentials is not usable")]
    CredentialKey(#[from] SealingKeyError),
    #[error("could not open the archive")]
    Archive(#[from] ArchiveError),
    #[error("the collector of spans cannot be used")]
    Collector(#[from] ClientError),
    #[error("`{path}` has a line that is no header")]
    Header { path: PathBuf },
    #[error("could not prepare the way to the model")]
    Egress(#[from] EgressError),
    #[error("the walls {} are not hard on this host: {}", walls.join(", "), notes.join(" "))]
    Degraded { walls: Vec<&'static str>, notes: Vec<String> },
}

impl Failure {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Folder { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "run ashd as root or as the user that owns it, or set ASH_DATA_DIR and ASH_RUNTIME_DIR".to_owned()
            }
            Self::Locked { .. } => {
                "stop it first (`systemctl stop ashd`), or give this one another ASH_DATA_DIR".to_owned()
            }
            Self::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                format!("find the program with `ss -ltnp sport = :{}`, or set ASH_PORT", address.port())
            }
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "ports below 1024 need a privilege; set ASH_PORT, or use ashd.socket".to_owned()
            }
            Self::Socket { source: SocketError::Taken { .. }, .. } => {
                "another ashd answers there; stop it, or set ASH_RUNTIME_DIR".to_owned()
            }
            Self::Store(StoreError::Newer { .. }) => {
                "a newer ashd wrote this database; install that version again".to_owned()
            }
            Self::Sandboxd(SandboxdError::Unreachable { .. }) => {
                "start it (`systemctl start ash-sandboxd.socket`), or leave `[sandbox] socket` empty".to_owned()
            }
            Self::Untrusted { path, .. } => {
                format!("run `systemd-tmpfiles --create`, or `chown root {}` and take its write permission from others", path.display())
            }
            Self::Degraded { walls, .. } => format!(
                "repair them, or accept that with ASH_ALLOW_DEGRADED={} or `[sandbox] allow_degraded` (add what it names already)",
                walls.join(",")
            ),
            Self::Collector(_) => {
                "set `[traces] endpoint` to an address such as http://127.0.0.1:4318, or leave it out".to_owned()
            }
            Self::Header { .. } => "write `name: value` in each line".to_owned(),
            _ => return None,
        })
    }

    fn status(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Activation(_)
            | Self::Collector(_)
            | Self::Header { .. }
            | Self::Degraded { .. }
            | Self::Untrusted { .. } => EX_CONFIG,
            Self::Folder { .. } | Self::File { .. } => EX_CANTCREAT,
            Self::Locked { .. } | Self::Listen { .. } | Self::Socket { .. } | Self::Sandboxd(_) => {
                EX_UNAVAILABLE
            }
            _ => 1,
        }
    }

    /// Says it on stderr, with its causes, and answers the exit status.
    pub(super) fn report(&self, program: &str) -> ExitCode {
        logging::say(&format!("{program}: {}", chain(self)));
        if let Some(hint) = self.hint() {
            logging::say(&format!("hint: {hint}"));
        }
        ExitCode::from(self.status())
    }
}
