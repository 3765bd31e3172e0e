//! Schedules: prompts that become jobs when their time comes.

mod clock;

use super::jobs::{WAITING_MAX, judge, shown as shown_job};
use super::{Caller, Control, Refusal};
use crate::clock::Timestamp;
use crate::id::{JobId, ScheduleId};
use crate::session::job::JobStatus;
use crate::session::options::OptionError;
use crate::session::schedule::{Coming, RunOutcome, Times, TimesError};
use crate::store::{Came, JobRecord, ScheduleChange, ScheduleRecord};
use crate::wire::jobs::{CreateJob, Job};
use crate::wire::schedules::{ChangeSchedule, CreateSchedule, Schedule, ScheduleList};

/// Schedules of a tenant: all are looked at when one comes.
const SCHEDULES_MAX: usize = 200;

/// Characters of a label.
const LABEL_CHARACTERS_MAX: usize = 200;

/// The zone of a schedule that names none.
const UTC: &str = "UTC";

impl Control {
    pub(crate) async fn create_schedule(
        &self,
        caller: &Caller,
        request: CreateSchedule,
    ) -> Result<Schedule, Refusal> {
        let timezone = request.timezone.unwrap_or_else(|| UTC.to_owned());
        let now = Timestamp::now();
        let next_at = Some(next(&request.cron, &timezone, now)?);
        let label = request.label.filter(|label| !label.is_empty());
        if label.as_ref().is_some_and(|label| label.chars().count() > LABEL_CHARACTERS_MAX) {
            return Err(Refusal::KeyLabel { max: LABEL_CHARACTERS_MAX });
        }
        let job = CreateJob {
            agent_name: request.agent_name,
            prompt: request.prompt,
            session_id: request.session_id,
            priority: request.priority,
            max_retries: request.max_retries,
        };
        judge(&job)?;
        let agent_name = self.agent_of_job(caller, &job).await?;
        let record = ScheduleRecord {
            id: ScheduleId::new(),
            tenant: caller.tenant.clone(),
            label,
            cron: request.cron,
            timezone,
            agent_name,
            wished_session: job.session_id,
            prompt: job.prompt,
            priority: job.priority,
            retries_max: job.max_retries,
            missed: request.missed,
            overlap: request.overlap,
            next_at,
            held: false,
            last_at: None,
            last_outcome: None,
            last_job: None,
            created_at: now,
        };
        if !self.host.store.create_schedule(record.clone(), SCHEDULES_MAX).await? {
            return Err(Refusal::TooManySchedules { max: SCHEDULES_MAX });
        }
        self.schedules.notify_one();
        Ok(shown(record))
    }

    /// The oldest first.
    pub(crate) async fn schedules(
        &self,
        caller: &Caller,
        of_all: bool,
    ) -> Result<ScheduleList, Refusal> {
        let found = self.host.store.schedules(caller.listed(of_all)?).await?;
        Ok(ScheduleList { schedules: found.into_iter().map(shown).collect() })
    }

    pub(crate) async fn schedule(
        &self,
        caller: &Caller,
        id: ScheduleId,
    ) -> Result<Schedule, Refusal> {
        self.schedule_record(caller, id).await.map(shown)
    }

    async fn schedule_record(
        &self,
        caller: &Caller,
        id: ScheduleId,
    ) -> Result<ScheduleRecord, Refusal> {
        let found = self.host.store.schedule(&caller.tenant, id).await?;
        found.ok_or(Refusal::ScheduleNotFound)
    }

    /// A new pattern, or an end of being disabled, counts from now on: nothing was missed.
    pub(crate) async fn change_schedule(
        &self,
        caller: &Caller,
        id: ScheduleId,
        request: ChangeSchedule,
    ) -> Result<Schedule, Refusal> {
        let before = self.schedule_record(caller, id).await?;
        let ChangeSchedule { cron, timezone, prompt, missed, overlap, enabled } = request;
        if let Some(prompt) = &prompt {
            let (agent_name, prompt) = (before.agent_name.as_str().to_owned(), prompt.clone());
            let (priority, max_retries) = (before.priority, before.retries_max);
            judge(&CreateJob { agent_name, prompt, session_id: None, priority, max_retries })?;
        }
        let is_enabled = enabled.unwrap_or(before.next_at.is_some());
        let has_other_times = cron.is_some() || timezone.is_some();
        let times = || {
            let cron = cron.as_deref().unwrap_or(&before.cron);
            next(cron, timezone.as_deref().unwrap_or(&before.timezone), Timestamp::now())
        };
        let next_at = match (is_enabled, has_other_times) {
            (false, true) => times().map(|_they_can_come| Some(None))?,
            (false, false) => Some(None),
            (true, false) if before.next_at.is_some() => None,
            (true, _) => Some(Some(times()?)),
        };
        let change = ScheduleChange { cron, timezone, prompt, missed, overlap, next_at };
        let changed = self.host.store.change_schedule(&caller.tenant, id, change).await?;
        self.schedules.notify_one();
        changed.map(shown).ok_or(Refusal::ScheduleNotFound)
    }

    pub(crate) async fn delete_schedule(
        &self,
        caller: &Caller,
        id: ScheduleId,
    ) -> Result<(), Refusal> {
        if self.host.store.delete_schedule(&caller.tenant, id).await? {
            Ok(())
        } else {
            Err(Refusal::ScheduleNotFound)
        }
    }

    /// Beside its times, and whatever runs: who asks has looked.
    pub(crate) async fn run_schedule(
        &self,
        caller: &Caller,
        id: ScheduleId,
    ) -> Result<Job, Refusal> {
        self.takes_work()?;
        loop {
            let before = self.schedule_record(caller, id).await?;
            let now = Timestamp::now();
            let job = job_of(&before, now);
            let (outcome, held, next_at) = (RunOutcome::Started, before.held, before.next_at);
            let coming = Coming { outcome, held };
            let stored = came(coming, now, next_at, Some(job.clone()));
            // Its time may come between: then once more.
            if self.host.store.schedule_came(before, stored).await? {
                return match self.host.store.job(&caller.tenant, job.id).await? {
                    Some(job) => {
                        self.jobs.notify_one();
                        Ok(shown_job(job))
                    }
                    None => Err(Refusal::TooManyJobs { max: WAITING_MAX }),
                };
            }
        }
    }
}

/// What is stored of a time.
fn came(coming: Coming, at: Timestamp, next_at: Option<Timestamp>, job: Option<JobRecord>) -> Came {
    Came { coming, at, next_at, job, waiting_max: WAITING_MAX }
}

fn next(cron: &str, timezone: &str, then: Timestamp) -> Result<Timestamp, OptionError> {
    let times = Times::parse(cron, timezone).and_then(|times| times.after(then));
    times.map_err(|error| {
        let field = if error == TimesError::Timezone { "timezone" } else { "cron" };
        OptionError { field: field.to_owned(), what: error.to_string() }
    })
}

/// What a schedule becomes.
fn job_of(schedule: &ScheduleRecord, now: Timestamp) -> JobRecord {
    JobRecord {
        id: JobId::new(),
        tenant: schedule.tenant.clone(),
        agent_name: schedule.agent_name.clone(),
        agent_version: None,
        wished_session: schedule.wished_session,
        session: None,
        turn: None,
        prompt: schedule.prompt.clone(),
        priority: schedule.priority,
        retries: 0,
        retries_max: schedule.retries_max,
        status: JobStatus::Pending,
        result: None,
        error: None,
        created_at: now,
        due_at: now,
        started_at: None,
        completed_at: None,
    }
}

fn shown(record: ScheduleRecord) -> Schedule {
    Schedule {
        id: record.id,
        tenant_id: record.tenant,
        label: record.label,
        cron: record.cron,
        timezone: record.timezone,
        agent_name: record.agent_name.as_str().to_owned(),
        session_id: record.wished_session,
        prompt: record.prompt,
        priority: record.priority,
        max_retries: record.retries_max,
        missed: record.missed,
        overlap: record.overlap,
        enabled: record.next_at.is_some(),
        next_run_at: record.next_at,
        held: record.held,
        last_run_at: record.last_at,
        last_outcome: record.last_outcome,
        last_job_id: record.last_job,
        created_at: record.created_at,
    }
}
