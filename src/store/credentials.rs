//! Credentials of tenants for the model API, as ashd has them: sealed.

use super::database::{self, Connection, Optional as _, Row, params};
use super::sessions::LIVE;
use super::writer::Terms;
use super::{Store, StoreError, row};
use crate::clock::Timestamp;
use crate::id::{CredentialId, SessionId};

/// One that was deleted does not come back with a power cut.
const DURABLE: Terms = Terms { durable: true, bytes: 0 };

/// The use of a credential is noted once in a minute.
const NOTED_MILLIS: i64 = 60_000;

const CREDENTIAL: &str =
    "SELECT id, tenant, kind, label, sealed, created_at, last_used_at FROM credentials";

/// A credential. Its secret is for egress alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CredentialRecord {
    pub(crate) id: CredentialId,
    pub(crate) tenant: String,
    /// For what it is; opaque here.
    pub(crate) kind: String,
    pub(crate) label: Option<String>,
    pub(crate) sealed: Vec<u8>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

impl Store {
    /// Says whether there was room: a tenant has at most `most`.
    pub(crate) async fn create_credential(
        &self,
        new: CredentialRecord,
        most: usize,
    ) -> Result<bool, StoreError> {
        self.write(DURABLE, move |connection| {
            let count: usize = connection
                .prepare_cached("SELECT count(*) FROM credentials WHERE tenant = ?1")?
                .query_row([&new.tenant], |row| row.get(0))?;
            if count >= most {
                return Ok(false);
            }
            connection
                .prepare_cached(
                    "INSERT INTO credentials (id, tenant, kind, label, sealed, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    new.id.to_string(),
                    new.tenant,
                    new.kind,
                    new.label,
                    new.sealed,
                    new.created_at.as_millis(),
                ])?;
            Ok(true)
        })
        .await
    }

    /// The oldest first.
    pub(crate) async fn credentials(
        &self,
        tenant: &str,
    ) -> Result<Vec<CredentialRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            let sql = format!("{CREDENTIAL} WHERE tenant = ?1 ORDER BY created_at, id");
            let mut statement = connection.prepare_cached(&sql)?;
            let found = statement.query_map([tenant], credential)?.collect::<Result<_, _>>()?;
            Ok(found)
        })
        .await
    }

    pub(crate) async fn credential(
        &self,
        tenant: &str,
        id: CredentialId,
    ) -> Result<Option<CredentialRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            let found = connection
                .prepare_cached(&format!("{CREDENTIAL} WHERE id = ?1 AND tenant = ?2"))?
                .query_row([id.to_string(), tenant], credential)
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// Says whether there was one.
    pub(crate) async fn delete_credential(
        &self,
        tenant: &str,
        id: CredentialId,
    ) -> Result<bool, StoreError> {
        let tenant = tenant.to_owned();
        self.write(DURABLE, move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM credentials WHERE id = ?1 AND tenant = ?2")?
                .execute([&id.to_string(), &tenant])?;
            Ok(deleted > 0)
        })
        .await
    }

    /// Sessions of a tenant that have not ended and whose options name the credential.
    pub(crate) async fn sessions_with_credential(
        &self,
        tenant: &str,
        id: CredentialId,
    ) -> Result<Vec<SessionId>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            // Few have its text anywhere: these are looked into.
            let sql = format!(
                "SELECT id, options FROM sessions WHERE tenant = ?1 AND {LIVE}
                    AND replace(options, ?2, '') <> options"
            );
            let id = id.to_string();
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([&tenant, &id])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let options: serde_json::Value = row::json(&row, 1)?;
                if options["credentialId"].as_str() == Some(&id) {
                    found.push(row::parsed(&row, 0)?);
                }
            }
            Ok(found)
        })
        .await
    }
}

/// Notes that it was used, to the minute.
pub(super) fn note_use(
    connection: &Connection,
    id: CredentialId,
    at: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE credentials SET last_used_at = ?2
             WHERE id = ?1 AND coalesce(last_used_at, 0) <= ?3",
        )?
        .execute(params![id.to_string(), at.as_millis(), at.as_millis() - NOTED_MILLIS])?;
    Ok(())
}

fn credential(row: &Row<'_>) -> database::Result<CredentialRecord> {
    Ok(CredentialRecord {
        id: row::parsed(row, 0)?,
        tenant: row.get(1)?,
        kind: row.get(2)?,
        label: row.get(3)?,
        sealed: row.get(4)?,
        created_at: row::timestamp(row, 5)?,
        last_used_at: row::maybe_timestamp(row, 6)?,
    })
}
