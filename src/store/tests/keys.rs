//! API keys.

use super::*;
use crate::id::KeyId;
use crate::scope::Scope;

fn record(number: u8) -> ApiKeyRecord {
    ApiKeyRecord {
        id: KeyId::new(),
        tenant: "team".to_owned(),
        label: None,
        scope: Scope::Use,
        prefix: "ash_".to_owned(),
        digest: [number; 32],
        created_at: at(i64::from(number)),
        expires_at: None,
        last_used_at: None,
    }
}

#[tokio::test]
async fn a_key_is_kept_noted_and_forgotten() {
    let Fixture { store, .. } = &Fixture::new();
    let (one, two) = (record(1), record(2));
    for key in [&two, &one] {
        store.create_key(key.clone()).await.unwrap();
    }
    assert_eq!(store.keys().await.unwrap(), [one.clone(), two.clone()]);
    store.key_used(one.id, at(50)).await.unwrap();
    let used = ApiKeyRecord { last_used_at: Some(at(50)), ..one.clone() };
    assert_eq!(store.keys().await.unwrap(), [used, two.clone()]);
    assert!(store.delete_key(one.id).await.unwrap());
    assert!(!store.delete_key(one.id).await.unwrap());
    assert_eq!(store.keys().await.unwrap(), [two]);
}

#[tokio::test]
async fn two_keys_never_have_the_same_digest() {
    let Fixture { store, .. } = &Fixture::new();
    store.create_key(record(1)).await.unwrap();
    assert!(matches!(store.create_key(record(1)).await, Err(StoreError::Exists)));
}
