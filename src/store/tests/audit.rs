use uuid::Uuid;

use super::super::audit::AUDIT_ENTRIES_MAX;
use super::*;

fn entry(session: SessionId, text: &str) -> NewAuditEntry {
    NewAuditEntry { session, at: at(5), entry: text.to_owned() }
}

async fn texts(store: &Store, key: i64, after: u64, limit: u32) -> Vec<(u64, String)> {
    let entries = store.audit(key, after, limit).await.unwrap();
    entries.into_iter().map(|entry| (entry.sequence, entry.entry)).collect()
}

#[tokio::test]
async fn a_report_that_comes_again_is_stored_once() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let run = Uuid::new_v4();
    let all: Vec<_> = ["1", "2", "3"].map(|text| entry(session.id, text)).into();
    let report = |through: u64, entries: &[NewAuditEntry]| NewAudit {
        run,
        through,
        entries: entries.to_vec(),
    };
    let store = &fixture.store;
    store.append_audit(report(2, &all[..2])).await.unwrap();
    store.append_audit(report(2, &all[..2])).await.unwrap();
    store.append_audit(report(3, &all)).await.unwrap();
    let expected = [(1, "1"), (2, "2"), (3, "3")].map(|(number, text)| (number, text.to_owned()));
    assert_eq!(texts(store, session.key, 0, 10).await, expected);
    assert_eq!(texts(store, session.key, 1, 1).await, expected[1..2]);
    // Another run of egress begins its numbers anew.
    let other = NewAudit { run: Uuid::new_v4(), through: 1, entries: vec![entry(session.id, "4")] };
    store.append_audit(other).await.unwrap();
    assert_eq!(texts(store, session.key, 3, 10).await, [(4, "4".to_owned())]);
}

#[tokio::test]
async fn the_newest_entries_are_kept_and_a_session_that_is_gone_has_none() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let run = Uuid::new_v4();
    let more = AUDIT_ENTRIES_MAX + 5;
    let mut entries: Vec<_> =
        (1..=more).map(|number| entry(session.id, &number.to_string())).collect();
    entries.push(entry(SessionId::new(), "of nobody"));
    let through = entries.len() as u64;
    fixture.store.append_audit(NewAudit { run, through, entries }).await.unwrap();
    let first = texts(&fixture.store, session.key, 0, 1).await;
    assert_eq!(first, [(6, "6".to_owned())]);
    assert_eq!(texts(&fixture.store, session.key, more - 1, 10).await.len(), 1);
}
