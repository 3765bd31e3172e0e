//! Runs of cases. Each case has a result from the beginning, and a job that asks it; what becomes of
//! the job becomes of the result in the same transaction.
//!
//! *Invariant:* how far a run is is not stored, so it cannot be wrong: its results and their jobs say.

use super::database::{self, Connection, Optional as _, Row, ToSql, params};
use super::eval_cases::{MadeForAgent, content, content_text, is_there};
use super::jobs::{self, JobRecord};
use super::writer::Terms;
use super::{Store, StoreError, row};
use crate::clock::Timestamp;
use crate::id::{
    AgentId, AgentName, EvalCaseId, EvalResultId, EvalRunId, JobId, SessionId, TurnId,
};
use crate::session::evals::{CaseContent, ResultStatus, RunCounts, Scores};
use crate::session::job::JobChange;

const DURABLE: Terms = Terms { durable: true, bytes: 0 };

/// Most of an answer that is kept with its result, in bytes; the history of its session has all of it.
const RESPONSE_BYTES_MAX: usize = 32 << 10;

/// Most runs of an agent that are kept: as many as a person looks through. When another one comes the
/// oldest goes that is over.
pub(super) const RUNS_MAX: u32 = 50;

/// A run that is to be.
#[derive(Debug, Clone)]
pub(crate) struct NewRun {
    pub(crate) id: EvalRunId,
    pub(crate) agent: AgentId,
    pub(crate) version: u32,
    /// JSON, opaque here.
    pub(crate) filters: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) cases: Vec<NewResult>,
}

#[derive(Debug, Clone)]
pub(crate) struct NewResult {
    pub(crate) id: EvalResultId,
    pub(crate) case: EvalCaseId,
    pub(crate) content: CaseContent,
    /// What asks it.
    pub(crate) job: JobRecord,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunRecord {
    pub(crate) id: EvalRunId,
    pub(crate) agent_name: AgentName,
    pub(crate) version: u32,
    pub(crate) filters: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) counts: RunCounts,
    pub(crate) started_at: Option<Timestamp>,
    /// Of the latest result.
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) passed: u64,
    pub(crate) topic: Option<f64>,
    pub(crate) safety: Option<f64>,
    pub(crate) human: Option<f64>,
    pub(crate) milliseconds: Option<f64>,
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) money: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResultRecord {
    pub(crate) id: EvalResultId,
    pub(crate) run: EvalRunId,
    pub(crate) case: EvalCaseId,
    pub(crate) status: ResultStatus,
    pub(crate) passed: Option<bool>,
    pub(crate) topic: Option<f64>,
    pub(crate) safety: Option<f64>,
    pub(crate) human_score: Option<f64>,
    pub(crate) milliseconds: Option<u64>,
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) money: Option<u64>,
    pub(crate) session: Option<SessionId>,
    pub(crate) turn: Option<TurnId>,
    pub(crate) created_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) human_notes: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) failures: Vec<String>,
    pub(crate) response: Option<String>,
    pub(crate) content: CaseContent,
}

/// What a person thinks of results; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opinion {
    pub(crate) score: Option<f64>,
    pub(crate) notes: Option<String>,
}

const RUN: &str = "SELECT e.id, a.name, e.version, e.filters, e.created_at, count(*),
        count(*) FILTER (WHERE r.status = 'completed'),
        count(*) FILTER (WHERE r.status = 'error'),
        count(*) FILTER (WHERE r.status = 'cancelled'),
        count(*) FILTER (WHERE r.status = 'pending' AND j.status = 'processing'),
        min(coalesce(r.started_at, j.started_at)), max(r.completed_at),
        coalesce(sum(r.passed), 0), avg(r.topic_score), avg(r.safety_score), avg(r.human_score),
        avg(r.milliseconds), coalesce(sum(r.input), 0), coalesce(sum(r.output), 0),
        coalesce(sum(r.money), 0)
    FROM eval_runs e JOIN agents a ON a.id = e.agent JOIN eval_results r ON r.run = e.key
        LEFT JOIN jobs j ON j.id = r.job";

const RESULT: &str =
    "SELECT r.id, e.id, r.eval_case, r.status, CASE WHEN j.status = 'processing' THEN 1 ELSE 0 END,
        r.passed, r.topic_score, r.safety_score, r.human_score, r.milliseconds, r.input, r.output,
        r.money, coalesce(r.session, j.session), coalesce(r.turn, j.turn), r.created_at,
        r.completed_at, r.human_notes, r.error, r.failures, r.response, r.content
    FROM eval_results r JOIN eval_runs e ON e.key = r.run LEFT JOIN jobs j ON j.id = r.job";

impl Store {
    /// With all its results and jobs; at most `waiting_max` jobs of a tenant wait.
    pub(crate) async fn create_eval_run(
        &self,
        new: NewRun,
        waiting_max: u64,
    ) -> Result<MadeForAgent, StoreError> {
        self.write(DURABLE, move |connection| {
            if !is_there(connection, new.agent)? {
                return Ok(MadeForAgent::NoAgent);
            }
            let tenant = new.cases.first().map_or("", |case| case.job.tenant.as_str());
            if jobs::waiting(connection, tenant)? + new.cases.len() as u64 > waiting_max {
                return Ok(MadeForAgent::Full);
            }
            forget_oldest(connection, new.agent)?;
            let run: i64 = connection
                .prepare_cached(
                    "INSERT INTO eval_runs (id, agent, version, filters, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5) RETURNING key",
                )?
                .query_row(params![
                    new.id.to_string(),
                    new.agent.to_string(),
                    new.version,
                    new.filters,
                    new.created_at.as_millis(),
                ], |row| row.get(0))?;
            for result in &new.cases {
                jobs::insert(connection, &result.job)?;
                connection
                    .prepare_cached(
                        "INSERT INTO eval_results (id, run, job, eval_case, status, created_at, content)
                         VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?6)",
                    )?
                    .execute(params![
                        result.id.to_string(),
                        run,
                        result.job.id.to_string(),
                        result.case.to_string(),
                        new.created_at.as_millis(),
                        content_text(&result.content),
                    ])?;
            }
            Ok(MadeForAgent::Made)
        })
        .await
    }

    /// The newest first.
    pub(crate) async fn eval_runs(&self, agent: AgentId) -> Result<Vec<RunRecord>, StoreError> {
        self.read(move |connection| runs(connection, "e.agent = ?1", &[&agent.to_string()])).await
    }

    pub(crate) async fn eval_run(
        &self,
        agent: AgentId,
        id: EvalRunId,
    ) -> Result<Option<RunRecord>, StoreError> {
        self.read(move |connection| {
            let which: [&dyn ToSql; 2] = [&id.to_string(), &agent.to_string()];
            Ok(runs(connection, "e.id = ?1 AND e.agent = ?2", &which)?.pop())
        })
        .await
    }

    /// Of all agents of a tenant, those that were made in that time.
    pub(crate) async fn eval_runs_of_tenant(
        &self,
        tenant: &str,
        after: Option<Timestamp>,
        before: Option<Timestamp>,
    ) -> Result<Vec<RunRecord>, StoreError> {
        let tenant = tenant.to_owned();
        let after = after.map_or(i64::MIN, Timestamp::as_millis);
        let before = before.map_or(i64::MAX, Timestamp::as_millis);
        self.read(move |connection| {
            let which = "a.tenant = ?1 AND e.created_at > ?2 AND e.created_at < ?3";
            runs(connection, which, &[&tenant, &after, &before])
        })
        .await
    }

    /// In the order of their cases.
    pub(crate) async fn eval_results(
        &self,
        agent: AgentId,
        run: EvalRunId,
    ) -> Result<Vec<ResultRecord>, StoreError> {
        self.read(move |connection| {
            let which: [&dyn ToSql; 2] = [&run.to_string(), &agent.to_string()];
            results(connection, "e.id = ?1 AND e.agent = ?2", &which)
        })
        .await
    }

    /// Notes what a person thinks of a result, or of all of a run, and answers them.
    pub(crate) async fn score_eval_results(
        &self,
        agent: AgentId,
        run: Option<EvalRunId>,
        result: Option<EvalResultId>,
        opinion: Opinion,
    ) -> Result<Vec<ResultRecord>, StoreError> {
        self.write(DURABLE, move |connection| {
            let (run, result) =
                (run.map(|run| run.to_string()), result.map(|result| result.to_string()));
            connection
                .prepare_cached(
                    "UPDATE eval_results SET human_score = coalesce(?4, human_score),
                        human_notes = coalesce(?5, human_notes)
                     WHERE id = coalesce(?3, id) AND run IN (SELECT key FROM eval_runs
                        WHERE agent = ?1 AND id = coalesce(?2, id))",
                )?
                .execute(params![agent.to_string(), run, result, opinion.score, opinion.notes])?;
            let which = "e.agent = ?1 AND e.id = coalesce(?2, e.id) AND r.id = coalesce(?3, r.id)";
            results(connection, which, &[&agent.to_string(), &run, &result])
        })
        .await
    }

    /// What the result of this job is to have; none for a job that is no case.
    pub(crate) async fn case_of_job(&self, job: JobId) -> Result<Option<CaseContent>, StoreError> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached("SELECT content FROM eval_results WHERE job = ?1")?
                .query_row([job.to_string()], |row| content(row, 0))
                .optional()?)
        })
        .await
    }

    /// Cancels what is not over, and answers the jobs that ran.
    pub(crate) async fn cancel_eval_run(
        &self,
        agent: AgentId,
        run: EvalRunId,
        now: Timestamp,
    ) -> Result<Vec<JobId>, StoreError> {
        self.write(DURABLE, move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT r.job, CASE WHEN j.status = 'processing' THEN 1 ELSE 0 END
                 FROM eval_results r
                 JOIN eval_runs e ON e.key = r.run LEFT JOIN jobs j ON j.id = r.job
                 WHERE e.id = ?1 AND e.agent = ?2 AND r.status = 'pending'",
            )?;
            let open = statement
                .query_map([run.to_string(), agent.to_string()], |row| {
                    Ok((row::parsed(row, 0)?, row.get(1)?))
                })?
                .collect::<Result<Vec<(JobId, bool)>, _>>()?;
            for (job, _) in &open {
                jobs::cancel(connection, *job, now)?;
            }
            Ok(open.into_iter().filter(|(_, runs)| *runs).map(|(job, _)| job).collect())
        })
        .await
    }
}

/// The jobs of an agent's runs end with the agent.
pub(super) fn agent_goes(
    connection: &Connection,
    agent: AgentId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT r.job FROM eval_results r JOIN eval_runs e ON e.key = r.run
         WHERE e.agent = ?1 AND r.status = 'pending'",
    )?;
    let open = statement
        .query_map([agent.to_string()], |row| row::parsed(row, 0))?
        .collect::<Result<Vec<JobId>, _>>()?;
    open.into_iter().try_for_each(|job| jobs::cancel(connection, job, now))
}

/// Of a job that was tried: its result, if it is a case, is over when the job is.
pub(super) fn job_was_tried(
    connection: &Connection,
    job: JobId,
    change: &JobChange,
    scores: Option<&Scores>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (status, response, error) = match change {
        JobChange::Completed { result } => (ResultStatus::Completed, Some(start(result)), None),
        JobChange::Failed { error } => (ResultStatus::Error, None, Some(start(error))),
        JobChange::Again { .. } => return Ok(()),
    };
    let failures = scores.map_or(&[][..], |scores| &scores.failures);
    connection
        .prepare_cached(
            "UPDATE eval_results SET status = ?2, response = ?3, error = ?4, passed = ?5,
                topic_score = ?6, safety_score = ?7, failures = ?8, completed_at = ?9,
                (session, turn, started_at) =
                    (SELECT session, turn, started_at FROM jobs WHERE id = ?1),
                (milliseconds, input, output, money) =
                    (SELECT u.milliseconds, u.input, u.output, u.money FROM jobs j
                     JOIN usage u ON u.session = j.session AND u.turn = j.turn WHERE j.id = ?1)
             WHERE job = ?1 AND status = 'pending'",
        )?
        .execute(params![
            job.to_string(),
            status.as_str(),
            response,
            error,
            scores.map(|scores| scores.passed),
            scores.map(|scores| scores.topic),
            scores.map(|scores| scores.safety),
            row::texts_text(failures),
            now.as_millis(),
        ])?;
    Ok(())
}

pub(super) fn job_was_cancelled(
    connection: &Connection,
    job: JobId,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE eval_results SET status = 'cancelled', completed_at = ?2
             WHERE job = ?1 AND status = 'pending'",
        )?
        .execute(params![job.to_string(), now.as_millis()])?;
    Ok(())
}

/// Leaves room for another one.
fn forget_oldest(connection: &Connection, agent: AgentId) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM eval_runs WHERE agent = ?1
                AND NOT EXISTS (SELECT 1 FROM eval_results r
                    WHERE r.run = eval_runs.key AND r.status = 'pending')
                AND key NOT IN (SELECT key FROM eval_runs WHERE agent = ?1
                    ORDER BY key DESC LIMIT ?2)",
        )?
        .execute(params![agent.to_string(), RUNS_MAX - 1])?;
    Ok(())
}

fn runs(
    connection: &Connection,
    which: &str,
    bound: &[&dyn ToSql],
) -> Result<Vec<RunRecord>, StoreError> {
    let sql = format!("{RUN} WHERE {which} GROUP BY e.key, a.id ORDER BY e.key DESC");
    let mut statement = connection.prepare_cached(&sql)?;
    let runs = statement.query_map(bound, |row| {
        Ok(RunRecord {
            id: row::parsed(row, 0)?,
            agent_name: row::parsed(row, 1)?,
            version: row.get(2)?,
            filters: row.get(3)?,
            created_at: row::timestamp(row, 4)?,
            counts: RunCounts {
                total: row.get(5)?,
                completed: row.get(6)?,
                errors: row.get(7)?,
                cancelled: row.get(8)?,
                running: row.get(9)?,
            },
            started_at: row::maybe_timestamp(row, 10)?,
            completed_at: row::maybe_timestamp(row, 11)?,
            passed: row.get(12)?,
            topic: row.get(13)?,
            safety: row.get(14)?,
            human: row.get(15)?,
            milliseconds: row.get(16)?,
            input: row.get(17)?,
            output: row.get(18)?,
            money: row.get(19)?,
        })
    })?;
    Ok(runs.collect::<Result<_, _>>()?)
}

fn results(
    connection: &Connection,
    which: &str,
    bound: &[&dyn ToSql],
) -> Result<Vec<ResultRecord>, StoreError> {
    let sql = format!("{RESULT} WHERE {which} ORDER BY r.key");
    let mut statement = connection.prepare_cached(&sql)?;
    let results = statement.query_map(bound, result)?;
    Ok(results.collect::<Result<_, _>>()?)
}

fn result(row: &Row<'_>) -> database::Result<ResultRecord> {
    let status = match row::word(row, 3, ResultStatus::parse)? {
        ResultStatus::Pending if row.get(4)? => ResultStatus::Running,
        status => status,
    };
    Ok(ResultRecord {
        id: row::parsed(row, 0)?,
        run: row::parsed(row, 1)?,
        case: row::parsed(row, 2)?,
        status,
        passed: row.get(5)?,
        topic: row.get(6)?,
        safety: row.get(7)?,
        human_score: row.get(8)?,
        milliseconds: row.get(9)?,
        input: row.get(10)?,
        output: row.get(11)?,
        money: row.get(12)?,
        session: row::maybe_parsed(row, 13)?,
        turn: row::maybe_parsed(row, 14)?,
        created_at: row::timestamp(row, 15)?,
        completed_at: row::maybe_timestamp(row, 16)?,
        human_notes: row.get(17)?,
        error: row.get(18)?,
        failures: row::texts(row, 19)?,
        response: row.get(20)?,
        content: content(row, 21)?,
    })
}

/// The start of a text, as much as is kept.
fn start(text: &str) -> &str {
    text.get(..text.floor_char_boundary(RESPONSE_BYTES_MAX)).unwrap_or_default()
}
