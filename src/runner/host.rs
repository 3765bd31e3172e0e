//! The live sessions of this host: finds or starts the driver of each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Deref, Range};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::budget;
use super::disk::DiskWatch;
use super::driver::Driver;
use super::feed::{FeedWriter, Reader};
use super::handle::{COMMANDS_MAX, Handle, View};
use super::jail::JAILS_MAX;
use super::log::Log;
use super::permissions::{PermissionPolicy, Questions};
use super::pressure::Pressure;
use super::rest::Rest;
use super::seats::Seats;
use super::spent::Spent;
use crate::archive::Archive;
use crate::clock::Timestamp;
use crate::egress::{Gate, HostRules, Lent, Sealed, Terms};
use crate::id::SessionId;
use crate::lifecycle::Lifecycle;
use crate::sandbox::{CliFinder, Isolation, Limits};
use crate::sandboxd::{SandboxdError, Sandboxes};
use crate::session::Status;
use crate::session::credential::Purpose;
use crate::session::options::SessionOptions;
use crate::session::tier::{Tier, TierPolicy};
use crate::session::turn::Turns;
use crate::store::{KernelRecord, SessionRecord, Store, StoreError, TurnState};

/// What egress is told of a session.
fn terms(record: &SessionRecord, credential: Option<Lent>) -> Terms {
    let hosts = HostRules::parse(&record.allowed_hosts).unwrap_or_else(|error| {
        tracing::error!(session = %record.id, %error, "the session reaches no host");
        HostRules::default()
    });
    Terms {
        uid: record.uid,
        hosts,
        tenant: record.tenant.clone(),
        budget: budget::budget(record.budget),
        used: budget::used(record.used),
        credential,
    }
}

/// Fewest sandboxes that may start at the same time.
const LAUNCHES_MIN: usize = 4;

/// Most of a start is the CLI's, which keeps a core busy for 0.3 s after it.
fn launches_max() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    LAUNCHES_MIN.max(cores * 2)
}

/// What may change while ashd runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostPolicy {
    pub(crate) sandboxes_max: usize,
    /// How long a request may wait for room.
    pub(crate) wait_max: Duration,
    /// Percent of time lost to a want of memory from which it is short; `None` for never.
    pub(crate) pressure_percent_max: Option<u32>,
    /// When sessions that rest become colder.
    pub(crate) tiers: TierPolicy,
    /// How long a turn may take if its message does not say it.
    pub(crate) turn_timeout: Option<Duration>,
    /// How long a script of an agent may take.
    pub(crate) script_timeout: Duration,
    /// What becomes of a question that nobody answers, if its session does not say it.
    pub(crate) permissions: PermissionPolicy,
}

/// What a host is told once.
#[derive(Debug, Clone)]
pub(crate) struct HostSettings {
    pub(crate) limits: Limits,
    /// The uids of sandboxes; none if ashd cannot change identity.
    pub(crate) uids: Option<Range<u32>>,
    /// Where sessions leave the host to.
    pub(crate) archive: Archive,
}

/// Why it cannot be told what lives.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoverError {
    #[error("the living sandboxes could not be listed")]
    Sandboxes(#[from] SandboxdError),
    #[error("the sessions could not be read")]
    Store(#[from] StoreError),
}

/// Everything that drivers share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Host(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) launcher: Sandboxes,
    pub(crate) egress: Gate,
    pub(crate) cli: CliFinder,
    pub(crate) archive: Archive,
    pub(crate) settings: HostSettings,
    pub(crate) lifecycle: Lifecycle,
    policy: watch::Sender<HostPolicy>,
    /// Cancelled when ashd leaves.
    pub(crate) closing: CancellationToken,
    pub(crate) seats: Seats,
    pub(crate) pressure: Pressure,
    /// Sandboxes that may start at the same time.
    pub(super) launches: Semaphore,
    /// Jails that may live at the same time.
    pub(super) jails: Arc<Semaphore>,
    /// Tenants with a budget.
    pub(super) limited_tenants: RwLock<HashSet<String>>,
    drivers: std::sync::Mutex<HashMap<SessionId, Handle>>,
    tasks: TaskTracker,
}

impl Deref for Host {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Host {
    pub(crate) fn new(
        store: Store,
        launcher: Sandboxes,
        egress: Gate,
        cli: CliFinder,
        settings: HostSettings,
        policy: HostPolicy,
    ) -> Self {
        Self(Arc::new(Shared {
            store,
            launcher,
            egress,
            cli,
            archive: settings.archive.clone(),
            seats: Seats::new(policy.sandboxes_max, policy.wait_max),
            pressure: Pressure::new(policy.pressure_percent_max),
            launches: Semaphore::new(launches_max()),
            jails: Arc::new(Semaphore::new(JAILS_MAX)),
            settings,
            lifecycle: Lifecycle::new(Timestamp::now()),
            policy: watch::channel(policy).0,
            closing: CancellationToken::new(),
            limited_tenants: RwLock::default(),
            drivers: std::sync::Mutex::default(),
            tasks: TaskTracker::new(),
        }))
    }

    pub(crate) fn policy(&self) -> HostPolicy {
        *self.policy.borrow()
    }

    /// From now on, also for the sessions there are. Nobody loses a sandbox that lives.
    pub(crate) fn set_policy(&self, policy: HostPolicy) {
        self.seats.set(policy.sandboxes_max, policy.wait_max);
        self.pressure.set(policy.pressure_percent_max);
        self.policy.send_replace(policy);
    }

    /// The driver of a session if it has one.
    pub(crate) fn known(&self, id: SessionId) -> Option<Handle> {
        let drivers = self.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        drivers.get(&id).filter(|handle| !handle.commands.is_closed()).cloned()
    }

    /// The driver of a session, started if there is none.
    pub(crate) async fn handle(&self, record: &SessionRecord) -> Result<Handle, StoreError> {
        self.handle_seen(record, View::default()).await
    }

    /// The same; `view` is what is seen of a driver that this starts until it tells itself.
    async fn handle_seen(&self, record: &SessionRecord, view: View) -> Result<Handle, StoreError> {
        if let Some(handle) = self.known(record.id) {
            return Ok(handle);
        }
        // A record may be older than the end of its session.
        let counters = match record.status {
            Status::Ended => self.store.counters(record.key).await?,
            _ => self.store.live_counters(record.key).await?,
        };
        let mut drivers = self.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        // Another caller may have been faster: one session, one driver.
        if let Some(handle) = drivers.get(&record.id).filter(|handle| !handle.commands.is_closed())
        {
            return Ok(handle.clone());
        }
        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let (view, seen) = watch::channel(view);
        let writer = FeedWriter::new(counters.frame);
        let (feed, tenant) = (writer.feed(), record.tenant.as_str().into());
        let log = Log::new(
            self.store.clone(),
            record.key,
            counters,
            writer,
            self.lifecycle.clone(),
            self.closing.clone(),
        );
        let (key, stalled) = (record.key, log.stalled());
        let handle = Handle { commands, feed, view: seen, stalled, tenant, key };
        let driver = Driver {
            options: serde_json::from_str::<SessionOptions>(&record.options).unwrap_or_default(),
            log,
            host: self.clone(),
            policy: self.policy.subscribe(),
            record: record.clone(),
            live: None,
            turns: Turns::new(),
            running: None,
            queue: std::collections::VecDeque::new(),
            commands: received,
            early: None,
            view,
            bridge_last_input: 0,
            rest: Rest::new(),
            seat: None,
            limit: None,
            jail: None,
            leaves_at: None,
            spent: Spent::default(),
            kernel: KernelRecord::default(),
            questions: Questions::default(),
            disk: DiskWatch::default(),
            open_tools: Vec::new(),
            traced: None,
        };
        self.tasks.spawn(driver.run());
        drivers.insert(record.id, handle.clone());
        Ok(handle)
    }

    /// Reads the session's log behind `after`: on and on while the session lives, or what there is
    /// of one that has ended.
    pub(crate) async fn reader(
        &self,
        record: &SessionRecord,
        after: u64,
    ) -> Result<Reader, StoreError> {
        let feed = if record.status == Status::Ended {
            // Nobody writes to it any more.
            FeedWriter::new(self.store.counters(record.key).await?.frame).feed()
        } else {
            self.handle(record).await?.feed()
        };
        Ok(Reader::new(feed, self.store.clone(), record.key, after))
    }

    /// Reads the log of a session that has a driver, behind `after`.
    pub(crate) fn follow(&self, handle: &Handle, after: u64) -> Reader {
        Reader::new(handle.feed(), self.store.clone(), handle.key, after)
    }

    /// Lets the session's sandbox reach the model. To be called before the proxy serves it: a
    /// request that is refused ends its turn.
    pub(super) async fn admit(&self, record: &SessionRecord) {
        match record.placeholder.parse() {
            Ok(placeholder) => {
                let terms = terms(record, self.lent(record).await);
                self.egress.admit(record.id, &placeholder, terms).await;
            }
            Err(error) => {
                tracing::error!(session = %record.id, %error, "the session cannot reach the model");
            }
        }
    }

    /// The credential that the session's options name, sealed. What cannot be read is as good as
    /// deleted: nothing else takes its place.
    async fn lent(&self, record: &SessionRecord) -> Option<Lent> {
        let options: SessionOptions = serde_json::from_str(&record.options).unwrap_or_default();
        let id = options.credential_id?;
        let found = self.store.credential(&record.tenant, id).await.unwrap_or_else(|error| {
            tracing::error!(session = %record.id, %error, "the credential could not be read");
            None
        });
        Some(Lent { id, sealed: found.map(|found| Sealed::new(found.sealed)) })
    }

    /// The variables that a session has for what its credential is for. Of one that is gone, or of a newer
    /// kind, there are none: its requests are refused.
    pub(crate) async fn credential_environment(
        &self,
        record: &SessionRecord,
    ) -> BTreeMap<String, String> {
        let options: SessionOptions = serde_json::from_str(&record.options).unwrap_or_default();
        let Some(id) = options.credential_id else { return BTreeMap::new() };
        let found = self.store.credential(&record.tenant, id).await.ok().flatten();
        let purpose = found.and_then(|found| found.kind.parse::<Purpose>().ok());
        purpose.map(|purpose| purpose.environment(&record.placeholder)).unwrap_or_default()
    }

    /// A parked session is somebody's from now on.
    pub(super) fn give(&self, id: SessionId, tenant: &str) {
        let mut drivers = self.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = drivers.get_mut(&id) {
            handle.tenant = tenant.into();
        }
    }

    pub(super) fn handles(&self) -> Vec<Handle> {
        let drivers = self.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        drivers.values().cloned().collect()
    }

    /// Whether the privileged side and egress are programs of their own.
    pub(crate) fn roles(&self) -> &'static str {
        if self.launcher.is_apart() && self.egress.is_apart() { "split" } else { "one" }
    }

    /// What keeps sandboxes in, and what keeps them from the model.
    pub(crate) async fn isolation(&self) -> Isolation {
        let mut isolation = self.launcher.isolation().await;
        isolation.notes.extend(self.notes());
        isolation
    }

    /// What is not as it should be beside the walls of a sandbox.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.roles() == "one" && !self.launcher.is_simulated() {
            notes.push("One process is ashd, and does what wants privilege, and holds the model key: a flaw in one is a flaw in all. Run Ash as a system service.".to_owned());
        }
        if let Some(problem) = self.egress.problem() {
            notes.push(format!("No sandbox reaches the model: {problem}."));
        }
        notes
    }

    /// Whether something may start that nobody waits for: nothing starts that somebody waits for,
    /// there are processors for it, and memory is not short.
    pub(crate) fn is_calm(&self) -> bool {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        !self.pressure.is_high()
            && self.launches.available_permits() == launches_max()
            && self.busy() <= cores
    }

    /// Sessions whose turn runs.
    pub(crate) fn busy(&self) -> usize {
        let drivers = self.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        drivers.values().filter(|handle| handle.view().busy).count()
    }

    /// The session's driver has left, and takes no command any more. Another one may be there.
    pub(super) fn forget(&self, id: SessionId) {
        let mut drivers = self.drivers.lock().unwrap_or_else(PoisonError::into_inner);
        if drivers.get(&id).is_some_and(|handle| handle.commands.is_closed()) {
            drivers.remove(&id);
        }
    }

    /// After a start, and before the proxy serves: takes over the sandboxes that live, brings unfinished turns on or to their
    /// end, and ends sandboxes that no session knows.
    pub(crate) async fn recover(&self) -> Result<(), RecoverError> {
        self.recover_tenants().await?;
        let mut unknown = self.launcher.live().await?;
        for record in self.store.sessions_to_take_up(unknown.clone()).await? {
            let lives = unknown.iter().position(|live| *live == record.id);
            if let Some(index) = lives {
                unknown.swap_remove(index);
            }
            if lives.is_some() {
                self.admit(&record).await;
            }
            let pending = self.store.pending_turns(record.key).await?;
            if record.status != Status::Ended && (lives.is_some() || !pending.is_empty()) {
                let running = pending.iter().filter(|turn| turn.state == TurnState::Running);
                let running = running.count();
                let queued = u32::try_from(pending.len() - running).unwrap_or(u32::MAX);
                // Requests are served before the driver has found out more.
                let tier = match lives {
                    None => Tier::Hibernated,
                    Some(_) if self.launcher.is_frozen(record.id).await => Tier::Frozen,
                    Some(_) => Tier::Hot,
                };
                let view = View { busy: running > 0, queued, tier, ..View::default() };
                self.handle_seen(&record, view).await?;
            }
        }
        for session in unknown {
            tracing::warn!(%session, "ending a sandbox that no session knows");
            self.launcher.end(session).await;
        }
        Ok(())
    }

    /// Lets the drivers leave; their sandboxes stay.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
