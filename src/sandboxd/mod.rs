//! Everything that wants privilege, behind one list of typed requests.
//!
//! ```text
//!   runner, control ── Sandboxes ──┬── Keeper                          one process plays all roles
//!                                  └── unix socket ── server ── Keeper     ash-sandboxd
//! ```
//!
//! A [`protocol::Request`] names sessions, digests and uids, never a path or an argument of a
//! program. The [`keeper`] judges each as if whoever asks were an enemy, derives every path
//! itself, and is the same code in both places. A new privileged act is a new request: one variant
//! in [`protocol`], one arm in the keeper, one method of [`Sandboxes`].

mod client;
mod folders;
mod jails;
mod keeper;
mod moving;
mod protocol;
mod sandboxes;
mod server;

#[cfg(test)]
mod tests;

pub(crate) use client::Client;
pub(crate) use keeper::{Keeper, KeeperSettings};
pub(crate) use moving::Unpacking;
pub(crate) use protocol::SandboxdError;
pub(crate) use sandboxes::Sandboxes;
#[cfg(feature = "testing")]
pub(crate) use server::read_any_request;
pub(crate) use server::serve;
