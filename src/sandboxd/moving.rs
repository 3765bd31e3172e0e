//! The files of a session on their way out of this host and back: the keeper's side, and ashd's.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::io::SyncIoBridge;

use super::keeper::{Alone, Inner, blocking, disk};
use super::protocol::SandboxdError;
use crate::id::SessionId;
use crate::os::chunks::{ChunkReader, ChunkWriter};
use crate::sandbox::{BridgeStream, Moved, pack_into};

/// Longest wait for ashd while files move: a provider may be slow to take a part.
const MOVE_DEADLINE: Duration = Duration::from_mins(5);

/// Files that are being packed.
#[derive(Debug)]
pub(crate) struct Packing(pub(super) BridgeStream);

impl Packing {
    /// Writes the stream to `to`, and answers how it ended. Blocking, and to be called off the
    /// runtime's threads, but within it.
    pub(crate) fn read_into(self, to: &mut dyn Write) -> io::Result<Moved> {
        let mut chunks = ChunkReader::new(SyncIoBridge::new(self.0));
        io::copy(&mut chunks, to)?;
        Moved::read(chunks.finish()?)
    }
}

/// Folders that are being filled.
#[derive(Debug)]
pub(crate) struct Unpacking(pub(super) BridgeStream);

impl Unpacking {
    /// Sends what `from` has, and answers how it ended. Blocking, as [`Packing::read_into`]. Without
    /// the end that is sent when `from` has come to its end, nothing of it is kept.
    pub(crate) fn write_from(self, from: &mut dyn Read) -> io::Result<Moved> {
        let mut chunks = ChunkWriter::new(SyncIoBridge::new(self.0));
        let copied = io::copy(from, &mut chunks);
        // A failure to read ends it there; one to write may have been told.
        let mut stream = match copied {
            Ok(_) => chunks.finish()?,
            Err(error) => return Err(error),
        };
        stream.flush()?;
        Moved::read(stream)
    }
}

impl Inner {
    /// What is packed is only read. `alone` is kept to its end.
    pub(super) async fn pack(
        self: &Arc<Self>,
        session: SessionId,
        unless: Option<String>,
        alone: Alone,
    ) -> Result<BridgeStream, SandboxdError> {
        let keeper = Arc::clone(self);
        let opened = blocking(move || keeper.folders.open_files(session)).await;
        let folders = opened.map_err(|error| disk("opening the folders of the session", &error))?;
        let (ours, theirs) = channel().map_err(SandboxdError::failed)?;
        tokio::task::spawn_blocking(move || {
            pack_into(&folders, unless.as_deref(), theirs);
            drop(alone);
        });
        Ok(ours)
    }

    pub(super) async fn unpack(
        self: &Arc<Self>,
        session: SessionId,
        uid: Option<u32>,
        alone: Alone,
    ) -> Result<BridgeStream, SandboxdError> {
        self.judge(session, uid)?;
        let keeper = Arc::clone(self);
        let made = blocking(move || keeper.folders.make_empty(session, uid)).await;
        let folders = made.map_err(|error| match error.kind() {
            // What was there before is not ours to remove.
            io::ErrorKind::AlreadyExists => {
                SandboxdError::refused("the session has its folders already")
            }
            _ => disk("making the folders of the session", &error),
        })?;
        let (ours, theirs) = channel().map_err(SandboxdError::failed)?;
        let keeper = Arc::clone(self);
        tokio::spawn(async move {
            let outcome = keeper.launcher.unpack(uid, folders, theirs).await;
            if !matches!(outcome, Moved::Unpacked { .. }) {
                let folders = Arc::clone(&keeper);
                if let Err(error) = blocking(move || folders.folders.remove(session)).await {
                    tracing::warn!(%session, %error, "could not remove half-made folders");
                }
            }
            drop(alone);
        });
        Ok(ours)
    }
}

/// The two ends of a connection on which files move: ashd's, and the mover's, which gives up on an
/// ashd that stands still.
fn channel() -> io::Result<(BridgeStream, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_read_timeout(Some(MOVE_DEADLINE))?;
    theirs.set_write_timeout(Some(MOVE_DEADLINE))?;
    Ok((BridgeStream::Unix(tokio::net::UnixStream::from_std(ours)?), theirs))
}
