//! Jobs: prompts that run in the background, in a session of their own or one that is named.

mod attempt;
mod work;

use super::{Caller, Control, Refusal};
use crate::clock::Timestamp;
use crate::id::{AgentName, JobId, SessionId};
use crate::session::Status;
use crate::session::job::JobStatus;
use crate::session::options::OptionError;
use crate::store::JobRecord;
use crate::wire::agents::NumberOrId;
use crate::wire::jobs::{CreateJob, Job, JobList, JobStats};
use crate::wire::sessions::CreateSession;
use crate::wire::turns::TEXT_CHARACTERS_MAX;

/// Jobs of a tenant that may wait: each is a row, read when its turn has come.
pub(super) const WAITING_MAX: u64 = 10_000;

/// With the longest pause between them these are three hours.
const RETRIES_MAX: u32 = 40;

/// Enough for every order.
const PRIORITY_MAX: u32 = 1_000_000;

/// Which jobs are listed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobFilter {
    pub(crate) status: Option<JobStatus>,
    pub(crate) limit: u32,
}

impl Control {
    pub(crate) async fn create_job(
        &self,
        caller: &Caller,
        request: CreateJob,
    ) -> Result<Job, Refusal> {
        self.takes_work()?;
        judge(&request)?;
        let agent_name = self.agent_of_job(caller, &request).await?;
        let now = Timestamp::now();
        let job = JobRecord {
            id: JobId::new(),
            tenant: caller.tenant.clone(),
            agent_name,
            agent_version: None,
            wished_session: request.session_id,
            session: None,
            turn: None,
            prompt: request.prompt,
            priority: request.priority,
            retries: 0,
            retries_max: request.max_retries,
            status: JobStatus::Pending,
            result: None,
            error: None,
            created_at: now,
            due_at: now,
            started_at: None,
            completed_at: None,
        };
        if !self.host.store.create_job(job.clone(), WAITING_MAX).await? {
            return Err(Refusal::TooManyJobs { max: WAITING_MAX });
        }
        self.jobs.notify_one();
        Ok(shown(job))
    }

    /// What is asked of is judged when it is asked: nobody looks at a log for a mistyped name.
    pub(super) async fn agent_of_job(
        &self,
        caller: &Caller,
        request: &CreateJob,
    ) -> Result<AgentName, Refusal> {
        let agent = self.agent_to_run(caller, &session_for(&request.agent_name, None)).await?;
        if let Some(session) = request.session_id {
            let record = self.session_record(caller, session).await?;
            if record.status == Status::Ended {
                return Err(Refusal::SessionState { status: record.status });
            }
            if record.agent_name != agent.name {
                let what = format!("the session is of the agent \"{}\"", record.agent_name);
                return Err(wrong("agentName", what));
            }
        }
        Ok(agent.name)
    }

    /// The newest first.
    pub(crate) async fn jobs(
        &self,
        caller: &Caller,
        filter: JobFilter,
    ) -> Result<JobList, Refusal> {
        let jobs = self.host.store.jobs(&caller.tenant, filter.status, filter.limit).await?;
        Ok(JobList { items: jobs.into_iter().map(shown).collect() })
    }

    pub(crate) async fn job(&self, caller: &Caller, id: JobId) -> Result<Job, Refusal> {
        let job = self.host.store.job(&caller.tenant, id).await?;
        job.map(shown).ok_or(Refusal::JobNotFound)
    }

    pub(crate) async fn job_stats(&self, caller: &Caller) -> Result<JobStats, Refusal> {
        Ok(JobStats { stats: self.host.store.job_counts(&caller.tenant).await? })
    }

    /// One that runs is interrupted.
    pub(crate) async fn cancel_job(&self, caller: &Caller, id: JobId) -> Result<Job, Refusal> {
        let store = &self.host.store;
        let before = store.cancel_job(&caller.tenant, id, Timestamp::now()).await?;
        let before = before.ok_or(Refusal::JobNotFound)?;
        match before.status {
            JobStatus::Pending => {}
            JobStatus::Processing => self.stop_job(caller, &before).await,
            status => return Err(Refusal::JobState { status }),
        }
        self.schedules.notify_one();
        self.job(caller, id).await
    }

    /// Its session may be over already, or its turn: then there is nothing to be stopped.
    pub(super) async fn stop_job(&self, caller: &Caller, job: &JobRecord) {
        let stopped = match (job.wished_session, job.session, job.turn) {
            (None, Some(session), _) => self.end(caller, session).await.map(drop),
            (Some(session), _, Some(turn)) => match self.remove_turn(caller, session, turn).await {
                Err(Refusal::Queue(crate::runner::handle::QueueError::Running)) => {
                    self.interrupt(caller, session).await.map(drop)
                }
                removed => removed.map(drop),
            },
            (_, None, _) | (Some(_), _, None) => Ok(()),
        };
        if let Err(error) = stopped {
            tracing::debug!(job = %job.id, %error, "nothing of a cancelled job was stopped");
        }
    }
}

/// What a job's own session is asked for.
fn session_for(agent: &str, version: Option<u32>) -> CreateSession {
    let version = version.map(NumberOrId::Number);
    CreateSession { agent: agent.to_owned(), version, ..CreateSession::default() }
}

pub(super) fn judge(request: &CreateJob) -> Result<(), Refusal> {
    match request.prompt.chars().count() {
        1..=TEXT_CHARACTERS_MAX => {}
        _ => return Err(wrong("prompt", format!("it has 1 to {TEXT_CHARACTERS_MAX} characters"))),
    }
    if request.priority > PRIORITY_MAX {
        return Err(wrong("priority", format!("it is between 0 and {PRIORITY_MAX}")));
    }
    if request.max_retries > RETRIES_MAX {
        return Err(wrong("maxRetries", format!("it is between 0 and {RETRIES_MAX}")));
    }
    Ok(())
}

fn wrong(field: &str, what: String) -> Refusal {
    OptionError { field: field.to_owned(), what }.into()
}

pub(super) fn shown(job: JobRecord) -> Job {
    let session: Option<SessionId> = job.session.or(job.wished_session);
    Job {
        id: job.id,
        tenant_id: job.tenant,
        agent_name: job.agent_name.as_str().to_owned(),
        session_id: session,
        turn_id: job.turn,
        prompt: job.prompt,
        status: job.status,
        priority: job.priority,
        retry_count: job.retries,
        max_retries: job.retries_max,
        result: job.result,
        error: job.error,
        created_at: job.created_at,
        due_at: (job.status == JobStatus::Pending).then_some(job.due_at),
        started_at: job.started_at,
        completed_at: job.completed_at,
    }
}
