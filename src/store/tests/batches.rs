//! Many writes, one commit, each its own outcome.

use futures_util::future::{BoxFuture, FutureExt as _};

use super::*;

type Outcome = BoxFuture<'static, Result<(), StoreError>>;

fn append(store: &Store, append: Append) -> Outcome {
    let store = store.clone();
    async move { store.append(append).await }.boxed()
}

/// Caps the database at so many pages beyond those it has; `None` lifts the cap.
async fn cap_pages(store: &Store, more: Option<i64>) {
    store
        .write(Terms::default(), move |connection| {
            let connection = connection.sqlite();
            let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let max = more.map_or(i64::from(u32::MAX) - 1, |more| pages + more);
            connection.query_row(&format!("PRAGMA max_page_count = {max}"), [], |_| Ok(()))?;
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn writes_that_wait_together_share_one_commit() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut keys = Vec::new();
    for _ in 0..100 {
        keys.push(fixture.session().await.key);
    }
    let before = store.statistics();
    let writes = keys.iter().map(|key| append(store, step(*key, [frame(1)]))).collect();
    for outcome in in_one_batch(store, writes).await {
        outcome.unwrap();
    }
    let after = store.statistics();
    // One of each is the write that kept the writer busy.
    assert_eq!(after.writes - before.writes, 101);
    assert_eq!(after.commits - before.commits, 2);
    for key in keys {
        assert_eq!(store.counters(key).await.unwrap().frame, 1);
    }
}

#[tokio::test]
async fn a_batch_has_an_end_in_number_and_in_bytes() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let before = store.statistics();
    let writes = (1..=600).map(|sequence| append(store, step(key, [frame(sequence)]))).collect();
    for outcome in in_one_batch(store, writes).await {
        outcome.unwrap();
    }
    assert_eq!(store.statistics().commits - before.commits, 3, "one to hold, 512, 88");

    let before = store.statistics();
    let large = Bytes::from(vec![0; 3 << 20]);
    let writes = (601..=604)
        .map(|sequence| {
            append(store, step(key, [NewFrame { data: large.clone(), ..frame(sequence) }]))
        })
        .collect();
    for outcome in in_one_batch(store, writes).await {
        outcome.unwrap();
    }
    assert_eq!(store.statistics().commits - before.commits, 3, "one to hold, two, two");
    assert_eq!(store.counters(key).await.unwrap().frame, 604);
}

#[tokio::test]
async fn a_write_that_fails_leaves_the_others_of_its_batch() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let before = store.statistics();
    let spoiled =
        Append { turn: Some((7, TurnState::Completed, at(0))), ..step(key, [frame(2), frame(3)]) };
    let writes = vec![
        append(store, step(key, [frame(1)])),
        append(store, spoiled),
        append(store, step(key, [frame(2)])),
        append(store, step(key + 1, [frame(1)])),
        append(store, step(key, [frame(3)])),
    ];
    let outcomes = in_one_batch(store, writes).await;
    assert!(matches!(
        outcomes[..],
        [
            Ok(()),
            Err(StoreError::NoSuchTurn { ordinal: 7 }),
            Ok(()),
            Err(StoreError::NoSuchSession),
            Ok(())
        ]
    ));
    assert_eq!(store.statistics().commits - before.commits, 2);
    let frames = store.frames(key, page(0, 10)).await.unwrap();
    assert_eq!(sequences(&frames), [1, 2, 3]);
}

#[tokio::test]
async fn a_full_disk_is_said_loses_nothing_stored_and_is_got_over() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    store.append(step(key, [frame(1)])).await.unwrap();
    cap_pages(store, Some(10)).await;
    let large = NewFrame { data: Bytes::from(vec![1; 1 << 20]), ..frame(2) };
    let refused = store.append(step(key, [large.clone()])).await;
    assert!(matches!(refused, Err(StoreError::DiskFull)), "{refused:?}");
    assert_eq!(sequences(&store.frames(key, page(0, 10)).await.unwrap()), [1]);

    cap_pages(store, None).await;
    store.append(step(key, [large])).await.unwrap();
    assert_eq!(store.counters(key).await.unwrap().frame, 2);
}

#[tokio::test]
async fn a_write_too_large_for_the_disk_leaves_the_others_of_its_batch() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (small, large) = (fixture.session().await.key, fixture.session().await.key);
    cap_pages(store, Some(10)).await;
    let too_large = NewFrame { data: Bytes::from(vec![1; 1 << 20]), ..frame(1) };
    // SQLite undoes the whole transaction when it is full, not only the write that filled it.
    let writes = vec![
        append(store, step(small, [frame(1)])),
        append(store, step(large, [too_large])),
        append(store, step(small, [frame(2)])),
    ];
    let outcomes = in_one_batch(store, writes).await;
    assert!(matches!(outcomes[..], [Ok(()), Err(StoreError::DiskFull), Ok(())]), "{outcomes:?}");
    assert_eq!(sequences(&store.frames(small, page(0, 10)).await.unwrap()), [1, 2]);
    assert_eq!(store.counters(large).await.unwrap().frame, 0);
}

#[tokio::test]
async fn a_write_whose_caller_went_away_is_done() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let mut abandoned = append(store, step(key, [frame(1)]));
    drop(poll_once(Pin::new(&mut abandoned)).await);
    drop(abandoned);
    // Behind it in the queue.
    store.append(step(key, [frame(2)])).await.unwrap();
    assert_eq!(sequences(&store.frames(key, page(0, 10)).await.unwrap()), [1, 2]);
}

#[tokio::test]
async fn a_lock_is_waited_for_once_and_not_by_each_write_of_a_batch() {
    const WAIT: std::time::Duration = std::time::Duration::from_millis(500);
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let shorter = |connection: &Connection| Ok(connection.sqlite().busy_timeout(WAIT)?);
    store.write(Terms::default(), shorter).await.unwrap();
    let connection = rusqlite::Connection::open(fixture.path()).unwrap();
    // A closure, since it lives across waits of this one thread.
    let other = move |statement: &str| connection.execute_batch(statement).unwrap();
    other("BEGIN IMMEDIATE");
    let began = std::time::Instant::now();
    let writes = (0..20).map(|_| append(store, step(key, [frame(1)])));
    for outcome in futures_util::future::join_all(writes).await {
        assert!(matches!(outcome, Err(StoreError::Locked)), "{outcome:?}");
    }
    // The first alone, then all that came meanwhile.
    assert!(began.elapsed() < WAIT * 10, "{:?}", began.elapsed());
    assert_eq!(store.problem().await.unwrap().kind, ProblemKind::Locked);
    other("ROLLBACK");
    store.append(step(key, [frame(1)])).await.unwrap();
}
