//! Webhooks: what is put into the outbox, with what, and what becomes of it.

use std::time::Duration;

use super::jobs::job;
use super::*;
use crate::id::{DeliveryId, PermissionId, WebhookId};
use crate::session::frame::FrameKind;
use crate::session::job::JobChange;
use crate::session::webhook::{Attempt, DeliveryStatus, Outcome, WebhookEvent};

/// Told of these.
pub(super) fn webhook(tenant: &str, events: &[WebhookEvent]) -> WebhookRecord {
    WebhookRecord {
        id: WebhookId::new(),
        tenant: tenant.to_owned(),
        url: "https://hooks.example.com/a".to_owned(),
        events: events.to_vec(),
        label: Some("ours".to_owned()),
        sealed: vec![1, 2, 3],
        waiting: 0,
        failures: 0,
        disabled: None,
        created_at: at(0),
        oldest_waiting: None,
    }
}

async fn told(store: &Store, webhook: &WebhookRecord) -> Vec<serde_json::Value> {
    let mut told = store.deliveries(&webhook.tenant, webhook.id, None, 100).await.unwrap();
    told.reverse();
    told.iter().map(|delivery| serde_json::from_str(&delivery.payload).unwrap()).collect()
}

async fn added(store: &Store, webhook: WebhookRecord) -> WebhookRecord {
    assert!(store.create_webhook(webhook.clone(), 20).await.unwrap());
    webhook
}

#[tokio::test]
async fn what_happens_is_in_the_outbox_of_those_who_want_it_and_of_no_other_tenant() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let all = added(store, webhook(DEFAULT_TENANT, &WebhookEvent::ALL)).await;
    let turns = added(store, webhook(DEFAULT_TENANT, &[WebhookEvent::TurnEnded])).await;
    let foreign = added(store, webhook("b", &WebhookEvent::ALL)).await;
    let session = fixture.session().await;
    let status = |status| SessionChange { status: Some((status, at(1))), ..Default::default() };
    for now in [Status::Active, Status::Active, Status::Paused] {
        store.update_session(session.id, status(now)).await.unwrap();
    }
    let first = turn(1);
    let id = first.id.to_string();
    store.enqueue_turn(session.key, first).await.unwrap();
    let permission = PermissionId::new().to_string();
    let asks = serde_json::json!({
        "permissionId": permission, "turnId": id, "toolName": "Bash", "input": { "command": "ls" },
    });
    let asks = NewFrame {
        kind: FrameKind::PermissionAsked as u8,
        data: Bytes::from(asks.to_string()),
        ..frame(1)
    };
    store.append(step(session.key, [asks])).await.unwrap();
    let ends =
        Append { turn: Some((1, TurnState::Failed, at(9))), ..step(session.key, [frame(2)]) };
    store.append(ends).await.unwrap();

    let found = told(store, &all).await;
    let kinds: Vec<&str> = found.iter().map(|one| one["type"].as_str().unwrap()).collect();
    let expected = ["session.changed", "session.changed", "permission.requested", "turn.ended"];
    assert_eq!(kinds, expected);
    let data = |number: usize| found[number]["data"].clone();
    let of_session = |mut more: serde_json::Value| {
        more["sessionId"] = session.id.to_string().into();
        more["agentName"] = "qa-bot".into();
        more
    };
    let json = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    assert_eq!(data(0), of_session(json(r#"{"status":"active","before":"starting"}"#.to_owned())));
    assert_eq!(data(1), of_session(json(r#"{"status":"paused","before":"active"}"#.to_owned())));
    let asked = format!(r#"{{"permissionId":"{permission}","turnId":"{id}","toolName":"Bash"}}"#);
    assert_eq!(data(2), of_session(json(asked)));
    let ended = format!(r#"{{"turnId":"{id}","turn":1,"outcome":"failed"}}"#);
    assert_eq!(data(3), of_session(json(ended)));
    assert_eq!(found[3]["timestamp"], at(9).to_string());
    assert_eq!(told(store, &turns).await.len(), 1);
    assert_eq!(told(store, &foreign).await.len(), 0);
    assert_eq!(store.webhook(DEFAULT_TENANT, all.id).await.unwrap().unwrap().waiting, 4);
}

#[tokio::test]
async fn a_transaction_that_fails_tells_nothing() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let all = added(store, webhook(DEFAULT_TENANT, &WebhookEvent::ALL)).await;
    let session = fixture.session().await;
    let status = Some((Status::Active, at(1)));
    // Its turn does not exist.
    let wrong = Append {
        status,
        turn: Some((7, TurnState::Failed, at(9))),
        ..step(session.key, [frame(1)])
    };
    assert!(store.append(wrong).await.is_err());
    assert_eq!(told(store, &all).await.len(), 0);
}

#[tokio::test]
async fn jobs_and_budgets_are_told_once() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let all = added(store, webhook(DEFAULT_TENANT, &WebhookEvent::ALL)).await;
    let jobs = [job(DEFAULT_TENANT, 1), job(DEFAULT_TENANT, 2)];
    for one in &jobs {
        store.create_job(one.clone(), 10).await.unwrap();
    }
    let claimed = store.claim_job(at(5)).await.unwrap().unwrap();
    let again =
        JobChange::Again { error: "it broke".to_owned(), pause: Duration::ZERO, counted: true };
    store.job_was_tried(claimed.id, again, None, at(6)).await.unwrap();
    let claimed = store.claim_job(at(7)).await.unwrap().unwrap();
    let done = JobChange::Completed { result: "yes".to_owned() };
    store.job_was_tried(claimed.id, done, None, at(8)).await.unwrap();
    let other = jobs.iter().find(|one| one.id != claimed.id).unwrap().id;
    for _ in 0..2 {
        store.cancel_job(DEFAULT_TENANT, other, at(9)).await.unwrap();
    }

    let session = fixture.session().await;
    let budget = Some(BudgetRecord { tokens: Some(100), money: None });
    let change = SessionChange { budget, ..SessionChange::default() };
    store.update_session(session.id, change).await.unwrap();
    let limit = BudgetRecord { tokens: Some(150), money: None };
    store.set_tenant_budget(DEFAULT_TENANT, limit).await.unwrap();
    let run = uuid::Uuid::new_v4();
    for (number, input) in [(1, 99), (2, 100), (3, 149), (4, 150), (5, 300)] {
        let used = Some(UsedRecord { input, ..UsedRecord::default() });
        let entry = NewAuditEntry {
            session: session.id,
            at: at(number),
            entry: "{}".to_owned(),
            used,
            credential: None,
        };
        let through = u64::try_from(number).unwrap();
        store.append_audit(NewAudit { run, through, entries: vec![entry] }).await.unwrap();
    }
    let found = told(store, &all).await;
    let kinds: Vec<String> = found
        .iter()
        .map(|one| {
            let data = &one["data"];
            let more = data["status"].as_str().or(data["whose"].as_str()).unwrap();
            format!("{} {more}", one["type"].as_str().unwrap())
        })
        .collect();
    let expected = [
        "job.ended completed",
        "job.ended cancelled",
        "budget.reached session",
        "budget.reached tenant",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(found[0]["data"]["jobId"], claimed.id.to_string());
}

async fn trial(store: &Store, webhook: &WebhookRecord, now: i64) -> DeliveryId {
    store.put_trial(&webhook.tenant, webhook.id, at(now)).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_is_due_comes_again_until_it_is_delivered_and_a_webhook_is_left_alone_after_a_failure()
{
    let fixture = Fixture::new();
    let store = &fixture.store;
    let one = added(store, webhook("a", &[WebhookEvent::TurnEnded])).await;
    let other = added(store, webhook("b", &[WebhookEvent::TurnEnded])).await;
    let (first, second) = (trial(store, &one, 1).await, trial(store, &one, 2).await);
    let theirs = trial(store, &other, 3).await;
    tokio::time::timeout(Duration::from_secs(10), store.outbox_filled()).await.unwrap();
    let (due, next) = store.due_deliveries(1, at(10)).await.unwrap();
    assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [first, theirs]);
    assert_eq!((due[0].tenant.as_str(), &due[0].sealed), ("a", &one.sealed));
    assert_eq!(next, Some(at(1)));
    let (both, _) = store.due_deliveries(9, at(10)).await.unwrap();
    assert_eq!(both.iter().map(|due| due.id).collect::<Vec<_>>(), [first, second, theirs]);
    // What nobody has said anything of is still due: an ashd was killed between.
    assert_eq!(store.due_deliveries(9, at(10)).await.unwrap().0, both);

    let failed = Attempt::Answered(503);
    let tried = store.delivery_was_tried(due[0].key, failed, 0, at(10)).await.unwrap().unwrap();
    assert_eq!(tried.outcome, Outcome::Again(Duration::from_secs(5)));
    let (due, next) = store.due_deliveries(9, at(11)).await.unwrap();
    assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [theirs]);
    assert_eq!(next, Some(at(3)));
    let delivered = store.delivery_was_tried(due[0].key, Attempt::Answered(204), 0, at(11)).await;
    assert_eq!(delivered.unwrap().unwrap().outcome, Outcome::Delivered);
    // One at a time as long as nothing went well.
    let (due, next) = store.due_deliveries(9, at(5_010)).await.unwrap();
    assert_eq!((due.len(), due[0].id, next), (1, second, Some(at(5_010))));
    store.delivery_was_tried(due[0].key, Attempt::Answered(200), 0, at(5_010)).await.unwrap();
    let (due, _) = store.due_deliveries(9, at(5_010)).await.unwrap();
    assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [first]);
    let record = store.webhook("a", one.id).await.unwrap().unwrap();
    assert_eq!((record.waiting, record.failures), (1, 0));
    let list = store.deliveries("a", one.id, Some(DeliveryStatus::Pending), 9).await.unwrap();
    assert_eq!((list.len(), list[0].attempts, list[0].response_status), (1, 1, Some(503)));
    assert!(list[0].error.is_some() && list[0].completed_at.is_none());
    let list = store.deliveries("a", one.id, Some(DeliveryStatus::Delivered), 9).await.unwrap();
    assert_eq!((list.len(), list[0].id, list[0].completed_at), (1, second, Some(at(5_010))));

    store.forget_deliveries(at(5_011)).await.unwrap();
    assert_eq!(store.deliveries("a", one.id, None, 9).await.unwrap().len(), 1);
    assert!(store.delete_webhook("a", one.id).await.unwrap());
    assert!(!store.delete_webhook("a", other.id).await.unwrap());
    assert_eq!(store.due_deliveries(9, at(90_000)).await.unwrap(), (Vec::new(), None));
    let gone = store.delivery_was_tried(due[0].key, Attempt::Answered(200), 0, at(90_000)).await;
    assert_eq!(gone.unwrap(), None);
}

#[tokio::test]
async fn one_that_is_disabled_is_told_nothing_until_it_is_enabled_and_keeps_what_waits() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let one = added(store, webhook("a", &[WebhookEvent::TurnEnded])).await;
    let waits = trial(store, &one, 1).await;
    let (due, _) = store.due_deliveries(9, at(10)).await.unwrap();
    let gone = Attempt::Answered(410);
    let tried = store.delivery_was_tried(due[0].key, gone, 0, at(10)).await.unwrap().unwrap();
    assert!(tried.disabled.is_some());
    assert_eq!(store.due_deliveries(9, at(90_000)).await.unwrap(), (Vec::new(), None));
    let record = store.webhook("a", one.id).await.unwrap().unwrap();
    assert_eq!(record.disabled.map(|(when, _)| when), Some(at(10)));
    let change = WebhookChange { enabled: Some(Ok(())), ..WebhookChange::default() };
    let foreign = store.change_webhook("b", one.id, change.clone(), at(20)).await.unwrap();
    assert_eq!(foreign, None);
    let record = store.change_webhook("a", one.id, change, at(20)).await.unwrap().unwrap();
    assert_eq!((record.disabled, record.failures, record.waiting), (None, 0, 1));
    let (due, _) = store.due_deliveries(9, at(90_000)).await.unwrap();
    assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [waits]);
}

#[tokio::test]
async fn a_tenant_has_no_more_webhooks_and_a_webhook_no_more_waiting_than_may() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let one = webhook("a", &[WebhookEvent::JobEnded]);
    assert!(store.create_webhook(one.clone(), 1).await.unwrap());
    assert!(!store.create_webhook(webhook("a", &[]), 1).await.unwrap());
    assert!(store.create_webhook(webhook("b", &[]), 1).await.unwrap());
    let full = i64::try_from(DELIVERIES_WAITING_MAX).unwrap();
    store
        .write(Terms::default(), move |connection| {
            connection.prepare_cached("UPDATE webhooks SET waiting = ?1")?.execute([full])?;
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(store.put_trial("a", one.id, at(1)).await.unwrap(), None);
    let job = job("a", 1);
    store.create_job(job.clone(), 9).await.unwrap();
    store.cancel_job("a", job.id, at(2)).await.unwrap();
    let record = store.webhook("a", one.id).await.unwrap().unwrap();
    assert!(record.disabled.unwrap().1.contains("10000"));
}
