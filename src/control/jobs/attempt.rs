//! One attempt at a job: a message to its session, and what its turn says.
//!
//! *Invariant:* an attempt that the end of ashd cut off is taken up by the next ashd and prompts
//! once: its message has a key of its own.

use super::super::send::Delivery;
use super::super::stream::{EventStream, Read};
use super::super::{Caller, Control, Refusal};
use super::session_for;
use crate::chain::chain;
use crate::clock::Timestamp;
use crate::id::{SessionId, TurnId};
use crate::metrics::COUNTS;
use crate::runner::handle::{SendError, StartError};
use crate::session::evals::score;
use crate::session::frame::FrameKind;
use crate::session::job::{Answer, JobChange, JobStatus, Tried};
use crate::store::{JobRecord, StoreError};
use crate::wire::turns::SendMessage;

impl Control {
    /// Tries a job that was claimed, and notes what came of it.
    pub(super) async fn try_job(&self, job: JobRecord) -> Result<(), StoreError> {
        let caller = Caller { tenant: job.tenant.clone(), administrator: false, key: None };
        let mut own = None;
        let tried = match self.run_job(&caller, &job, &mut own).await {
            Ok(Some(tried)) => tried,
            // ashd leaves, or the job was cancelled.
            Ok(None) if self.host.closing.is_cancelled() => return Ok(()),
            Ok(None) => return self.end_of_job(&caller, &job, own).await,
            Err(Refusal::Leaving | Refusal::Send(SendError::Ending)) => return Ok(()),
            Err(refusal) => refused(&refusal),
        };
        // Its session goes first: whoever takes the job up behind a crash finds the turn there.
        self.end_of_job(&caller, &job, own).await?;
        let change = tried.becomes(job.retries, job.retries_max);
        tracing::info!(job = %job.id, agent = %job.agent_name, outcome = change.word(), "a job was tried");
        let store = &self.host.store;
        let scores = match &change {
            JobChange::Completed { result } => {
                store.case_of_job(job.id).await?.map(|case| score(&case, result))
            }
            JobChange::Failed { .. } | JobChange::Again { .. } => None,
        };
        let counter = match &change {
            JobChange::Completed { .. } => &COUNTS.jobs_completed,
            JobChange::Failed { .. } => &COUNTS.jobs_failed,
            JobChange::Again { .. } => &COUNTS.jobs_retried,
        };
        counter.add(1);
        if matches!(change, JobChange::Failed { .. }) {
            let schedules = store.schedules(&job.tenant).await?;
            let is_run = schedules.iter().any(|schedule| schedule.last_job == Some(job.id));
            COUNTS.runs_failed.add(u64::from(is_run));
        }
        store.job_was_tried(job.id, change, scores, Timestamp::now()).await?;
        self.schedules.notify_one();
        Ok(())
    }

    async fn end_of_job(
        &self,
        caller: &Caller,
        job: &JobRecord,
        own: Option<SessionId>,
    ) -> Result<(), StoreError> {
        let Some(session) = own else { return Ok(()) };
        match self.end(caller, session).await {
            Err(Refusal::Store(error)) => Err(error),
            Err(error) => {
                tracing::warn!(job = %job.id, %session, %error, "the session of a job did not end");
                Ok(())
            }
            Ok(_ended) => Ok(()),
        }
    }

    /// `None` if the turn did not get to its end here, or there was none. `own` is a session that
    /// is there for the job alone.
    async fn run_job(
        &self,
        caller: &Caller,
        job: &JobRecord,
        own: &mut Option<SessionId>,
    ) -> Result<Option<Tried>, Refusal> {
        let (turn, mut events) = match (job.wished_session, job.session) {
            (Some(session), _) => self.prompt(caller, job, session).await?,
            (None, Some(session)) => {
                *own = Some(session);
                match self.prompt(caller, job, session).await {
                    // It was made, and its message not sent.
                    Err(Refusal::SessionNotFound | Refusal::SessionState { .. }) => {
                        self.prompt_anew(caller, job, own).await?
                    }
                    prompted => prompted?,
                }
            }
            (None, None) => self.prompt_anew(caller, job, own).await?,
        };
        let session = own.or(job.wished_session).ok_or(Refusal::SessionNotFound)?;
        self.host.store.job_runs(job.id, session, turn).await?;
        let now = self.host.store.job(&caller.tenant, job.id).await?;
        if now.is_none_or(|now| now.status == JobStatus::Cancelled) {
            let told = JobRecord { session: Some(session), turn: Some(turn), ..job.clone() };
            self.stop_job(caller, &told).await;
            return Ok(None);
        }
        let mut answer = Answer::default();
        while let Some(read) = events.next().await? {
            let Read::Frame(frame) = read else { continue };
            if frame.kind == FrameKind::Done {
                return Ok(Some(answer.tried()));
            }
            answer.read(frame.kind, &frame.data);
        }
        Ok(None)
    }

    async fn prompt_anew(
        &self,
        caller: &Caller,
        job: &JobRecord,
        own: &mut Option<SessionId>,
    ) -> Result<(TurnId, EventStream), Refusal> {
        let request = session_for(job.agent_name.as_str(), job.agent_version);
        let session = self.create_for(caller, &request, Some(job.id)).await?.id;
        *own = Some(session);
        self.prompt(caller, job, session).await
    }

    async fn prompt(
        &self,
        caller: &Caller,
        job: &JobRecord,
        session: SessionId,
    ) -> Result<(TurnId, EventStream), Refusal> {
        let key = format!("job-{}-{}", job.id, job.retries);
        let delivery = Delivery { key: Some(key), trace: None, after: None };
        self.send(caller, session, SendMessage::text(job.prompt.as_str()), delivery).await
    }
}

/// What a refusal means for a job.
fn refused(refusal: &Refusal) -> Tried {
    let error = chain(refusal);
    match refusal {
        Refusal::Draining
        | Refusal::NoFreeUid { .. }
        | Refusal::Store(_)
        | Refusal::Send(SendError::QueueFull { .. } | SendError::Store(_))
        | Refusal::Start(
            StartError::TooMany { .. } | StartError::MemoryShort { .. } | StartError::Store(_),
        ) => Tried::NoRoom { error },
        Refusal::AgentUnknown { .. }
        | Refusal::SessionNotFound
        | Refusal::SessionGone
        | Refusal::VersionUnknown { .. }
        | Refusal::SessionState { .. }
        | Refusal::Option { .. } => Tried::Failed { error, again: false },
        _ => Tried::Failed { error, again: true },
    }
}
