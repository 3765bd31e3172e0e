//! How much is kept ready for sessions that nobody has asked for yet.

use std::time::Duration;

/// Sandboxes whose CLI is up before a session wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolSettings {
    /// For one agent.
    pub(crate) per_agent: usize,
    /// On the host.
    pub(crate) max: usize,
    /// After the last session that could have used one.
    pub(crate) keep: Duration,
}

impl PoolSettings {
    pub(crate) fn is_off(self) -> bool {
        self.per_agent == 0 || self.max == 0
    }
}
