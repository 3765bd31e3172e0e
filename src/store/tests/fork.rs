//! A session that begins as a copy of another.

use super::*;

/// A session with two turns that ended and one that waits; each turn has two frames and a part
/// of the transcript.
async fn parent(store: &Store) -> i64 {
    let key = store.create_session(new_session()).await.unwrap().key;
    for ordinal in [1, 2] {
        store.enqueue_turn(key, turn(ordinal)).await.unwrap();
        let part = NewTranscript {
            conversation: None,
            entry: Some(format!("e{ordinal}")),
            bytes: 10,
            data: Bytes::from(format!("turn {ordinal}")),
        };
        let last = ordinal * 2;
        let said = NewFrame {
            message: Some((ordinal, Role::User)),
            turn: Some(ordinal),
            ..frame(last - 1)
        };
        let done = NewFrame { turn: Some(ordinal), ..frame(last) };
        let step = Append {
            turn: Some((ordinal, TurnState::Completed, at(3))),
            transcript: vec![part],
            ..step(key, [said, done])
        };
        store.append(step).await.unwrap();
    }
    store.enqueue_turn(key, turn(3)).await.unwrap();
    key
}

async fn child(store: &Store) -> i64 {
    let new = NewSession { placeholder: String::new(), ..new_session() };
    store.create_session(new).await.unwrap().key
}

#[tokio::test]
async fn a_copy_has_what_has_ended_and_goes_on_by_itself() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (from, to) = (parent(store).await, child(store).await);
    store.copy_conversation(from, to, None).await.unwrap();
    let counters = store.counters(to).await.unwrap();
    assert_eq!(counters, Counters { frame: 4, message: 2, timeline: 0, turn: 2 });
    assert_eq!(
        store.frames(to, page(0, 9)).await.unwrap(),
        store.frames(from, page(0, 9)).await.unwrap()
    );
    assert_eq!(store.transcript(to).await.unwrap().end.as_deref(), Some("e2"));
    assert_eq!(store.pending_turns(to).await.unwrap(), [], "what waits is the parent's own");
    store.enqueue_turn(to, turn(3)).await.unwrap();
    store.append(step(to, [frame(5)])).await.unwrap();
    assert_eq!(store.counters(from).await.unwrap().frame, 4, "the parent does not notice");
}

#[tokio::test]
async fn a_copy_can_end_with_an_earlier_turn() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (from, to) = (parent(store).await, child(store).await);
    store.copy_conversation(from, to, Some(1)).await.unwrap();
    let counters = store.counters(to).await.unwrap();
    assert_eq!(counters, Counters { frame: 2, message: 1, timeline: 0, turn: 1 });
    assert_eq!(store.transcript(to).await.unwrap().end.as_deref(), Some("e1"));
}

#[tokio::test]
async fn a_turn_that_has_not_ended_is_no_end_of_a_copy() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (from, to) = (parent(store).await, child(store).await);
    for (ordinal, known) in [(1, true), (2, true), (3, false), (4, false)] {
        assert_eq!(store.has_transcript(from, ordinal).await.unwrap(), known, "{ordinal}");
    }
    let refused = store.copy_conversation(from, to, Some(3)).await.unwrap_err();
    assert!(matches!(refused, StoreError::NoSuchTurn { ordinal: 3 }), "{refused:?}");
    assert_eq!(store.counters(to).await.unwrap(), Counters::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_commit_while_a_huge_session_is_copied() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (from, to) = (parent(store).await, child(store).await);
    let other = store.create_session(new_session()).await.unwrap().key;
    let data = Bytes::from(vec![b'x'; 4 << 10]);
    for start in (5..10_005_u64).step_by(500) {
        let frames = (start..start + 500).map(|n| NewFrame { data: data.clone(), ..frame(n) });
        store.append(step(from, frames)).await.unwrap();
    }
    let copying = tokio::spawn({
        let store = store.clone();
        async move { store.copy_conversation(from, to, None).await }
    });
    let mut appended = 0;
    while !copying.is_finished() {
        appended += 1;
        store.append(step(other, [frame(appended)])).await.unwrap();
    }
    copying.await.unwrap().unwrap();
    assert!(appended > 10, "{appended} commits while 40 MB were copied");
    let last = store.counters(from).await.unwrap();
    assert_eq!(store.counters(to).await.unwrap(), Counters { turn: 2, ..last });
    assert_eq!(
        store.frames(to, page(9_000, 9)).await.unwrap(),
        store.frames(from, page(9_000, 9)).await.unwrap()
    );
}
