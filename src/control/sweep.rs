//! What is cleaned up while ashd runs: the files of sessions that ended a while ago, and agent
//! versions that nothing refers to, and old idempotency keys.

use std::time::Duration;

use super::{Control, Refusal};
use crate::clock::Timestamp;

/// How often it is looked for.
const INTERVAL: Duration = Duration::from_mins(10);

/// How long a message's idempotency key is remembered: a client that was down over night has
/// better ways to find its turn.
const KEEP_KEYS: Duration = Duration::from_hours(24);

impl Control {
    /// Sweeps now and then, until ashd leaves.
    pub(crate) async fn sweep(&self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.host.closing.cancelled() => return,
            }
            if let Err(error) = self.sweep_once().await {
                tracing::warn!(%error, "could not clean up after ended sessions");
            }
        }
    }

    async fn sweep_once(&self) -> Result<(), Refusal> {
        for record in self.host.store.ended_sessions_with_workspace(self.kept_since()).await? {
            if self.remove_folders(record.id).await {
                self.host.store.mark_workspace_removed(record.id).await?;
            }
        }
        let keep = i64::try_from(KEEP_KEYS.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(Timestamp::now().as_millis().saturating_sub(keep));
        self.host.store.forget_keys(before).await?;
        self.remove_unused_versions().await;
        self.sweep_archives().await
    }

    /// What ended before has no files any more.
    pub(super) fn kept_since(&self) -> Timestamp {
        let keep = i64::try_from(self.settings().keep_ended.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(Timestamp::now().as_millis().saturating_sub(keep))
    }
}
