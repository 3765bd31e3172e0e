//! Attacks on real sandboxes, each twice: with every wall, where it must be blocked, and without
//! the layers that hold it, where it must succeed.
//!
//! Most need root, for sandboxes with users of their own. What this machine cannot show is told
//! as a line `SKIP: …`, and never counted as blocked by the wrong wall.
#![expect(clippy::panic, reason = "a test that cannot go on says so")]

mod clients;
mod fights;
mod refusals;
mod table;
