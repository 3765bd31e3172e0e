//! Schedules: prompts that become jobs when their time comes. What becomes of a time and the next
//! one are stored together, so that a crash neither loses a run nor does it twice.

use rusqlite::types::ValueRef;

use super::database::{self, Connection, Optional as _, Row, params};
use super::jobs::{insert, waiting};
use super::writer::Terms;
use super::{JobRecord, Store, StoreError, row};
use crate::clock::Timestamp;
use crate::id::{AgentName, JobId, ScheduleId, SessionId};
use crate::session::schedule::{Coming, Missed, Overlap, RunOutcome};

/// What was answered to a client outlives a power cut.
const DURABLE: Terms = Terms { durable: true, bytes: 0 };

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScheduleRecord {
    pub(crate) id: ScheduleId,
    pub(crate) tenant: String,
    pub(crate) label: Option<String>,
    pub(crate) cron: String,
    pub(crate) timezone: String,
    pub(crate) agent_name: AgentName,
    /// The session that its client named.
    pub(crate) wished_session: Option<SessionId>,
    pub(crate) prompt: String,
    pub(crate) priority: u32,
    pub(crate) retries_max: u32,
    pub(crate) missed: Missed,
    pub(crate) overlap: Overlap,
    /// When it comes next; none while it is disabled.
    pub(crate) next_at: Option<Timestamp>,
    /// A run waits for `last_job`.
    pub(crate) held: bool,
    pub(crate) last_at: Option<Timestamp>,
    pub(crate) last_outcome: Option<RunOutcome>,
    pub(crate) last_job: Option<JobId>,
    pub(crate) created_at: Timestamp,
}

/// What a client changes; `None` stays.
#[expect(clippy::option_option, reason = "one that is disabled does not come")]
#[derive(Debug, Clone, Default)]
pub(crate) struct ScheduleChange {
    pub(crate) cron: Option<String>,
    pub(crate) timezone: Option<String>,
    pub(crate) prompt: Option<String>,
    pub(crate) missed: Option<Missed>,
    pub(crate) overlap: Option<Overlap>,
    pub(crate) next_at: Option<Option<Timestamp>>,
}

/// What is stored of a time that has come.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) coming: Coming,
    pub(crate) at: Timestamp,
    pub(crate) next_at: Option<Timestamp>,
    /// What it becomes, if it becomes one.
    pub(crate) job: Option<JobRecord>,
    /// Most jobs of the tenant that may wait.
    pub(crate) waiting_max: u64,
}

const SCHEDULE: &str = "SELECT id, tenant, label, cron, timezone, agent_name, wished_session, prompt, \
    priority, retries_max, missed, overlap, next_at, held, last_at, last_outcome, last_job, created_at \
    FROM schedules";

/// Whether the job of the run before is not over.
const BUSY: &str = "EXISTS (SELECT 1 FROM jobs WHERE jobs.id = schedules.last_job \
    AND jobs.status IN ('pending', 'processing'))";

fn schedule(row: &Row<'_>) -> database::Result<ScheduleRecord> {
    Ok(ScheduleRecord {
        id: row::parsed(row, 0)?,
        tenant: row.get(1)?,
        label: row.get(2)?,
        cron: row.get(3)?,
        timezone: row.get(4)?,
        agent_name: row::parsed(row, 5)?,
        wished_session: row::maybe_parsed(row, 6)?,
        prompt: row.get(7)?,
        priority: row.get(8)?,
        retries_max: row.get(9)?,
        missed: row::word(row, 10, Missed::parse)?,
        overlap: row::word(row, 11, Overlap::parse)?,
        next_at: row::maybe_timestamp(row, 12)?,
        held: row.get(13)?,
        last_at: row::maybe_timestamp(row, 14)?,
        last_outcome: match row.get_ref(15)? {
            ValueRef::Null => None,
            _ => Some(row::word(row, 15, RunOutcome::parse)?),
        },
        last_job: row::maybe_parsed(row, 16)?,
        created_at: row::timestamp(row, 17)?,
    })
}

impl Store {
    /// Says whether there was room: a tenant has at most `most`.
    pub(crate) async fn create_schedule(
        &self,
        new: ScheduleRecord,
        most: usize,
    ) -> Result<bool, StoreError> {
        let terms = Terms { durable: true, bytes: new.prompt.len() };
        self.write(terms, move |connection| {
            let count: usize = connection
                .prepare_cached("SELECT count(*) FROM schedules WHERE tenant = ?1")?
                .query_row([&new.tenant], |row| row.get(0))?;
            if count >= most {
                return Ok(false);
            }
            connection
                .prepare_cached(
                    "INSERT INTO schedules (id, tenant, label, cron, timezone, agent_name,
                        wished_session, prompt, priority, retries_max, missed, overlap, next_at,
                        created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                )?
                .execute(params![
                    new.id.to_string(),
                    new.tenant,
                    new.label,
                    new.cron,
                    new.timezone,
                    new.agent_name.as_str(),
                    new.wished_session.map(|session| session.to_string()),
                    new.prompt,
                    new.priority,
                    new.retries_max,
                    new.missed.as_str(),
                    new.overlap.as_str(),
                    new.next_at.map(Timestamp::as_millis),
                    new.created_at.as_millis(),
                ])?;
            Ok(true)
        })
        .await
    }

    /// The oldest first.
    pub(crate) async fn schedules(&self, tenant: &str) -> Result<Vec<ScheduleRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            let sql = format!("{SCHEDULE} WHERE tenant = ?1 OR ?1 = '*' ORDER BY key");
            let mut statement = connection.prepare_cached(&sql)?;
            let found = statement.query_map([tenant], schedule)?.collect::<Result<_, _>>()?;
            Ok(found)
        })
        .await
    }

    pub(crate) async fn schedule(
        &self,
        tenant: &str,
        id: ScheduleId,
    ) -> Result<Option<ScheduleRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| one(connection, &tenant, id)).await
    }

    /// What it is then; `None` if there is none. One that is disabled holds nothing back.
    pub(crate) async fn change_schedule(
        &self,
        tenant: &str,
        id: ScheduleId,
        change: ScheduleChange,
    ) -> Result<Option<ScheduleRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.write(DURABLE, move |connection| {
            connection
                .prepare_cached(
                    "UPDATE schedules SET cron = coalesce(?3, cron),
                        timezone = coalesce(?4, timezone), prompt = coalesce(?5, prompt),
                        missed = coalesce(?6, missed), overlap = coalesce(?7, overlap),
                        next_at = CASE WHEN ?8 = 1 THEN ?9 ELSE next_at END,
                        held = CASE WHEN ?8 = 1 AND ?9 IS NULL THEN 0 ELSE held END
                     WHERE id = ?1 AND tenant = ?2",
                )?
                .execute(params![
                    id.to_string(),
                    tenant,
                    change.cron,
                    change.timezone,
                    change.prompt,
                    change.missed.map(Missed::as_str),
                    change.overlap.map(Overlap::as_str),
                    change.next_at.is_some(),
                    change.next_at.flatten().map(Timestamp::as_millis),
                ])?;
            one(connection, &tenant, id)
        })
        .await
    }

    /// Says whether there was one.
    pub(crate) async fn delete_schedule(
        &self,
        tenant: &str,
        id: ScheduleId,
    ) -> Result<bool, StoreError> {
        let tenant = tenant.to_owned();
        self.write(DURABLE, move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM schedules WHERE id = ?1 AND tenant = ?2")?
                .execute([&id.to_string(), &tenant])?;
            Ok(deleted > 0)
        })
        .await
    }

    /// Those whose time has come, each with whether the job of the run before is not over; and
    /// those that hold a run back for which it is.
    pub(crate) async fn due_schedules(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(ScheduleRecord, bool)>, StoreError> {
        self.read(move |connection| {
            let sql = format!(
                "{} WHERE next_at <= ?1 OR (held = 1 AND NOT {BUSY}) ORDER BY coalesce(next_at, 0), key",
                SCHEDULE.replace(" FROM", &format!(", {BUSY} FROM"))
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let due = statement
                .query_map([now.as_millis()], |row| Ok((schedule(row)?, row.get(18)?)))?
                .collect::<Result<_, _>>()?;
            Ok(due)
        })
        .await
    }

    /// When the next one comes.
    pub(crate) async fn next_schedule(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| {
            let next: Option<i64> = connection
                .prepare_cached("SELECT min(next_at) FROM schedules WHERE next_at IS NOT NULL")?
                .query_row(params![], |row| row.get(0))?;
            Ok(next.map(Timestamp::from_millis))
        })
        .await
    }

    /// Stores what became of a time, and the job that it became, unless somebody has changed the
    /// schedule since it was read: `before`. Says whether it did.
    pub(crate) async fn schedule_came(
        &self,
        before: ScheduleRecord,
        came: Came,
    ) -> Result<bool, StoreError> {
        self.write(DURABLE, move |connection| {
            let now = one(connection, &before.tenant, before.id)?;
            if now.as_ref() != Some(&before) {
                return Ok(false);
            }
            let mut outcome = came.coming.outcome;
            let mut last_job = before.last_job;
            if let Some(job) = &came.job {
                if waiting(connection, &job.tenant)? < came.waiting_max {
                    insert(connection, job)?;
                    last_job = Some(job.id);
                } else {
                    outcome = RunOutcome::SkippedFull;
                }
            }
            connection
                .prepare_cached(
                    "UPDATE schedules SET next_at = ?2, held = ?3, last_at = ?4, last_outcome = ?5,
                        last_job = ?6
                     WHERE id = ?1",
                )?
                .execute(params![
                    before.id.to_string(),
                    came.next_at.map(Timestamp::as_millis),
                    came.coming.held,
                    came.at.as_millis(),
                    outcome.as_str(),
                    last_job.map(|job| job.to_string()),
                ])?;
            Ok(true)
        })
        .await
    }
}

fn one(
    connection: &Connection,
    tenant: &str,
    id: ScheduleId,
) -> Result<Option<ScheduleRecord>, StoreError> {
    let sql = format!("{SCHEDULE} WHERE id = ?1 AND tenant = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([id.to_string().as_str(), tenant], schedule).optional()?)
}
