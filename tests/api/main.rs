//! The API of the real `ashd`, with simulated sandboxes: one file per resource. What needs a
//! real sandbox or the real CLI is in `tests/real`, what needs systemd in `tests/system`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by failing")]

mod administration;
mod agents;
mod archive;
mod attachments;
mod budgets;
mod clock;
mod configure;
mod conventions;
mod credentials;
mod daemon;
mod disk;
mod doors;
mod evals;
mod exec;
mod history;
mod jobs;
mod keys;
mod logs;
mod metrics;
mod permissions;
mod pool;
mod presets;
mod pruning;
mod queue;
mod reference;
mod regressions;
mod schedules;
mod server;
mod sessions;
mod stream;
mod tiers;
mod traces;
mod turns;
mod usage;
mod versions;
mod webhooks;
