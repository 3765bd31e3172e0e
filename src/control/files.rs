//! The files of a session's workspace, read inside its sandbox: the host never opens a path
//! that untrusted code can shape.

use super::{Caller, Control, Refusal};
use crate::bridge::host::{BridgeSender, FileChunks, FileError};
use crate::bridge::protocol::Refusal as Refused;
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::session::Status;
use crate::wire::sessions::{WorkspaceFile, WorkspaceFiles};

/// Largest file that is served raw: the original's limit.
pub(crate) const RAW_BYTES_MAX: u64 = 100 << 20;
/// Largest file that is served in a JSON document: the original's limit.
pub(crate) const JSON_BYTES_MAX: u64 = 1 << 20;

/// A file on its way.
#[derive(Debug)]
pub(crate) struct FileStream {
    pub(crate) size: u64,
    pub(crate) chunks: FileChunks,
}

impl Control {
    pub(crate) async fn files(
        &self,
        caller: &Caller,
        id: SessionId,
        hidden: bool,
    ) -> Result<WorkspaceFiles, Refusal> {
        let bridge = self.bridge(caller, id).await?;
        let list = bridge.list_files(hidden).await.map_err(refused)?;
        let files = list
            .files
            .into_iter()
            .map(|entry| WorkspaceFile {
                path: entry.path,
                size: entry.size,
                modified_at: Timestamp::from_millis(entry.modified_ms),
            })
            .collect();
        Ok(WorkspaceFiles { files, source: "sandbox".to_owned(), truncated: list.truncated })
    }

    pub(crate) async fn read_file(
        &self,
        caller: &Caller,
        id: SessionId,
        path: &str,
        bytes_max: u64,
    ) -> Result<FileStream, Refusal> {
        if path.is_empty() || path.contains('\0') {
            return Err(Refusal::FilePath);
        }
        let bridge = self.bridge(caller, id).await?;
        let (meta, chunks) =
            bridge.read_file(path, bytes_max).await.map_err(|error| match error {
                FileError::Refused { reason: Refused::TooLarge } => {
                    Refusal::FileTooLarge { bytes_max }
                }
                error => refused(error),
            })?;
        Ok(FileStream { size: meta.size, chunks })
    }

    /// The bridge of a session, its sandbox started if none lives.
    async fn bridge(&self, caller: &Caller, id: SessionId) -> Result<BridgeSender, Refusal> {
        let record = self.session_record(caller, id).await?;
        if record.status == Status::Ended {
            return Err(Refusal::SessionState { status: Status::Ended });
        }
        self.host.handle(&record).await?.files().await.map_err(Refusal::Start)
    }
}

fn refused(error: FileError) -> Refusal {
    match error {
        FileError::Refused { reason: Refused::NotFound } => Refusal::FileNotFound,
        FileError::Refused { reason: Refused::OutsideWorkspace } => Refusal::FilePath,
        FileError::Refused { reason: Refused::NotAFile } => Refusal::NotAFile,
        error => Refusal::Bridge(error),
    }
}
