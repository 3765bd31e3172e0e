//! The versions of an agent. Their files lie elsewhere, under their digests.

use super::agent_record::{AgentRecord, NewVersion, VersionName, VersionRecord, VersionWords};
use super::agents::{find, keep};
use super::database::{self, Connection, Optional as _, Row, params};
use super::writer::Terms;
use super::{Store, StoreError, row};
use crate::clock::Timestamp;
use crate::id::{AgentName, VersionId};

/// Most versions of an agent that are kept, with their files: as many as a person looks through. The
/// oldest goes when another comes, never the active one.
pub(super) const VERSIONS_MAX: u32 = 100;

const DURABLE: Terms = Terms { durable: true, bytes: 0 };

const VERSION: &str = "SELECT v.id, v.version, v.digest, v.files, v.bytes, v.name, v.system_prompt,
    v.release_notes, v.knowledge_files, v.created_by, v.created_at, v.updated_at, v.version = a.version
    FROM agent_versions v JOIN agents a ON a.id = v.agent
    WHERE a.tenant = ?1 AND a.name = ?2";

/// What became of a change of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VersionChange<T> {
    Done(T),
    NoAgent,
    NoVersion,
    /// It is the active one.
    Active,
    /// Another version is active than the one it was made from.
    Moved,
}

impl Store {
    /// Of an agent, the newest first; none if there is no such agent.
    pub(crate) async fn versions(
        &self,
        tenant: &str,
        name: &AgentName,
    ) -> Result<Option<Vec<VersionRecord>>, StoreError> {
        let (tenant, name) = (tenant.to_owned(), name.clone());
        self.read(move |connection| {
            if find(connection, &tenant, &name)?.is_none() {
                return Ok(None);
            }
            let sql = format!("{VERSION} ORDER BY v.version DESC");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map([&tenant, name.as_str()], version)?;
            Ok(Some(rows.collect::<Result<_, _>>()?))
        })
        .await
    }

    pub(crate) async fn version(
        &self,
        tenant: &str,
        name: &AgentName,
        which: VersionName,
    ) -> Result<Option<VersionRecord>, StoreError> {
        let (tenant, name) = (tenant.to_owned(), name.clone());
        self.read(move |connection| one(connection, &tenant, &name, which)).await
    }

    /// Another version of an agent that exists, beside the active one.
    pub(crate) async fn add_version(
        &self,
        new: NewVersion,
    ) -> Result<VersionChange<VersionRecord>, StoreError> {
        self.write(DURABLE, move |connection| {
            let Some(agent) = find(connection, &new.tenant, &new.name)? else {
                return Ok(VersionChange::NoAgent);
            };
            let agent = AgentRecord { last_version: agent.last_version + 1, ..agent };
            keep(connection, &agent)?;
            add(connection, &agent, agent.last_version, &new)?;
            forget_oldest(connection, &agent)?;
            let which = VersionName::Number(agent.last_version);
            let added = one(connection, &new.tenant, &new.name, which)?;
            Ok(added.map_or(VersionChange::NoVersion, VersionChange::Done))
        })
        .await
    }

    /// The next version of an agent whose active one is still `from`, active then.
    pub(crate) async fn edit_agent(
        &self,
        from: u32,
        new: NewVersion,
    ) -> Result<VersionChange<AgentRecord>, StoreError> {
        self.write(DURABLE, move |connection| {
            let Some(agent) = find(connection, &new.tenant, &new.name)? else {
                return Ok(VersionChange::NoAgent);
            };
            if agent.version != from {
                return Ok(VersionChange::Moved);
            }
            let agent = super::agents::next(Some(agent), &new);
            keep(connection, &agent)?;
            add(connection, &agent, agent.version, &new)?;
            forget_oldest(connection, &agent)?;
            Ok(VersionChange::Done(agent))
        })
        .await
    }

    /// Makes it the one that new sessions get; `path` says where its digest lies.
    pub(crate) async fn activate_version<F>(
        &self,
        tenant: &str,
        name: &AgentName,
        which: VersionName,
        path: F,
        at: Timestamp,
    ) -> Result<VersionChange<AgentRecord>, StoreError>
    where
        F: Fn(&str) -> String + Send + 'static,
    {
        let (tenant, name) = (tenant.to_owned(), name.clone());
        self.write(DURABLE, move |connection| {
            let Some(agent) = find(connection, &tenant, &name)? else {
                return Ok(VersionChange::NoAgent);
            };
            let Some(found) = one(connection, &tenant, &name, which)? else {
                return Ok(VersionChange::NoVersion);
            };
            if found.active {
                return Ok(VersionChange::Done(agent));
            }
            let path = path(&found.digest);
            let VersionRecord { version, digest, files, bytes, .. } = found;
            let agent =
                AgentRecord { version, digest, files, bytes, path, updated_at: at, ..agent };
            keep(connection, &agent)?;
            Ok(VersionChange::Done(agent))
        })
        .await
    }

    /// Changes what is told of a version; what is `None` stays.
    pub(crate) async fn describe_version(
        &self,
        tenant: &str,
        name: &AgentName,
        which: VersionName,
        words: VersionWordsChange,
        at: Timestamp,
    ) -> Result<VersionChange<VersionRecord>, StoreError> {
        let (tenant, name) = (tenant.to_owned(), name.clone());
        self.write(DURABLE, move |connection| {
            if find(connection, &tenant, &name)?.is_none() {
                return Ok(VersionChange::NoAgent);
            }
            let Some(found) = one(connection, &tenant, &name, which)? else {
                return Ok(VersionChange::NoVersion);
            };
            let words = VersionWords {
                name: words.name.clone().unwrap_or(found.words.name),
                release_notes: words.release_notes.clone().unwrap_or(found.words.release_notes),
                knowledge_files: words
                    .knowledge_files
                    .clone()
                    .unwrap_or(found.words.knowledge_files),
                ..found.words
            };
            connection
                .prepare_cached(
                    "UPDATE agent_versions SET name = ?2, release_notes = ?3, knowledge_files = ?4,
                        updated_at = ?5 WHERE id = ?1",
                )?
                .execute(params![
                    found.id.to_string(),
                    words.name,
                    words.release_notes,
                    row::texts_text(&words.knowledge_files),
                    at.as_millis(),
                ])?;
            Ok(VersionChange::Done(VersionRecord { words, updated_at: at, ..found }))
        })
        .await
    }

    /// Forgets a version that is not the active one.
    pub(crate) async fn delete_version(
        &self,
        tenant: &str,
        name: &AgentName,
        which: VersionName,
    ) -> Result<VersionChange<VersionRecord>, StoreError> {
        let (tenant, name) = (tenant.to_owned(), name.clone());
        self.write(DURABLE, move |connection| {
            if find(connection, &tenant, &name)?.is_none() {
                return Ok(VersionChange::NoAgent);
            }
            match one(connection, &tenant, &name, which)? {
                None => Ok(VersionChange::NoVersion),
                Some(found) if found.active => Ok(VersionChange::Active),
                Some(found) => {
                    connection
                        .prepare_cached("DELETE FROM agent_versions WHERE id = ?1")?
                        .execute([found.id.to_string()])?;
                    Ok(VersionChange::Done(found))
                }
            }
        })
        .await
    }
}

/// What of a version's words changes; an inner `None` takes one away.
#[expect(clippy::option_option, reason = "a name can be taken away")]
#[derive(Debug, Clone, Default)]
pub(crate) struct VersionWordsChange {
    pub(crate) name: Option<Option<String>>,
    pub(crate) release_notes: Option<Option<String>>,
    pub(crate) knowledge_files: Option<Vec<String>>,
}

pub(super) fn add(
    connection: &Connection,
    agent: &AgentRecord,
    number: u32,
    new: &NewVersion,
) -> Result<(), StoreError> {
    let VersionWords { name, system_prompt, release_notes, knowledge_files, created_by } =
        &new.words;
    connection
        .prepare_cached(
            "INSERT INTO agent_versions (agent, version, digest, files, bytes, created_at, id, name,
                system_prompt, release_notes, knowledge_files, created_by, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?6)",
        )?
        .execute(params![
            agent.id.to_string(),
            number,
            new.digest,
            new.files,
            new.bytes,
            new.at.as_millis(),
            VersionId::new().to_string(),
            name,
            system_prompt,
            release_notes,
            row::texts_text(knowledge_files),
            created_by,
        ])?;
    Ok(())
}

pub(super) fn forget_oldest(
    connection: &Connection,
    agent: &AgentRecord,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM agent_versions WHERE agent = ?1 AND version <> ?2 AND version NOT IN
                (SELECT version FROM agent_versions WHERE agent = ?1 ORDER BY version DESC LIMIT ?3)",
        )?
        .execute(params![agent.id.to_string(), agent.version, VERSIONS_MAX])?;
    Ok(())
}

fn one(
    connection: &Connection,
    tenant: &str,
    name: &AgentName,
    which: VersionName,
) -> Result<Option<VersionRecord>, StoreError> {
    let found = match which {
        VersionName::Number(number) => connection
            .prepare_cached(&format!("{VERSION} AND v.version = ?3"))?
            .query_row(params![tenant, name.as_str(), number], version),
        VersionName::Id(id) => connection
            .prepare_cached(&format!("{VERSION} AND v.id = ?3"))?
            .query_row(params![tenant, name.as_str(), id.to_string()], version),
    };
    Ok(found.optional()?)
}

fn version(row: &Row<'_>) -> database::Result<VersionRecord> {
    Ok(VersionRecord {
        id: row::parsed(row, 0)?,
        version: row.get(1)?,
        digest: row.get(2)?,
        files: row.get(3)?,
        bytes: row.get(4)?,
        words: VersionWords {
            name: row.get(5)?,
            system_prompt: row.get(6)?,
            release_notes: row.get(7)?,
            knowledge_files: row::texts(row, 8)?,
            created_by: row.get(9)?,
        },
        created_at: row::timestamp(row, 10)?,
        updated_at: row::timestamp(row, 11)?,
        active: row.get(12)?,
    })
}
