//! The conversation in parts: what a part costs does not grow with those before it.

use rusqlite::{StatementStatus, params};

use super::super::transcripts::INSERT;
use super::*;

fn part(bytes: u64) -> NewTranscript {
    NewTranscript { conversation: None, entry: None, bytes, data: Bytes::from_static(b"packed") }
}

async fn add(store: &Store, key: i64, before: u64, bytes: u64) {
    let transcript_before = StoredTranscript { bytes: before, ..StoredTranscript::default() };
    let step = Append { transcript: vec![part(bytes)], transcript_before, ..step(key, []) };
    store.append(step).await.unwrap();
}

/// Steps of the database's machine for one more part.
async fn steps(store: &Store, key: i64) -> i32 {
    let work = move |connection: &Connection| {
        let mut statement = connection.sqlite().prepare(INSERT)?;
        statement.execute(params![key, 0, None::<String>, 6, b"packed"])?;
        Ok(statement.get_status(StatementStatus::VmStep))
    };
    store.write(Terms::default(), work).await.unwrap()
}

#[tokio::test]
async fn a_part_is_added_without_a_look_at_the_others() {
    let fixture = Fixture::new();
    let key = fixture.session().await.key;
    add(&fixture.store, key, 0, 6).await;
    let few = steps(&fixture.store, key).await;
    for number in 2..200 {
        add(&fixture.store, key, number * 6, 6).await;
    }
    assert_eq!(steps(&fixture.store, key).await, few);
    assert_eq!(fixture.store.last_transcript_part(key).await.unwrap(), 201);
}

#[tokio::test]
async fn a_transcript_has_a_largest_size() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    assert_eq!(store.transcript(key).await.unwrap().bytes, 0);
    add(store, key, 0, 128 << 20).await;
    assert_eq!(store.transcript(key).await.unwrap().bytes, 128 << 20);
    add(store, key, 128 << 20, 1).await;
    assert_eq!(store.last_transcript_part(key).await.unwrap(), 1);
}

#[tokio::test]
async fn what_was_cleared_is_kept_for_forks_and_is_no_part_of_the_conversation() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let say = async |conversation: Option<&str>, entry: &str| {
        let part = NewTranscript {
            conversation: conversation.map(str::to_owned),
            entry: Some(entry.to_owned()),
            ..part(6)
        };
        // Also when what is stored could not be read.
        for before in [store.transcript(key).await.unwrap(), StoredTranscript::default()] {
            let transcript = vec![part.clone()];
            let step = Append { transcript, transcript_before: before, ..step(key, []) };
            store.append(step).await.unwrap();
        }
        store.transcript(key).await.unwrap()
    };
    let first = say(None, "a").await;
    assert_eq!((first.begins, first.conversation, first.end.as_deref()), (0, None, Some("a")));
    let cleared = say(Some("second"), "b").await;
    let seen = |stored: &StoredTranscript| {
        (stored.begins, stored.conversation.clone().unwrap(), stored.end.clone().unwrap())
    };
    assert_eq!(seen(&cleared), (3, "second".to_owned(), "b".to_owned()));
    // The CLI was started again, and goes on in the session's own file.
    assert_eq!(seen(&say(None, "c").await), (3, "second".to_owned(), "c".to_owned()));
    let again = say(Some("third"), "d").await;
    assert_eq!(seen(&again), (8, "third".to_owned(), "d".to_owned()));
    assert_eq!(again.bytes, 48);
    let beginning = store.transcript_part(key, 7).await.unwrap().unwrap();
    assert_eq!(zstd::bulk::decompress(&beginning.data, 1).unwrap(), b"");
}
