//! What Ash says to systemd and hears from it.

pub(crate) mod activation;
pub(crate) mod notify;
pub(crate) mod scope;
