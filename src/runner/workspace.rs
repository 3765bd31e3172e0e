//! Where a session's files lie on this host, and how they come and go.
//!
//! ```text
//! <data>/sessions/<id>/workspace   the agent's folder, copied; /workspace in the sandbox
//!                      home        /home/agent in the sandbox: the conversation
//! <runtime>/s/<id>/                the bridge's socket and what the launcher notes
//! ```

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::agent::{AgentError, copy_workspace};
use crate::id::SessionId;

/// The folders of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionFolders {
    pub(crate) top: PathBuf,
    pub(crate) workspace: PathBuf,
    pub(crate) home: PathBuf,
    pub(crate) state: PathBuf,
}

/// Where sessions' folders are.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) data: PathBuf,
    pub(crate) runtime: PathBuf,
}

impl Places {
    pub(crate) fn session(&self, id: SessionId) -> SessionFolders {
        let top = self.data.join("sessions").join(id.to_string());
        SessionFolders {
            workspace: top.join("workspace"),
            home: top.join("home"),
            state: self.runtime.join("s").join(id.to_string()),
            top,
        }
    }
}

/// Why a session's folders could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkspaceError {
    #[error("the agent's folder could not be copied")]
    Copy(#[source] AgentError),
    #[error("`{path}` could not be made")]
    Folder { path: PathBuf, source: io::Error },
}

impl SessionFolders {
    /// Copies the agent's version and makes the home, both for `uid`. Leaves nothing behind
    /// when it fails. Blocking.
    pub(crate) fn create(&self, version: &Path, uid: Option<u32>) -> Result<(), WorkspaceError> {
        let made = self.create_all(version, uid);
        if made.is_err()
            && let Err(error) = self.remove()
        {
            tracing::warn!(path = %self.top.display(), %error, "could not remove a half-made session");
        }
        made
    }

    fn create_all(&self, version: &Path, uid: Option<u32>) -> Result<(), WorkspaceError> {
        // Traversable for the sandbox's uid, listed by nobody else.
        folder(&self.top, 0o711)?;
        folder(&self.home, 0o700)?;
        if uid.is_some() {
            std::os::unix::fs::chown(&self.home, uid, uid)
                .map_err(|source| WorkspaceError::Folder { path: self.home.clone(), source })?;
        }
        folder(&self.state, 0o700)?;
        copy_workspace(version, &self.workspace, uid).map_err(WorkspaceError::Copy)
    }

    /// Makes the runtime folder again: a reboot empties it.
    pub(crate) fn ensure_state(&self) -> Result<(), WorkspaceError> {
        folder(&self.state, 0o700)
    }

    /// Removes the runtime folder: sockets and what the bridge spilled. Blocking.
    pub(crate) fn remove_state(&self) -> io::Result<()> {
        remove_folder(&self.state)
    }

    /// Removes everything. Blocking; never follows a link out of the folders.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove_folder(&self.state)?;
        remove_folder(&self.top)
    }
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn folder(path: &Path, mode: u32) -> Result<(), WorkspaceError> {
    let failed = |source| WorkspaceError::Folder { path: path.to_owned(), source };
    match std::fs::DirBuilder::new().recursive(true).mode(mode).create(path) {
        // The mode again: `umask` may have taken bits away.
        Ok(()) => {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)
        }
        Err(source) => Err(failed(source)),
    }
}
