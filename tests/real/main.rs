//! The real `ashd` with real sandboxes (bubblewrap), the real Claude Code CLI, and a stand-in for
//! the model API, in one process tree: one file per promise. What needs systemd is in
//! `tests/system`.
//!
//! Where the CLI or bubblewrap is missing, a test prints `SKIP: reason` and proves nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by failing")]

mod agents;
mod attachments;
mod borrowed;
mod conversation;
mod credentials;
mod deaths;
mod egress;
mod exec;
mod interrupts;
mod isolation;
mod jail;
mod limits;
mod model;
mod options;
mod permissions;
mod pool;
mod processes;
mod refusals;
mod rest;
mod scripts;
#[path = "../api/server.rs"]
#[expect(dead_code, reason = "the tests of the API need more of it")]
mod server;
mod world;
