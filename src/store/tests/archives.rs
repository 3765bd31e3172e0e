//! Sessions outside of this host, and as rows that come to another.

use super::*;

/// A session with talk, a turn that waits, and a part of a conversation.
async fn talked(store: &Store) -> SessionRecord {
    let session = store.create_session(new_session()).await.unwrap();
    store.enqueue_turn(session.key, turn(1)).await.unwrap();
    let said = NewFrame {
        message: Some((1, Role::User)),
        timeline: vec![TimelineRow { sequence: 1, part: 3, kind: "text" }],
        turn: Some(1),
        ..frame(1)
    };
    let binary = Bytes::from_static(b"not \xff text");
    let part = NewTranscript {
        conversation: None,
        entry: Some("e1".to_owned()),
        bytes: 9,
        data: binary.clone(),
    };
    let end = Append {
        turn: Some((1, TurnState::Completed, at(3))),
        transcript: vec![part],
        ..step(session.key, [said, NewFrame { data: binary, turn: Some(1), ..frame(2) }])
    };
    store.append(end).await.unwrap();
    session
}

fn note(place: FilesPlace) -> ArchiveNote {
    ArchiveNote { made_at: at(5), bytes: 77, place }
}

async fn rows(store: &Store, key: i64, frame: u64, part: u64) -> Vec<Row> {
    let store = store.clone();
    let read = move || {
        let mut rows = Vec::new();
        store.portable_rows(key, frame, part, |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok::<_, std::io::Error>(rows)
    };
    tokio::task::spawn_blocking(read).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_session_of_rows_is_the_session_they_were_read_of() {
    let (one, other) = (Fixture::new(), Fixture::new());
    let from = talked(&one.store).await;
    one.store.enqueue_turn(from.key, turn(2)).await.unwrap();
    let part = one.store.last_transcript_part(from.key).await.unwrap();
    assert_eq!(part, 1);
    let moved = rows(&one.store, from.key, 2, part).await;
    // As they travel.
    let text = serde_json::to_string(&moved).unwrap();
    let mut moved: Vec<Row> = serde_json::from_str(&text).unwrap();
    assert!(matches!(moved.remove(0), Row::Session { .. }));
    let to = other.store.create_session(new_session()).await.unwrap();
    other.store.add_rows(to.key, moved.clone()).await.unwrap();
    other.store.count_rows(to.key).await.unwrap();
    let counters = other.store.counters(to.key).await.unwrap();
    assert_eq!(counters, Counters { frame: 2, message: 1, timeline: 1, turn: 1 });
    assert_eq!(
        other.store.frames(to.key, page(0, 9)).await.unwrap(),
        one.store.frames(from.key, page(0, 9)).await.unwrap()
    );
    assert_eq!(rows(&other.store, to.key, 2, 1).await[1..], moved[..]);
    assert_eq!(rows(&one.store, from.key, 1, 0).await.len(), 5, "what came later stays");
    other.store.enqueue_turn(to.key, turn(2)).await.unwrap();
    other.store.append(step(to.key, [frame(3)])).await.unwrap();
}

#[tokio::test]
async fn where_the_files_are_is_remembered_and_a_user_is_given_for_their_return() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let new = NewSession { uid_block: Some(700..702), ..new_session() };
    let session = store.create_session(new).await.unwrap();
    let found = async || store.session(DEFAULT_TENANT, session.id).await.unwrap().unwrap();
    assert_eq!(found().await.archive, None);
    store.note_archive(session.key, "one".to_owned(), note(FilesPlace::Here)).await.unwrap();
    assert!(!found().await.is_away());
    store.note_archive(session.key, "two".to_owned(), note(FilesPlace::Away)).await.unwrap();
    assert_eq!(found().await.archive, Some(note(FilesPlace::Away)));
    let manifest = store.archive_manifest(session.key).await.unwrap();
    assert_eq!(manifest.as_deref(), Some("two"));
    assert_eq!(store.half_archived_sessions().await.unwrap().len(), 1, "its files are here still");
    store.mark_workspace_removed(session.id).await.unwrap();
    assert_eq!(store.half_archived_sessions().await.unwrap(), []);
    // Its user is another's now.
    let new = NewSession { uid_block: Some(700..702), ..new_session() };
    assert_eq!(store.create_session(new).await.unwrap().uid, Some(700));
    assert_eq!(store.begin_return(session.key, Some(700..702)).await.unwrap(), Some(701));
    // Half back is not here, and is begun again with the same user.
    assert_eq!(found().await.archive, Some(note(FilesPlace::Returning)));
    assert!(found().await.is_away());
    assert_eq!(store.half_archived_sessions().await.unwrap(), []);
    assert_eq!(store.begin_return(session.key, Some(700..702)).await.unwrap(), Some(701));
    store.end_return(session.key).await.unwrap();
    assert!(!found().await.is_away());
    assert_eq!(found().await.uid, Some(701));
}

#[tokio::test]
async fn who_is_due_has_rested_and_has_files_here() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut made = Vec::new();
    for (status, place, minutes) in [
        (Status::Active, None, 1),
        (Status::Paused, Some(FilesPlace::Here), 2),
        (Status::Stopped, Some(FilesPlace::Away), 3),
        (Status::Starting, None, 4),
        (Status::Ended, Some(FilesPlace::Away), 5),
        (Status::Active, None, 100),
    ] {
        let created_at = at(minutes * 60_000);
        let new = NewSession { status, created_at, ..new_session() };
        let session = store.create_session(new).await.unwrap();
        if let Some(place) = place {
            store.note_archive(session.key, "{}".to_owned(), note(place)).await.unwrap();
        }
        made.push(session.id);
    }
    let ids = |sessions: Vec<SessionRecord>| -> Vec<SessionId> {
        sessions.into_iter().map(|session| session.id).collect()
    };
    let due = store.sessions_to_archive(at(50 * 60_000), 10).await.unwrap();
    assert_eq!(ids(due), made[..2]);
    let ended = store.ended_sessions_with_archive(at(50 * 60_000)).await.unwrap();
    assert_eq!(ids(ended), made[4..5]);
}
