//! What can be asked of Ash: one file per verb. The doors parse requests and call these; these
//! move agents and sessions.

pub(crate) mod administration;
mod agent_files;
pub(crate) mod agents;
pub(crate) mod alone;
pub(crate) mod answers;
pub(crate) mod archive;
pub(crate) mod attachments;
pub(crate) mod budget;
pub(crate) mod changes;
pub(crate) mod configure;
pub(crate) mod create;
pub(crate) mod credentials;
pub(crate) mod database;
pub(crate) mod deploy;
pub(crate) mod drain;
pub(crate) mod end;
pub(crate) mod evals;
pub(crate) mod exec;
mod explain;
pub(crate) mod files;
pub(crate) mod fork;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod interrupt;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod load;
mod logs;
pub(crate) mod metrics;
pub(crate) mod permissions;
mod pool;
pub(crate) mod queue;
mod refusal;
pub(crate) mod rest;
pub(crate) mod schedules;
pub(crate) mod send;
pub(crate) mod stream;
pub(crate) mod sweep;
pub(crate) mod usage;
pub(crate) mod versions;
pub(crate) mod webhooks;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock as RwLockNow};
use std::time::Duration;

use tokio::sync::{Notify, RwLock, Semaphore, mpsc, watch};

use administration::ReloadRequest;
pub(crate) use agent_files::AgentFileContent;
pub(crate) use answers::Answers;
pub(crate) use deploy::About;
pub(crate) use keys::Keys;
pub(crate) use metrics::MetricsAccess;
pub(crate) use refusal::Refusal;

use crate::agent::{AgentLimits, Library};
use crate::clock::Timestamp;
use crate::egress::{HostRules, Receivers};
use crate::id::KeyId;
use crate::lifecycle::Happening;
use crate::runner::Host;
use crate::session::pool::PoolSettings;
use crate::store::{BudgetRecord, EVERYBODY, SessionRecord};
use crate::wire::config::Configuration;
use crate::wire::sessions::SessionIsolation;

/// Deploys that unpack at the same time: each holds a disk and a core.
const DEPLOYS_AT_ONCE_MAX: usize = 2;

/// Workspaces that are copied at the same time: more would only make the disk slower for all.
const COPIES_AT_ONCE_MAX: usize = 4;

/// Backups and checks at the same time: each reads all of the database.
const CARE_AT_ONCE_MAX: usize = 1;

/// What the verbs are told; may change while ashd runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ControlSettings {
    pub(crate) agent_limits: AgentLimits,
    /// Folders below which `POST /api/agents` may name a `path`.
    pub(crate) agent_roots: Vec<PathBuf>,
    /// Largest file that is attached to a session.
    pub(crate) attachment_bytes_max: u64,
    /// How long the files of an ended session are kept.
    pub(crate) keep_ended: Duration,
    /// How long the pieces of a message are kept after its turn; `None` for ever.
    pub(crate) keep_pieces: Option<Duration>,
    /// Who may read the metrics over TCP.
    pub(crate) metrics: MetricsAccess,
    /// How long it is kept what turns used; `None` for ever.
    pub(crate) keep_usage: Option<Duration>,
    /// After how much rest a hibernated session is archived; `None` for never.
    pub(crate) archive_after: Option<Duration>,
    /// What ashd runs with, as administrators see it.
    pub(crate) configuration: Configuration,
    /// Hosts that agents may name.
    pub(crate) hosts: HostRules,
    /// Whom webhooks may tell something.
    pub(crate) receivers: Receivers,
    /// Model APIs that credentials may be for, beside the configured one.
    pub(crate) upstreams: Vec<String>,
    /// What a session may use of the model if its creation does not say it.
    pub(crate) budget: BudgetRecord,
    /// Requests that an API key may make in a minute; 0 for any number.
    pub(crate) requests_per_minute: u32,
    /// Origins of web pages that may ask; a change waits for a restart.
    pub(crate) origins: Vec<String>,
    /// Jobs that run at the same time.
    pub(crate) jobs_at_once: usize,
    /// How long a job that is over can be looked at.
    pub(crate) keep_jobs: Duration,
    pub(crate) pool: PoolSettings,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) tenant: String,
    /// Came over the admin socket: may name any folder of the host, and act for any tenant.
    pub(crate) administrator: bool,
    /// Who shows a key that was made; none for the one of the configuration.
    pub(crate) key: Option<KeyId>,
}

impl Caller {
    /// Whose things are listed: the caller's, or those of everybody for an administrator who asks.
    fn listed(&self, of_all: bool) -> Result<&str, Refusal> {
        match (of_all, self.administrator) {
            (false, _) => Ok(&self.tenant),
            (true, true) => Ok(EVERYBODY),
            (true, false) => Err(Refusal::OfAllTenants),
        }
    }
}

impl Caller {
    /// As it is noted beside what he makes.
    fn by(&self) -> String {
        match self.key {
            _ if self.administrator => "administrator".to_owned(),
            Some(key) => key.to_string(),
            None => "configuration".to_owned(),
        }
    }
}

/// The verbs. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    pub(crate) host: Host,
    keys: Keys,
    library: Arc<Library>,
    settings: Arc<RwLockNow<Arc<ControlSettings>>>,
    reloads: mpsc::Sender<ReloadRequest>,
    deploys: Arc<Semaphore>,
    copies: Arc<Semaphore>,
    care: Arc<Semaphore>,
    pool: Arc<pool::Pool>,
    /// Read by who makes or copies a version, written by who removes unused ones.
    versions: Arc<RwLock<()>>,
    /// Something was asked of those who work off jobs.
    jobs: Arc<Notify>,
    /// Something was asked of the clock of schedules, or a job is over.
    schedules: Arc<Notify>,
    /// A webhook is told again.
    deliveries: Arc<Notify>,
    started_at: std::time::Instant,
    /// Since when nothing new is taken.
    drain: Arc<watch::Sender<Option<Timestamp>>>,
    /// To creations that may be asked for again.
    pub(crate) answers: Answers,
    /// Changes that look at what there is before.
    pub(crate) alone: alone::Alone,
    /// What keeps sandboxes in here, once it has been measured.
    isolation: Arc<OnceLock<SessionIsolation>>,
}

impl Control {
    pub(crate) fn new(
        host: Host,
        library: Library,
        (keys, answers): (Keys, Answers),
        settings: ControlSettings,
        reloads: mpsc::Sender<ReloadRequest>,
    ) -> Self {
        Self {
            host,
            keys,
            library: Arc::new(library),
            settings: Arc::new(RwLockNow::new(Arc::new(settings))),
            reloads,
            deploys: Arc::new(Semaphore::new(DEPLOYS_AT_ONCE_MAX)),
            copies: Arc::new(Semaphore::new(COPIES_AT_ONCE_MAX)),
            care: Arc::new(Semaphore::new(CARE_AT_ONCE_MAX)),
            pool: Arc::default(),
            versions: Arc::default(),
            jobs: Arc::default(),
            schedules: Arc::default(),
            deliveries: Arc::default(),
            started_at: std::time::Instant::now(),
            drain: Arc::new(watch::channel(None).0),
            answers,
            alone: alone::Alone::default(),
            isolation: Arc::default(),
        }
    }

    fn settings(&self) -> Arc<ControlSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn requests_per_minute(&self) -> u32 {
        self.settings().requests_per_minute
    }

    pub(crate) fn origins(&self) -> Vec<String> {
        self.settings().origins.clone()
    }

    /// From the next request on.
    pub(crate) fn set_settings(&self, settings: ControlSettings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.jobs.notify_one();
    }

    pub(crate) fn agent_limits(&self) -> AgentLimits {
        self.settings().agent_limits
    }
}

/// Something that happens to a session.
fn happening(event: &'static str, record: &SessionRecord) -> Happening {
    Happening::new(event).session(record.id).agent(&record.agent_name)
}
