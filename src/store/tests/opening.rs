//! Which files are opened, and which are refused untouched.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::super::connection::newest_version;
use super::released::{assert_filled, fill, fixture_of};
use super::*;

/// What the scripts of the packages read, with od(1).
#[test]
fn the_header_of_the_file_tells_the_schema_while_it_is_open() {
    let folder = tempfile::tempdir().unwrap();
    for from in [None, Some(fixture_of(1))] {
        let path = folder.path().join(if from.is_some() { "old.db" } else { "new.db" });
        if let Some(fixture) = from {
            fs::copy(fixture, &path).unwrap();
        }
        let _store = Store::open(&path).unwrap();
        let header = fs::read(&path).unwrap()[60..64].try_into().unwrap();
        assert_eq!(i64::from(u32::from_be_bytes(header)), newest_version());
    }
}

/// A database that something else than the store makes.
fn foreign(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_new_database_is_for_its_owner_only_and_is_one_file_when_it_is_closed() {
    let fixture = Fixture::new();
    fill(&fixture.store).await;
    for file in ["ash.db", "ash.db-wal", "ash.db-shm"] {
        let mode = fs::metadata(fixture.directory.path().join(file)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    fixture.store.close().await;
    let files: Vec<_> = fs::read_dir(fixture.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files, ["ash.db"]);

    let again = Store::open(&fixture.path()).unwrap();
    assert_filled(&again).await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_both_numbers_and_left_as_it_is() {
    let fixture = Fixture::new();
    fixture.store.close().await;
    let known = newest_version();
    foreign(
        &fixture.path(),
        &format!(
            "INSERT INTO refinery_schema_history VALUES ({}, 'x', '2030-01-01T00:00:00Z', '1')",
            known + 7
        ),
    );
    let before = fs::read(fixture.path()).unwrap();
    let refused = Store::open(&fixture.path());
    assert!(
        matches!(refused, Err(StoreError::Newer { found, known: k }) if found == known + 7 && k == known),
        "{refused:?}"
    );
    assert_eq!(fs::read(fixture.path()).unwrap(), before);
    let text = refused.unwrap_err().to_string();
    assert!(text.contains(&known.to_string()) && text.contains(&(known + 7).to_string()), "{text}");
}

#[tokio::test]
async fn a_migration_that_was_edited_after_it_was_applied_is_refused() {
    let fixture = Fixture::new();
    fixture.store.close().await;
    foreign(&fixture.path(), "UPDATE refinery_schema_history SET checksum = '1'");
    let refused = Store::open(&fixture.path());
    assert!(matches!(refused, Err(StoreError::Migration { .. })), "{refused:?}");
}

#[test]
fn a_file_that_is_no_database_of_ours_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::write(&path, "dear diary ".repeat(1000)).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::NotDatabase)));
    assert_eq!(fs::read(&path).unwrap(), before);

    let path = directory.path().join("other.db");
    foreign(&path, "CREATE TABLE bookmarks (url TEXT)");
    let before = fs::read(&path).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::NotDatabase)));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_first_start_that_was_cut_short_is_taken_up_again() {
    let directory = tempfile::tempdir().unwrap();
    // Before SQLite wrote anything, and before the first migration.
    let (empty, begun) = (directory.path().join("empty.db"), directory.path().join("begun.db"));
    fs::write(&empty, "").unwrap();
    foreign(
        &begun,
        "CREATE TABLE refinery_schema_history (version int4 PRIMARY KEY, name VARCHAR(255),
         applied_on VARCHAR(255), checksum VARCHAR(255))",
    );
    for path in [empty, begun] {
        let store = Store::open(&path).unwrap();
        fill(&store).await;
        assert_filled(&store).await;
    }
}

#[test]
fn a_place_where_nothing_can_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let read_only = directory.path().join("read-only");
    fs::create_dir(&read_only).unwrap();
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o500)).unwrap();
    let mut places = vec![
        directory.path().join("missing/ash.db"),
        directory.path().join("file/ash.db"),
        directory.path().to_owned(),
        // Nobody makes files there, not even root.
        PathBuf::from("/proc/ash.db"),
    ];
    if !nix::unistd::geteuid().is_root() {
        places.push(read_only.join("ash.db"));
    }
    for place in places {
        let refused = Store::open(&place);
        let Err(StoreError::Open { path, .. }) = &refused else { panic!("{refused:?}") };
        assert_eq!(*path, place);
    }
}

#[tokio::test]
async fn damage_is_called_damage() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let session = fixture.session().await;
    let id = session.id.to_string();
    store
        .write(Terms::default(), move |connection| {
            connection
                .prepare_cached("UPDATE sessions SET environment = 'x' WHERE id = ?1")?
                .execute([&id])?;
            Ok(())
        })
        .await
        .unwrap();
    let read = store.session(DEFAULT_TENANT, session.id).await;
    assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");

    store.close().await;
    let mut bytes = fs::read(fixture.path()).unwrap();
    // All but the first page, which has the header and the schema.
    bytes[4096..].fill(0x5a);
    fs::write(fixture.path(), bytes).unwrap();
    let outcome = match Store::open(&fixture.path()) {
        Ok(store) => store.agents(DEFAULT_TENANT).await.map(drop),
        Err(error) => Err(error),
    };
    assert!(matches!(outcome, Err(StoreError::Corrupt { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_closed_store_refuses_and_closing_again_is_fine() {
    let fixture = Fixture::new();
    let clone = fixture.store.clone();
    let key = fixture.session().await.key;
    // What waits is finished first.
    let hold = Hold::start(&clone).await;
    let mut waiting = Box::pin(clone.append(step(key, [frame(1)])));
    assert!(poll_once(waiting.as_mut()).await.is_none());
    let mut closing = Box::pin(fixture.store.close());
    assert!(poll_once(closing.as_mut()).await.is_none());
    hold.let_go().await;
    closing.await;
    waiting.await.unwrap();
    clone.close().await;
    assert!(matches!(clone.append(step(key, [frame(2)])).await, Err(StoreError::Closed)));
    assert!(matches!(clone.counters(key).await, Err(StoreError::Closed)));
    let store = Store::open(&fixture.path()).unwrap();
    assert_eq!(store.counters(key).await.unwrap().frame, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_file_damage_nothing() {
    let fixture = Fixture::new();
    let key = fixture.session().await.key;
    let other = Store::open(&fixture.path()).unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for store in [fixture.store.clone(), other.clone()] {
        writers.spawn(async move {
            let mut won = 0_u64;
            for sequence in 1..=200 {
                match store.append(step(key, [frame(sequence)])).await {
                    Ok(()) => won += 1,
                    Err(StoreError::Gap { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            won
        });
    }
    let won: u64 = writers.join_all().await.into_iter().sum();
    let last = other.counters(key).await.unwrap().frame;
    assert_eq!(won, last, "every number was given once");
    let frames = other.frames(key, page(0, 1_000)).await.unwrap();
    assert_eq!(sequences(&frames), (1..=last).collect::<Vec<_>>());
    assert_sound(&other).await;
}

/// SQLite's own judgment of the whole file.
pub(super) async fn assert_sound(store: &Store) {
    let judgment: String = store
        .read(|connection| {
            Ok(connection.query_row("PRAGMA integrity_check", params![], |row| row.get(0))?)
        })
        .await
        .unwrap();
    assert_eq!(judgment, "ok");
}
