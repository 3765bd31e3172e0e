//! The versions from 10 on: what their fixtures hold, and that it is there.

use super::super::evals::{case, run_of};
use super::super::jobs::job;
use super::super::schedules::{came, schedule};
use super::super::session_logs::line;
use super::super::webhooks::webhook;
use super::super::*;
use super::before_10::fill_limits;
use super::{VERSION_1_SESSION, VERSION_4_SESSION, released};
use crate::session::evals::score;
use crate::session::job::{JobChange, JobStatus};
use crate::session::schedule::RunOutcome;
use crate::session::webhook::{Attempt, DeliveryStatus, WebhookEvent};

/// What the tenth version of the schema can hold beside it.
pub(super) async fn fill_versions(store: &Store) {
    let words = VersionWords {
        name: Some("kinder".to_owned()),
        system_prompt: Some("Be kind.".to_owned()),
        release_notes: Some("It says please.".to_owned()),
        knowledge_files: vec!["a.md".to_owned()],
        created_by: Some("administrator".to_owned()),
    };
    let second = NewVersion {
        tenant: DEFAULT_TENANT.to_owned(),
        name: "limited".parse().unwrap(),
        digest: "e".repeat(64),
        files: 1,
        bytes: 8,
        path: String::new(),
        environment: None,
        allowed_hosts: None,
        limits: None,
        config: None,
        words,
        at: at(10),
    };
    let added = store.add_version(second).await.unwrap();
    assert!(matches!(added, VersionChange::Done(_)));
    let preset = |agent| {
        let config = r#"{"model":"opus"}"#.to_owned();
        Ok::<_, StoreError>(AgentRecord { config, ..agent })
    };
    store.change_agent(DEFAULT_TENANT, &"limited".parse().unwrap(), preset).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_10_loads_for_ever() {
    let (_directory, store) = released(10);
    let name = "limited".parse().unwrap();
    let agent = store.agent(DEFAULT_TENANT, &name).await.unwrap().unwrap();
    assert_eq!((agent.version, agent.last_version), (1, 2));
    assert_eq!(agent.config, r#"{"model":"opus"}"#);
    let versions = store.versions(DEFAULT_TENANT, &name).await.unwrap().unwrap();
    let [second, first] = versions.as_slice() else { panic!("{versions:?}") };
    assert!(first.active && !second.active);
    assert_eq!(second.words.knowledge_files, ["a.md"]);
    assert_eq!(second.words.system_prompt.as_deref(), Some("Be kind."));
}

/// Versions of an older schema get ids, and the next deploy the next number.
#[tokio::test]
async fn versions_of_an_older_database_have_ids_and_go_on() {
    let (_directory, store) = released(9);
    let name = "limited".parse().unwrap();
    let versions = store.versions(DEFAULT_TENANT, &name).await.unwrap().unwrap();
    let [only] = versions.as_slice() else { panic!("{versions:?}") };
    assert!(only.active && only.updated_at == only.created_at);
    let found = store.version(DEFAULT_TENANT, &name, VersionName::Id(only.id)).await.unwrap();
    assert_eq!(found.as_ref(), Some(only));
    fill_limits(&store).await;
    assert_eq!(store.agent(DEFAULT_TENANT, &name).await.unwrap().unwrap().version, 2);
}

/// What the eleventh version of the schema can hold beside it.
pub(super) async fn fill_usage(store: &Store) {
    let id = VERSION_1_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    let usage = TurnUsage {
        ordinal: 3,
        model: Some("claude".to_owned()),
        told: UsedRecord { input: 5, output: 6, cache_read: 7, cache_write: 8, money: 9 },
        told_in_all: 9,
        ..TurnUsage::default()
    };
    let turn = Some((3, TurnState::Completed, at(10)));
    store.append(Append { usage: Some(usage), turn, ..step(key, []) }).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_11_loads_for_ever() {
    let (_directory, store) = released(11);
    let records = store.usage_records(DEFAULT_TENANT, UsageFilter::default(), 10).await.unwrap();
    let [record] = &*records else { panic!("{records:?}") };
    assert_eq!((record.model.as_deref(), record.ended_at), (Some("claude"), at(10)));
    assert_eq!(record.sums.told.tokens(), 26);
}

/// What the twelfth version of the schema can hold beside it.
pub(super) fn a_credential() -> CredentialRecord {
    CredentialRecord {
        id: VERSION_1_SESSION.parse().unwrap(),
        tenant: DEFAULT_TENANT.to_owned(),
        kind: "anthropic".to_owned(),
        label: Some("ours".to_owned()),
        sealed: vec![1, 2, 0xff],
        created_at: at(9),
        last_used_at: None,
    }
}

/// Likewise.
fn an_attachment() -> AttachmentRecord {
    AttachmentRecord {
        id: VERSION_1_SESSION.parse().unwrap(),
        session: VERSION_4_SESSION.parse().unwrap(),
        filename: "a.txt".to_owned(),
        path: "attachments/a.txt".to_owned(),
        mime_type: "text/plain".to_owned(),
        size: 5,
        message: None,
        created_at: at(9),
    }
}

pub(super) async fn fill_attachment(store: &Store) {
    let id = VERSION_4_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    let room = AttachmentRoom { count: 1, bytes: 5 };
    let begun = store.begin_attachment(key, an_attachment(), room).await.unwrap();
    assert_eq!(begun, Begun::Yes);
    store.complete_attachment(an_attachment().id).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_12_loads_for_ever() {
    let (_directory, store) = released(12);
    assert_eq!(store.credentials(DEFAULT_TENANT).await.unwrap(), [a_credential()]);
    let id = an_attachment().id;
    assert_eq!(store.attachment(DEFAULT_TENANT, id).await.unwrap(), Some(an_attachment()));
}

const VERSION_13_JOB: &str = "9f1c2b44-5f0e-4c7d-8a55-6b1f0e0d3c21";

/// What the thirteenth version of the schema can hold beside it.
pub(super) async fn fill_jobs(store: &Store) {
    let job = JobRecord { id: VERSION_13_JOB.parse().unwrap(), ..job("default", 4) };
    assert!(store.create_job(job, 10).await.unwrap());
    assert!(store.claim_job(at(50)).await.unwrap().is_some());
    let change = JobChange::Completed { result: "an answer".to_owned() };
    store.job_was_tried(VERSION_13_JOB.parse().unwrap(), change, None, at(60)).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_13_loads_for_ever() {
    let (_directory, store) = released(13);
    let id = VERSION_13_JOB.parse().unwrap();
    let job = store.job(DEFAULT_TENANT, id).await.unwrap().unwrap();
    assert_eq!((job.priority, job.status), (4, JobStatus::Completed));
    assert_eq!(job.result.as_deref(), Some("an answer"));
    assert_eq!((job.started_at, job.completed_at), (Some(at(50)), Some(at(60))));
}

/// What the fourteenth version of the schema can hold beside it.
pub(super) async fn fill_logs(store: &Store) {
    let id = VERSION_1_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    store.append(Append { logs: vec![line("careful")], ..step(key, []) }).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_14_loads_for_ever() {
    let (_directory, store) = released(14);
    let id = VERSION_1_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    let NewLogLine { at, source, text } = line("careful");
    let kept = LogLineRecord { line: 0, at, source, text };
    assert_eq!(store.logs(key, None).await.unwrap(), [kept]);
}

const VERSION_15_RUN: &str = "1d0c9a3e-8a3b-4f2d-9c57-2f0c6f3a5e10";

/// What the fifteenth version of the schema can hold beside it.
pub(super) async fn fill_evals(store: &Store) {
    let agent = store.agent(DEFAULT_TENANT, &"qa-bot".parse().unwrap()).await.unwrap().unwrap();
    let cases = vec![case("an answer")];
    assert_eq!(store.add_eval_cases(agent.id, cases.clone(), 1).await.unwrap(), MadeForAgent::Made);
    let run = NewRun { id: VERSION_15_RUN.parse().unwrap(), ..run_of(&agent, &cases) };
    let asked = run.cases[0].job.id;
    assert_eq!(store.create_eval_run(run, 10).await.unwrap(), MadeForAgent::Made);
    assert!(store.claim_job(at(70)).await.unwrap().is_some());
    let scores = Some(score(&cases[0].content, "an answer"));
    let change = JobChange::Completed { result: "an answer".to_owned() };
    store.job_was_tried(asked, change, scores, at(80)).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_15_loads_for_ever() {
    let (_directory, store) = released(15);
    let agent = store.agent(DEFAULT_TENANT, &"qa-bot".parse().unwrap()).await.unwrap().unwrap();
    let cases = store.eval_cases(agent.id).await.unwrap();
    assert_eq!(cases[0].content, case("an answer").content);
    let id = VERSION_15_RUN.parse().unwrap();
    let run = store.eval_run(agent.id, id).await.unwrap().unwrap();
    assert_eq!((run.counts.completed, run.passed, run.completed_at), (1, 1, Some(at(80))));
    let results = store.eval_results(agent.id, id).await.unwrap();
    assert_eq!(results[0].response.as_deref(), Some("an answer"));
    assert_eq!((results[0].case, results[0].passed), (cases[0].id, Some(true)));
}

const VERSION_16_WEBHOOK: &str = "0d9f6a52-3a0c-4d8e-9b77-1f5f7e1c2a90";

const VERSION_16_SCHEDULE: &str = "7d9f6a52-3a0c-4d8e-9b77-1f5f7e1c2a91";

pub(super) async fn fill_schedules(store: &Store) {
    let id = VERSION_16_SCHEDULE.parse().unwrap();
    let schedule = ScheduleRecord { id, ..schedule("default", 5) };
    assert!(store.create_schedule(schedule.clone(), 10).await.unwrap());
    let held = came(RunOutcome::Held, 500, None);
    assert!(store.schedule_came(schedule, held).await.unwrap());
}

/// What the sixteenth version of the schema can hold beside it.
pub(super) async fn fill_webhooks(store: &Store) {
    let id = VERSION_16_WEBHOOK.parse().unwrap();
    let webhook = WebhookRecord { id, ..webhook("default", &[WebhookEvent::BudgetReached]) };
    assert!(store.create_webhook(webhook, 10).await.unwrap());
    store.put_trial("default", id, at(50)).await.unwrap();
    let (due, _) = store.due_deliveries(1, at(60)).await.unwrap();
    store.delivery_was_tried(due[0].key, Attempt::Answered(503), 0, at(60)).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_16_loads_for_ever() {
    let (_directory, store) = released(16);
    let id = VERSION_16_WEBHOOK.parse().unwrap();
    let webhook = store.webhook(DEFAULT_TENANT, id).await.unwrap().unwrap();
    assert_eq!((webhook.waiting, webhook.failures), (1, 1));
    assert_eq!(
        (webhook.events, webhook.sealed),
        (vec![WebhookEvent::BudgetReached], vec![1, 2, 3])
    );
    let delivery = &store.deliveries(DEFAULT_TENANT, id, None, 9).await.unwrap()[0];
    assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Pending, 1));
    assert_eq!((delivery.due_at, delivery.response_status), (at(5_060), Some(503)));
    let id = VERSION_16_SCHEDULE.parse().unwrap();
    let expected = ScheduleRecord {
        id,
        next_at: Some(at(500)),
        held: true,
        last_at: Some(at(499)),
        last_outcome: Some(RunOutcome::Held),
        ..schedule(DEFAULT_TENANT, 5)
    };
    assert_eq!(store.schedule(DEFAULT_TENANT, id).await.unwrap(), Some(expected));
}
