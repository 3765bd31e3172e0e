//! What was answered is there after the worst.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::opening::assert_sound;
use super::*;

/// Tells the test's own child what to do; nobody else sets it.
const CHILD_DATABASE: &str = "ASH_TEST_STORE_CHILD_DATABASE";
/// Sessions that the child writes at the same time.
const CALLERS: usize = 4;

/// The child: appends durable steps to its sessions for ever, and says each that was answered.
async fn append_until_killed(path: &Path) {
    let store = Store::open(path).unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for session in store.live_sessions().await.unwrap() {
        let store = store.clone();
        callers.spawn(async move {
            let key = session.key;
            let mut sequence = store.counters(key).await.unwrap().frame;
            loop {
                sequence += 2;
                let frames = [frame(sequence - 1), frame(sequence)];
                store.append(Append { durable: true, ..step(key, frames) }).await.unwrap();
                println!("answered {key} {sequence}");
            }
        });
    }
    callers.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the test starts itself as the process it kills")]
async fn every_durable_step_that_was_answered_survives_a_kill() {
    if let Some(path) = std::env::var_os(CHILD_DATABASE) {
        return append_until_killed(Path::new(&path)).await;
    }
    let fixture = Fixture::new();
    for _ in 0..CALLERS {
        fixture.session().await;
    }
    fixture.store.close().await;
    let mut answered = std::collections::BTreeMap::new();
    for kill_after in [1, 2, 23, 150, 400] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("store::tests::durability::every_durable_step_that_was_answered_survives_a_kill")
            .env(CHILD_DATABASE, fixture.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut heard = 0;
        // Goes on after the kill: what is in the pipe was answered too.
        for line in output.lines() {
            let line = line.unwrap();
            // The harness writes its own words, once on the same line as ours.
            let Some((_, said)) = line.split_once("answered ") else { continue };
            let (key, sequence) = said.split_once(' ').unwrap();
            answered.insert(key.parse::<i64>().unwrap(), sequence.parse::<u64>().unwrap());
            heard += 1;
            if heard == kill_after {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(heard >= kill_after, "the child ended by itself");

        let store = Store::open(&fixture.path()).unwrap();
        for (key, sequence) in &answered {
            let last = store.counters(*key).await.unwrap().frame;
            assert!(last >= *sequence, "{sequence} was answered, {last} is the last stored");
            assert_eq!(last % 2, 0, "half a step is stored");
            let frames = store.frames(*key, page(0, u32::MAX)).await.unwrap();
            assert_eq!(sequences(&frames), (1..=last).collect::<Vec<_>>());
        }
        assert_sound(&store).await;
        store.close().await;
    }
    assert_eq!(answered.len(), CALLERS);
}

#[tokio::test]
async fn a_batch_is_synced_if_one_of_its_writes_asks_for_it_and_only_then() {
    const NORMAL: i64 = 1;
    const FULL: i64 = 2;
    let fixture = Fixture::new();
    let synced = |durable| {
        let store = fixture.store.clone();
        async move {
            let terms = Terms { durable, bytes: 0 };
            let level = store.write(terms, |connection| {
                Ok(connection
                    .query_row("PRAGMA synchronous", params![], |row| row.get::<i64>(0))?)
            });
            level.await.unwrap()
        }
    };
    assert_eq!(synced(false).await, NORMAL);
    assert_eq!(synced(true).await, FULL);
    assert_eq!(synced(false).await, NORMAL);
    let mixed = vec![synced(false), synced(true), synced(false)];
    assert_eq!(in_one_batch(&fixture.store, mixed).await, [FULL, FULL, FULL]);
    let plain = vec![synced(false), synced(false)];
    assert_eq!(in_one_batch(&fixture.store, plain).await, [NORMAL, NORMAL]);
}

#[tokio::test]
async fn the_write_ahead_log_is_copied_into_the_database_while_writes_go_on() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let size = || std::fs::metadata(fixture.path()).unwrap().len();
    let before = size();
    let data = Bytes::from(vec![0; 8 << 20]);
    store.append(step(key, [NewFrame { data, ..frame(1) }])).await.unwrap();
    let mut sequence = 1;
    while size() < before + (8 << 20) {
        sequence += 1;
        assert!(sequence < 100_000, "the database does not grow");
        store.append(step(key, [frame(sequence)])).await.unwrap();
    }
}

#[tokio::test]
async fn what_no_commit_waited_for_is_synced_soon_and_once_for_many() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let durable = |sequence| Append { durable: true, ..step(key, [frame(sequence)]) };
    store.append(durable(1)).await.unwrap();
    let before = store.statistics();
    for sequence in 2..50 {
        store.append(step(key, [frame(sequence)])).await.unwrap();
    }
    while store.statistics().syncs == before.syncs {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let after = store.statistics();
    assert!(after.syncs - before.syncs < after.commits - before.commits);
    // The end of the store leaves nothing behind either.
    store.append(step(key, [frame(50)])).await.unwrap();
    store.close().await;
}
