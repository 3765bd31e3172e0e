//! A session's words and decisions: no I/O, no clock, no tokio.
//!
//! What the CLI writes is a *frame*. A stored frame is shown to clients as one or more
//! server-sent events ([`shown`]), appears in the history as at most one message and in the
//! timeline as any number of events ([`timeline`]). [`turn`] decides when a turn ends.

pub(crate) mod content;
pub(crate) mod credential;
pub(crate) mod evals;
pub(crate) mod frame;
pub(crate) mod job;
pub(crate) mod options;
pub(crate) mod patch;
pub(crate) mod permission;
pub(crate) mod pool;
pub(crate) mod preset;
pub(crate) mod reading;
pub(crate) mod schedule;
pub(crate) mod shown;
pub(crate) mod status;
pub(crate) mod tier;
pub(crate) mod timeline;
pub(crate) mod tools;
pub(crate) mod transcript;
pub(crate) mod turn;
pub(crate) mod webhook;

pub(crate) use status::Status;
