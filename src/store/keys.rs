//! API keys: who may come in, and for what.

use super::database::params;
use super::writer::Terms;
use super::{Store, StoreError, row};
use crate::clock::Timestamp;
use crate::id::KeyId;
use crate::scope::Scope;

/// A key survives a power cut, and a revoked one does not come back with it.
const DURABLE: Terms = Terms { durable: true, bytes: 0 };

/// An API key, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKeyRecord {
    pub(crate) id: KeyId,
    pub(crate) tenant: String,
    pub(crate) label: Option<String>,
    pub(crate) scope: Scope,
    /// The first characters, by which its holder knows it.
    pub(crate) prefix: String,
    /// SHA-256.
    pub(crate) digest: [u8; 32],
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) last_used_at: Option<Timestamp>,
}

impl Store {
    pub(crate) async fn create_key(&self, key: ApiKeyRecord) -> Result<(), StoreError> {
        self.write(DURABLE, move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO api_keys (id, tenant, label, scope, prefix, digest, created_at,
                        expires_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    key.id.to_string(),
                    key.tenant,
                    key.label,
                    key.scope.as_str(),
                    key.prefix,
                    key.digest,
                    key.created_at.as_millis(),
                    key.expires_at.map(Timestamp::as_millis),
                ])?;
            Ok(())
        })
        .await
    }

    /// All of them, the oldest first.
    pub(crate) async fn keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, tenant, label, scope, prefix, digest, created_at, expires_at,
                    last_used_at
                 FROM api_keys ORDER BY created_at, id",
            )?;
            let keys = statement.query_map(params![], |row| {
                Ok(ApiKeyRecord {
                    id: row::parsed(row, 0)?,
                    tenant: row.get(1)?,
                    label: row.get(2)?,
                    scope: row::word(row, 3, Scope::parse)?,
                    prefix: row.get(4)?,
                    digest: row.get(5)?,
                    created_at: row::timestamp(row, 6)?,
                    expires_at: row::maybe_timestamp(row, 7)?,
                    last_used_at: row::maybe_timestamp(row, 8)?,
                })
            })?;
            Ok(keys.collect::<Result<_, _>>()?)
        })
        .await
    }

    pub(crate) async fn key_used(&self, id: KeyId, at: Timestamp) -> Result<(), StoreError> {
        self.write(Terms::default(), move |connection| {
            connection
                .prepare_cached("UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1")?
                .execute(params![id.to_string(), at.as_millis()])?;
            Ok(())
        })
        .await
    }

    /// Says whether there was one.
    pub(crate) async fn delete_key(&self, id: KeyId) -> Result<bool, StoreError> {
        self.write(DURABLE, move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM api_keys WHERE id = ?1")?
                .execute([id.to_string()])?;
            Ok(deleted > 0)
        })
        .await
    }
}
