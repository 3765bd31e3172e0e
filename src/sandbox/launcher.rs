//! The launcher: everything the rest of Ash knows of sandboxes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tracing::warn;

use super::copy::{self, CopyError};
use super::disk::{self, DiskError};
use super::error::{LaunchError, LauncherError};
use super::freezing::FreezeError;
use super::isolation::{Isolation, Level};
use super::live::Live;
use super::moving::{self, Folders, Moved};
use super::placement::{Placement, Programs, Wanted};
use super::record::Records;
use super::report::EndReport;
use super::spec::{Limits, SandboxName, SandboxSpec};
use super::start::{self, START_DEADLINE, Site};
use super::stream::BridgeStream;
use super::{blocking, probe, scope};
use crate::bridge::{SimulatedBridge, simulated};
use crate::os::cgroup::Cgroup;
use crate::os::cgroup::Usage;
use crate::os::fs::Root;

/// What a test takes away.
#[cfg(feature = "testing")]
type Without = Vec<super::layers::Layer>;
#[cfg(not(feature = "testing"))]
type Without = ();

/// What a launcher must be told.
#[derive(Debug, Clone)]
pub(crate) struct LauncherSettings {
    pub(crate) placement: Wanted,
    /// Where `ash-launch` and `ash-bridge` are; beside this program if not said.
    pub(crate) libexec: Option<PathBuf>,
    pub(crate) bwrap: PathBuf,
    /// A directory of this launcher's own, which outlives it: its successor finds the living
    /// sandboxes by what is written there.
    pub(crate) records: PathBuf,
    /// The user of the probe that tries the walls; `None` where ashd is not root.
    pub(crate) probe_uid: Option<u32>,
    /// Where the folders of sessions are, so that the probe tries the disk there.
    pub(crate) sessions: PathBuf,
}

/// Starts, finds and ends sandboxes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Launcher {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    placement: Placement,
    records: Records,
    programs: Programs,
    bwrap: PathBuf,
    deadline: Duration,
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "nothing is ever missing"))]
    without: Without,
    table: Mutex<HashMap<SandboxName, Slot>>,
    isolation: watch::Receiver<Option<Isolation>>,
}

#[derive(Debug, Clone)]
enum Slot {
    Starting,
    Live(Arc<Live>),
}

/// Frees the name of a sandbox that did not come to life.
struct Claim<'a> {
    inner: &'a Inner,
    name: &'a SandboxName,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut table = self.inner.table();
        if matches!(table.get(self.name), Some(Slot::Starting)) {
            table.remove(self.name);
        }
    }
}

impl Launcher {
    /// Finds out where sandboxes can be put. The walls are tried by a task that this starts.
    pub(crate) async fn detect(settings: LauncherSettings) -> Result<Self, LauncherError> {
        let programs = match settings.placement {
            Wanted::Simulated => Programs::none(),
            _ => Programs::find(settings.libexec.as_deref())?,
        };
        Self::assembled(settings, programs, START_DEADLINE).await
    }

    pub(super) async fn assembled(
        settings: LauncherSettings,
        programs: Programs,
        deadline: Duration,
    ) -> Result<Self, LauncherError> {
        Self::with_all_but(Without::default(), settings, programs, deadline).await
    }

    /// One whose sandboxes lack some of their layers.
    #[cfg(feature = "testing")]
    pub(crate) async fn without(
        layers: Without,
        settings: LauncherSettings,
    ) -> Result<Self, LauncherError> {
        let programs = Programs::find(settings.libexec.as_deref())?;
        Self::with_all_but(layers, settings, programs, START_DEADLINE).await
    }

    async fn with_all_but(
        without: Without,
        settings: LauncherSettings,
        programs: Programs,
        deadline: Duration,
    ) -> Result<Self, LauncherError> {
        let (placement, reason) = Placement::find(settings.placement).await?;
        if let Some(reason) = &reason {
            warn!(%reason, "sandboxes get no control group");
        }
        let directory = settings.records.clone();
        let records = blocking(move || Records::open(&directory))
            .await
            .map_err(|source| LauncherError::Records { path: settings.records.clone(), source })?;
        let (measured, isolation) = watch::channel(None);
        let inner = Inner {
            placement,
            records,
            programs,
            bwrap: settings.bwrap,
            deadline,
            without,
            table: Mutex::default(),
            isolation,
        };
        let launcher = Self { inner: Arc::new(inner) };
        let measuring = launcher.clone();
        tokio::spawn(async move {
            let inner = &measuring.inner;
            let place = probe::Place { uid: settings.probe_uid, sessions: settings.sessions };
            let isolation = match inner.placement {
                Placement::Simulated => Isolation::none(
                    &inner.placement,
                    "Sandboxes are simulated: nothing is isolated.",
                ),
                _ => probe::measure(inner.site(), place, reason.as_deref()).await,
            };
            measured.send_replace(Some(isolation));
        });
        Ok(launcher)
    }

    /// Sandboxes are tasks of this process, without walls and without the real CLI.
    pub(crate) fn is_simulated(&self) -> bool {
        matches!(self.inner.placement, Placement::Simulated)
    }

    /// What keeps a sandbox in here, as far as it is known by now.
    pub(crate) fn isolation(&self) -> Isolation {
        let known = self.inner.isolation.borrow().clone();
        known.unwrap_or_else(|| Isolation::none(&self.inner.placement, "Not measured yet."))
    }

    /// The same, once it has been measured.
    pub(crate) async fn measured_isolation(&self) -> Isolation {
        let mut isolation = self.inner.isolation.clone();
        match isolation.wait_for(Option::is_some).await {
            Ok(measured) => measured.clone().unwrap_or_else(|| self.isolation()),
            Err(_gone) => self.isolation(),
        }
    }

    /// Fills an empty workspace with a version of an agent, as the user it belongs to.
    pub(crate) async fn copy(
        &self,
        uid: Option<u32>,
        version: Root,
        workspace: Root,
    ) -> Result<(), CopyError> {
        copy::copy(&self.inner.programs, uid, version, workspace).await
    }

    /// Fills empty folders from `channel`, as the user they belong to, and tells it how that ended.
    pub(crate) async fn unpack(
        &self,
        uid: Option<u32>,
        folders: Folders,
        channel: std::os::unix::net::UnixStream,
    ) -> Moved {
        moving::unpack_as(&self.inner.programs, uid, folders, channel).await
    }

    /// Whether the kernel limits what the files of a session may take; else a bridge has to look.
    pub(crate) async fn limits_disk(&self) -> bool {
        self.measured_isolation().await.disk == Level::Hard
    }

    /// Limits what everything in `folder`, a session's, may take, where the kernel does that.
    pub(crate) async fn limit_disk(
        &self,
        folder: Root,
        uid: Option<u32>,
        limits: &Limits,
    ) -> Result<(), DiskError> {
        match uid {
            Some(uid) if self.limits_disk().await => {
                disk::limit(&self.inner.placement, folder, uid, limits.room()).await
            }
            _ => Ok(()),
        }
    }

    /// Starts a sandbox, and answers when its bridge has greeted. Goes on to its end if the
    /// caller goes away; then the sandbox is there to be ended, or nothing is.
    pub(crate) async fn launch(&self, spec: &SandboxSpec) -> Result<BridgeStream, LaunchError> {
        let (inner, spec) = (Arc::clone(&self.inner), spec.clone());
        let work = tokio::spawn(async move { inner.launch(&spec).await });
        work.await.unwrap_or_else(|error| {
            Err(LaunchError::System { during: "the start", source: io::Error::other(error) })
        })
    }

    /// Connects to the bridge of a sandbox that lives, whoever started it; `None` if it does not.
    pub(crate) async fn reconnect(
        &self,
        name: &SandboxName,
    ) -> Result<Option<BridgeStream>, LaunchError> {
        let Some(live) = self.inner.find(name).await else { return Ok(None) };
        if !live.is_alive() {
            return Ok(None);
        }
        match start::connect(&live.record().state).await {
            Ok(stream) => Ok(Some(BridgeStream::Unix(stream))),
            // It may just have ended.
            Err(_) if live.has_left().await => Ok(None),
            Err(source) => Err(LaunchError::BridgeUnreachable { source }),
        }
    }

    /// Ends everything in the sandbox, and answers when all of it is gone and how it ended.
    /// Ending one that does not exist is fine. Goes on to its end if the caller goes away.
    pub(crate) async fn end(&self, name: &SandboxName) -> EndReport {
        let (inner, name) = (Arc::clone(&self.inner), name.clone());
        let work = tokio::spawn(async move { inner.end(&name).await });
        work.await.unwrap_or_else(|error| {
            warn!(%error, "the end of a sandbox was interrupted");
            EndReport::gone()
        })
    }

    /// What each living sandbox has used and uses, as far as the kernel counts it.
    pub(crate) async fn usage(&self) -> Vec<(SandboxName, Usage)> {
        let mut all = Vec::new();
        for name in self.live().await {
            let usage = self.inner.find(&name).await.and_then(|live| live.usage());
            all.push((name, usage.unwrap_or_default()));
        }
        all
    }

    /// The same of one; `None` if it does not live, or where nobody counts.
    pub(crate) async fn usage_of(&self, name: &SandboxName) -> Option<Usage> {
        self.inner.find(name).await?.usage()
    }

    /// Stops everything in the sandbox where it stands, until it is thawed.
    pub(crate) async fn freeze(&self, name: &SandboxName) -> Result<(), FreezeError> {
        let live = self.inner.find(name).await.ok_or(FreezeError::NoControlGroup)?;
        live.freeze(&self.inner.placement).await
    }

    pub(crate) async fn thaw(&self, name: &SandboxName) -> Result<(), FreezeError> {
        let live = self.inner.find(name).await.ok_or(FreezeError::NoControlGroup)?;
        live.thaw(&self.inner.placement).await
    }

    /// Gives memory of a frozen sandbox back; answers by how many bytes it became smaller.
    pub(crate) async fn reclaim(&self, name: &SandboxName) -> Result<u64, FreezeError> {
        let live = self.inner.find(name).await.ok_or(FreezeError::NoControlGroup)?;
        live.reclaim().await
    }

    /// Whether the kernel says that the sandbox is frozen.
    pub(crate) async fn is_frozen(&self, name: &SandboxName) -> bool {
        self.inner.find(name).await.is_some_and(|live| live.is_frozen())
    }

    /// The jails that are written down, dead or alive, whoever started them.
    pub(crate) async fn jails(&self) -> Vec<SandboxName> {
        let records = self.inner.records.clone();
        let names = blocking(move || records.names()).await.unwrap_or_else(|error| {
            warn!(%error, "the records of sandboxes cannot be listed");
            Vec::new()
        });
        names.into_iter().filter(|name| name.jailed().is_some()).collect()
    }

    /// Whether a sandbox of this name, dead or alive, has been started and not ended.
    pub(crate) async fn knows(&self, name: &SandboxName) -> bool {
        self.inner.find(name).await.is_some()
    }

    pub(crate) async fn is_alive(&self, name: &SandboxName) -> bool {
        self.inner.find(name).await.is_some_and(|live| live.is_alive())
    }

    /// Waits until the sandbox of this name, if there is one, has left by itself or has ended.
    pub(crate) async fn gone(&self, name: &SandboxName) {
        if let Some(live) = self.inner.find(name).await {
            live.outer_gone().await;
        }
    }

    /// The sandboxes of sessions that live, whoever started them.
    pub(crate) async fn live(&self) -> Vec<SandboxName> {
        let inner = &self.inner;
        let records = inner.records.clone();
        let mut names = blocking(move || records.names()).await.unwrap_or_else(|error| {
            warn!(%error, "the records of sandboxes cannot be listed");
            Vec::new()
        });
        let mut living = Vec::new();
        names.retain(|name| name.session().is_some());
        for name in names {
            if inner.find(&name).await.is_some_and(|live| live.is_alive()) {
                living.push(name);
            }
        }
        if let Placement::Scope(manager) = &inner.placement {
            match manager.list(scope::PATTERN).await {
                Ok(units) => {
                    living.extend(units.iter().filter_map(|unit| SandboxName::from_unit(unit)));
                }
                Err(error) => warn!(%error, "systemd does not list the scopes of sandboxes"),
            }
        }
        living.sort();
        living.dedup();
        living
    }
}

impl Inner {
    fn site(&self) -> Site<'_> {
        Site {
            placement: &self.placement,
            records: &self.records,
            programs: &self.programs,
            bwrap: &self.bwrap,
            deadline: self.deadline,
            #[cfg(feature = "testing")]
            without: &self.without,
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<SandboxName, Slot>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn launch(&self, spec: &SandboxSpec) -> Result<BridgeStream, LaunchError> {
        if matches!(self.placement, Placement::Simulated) {
            return Ok(BridgeStream::Simulated(simulated(SimulatedBridge {
                workspace: spec.workspace.clone(),
                home: spec.home.clone(),
                spill: spec.state.join("spill"),
            })));
        }
        let name = &spec.name;
        // One that a predecessor left is known here too. What is dead already makes room.
        let exists = match self.find(name).await {
            Some(live) if live.is_alive() => true,
            Some(_dead) => {
                self.end(name).await;
                false
            }
            None => false,
        };
        let _claim = match self.table().entry(name.clone()) {
            Entry::Vacant(free) if !exists => {
                free.insert(Slot::Starting);
                Claim { inner: self, name }
            }
            _ => return Err(LaunchError::Exists { name: name.clone() }),
        };
        let (live, stream) = start::bridge(self.site(), spec).await?;
        self.table().insert(name.clone(), Slot::Live(live));
        Ok(BridgeStream::Unix(stream))
    }

    /// The sandbox of this name, dead or alive, that has been started and not ended.
    async fn find(&self, name: &SandboxName) -> Option<Arc<Live>> {
        match self.table().get(name) {
            Some(Slot::Live(live)) => return Some(Arc::clone(live)),
            Some(Slot::Starting) => return None,
            None => {}
        }
        let live = self.adopt(name).await?;
        let mut table = self.table();
        match table.entry(name.clone()).or_insert(Slot::Live(live)) {
            Slot::Live(live) => Some(Arc::clone(live)),
            Slot::Starting => None,
        }
    }

    async fn adopt(&self, name: &SandboxName) -> Option<Arc<Live>> {
        let (records, wanted) = (self.records.clone(), name.clone());
        let adopted = blocking(move || {
            let Some(record) = records.read(&wanted)? else { return Ok(None) };
            let status = records.status(&wanted)?;
            Live::adopted(record, status).map(Some)
        });
        let live = match adopted.await {
            Ok(live) => live?,
            Err(error) => {
                warn!(%name, %error, "what was written down about the sandbox cannot be read");
                return None;
            }
        };
        if let Placement::Scope(manager) = &self.placement {
            match manager.state(&name.unit()).await {
                Ok(None) => {}
                Ok(Some(state)) => {
                    live.own_scope();
                    let frozen = state.freezer != "running";
                    live.frozen_by_systemd.store(frozen, std::sync::atomic::Ordering::Relaxed);
                }
                Err(error) => {
                    live.own_scope();
                    warn!(%name, %error, "systemd does not tell of the scope");
                }
            }
            let path = manager.control_group(&name.unit()).await.ok().flatten();
            if let Some(cgroup) = path.as_deref().and_then(Cgroup::at) {
                let in_force = scope::InForce {
                    memory: cgroup.oom_kills().is_some(),
                    ..scope::InForce::default()
                };
                live.set_cgroup(cgroup, in_force);
            }
        }
        Some(Arc::new(live))
    }

    async fn end(&self, name: &SandboxName) -> EndReport {
        let Some(live) = self.find(name).await else { return self.end_unknown(name).await };
        let _ending = live.ending.lock().await;
        let is_here =
            matches!(self.table().get(name), Some(Slot::Live(same)) if Arc::ptr_eq(same, &live));
        if !is_here {
            // Somebody else has ended it while we waited.
            return EndReport::gone();
        }
        let report = live.clear(&self.placement, &self.records).await;
        self.table().remove(name);
        report
    }

    /// A scope that nothing is written down about is ended all the same.
    async fn end_unknown(&self, name: &SandboxName) -> EndReport {
        let is_starting = self.table().contains_key(name);
        if let Placement::Scope(manager) = &self.placement
            && !is_starting
            && let Ok(Some(_)) = manager.state(&name.unit()).await
        {
            let unit = name.unit();
            let killed = manager.kill(&unit).await;
            let forgotten = manager.forget(&unit).await;
            if let Err(error) = killed.and(forgotten) {
                warn!(%name, %error, "systemd does not end the scope");
            }
        }
        EndReport::gone()
    }
}
