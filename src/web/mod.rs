//! HTTP without Ash: serving connections, bodies that keep their limits, and a client.

pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod tunnel;
