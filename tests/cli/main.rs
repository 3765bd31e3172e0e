//! `ashctl` from the outside: the real program against a scripted server, one file per command.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod agents;
mod attachments;
mod bench;
mod chat;
mod completion;
mod config;
mod credentials;
mod deploy;
mod evals;
mod events;
mod failures;
mod host;
mod jobs;
mod mcp;
mod operations;
mod output;
mod program;
mod quota;
mod schedules;
mod scripted;
mod sessions;
mod simulated;
mod status;
mod turns;
mod usage;
mod versions;
mod webhooks;
mod workspaces;
