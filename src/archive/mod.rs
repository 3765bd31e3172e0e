//! Sessions outside of this host: their files, their log and their options as objects in a local
//! folder or with a provider, sealed with a key that only the host has.
//!
//! ```text
//! <url>/<tenant>/<session>/manifest.json       what the snapshot is; replaced in one step
//!                          files-<random>      workspace and home: tar, zstd, sealed
//!                          log-<random>        options, events, conversation: lines of JSON, zstd, sealed
//! ```
//!
//! *Invariant:* a manifest names objects that are complete. Whatever is interrupted, the old snapshot
//! or the new one is there, and at worst objects that no manifest names, which the next one removes.
//! *Invariant:* nothing but ids, sizes, digests and times is readable without the key.

mod connector;
mod key;
mod manifest;
mod places;
mod seal;

#[cfg(test)]
mod tests;

pub(crate) use key::{ArchiveKey, KeyError};
pub(crate) use manifest::{FORMAT, Manifest, ObjectRecord};
pub(crate) use places::{Archive, ArchiveError};
