//! What is cleaned up while ashd runs: the files of sessions that ended a while ago, agent versions
//! that nothing refers to, old idempotency keys, jobs and deliveries that are over, the pieces of
//! messages that are long whole, old records of what turns used, and memory that is free.

use std::time::Duration;

use super::{Control, Refusal};
use crate::clock::Timestamp;
use crate::os::sys;
use crate::session::frame::{FrameKind, is_piece};
use crate::store::{Pruned, Pruning};

/// How often it is looked for.
const INTERVAL: Duration = Duration::from_mins(10);

/// How long a message's idempotency key is remembered: a client that was down over night has
/// better ways to find its turn.
const KEEP_KEYS: Duration = Duration::from_hours(24);

/// How long it can be seen what a webhook was told: a week-end, and time to look into it.
const KEEP_DELIVERIES: Duration = Duration::from_hours(7 * 24);

impl Control {
    /// Sweeps now and then, until ashd leaves.
    pub(crate) async fn sweep(&self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        // After a start all are looked through, and find little: it is not worth a row.
        let mut pruned = Timestamp::from_millis(0);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.host.closing.cancelled() => return,
            }
            if let Err(error) = self.sweep_once(&mut pruned).await {
                tracing::warn!(%error, "could not clean up after ended sessions");
            }
            // What a burst of sessions took is not needed until the next one.
            drop(tokio::task::spawn_blocking(sys::give_free_memory_back).await);
        }
    }

    /// `pruned`: turns that ended before have no pieces any more.
    async fn sweep_once(&self, pruned: &mut Timestamp) -> Result<(), Refusal> {
        for record in self.host.store.ended_sessions_with_workspace(self.kept_since()).await? {
            if self.remove_folders(record.id).await {
                self.host.store.mark_workspace_removed(record.id).await?;
            }
        }
        self.host.store.forget_keys(before(KEEP_KEYS)).await?;
        self.host.store.forget_jobs(before(self.settings().keep_jobs)).await?;
        self.host.store.forget_deliveries(before(KEEP_DELIVERIES)).await?;
        if let Some(keep) = self.settings().keep_pieces {
            *pruned = self.prune(keep, *pruned).await?;
        }
        if let Err(error) = self.answers.sweep().await {
            tracing::warn!(%error, "old answers could not be removed");
        }
        self.remove_old_usage().await?;
        self.remove_unused_versions().await;
        self.sweep_archives().await
    }

    async fn prune(&self, keep: Duration, since: Timestamp) -> Result<Timestamp, Refusal> {
        let before = before(keep);
        let pruning = Pruning {
            since,
            before,
            dispensable: is_piece,
            kind: FrameKind::Pruned as u8,
            done: FrameKind::Done as u8,
        };
        let Pruned { turns, rows, bytes } = self.host.store.prune(pruning).await?;
        if rows > 0 {
            tracing::info!(
                turns,
                events = rows,
                bytes,
                "removed the pieces of messages of old turns, as `sessions.keep_pieces_hours` says"
            );
        }
        Ok(before)
    }

    /// What ended before has no files any more.
    pub(super) fn kept_since(&self) -> Timestamp {
        before(self.settings().keep_ended)
    }
}

/// The moment that is so long ago.
fn before(keep: Duration) -> Timestamp {
    let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(Timestamp::now().as_millis().saturating_sub(keep))
}
