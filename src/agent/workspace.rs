//! A version, copied for one session, which may then change it as it likes.

use std::io;
use std::path::Path;

use crate::os::fs::{Entry, Kind, Root};

use super::error::AgentError;
use super::pack::{MODE_EXECUTABLE, MODE_PLAIN};
use super::path::shown;

/// Most entries of one directory of a version: more than any limit on a folder lets in.
const DIRECTORY_ENTRIES_MAX: usize = 1_000_000;

/// How errors name where a copy comes from and goes to: whoever copies knows no more of them
/// than the descriptors.
const VERSION: &str = "agent";

/// Copies a version into an empty workspace. What is made belongs to whoever calls: where
/// sandboxes have users of their own, that is a process that has already become the sandbox's.
///
/// Where the file system can share blocks between files, it does: `copy_file_range`, which
/// stands behind `io::copy`, tries that first.
pub(crate) fn copy_workspace(version: &Root, workspace: &Root) -> Result<(), AgentError> {
    directory(version, workspace, Path::new(VERSION))
}

fn directory(from: &Root, to: &Root, path: &Path) -> Result<(), AgentError> {
    let failed = |path: &Path, source| AgentError::io("copy", path, source);
    let entries = from.entries(DIRECTORY_ENTRIES_MAX).map_err(|source| failed(path, source))?;
    for entry in entries {
        let path = path.join(&entry.name);
        let name = Path::new(&entry.name);
        match entry.kind {
            Kind::File => file(from, to, &entry).map_err(|source| failed(&path, source))?,
            Kind::Directory => {
                let failed = |source| failed(&path, source);
                let from = from.open_directory(name).map_err(failed)?;
                let to = to.create_directory(name, MODE_EXECUTABLE).map_err(failed)?;
                directory(&from, &to, &path)?;
            }
            Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::Device => {
                let path = shown(path.as_os_str().as_encoded_bytes());
                return Err(AgentError::kind_refused(path, entry.kind));
            }
        }
    }
    Ok(())
}

fn file(from: &Root, to: &Root, entry: &Entry) -> io::Result<()> {
    let name = Path::new(&entry.name);
    let mode = if entry.executable { MODE_EXECUTABLE } else { MODE_PLAIN };
    let mut source = from.open_file(name)?;
    let mut target = to.create_file(name, mode)?;
    if io::copy(&mut source, &mut target)? != entry.bytes {
        return Err(io::Error::other("the version changed while it was copied"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::super::fixture::{folder, tree, write};
    use super::*;

    fn copy(version: &Path, workspace: &Path) -> Result<(), AgentError> {
        copy_workspace(&Root::open(version).unwrap(), &Root::open(workspace).unwrap())
    }

    #[test]
    fn a_workspace_is_an_exact_copy_that_its_owner_may_change() {
        let version = folder(&[("CLAUDE.md", "Be kind."), ("a/b", "")]);
        write(version.path(), "run", vec![7; 100_000], true);
        fs::create_dir(version.path().join("empty")).unwrap();
        let workspace = tempfile::tempdir().unwrap();
        let workspace = workspace.path();
        copy(version.path(), workspace).unwrap();
        assert_eq!(tree(workspace), tree(version.path()));
        let mode =
            |path: &str| fs::metadata(workspace.join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(["CLAUDE.md", "a", "a/b", "run"].map(mode), [0o644, 0o755, 0o644, 0o755]);
        fs::write(workspace.join("run"), "changed").unwrap();
        assert_eq!(fs::read(version.path().join("run")).unwrap(), vec![7; 100_000]);
    }

    #[test]
    fn a_link_in_a_version_is_refused() {
        let version = folder(&[("CLAUDE.md", ""), ("a/b", "")]);
        symlink("/etc/passwd", version.path().join("z")).unwrap();
        let workspace = tempfile::tempdir().unwrap();
        let error = copy(version.path(), workspace.path()).unwrap_err();
        assert!(matches!(error, AgentError::KindRefused { path, .. } if path == "agent/z"));
    }

    #[test]
    fn nothing_that_is_there_is_written_over() {
        let version = folder(&[("CLAUDE.md", "")]);
        let workspace = folder(&[("CLAUDE.md", "precious")]);
        assert!(copy(version.path(), workspace.path()).is_err());
        assert_eq!(fs::read(workspace.path().join("CLAUDE.md")).unwrap(), b"precious");
    }
}
