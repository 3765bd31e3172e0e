//! Credentials of tenants.

use super::*;
use crate::id::CredentialId;

fn record(tenant: &str, number: i64) -> CredentialRecord {
    CredentialRecord {
        id: CredentialId::new(),
        tenant: tenant.to_owned(),
        kind: "anthropic".to_owned(),
        label: None,
        sealed: vec![0, 255],
        created_at: at(number),
        last_used_at: None,
    }
}

#[tokio::test]
async fn a_credential_is_its_tenants_and_there_are_so_many() {
    let Fixture { store, .. } = &Fixture::new();
    let (one, two, other) = (record("team", 1), record("team", 2), record("other", 3));
    for credential in [&two, &one, &other] {
        assert!(store.create_credential(credential.clone(), 2).await.unwrap());
    }
    assert!(!store.create_credential(record("team", 4), 2).await.unwrap(), "no room");
    assert_eq!(store.credentials("team").await.unwrap(), [one.clone(), two.clone()]);
    assert_eq!(store.credential("team", one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(store.credential("other", one.id).await.unwrap(), None);
    assert!(!store.delete_credential("other", one.id).await.unwrap());
    assert!(store.delete_credential("team", one.id).await.unwrap());
    assert!(!store.delete_credential("team", one.id).await.unwrap());
    assert_eq!(store.credentials("team").await.unwrap(), [two]);
}

#[tokio::test]
async fn its_use_is_noted_with_the_audit_to_the_minute() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let session = fixture.session().await;
    let credential = record("team", 1);
    store.create_credential(credential.clone(), 1).await.unwrap();
    let run = uuid::Uuid::new_v4();
    let used = async |through, millis| {
        let entry = NewAuditEntry {
            session: session.id,
            at: Timestamp::from_millis(millis),
            entry: "{}".to_owned(),
            used: None,
            credential: Some(credential.id),
        };
        store.append_audit(NewAudit { run, through, entries: vec![entry] }).await.unwrap();
        let found = store.credential("team", credential.id).await.unwrap().unwrap();
        found.last_used_at.map(Timestamp::as_millis)
    };
    assert_eq!(used(1, 100_000).await, Some(100_000));
    assert_eq!(used(2, 159_999).await, Some(100_000));
    assert_eq!(used(3, 160_000).await, Some(160_000));
}

#[tokio::test]
async fn the_sessions_of_a_credential_are_found_by_their_options() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let (session, _other) = (fixture.session().await, fixture.session().await);
    let credential = CredentialId::new();
    let options = Some(format!(r#"{{"credentialId":"{credential}"}}"#));
    let change = SessionChange { options, ..SessionChange::default() };
    store.update_session(session.id, change).await.unwrap();
    let found = async |tenant| store.sessions_with_credential(tenant, credential).await.unwrap();
    assert_eq!(found(DEFAULT_TENANT).await, [session.id]);
    assert_eq!(found("other").await, []);
    let ended = Some((Status::Ended, at(9)));
    let change = SessionChange { status: ended, ..SessionChange::default() };
    store.update_session(session.id, change).await.unwrap();
    assert_eq!(found(DEFAULT_TENANT).await, []);
}
