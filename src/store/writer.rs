//! The one thread that writes. It takes what waits, performs it in one transaction, and answers
//! when the transaction is committed: many callers share the price of one commit.
//!
//! *Invariant:* no caller hears of success before the commit, and each hears its own outcome. A
//! write that fails is undone alone; when the database gives up the whole transaction (a full
//! disk does that), every write of it is performed again by itself. So work is repeatable.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::database::{self, Connection, params};
use super::syncer::Syncer;
use super::trouble::{Files, Trouble};
use crate::metrics::COUNTS;

/// Most writes in one commit: beyond this the first of them would wait for no gain.
const BATCH_WRITES_MAX: usize = 512;

/// Most bytes of content in one commit, unless a single write has more: what a disk takes in
/// some ten milliseconds.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// Most writes that wait for the thread before callers wait to be let in.
const QUEUE_WRITES_MAX: usize = 2 * BATCH_WRITES_MAX;

/// What the thread has done since it started.
#[cfg(feature = "testing")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    /// Writes that were answered.
    pub(crate) writes: u64,
    /// Transactions that were committed.
    pub(crate) commits: u64,
    /// Syncs of what no commit waited for.
    pub(crate) syncs: u64,
}

#[derive(Debug, Default)]
struct Counts {
    writes: AtomicU64,
    commits: AtomicU64,
    syncs: AtomicU64,
}

/// What a write needs from its commit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terms {
    /// Synced to the disk before it is answered.
    pub(super) durable: bool,
    /// Bytes of content it brings, roughly.
    pub(super) bytes: usize,
}

/// The way to the thread.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "read by benchmarks"))]
    counts: Arc<Counts>,
}

enum Message {
    Write(Box<dyn Write>),
    Close,
}

impl Writer {
    /// Starts the thread, and the one that syncs behind it; they end on `close` or when the last `Writer`
    /// is gone, and drop the connection then.
    pub(super) fn start(
        connection: Connection,
        path: &Path,
        files: Files,
        trouble: Arc<Trouble>,
    ) -> std::io::Result<(Self, [thread::JoinHandle<()>; 2])> {
        let (queue, waiting) = mpsc::channel(QUEUE_WRITES_MAX);
        let counts = Arc::new(Counts::default());
        let (synchronous, counted) = (None, Arc::clone(&counts));
        let noted = Arc::clone(&counts);
        let (syncer, syncs) = Syncer::start(path, move || {
            noted.syncs.fetch_add(1, Ordering::Relaxed);
        })?;
        let desk = Desk { connection, files, trouble, synchronous, syncer, counts: counted };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || desk.serve(waiting))?;
        Ok((Self { queue, counts }, [thread, syncs]))
    }

    /// Performs `work` in a transaction and answers when that is committed. Once it waits it is
    /// done, even if the caller goes away.
    pub(super) async fn write<T, F>(&self, terms: Terms, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let write = Pending { terms, work, outcome: Err(StoreError::Closed), answer };
        let sent = self.queue.send(Message::Write(Box::new(write))).await;
        sent.map_err(|_closed| StoreError::Closed)?;
        outcome.await.map_err(|_closed| StoreError::Closed)?
    }

    /// Lets the thread finish what waits and end.
    pub(super) async fn close(&self) {
        // It may have ended already.
        drop(self.queue.send(Message::Close).await);
    }

    #[cfg(feature = "testing")]
    pub(super) fn statistics(&self) -> Statistics {
        Statistics {
            writes: self.counts.writes.load(Ordering::Relaxed),
            commits: self.counts.commits.load(Ordering::Relaxed),
            syncs: self.counts.syncs.load(Ordering::Relaxed),
        }
    }
}

/// A write of any type, as the thread sees it.
trait Write: Send {
    fn terms(&self) -> Terms;
    /// Does the work, remembers the outcome, and tells whether it may be committed.
    fn perform(&mut self, connection: &Connection) -> bool;
    /// Replaces the outcome.
    fn fail(&mut self, error: StoreError);
    /// Why it is not stored.
    fn error(&self) -> Option<&StoreError>;
    fn answer(self: Box<Self>);
}

struct Pending<T, F> {
    terms: Terms,
    work: F,
    outcome: Result<T, StoreError>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Write for Pending<T, F>
where
    T: Send,
    F: Fn(&Connection) -> Result<T, StoreError> + Send,
{
    fn terms(&self) -> Terms {
        self.terms
    }

    fn perform(&mut self, connection: &Connection) -> bool {
        self.outcome = (self.work)(connection);
        self.outcome.is_ok()
    }

    fn fail(&mut self, error: StoreError) {
        self.outcome = Err(error);
    }

    fn error(&self) -> Option<&StoreError> {
        self.outcome.as_ref().err()
    }

    fn answer(self: Box<Self>) {
        // The caller may have gone.
        drop(self.answer.send(self.outcome));
    }
}

/// The thread's own.
struct Desk {
    connection: Connection,
    files: Files,
    trouble: Arc<Trouble>,
    /// What `PRAGMA synchronous` was set to last.
    synchronous: Option<Synchronous>,
    syncer: Syncer,
    counts: Arc<Counts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Synchronous {
    /// A power cut can undo the commits of the last second, never damage the database.
    Normal,
    /// A commit is on the disk.
    Full,
}

impl Desk {
    fn serve(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(BATCH_WRITES_MAX);
        let mut waiting = VecDeque::with_capacity(BATCH_WRITES_MAX);
        while queue.blocking_recv_many(&mut messages, BATCH_WRITES_MAX) > 0 {
            for message in messages.drain(..) {
                match message {
                    Message::Write(write) => waiting.push_back(write),
                    Message::Close => queue.close(),
                }
            }
            while !waiting.is_empty() {
                self.commit(next_batch(&mut waiting));
            }
        }
    }

    fn commit(&mut self, mut batch: Vec<Box<dyn Write>>) {
        let durable = batch.iter().any(|write| write.terms().durable);
        let began = Instant::now();
        match self.begin(durable) {
            // What keeps one out keeps all out, and a lock is waited for once.
            Err(error) => batch.iter_mut().for_each(|write| write.fail(error.clone())),
            Ok(()) => self.commit_begun(&mut batch),
        }
        let took = if durable { &COUNTS.commits_durable } else { &COUNTS.commits };
        took.observe(began.elapsed());
        if batch.iter().any(|write| write.error().is_none()) {
            self.trouble.after_commit();
        }
        for error in batch.iter().filter_map(|write| write.error()) {
            self.trouble.after_failure(error);
        }
        let answered = u64::try_from(batch.len()).expect("a batch is small");
        self.counts.writes.fetch_add(answered, Ordering::Relaxed);
        for write in batch {
            write.answer();
        }
    }

    fn commit_begun(&mut self, batch: &mut [Box<dyn Write>]) {
        // A lone write needs no savepoint.
        if let [write] = batch {
            self.commit_one(write.as_mut());
        } else if self.commit_together(batch).is_err() {
            for write in batch {
                match self.begin(write.terms().durable) {
                    Ok(()) => self.commit_one(write.as_mut()),
                    Err(error) => write.fail(error),
                }
            }
        }
    }

    /// On an error nothing of the batch is stored, and each write is to be tried alone.
    fn commit_together(&mut self, batch: &mut [Box<dyn Write>]) -> database::Result<()> {
        for write in &mut *batch {
            let done = perform_in_savepoint(&self.connection, write.as_mut());
            if let Err(error) = done {
                self.roll_back();
                return Err(error);
            }
        }
        self.end()
    }

    fn commit_one(&mut self, write: &mut dyn Write) {
        if !write.perform(&self.connection) {
            self.roll_back();
        } else if let Err(error) = self.end() {
            write.fail(error.into());
        }
    }

    fn begin(&mut self, durable: bool) -> Result<(), StoreError> {
        self.files.check()?;
        let wanted = if durable { Synchronous::Full } else { Synchronous::Normal };
        if self.synchronous != Some(wanted) {
            // It acts while it is prepared, so it cannot be a cached statement, and only between
            // transactions.
            self.connection.execute_batch(match wanted {
                Synchronous::Normal => "PRAGMA synchronous = NORMAL",
                Synchronous::Full => "PRAGMA synchronous = FULL",
            })?;
            self.synchronous = Some(wanted);
        }
        Ok(execute(&self.connection, "BEGIN IMMEDIATE")?)
    }

    fn end(&mut self) -> database::Result<()> {
        let committed = execute(&self.connection, "COMMIT");
        if committed.is_ok() {
            self.counts.commits.fetch_add(1, Ordering::Relaxed);
            self.syncer.after_commit(self.synchronous == Some(Synchronous::Full));
        } else {
            self.roll_back();
        }
        committed
    }

    fn roll_back(&self) {
        // SQLite may have done it already.
        if self.connection.is_in_transaction()
            && let Err(error) = execute(&self.connection, "ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }
}

/// An error means that the transaction is lost.
fn perform_in_savepoint(connection: &Connection, write: &mut dyn Write) -> database::Result<()> {
    execute(connection, "SAVEPOINT one")?;
    if !write.perform(connection) {
        // Fails, as it must, when SQLite has rolled back everything.
        execute(connection, "ROLLBACK TO one")?;
    }
    execute(connection, "RELEASE one")
}

fn execute(connection: &Connection, statement: &str) -> database::Result<()> {
    connection.prepare_cached(statement)?.execute(params![])?;
    Ok(())
}

/// Takes the first writes that fit in one commit, at least one.
fn next_batch(waiting: &mut VecDeque<Box<dyn Write>>) -> Vec<Box<dyn Write>> {
    let mut bytes = 0_usize;
    let fitting = waiting.iter().take_while(|write| {
        bytes = bytes.saturating_add(write.terms().bytes);
        bytes <= BATCH_BYTES_MAX
    });
    let count = fitting.count().max(1);
    waiting.drain(..count).collect()
}
