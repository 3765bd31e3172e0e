//! A deployable folder: judged, packed, streamed, unpacked, digested, copied.
//!
//! ```text
//! ashctl:  folder ── survey ──▶ Survey ── pack ──▶ tar ─────────┐
//!                                                               ▼
//! ashd:    tar · files[] · folder ── Unpacking ──▶ Unpacked ── Library::commit ──▶ version
//!                                                               version ── copy_workspace ──▶
//! ```
//!
//! A version is named by the digest of its content and never changes. Everything here is
//! synchronous; ashd calls it where blocking is allowed.

mod archive;
mod digest;
mod error;
#[cfg(feature = "testing")]
mod fuzzing;
mod library;
mod limits;
mod pack;
mod path;
mod rules;
mod staging;
mod survey;
mod unpacking;
mod workspace;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub(crate) use digest::Digest;
pub(crate) use error::{AgentError, Fault};
#[cfg(feature = "testing")]
pub(crate) use fuzzing::read_any_archive;
pub(crate) use library::{Library, Opened, Version};
pub(crate) use limits::AgentLimits;
pub(crate) use pack::pack;
pub(crate) use survey::{Survey, SurveyedFile, survey};
pub(crate) use unpacking::Unpacking;
pub(crate) use workspace::copy_workspace;
