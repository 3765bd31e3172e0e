//! How long a turn may run, and what happens then: it is interrupted, and if the CLI does not
//! obey, its sandbox is ended.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep_until};

use super::driver::Driver;
use super::log::Batch;
use crate::clock::Timestamp;
use crate::session::frame::FrameKind;

/// Time to obey an interrupt. The CLI takes some 20 ms; a busy machine, and tools that clean up,
/// take longer.
const INTERRUPT_GRACE: Duration = Duration::from_secs(30);

/// The next thing that is done about a turn that does not end.
#[derive(Debug, Clone, Copy)]
pub(super) struct TurnLimit {
    at: Instant,
    step: Step,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Interrupt { allowed: Duration },
    EndSandbox,
}

impl TurnLimit {
    /// Waits for it, for ever if there is none. Cancel-safe.
    pub(super) async fn reached(limit: Option<Self>) {
        match limit {
            Some(limit) => sleep_until(limit.at).await,
            None => std::future::pending().await,
        }
    }
}

impl Driver {
    /// Gives the running turn the time it may take, less what it has run.
    pub(super) fn watch_the_clock(&mut self) {
        self.limit = None;
        let Some(turn) = &self.running else { return };
        let own = turn.options.timeout_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let Some(allowed) = own.or(self.host.policy().turn_timeout) else { return };
        let left = allowed.saturating_sub(turn.began.map_or_else(
            || {
                // An earlier ashd began it. A clock that was set back must not add to it.
                let since = turn.started_at.unwrap_or_else(Timestamp::now).as_millis();
                let ran = Timestamp::now().as_millis().saturating_sub(since);
                Duration::from_millis(u64::try_from(ran).unwrap_or(0))
            },
            |began| began.elapsed(),
        ));
        let step = Step::Interrupt { allowed };
        self.limit = Some(TurnLimit { at: Instant::now() + left, step });
    }

    /// The running turn was interrupted, and another one waits for that.
    pub(super) fn must_end_soon(&mut self) {
        if self.running.is_some() {
            let at = Instant::now() + INTERRUPT_GRACE;
            self.limit = Some(TurnLimit { at, step: Step::EndSandbox });
        }
    }

    pub(super) async fn overdue(&mut self) {
        let Some(limit) = self.limit.take() else { return };
        let Some(ordinal) = self.running.as_ref().map(|turn| turn.ordinal) else { return };
        match limit.step {
            Step::Interrupt { allowed } => {
                let seconds = allowed.as_secs();
                let error =
                    format!("the turn took longer than the {seconds} s it may, and is interrupted");
                let mut batch = Batch::default();
                let error = json!({ "error": error, "code": "timeout" });
                batch.push(FrameKind::Error, Some(ordinal), error.to_string());
                if self.log.commit(batch).await {
                    self.interrupt();
                    self.must_end_soon();
                }
            }
            Step::EndSandbox => {
                let seconds = INTERRUPT_GRACE.as_secs();
                if self.live.is_some() {
                    let mut batch = Batch::default();
                    self.take_stock(&mut batch).await;
                    self.log.commit(batch).await;
                    self.end_sandbox().await;
                }
                self.fail(&format!(
                    "Claude Code did not obey an interrupt within {seconds} s and was ended"
                ))
                .await;
            }
        }
    }
}
