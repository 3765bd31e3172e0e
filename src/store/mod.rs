//! What ashd remembers: agents, sessions, turns, and the log of each session.
//!
//! One SQLite database with a write-ahead log. One thread writes ([`writer`]), a few connections
//! read ([`readers`]), a second thread keeps the log short ([`checkpoint`]), and a third brings to the disk
//! what nobody waited for ([`syncer`]). They are asked in verbs of the domain, one file for each kind of thing: [`agents`], [`sessions`], [`turns`],
//! [`log`].
//!
//! *Invariant:* no SQL and no type of SQLite leaves this module.

mod agent_record;
mod agents;
mod archives;
mod attachments;
mod audit;
mod backup;
mod budget_record;
mod budgets;
mod check;
mod checkpoint;
mod connection;
mod credentials;
mod database;
mod error;
mod eval_cases;
mod eval_runs;
mod fork;
mod jobs;
mod keys;
mod log;
mod outbox;
mod portable;
mod pruning;
mod readers;
mod record;
mod row;
mod schedules;
mod session_logs;
mod sessions;
mod syncer;
mod transcripts;
mod trouble;
mod turns;
mod usage;
mod usage_record;
mod versions;
mod webhooks;
mod writer;

#[cfg(feature = "testing")]
mod measure;
#[cfg(test)]
mod tests;

use std::mem;
use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::Notify;

pub(crate) use agent_record::*;
pub(crate) use attachments::{AttachmentRecord, AttachmentRoom, Begun};
pub(crate) use budget_record::*;
pub(crate) use check::{Checked, Finding, check_file};
pub(crate) use credentials::CredentialRecord;
pub(crate) use error::{Series, StoreError};
pub(crate) use eval_cases::{CaseRecord, MadeForAgent};
pub(crate) use eval_runs::{NewResult, NewRun, Opinion, ResultRecord, RunRecord};
pub(crate) use jobs::JobRecord;
pub(crate) use keys::ApiKeyRecord;
#[cfg(feature = "testing")]
pub use measure::main as measure_main;
pub(crate) use outbox::{DueDelivery, Tried, WAITING_MAX as DELIVERIES_WAITING_MAX};
pub(crate) use portable::Row;
pub(crate) use pruning::{Pruned, Pruning};
pub(crate) use record::*;
pub(crate) use schedules::{Came, ScheduleChange, ScheduleRecord};
pub(crate) use session_logs::{LogLineRecord, LogSource, NewLogLine};
pub(crate) use usage_record::*;
pub(crate) use versions::{VersionChange, VersionWordsChange};
pub(crate) use webhooks::{DeliveryRecord, WebhookChange, WebhookRecord};
#[cfg(feature = "testing")]
pub(crate) use writer::Statistics;

use database::Connection;
use readers::Readers;
pub(crate) use trouble::ProblemKind;
use trouble::{Files, Trouble};
use writer::{Terms, Writer};

/// The database, shared by whoever has a clone.
///
/// A write that has been asked for is done even if its future is dropped; a read that starts
/// after a write was answered sees it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    path: Arc<Path>,
    writer: Writer,
    readers: Readers,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    trouble: Arc<Trouble>,
    /// No uid below is free, or a search from here may miss it: where to look first.
    uid_search: Arc<AtomicU32>,
    /// Something was put into the outbox.
    outbox: Arc<Notify>,
}

impl Store {
    /// Opens the database file, makes it if there is none, and brings its schema up to date.
    /// Blocks: call it before the runtime serves, or off its threads. Only one process may have
    /// the database open; the caller holds the lock that says so.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = connection::open_writer(path)?;
        let checkpoints = checkpoint::attend(&mut connection, path)?;
        let filled = Arc::new(Notify::new());
        outbox::attend(&mut connection, Arc::clone(&filled))?;
        let readers = Readers::open(path)?;
        let files = Files::opened(path).map_err(|error| StoreError::opening(path, error))?;
        let trouble = Arc::new(Trouble::new(path));
        let (writer, more) = Writer::start(connection.into(), path, files, Arc::clone(&trouble))
            .map_err(|error| StoreError::opening(path, error))?;
        let threads = more.into_iter().chain([checkpoints]).collect();
        if let Err(error) = backup::remove_drafts(path) {
            tracing::warn!(%error, "could not remove what is left of a backup");
        }
        Ok(Self {
            path: path.into(),
            writer,
            readers,
            trouble,
            threads: Arc::new(Mutex::new(threads)),
            uid_search: Arc::new(AtomicU32::new(0)),
            outbox: filled,
        })
    }

    /// Finishes what was asked for and closes the database; every later verb, on any clone, is
    /// refused with [`StoreError::Closed`].
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
        let threads = mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let ended = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(ended, Ok(Ok(()))) {
                tracing::error!("a thread of the database did not end in order");
            }
        }
    }

    #[cfg(feature = "testing")]
    pub(crate) fn statistics(&self) -> Statistics {
        self.writer.statistics()
    }

    async fn write<T, F>(&self, terms: Terms, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(terms, work).await
    }

    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let outcome = self.readers.read(work).await;
        if let Err(error) = &outcome {
            self.trouble.after_failure(error);
        }
        outcome
    }
}
