//! Makes the parts of ashd and hands each what it needs.

use std::path::PathBuf;

use tokio::net::UnixListener;
use tokio::sync::mpsc;

use super::credentials;
use super::data::{self, DataLock};
use super::failure::Failure;
use super::{listen, reload};
use crate::agent::Library;
use crate::archive::Archive;
use crate::config::Settings;
use crate::control::administration::{RELOADS_MAX, ReloadRequest};
use crate::control::{Answers, Control, Keys};
use crate::egress::{Egress, EgressError, EgressLimits, EgressSettings, Gate};
use crate::runner::{Host, HostSettings};
use crate::sandbox::{CliFinder, Launcher, LauncherSettings};
use crate::sandboxd::{Client, Keeper, KeeperSettings, Sandboxes};
use crate::store::Store;

/// The socket through which sandboxes reach the model, in a folder that they all see.
pub(super) const EGRESS_FOLDER: &str = "egress";
/// Where sessions are archived if nothing else is said.
const ARCHIVE_FOLDER: &str = "archive";
/// What creations were answered, for a day.
const ANSWERS_FOLDER: &str = "answers";
const EGRESS_SOCKET: &str = "api.sock";
/// Every sandbox's uid may connect; a placeholder says which session it is.
const EGRESS_MODE: u32 = 0o666;

/// The parts.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) control: Control,
    /// Whoever wants the configuration to be read again.
    pub(super) reloads: mpsc::Receiver<ReloadRequest>,
    /// Where it is a task of this process.
    pub(super) egress: Option<(Egress, UnixListener)>,
    pub(super) store: Store,
    pub(super) _lock: DataLock,
}

pub(super) async fn wire_up(settings: &Settings) -> Result<Parts, Failure> {
    data::folder(&settings.data, 0o711)?;
    let lock = data::lock(&settings.data)?;
    data::folder(&settings.runtime, 0o755)?;

    let database = settings.database.clone();
    let agents = settings.data.join("agents");
    data::folder(&agents, 0o700)?;
    let opened = tokio::task::spawn_blocking(move || -> Result<(Store, Library), Failure> {
        Ok((Store::open(&database)?, Library::open(&agents)?))
    });
    let (store, library) = opened
        .await
        .map_err(|_panicked| Failure::Runtime(std::io::Error::other("a worker died")))??;

    let key = credentials::archive_key(settings)?;
    let url = settings.archive_url.clone();
    let url = url.unwrap_or_else(|| settings.data.join(ARCHIVE_FOLDER).display().to_string());
    let archive = tokio::task::spawn_blocking(move || Archive::open(&url, key))
        .await
        .map_err(|_panicked| Failure::Runtime(std::io::Error::other("a worker died")))??;

    let sandboxes = match &settings.sandboxd {
        Some(socket) => Sandboxes::There(Client::new(socket)),
        None => Sandboxes::Here(keeper(settings).await?),
    };
    let uids = sandboxes.uids().await?;
    let (gate, egress) = if let Some(socket) = &settings.egress {
        if settings.model.key.is_some() || settings.model.auth_token.is_some() {
            tracing::warn!("ashd has a model key in its environment; it belongs to ash-egress");
        }
        (Gate::there(socket), None)
    } else {
        data::folder(&settings.runtime.join(EGRESS_FOLDER), 0o755)?;
        let egress = egress(settings)?;
        let listener = listen::serving(model_socket(settings)?)?;
        (Gate::here(egress.clone()), Some((egress, listener)))
    };

    let host = Host::new(
        store.clone(),
        sandboxes,
        gate,
        CliFinder::new(settings.claude.clone()),
        HostSettings { limits: settings.limits.clone(), uids, archive },
        reload::host_policy(settings),
    );
    let (reloads, asked) = mpsc::channel(RELOADS_MAX);
    let verbs = reload::control_settings(settings, settings.shown.clone());
    let keys = Keys::new(&credentials::api_key(settings)?);
    let answers = settings.data.join(ANSWERS_FOLDER);
    data::folder(&answers, 0o700)?;
    let control = Control::new(host, library, (keys, Answers::new(&answers)), verbs, reloads);
    Ok(Parts { control, reloads: asked, egress, store, _lock: lock })
}

/// The way to the model, in whichever process.
pub(super) fn egress(settings: &Settings) -> Result<Egress, Failure> {
    let upstream = settings.model.base_url.parse().map_err(|_invalid| EgressError::Shape)?;
    let key = credentials::model_key(settings)?;
    let opening = credentials::opening_keys(settings)?;
    let upstreams = settings.model.upstreams.iter().map(|base| base.parse());
    let upstreams = upstreams.collect::<Result<_, _>>().map_err(|_invalid| EgressError::Shape)?;
    let (hosts, prices) = (settings.hosts.clone(), settings.prices.clone());
    let receivers = settings.receivers.clone();
    let limits = EgressLimits::default();
    let settings =
        EgressSettings { upstream, key, opening, upstreams, hosts, receivers, prices, limits };
    Ok(Egress::new(settings)?)
}

/// The socket that sandboxes see.
pub(super) fn model_socket(
    settings: &Settings,
) -> Result<std::os::unix::net::UnixListener, Failure> {
    listen::bind(&settings.runtime.join(EGRESS_FOLDER).join(EGRESS_SOCKET), EGRESS_MODE)
}

/// The last user of the block is the probe's, the others are the sessions'.
fn probe_uid(settings: &Settings) -> u32 {
    settings.uids.end - 1
}

/// What starts sandboxes, as the configuration has it, with its notes in `records`.
pub(super) async fn launcher(
    settings: &Settings,
    records: PathBuf,
    sessions: PathBuf,
) -> Result<Launcher, Failure> {
    let launcher = LauncherSettings {
        placement: settings.placement,
        libexec: settings.libexec.clone(),
        bwrap: settings.bwrap.clone(),
        records,
        probe_uid: nix::unistd::geteuid().is_root().then(|| probe_uid(settings)),
        sessions,
    };
    Ok(Launcher::detect(launcher).await?)
}

/// The privileged side, in whichever process.
pub(super) async fn keeper(settings: &Settings) -> Result<Keeper, Failure> {
    let sessions = settings.data.join("sessions");
    data::folder(&sessions, 0o711)?;
    let launcher = launcher(settings, settings.runtime.join("sandboxes"), sessions).await?;
    let root = nix::unistd::geteuid().is_root();
    let uids = settings.uids.start..probe_uid(settings);
    let keeper = KeeperSettings {
        data: settings.data.clone(),
        runtime: settings.runtime.clone(),
        egress: settings.runtime.join(EGRESS_FOLDER),
        limits: settings.limits.clone(),
        uids: (root && !launcher.is_simulated()).then_some(uids),
        cli: CliFinder::new(settings.claude.clone()),
    };
    Keeper::new(keeper, launcher)
        .await
        .map_err(|source| Failure::Folder { path: settings.data.join("sessions"), source })
}
