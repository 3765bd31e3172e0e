//! What the store promises, by theme. Here: what the themes share.

mod agents;
mod append;
mod archives;
mod attachments;
mod audit;
mod batches;
mod care;
mod credentials;
mod durability;
mod evals;
mod fork;
mod jobs;
mod keys;
mod opening;
mod pruning;
mod reading;
mod released;
mod schedules;
mod session_logs;
mod sessions;
mod transcripts;
mod turns;
mod usage;
mod webhooks;

use std::path::PathBuf;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::mpsc::unbounded_channel;

use super::database::params;
use super::writer::Terms;
use super::*;
use crate::clock::Timestamp;
use crate::id::{DEFAULT_TENANT, SessionId, TurnId};
use crate::session::Status;

/// A new store in a directory of its own.
struct Fixture {
    directory: TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("ash.db")).unwrap();
        Self { directory, store }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("ash.db")
    }

    async fn session(&self) -> SessionRecord {
        self.store.create_session(new_session()).await.unwrap()
    }

    /// Rows of every table that belong to the session.
    async fn rows(&self, key: i64) -> i64 {
        self.store
            .read(move |connection| {
                let mut rows = 0;
                for table in [
                    "progress",
                    "turns",
                    "turn_requests",
                    "frames",
                    "messages",
                    "timeline",
                    "idempotency_keys",
                ] {
                    let sql = format!("SELECT count(*) FROM {table} WHERE session_key = ?1");
                    rows += connection.query_row(&sql, [key], |row| row.get::<i64>(0))?;
                }
                Ok(rows)
            })
            .await
            .unwrap()
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

fn new_session() -> NewSession {
    NewSession {
        id: SessionId::new(),
        tenant: DEFAULT_TENANT.to_owned(),
        agent_name: "qa-bot".parse().unwrap(),
        agent_version: 1,
        digest: "d1".to_owned(),
        status: Status::Starting,
        options: r#"{"a":1}"#.to_owned(),
        environment: Environment::from([("KEY".to_owned(), "value".to_owned())]),
        allowed_hosts: Vec::new(),
        model: None,
        uid_block: None,
        placeholder: String::new(),
        parent: None,
        job: None,
        budget: BudgetRecord::default(),
        used: UsedRecord::default(),
        created_at: at(0),
    }
}

fn turn(ordinal: u64) -> NewTurn {
    let request = format!("{{\"content\":{ordinal}}}");
    NewTurn { id: TurnId::new(), ordinal, request, at: at(0), idempotency: None }
}

/// A frame that takes one number and says it.
fn frame(sequence: u64) -> NewFrame {
    NewFrame {
        sequence,
        width: 1,
        turn: None,
        kind: 1,
        data: Bytes::from(format!("frame {sequence}")),
        at: at(i64::try_from(sequence).unwrap_or(0)),
        message: None,
        timeline: Vec::new(),
    }
}

fn step(key: i64, frames: impl IntoIterator<Item = NewFrame>) -> Append {
    Append { frames: frames.into_iter().collect(), ..Append::new(key) }
}

fn page(after: u64, limit: u32) -> Page {
    Page { after, limit, bytes_max: usize::MAX }
}

fn sequences(frames: &[FrameRecord]) -> Vec<u64> {
    frames.iter().map(|frame| frame.sequence).collect()
}

/// Keeps the writer busy until `let_go`.
struct Hold {
    release: std::sync::mpsc::Sender<()>,
    holding: tokio::task::JoinHandle<Result<(), StoreError>>,
}

impl Hold {
    async fn start(store: &Store) -> Self {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (started, mut has_started) = unbounded_channel();
        let store = store.clone();
        let holding = tokio::spawn(async move {
            store
                .write(Terms::default(), move |_| {
                    started.send(()).unwrap();
                    // Nothing is ever sent: the end says that the test has let go.
                    assert!(released.recv().is_err());
                    Ok(())
                })
                .await
        });
        has_started.recv().await.unwrap();
        Self { release, holding }
    }

    async fn let_go(self) {
        drop(self.release);
        self.holding.await.unwrap().unwrap();
    }
}

/// Lets all of `writes` wait behind a busy writer, then lets it go on: they land in one batch.
/// Answers in their order.
async fn in_one_batch<T>(store: &Store, writes: Vec<impl Future<Output = T>>) -> Vec<T> {
    let hold = Hold::start(store).await;
    let mut writes: Vec<_> = writes.into_iter().map(Box::pin).collect();
    // The first poll of a write puts it into the queue, one after the other; unconstrained, for
    // tokio would hold back the later ones of very many.
    tokio::task::unconstrained(async {
        for write in &mut writes {
            assert!(poll_once(write.as_mut()).await.is_none(), "answered before its commit");
        }
    })
    .await;
    hold.let_go().await;
    let mut outcomes = Vec::new();
    for write in writes {
        outcomes.push(write.await);
    }
    outcomes
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}
