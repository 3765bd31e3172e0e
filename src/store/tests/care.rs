//! Backups and checks.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::store::check::FindingKind;

/// Two turns that ended as turns do.
async fn talk(store: &Store, key: i64) {
    for ordinal in [1, 2] {
        store.enqueue_turn(key, turn(ordinal)).await.unwrap();
        let last = ordinal * 2;
        let said = NewFrame {
            message: Some((ordinal, Role::User)),
            timeline: vec![TimelineRow { sequence: ordinal, part: 0, kind: "text" }],
            turn: Some(ordinal),
            ..frame(last - 1)
        };
        let done = NewFrame { turn: Some(ordinal), kind: 4, ..frame(last) };
        let ended = Some((ordinal, TurnState::Completed, at(3)));
        let end = Append { turn: ended, ..step(key, [said, done]) };
        store.append(end).await.unwrap();
    }
}

fn kept(mut copy: std::fs::File, path: &Path) {
    let mut bytes = Vec::new();
    copy.read_to_end(&mut bytes).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn break_with(path: &Path, sql: &str) {
    let tool = rusqlite::Connection::open(path).unwrap();
    tool.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    tool.execute_batch(sql).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_one_moment_while_writes_go_on() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    // More than one step of the copy.
    let data = Bytes::from(vec![7; 12 << 20]);
    store.append(step(key, [NewFrame { data, ..frame(1) }])).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        async move {
            let mut last = 1;
            while !stop.load(Ordering::Relaxed) {
                last += 2;
                store.append(step(key, [frame(last - 1), frame(last)])).await.unwrap();
            }
            last
        }
    });
    let mut seen = 0;
    for round in 0..4 {
        let before = store.counters(key).await.unwrap().frame;
        let copy = store.backup().await.unwrap();
        assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let path = fixture.directory.path().join(format!("copy-{round}.db"));
        kept(copy, &path);
        let checked = check_file(&path).unwrap();
        assert_eq!(checked.findings, []);
        assert_eq!(checked.sessions, 1);
        let copied = Store::open(&path).unwrap();
        let last = copied.counters(key).await.unwrap().frame;
        assert!(last >= before, "what was answered before is in the copy");
        assert_eq!(last % 2, 1, "half a step is in the copy");
        assert!(last >= seen);
        seen = last;
        copied.close().await;
    }
    stop.store(true, Ordering::Relaxed);
    assert!(writing.await.unwrap() > seen, "nobody wrote meanwhile");
    let left = names(fixture.directory.path());
    assert!(!left.iter().any(|name| name.contains(".backup-")), "{left:?}");
}

#[tokio::test]
async fn what_a_killed_backup_left_is_removed_at_the_next_start() {
    let fixture = Fixture::new();
    fixture.store.close().await;
    let left = fixture.directory.path().join("ash.db.backup-1234");
    std::fs::write(&left, "half").unwrap();
    Store::open(&fixture.path()).unwrap().close().await;
    assert!(!left.exists());
    assert!(fixture.path().exists());
}

#[tokio::test]
async fn a_sound_database_has_no_findings() {
    let fixture = Fixture::new();
    let key = fixture.session().await.key;
    talk(&fixture.store, key).await;
    fixture.store.enqueue_turn(key, turn(3)).await.unwrap();
    let checked = fixture.store.check().await.unwrap();
    assert_eq!(checked.findings, []);
    assert_eq!((checked.sessions, checked.turns, checked.frames), (1, 3, 4));
}

#[tokio::test]
async fn each_broken_promise_is_found_in_its_session() {
    for (kind, breaks) in [
        (FindingKind::Gap, "DELETE FROM frames WHERE sequence = 2"),
        (FindingKind::Gap, "UPDATE progress SET frame = 9"),
        (FindingKind::Gap, "DELETE FROM messages WHERE sequence = 1"),
        (FindingKind::Gap, "UPDATE timeline SET sequence = 7 WHERE sequence = 2"),
        (FindingKind::Gap, "UPDATE messages SET frame = 2 + 9 WHERE sequence = 2"),
        (FindingKind::End, "UPDATE frames SET kind = 3 WHERE sequence = 2"),
        (FindingKind::End, "UPDATE frames SET kind = 4 WHERE sequence = 3"),
        (FindingKind::Stuck, "DELETE FROM turn_requests"),
        (FindingKind::Stuck, "UPDATE sessions SET status = 'ended', ended_at = 1"),
        (FindingKind::Stuck, "INSERT INTO turn_requests VALUES (1, 1, '{}', 0)"),
        (FindingKind::Orphan, "DELETE FROM sessions"),
    ] {
        let fixture = Fixture::new();
        let session = fixture.session().await;
        talk(&fixture.store, session.key).await;
        fixture.store.enqueue_turn(session.key, turn(3)).await.unwrap();
        break_with(&fixture.path(), breaks);
        let findings = fixture.store.check().await.unwrap().findings;
        assert!(findings.iter().any(|found| found.kind == kind), "{breaks}: {findings:?}");
        if kind != FindingKind::Orphan {
            let id = Some(session.id.to_string());
            assert!(findings.iter().all(|found| found.session == id), "{findings:?}");
        }
    }
}

#[tokio::test]
async fn damage_in_the_file_is_found_without_a_daemon() {
    let fixture = Fixture::new();
    let key = fixture.session().await.key;
    let data = Bytes::from(vec![7; 1 << 20]);
    fixture.store.append(step(key, [NewFrame { data, ..frame(1) }])).await.unwrap();
    talk(&fixture.store, fixture.session().await.key).await;
    fixture.store.close().await;
    assert_eq!(check_file(&fixture.path()).unwrap().findings, []);
    let mut bytes = std::fs::read(fixture.path()).unwrap();
    let whole = bytes.len();
    for (start, end) in [(4096, 3 * 4096), (20 * 4096, whole)] {
        let mut damaged = bytes.clone();
        damaged[start..end].fill(0xa5);
        let path = fixture.directory.path().join("damaged.db");
        std::fs::write(&path, damaged).unwrap();
        let findings = check_file(&path).unwrap().findings;
        assert!(findings.iter().all(|found| found.kind == FindingKind::Damage), "{findings:?}");
        assert!(!findings.is_empty(), "{start}..{end}");
    }
    bytes[..16].copy_from_slice(b"something other ");
    std::fs::write(fixture.path(), bytes).unwrap();
    assert!(matches!(check_file(&fixture.path()), Err(StoreError::NotDatabase)));
    let missing = fixture.directory.path().join("missing.db");
    assert!(matches!(check_file(&missing), Err(StoreError::Open { .. })));
    assert!(!missing.exists());
}
