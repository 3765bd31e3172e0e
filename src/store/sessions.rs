//! Sessions: one row each, from the first request to the last look back.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::database::{self, Connection, Optional as _, Row, params};
use super::record::{
    ArchiveNote, FilesPlace, NewSession, SessionChange, SessionFilter, SessionRecord,
};
use super::writer::Terms;
use super::{BudgetRecord, Store, StoreError, row};
use crate::clock::Timestamp;
use crate::id::{AgentName, SessionId};
use crate::session::Status;

pub(super) const SESSION: &str =
    "SELECT s.key, s.id, s.tenant, s.agent_name, s.agent_version, s.digest,
    s.status, s.options, s.environment, s.model, s.uid, s.placeholder, s.parent, s.created_at,
    s.last_active_at, p.bridge_stored, p.sandbox_generation, s.allowed_hosts,
    a.made_at, a.bytes, a.place,
    b.tokens_max, b.money_max, coalesce(b.input, 0), coalesce(b.output, 0),
    coalesce(b.cache_read, 0), coalesce(b.cache_write, 0), coalesce(b.money, 0)
    FROM sessions s JOIN progress p ON p.session_key = s.key
    LEFT JOIN archives a ON a.session_key = s.key
    LEFT JOIN budgets b ON b.session_key = s.key";

/// Every status but the last one, listed so that the index is used.
pub(super) const LIVE: &str = "status IN ('starting', 'active', 'paused', 'stopped', 'error')";

/// What a listing filters by; the index `sessions_listed` answers it alone.
const LISTED: &str = "FROM sessions WHERE tenant = ?1
    AND (agent_name = ?2 OR ?2 IS NULL) AND (status = ?3 OR ?3 IS NULL)";

impl Store {
    /// Survives a power cut: the workspace of a session that was forgotten would lose its uid
    /// to another.
    pub(crate) async fn create_session(
        &self,
        new: NewSession,
    ) -> Result<SessionRecord, StoreError> {
        let terms = Terms { durable: true, bytes: new.options.len() };
        let search = Arc::clone(&self.uid_search);
        self.write(terms, move |connection| create(connection, &new, &search)).await
    }

    pub(crate) async fn session(
        &self,
        tenant: &str,
        id: SessionId,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            let found = connection
                .prepare_cached(&format!("{SESSION} WHERE s.id = ?1 AND s.tenant = ?2"))?
                .query_row([id.to_string(), tenant], session)
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// The newest first, and how many match whatever the page.
    pub(crate) async fn sessions(
        &self,
        tenant: &str,
        filter: SessionFilter,
    ) -> Result<(Vec<SessionRecord>, u64), StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            let agent = filter.agent.as_ref().map(AgentName::as_str);
            let status = filter.status.map(Status::as_str);
            let (created, key) = filter.after.map(|(at, key)| (at.as_millis(), key)).unzip();
            // Both questions see the same moment.
            let moment = connection.moment()?;
            let total = connection
                .prepare_cached(&format!("SELECT count(*) {LISTED}"))?
                .query_row(params![tenant, agent, status], |row| row.get(0))?;
            let page = format!(
                "SELECT key {LISTED} AND ((created_at, key) < (?6, ?7) OR ?6 IS NULL)
                 ORDER BY created_at DESC, key DESC LIMIT ?4 OFFSET ?5"
            );
            let sql =
                format!("{SESSION} WHERE s.key IN ({page}) ORDER BY s.created_at DESC, s.key DESC");
            let sessions = connection
                .prepare_cached(&sql)?
                .query_map(
                    params![tenant, agent, status, filter.limit, filter.offset, created, key],
                    session,
                )?
                .collect::<Result<_, _>>()?;
            moment.finish()?;
            Ok((sessions, total))
        })
        .await
    }

    /// Gives a parked session to who asks for `new`. What it was started with is its own. Survives a
    /// power cut, as every creation.
    pub(crate) async fn claim_session(
        &self,
        id: SessionId,
        new: NewSession,
    ) -> Result<(), StoreError> {
        let terms = Terms { durable: true, bytes: new.options.len() };
        self.write(terms, move |connection| claim(connection, id, &new)).await
    }

    /// How many sessions there are of each status, of all tenants; none is not listed.
    pub(crate) async fn session_counts(&self) -> Result<BTreeMap<Status, u64>, StoreError> {
        self.read(|connection| {
            let counts = connection
                .prepare_cached(
                    "SELECT status, count(*) FROM sessions WHERE tenant <> '' GROUP BY status",
                )?
                .query_map(params![], |row| Ok((row::word(row, 0, Status::parse)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            Ok(counts)
        })
        .await
    }

    /// The tenant's sessions that were created in the time, by their status.
    pub(crate) async fn created_sessions(
        &self,
        tenant: &str,
        after: Option<Timestamp>,
        before: Option<Timestamp>,
    ) -> Result<BTreeMap<Status, u64>, StoreError> {
        let tenant = tenant.to_owned();
        let after = after.map_or(i64::MIN, Timestamp::as_millis);
        let before = before.map_or(i64::MAX, Timestamp::as_millis);
        self.read(move |connection| {
            let counts = connection
                .prepare_cached(
                    "SELECT status, count(*) FROM sessions
                     WHERE tenant = ?1 AND created_at > ?2 AND created_at < ?3 GROUP BY status",
                )?
                .query_map(params![tenant, after, before], |row| {
                    Ok((row::word(row, 0, Status::parse)?, row.get(1)?))
                })?
                .collect::<Result<_, _>>()?;
            Ok(counts)
        })
        .await
    }

    /// Every session that has not ended and is not parked, the oldest first.
    pub(crate) async fn live_sessions(&self) -> Result<Vec<SessionRecord>, StoreError> {
        self.list(format!("{SESSION} WHERE s.{LIVE} AND s.tenant <> '' ORDER BY s.key")).await
    }

    async fn list(&self, sql: String) -> Result<Vec<SessionRecord>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let sessions = statement.query_map(params![], session)?.collect::<Result<_, _>>()?;
            Ok(sessions)
        })
        .await
    }

    /// The sessions that have not ended and are to be taken up: those with a turn that runs or waits, and
    /// those of `living`; the oldest first. However many others there are, they are not read.
    pub(crate) async fn sessions_to_take_up(
        &self,
        living: Vec<SessionId>,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        self.read(move |connection| {
            // Not `LIVE`, which has an index: nearly every session has a status of these.
            let sql = format!(
                "{SESSION} WHERE s.key IN (SELECT session_key FROM turn_requests)
                    AND s.ended_at IS NULL"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let with_turns = statement.query_map(params![], session)?;
            let mut found = BTreeMap::new();
            for record in with_turns {
                let record = record?;
                found.insert(record.key, record);
            }
            let sql = format!("{SESSION} WHERE s.id = ?1 AND s.ended_at IS NULL");
            let mut statement = connection.prepare_cached(&sql)?;
            for id in living {
                let record = statement.query_row([id.to_string()], session).optional()?;
                found.extend(record.map(|record| (record.key, record)));
            }
            Ok(found.into_values().collect())
        })
        .await
    }

    /// The sessions whose creation has not come to its end, parked ones among them.
    pub(crate) async fn starting_sessions(&self) -> Result<Vec<SessionRecord>, StoreError> {
        self.list(format!("{SESSION} WHERE s.status = 'starting' ORDER BY s.key")).await
    }

    /// An end survives a power cut.
    pub(crate) async fn update_session(
        &self,
        id: SessionId,
        change: SessionChange,
    ) -> Result<(), StoreError> {
        let ends = matches!(change.status, Some((Status::Ended, _)));
        let terms = Terms { durable: ends, bytes: 0 };
        self.write(terms, move |connection| update(connection, id, &change)).await
    }

    /// Forgets a session whose creation failed, its log included; its uid is free again. Says
    /// whether there was one.
    pub(crate) async fn remove_session(&self, id: SessionId) -> Result<bool, StoreError> {
        let search = Arc::clone(&self.uid_search);
        self.write(Terms::default(), move |connection| {
            free_again(&search, uid(connection, id)?);
            let removed = connection
                .prepare_cached("DELETE FROM sessions WHERE id = ?1")?
                .execute([id.to_string()])?;
            Ok(removed > 0)
        })
        .await
    }

    /// Notes that nothing on the disk belongs to the session's uid any more: it is free again.
    pub(crate) async fn mark_workspace_removed(&self, id: SessionId) -> Result<(), StoreError> {
        let search = Arc::clone(&self.uid_search);
        self.write(Terms::default(), move |connection| {
            let marked = connection
                .prepare_cached("UPDATE sessions SET workspace_removed = 1 WHERE id = ?1")?
                .execute([id.to_string()])?;
            if marked == 0 {
                return Err(StoreError::NoSuchSession);
            }
            free_again(&search, uid(connection, id)?);
            Ok(())
        })
        .await
    }

    /// Whether the files of the session are there.
    pub(crate) async fn has_workspace(&self, id: SessionId) -> Result<bool, StoreError> {
        self.read(move |connection| {
            let sql = "SELECT 1 FROM sessions WHERE id = ?1 AND workspace_removed = 0";
            Ok(connection.prepare_cached(sql)?.exists([id.to_string()])?)
        })
        .await
    }

    /// Sessions that ended before the moment and still have their workspace, the longest ended
    /// first.
    pub(crate) async fn ended_sessions_with_workspace(
        &self,
        before: Timestamp,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        self.read(move |connection| {
            let sql = format!(
                "{SESSION} WHERE s.ended_at IS NOT NULL AND s.workspace_removed = 0
                    AND s.ended_at < ?1
                 ORDER BY s.ended_at"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let sessions =
                statement.query_map([before.as_millis()], session)?.collect::<Result<_, _>>()?;
            Ok(sessions)
        })
        .await
    }
}

fn create(
    connection: &Connection,
    new: &NewSession,
    search: &AtomicU32,
) -> Result<SessionRecord, StoreError> {
    let uid = match &new.uid_block {
        Some(block) => Some(take_uid(connection, block, search)?),
        None => None,
    };
    let at = new.created_at;
    let key = connection
        .prepare_cached(
            "INSERT INTO sessions (id, tenant, agent_name, agent_version, digest, status, options,
                environment, model, uid, placeholder, parent, created_at, last_active_at, ended_at,
                allowed_hosts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13,
                CASE WHEN ?6 = 'ended' THEN CAST(?13 AS BIGINT) END, ?14)
             RETURNING key",
        )?
        .query_row(
            params![
                new.id.to_string(),
                new.tenant,
                new.agent_name.as_str(),
                new.agent_version,
                new.digest,
                new.status.as_str(),
                new.options,
                row::environment_text(&new.environment),
                new.model,
                uid,
                new.placeholder,
                new.parent.map(|parent| parent.to_string()),
                at.as_millis(),
                row::texts_text(&new.allowed_hosts),
            ],
            |row| row.get(0),
        )?;
    connection.prepare_cached("INSERT INTO progress (session_key) VALUES (?1)")?.execute([key])?;
    super::budgets::begin(connection, key, new.budget, new.used)?;
    if let Some(job) = new.job {
        super::jobs::made_for(connection, job, new.id)?;
    }
    Ok(SessionRecord {
        key,
        id: new.id,
        tenant: new.tenant.clone(),
        agent_name: new.agent_name.clone(),
        agent_version: new.agent_version,
        digest: new.digest.clone(),
        status: new.status,
        options: new.options.clone(),
        environment: new.environment.clone(),
        allowed_hosts: new.allowed_hosts.clone(),
        model: new.model.clone(),
        uid,
        placeholder: new.placeholder.clone(),
        parent: new.parent,
        created_at: at,
        last_active_at: at,
        bridge_stored: 0,
        sandbox_generation: 0,
        archive: None,
        budget: new.budget,
        used: new.used,
    })
}

fn claim(connection: &Connection, id: SessionId, new: &NewSession) -> Result<(), StoreError> {
    let at = new.created_at.as_millis();
    let key = connection
        .prepare_cached(
            "UPDATE sessions SET tenant = ?2, options = ?3, model = ?4, created_at = ?5,
                last_active_at = ?5
             WHERE id = ?1 AND tenant = '' AND status = 'starting' RETURNING key",
        )?
        .query_row(params![id.to_string(), new.tenant, new.options, new.model, at], |row| {
            row.get::<i64>(0)
        })
        .optional()?
        .ok_or(StoreError::NoSuchSession)?;
    set_status(connection, key, Status::Active, new.created_at)?;
    super::budgets::begin(connection, key, new.budget, new.used)?;
    match new.job {
        Some(job) => super::jobs::made_for(connection, job, id),
        None => Ok(()),
    }
}

/// The lowest uid of the block that owns no workspace. `search` is where the last search ended:
/// an unbroken row of held uids lies below, so most searches are one step long.
pub(super) fn take_uid(
    connection: &Connection,
    block: &Range<u32>,
    search: &AtomicU32,
) -> Result<u32, StoreError> {
    let from = search.load(Ordering::Relaxed).clamp(block.start, block.end.max(block.start));
    let found = match free_uid(connection, from..block.end)? {
        // The note may be of another block or of a write that was undone: look everywhere.
        None => free_uid(connection, block.clone())?,
        found => found,
    };
    let uid = found.ok_or_else(|| StoreError::NoFreeUid { block: block.clone() })?;
    search.store(uid.saturating_add(1), Ordering::Relaxed);
    Ok(uid)
}

fn free_uid(connection: &Connection, block: Range<u32>) -> Result<Option<u32>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT uid FROM sessions
         WHERE uid IS NOT NULL AND workspace_removed = 0 AND uid >= ?1 AND uid < ?2
         ORDER BY uid",
    )?;
    let mut held = statement.query([block.start, block.end])?;
    let mut free = block.start;
    while let Some(row) = held.next()? {
        if row.get::<u32>(0)? != free {
            break;
        }
        free += 1;
    }
    Ok((free < block.end).then_some(free))
}

fn uid(connection: &Connection, id: SessionId) -> Result<Option<u32>, StoreError> {
    let found: Option<Option<u32>> = connection
        .prepare_cached("SELECT uid FROM sessions WHERE id = ?1")?
        .query_row([id.to_string()], |row| row.get(0))
        .optional()?;
    Ok(found.flatten())
}

fn free_again(search: &AtomicU32, uid: Option<u32>) {
    if let Some(uid) = uid {
        search.fetch_min(uid, Ordering::Relaxed);
    }
}

fn update(
    connection: &Connection,
    id: SessionId,
    change: &SessionChange,
) -> Result<(), StoreError> {
    let key: i64 = connection
        .prepare_cached("SELECT key FROM sessions WHERE id = ?1")?
        .query_row([id.to_string()], |row| row.get(0))
        .optional()?
        .ok_or(StoreError::NoSuchSession)?;
    if let Some((status, at)) = change.status {
        set_status(connection, key, status, at)?;
    }
    connection
        .prepare_cached(
            "UPDATE sessions SET last_active_at = coalesce(?2, last_active_at),
                model = CASE WHEN ?6 = 1 THEN ?3 ELSE model END, environment = coalesce(?4, environment),
                options = coalesce(?5, options)
             WHERE key = ?1",
        )?
        .execute(params![
            key,
            change.last_active_at.map(Timestamp::as_millis),
            change.model.as_ref().and_then(Option::as_deref),
            change.environment.as_ref().map(row::environment_text),
            change.options,
            change.model.is_some(),
        ])?;
    connection
        .prepare_cached(
            "UPDATE progress SET bridge_stored = coalesce(?2, bridge_stored),
                sandbox_generation = coalesce(?3, sandbox_generation)
             WHERE session_key = ?1",
        )?
        .execute(params![key, change.bridge_stored, change.sandbox_generation])?;
    if let Some(budget) = change.budget {
        super::budgets::set(connection, key, budget)?;
    }
    Ok(())
}

/// Ending twice keeps the first moment.
pub(super) fn set_status(
    connection: &Connection,
    key: i64,
    status: Status,
    at: Timestamp,
) -> Result<(), StoreError> {
    super::outbox::session_changed(connection, key, status, at)?;
    connection
        .prepare_cached(
            "UPDATE sessions SET status = ?2,
                ended_at = CASE WHEN ?2 = 'ended' THEN coalesce(ended_at, ?3) END
             WHERE key = ?1",
        )?
        .execute(params![key, status.as_str(), at.as_millis()])?;
    Ok(())
}

pub(super) fn session(row: &Row<'_>) -> database::Result<SessionRecord> {
    Ok(SessionRecord {
        key: row.get(0)?,
        id: row::parsed(row, 1)?,
        tenant: row.get(2)?,
        agent_name: row::parsed(row, 3)?,
        agent_version: row.get(4)?,
        digest: row.get(5)?,
        status: row::word(row, 6, Status::parse)?,
        options: row.get(7)?,
        environment: row::environment(row, 8)?,
        model: row.get(9)?,
        uid: row.get(10)?,
        placeholder: row.get(11)?,
        parent: row::maybe_parsed(row, 12)?,
        created_at: row::timestamp(row, 13)?,
        last_active_at: row::timestamp(row, 14)?,
        bridge_stored: row.get(15)?,
        sandbox_generation: row.get(16)?,
        allowed_hosts: row::texts(row, 17)?,
        archive: match row.get::<Option<i64>>(18)? {
            None => None,
            Some(millis) => Some(ArchiveNote {
                made_at: Timestamp::from_millis(millis),
                bytes: row.get(19)?,
                place: row::word(row, 20, FilesPlace::parse)?,
            }),
        },
        budget: BudgetRecord { tokens: row.get(21)?, money: row.get(22)? },
        used: super::budgets::used(row, 23)?,
    })
}
