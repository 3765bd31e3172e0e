//! The clock of schedules: makes jobs of those whose time has come.
//!
//! *Invariant:* what becomes of a time is stored with the next one: a time that has come is looked at
//! once, whoever dies.

use std::time::Duration;

use tokio::time::sleep;

use super::super::Control;
use super::{came, job_of, next};
use crate::clock::Timestamp;
use crate::id::JobId;
use crate::metrics::COUNTS;
use crate::session::schedule::{Coming, RunOutcome};
use crate::store::{ScheduleRecord, StoreError};

/// It is looked again after so long as long as there are schedules: a clock that is set makes them
/// come without a word.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// The pause behind a failure of the store.
const STORE_PAUSE: Duration = Duration::from_secs(1);

impl Control {
    /// Until ashd leaves.
    pub(crate) async fn keep_schedules(&self) {
        let mut drained = self.drain.subscribe();
        loop {
            let pause = match self.look_at_schedules().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, "the schedules could not be read");
                    Some(STORE_PAUSE)
                }
            };
            let wait = async {
                match pause {
                    Some(pause) => sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.schedules.notified() => {}
                _ = drained.changed() => {}
                () = self.host.closing.cancelled() => return,
            }
        }
    }

    /// Says when to look again; `None` if there is nothing to look at. A host that is drained lets
    /// them wait: then they may have been missed.
    async fn look_at_schedules(&self) -> Result<Option<Duration>, StoreError> {
        let store = &self.host.store;
        if !self.is_draining() {
            for (schedule, is_busy) in store.due_schedules(Timestamp::now()).await? {
                self.schedule_comes(schedule, is_busy).await?;
            }
        }
        let Some(next) = store.next_schedule().await? else { return Ok(None) };
        let wait = next.as_millis().saturating_sub(Timestamp::now().as_millis());
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(0));
        let shortest = if self.is_draining() { LOOK_AGAIN } else { Duration::ZERO };
        Ok(Some(wait.max(shortest).min(LOOK_AGAIN)))
    }

    async fn schedule_comes(
        &self,
        schedule: ScheduleRecord,
        is_busy: bool,
    ) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let due = schedule.next_at.filter(|due| *due <= now);
        let (coming, next_at) = match due {
            Some(due) => {
                let policy = (schedule.missed, schedule.overlap);
                let coming = Coming::of(due, now, policy, (is_busy, schedule.held));
                let next_at = next(&schedule.cron, &schedule.timezone, now);
                if let Err(error) = &next_at {
                    tracing::error!(schedule = %schedule.id, %error, "a schedule has no more times, and is disabled");
                }
                (coming, next_at.ok())
            }
            // What was held back.
            None => (Coming { outcome: RunOutcome::Started, held: false }, schedule.next_at),
        };
        let starts = coming.outcome == RunOutcome::Started;
        let job = starts.then(|| job_of(&schedule, now));
        let (id, outcome) = (schedule.id, coming.outcome.as_str());
        let about = job.as_ref().map(|job| tracing::field::display(job.id));
        tracing::info!(schedule = %id, outcome, job = about, "a schedule came");
        let (tenant, made) = (schedule.tenant.clone(), job.as_ref().map(|job| job.id));
        let stored = came(coming, now, next_at, job);
        if !self.host.store.schedule_came(schedule, stored).await? {
            return Ok(());
        }
        let counter = match coming.outcome {
            // There was no room for its job.
            RunOutcome::Started if !self.is_there(&tenant, made).await? => {
                &COUNTS.runs_skipped_full
            }
            RunOutcome::Started => &COUNTS.runs_started,
            RunOutcome::Held => &COUNTS.runs_held,
            RunOutcome::SkippedOverlap => &COUNTS.runs_skipped_overlap,
            RunOutcome::SkippedMissed => &COUNTS.runs_skipped_missed,
            RunOutcome::SkippedFull => &COUNTS.runs_skipped_full,
        };
        counter.add(1);
        if starts {
            self.jobs.notify_one();
        }
        Ok(())
    }

    async fn is_there(&self, tenant: &str, job: Option<JobId>) -> Result<bool, StoreError> {
        match job {
            Some(job) => Ok(self.host.store.job(tenant, job).await?.is_some()),
            None => Ok(false),
        }
    }
}
