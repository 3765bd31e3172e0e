use uuid::Uuid;

use super::super::audit::AUDIT_ENTRIES_MAX;
use super::*;

fn entry(session: SessionId, text: &str) -> NewAuditEntry {
    NewAuditEntry { session, at: at(5), entry: text.to_owned(), used: None, credential: None }
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

#[tokio::test]
async fn what_was_used_only_grows_and_a_budget_stays_beside_it() {
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let used = |input| UsedRecord { input, money: input * 2, ..UsedRecord::default() };
    let report = |through, input| NewAudit {
        run: SESSION_RUN.parse().unwrap(),
        through,
        entries: vec![NewAuditEntry { used: Some(used(input)), ..entry(session.id, "{}") }],
    };
    let now = async || fixture.store.session(DEFAULT_TENANT, session.id).await.unwrap().unwrap();
    assert_eq!((now().await.budget, now().await.used), Default::default());
    fixture.store.append_audit(report(1, 100)).await.unwrap();
    let budget = BudgetRecord { tokens: Some(500), money: None };
    let change = SessionChange { budget: Some(budget), ..SessionChange::default() };
    fixture.store.update_session(session.id, change).await.unwrap();
    fixture.store.append_audit(report(2, 40)).await.unwrap();
    assert_eq!((now().await.budget, now().await.used), (budget, used(100)));
}

#[tokio::test]
async fn a_tenant_has_used_what_its_sessions_have_once_each_and_also_those_that_are_gone() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (first, second) = (fixture.session().await, fixture.session().await);
    let used = |input| UsedRecord { input, money: input * 2, ..UsedRecord::default() };
    let report = |through, session, input| NewAudit {
        run: SESSION_RUN.parse().unwrap(),
        through,
        entries: vec![NewAuditEntry { used: Some(used(input)), ..entry(session, "{}") }],
    };
    let told = store.append_audit(report(1, first.id, 100)).await.unwrap();
    assert_eq!(told, [(DEFAULT_TENANT.to_owned(), used(100))].into());
    store.append_audit(report(2, second.id, 10)).await.unwrap();
    // Once more, less, and of a run that is known.
    store.append_audit(report(3, first.id, 90)).await.unwrap();
    store.append_audit(report(3, first.id, 500)).await.unwrap();
    store.remove_session(second.id).await.unwrap();
    store.append_audit(report(4, first.id, 101)).await.unwrap();
    let known = store.tenant_budget(DEFAULT_TENANT).await.unwrap();
    assert_eq!((known.used, known.budget), (used(111), BudgetRecord::default()));

    let budget = BudgetRecord { tokens: Some(111), money: None };
    let set = store.set_tenant_budget(DEFAULT_TENANT, budget).await.unwrap();
    assert_eq!((set.used, set.budget, budget.is_spent(set.used)), (used(111), budget, true));
    store.set_tenant_budget("other", BudgetRecord { money: Some(1), ..budget }).await.unwrap();
    assert_eq!(store.tenant_budget("nobody").await.unwrap(), TenantBudgetRecord::default());
    let mut all = store.tenant_budgets().await.unwrap();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!((all.len(), all[0].1, all[1].0.as_str()), (2, set, "other"));
}

const SESSION_RUN: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
