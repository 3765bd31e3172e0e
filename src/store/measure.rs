//! How long a caller waits for the store; the benchmark `store` runs it.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::writer::Terms;
use super::{
    Append, BudgetRecord, NewFrame, NewSession, Page, Role, Store, TimelineRow, UsedRecord,
};
use crate::clock::Timestamp;
use crate::id::{DEFAULT_TENANT, SessionId};
use crate::session::Status;

/// Steps of one caller without sync: enough for a p99 and for some checkpoints.
const STEPS: u64 = 20_000;
/// Steps with sync, which the disk makes slow.
const STEPS_DURABLE: u64 = 2_000;
/// Sessions that append at the same time.
const CALLERS: u64 = 32;
/// Content of a frame: a delta of the CLI with its wrapping.
const FRAME_BYTES: usize = 600;

/// Measures in the directory of the system for temporary files and prints `n p50 p95 p99`.
#[expect(clippy::print_stdout, reason = "a benchmark prints")]
pub fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let directory = std::env::temp_dir().join(format!("ash-store-{}", SessionId::new()));
    std::fs::create_dir(&directory).expect("the directory for temporary files is writable");
    println!("{:<34} {:>8} {:>10} {:>10} {:>10}", "", "n", "p50", "p95", "p99");
    runtime.block_on(async {
        // As a task, like the product's callers, not on the thread outside of the pool.
        let path = directory.join("ash.db");
        tokio::spawn(async move { measure(&path).await }).await.expect("no measurement panics");
    });
    std::fs::remove_dir_all(&directory).expect("the directory is ours");
}

async fn measure(path: &Path) {
    let store = Store::open(path).expect("a new database opens");

    let times = repeat(STEPS, || store.write(Terms::default(), |_| Ok(()))).await;
    report("nothing, to the writer and back", times);
    let key = session(&store).await;
    let times = append(&store, key, STEPS, false).await;
    report("append, 1 caller", times);
    let times = repeat(STEPS, || store.counters(key)).await;
    report("counters", times);
    let page = Page { after: STEPS / 2, limit: 100, bytes_max: usize::MAX };
    let times = repeat(STEPS / 10, || store.frames(key, page)).await;
    report("100 frames", times);

    let key = session(&store).await;
    let times = append(&store, key, STEPS_DURABLE, true).await;
    report("append durable, 1 caller", times);

    for (name, steps, durable) in [
        ("append, 32 callers", STEPS / CALLERS, false),
        ("append durable, 32 callers", STEPS_DURABLE / CALLERS, true),
    ] {
        let before = store.statistics();
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..CALLERS {
            let store = store.clone();
            callers.spawn(async move {
                let key = session(&store).await;
                append(&store, key, steps, durable).await
            });
        }
        let times = callers.join_all().await.concat();
        report(name, times);
        let after = store.statistics();
        report_batches(after.writes - before.writes, after.commits - before.commits);
    }
    store.close().await;
}

async fn session(store: &Store) -> i64 {
    let new = NewSession {
        id: SessionId::new(),
        tenant: DEFAULT_TENANT.to_owned(),
        agent_name: "measured".parse().expect("a plain word"),
        agent_version: 1,
        digest: String::new(),
        status: Status::Active,
        options: "{}".to_owned(),
        environment: super::Environment::new(),
        allowed_hosts: Vec::new(),
        model: None,
        uid_block: None,
        placeholder: String::new(),
        parent: None,
        job: None,
        budget: BudgetRecord::default(),
        used: UsedRecord::default(),
        created_at: Timestamp::now(),
    };
    store.create_session(new).await.expect("the session is new").key
}

/// Every tenth frame is a message with an entry in the timeline, as in a chatty turn.
async fn append(store: &Store, key: i64, steps: u64, durable: bool) -> Vec<Duration> {
    let data = Bytes::from(vec![b'x'; FRAME_BYTES]);
    let mut times = Vec::new();
    for sequence in 1..=steps {
        let number = sequence / 10;
        let is_message = sequence % 10 == 0;
        let frame = NewFrame {
            sequence,
            width: 1,
            turn: Some(1),
            kind: 1,
            data: data.clone(),
            at: Timestamp::now(),
            message: is_message.then_some((number, Role::Assistant)),
            timeline: if is_message {
                vec![TimelineRow { sequence: number, part: 0, kind: "text" }]
            } else {
                Vec::new()
            },
        };
        let bridge_stored = Some(sequence);
        let step = Append { frames: vec![frame], bridge_stored, durable, ..Append::new(key) };
        let start = Instant::now();
        store.append(step).await.expect("the step follows the last");
        times.push(start.elapsed());
    }
    times
}

async fn repeat<T, E, F>(times: u64, verb: impl Fn() -> F) -> Vec<Duration>
where
    E: std::fmt::Debug,
    F: Future<Output = Result<T, E>>,
{
    let mut measured = Vec::new();
    for _ in 0..times {
        let start = Instant::now();
        verb().await.expect("the database answers");
        measured.push(start.elapsed());
    }
    measured
}

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn report(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| format!("{:.1?}", times[(times.len() - 1) * percent / 100]);
    println!("{name:<34} {:>8} {:>10} {:>10} {:>10}", times.len(), at(50), at(95), at(99));
}

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn report_batches(writes: u64, commits: u64) {
    println!("{:<34} {writes} writes in {commits} commits", "");
}
