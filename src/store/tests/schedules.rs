//! Schedules: which have come, and what is stored of it.

use super::jobs::job;
use super::*;
use crate::id::ScheduleId;
use crate::session::job::JobChange;
use crate::session::schedule::{Coming, Missed, Overlap, RunOutcome};

/// One that comes at the moment.
pub(super) fn schedule(tenant: &str, next: i64) -> ScheduleRecord {
    ScheduleRecord {
        id: ScheduleId::new(),
        tenant: tenant.to_owned(),
        label: None,
        cron: "0 9 * * *".to_owned(),
        timezone: "UTC".to_owned(),
        agent_name: "qa-bot".parse().unwrap(),
        wished_session: None,
        prompt: "x".to_owned(),
        priority: 3,
        retries_max: 1,
        missed: Missed::RunOnce,
        overlap: Overlap::Queue,
        next_at: Some(at(next)),
        held: false,
        last_at: None,
        last_outcome: None,
        last_job: None,
        created_at: at(0),
    }
}

pub(super) fn came(outcome: RunOutcome, next: i64, job: Option<JobRecord>) -> Came {
    let coming = Coming { outcome, held: outcome == RunOutcome::Held };
    Came { coming, at: at(next - 1), next_at: Some(at(next)), job, waiting_max: 1 }
}

async fn due(store: &Store, now: i64) -> Vec<(ScheduleRecord, bool)> {
    store.due_schedules(at(now)).await.unwrap()
}

#[tokio::test]
async fn what_has_come_is_a_job_and_comes_again_in_one_step() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (first, second) = (schedule("a", 10), schedule("a", 5));
    for one in [&first, &second] {
        assert!(store.create_schedule(one.clone(), 2).await.unwrap());
    }
    assert!(!store.create_schedule(schedule("a", 1), 2).await.unwrap());
    assert_eq!(store.next_schedule().await.unwrap(), Some(at(5)));
    assert_eq!(due(store, 4).await, []);
    assert_eq!(due(store, 10).await, [(second.clone(), false), (first.clone(), false)]);
    let job = job("a", 1);
    let started = came(RunOutcome::Started, 100, Some(job.clone()));
    assert!(store.schedule_came(second.clone(), started.clone()).await.unwrap());
    assert!(!store.schedule_came(second.clone(), started.clone()).await.unwrap(), "once");
    let after = store.schedule("a", second.id).await.unwrap().unwrap();
    assert_eq!((after.next_at, after.last_at), (Some(at(100)), Some(at(99))));
    assert_eq!((after.last_job, after.last_outcome), (Some(job.id), Some(RunOutcome::Started)));
    assert_eq!(store.job("a", job.id).await.unwrap().unwrap().status, job.status);

    // No more than one of them may wait: it is told, and goes on.
    let full = came(RunOutcome::Started, 200, Some(self::job("a", 1)));
    assert!(store.schedule_came(first.clone(), full).await.unwrap());
    let after = store.schedule("a", first.id).await.unwrap().unwrap();
    assert_eq!((after.last_job, after.last_outcome), (None, Some(RunOutcome::SkippedFull)));
    assert_eq!(store.jobs("a", None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_that_is_held_comes_when_the_job_before_is_over() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let one = schedule("a", 5);
    store.create_schedule(one.clone(), 9).await.unwrap();
    let job = job("a", 1);
    store
        .schedule_came(one.clone(), came(RunOutcome::Started, 10, Some(job.clone())))
        .await
        .unwrap();
    store.claim_job(at(6)).await.unwrap();
    let (again, is_busy) = due(store, 10).await.remove(0);
    assert!(is_busy);
    store.schedule_came(again, came(RunOutcome::Held, 100, None)).await.unwrap();
    assert_eq!(due(store, 11).await, []);
    let done = JobChange::Completed { result: "yes".to_owned() };
    store.job_was_tried(job.id, done, None, at(12)).await.unwrap();
    let (held, is_busy) = due(store, 13).await.remove(0);
    assert_eq!((held.held, is_busy, held.last_outcome), (true, false, Some(RunOutcome::Held)));
    // One that is disabled holds nothing back.
    let off = ScheduleChange { next_at: Some(None), ..ScheduleChange::default() };
    let off = store.change_schedule("a", one.id, off).await.unwrap().unwrap();
    assert_eq!((off.held, off.next_at), (false, None));
    assert_eq!(due(store, 1_000).await, []);
    assert_eq!(store.next_schedule().await.unwrap(), None);
}

#[tokio::test]
async fn a_schedule_is_of_its_tenant_alone() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let one = schedule("a", 5);
    store.create_schedule(one.clone(), 9).await.unwrap();
    assert_eq!(store.schedules("a").await.unwrap(), std::slice::from_ref(&one));
    assert_eq!(store.schedules("b").await.unwrap(), []);
    let change = ScheduleChange { prompt: Some("theirs".to_owned()), ..ScheduleChange::default() };
    assert_eq!(store.change_schedule("b", one.id, change).await.unwrap(), None);
    assert!(!store.delete_schedule("b", one.id).await.unwrap());
    assert_eq!(store.schedule("a", one.id).await.unwrap(), Some(one.clone()));
    assert!(store.delete_schedule("a", one.id).await.unwrap());
}
