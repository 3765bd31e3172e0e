//! Agents and their versions.

use std::collections::{BTreeMap, BTreeSet};

use super::agent_record::{AgentRecord, NewVersion};
use super::database::{self, Connection, Optional as _, Row, params};
use super::sessions::LIVE;
use super::writer::Terms;
use super::{Store, StoreError, row};
use crate::clock::Timestamp;
use crate::id::{AgentId, AgentName};

/// A deployment survives a power cut: its bundle is on the disk already.
const DURABLE: Terms = Terms { durable: true, bytes: 0 };

const AGENT: &str = "SELECT id, tenant, name, version, digest, files, bytes, path, environment,
    created_at, updated_at, allowed_hosts, limits, config, last_version FROM agents";

impl Store {
    /// Makes the agent, or gives it its next version, which is active then.
    pub(crate) async fn deploy_agent(&self, new: NewVersion) -> Result<AgentRecord, StoreError> {
        self.write(DURABLE, move |connection| {
            let agent = next(find(connection, &new.tenant, &new.name)?, &new);
            keep(connection, &agent)?;
            super::versions::add(connection, &agent, agent.version, &new)?;
            super::versions::forget_oldest(connection, &agent)?;
            Ok(agent)
        })
        .await
    }

    /// What of an agent can change without a version. `change` is asked once nobody else can change it.
    pub(crate) async fn change_agent<E, F>(
        &self,
        tenant: &str,
        name: &AgentName,
        change: F,
    ) -> Result<Option<Result<AgentRecord, E>>, StoreError>
    where
        E: Send + 'static,
        F: Fn(AgentRecord) -> Result<AgentRecord, E> + Send + 'static,
    {
        let (tenant, name) = (tenant.to_owned(), name.clone());
        self.write(DURABLE, move |connection| {
            let Some(agent) = find(connection, &tenant, &name)? else { return Ok(None) };
            let changed = change(agent);
            if let Ok(agent) = &changed {
                keep(connection, agent)?;
            }
            Ok(Some(changed))
        })
        .await
    }

    pub(crate) async fn agent(
        &self,
        tenant: &str,
        name: &AgentName,
    ) -> Result<Option<AgentRecord>, StoreError> {
        let (tenant, name) = (tenant.to_owned(), name.clone());
        self.read(move |connection| find(connection, &tenant, &name)).await
    }

    /// In the order of their names.
    pub(crate) async fn agents(&self, tenant: &str) -> Result<Vec<AgentRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            let sql = format!("{AGENT} WHERE tenant = ?1 ORDER BY name");
            let mut statement = connection.prepare_cached(&sql)?;
            let agents = statement.query_map([&tenant], agent)?.collect::<Result<_, _>>()?;
            Ok(agents)
        })
        .await
    }

    /// Forgets the agent with its versions, cases and runs. Sessions live on: they know all they
    /// need.
    pub(crate) async fn delete_agent(
        &self,
        tenant: &str,
        name: &AgentName,
        now: Timestamp,
    ) -> Result<Option<AgentRecord>, StoreError> {
        let (tenant, name) = (tenant.to_owned(), name.clone());
        self.write(DURABLE, move |connection| {
            let found = find(connection, &tenant, &name)?;
            if let Some(agent) = &found {
                super::eval_runs::agent_goes(connection, agent.id, now)?;
                connection
                    .prepare_cached("DELETE FROM agents WHERE id = ?1")?
                    .execute([agent.id.to_string()])?;
            }
            Ok(found)
        })
        .await
    }

    /// The digests of every version of every agent, and of every session that has not ended.
    pub(crate) async fn digests_in_use(&self) -> Result<BTreeSet<String>, StoreError> {
        self.read(|connection| {
            let sql = format!(
                "SELECT digest FROM agent_versions UNION SELECT digest FROM sessions WHERE {LIVE}"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let digests =
                statement.query_map(params![], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(digests)
        })
        .await
    }
}

/// What a deployment makes of the agent, if there is one.
pub(super) fn next(before: Option<AgentRecord>, new: &NewVersion) -> AgentRecord {
    let base = before.unwrap_or_else(|| AgentRecord {
        id: AgentId::new(),
        tenant: new.tenant.clone(),
        name: new.name.clone(),
        version: 0,
        last_version: 0,
        digest: String::new(),
        files: 0,
        bytes: 0,
        path: String::new(),
        environment: BTreeMap::new(),
        config: "{}".to_owned(),
        allowed_hosts: Vec::new(),
        limits: BTreeMap::new(),
        created_at: new.at,
        updated_at: new.at,
    });
    AgentRecord {
        version: base.last_version + 1,
        last_version: base.last_version + 1,
        digest: new.digest.clone(),
        files: new.files,
        bytes: new.bytes,
        path: new.path.clone(),
        environment: new.environment.clone().unwrap_or(base.environment),
        config: new.config.clone().unwrap_or(base.config),
        allowed_hosts: new.allowed_hosts.clone().unwrap_or(base.allowed_hosts),
        limits: new.limits.clone().unwrap_or(base.limits),
        updated_at: new.at,
        ..base
    }
}

pub(super) fn keep(connection: &Connection, agent: &AgentRecord) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO agents (id, tenant, name, version, digest, files, bytes, path,
                environment, created_at, updated_at, allowed_hosts, limits, config, last_version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
             ON CONFLICT (id) DO UPDATE SET version = excluded.version,
                digest = excluded.digest, files = excluded.files, bytes = excluded.bytes,
                path = excluded.path, environment = excluded.environment,
                allowed_hosts = excluded.allowed_hosts, limits = excluded.limits,
                config = excluded.config, last_version = excluded.last_version,
                updated_at = excluded.updated_at",
        )?
        .execute(params![
            agent.id.to_string(),
            agent.tenant,
            agent.name.as_str(),
            agent.version,
            agent.digest,
            agent.files,
            agent.bytes,
            agent.path,
            row::environment_text(&agent.environment),
            agent.created_at.as_millis(),
            agent.updated_at.as_millis(),
            row::texts_text(&agent.allowed_hosts),
            row::numbers_text(&agent.limits),
            agent.config,
            agent.last_version,
        ])?;
    Ok(())
}

pub(super) fn find(
    connection: &Connection,
    tenant: &str,
    name: &AgentName,
) -> Result<Option<AgentRecord>, StoreError> {
    let found = connection
        .prepare_cached(&format!("{AGENT} WHERE tenant = ?1 AND name = ?2"))?
        .query_row([tenant, name.as_str()], agent)
        .optional()?;
    Ok(found)
}

fn agent(row: &Row<'_>) -> database::Result<AgentRecord> {
    Ok(AgentRecord {
        id: row::parsed(row, 0)?,
        tenant: row.get(1)?,
        name: row::parsed(row, 2)?,
        version: row.get(3)?,
        digest: row.get(4)?,
        files: row.get(5)?,
        bytes: row.get(6)?,
        path: row.get(7)?,
        environment: row::environment(row, 8)?,
        created_at: row::timestamp(row, 9)?,
        updated_at: row::timestamp(row, 10)?,
        allowed_hosts: row::texts(row, 11)?,
        limits: row::numbers(row, 12)?,
        config: row.get(13)?,
        last_version: row.get(14)?,
    })
}
