//! The files of a session's workspace, read inside its sandbox: the host never opens a path
//! that untrusted code can shape.

use std::collections::BTreeMap;

use super::{Caller, Control, Refusal};
use crate::bridge::host::{FileChunks, FileError};
use crate::bridge::protocol::{COMMANDS_MAX, Refusal as Refused};
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::runner::handle::Reached;
use crate::session::Status;
use crate::wire::workspace::{WorkspaceFile, WorkspaceFiles};

/// Largest file that is served raw: the original's limit.
pub(crate) const RAW_BYTES_MAX: u64 = 100 << 20;
/// Largest file that is served in a JSON document: the original's limit.
pub(crate) const JSON_BYTES_MAX: u64 = 1 << 20;

/// A file on its way.
#[derive(Debug)]
pub(crate) struct FileStream {
    pub(crate) size: u64,
    /// `sandbox`, or `snapshot` if the session has none.
    pub(crate) source: &'static str,
    pub(crate) chunks: FileChunks,
}

impl Control {
    pub(crate) async fn files(
        &self,
        caller: &Caller,
        id: SessionId,
        hidden: bool,
    ) -> Result<WorkspaceFiles, Refusal> {
        let Reach { bridge, .. } = self.reach(caller, id).await?;
        let list = bridge.sender.list_files(hidden).await.map_err(refused)?;
        let files = list
            .files
            .into_iter()
            .map(|entry| WorkspaceFile {
                path: entry.path,
                size: entry.size,
                modified_at: Timestamp::from_millis(entry.modified_ms),
            })
            .collect();
        let source = source(&bridge).to_owned();
        Ok(WorkspaceFiles { files, source, truncated: list.truncated })
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
        let Reach { bridge, .. } = self.reach(caller, id).await?;
        let (meta, chunks) =
            bridge.sender.read_file(path, bytes_max).await.map_err(|error| match error {
                FileError::Refused { reason: Refused::TooLarge } => {
                    Refusal::FileTooLarge { bytes_max }
                }
                error => refused(error),
            })?;
        Ok(FileStream { size: meta.size, source: source(&bridge), chunks })
    }

    /// A bridge to be asked about the session: that of its sandbox, or, if none lives, of a jail.
    pub(super) async fn reach(&self, caller: &Caller, id: SessionId) -> Result<Reach, Refusal> {
        let record = self.session_record(caller, id).await?;
        match record.status {
            Status::Starting => Err(Refusal::SessionState { status: Status::Starting }),
            Status::Ended if !self.host.store.has_workspace(id).await? => Err(Refusal::NoWorkspace),
            _ => {
                let bridge = self.host.reach(&record).await.map_err(Refusal::Start)?;
                // A jail has no way out, and so no placeholder.
                let mut environment = if bridge.in_jail {
                    BTreeMap::new()
                } else {
                    self.host.credential_environment(&record).await
                };
                environment.extend(record.environment);
                Ok(Reach { bridge, environment })
            }
        }
    }
}

/// A bridge to be asked about a session.
#[derive(Debug)]
pub(super) struct Reach {
    pub(super) bridge: Reached,
    /// The variables of the agent and the session.
    pub(super) environment: BTreeMap<String, String>,
}

/// Where the original says that files come from.
fn source(bridge: &Reached) -> &'static str {
    if bridge.in_jail { "snapshot" } else { "sandbox" }
}

pub(crate) fn refused(error: FileError) -> Refusal {
    match error {
        FileError::Refused { reason: Refused::NotFound } => Refusal::FileNotFound,
        FileError::Refused { reason: Refused::OutsideWorkspace } => Refusal::FilePath,
        FileError::Refused { reason: Refused::NotAFile } => Refusal::NotAFile,
        FileError::Refused { reason: Refused::DiskFull } => Refusal::NoRoom,
        FileError::Refused { reason: Refused::Archive } => Refusal::Archive,
        FileError::Refused { reason: Refused::Unsupported } => Refusal::OldSandbox,
        FileError::TooManyCommands => Refusal::TooManyCommands { commands: COMMANDS_MAX },
        FileError::Closed => Refusal::CutOff,
        error => Refusal::Bridge(error),
    }
}
