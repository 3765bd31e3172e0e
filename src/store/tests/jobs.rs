//! Jobs: in which order they are taken, and what becomes of them.

use std::time::Duration;

use super::*;
use crate::id::JobId;
use crate::session::job::{JobChange, JobCounts, JobStatus};

/// One that waits, made at the moment that its priority says.
pub(super) fn job(tenant: &str, priority: u32) -> JobRecord {
    JobRecord {
        id: JobId::new(),
        tenant: tenant.to_owned(),
        agent_name: "qa-bot".parse().unwrap(),
        agent_version: None,
        wished_session: None,
        session: None,
        turn: None,
        prompt: "x".to_owned(),
        priority,
        retries: 0,
        retries_max: 1,
        status: JobStatus::Pending,
        result: None,
        error: None,
        created_at: at(priority.into()),
        due_at: at(priority.into()),
        started_at: None,
        completed_at: None,
    }
}

#[tokio::test]
async fn jobs_are_taken_once_when_they_are_due_the_most_urgent_first() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let jobs = [job("a", 1), job("b", 7), job("a", 30), job("b", 7)];
    for job in &jobs {
        assert!(store.create_job(job.clone(), 10).await.unwrap());
    }
    assert_eq!(store.next_job_due().await.unwrap(), Some(at(1)));
    let mut taken = Vec::new();
    while let Some(job) = store.claim_job(at(20)).await.unwrap() {
        assert_eq!((job.status, job.started_at), (JobStatus::Processing, Some(at(20))));
        taken.push(job.id);
    }
    assert_eq!(taken, [jobs[1].id, jobs[3].id, jobs[0].id]);
    assert_eq!(store.next_job_due().await.unwrap(), Some(at(30)));
    let under_way: Vec<JobId> =
        store.jobs_under_way().await.unwrap().iter().map(|job| job.id).collect();
    assert_eq!(under_way, [jobs[0].id, jobs[1].id, jobs[3].id]);
    let counts = JobCounts { pending: 1, processing: 1, ..JobCounts::default() };
    assert_eq!(store.job_counts("a").await.unwrap(), counts);
    assert_eq!(store.jobs("b", None, 1).await.unwrap()[0].id, jobs[3].id);
    assert_eq!(store.job("b", jobs[0].id).await.unwrap(), None);
}

#[tokio::test]
async fn a_job_that_was_tried_is_over_or_waits_and_a_cancelled_one_stays_so() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (again, cancelled) = (job("a", 1), job("a", 0));
    for job in [&again, &cancelled] {
        store.create_job(job.clone(), 10).await.unwrap();
        store.claim_job(at(5)).await.unwrap();
    }
    let error = "it broke".to_owned();
    let change = JobChange::Again { error, pause: Duration::from_millis(100), counted: true };
    store.job_was_tried(again.id, change, None, at(10)).await.unwrap();
    let found = store.job("a", again.id).await.unwrap().unwrap();
    assert_eq!((found.status, found.retries), (JobStatus::Pending, 1));
    assert_eq!((found.due_at, found.completed_at), (at(110), None));

    let before = store.cancel_job("a", cancelled.id, at(11)).await.unwrap().unwrap();
    assert_eq!(before.status, JobStatus::Processing);
    let change = JobChange::Completed { result: "late".to_owned() };
    store.job_was_tried(cancelled.id, change, None, at(12)).await.unwrap();
    let found = store.job("a", cancelled.id).await.unwrap().unwrap();
    assert_eq!((found.status, found.result), (JobStatus::Cancelled, None));
    assert_eq!(store.cancel_job("b", cancelled.id, at(13)).await.unwrap(), None);

    store.forget_jobs(at(12)).await.unwrap();
    assert_eq!(store.job("a", cancelled.id).await.unwrap(), None);
    assert!(store.job("a", again.id).await.unwrap().is_some());
}

#[tokio::test]
async fn no_more_jobs_of_a_tenant_wait_than_may() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    for tenant in ["a", "b"] {
        assert!(store.create_job(job(tenant, 1), 1).await.unwrap());
        assert!(!store.create_job(job(tenant, 1), 1).await.unwrap());
    }
    store.claim_job(at(9)).await.unwrap();
    assert!(store.create_job(job("a", 1), 1).await.unwrap());
}

#[tokio::test]
async fn a_session_that_is_made_for_a_job_is_known_to_it_at_once() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let job = job("a", 1);
    store.create_job(job.clone(), 1).await.unwrap();
    let session = NewSession { job: Some(job.id), ..new_session() };
    let made = store.create_session(session).await.unwrap();
    assert_eq!(store.job("a", job.id).await.unwrap().unwrap().session, Some(made.id));
}
