//! The versions 1 to 9: what their fixtures hold, and that it is there.

use super::super::*;
use super::{VERSION_1_SESSION, VERSION_4_SESSION, released};
use crate::scope::Scope;

/// What the fixture holds.
pub(in crate::store::tests) async fn fill(store: &Store) {
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
pub(super) async fn fill_more(store: &Store) {
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
pub(super) async fn fill_transcript(store: &Store) {
    let id = VERSION_1_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    let part = |entry: Option<&str>, data: &'static [u8]| NewTranscript {
        conversation: None,
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
    assert_eq!(store.transcript(key).await.unwrap().end.as_deref(), Some("e1"));
    let second = store.transcript_part(key, 1).await.unwrap().unwrap();
    assert_eq!((second.part, second.bytes, &second.data[..]), (2, 100, &b"two"[..]));
    assert_eq!(store.transcript_part(key, 2).await.unwrap(), None);
}

#[tokio::test]
async fn a_database_of_version_3_loads_for_ever() {
    let (_directory, store) = released(3);
    assert_filled_more(&store).await;
    assert_filled_transcript(&store).await;
}

/// What the fourth version of the schema can hold beside it.
pub(super) async fn fill_hosts(store: &Store) {
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
    let (_directory, store) = released(4);
    assert_filled_more(&store).await;
    assert_filled_hosts(&store).await;
}

/// What the fifth version of the schema can hold beside it.
pub(super) fn a_key() -> ApiKeyRecord {
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
    let (_directory, store) = released(5);
    assert_filled_hosts(&store).await;
    assert_eq!(store.keys().await.unwrap(), [a_key()]);
}

/// What the sixth version of the schema can hold beside it.
pub(super) async fn fill_audit(store: &Store) {
    let session = VERSION_4_SESSION.parse().unwrap();
    let entry =
        NewAuditEntry { session, at: at(9), entry: "{}".to_owned(), used: None, credential: None };
    let run = VERSION_1_SESSION.parse().unwrap();
    store.append_audit(NewAudit { run, through: 1, entries: vec![entry] }).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_6_loads_for_ever() {
    let (_directory, store) = released(6);
    assert_filled_hosts(&store).await;
    let id = VERSION_4_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    // A report of that run is known.
    fill_audit(&store).await;
    let entries = store.audit(key, 0, 10).await.unwrap();
    assert_eq!(entries, [AuditRecord { sequence: 1, at: at(9), entry: "{}".to_owned() }]);
}

/// What the seventh version of the schema can hold beside it.
pub(super) async fn fill_archive(store: &Store) {
    let id = VERSION_1_SESSION.parse().unwrap();
    let key = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap().key;
    let note = ArchiveNote { made_at: at(9), bytes: 77, place: FilesPlace::Away };
    store.note_archive(key, "{}".to_owned(), note).await.unwrap();
}

#[tokio::test]
async fn a_database_of_version_7_loads_for_ever() {
    let (_directory, store) = released(7);
    assert_filled_hosts(&store).await;
    let id = VERSION_1_SESSION.parse().unwrap();
    let session = store.session(DEFAULT_TENANT, id).await.unwrap().unwrap();
    let note = session.archive.unwrap();
    assert_eq!((note.made_at, note.bytes, note.place), (at(9), 77, FilesPlace::Away));
    assert_eq!(store.archive_manifest(session.key).await.unwrap().as_deref(), Some("{}"));
}

/// What the eighth version of the schema can hold beside it.
pub(super) async fn fill_budget(store: &Store) {
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
    let (_directory, store) = released(8);
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
pub(super) async fn fill_limits(store: &Store) {
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
    let (_directory, store) = released(9);
    let limits = async |name: &str| {
        let name = name.parse().unwrap();
        store.agent(DEFAULT_TENANT, &name).await.unwrap().unwrap().limits
    };
    assert_eq!(limits("limited").await, [("memoryMib".to_owned(), 512)].into());
    assert!(limits("qa-bot").await.is_empty());
}

#[tokio::test]
async fn a_database_of_version_2_loads_for_ever() {
    let (_directory, store) = released(2);
    assert_filled_more(&store).await;
}

pub(in crate::store::tests) async fn assert_filled(store: &Store) {
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

#[tokio::test]
async fn a_database_of_version_1_loads_for_ever() {
    let (_directory, store) = released(1);
    assert_filled(&store).await;
    let session = store.session(DEFAULT_TENANT, VERSION_1_SESSION.parse().unwrap()).await.unwrap();
    store.append(step(session.unwrap().key, [frame(5)])).await.unwrap();
}
