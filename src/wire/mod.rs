//! What crosses the API: shapes only, shared by `ashd` and `ashctl`. Paths, members, status
//! values and texts are the original's, so that its published clients work unchanged.

pub(crate) mod agents;
pub(crate) mod attachments;
pub(crate) mod audit;
pub(crate) mod budgets;
pub(crate) mod config;
pub(crate) mod credentials;
pub(crate) mod database;
pub(crate) mod drain;
mod eval_runs;
pub(crate) mod evals;
pub(crate) mod exec;
pub(crate) mod health;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod lifecycle;
pub(crate) mod load;
pub(crate) mod logs;
#[cfg(test)]
mod openapi;
pub(crate) mod operations;
pub(crate) mod permissions;
pub(crate) mod problem;
pub(crate) mod reference;
pub(crate) mod schedules;
pub(crate) mod sessions;
pub(crate) mod turns;
pub(crate) mod usage;
pub(crate) mod webhooks;
pub(crate) mod workspace;

use serde::{Deserialize, Serialize};

/// Answer of what has removed what was asked for.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Deleted {
    pub(crate) deleted: bool,
}

/// Answer of what has nothing else to tell.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Done {
    pub(crate) ok: bool,
}
