//! Change the files of a session's workspace, and take it out and put it in as a whole. All of it is
//! done inside of the session's sandbox, or of its jail.

use super::files::{Reach, refused};
use super::{Caller, Control, Refusal};
use crate::bridge::host::FileError;
pub(crate) use crate::bridge::host::{Packed, Upload, Written};
use crate::bridge::protocol::{Refusal as Refused, Tree};
use crate::id::SessionId;

/// Largest file that is written: what can be read, too.
pub(crate) const WRITE_BYTES_MAX: u64 = 100 << 20;

/// Most bytes of the files in an archive of a workspace.
pub(crate) const ARCHIVE_BYTES_MAX: u64 = 4 << 30;

impl Control {
    pub(crate) async fn write_file(
        &self,
        caller: &Caller,
        id: SessionId,
        path: &str,
        executable: Option<bool>,
    ) -> Result<Upload, Refusal> {
        check(path)?;
        let Reach { bridge, .. } = self.reach_to_write(caller, id).await?;
        let upload = bridge.sender.write_file(path, executable, WRITE_BYTES_MAX).await;
        upload.map_err(|error| too_large(error, WRITE_BYTES_MAX))
    }

    /// A bridge that may be asked to write: the session's files take no more than they may.
    async fn reach_to_write(&self, caller: &Caller, id: SessionId) -> Result<Reach, Refusal> {
        let reach = self.reach(caller, id).await?;
        let record = self.session_record(caller, id).await?;
        match self.host.is_over_disk(&record).await {
            Some(text) => Err(Refusal::DiskQuota { text }),
            None => Ok(reach),
        }
    }

    pub(crate) async fn delete_file(
        &self,
        caller: &Caller,
        id: SessionId,
        path: &str,
    ) -> Result<(), Refusal> {
        check(path)?;
        let Reach { bridge, .. } = self.reach(caller, id).await?;
        bridge.sender.delete_file(path).await.map_err(refused)
    }

    /// The workspace as an archive in gzip.
    pub(crate) async fn pack(&self, caller: &Caller, id: SessionId) -> Result<Packed, Refusal> {
        let Reach { bridge, .. } = self.reach(caller, id).await?;
        let packed = bridge.sender.pack(Tree::Workspace, true, ARCHIVE_BYTES_MAX).await;
        packed.map_err(|error| too_large(error, ARCHIVE_BYTES_MAX))
    }

    /// Fills the workspace from an archive; without `keep` nothing else is in it then.
    pub(crate) async fn unpack(
        &self,
        caller: &Caller,
        id: SessionId,
        keep: bool,
    ) -> Result<Upload, Refusal> {
        let Reach { bridge, .. } = self.reach_to_write(caller, id).await?;
        let upload = bridge.sender.unpack(Tree::Workspace, keep, ARCHIVE_BYTES_MAX).await;
        upload.map_err(|error| too_large(error, ARCHIVE_BYTES_MAX))
    }
}

fn check(path: &str) -> Result<(), Refusal> {
    if path.is_empty() || path.contains('\0') { Err(Refusal::FilePath) } else { Ok(()) }
}

/// What a failure of an upload means.
pub(crate) fn too_large(error: FileError, bytes_max: u64) -> Refusal {
    match error {
        FileError::Refused { reason: Refused::TooLarge } => Refusal::FileTooLarge { bytes_max },
        error => refused(error),
    }
}
