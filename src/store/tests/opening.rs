//! Which files are opened, and which are refused untouched.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::super::connection::newest_version;
use super::evals::{case, run_of};
use super::jobs::job;
use super::schedules::{came, schedule};
use super::session_logs::line;
use super::webhooks::webhook;
use super::*;
use crate::scope::Scope;
use crate::session::evals::score;
use crate::session::job::{JobChange, JobStatus};
use crate::session::schedule::RunOutcome;
use crate::session::webhook::{Attempt, DeliveryStatus, WebhookEvent};

/// Written by the first version of the schema; never to be made anew.
const VERSION_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v1.db");
const VERSION_2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v2.db");
const VERSION_3: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v3.db");
const VERSION_4: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v4.db");
const VERSION_5: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v5.db");
const VERSION_6: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v6.db");
const VERSION_7: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v7.db");
const VERSION_8: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v8.db");
const VERSION_9: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v9.db");
const VERSION_10: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v10.db");
const VERSION_11: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v11.db");
const VERSION_12: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v12.db");
const VERSION_13: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v13.db");
const VERSION_14: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v14.db");
const VERSION_15: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v15.db");
const VERSION_16: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v16.db");
const VERSION_1_SESSION: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
const VERSION_4_SESSION: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

/// What the fixture holds.
async fn fill(store: &Store) {
    let agent = NewVersion {
        tenant: DEFAULT_TENANT.to_owned(),
        name: "qa-bot".parse().unwrap(),
        digest: "d1".to_owned(),
        files: 2,
        bytes: 345,
        path: "/agents/d1".to_owned(),
        environment: Some(Environment::from([("A".to_owned(), "1".to_owned())])),
        allowed_hosts: None,
        limits: None,
        config: None,
        words: VersionWords::default(),
        at: at(1),
    };
    store.deploy_agent(agent).await.unwrap();
    let session = NewSession {
        id: VERSION_1_SESSION.parse().unwrap(),
        model: Some("opus".to_owned()),
        uid_block: Some(700..710),
        placeholder: "placeholder".to_owned(),
        ..new_session()
    };
    let key = store.create_session(session).await.unwrap().key;
    for ordinal in [1, 2] {
        let turn = NewTurn { request: "{}".to_owned(), at: at(2), ..turn(ordinal) };
        store.enqueue_turn(key, turn).await.unwrap();
    }
    let timeline = vec![TimelineRow { sequence: 1, part: 4, kind: "text" }];
    let said = NewFrame { message: Some((1, Role::User)), turn: Some(1), ..frame(1) };
    let wide = NewFrame { width: 3, timeline, ..frame(4) };
    let all = Append {
        bridge_stored: Some(8),
        turn: Some((1, TurnState::Completed, at(3))),
        status: Some((Status::Active, at(3))),
        ..step(key, [said, wide])
    };
    store.append(all).await.unwrap();
}

/// What the second version of the schema can hold beside it.
async fn fill_more(store: &Store) {
    let id = VERSION_1_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    let idempotency = Some(Idempotency { key: "again".to_owned(), digest: [3; 32] });
    let third = NewTurn { request: "{}".to_owned(), idempotency, ..turn(3) };
    store.enqueue_turn(key, third).await.unwrap();
    store.put_first(key, 3).await.unwrap();
}

async fn assert_filled_more(store: &Store) {
    let id = VERSION_1_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    let (turn, digest) = store.turn_of_key(key, "again").await.unwrap().unwrap();
    assert_eq!((turn.ordinal, turn.begins_after, digest), (3, 4, [3; 32]));
    let pending = store.pending_turns(key).await.unwrap();
    assert_eq!(pending.iter().map(|turn| turn.ordinal).collect::<Vec<_>>(), [3, 2]);
}

/// What the third version of the schema can hold beside it.
async fn fill_transcript(store: &Store) {
    let id = VERSION_1_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    let part = |entry: Option<&str>, data: &'static [u8]| NewTranscript {
        entry: entry.map(str::to_owned),
        bytes: 100,
        data: Bytes::from_static(data),
    };
    let transcript = vec![part(Some("e1"), b"one"), part(None, b"two")];
    store.append(Append { transcript, ..step(key, []) }).await.unwrap();
}

async fn assert_filled_transcript(store: &Store) {
    let id = VERSION_1_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    assert_eq!(store.transcript_end(key).await.unwrap().as_deref(), Some("e1"));
    let second = store.transcript_part(key, 1).await.unwrap().unwrap();
    assert_eq!((second.part, second.bytes, &second.data[..]), (2, 100, &b"two"[..]));
    assert_eq!(store.transcript_part(key, 2).await.unwrap(), None);
}

/// What the scripts of the packages read, with od(1).
#[test]
fn the_header_of_the_file_tells_the_schema_while_it_is_open() {
    let folder = tempfile::tempdir().unwrap();
    for from in [None, Some(VERSION_1)] {
        let path = folder.path().join(if from.is_some() { "old.db" } else { "new.db" });
        if let Some(fixture) = from {
            fs::copy(fixture, &path).unwrap();
        }
        let _store = Store::open(&path).unwrap();
        let header = fs::read(&path).unwrap()[60..64].try_into().unwrap();
        assert_eq!(i64::from(u32::from_be_bytes(header)), newest_version());
    }
}

#[tokio::test]
async fn a_database_of_version_3_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_3, &path).unwrap();
    let store = Store::open(&path).unwrap();
    assert_filled_more(&store).await;
    assert_filled_transcript(&store).await;
}

/// What the fourth version of the schema can hold beside it.
async fn fill_hosts(store: &Store) {
    let agent = NewVersion {
        tenant: DEFAULT_TENANT.to_owned(),
        name: "cloner".parse().unwrap(),
        digest: "d2".to_owned(),
        files: 1,
        bytes: 1,
        path: "/agents/d2".to_owned(),
        environment: None,
        allowed_hosts: Some(vec!["github.com".to_owned()]),
        limits: None,
        config: None,
        words: VersionWords::default(),
        at: at(1),
    };
    store.deploy_agent(agent).await.unwrap();
    let session = NewSession {
        id: VERSION_4_SESSION.parse().unwrap(),
        allowed_hosts: vec!["*.npmjs.org".to_owned()],
        placeholder: "another".to_owned(),
        ..new_session()
    };
    store.create_session(session).await.unwrap();
}

async fn assert_filled_hosts(store: &Store) {
    let hosts_of = async |name: &str| {
        store.agent(DEFAULT_TENANT, &name.parse().unwrap()).await.unwrap().unwrap().allowed_hosts
    };
    assert_eq!(hosts_of("cloner").await, ["github.com"]);
    assert_eq!(hosts_of("qa-bot").await, [""; 0]);
    let id = VERSION_4_SESSION.parse().unwrap();
    let session = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap();
    assert_eq!(session.allowed_hosts, ["*.npmjs.org"]);
}

#[tokio::test]
async fn a_database_of_version_4_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_4, &path).unwrap();
    let store = Store::open(&path).unwrap();
    assert_filled_more(&store).await;
    assert_filled_hosts(&store).await;
}

/// What the fifth version of the schema can hold beside it.
fn a_key() -> ApiKeyRecord {
    ApiKeyRecord {
        id: "67e55044-10b1-426f-9247-bb680e5fe0c9".parse().unwrap(),
        tenant: "team".to_owned(),
        label: Some("ci".to_owned()),
        scope: Scope::Deploy,
        prefix: "ash_abcdef".to_owned(),
        digest: [7; 32],
        created_at: at(4),
        expires_at: Some(at(9)),
        last_used_at: None,
    }
}

#[tokio::test]
async fn a_database_of_version_5_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_5, &path).unwrap();
    let store = Store::open(&path).unwrap();
    assert_filled_hosts(&store).await;
    assert_eq!(store.keys().await.unwrap(), [a_key()]);
}

/// What the sixth version of the schema can hold beside it.
async fn fill_audit(store: &Store) {
    let session = VERSION_4_SESSION.parse().unwrap();
    let entry =
        NewAuditEntry { session, at: at(9), entry: "{}".to_owned(), used: None, credential: None };
    let run = VERSION_1_SESSION.parse().unwrap();
    store.append_audit(NewAudit { run, through: 1, entries: vec![entry] }).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_6_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_6, &path).unwrap();
    let store = Store::open(&path).unwrap();
    assert_filled_hosts(&store).await;
    let id = VERSION_4_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    // A report of that run is known.
    fill_audit(&store).await;
    let entries = store.audit(key, 0, 10).await.unwrap();
    assert_eq!(entries, [AuditRecord { sequence: 1, at: at(9), entry: "{}".to_owned() }]);
}

/// What the seventh version of the schema can hold beside it.
async fn fill_archive(store: &Store) {
    let id = VERSION_1_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    let note = ArchiveNote { made_at: at(9), bytes: 77, place: FilesPlace::Away };
    store.note_archive(key, "{}".to_owned(), note).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_7_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_7, &path).unwrap();
    let store = Store::open(&path).unwrap();
    assert_filled_hosts(&store).await;
    let id = VERSION_1_SESSION.parse().unwrap();
    let session = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap();
    let note = session.archive.unwrap();
    assert_eq!((note.made_at, note.bytes, note.place), (at(9), 77, FilesPlace::Away));
    assert_eq!(store.archive_manifest(session.key).await.unwrap().as_deref(), Some("{}"));
}

/// What the eighth version of the schema can hold beside it.
async fn fill_budget(store: &Store) {
    let session = VERSION_4_SESSION.parse().unwrap();
    let budget = Some(BudgetRecord { tokens: Some(1000), money: Some(2000) });
    let change = SessionChange { budget, ..SessionChange::default() };
    store.update_session(session, change).await.unwrap();
    let used = Some(UsedRecord { input: 1, output: 2, cache_read: 3, cache_write: 4, money: 5 });
    let entry =
        NewAuditEntry { session, at: at(9), entry: "{}".to_owned(), used, credential: None };
    let run = VERSION_1_SESSION.parse().unwrap();
    store.append_audit(NewAudit { run, through: 2, entries: vec![entry] }).await.unwrap();
    let budget = BudgetRecord { tokens: Some(3000), money: None };
    store.set_tenant_budget(DEFAULT_TENANT, budget).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_8_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_8, &path).unwrap();
    let store = Store::open(&path).unwrap();
    let id = VERSION_4_SESSION.parse().unwrap();
    let session = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap();
    assert_eq!(session.budget, BudgetRecord { tokens: Some(1000), money: Some(2000) });
    let used = UsedRecord { input: 1, output: 2, cache_read: 3, cache_write: 4, money: 5 };
    assert_eq!(session.used, used);
    let tenant = store.tenant_budget(DEFAULT_TENANT).await.unwrap();
    let budget = BudgetRecord { tokens: Some(3000), money: None };
    assert_eq!(tenant, TenantBudgetRecord { budget, used });
}

/// What the ninth version of the schema can hold beside it.
async fn fill_limits(store: &Store) {
    let version = NewVersion {
        tenant: DEFAULT_TENANT.to_owned(),
        name: "limited".parse().unwrap(),
        digest: "d".repeat(64),
        files: 1,
        bytes: 2,
        path: "/agents/limited".to_owned(),
        environment: None,
        allowed_hosts: None,
        limits: Some([("memoryMib".to_owned(), 512)].into()),
        config: None,
        words: VersionWords::default(),
        at: at(9),
    };
    store.deploy_agent(version).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_9_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_9, &path).unwrap();
    let store = Store::open(&path).unwrap();
    let limits = async |name: &str| {
        let name = name.parse().unwrap();
        store.agent(DEFAULT_TENANT, &name).await.unwrap().unwrap().limits
    };
    assert_eq!(limits("limited").await, [("memoryMib".to_owned(), 512)].into());
    assert!(limits("qa-bot").await.is_empty());
}

/// What the tenth version of the schema can hold beside it.
async fn fill_versions(store: &Store) {
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
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_10, &path).unwrap();
    let store = Store::open(&path).unwrap();
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
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_9, &path).unwrap();
    let store = Store::open(&path).unwrap();
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
async fn fill_usage(store: &Store) {
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
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_11, &path).unwrap();
    let store = Store::open(&path).unwrap();
    let records = store.usage_records(DEFAULT_TENANT, UsageFilter::default(), 10).await.unwrap();
    let [record] = &*records else { panic!("{records:?}") };
    assert_eq!((record.model.as_deref(), record.ended_at), (Some("claude"), at(10)));
    assert_eq!(record.sums.told.tokens(), 26);
}

/// What the twelfth version of the schema can hold beside it.
fn a_credential() -> CredentialRecord {
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

async fn fill_attachment(store: &Store) {
    let id = VERSION_4_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    let room = AttachmentRoom { count: 1, bytes: 5 };
    let begun = store.begin_attachment(key, an_attachment(), room).await.unwrap();
    assert_eq!(begun, Begun::Yes);
    store.complete_attachment(an_attachment().id).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_12_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_12, &path).unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(store.credentials(DEFAULT_TENANT).await.unwrap(), [a_credential()]);
    let id = an_attachment().id;
    assert_eq!(store.attachment(DEFAULT_TENANT, id).await.unwrap(), Some(an_attachment()));
}

const VERSION_13_JOB: &str = "9f1c2b44-5f0e-4c7d-8a55-6b1f0e0d3c21";

/// What the thirteenth version of the schema can hold beside it.
async fn fill_jobs(store: &Store) {
    let job = JobRecord { id: VERSION_13_JOB.parse().unwrap(), ..job("default", 4) };
    assert!(store.create_job(job, 10).await.unwrap());
    assert!(store.claim_job(at(50)).await.unwrap().is_some());
    let change = JobChange::Completed { result: "an answer".to_owned() };
    store.job_was_tried(VERSION_13_JOB.parse().unwrap(), change, None, at(60)).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_13_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_13, &path).unwrap();
    let store = Store::open(&path).unwrap();
    let id = VERSION_13_JOB.parse().unwrap();
    let job = store.job(DEFAULT_TENANT, id).await.unwrap().unwrap();
    assert_eq!((job.priority, job.status), (4, JobStatus::Completed));
    assert_eq!(job.result.as_deref(), Some("an answer"));
    assert_eq!((job.started_at, job.completed_at), (Some(at(50)), Some(at(60))));
}

/// What the fourteenth version of the schema can hold beside it.
async fn fill_logs(store: &Store) {
    let id = VERSION_1_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    store.append(Append { logs: vec![line("careful")], ..step(key, []) }).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_14_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_14, &path).unwrap();
    let store = Store::open(&path).unwrap();
    let id = VERSION_1_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    let NewLogLine { at, source, text } = line("careful");
    let kept = LogLineRecord { line: 0, at, source, text };
    assert_eq!(store.logs(key, None).await.unwrap(), [kept]);
}

const VERSION_15_RUN: &str = "1d0c9a3e-8a3b-4f2d-9c57-2f0c6f3a5e10";

/// What the fifteenth version of the schema can hold beside it.
async fn fill_evals(store: &Store) {
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
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_15, &path).unwrap();
    let store = Store::open(&path).unwrap();
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

async fn fill_schedules(store: &Store) {
    let id = VERSION_16_SCHEDULE.parse().unwrap();
    let schedule = ScheduleRecord { id, ..schedule("default", 5) };
    assert!(store.create_schedule(schedule.clone(), 10).await.unwrap());
    let held = came(RunOutcome::Held, 500, None);
    assert!(store.schedule_came(schedule, held).await.unwrap());
}

/// What the sixteenth version of the schema can hold beside it.
async fn fill_webhooks(store: &Store) {
    let id = VERSION_16_WEBHOOK.parse().unwrap();
    let webhook = WebhookRecord { id, ..webhook("default", &[WebhookEvent::BudgetReached]) };
    assert!(store.create_webhook(webhook, 10).await.unwrap());
    store.put_trial("default", id, at(50)).await.unwrap();
    let (due, _) = store.due_deliveries(1, at(60)).await.unwrap();
    store.delivery_was_tried(due[0].key, Attempt::Answered(503), 0, at(60)).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_16_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_16, &path).unwrap();
    let store = Store::open(&path).unwrap();
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

#[tokio::test]
#[ignore = "writes the fixture of a new version of the schema"]
async fn record_this_version() {
    let newest = newest_version();
    let path = PathBuf::from(VERSION_1).with_file_name(format!("v{newest}.db"));
    assert!(!path.exists(), "a fixture is never made anew");
    let fixture = Fixture::new();
    fill(&fixture.store).await;
    fill_more(&fixture.store).await;
    fill_transcript(&fixture.store).await;
    fill_hosts(&fixture.store).await;
    fixture.store.create_key(a_key()).await.unwrap();
    fill_audit(&fixture.store).await;
    fill_archive(&fixture.store).await;
    fill_budget(&fixture.store).await;
    fill_limits(&fixture.store).await;
    fill_versions(&fixture.store).await;
    fill_usage(&fixture.store).await;
    assert!(fixture.store.create_credential(a_credential(), 1).await.unwrap());
    fill_attachment(&fixture.store).await;
    fill_jobs(&fixture.store).await;
    fill_logs(&fixture.store).await;
    fill_evals(&fixture.store).await;
    fill_webhooks(&fixture.store).await;
    fill_schedules(&fixture.store).await;
    fixture.store.close().await;
    fs::copy(fixture.path(), path).unwrap();
}

#[tokio::test]
async fn a_database_of_version_2_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_2, &path).unwrap();
    let store = Store::open(&path).unwrap();
    assert_filled_more(&store).await;
}

async fn assert_filled(store: &Store) {
    let name = "qa-bot".parse().unwrap();
    let agent = store.agent(DEFAULT_TENANT, &name).await.unwrap().unwrap();
    assert_eq!((agent.version, agent.files, agent.bytes), (1, 2, 345));
    assert_eq!(agent.environment["A"], "1");
    let id = VERSION_1_SESSION.parse().unwrap();
    let session = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap();
    assert_eq!(
        (session.status, session.uid, session.bridge_stored),
        (Status::Active, Some(700), 8)
    );
    assert_eq!(
        (session.environment["KEY"].as_str(), session.placeholder.as_str()),
        ("value", "placeholder")
    );
    let counters = store.counters(session.key).await.unwrap();
    assert_eq!(counters, Counters { frame: 4, message: 1, timeline: 1, turn: 2 });
    let frames = store.frames(session.key, page(0, 10)).await.unwrap();
    assert_eq!(sequences(&frames), [1, 4]);
    assert_eq!(&frames[1].data[..], b"frame 4");
    let messages = store.messages(session.key, page(0, 10)).await.unwrap();
    assert_eq!((messages[0].role, messages[0].frame.turn), (Role::User, Some(1)));
    let timeline = store.timeline(session.key, page(0, 10), None).await.unwrap();
    assert_eq!((timeline[0].part, timeline[0].frame.width), (4, 3));
    let pending = store.pending_turns(session.key).await.unwrap();
    assert_eq!(pending.iter().map(|turn| turn.ordinal).collect::<Vec<_>>(), [2]);
}

/// A database that something else than the store makes.
fn foreign(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
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
async fn a_database_of_version_1_loads_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(VERSION_1, &path).unwrap();
    let store = Store::open(&path).unwrap();
    assert_filled(&store).await;
    let session = store.session(DEFAULT_TENANT, VERSION_1_SESSION.parse().unwrap()).await.unwrap();
    store.append(step(session.unwrap().key, [frame(5)])).await.unwrap();
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
            connection.execute("UPDATE sessions SET environment = 'x' WHERE id = ?1", [&id])?;
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
        .read(
            |connection| Ok(connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?),
        )
        .await
        .unwrap();
    assert_eq!(judgment, "ok");
}
