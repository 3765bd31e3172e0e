//! The conversation in parts: what a part costs does not grow with those before it.

use rusqlite::{StatementStatus, params};

use super::super::transcripts::INSERT;
use super::*;

fn part(bytes: u64) -> NewTranscript {
    NewTranscript { entry: None, bytes, data: Bytes::from_static(b"packed") }
}

async fn add(store: &Store, key: i64, before: u64, bytes: u64) {
    let step = Append { transcript: vec![part(bytes)], transcript_before: before, ..step(key, []) };
    store.append(step).await.unwrap();
}

/// Steps of the database's machine for one more part.
async fn steps(store: &Store, key: i64) -> i32 {
    let work = move |connection: &Connection| {
        let mut statement = connection.prepare(INSERT)?;
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
    assert_eq!(store.transcript_bytes(key).await.unwrap(), 0);
    add(store, key, 0, 128 << 20).await;
    assert_eq!(store.transcript_bytes(key).await.unwrap(), 128 << 20);
    add(store, key, 128 << 20, 1).await;
    assert_eq!(store.last_transcript_part(key).await.unwrap(), 1);
}
