//! Jobs: prompts that run in the background.

use super::database::{self, Connection, Optional as _, Row, params};
use super::writer::Terms;
use super::{Store, StoreError, eval_runs, outbox, row};
use crate::clock::Timestamp;
use crate::id::{AgentName, JobId, SessionId, TurnId};
use crate::session::evals::Scores;
use crate::session::job::{JobChange, JobCounts, JobStatus};

/// What was answered to a client outlives a power cut.
const DURABLE: Terms = Terms { durable: true, bytes: 0 };

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobRecord {
    pub(crate) id: JobId,
    pub(crate) tenant: String,
    pub(crate) agent_name: AgentName,
    /// Of the agent; none for the active one.
    pub(crate) agent_version: Option<u32>,
    /// The session that its client named.
    pub(crate) wished_session: Option<SessionId>,
    /// Where it runs or ran.
    pub(crate) session: Option<SessionId>,
    pub(crate) turn: Option<TurnId>,
    pub(crate) prompt: String,
    pub(crate) priority: u32,
    pub(crate) retries: u32,
    pub(crate) retries_max: u32,
    pub(crate) status: JobStatus,
    pub(crate) result: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) due_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) completed_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, tenant, agent_name, wished_session, session, turn, prompt, priority, \
    retries, retries_max, status, result, error, created_at, due_at, started_at, completed_at, \
    agent_version";

fn job(row: &Row<'_>) -> database::Result<JobRecord> {
    Ok(JobRecord {
        id: row::parsed(row, 0)?,
        tenant: row.get(1)?,
        agent_name: row::parsed(row, 2)?,
        wished_session: row::maybe_parsed(row, 3)?,
        session: row::maybe_parsed(row, 4)?,
        turn: row::maybe_parsed(row, 5)?,
        prompt: row.get(6)?,
        priority: row.get(7)?,
        retries: row.get(8)?,
        retries_max: row.get(9)?,
        status: row::word(row, 10, JobStatus::parse)?,
        result: row.get(11)?,
        error: row.get(12)?,
        created_at: row::timestamp(row, 13)?,
        due_at: row::timestamp(row, 14)?,
        started_at: row::maybe_timestamp(row, 15)?,
        completed_at: row::maybe_timestamp(row, 16)?,
        agent_version: row.get(17)?,
    })
}

impl Store {
    /// Says whether there was room: at most `waiting_max` of a tenant wait.
    pub(crate) async fn create_job(
        &self,
        new: JobRecord,
        waiting_max: u64,
    ) -> Result<bool, StoreError> {
        let terms = Terms { durable: true, bytes: new.prompt.len() };
        self.write(terms, move |connection| {
            if waiting(connection, &new.tenant)? >= waiting_max {
                return Ok(false);
            }
            insert(connection, &new)?;
            Ok(true)
        })
        .await
    }

    pub(crate) async fn job(
        &self,
        tenant: &str,
        id: JobId,
    ) -> Result<Option<JobRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| one(connection, &tenant, id)).await
    }

    /// The newest first.
    pub(crate) async fn jobs(
        &self,
        tenant: &str,
        status: Option<JobStatus>,
        limit: u32,
    ) -> Result<Vec<JobRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM jobs WHERE tenant = ?1 AND status = coalesce(?2, status)
                 ORDER BY key DESC LIMIT ?3"
            );
            let status = status.map(JobStatus::as_str);
            let mut statement = connection.prepare_cached(&sql)?;
            let jobs = statement.query_map(params![tenant, status, limit], job)?;
            Ok(jobs.collect::<Result<_, _>>()?)
        })
        .await
    }

    pub(crate) async fn job_counts(&self, tenant: &str) -> Result<JobCounts, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            let mut counts = JobCounts::default();
            let mut statement = connection.prepare_cached(
                "SELECT status, count(*) FROM jobs WHERE tenant = ?1 GROUP BY status",
            )?;
            let mut rows = statement.query([tenant])?;
            while let Some(row) = rows.next()? {
                let count = row.get(1)?;
                match row::word(&row, 0, JobStatus::parse)? {
                    JobStatus::Pending => counts.pending = count,
                    JobStatus::Processing => counts.processing = count,
                    JobStatus::Completed => counts.completed = count,
                    JobStatus::Failed => counts.failed = count,
                    JobStatus::Cancelled => counts.cancelled = count,
                }
            }
            Ok(counts)
        })
        .await
    }

    /// Those that an earlier ashd was at, the oldest first.
    pub(crate) async fn jobs_under_way(&self) -> Result<Vec<JobRecord>, StoreError> {
        self.read(|connection| {
            let sql =
                format!("SELECT {COLUMNS} FROM jobs WHERE status = 'processing' ORDER BY key");
            let mut statement = connection.prepare_cached(&sql)?;
            let jobs = statement.query_map(params![], job)?;
            Ok(jobs.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Takes the job that is next: of those that are due the highest priority, and of these the
    /// oldest.
    pub(crate) async fn claim_job(&self, now: Timestamp) -> Result<Option<JobRecord>, StoreError> {
        self.write(DURABLE, move |connection| {
            let sql = format!(
                "UPDATE jobs SET status = 'processing', started_at = ?1, session = NULL, turn = NULL
                 WHERE key = (SELECT key FROM jobs WHERE status = 'pending' AND due_at <= ?1
                    ORDER BY priority DESC, key LIMIT 1)
                 RETURNING {COLUMNS}"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            Ok(statement.query_row([now.as_millis()], job).optional()?)
        })
        .await
    }

    /// When the next one that waits is due.
    pub(crate) async fn next_job_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| {
            let due: Option<i64> = connection
                .prepare_cached("SELECT min(due_at) FROM jobs WHERE status = 'pending'")?
                .query_row(params![], |row| row.get(0))?;
            Ok(due.map(Timestamp::from_millis))
        })
        .await
    }

    /// Notes where a job runs.
    pub(crate) async fn job_runs(
        &self,
        id: JobId,
        session: SessionId,
        turn: TurnId,
    ) -> Result<(), StoreError> {
        self.write(Terms::default(), move |connection| {
            connection
                .prepare_cached("UPDATE jobs SET session = ?2, turn = ?3 WHERE id = ?1")?
                .execute([id.to_string(), session.to_string(), turn.to_string()])?;
            Ok(())
        })
        .await
    }

    /// What became of an attempt; nothing, if the job was cancelled meanwhile. `scores` is what its
    /// answer is worth, if it asks a case.
    pub(crate) async fn job_was_tried(
        &self,
        id: JobId,
        change: JobChange,
        scores: Option<Scores>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(DURABLE, move |connection| {
            let (status, result, error, due_at, counted) = match &change {
                JobChange::Completed { result } => {
                    (JobStatus::Completed, Some(result), None, None, false)
                }
                JobChange::Failed { error } => (JobStatus::Failed, None, Some(error), None, false),
                JobChange::Again { error, pause, counted } => {
                    let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
                    let due_at = now.as_millis().saturating_add(pause);
                    (JobStatus::Pending, None, Some(error), Some(due_at), *counted)
                }
            };
            let completed_at = due_at.is_none().then_some(now.as_millis());
            let sql = format!(
                "UPDATE jobs SET status = ?2, result = ?3, error = ?4,
                    due_at = coalesce(?5, due_at), retries = retries + ?6, completed_at = ?7
                 WHERE id = ?1 AND status = 'processing' RETURNING {COLUMNS}"
            );
            let (name, word) = (id.to_string(), status.as_str());
            let changed = connection
                .prepare_cached(&sql)?
                .query_row(params![name, word, result, error, due_at, counted, completed_at], job)
                .optional()?;
            if let Some(job) = changed.filter(|job| job.completed_at.is_some()) {
                outbox::job_ended(connection, &job, status, now)?;
            }
            eval_runs::job_was_tried(connection, id, &change, scores.as_ref(), now)
        })
        .await
    }

    /// Answers the job as it was; one that is over stays as it is.
    pub(crate) async fn cancel_job(
        &self,
        tenant: &str,
        id: JobId,
        now: Timestamp,
    ) -> Result<Option<JobRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.write(DURABLE, move |connection| {
            let before = one(connection, &tenant, id)?;
            if before.is_some() {
                cancel(connection, id, now)?;
            }
            Ok(before)
        })
        .await
    }

    /// Removes those that were over before then.
    pub(crate) async fn forget_jobs(&self, before: Timestamp) -> Result<(), StoreError> {
        self.write(Terms::default(), move |connection| {
            connection
                .prepare_cached("DELETE FROM jobs WHERE completed_at < ?1")?
                .execute([before.as_millis()])?;
            Ok(())
        })
        .await
    }
}

/// How many of a tenant wait.
pub(super) fn waiting(connection: &Connection, tenant: &str) -> Result<u64, StoreError> {
    Ok(connection
        .prepare_cached("SELECT count(*) FROM jobs WHERE status = 'pending' AND tenant = ?1")?
        .query_row([tenant], |row| row.get(0))?)
}

pub(super) fn insert(connection: &Connection, new: &JobRecord) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO jobs (id, tenant, agent_name, wished_session, prompt, priority,
                retries_max, status, created_at, due_at, agent_version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            new.id.to_string(),
            new.tenant,
            new.agent_name.as_str(),
            new.wished_session.map(|session| session.to_string()),
            new.prompt,
            new.priority,
            new.retries_max,
            new.status.as_str(),
            new.created_at.as_millis(),
            new.due_at.as_millis(),
            new.agent_version,
        ])?;
    Ok(())
}

/// One that is over stays as it is.
pub(super) fn cancel(connection: &Connection, id: JobId, now: Timestamp) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE jobs SET status = 'cancelled', completed_at = ?2
         WHERE id = ?1 AND status IN ('pending', 'processing') RETURNING {COLUMNS}"
    );
    let cancelled = connection
        .prepare_cached(&sql)?
        .query_row(params![id.to_string(), now.as_millis()], job)
        .optional()?;
    if let Some(job) = cancelled {
        outbox::job_ended(connection, &job, JobStatus::Cancelled, now)?;
    }
    eval_runs::job_was_cancelled(connection, id, now)
}

fn one(connection: &Connection, tenant: &str, id: JobId) -> Result<Option<JobRecord>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1 AND tenant = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([id.to_string().as_str(), tenant], job).optional()?)
}

/// A session that is made for a job is noted in the same moment: nobody else knows of it.
pub(super) fn made_for(
    connection: &Connection,
    id: JobId,
    session: SessionId,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE jobs SET session = ?2 WHERE id = ?1")?
        .execute([id.to_string(), session.to_string()])?;
    Ok(())
}
