//! Works jobs off: a few at a time, the most urgent first.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::Control;
use crate::clock::Timestamp;
use crate::store::{JobRecord, StoreError};

/// It is looked again after so long, though nobody said that there is anything: a clock that is
/// set makes jobs due without a word.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// The pause behind a failure of the store.
const STORE_PAUSE: Duration = Duration::from_secs(1);

type Attempts = JoinSet<Result<(), StoreError>>;

impl Control {
    /// Until ashd leaves. What runs then is taken up by the next ashd.
    pub(crate) async fn work_off_jobs(&self) {
        let mut attempts = Attempts::new();
        while let Err(error) = self.take_up_jobs(&mut attempts).await {
            tracing::warn!(%error, "the jobs could not be read");
            tokio::select! {
                () = sleep(STORE_PAUSE) => {}
                () = self.host.closing.cancelled() => return,
            }
        }
        let mut drained = self.drain.subscribe();
        loop {
            let pause = match self.take_jobs(&mut attempts).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, "no job could be taken");
                    STORE_PAUSE
                }
            };
            tokio::select! {
                Some(ended) = attempts.join_next() => match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::error!(%error, "what came of a job could not be noted; it is taken up again when ashd starts"),
                    Err(error) => tracing::error!(%error, "an attempt at a job failed"),
                },
                () = self.jobs.notified() => {}
                _ = drained.changed() => {}
                () = sleep(pause) => {}
                () = self.host.closing.cancelled() => return,
            }
        }
    }

    /// What an earlier ashd was at, whatever the limit is now: it is under way.
    async fn take_up_jobs(&self, attempts: &mut Attempts) -> Result<(), StoreError> {
        for job in self.host.store.jobs_under_way().await? {
            tracing::info!(job = %job.id, "taking up a job");
            self.attempt(attempts, job);
        }
        Ok(())
    }

    /// Takes as many as there is room for, and says when to look again.
    async fn take_jobs(&self, attempts: &mut Attempts) -> Result<Duration, StoreError> {
        if self.is_draining() {
            return Ok(LOOK_AGAIN);
        }
        while attempts.len() < self.settings().jobs_at_once {
            let Some(job) = self.host.store.claim_job(Timestamp::now()).await? else {
                let due = self.host.store.next_job_due().await?;
                let wait = due.map(|due| due.as_millis() - Timestamp::now().as_millis());
                let wait = wait.map(|millis| u64::try_from(millis).unwrap_or(0));
                return Ok(wait.map_or(LOOK_AGAIN, Duration::from_millis).min(LOOK_AGAIN));
            };
            self.attempt(attempts, job);
        }
        Ok(LOOK_AGAIN)
    }

    fn attempt(&self, attempts: &mut Attempts, job: JobRecord) {
        let control = self.clone();
        attempts.spawn(async move { control.try_job(job).await });
    }
}
