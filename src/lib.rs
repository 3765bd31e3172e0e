//! Ash runs Claude-powered agents on Linux machines.
//!
//! The modules in reading order; who may import whom stands in `docs/architecture.md` and is
//! held by `tests/tidy`.
//!
//! Ground, which knows Linux but not Ash: [`id`], [`clock`], [`chain`], [`scope`], [`os`], [`systemd`], [`web`], [`telemetry`].
//! The words: [`wire`] (what crosses the API), [`agent`] (a deployable folder), [`session`]
//! (a conversation, pure), [`bridge`] (ashd's talk with a sandbox), [`sandbox`],
//! [`sandboxd`] (what wants privilege), [`egress`]
//! (the one way out of a sandbox), [`simulation`] (a scripted Claude), [`store`], [`lifecycle`] (what happens on a host).
//! What an administrator sets: [`config`]. The work: [`runner`] (one host's live sessions), [`control`] (one file per verb).
//! The doors: [`api`] (REST), [`ctl`] (`ashctl`), [`daemon`] (`ashd`).

mod agent;
mod api;
mod archive;
mod bridge;
mod chain;
mod clock;
mod config;
mod control;
mod ctl;
mod daemon;
mod egress;
mod id;
mod lifecycle;
mod metrics;
#[cfg(test)]
mod mutation;
mod os;
mod runner;
mod sandbox;
mod sandboxd;
mod scope;
mod session;
mod simulation;
mod store;
mod systemd;
mod telemetry;
mod web;
mod wire;

#[cfg(feature = "testing")]
pub mod testing;

pub use bridge::main as bridge_main;
pub use ctl::main as ctl_main;
pub use daemon::main as daemon_main;
pub use daemon::{egress_main, sandboxd_main};
pub use sandbox::main as launch_main;
#[cfg(feature = "testing")]
pub use store::measure_main as store_measure_main;
