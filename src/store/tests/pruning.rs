//! Pieces of messages go, and nothing else.

use super::*;

const PIECE: u8 = 77;
const GONE: u8 = 8;
const DONE: u8 = 4;

fn pruning(before: i64) -> Pruning {
    let since = Timestamp::from_millis(0);
    Pruning {
        since,
        before: at(before),
        dispensable: |kind, _| kind == PIECE,
        kind: GONE,
        done: DONE,
    }
}

/// A turn of these kinds, two numbers for each piece, which ends at the moment.
async fn talk(store: &Store, key: i64, ordinal: u64, kinds: &[u8], state: TurnState, end: i64) {
    store.enqueue_turn(key, turn(ordinal)).await.unwrap();
    let mut last = store.counters(key).await.unwrap().frame;
    let begin = Append { turn: Some((ordinal, TurnState::Running, at(0))), ..step(key, []) };
    store.append(begin).await.unwrap();
    let frames = kinds.iter().map(|kind| {
        let width = if *kind == PIECE { 2 } else { 1 };
        last += u64::from(width);
        NewFrame { width, kind: *kind, turn: Some(ordinal), ..frame(last) }
    });
    let frames: Vec<_> = frames.collect();
    store
        .append(Append { turn: Some((ordinal, state, at(end))), ..step(key, frames) })
        .await
        .unwrap();
}

/// Numbers, widths and kinds.
async fn log(store: &Store, key: i64) -> Vec<(u64, u32, u8)> {
    let frames = store.frames(key, page(0, 100_000)).await.unwrap();
    frames.iter().map(|frame| (frame.sequence, frame.width, frame.kind)).collect()
}

#[tokio::test]
async fn runs_of_pieces_leave_a_row_that_is_as_wide_and_the_log_stays_sound() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let kinds = [0, 1, PIECE, PIECE, PIECE, 2, PIECE, 2, DONE];
    talk(store, key, 1, &kinds, TurnState::Completed, 10).await;
    let whole = log(store, key).await;
    assert_eq!(store.prune(pruning(10)).await.unwrap(), Pruned::default(), "it is too young");
    assert_eq!(log(store, key).await, whole);
    let pruned = store.prune(pruning(11)).await.unwrap();
    assert_eq!((pruned.turns, pruned.rows), (1, 4));
    let left =
        [(1, 1, 0), (2, 1, 1), (8, 6, GONE), (9, 1, 2), (11, 2, GONE), (12, 1, 2), (13, 1, DONE)];
    assert_eq!(log(store, key).await, left);
    assert_eq!(store.check().await.unwrap().findings, []);
    assert_eq!(store.prune(pruning(11)).await.unwrap(), Pruned::default(), "once is enough");
    assert_eq!(log(store, key).await, left);
    // The session goes on, and a fork of it is as sound.
    talk(store, key, 2, &[0, PIECE, 2, DONE], TurnState::Completed, 20).await;
    let child = fixture.session().await.key;
    store.copy_conversation(key, child, None).await.unwrap();
    assert_eq!(log(store, child).await, log(store, key).await);
    let later = Pruning { since: at(11), ..pruning(21) };
    assert_eq!(store.prune(later).await.unwrap().turns, 2, "of the parent and of the child");
    assert_eq!(log(store, child).await, log(store, key).await);
    assert_eq!(store.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn what_never_became_whole_keeps_its_pieces_and_what_comes_behind_is_pruned() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    talk(store, key, 1, &[0, PIECE, DONE], TurnState::Interrupted, 1).await;
    talk(store, key, 2, &[0, PIECE, PIECE, 3, DONE], TurnState::Failed, 2).await;
    let broken = log(store, key).await;
    talk(store, key, 3, &[0, PIECE, 2, DONE], TurnState::Completed, 3).await;
    talk(store, key, 4, &[0, PIECE, 2, DONE], TurnState::Completed, 30).await;
    store.enqueue_turn(key, turn(5)).await.unwrap();
    let pruned = store.prune(pruning(10)).await.unwrap();
    assert_eq!((pruned.turns, pruned.rows), (1, 1));
    let left = log(store, key).await;
    assert_eq!(left[..broken.len()], broken);
    assert_eq!(left.iter().filter(|(_, _, kind)| *kind == GONE).count(), 1);
    assert_eq!(store.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn a_turn_of_many_pieces_is_pruned_in_slices() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let mut kinds = vec![PIECE; 2_500];
    kinds.extend([2, DONE]);
    talk(store, key, 1, &kinds, TurnState::Completed, 1).await;
    assert_eq!(store.prune(pruning(2)).await.unwrap().rows, 2_500);
    let left = log(store, key).await;
    let gone: Vec<_> = left.iter().filter(|(_, _, kind)| *kind == GONE).collect();
    assert_eq!(gone.iter().map(|(_, width, _)| width).sum::<u32>(), 5_000);
    assert!(gone.len() <= 3 && left.len() == gone.len() + 2, "{left:?}");
    assert_eq!(store.check().await.unwrap().findings, []);
}
