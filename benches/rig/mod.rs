//! What the benchmarks share: an ashd of their own, its clients, the CLI without Ash, and tables.

pub(crate) mod ashd;
pub(crate) mod bare;
pub(crate) mod bridge;
pub(crate) mod chart;
pub(crate) mod client;
pub(crate) mod figures;
pub(crate) mod process;

use std::time::Duration;

/// Beyond this something hangs: far more than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
