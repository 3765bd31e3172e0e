//! API keys: made, listed, revoked, and recognized at the door.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{Caller, Control, Refusal};
use crate::clock::Timestamp;
use crate::id::{DEFAULT_TENANT, KeyId};
use crate::scope::Scope;
use crate::store::{ApiKeyRecord, Store, StoreError};
use crate::wire::keys::{ApiKey, ApiKeyList, CreateApiKey, CreatedApiKey};

/// Keys that there may be, of all tenants: each is held in memory, some 300 bytes.
const KEYS_MAX: usize = 10_000;

/// Characters of a label, and of a tenant's name.
const LABEL_CHARACTERS_MAX: usize = 200;
const TENANT_CHARACTERS_MAX: usize = 64;

/// Longest life of a key that has an end, in seconds: ten years.
const LIFE_SECONDS_MAX: u64 = 10 * 366 * 24 * 60 * 60;

/// Random bytes of a key: nobody finds one by trying.
const KEY_BYTES: usize = 24;

/// Characters of a key that are shown: `ash_` and enough to tell keys apart.
const PREFIX_CHARACTERS: usize = 10;

/// The use of a key is noted once in a minute: a key that is always in use writes nothing else.
const NOTED_MILLIS: i64 = 60_000;

/// The keys that open the TCP door, as digests: the keys themselves are not kept.
#[derive(Clone)]
pub(crate) struct Keys {
    /// That of the configuration, or the one which was made at the first start: for everything.
    configured: Arc<RwLock<Configured>>,
    made: Arc<RwLock<HashMap<[u8; 32], Arc<Made>>>>,
    /// One key is made at a time, so that their number keeps its limit.
    making: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct Configured {
    digest: [u8; 32],
    /// Cancelled when another one takes its place.
    revoked: CancellationToken,
}

impl Configured {
    fn new(key: &str) -> Self {
        Self { digest: digest(key), revoked: CancellationToken::new() }
    }
}

#[derive(Debug)]
struct Made {
    record: ApiKeyRecord,
    revoked: CancellationToken,
    /// In milliseconds since 1970; 0 for never.
    used_at: AtomicI64,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.read().len() + 1)
    }
}

/// Whom a key lets in, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) tenant: String,
    pub(crate) scope: Scope,
    /// Its id; none of the configured one.
    pub(crate) key: Option<KeyId>,
}

/// Until when what a key has opened stays open.
#[derive(Debug, Clone)]
pub(crate) struct KeyEnd {
    revoked: CancellationToken,
    expires_at: Option<Timestamp>,
}

impl KeyEnd {
    /// The key was revoked, or has expired.
    pub(crate) async fn reached(self) {
        let expired = async {
            let Some(end) = self.expires_at else { return std::future::pending().await };
            let left = end.as_millis().saturating_sub(Timestamp::now().as_millis());
            tokio::time::sleep(Duration::from_millis(u64::try_from(left).unwrap_or(0))).await;
        };
        tokio::select! {
            () = self.revoked.cancelled() => {}
            () = expired => {}
        }
    }
}

/// Why a key does not open the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("Invalid API key")]
    Unknown,
    #[error("this API key has expired")]
    Expired,
}

impl Keys {
    /// No key but the configured one is known until [`Control::load_keys`].
    pub(crate) fn new(configured: &str) -> Self {
        let configured = Arc::new(RwLock::new(Configured::new(configured)));
        Self { configured, made: Arc::default(), making: Arc::default() }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<[u8; 32], Arc<Made>>> {
        self.made.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<[u8; 32], Arc<Made>>> {
        self.made.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A digest that is looked up tells nothing of how much of a key was right.
    fn find(
        &self,
        given: &str,
        now: Timestamp,
    ) -> Result<(Holder, KeyEnd, Option<Arc<Made>>), KeyError> {
        let given = digest(given);
        let configured = self.configured.read().unwrap_or_else(PoisonError::into_inner);
        if configured.digest.ct_eq(&given).into() {
            let tenant = DEFAULT_TENANT.to_owned();
            let holder = Holder { tenant, scope: Scope::Admin, key: None };
            let end = KeyEnd { revoked: configured.revoked.clone(), expires_at: None };
            return Ok((holder, end, None));
        }
        drop(configured);
        let made = self.read().get(&given).map(Arc::clone).ok_or(KeyError::Unknown)?;
        if made.record.expires_at.is_some_and(|end| end <= now) {
            return Err(KeyError::Expired);
        }
        let ApiKeyRecord { ref tenant, scope, id, .. } = made.record;
        let holder = Holder { tenant: tenant.clone(), scope, key: Some(id) };
        let (revoked, expires_at) = (made.revoked.clone(), made.record.expires_at);
        Ok((holder, KeyEnd { revoked, expires_at }, Some(made)))
    }
}

impl Made {
    /// Says whether this use is to be noted.
    fn used(&self, now: Timestamp) -> bool {
        let before = self.used_at.load(Ordering::Relaxed);
        let now = now.as_millis();
        now.saturating_sub(before) >= NOTED_MILLIS
            && self
                .used_at
                .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn shown(&self) -> ApiKey {
        let used = self.used_at.load(Ordering::Relaxed);
        ApiKey {
            last_used_at: (used != 0).then(|| Timestamp::from_millis(used)),
            ..shown(&self.record)
        }
    }
}

impl Control {
    /// To be called before a door opens.
    pub(crate) async fn load_keys(&self) -> Result<(), StoreError> {
        let records = self.host.store.keys().await?;
        let made = records.into_iter().map(|record| (record.digest, Arc::new(Made::from(record))));
        *self.keys.write() = made.collect();
        Ok(())
    }

    /// Another key of the configuration from the next request on; answers whether it is another.
    pub(crate) fn configured_key(&self, key: &str) -> bool {
        let mut known = self.keys.configured.write().unwrap_or_else(PoisonError::into_inner);
        let new = Configured::new(key);
        if known.digest == new.digest {
            return false;
        }
        std::mem::replace(&mut *known, new).revoked.cancel();
        true
    }

    /// Whom a key lets in, and until when.
    pub(crate) fn recognize(&self, key: &str) -> Result<(Holder, KeyEnd), KeyError> {
        let now = Timestamp::now();
        let (holder, end, made) = self.keys.find(key, now)?;
        if let Some(made) = made.filter(|made| made.used(now)) {
            drop(tokio::spawn(note(self.host.store.clone(), made.record.id, now)));
        }
        Ok((holder, end))
    }

    pub(crate) async fn create_key(
        &self,
        caller: &Caller,
        request: CreateApiKey,
    ) -> Result<CreatedApiKey, Refusal> {
        let tenant = match request.tenant_id {
            None => caller.tenant.clone(),
            Some(tenant) if tenant == caller.tenant || caller.administrator => tenant_name(tenant)?,
            Some(_) => return Err(Refusal::ForeignTenant),
        };
        let label = request.label.filter(|label| !label.is_empty());
        if label.as_ref().is_some_and(|label| label.chars().count() > LABEL_CHARACTERS_MAX) {
            return Err(Refusal::KeyLabel { max: LABEL_CHARACTERS_MAX });
        }
        let created_at = Timestamp::now();
        let expires_at = match request.expires_in_seconds {
            None => None,
            Some(seconds @ 1..=LIFE_SECONDS_MAX) => {
                let millis = i64::try_from(seconds * 1_000).unwrap_or(i64::MAX);
                Some(Timestamp::from_millis(created_at.as_millis().saturating_add(millis)))
            }
            Some(_) => return Err(Refusal::KeyLife { max: LIFE_SECONDS_MAX }),
        };
        let key = new_key();
        let record = ApiKeyRecord {
            id: KeyId::new(),
            tenant,
            label,
            scope: request.scope.unwrap_or_default(),
            prefix: key.chars().take(PREFIX_CHARACTERS).collect(),
            digest: digest(&key),
            created_at,
            expires_at,
            last_used_at: None,
        };
        let _alone = self.keys.making.lock().await;
        if self.keys.read().len() >= KEYS_MAX {
            return Err(Refusal::TooManyKeys { max: KEYS_MAX });
        }
        self.host.store.create_key(record.clone()).await?;
        let about = shown(&record);
        tracing::info!(key = %about.id, tenant = about.tenant_id, scope = about.scope.as_str(), "an API key was made");
        self.keys.write().insert(record.digest, Arc::new(Made::from(record)));
        Ok(CreatedApiKey { key: key.to_string(), about })
    }

    /// The keys of the caller's tenant; for an administrator of the host who names none, of all. The
    /// oldest first.
    pub(crate) fn list_keys(&self, caller: &Caller, names_tenant: bool) -> ApiKeyList {
        let keys = self.keys.read();
        let of_all = caller.administrator && !names_tenant;
        let seen = keys.values().filter(|made| of_all || made.record.tenant == caller.tenant);
        let mut keys: Vec<ApiKey> = seen.map(|made| made.shown()).collect();
        keys.sort_by_key(|key| (key.created_at, key.id));
        ApiKeyList { keys }
    }

    /// From now on the key opens nothing, and streams that it has opened end; turns go on.
    pub(crate) async fn revoke_key(&self, caller: &Caller, id: KeyId) -> Result<(), Refusal> {
        let digest = {
            let keys = self.keys.read();
            let mine = |made: &&Arc<Made>| {
                made.record.id == id
                    && (caller.administrator || made.record.tenant == caller.tenant)
            };
            keys.values().find(mine).map(|made| made.record.digest)
        };
        let digest = digest.ok_or(Refusal::KeyNotFound)?;
        // Closed first: a key that the store cannot forget is still refused until the next start.
        if let Some(made) = self.keys.write().remove(&digest) {
            made.revoked.cancel();
        }
        self.host.store.delete_key(id).await?;
        tracing::info!(key = %id, "an API key was revoked");
        Ok(())
    }
}

async fn note(store: Store, id: KeyId, at: Timestamp) {
    if let Err(error) = store.key_used(id, at).await {
        tracing::warn!(key = %id, %error, "the use of an API key could not be noted");
    }
}

impl From<ApiKeyRecord> for Made {
    fn from(record: ApiKeyRecord) -> Self {
        let used_at = AtomicI64::new(record.last_used_at.map_or(0, Timestamp::as_millis));
        Self { record, revoked: CancellationToken::new(), used_at }
    }
}

fn shown(record: &ApiKeyRecord) -> ApiKey {
    ApiKey {
        id: record.id,
        tenant_id: record.tenant.clone(),
        label: record.label.clone(),
        scope: record.scope,
        key_prefix: record.prefix.clone(),
        created_at: record.created_at,
        expires_at: record.expires_at,
        last_used_at: record.last_used_at,
    }
}

/// Judges a tenant's name: it stands in logs, and one day in paths.
pub(crate) fn tenant_name(name: String) -> Result<String, Refusal> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=TENANT_CHARACTERS_MAX).contains(&name.len()) && name.bytes().all(plain) {
        Ok(name)
    } else {
        Err(Refusal::TenantName { max: TENANT_CHARACTERS_MAX })
    }
}

/// A key that nobody has yet, in the original's form.
pub(crate) fn new_key() -> Zeroizing<String> {
    let mut random = Zeroizing::new([0_u8; KEY_BYTES]);
    getrandom::fill(random.as_mut()).expect("Linux has had getrandom(2) since 3.17");
    Zeroizing::new(format!("ash_{}", URL_SAFE_NO_PAD.encode(random.as_slice())))
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(key: &str, expires_at: Option<i64>) -> ([u8; 32], Arc<Made>) {
        let record = ApiKeyRecord {
            id: KeyId::new(),
            tenant: "one".to_owned(),
            label: None,
            scope: Scope::Read,
            prefix: String::new(),
            digest: digest(key),
            created_at: Timestamp::from_millis(0),
            expires_at: expires_at.map(Timestamp::from_millis),
            last_used_at: None,
        };
        (record.digest, Arc::new(Made::from(record)))
    }

    #[test]
    fn a_key_opens_for_its_tenant_and_scope_until_it_expires() {
        let keys = Keys::new("configured");
        let (a, b) = (made("a", None), made("b", Some(500)));
        let ids = [a.1.record.id, b.1.record.id];
        *keys.write() = [a, b].into();
        let find = |key, now| keys.find(key, Timestamp::from_millis(now)).map(|found| found.0);
        let default = Holder { tenant: DEFAULT_TENANT.to_owned(), scope: Scope::Admin, key: None };
        assert_eq!(find("configured", 0), Ok(default));
        let one = |key| Holder { tenant: "one".to_owned(), scope: Scope::Read, key: Some(key) };
        assert_eq!(find("a", 10_000), Ok(one(ids[0])));
        assert_eq!(find("b", 499), Ok(one(ids[1])));
        assert_eq!(find("b", 500), Err(KeyError::Expired));
        for wrong in ["", "c", "a ", "configure"] {
            assert_eq!(find(wrong, 0), Err(KeyError::Unknown), "{wrong:?}");
        }
        assert_eq!(format!("{keys:?}"), "Keys(3)");
    }

    #[test]
    fn the_use_of_a_key_is_noted_once_in_a_minute() {
        let (_, made) = made("a", None);
        let noted: Vec<bool> = [100_000, 100_001, 159_999, 160_000, 160_001]
            .map(|now| made.used(Timestamp::from_millis(now)))
            .into();
        assert_eq!(noted, [true, false, false, true, false]);
    }

    #[test]
    fn keys_are_as_the_original_makes_them_and_never_the_same() {
        let key = new_key();
        assert!(key.starts_with("ash_") && key.len() == 36, "{}", key.as_str());
        assert_ne!(key, new_key());
    }

    #[test]
    fn a_tenant_is_one_plain_word() {
        for good in ["default", "Team-1_x", &"x".repeat(64)] {
            assert!(tenant_name(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "a b", "../x", "\u{e9}", &"x".repeat(65)] {
            assert!(
                matches!(tenant_name(bad.to_owned()), Err(Refusal::TenantName { .. })),
                "{bad}"
            );
        }
    }
}
