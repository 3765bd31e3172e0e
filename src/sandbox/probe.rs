//! Trying the walls: a sandbox that prints what it sees of them and ends.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, chown, fchown, geteuid};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::blocking;
use super::disk::{self, PROBE_ROOM};
use super::error::LaunchError;
use super::isolation::{DiskSeen, Filters, Isolation, Seen, TRY_DISK, inside, outside};
use super::order::Entry;
use super::placement::Placement;
use super::record::PASSAGE;
use super::spec::{Limits, SandboxName, SandboxSpec};
use super::start::{self, Site};
use crate::os::fs::Root;
use crate::systemd::scope::VERSION_WITH_OOM_POLICY;

/// Most bytes of the probe's answer: seven short lines and some sixty of the kernel's.
const ANSWER_BYTES_MAX: u64 = 16 << 10;

/// What the probe's folder is called among those of sessions, which have other names.
const FOLDER: &str = ".probe";

/// Who the probe is, and where its files are.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) uid: Option<u32>,
    pub(super) sessions: PathBuf,
}

/// Starts a probe and judges by what it saw. Nothing of it stays.
pub(super) async fn measure(site: Site<'_>, place: Place, reason: Option<&str>) -> Isolation {
    match probe(site, &place).await {
        Ok(seen) => Isolation::from_probe(site.placement, reason, &seen),
        Err(error) => {
            let problem = with_sources(&error);
            let note = format!("No sandbox can start here: {problem}.");
            let mut isolation = Isolation::none(site.placement, &note);
            isolation.problem = Some(problem);
            isolation
        }
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

async fn probe(site: Site<'_>, place: &Place) -> Result<Seen, LaunchError> {
    let name = SandboxName::new_probe();
    let directory = site.records.directory().join(name.as_str());
    let spec = {
        let (directory, uid) = (directory.clone(), place.uid);
        blocking(move || lay_out(name, uid, &directory)).await
    };
    let folder = place.sessions.join(FOLDER);
    let seen = match spec {
        Ok(mut spec) => {
            let limited = limited(site, place.uid, &folder).await;
            if let Ok(workspace) = &limited {
                spec.workspace.clone_from(workspace);
                spec.environment.insert(TRY_DISK.to_owned(), "yes".to_owned());
            }
            run(site, &spec, limited.map(drop)).await
        }
        Err(source) => Err(LaunchError::System { during: "laying out a probe", source }),
    };
    if let Err(error) = blocking(move || remove(&folder)).await {
        tracing::warn!(%error, "the folder of a probe cannot be removed");
    }
    let removed = blocking(move || fs::remove_dir_all(directory)).await;
    if let Err(error) = removed {
        tracing::warn!(%error, "the directory of a probe cannot be removed");
    }
    seen
}

/// A workspace among those of sessions that may take less than the probe writes; else why not.
async fn limited(site: Site<'_>, uid: Option<u32>, folder: &Path) -> Result<PathBuf, String> {
    let Some(uid) = uid else { return Err("sandboxes have no users of their own".to_owned()) };
    let made = folder.to_owned();
    let opened = blocking(move || {
        remove(&made)?;
        fs::create_dir(&made)?;
        fs::set_permissions(&made, fs::Permissions::from_mode(PASSAGE))?;
        let opened = Root::open(&made)?;
        let workspace = opened.create_directory("workspace".as_ref(), 0o700)?;
        fchown(&workspace, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid)))?;
        Ok(opened)
    })
    .await;
    let opened = opened.map_err(|error: io::Error| format!("{}: {error}", folder.display()))?;
    let limit = disk::limit(site.placement, opened, uid, PROBE_ROOM).await;
    limit.map_err(|error| with_sources(&error))?;
    Ok(folder.join("workspace"))
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn lay_out(name: SandboxName, uid: Option<u32>, directory: &Path) -> io::Result<SandboxSpec> {
    let make = |path: PathBuf| -> io::Result<PathBuf> {
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(path)
    };
    // The probe's user passes through it to what is its own.
    fs::create_dir(directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(PASSAGE))?;
    let owned = |path: PathBuf| -> io::Result<PathBuf> {
        let path = make(path)?;
        if let Some(uid) = uid.filter(|_| geteuid().is_root()) {
            chown(&path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid)))?;
        }
        Ok(path)
    };
    Ok(SandboxSpec {
        name,
        uid,
        workspace: owned(directory.join("workspace"))?,
        home: owned(directory.join("home"))?,
        egress: owned(directory.join("egress"))?,
        state: make(directory.join("state"))?,
        // Anything that is there: the probe runs neither it nor a bridge.
        cli: PathBuf::from("/usr/bin/readlink"),
        limits: Limits::default(),
        environment: BTreeMap::new(),
    })
}

async fn run(
    site: Site<'_>,
    spec: &SandboxSpec,
    limited: Result<(), String>,
) -> Result<Seen, LaunchError> {
    let handles = start::prepare(site, spec, Entry::Probe).await?;
    let mut started = start::enter(site, spec, Entry::Probe, handles).await?;
    let mut printed = String::new();
    let ended = async {
        if let Some(stdout) = started.stdout.take() {
            // What cannot be read is as good as not printed.
            drop(stdout.take(ANSWER_BYTES_MAX).read_to_string(&mut printed).await);
        }
        started.live.outer_gone().await;
    };
    let in_time = timeout(site.deadline, ended).await.is_ok();
    let in_force = started.live.in_force();
    let report = started.live.clear(site.placement, site.records).await;
    let inside = inside(&printed);
    if inside.is_empty() {
        let silent = if in_time {
            LaunchError::EndedEarly { stderr: String::new() }
        } else {
            LaunchError::BridgeSilent { after: site.deadline, stderr: String::new() }
        };
        return Err(silent.explained(&report, &spec.limits));
    }
    let oom_policy = match site.placement {
        Placement::Scope(manager) => manager.version() >= VERSION_WITH_OOM_POLICY,
        Placement::Plain | Placement::Simulated => false,
    };
    let own_user = spec.uid.is_some();
    let filters = (Filters::parse(&printed), Filters::own());
    let disk = DiskSeen::of(limited, &printed);
    Ok(Seen { inside, outside: outside(), filters, own_user, in_force, oom_policy, disk })
}
