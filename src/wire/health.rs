//! `GET /health`: the original's shape, and what this host enforces.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Answer of `GET /health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// `ok`, or `degraded` while the database cannot be used as it should.
    pub(crate) status: String,
    pub(crate) active_sessions: u64,
    pub(crate) active_sandboxes: u64,
    /// Seconds since the start.
    pub(crate) uptime: f64,
    pub(crate) pool: Pool,
    pub(crate) version: String,
    pub(crate) coordinator_id: String,
    pub(crate) remote_runners: u64,
    /// No new sessions and messages are taken.
    #[serde(default)]
    pub(crate) draining: bool,
    /// Sandboxes are simulated: no isolation, no real CLI.
    pub(crate) simulated: bool,
    /// `split`: ashd, ash-sandboxd and ash-egress are programs of their own; else `one`.
    #[serde(default = "one")]
    pub(crate) roles: String,
    pub(crate) isolation: Isolation,
    pub(crate) cli: Cli,
    /// What is wrong with the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store_problem: Option<StoreTrouble>,
}

/// An older ashd was always one process.
fn one() -> String {
    "one".to_owned()
}

/// The original's pool figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pool {
    pub(crate) total: u64,
    pub(crate) cold: u64,
    pub(crate) warming: u64,
    pub(crate) warm: u64,
    pub(crate) waiting: u64,
    pub(crate) running: u64,
    pub(crate) max_capacity: u64,
    pub(crate) resume_warm_hits: u64,
    pub(crate) resume_cold_hits: u64,
    /// Sessions that were given a parked sandbox.
    pub(crate) pre_warm_hits: u64,
    /// Sessions that were not, by the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) pre_warm_misses: BTreeMap<String, u64>,
}

/// Why the database cannot be used as it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StoreTrouble {
    /// `disk_full`, `read_only`, `locked`, `moved`, `failing` or `damaged`.
    pub(crate) code: String,
    pub(crate) error: String,
    /// What to do about it.
    pub(crate) hint: String,
}

/// How far a protection goes on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Not there.
    None,
    /// Watched or best effort.
    Soft,
    /// The kernel enforces it.
    Hard,
}

/// What keeps a sandbox in, one member per wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Isolation {
    /// `scope` (systemd), `plain` (one process tree) or `simulated`.
    pub(crate) placement: String,
    pub(crate) files: Level,
    pub(crate) network: Level,
    pub(crate) identity: Level,
    pub(crate) memory: Level,
    pub(crate) processes: Level,
    pub(crate) cpu: Level,
    pub(crate) seccomp: Level,
    pub(crate) disk: Level,
    /// The walls that are not hard, by name.
    #[serde(default)]
    pub(crate) degraded: Vec<String>,
    /// A sentence for each wall that is not hard, with what to do about it.
    pub(crate) notes: Vec<String>,
}

/// The Claude Code CLI that sessions run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Cli {
    pub(crate) path: Option<String>,
    pub(crate) version: Option<String>,
    /// Why no session can start, if none can.
    pub(crate) problem: Option<String>,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::operation;
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(Operation::Health, "Tells how the daemon is.").answers::<Health>(200),
        operation(Operation::ShowMetrics, "Tells Prometheus what ashd counts of itself.")
            .sends("text/plain")
            .refuses(&[Code::Forbidden, Code::NotFound]),
    ]
}
