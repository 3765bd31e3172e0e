//! One step of a session: all of it or nothing, and every number in its place.

use super::*;

fn message(sequence: u64, number: u64) -> NewFrame {
    NewFrame { message: Some((number, Role::Assistant)), ..frame(sequence) }
}

fn entries(sequence: u64, numbers: &[u64]) -> NewFrame {
    let timeline = numbers
        .iter()
        .map(|number| TimelineRow { sequence: *number, part: 0, kind: "text" })
        .collect();
    NewFrame { timeline, ..frame(sequence) }
}

#[tokio::test]
async fn a_step_moves_everything_it_names() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let session = fixture.session().await;
    let key = session.key;
    let everything = Append {
        usage: None,
        transcript: Vec::new(),
        transcript_before: StoredTranscript::default(),
        logs: Vec::new(),
        key,
        accepted: Some(turn(1)),
        frames: vec![
            NewFrame { width: 3, turn: Some(1), kind: 255, ..message(3, 1) },
            entries(4, &[1, 2]),
        ],
        bridge_stored: Some(17),
        turn: Some((1, TurnState::Running, at(9))),
        status: Some((Status::Active, at(9))),
        last_active_at: Some(at(9)),
        durable: false,
    };
    store.append(everything).await.unwrap();

    let counters = store.counters(key).await.unwrap();
    assert_eq!(counters, Counters { frame: 4, message: 1, timeline: 2, turn: 1 });
    let found = store.session(DEFAULT_TENANT, session.id).await.unwrap().unwrap();
    let expected = SessionRecord {
        status: Status::Active,
        last_active_at: at(9),
        bridge_stored: 17,
        ..session
    };
    assert_eq!(found, expected);
    let frames = store.frames(key, page(0, 10)).await.unwrap();
    let first = FrameRecord {
        sequence: 3,
        width: 3,
        turn: Some(1),
        kind: 255,
        data: Bytes::from_static(b"frame 3"),
        at: at(3),
    };
    assert_eq!(frames[0], first);
    assert_eq!(sequences(&frames), [3, 4]);
}

#[tokio::test]
async fn a_step_that_fails_at_its_end_leaves_nothing() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let session = fixture.session().await;
    let key = session.key;
    let rows = fixture.rows(key).await;
    let spoiled = Append {
        bridge_stored: Some(5),
        status: Some((Status::Active, at(9))),
        last_active_at: Some(at(9)),
        // The last thing that a step does: there is no such turn.
        turn: Some((1, TurnState::Running, at(9))),
        ..step(key, [message(1, 1), entries(2, &[1])])
    };
    assert!(matches!(store.append(spoiled).await, Err(StoreError::NoSuchTurn { ordinal: 1 })));
    assert_eq!(store.counters(key).await.unwrap(), Counters::default());
    assert_eq!(fixture.rows(key).await, rows);
    let found = store.session(DEFAULT_TENANT, session.id).await.unwrap();
    assert_eq!(found, Some(session));

    // And the numbers are still to be had.
    store.append(step(key, [message(1, 1), entries(2, &[1])])).await.unwrap();
}

#[tokio::test]
async fn a_number_that_leaves_a_gap_or_is_taken_is_refused() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    store.append(step(key, [message(1, 1), entries(2, &[1])])).await.unwrap();
    let wide = |sequence, width| NewFrame { width, ..frame(sequence) };
    for (spoiled, series, expected, found) in [
        (frame(4), Series::Frame, 3, 4),
        (frame(2), Series::Frame, 3, 2),
        (frame(0), Series::Frame, 3, 0),
        (wide(3, 0), Series::Frame, 3, 3),
        (wide(3, 2), Series::Frame, 4, 3),
        (wide(6, 3), Series::Frame, 5, 6),
        (frame(u64::MAX), Series::Frame, 3, u64::MAX),
        (message(3, 1), Series::Message, 2, 1),
        (message(3, 3), Series::Message, 2, 3),
        (entries(3, &[1]), Series::Timeline, 2, 1),
        (entries(3, &[2, 4]), Series::Timeline, 3, 4),
    ] {
        let refused = store.append(step(key, [spoiled])).await;
        let Err(StoreError::Gap { series: s, expected: e, found: f }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((s, e, f), (series, expected, found));
    }
    let counters = store.counters(key).await.unwrap();
    assert_eq!(counters, Counters { frame: 2, message: 1, timeline: 1, turn: 0 });
}

#[tokio::test]
async fn the_same_step_twice_is_stored_once() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let once = step(key, [frame(1), frame(2)]);
    store.append(once.clone()).await.unwrap();
    assert!(matches!(store.append(once).await, Err(StoreError::Gap { expected: 3, found: 1, .. })));
    assert_eq!(sequences(&store.frames(key, page(0, 10)).await.unwrap()), [1, 2]);
}

#[tokio::test]
async fn a_step_of_an_unknown_or_removed_session_is_refused_and_its_key_never_comes_back() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let session = fixture.session().await;
    store.append(step(session.key, [message(1, 1), entries(2, &[1, 2])])).await.unwrap();
    assert!(store.remove_session(session.id).await.unwrap());
    assert!(!store.remove_session(session.id).await.unwrap());
    assert_eq!(fixture.rows(session.key).await, 0);

    let late = store.append(step(session.key, [frame(3)])).await;
    assert!(matches!(late, Err(StoreError::NoSuchSession)), "{late:?}");
    assert!(matches!(store.counters(session.key).await, Err(StoreError::NoSuchSession)));
    assert!(fixture.session().await.key > session.key);
}

#[tokio::test]
async fn sessions_have_each_their_own_numbers() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.session().await.key, fixture.session().await.key);
    fixture.store.append(step(one, [frame(1), frame(2)])).await.unwrap();
    fixture.store.append(step(other, [frame(1)])).await.unwrap();
    assert_eq!(fixture.store.counters(one).await.unwrap().frame, 2);
    assert_eq!(sequences(&fixture.store.frames(other, page(0, 10)).await.unwrap()), [1]);
}

#[tokio::test]
async fn a_step_of_any_bytes_reads_back() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let all: Vec<u8> = (0..=255).collect();
    let large = vec![7_u8; 3 << 20];
    for (sequence, data) in [(1, Vec::new()), (2, all), (3, large)] {
        let sent = NewFrame { data: Bytes::from(data), ..frame(sequence) };
        store.append(step(key, [sent.clone()])).await.unwrap();
        let found = store.frames(key, page(sequence - 1, 1)).await.unwrap();
        assert_eq!(found[0].data, sent.data);
    }
}
