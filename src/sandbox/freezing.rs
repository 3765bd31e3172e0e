//! Freezing a sandbox that rests, thawing it, and giving its memory back.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::blocking;
use super::live::Live;
use super::placement::Placement;
use crate::os::cgroup::Cgroup;
use crate::systemd::scope::ScopeError;

/// Longest wait for a control group to be frozen or thawed. The kernel takes microseconds; a
/// process in an uninterruptible wait holds it up.
const SETTLE_DEADLINE: Duration = Duration::from_secs(2);

/// Why a sandbox was not frozen, thawed or made smaller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FreezeError {
    /// Without one there is nothing that freezes all of it at once.
    #[error("the sandbox has no control group")]
    NoControlGroup,
    #[error("the control group could not be changed")]
    Write(#[source] io::Error),
    #[error("systemd did not change the scope")]
    Scope(#[source] ScopeError),
    #[error("the sandbox did not come to rest within {} s", SETTLE_DEADLINE.as_secs())]
    Deadline,
}

impl Live {
    /// Whether the kernel says that nothing of it runs.
    pub(super) fn is_frozen(&self) -> bool {
        self.cgroup().and_then(Cgroup::occupancy).is_some_and(|is| is.frozen)
    }

    /// By a write to the control group where that is allowed: asking systemd takes 15 times as
    /// long, and it would not stop a unit that it believes frozen.
    pub(super) async fn freeze(&self, placement: &Placement) -> Result<(), FreezeError> {
        let cgroup = self.cgroup().ok_or(FreezeError::NoControlGroup)?;
        match (cgroup.freeze(), self.manager(placement)) {
            (Ok(()), _) => {}
            (Err(_), Some(manager)) => {
                manager.freeze(&self.record().name.unit()).await.map_err(FreezeError::Scope)?;
                self.frozen_by_systemd.store(true, Ordering::Relaxed);
            }
            (Err(error), None) => return Err(FreezeError::Write(error)),
        }
        if timeout(SETTLE_DEADLINE, cgroup.settled(true)).await.is_ok() {
            return Ok(());
        }
        // Half frozen is neither use.
        self.thaw(placement).await?;
        Err(FreezeError::Deadline)
    }

    pub(super) async fn thaw(&self, placement: &Placement) -> Result<(), FreezeError> {
        let cgroup = self.cgroup().ok_or(FreezeError::NoControlGroup)?;
        match self.manager(placement) {
            Some(manager) if self.frozen_by_systemd.load(Ordering::Relaxed) => {
                manager.thaw(&self.record().name.unit()).await.map_err(FreezeError::Scope)?;
                self.frozen_by_systemd.store(false, Ordering::Relaxed);
            }
            _ => cgroup.thaw().map_err(FreezeError::Write)?,
        }
        timeout(SETTLE_DEADLINE, cgroup.settled(false))
            .await
            .map_err(|_elapsed| FreezeError::Deadline)
    }

    /// Answers by how many bytes it became smaller.
    pub(super) async fn reclaim(&self) -> Result<u64, FreezeError> {
        let cgroup = self.cgroup().ok_or(FreezeError::NoControlGroup)?.clone();
        blocking(move || cgroup.reclaim()).await.map_err(FreezeError::Write)
    }
}
