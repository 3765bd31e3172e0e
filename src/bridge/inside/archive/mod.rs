//! A folder of the session as a tar archive, out and in, by descriptor throughout: whatever renames
//! what meanwhile, nothing outside of the folder is read or written. Links are kept as links.

mod pack;
mod stream;
#[cfg(test)]
mod tests;
mod unpack;

pub(super) use pack::{pack, survey};
pub(super) use stream::{ChunkReader, ChunkWriter};
pub(in crate::bridge) use unpack::unpack;

/// Directories below each other: far more than anybody nests.
const DEPTH_MAX: usize = 128;

/// Entries of an archive: each costs memory and time.
const ENTRIES_MAX: usize = 500_000;

/// What an archive keeps of a mode. Not who a program runs as.
const MODE_KEPT: u32 = 0o1777;
