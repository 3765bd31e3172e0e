//! A directory that is removed unless it is kept: where a version is put together.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::error::AgentError;

/// A version is copied by the user of a sandbox, who is given a descriptor of its folder; the
/// library around it is closed to everybody.
const MODE: u32 = 0o755;

/// Owns a directory it has created; dropping it removes the directory and all that is in it.
#[derive(Debug)]
pub(super) struct Staging {
    /// None once it is kept.
    path: Option<PathBuf>,
}

impl Staging {
    /// Creates the directory, which must not exist: nothing that others made is ever removed.
    pub(super) fn create(path: &Path) -> Result<Self, AgentError> {
        DirBuilder::new()
            .mode(MODE)
            .create(path)
            .and_then(|()| opened(path))
            .map_err(|source| AgentError::io("create", path, source))?;
        Ok(Self { path: Some(path.to_owned()) })
    }

    /// Moves a directory to `path` in one step, from where it is removed at leisure.
    pub(super) fn take(directory: &Path, path: &Path) -> io::Result<Self> {
        std::fs::rename(directory, path)?;
        Ok(Self { path: Some(path.to_owned()) })
    }

    /// Moves the directory to `target` in one step. If something stands there, both stay as
    /// they are and this one is removed.
    pub(super) fn rename(mut self, target: &Path) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        std::fs::rename(path, target)?;
        self.path = None;
        Ok(())
    }
}

/// Gives a version's folder its mode: `umask` may have taken bits away, and an older Ash gave it
/// to its own user only.
pub(super) fn opened(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Some(path) = &self.path
            && let Err(error) = std::fs::remove_dir_all(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "could not remove a leftover, ignoring");
        }
    }
}
