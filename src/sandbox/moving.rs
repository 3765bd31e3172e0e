//! Moving a session's files out of this host and back, as one stream: [`pack`] and [`unpack`] of their
//! folders, in chunks, and behind them in one line how it ended.
//!
//! What is packed is only read, by descriptor. Unpacking makes names that a sandbox chose, so where
//! sandboxes have users of their own, `ash-launch` gives up every privilege and unpacks as that user.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use serde::{Deserialize, Serialize};

use super::placement::Programs;
use super::{blocking, entry, errand};
use crate::os::chunks::{ChunkReader, ChunkWriter};
use crate::os::fs::Root;
use crate::os::pack::{Named, pack, stamp, unpack};

/// Largest line that tells how it ended.
const OUTCOME_BYTES_MAX: u64 = 16 << 10;

/// Names of the folders in the stream; part of the format of snapshots.
const WORKSPACE: &str = "workspace";
const HOME: &str = "home";

/// How it ended, as the one who did it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "moved", rename_all = "snake_case")]
pub(crate) enum Moved {
    /// They are as they were when they had the stamp that was told, and nothing was packed.
    Unchanged,
    Packed {
        stamp: String,
        entries: u64,
        bytes: u64,
    },
    Unpacked {
        entries: u64,
        bytes: u64,
    },
    DiskFull {
        reason: String,
    },
    Failed {
        reason: String,
    },
}

impl Moved {
    pub(crate) fn failed(reason: impl std::fmt::Display) -> Self {
        Self::Failed { reason: reason.to_string() }
    }

    fn of(error: &io::Error) -> Self {
        let reason = error.to_string();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { reason },
            _ => Self::Failed { reason },
        }
    }

    /// The last of a stream.
    pub(crate) fn read(from: impl io::Read) -> io::Result<Self> {
        let mut line = Vec::new();
        from.take(OUTCOME_BYTES_MAX).read_to_end(&mut line)?;
        if line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&line)?)
    }

    fn line(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an outcome has a JSON form")
    }
}

/// The folders of a session.
#[derive(Debug)]
pub(crate) struct Folders {
    pub(crate) workspace: Root,
    pub(crate) home: Root,
}

impl Folders {
    fn named(&self) -> [Named<'_>; 2] {
        [(WORKSPACE, &self.workspace), (HOME, &self.home)]
    }
}

/// Packs the folders into `channel`, unless they still have the stamp. Blocking.
pub(crate) fn pack_into(folders: &Folders, unless: Option<&str>, mut channel: UnixStream) {
    let mut chunks = ChunkWriter::new(&channel);
    let packed = stamp(&folders.named()).and_then(|stamp| {
        if unless == Some(stamp.as_str()) {
            return Ok(Moved::Unchanged);
        }
        let amount = pack(&folders.named(), &mut chunks)?;
        Ok(Moved::Packed { stamp, entries: amount.entries, bytes: amount.bytes })
    });
    let outcome = packed.unwrap_or_else(|error| Moved::of(&error));
    // Whoever is gone does not wait for it, and what came is not taken for the whole.
    if chunks.finish().is_ok() {
        drop(channel.write_all(&outcome.line()));
    }
}

/// Fills the folders from `channel`, and tells it how that ended. Blocking.
fn unpack_from(folders: &Folders, mut channel: &UnixStream) -> Moved {
    let mut chunks = ChunkReader::new(channel);
    let unpacked = unpack(&folders.named(), &mut chunks).and_then(|amount| {
        chunks.finish()?;
        folders.workspace.sync_filesystem()?;
        Ok(Moved::Unpacked { entries: amount.entries, bytes: amount.bytes })
    });
    let outcome = unpacked.unwrap_or_else(|error| Moved::of(&error));
    drop(channel.write_all(&outcome.line()));
    // Who still sends reads why before he hears that nobody listens.
    drop(channel.shutdown(std::net::Shutdown::Write));
    if !matches!(outcome, Moved::Unpacked { .. }) {
        drop(io::copy(&mut channel, &mut io::sink()));
    }
    outcome
}

/// Who is to unpack. `ash-launch` gets workspace, home and channel with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnpackOrder {
    unpack_as: u32,
}

/// Fills the folders from `channel`, as `uid` if there is one.
pub(super) async fn unpack_as(
    programs: &Programs,
    uid: Option<u32>,
    folders: Folders,
    channel: UnixStream,
) -> Moved {
    match uid {
        None => blocking(move || unpack_from(&folders, &channel)).await,
        Some(uid) => {
            let told = channel.try_clone();
            let order = UnpackOrder { unpack_as: uid };
            let descriptors = [folders.workspace.into(), folders.home.into(), channel.into()];
            errand::run(programs, &order, descriptors).await.unwrap_or_else(|error| {
                let outcome = Moved::failed(&error);
                if let Ok(mut channel) = told {
                    drop(channel.write_all(&outcome.line()));
                }
                outcome
            })
        }
    }
}

/// In `ash-launch`: obeys an order to unpack, and answers what to say. `None` if `bytes` are not
/// such an order.
pub(super) fn obeyed(bytes: &[u8], received: &mut Vec<OwnedFd>) -> Option<Vec<u8>> {
    let order: UnpackOrder = serde_json::from_slice(bytes).ok()?;
    let outcome = match <[OwnedFd; 3]>::try_from(std::mem::take(received)) {
        Err(other) => Moved::failed(format!("{} descriptors instead of 3", other.len())),
        Ok([workspace, home, channel]) => {
            let mut channel = UnixStream::from(channel);
            if let Err(refusal) = entry::become_user(order.unpack_as) {
                let outcome = Moved::failed(refusal);
                drop(channel.write_all(&outcome.line()));
                outcome
            } else {
                let folders = Folders { workspace: Root::of(workspace), home: Root::of(home) };
                unpack_from(&folders, &channel)
            }
        }
    };
    Some(outcome.line())
}
