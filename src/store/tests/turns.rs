//! The queue of a session.

use super::*;

async fn enqueue(store: &Store, key: i64, ordinal: u64) -> Result<TurnId, StoreError> {
    let turn = turn(ordinal);
    let id = turn.id;
    store.enqueue_turn(key, turn).await?;
    Ok(id)
}

async fn move_to(
    store: &Store,
    key: i64,
    ordinal: u64,
    state: TurnState,
) -> Result<(), StoreError> {
    let turn = Some((ordinal, state, at(i64::try_from(ordinal).unwrap())));
    store.append(Append { turn, ..Append::new(key) }).await
}

#[tokio::test]
async fn turns_wait_in_their_order_and_leave_when_they_end() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let mut ids = Vec::new();
    for ordinal in 1..=3 {
        ids.push(enqueue(store, key, ordinal).await.unwrap());
    }
    move_to(store, key, 1, TurnState::Running).await.unwrap();
    let pending = store.pending_turns(key).await.unwrap();
    assert_eq!(pending.iter().map(|turn| turn.id).collect::<Vec<_>>(), ids);
    assert_eq!(pending[0].state, TurnState::Running);
    assert_eq!((pending[0].started_at, pending[0].ended_at), (Some(at(1)), None));
    assert_eq!(pending[1].state, TurnState::Queued);
    assert_eq!((pending[1].started_at, pending[1].request.as_str()), (None, "{\"content\":2}"));

    move_to(store, key, 1, TurnState::Completed).await.unwrap();
    move_to(store, key, 2, TurnState::Interrupted).await.unwrap();
    let pending = store.pending_turns(key).await.unwrap();
    assert_eq!(pending.iter().map(|turn| turn.ordinal).collect::<Vec<_>>(), [3]);
    assert_eq!(store.counters(key).await.unwrap().turn, 3);
}

#[tokio::test]
async fn a_turn_takes_the_next_ordinal_and_no_other() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    enqueue(store, key, 1).await.unwrap();
    for found in [0, 1, 3] {
        let refused = enqueue(store, key, found).await;
        assert!(
            matches!(refused, Err(StoreError::Gap { series: Series::Turn, expected: 2, found: f }) if f == found),
            "{refused:?}"
        );
    }
    assert!(matches!(enqueue(store, key + 1, 1).await, Err(StoreError::NoSuchSession)));
}

#[tokio::test]
async fn a_turn_ends_once() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    enqueue(store, key, 1).await.unwrap();
    move_to(store, key, 1, TurnState::Failed).await.unwrap();
    for ordinal in [1, 2] {
        let refused = move_to(store, key, ordinal, TurnState::Running).await;
        assert!(
            matches!(refused, Err(StoreError::NoSuchTurn { ordinal: o }) if o == ordinal),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_turn_that_goes_back_to_the_queue_keeps_its_first_start() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    enqueue(store, key, 1).await.unwrap();
    for (state, millis) in
        [(TurnState::Running, 1), (TurnState::Queued, 2), (TurnState::Running, 3)]
    {
        let turn = Some((1, state, at(millis)));
        store.append(Append { turn, ..Append::new(key) }).await.unwrap();
    }
    assert_eq!(store.pending_turns(key).await.unwrap()[0].started_at, Some(at(1)));
}

#[tokio::test]
async fn a_turn_that_begins_at_once_is_stored_with_its_first_frames_or_not_at_all() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let begin = |frame: NewFrame| {
        let running = Some((1, TurnState::Running, at(1)));
        let accepted = Some(turn(1));
        store.append(Append { accepted, frames: vec![frame], turn: running, ..Append::new(key) })
    };
    begin(frame(2)).await.unwrap_err();
    assert_eq!(store.pending_turns(key).await.unwrap(), []);
    assert_eq!(store.counters(key).await.unwrap(), Counters::default());
    begin(frame(1)).await.unwrap();
    let pending = store.pending_turns(key).await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!((pending[0].state, pending[0].started_at), (TurnState::Running, Some(at(1))));
    let counters = store.counters(key).await.unwrap();
    assert_eq!((counters.turn, counters.frame), (1, 1));
}

async fn enqueue_with_key(
    store: &Store,
    key: i64,
    ordinal: u64,
    name: &str,
) -> Result<TurnId, StoreError> {
    let idempotency = Some(Idempotency { key: name.to_owned(), digest: [7; 32] });
    let turn = NewTurn { idempotency, ..turn(ordinal) };
    let id = turn.id;
    store.enqueue_turn(key, turn).await?;
    Ok(id)
}

#[tokio::test]
async fn a_key_names_one_turn_of_its_session() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (key, other) = (fixture.session().await.key, fixture.session().await.key);
    let id = enqueue_with_key(store, key, 1, "a").await.unwrap();
    let again = enqueue_with_key(store, key, 2, "a").await;
    assert!(matches!(again, Err(StoreError::Exists)), "{again:?}");
    assert_eq!(store.counters(key).await.unwrap().turn, 1, "nothing of it is stored");
    let (found, digest) = store.turn_of_key(key, "a").await.unwrap().unwrap();
    assert_eq!((found.id, found.ordinal, found.state), (id, 1, TurnState::Queued));
    assert_eq!(digest, [7; 32]);
    assert_eq!(store.turn_of_key(other, "a").await.unwrap(), None);
    enqueue_with_key(store, other, 1, "a").await.unwrap();
    move_to(store, key, 1, TurnState::Completed).await.unwrap();
    let (found, _) = store.turn_of_key(key, "a").await.unwrap().unwrap();
    assert_eq!(found.state, TurnState::Completed, "its end does not forget it");
}

#[tokio::test]
async fn old_keys_are_forgotten_by_age_and_by_number() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    enqueue_with_key(store, key, 1, "first").await.unwrap();
    for ordinal in 2..=1001 {
        enqueue(store, key, ordinal).await.unwrap();
    }
    assert!(store.turn_of_key(key, "first").await.unwrap().is_some());
    enqueue_with_key(store, key, 1002, "second").await.unwrap();
    assert!(store.turn_of_key(key, "first").await.unwrap().is_none());
    assert_eq!(store.forget_keys(at(0)).await.unwrap(), 0);
    assert_eq!(store.forget_keys(at(1)).await.unwrap(), 1);
    assert!(store.turn_of_key(key, "second").await.unwrap().is_none());
}

#[tokio::test]
async fn a_turn_that_is_put_first_runs_before_all_that_wait() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    for ordinal in 1..=4 {
        enqueue(store, key, ordinal).await.unwrap();
    }
    store.put_first(key, 3).await.unwrap();
    store.put_first(key, 4).await.unwrap();
    let pending = store.pending_turns(key).await.unwrap();
    assert_eq!(pending.iter().map(|turn| turn.ordinal).collect::<Vec<_>>(), [4, 3, 1, 2]);
    let refused = store.put_first(key, 9).await;
    assert!(matches!(refused, Err(StoreError::NoSuchTurn { ordinal: 9 })), "{refused:?}");
}

#[tokio::test]
async fn a_turn_knows_where_its_frames_begin() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let id = enqueue(store, key, 1).await.unwrap();
    store.append(step(key, [frame(1), frame(2)])).await.unwrap();
    assert_eq!(store.turn(key, id).await.unwrap().unwrap().begins_after, 0);
    assert_eq!(store.running_turn(key).await.unwrap(), None);
    let turn = Some((1, TurnState::Running, at(1)));
    store.append(Append { turn, ..step(key, [frame(3)]) }).await.unwrap();
    let running = store.running_turn(key).await.unwrap().unwrap();
    assert_eq!((running.id, running.begins_after), (id, 2));
    assert_eq!(store.turn(key + 1, id).await.unwrap(), None);
}
