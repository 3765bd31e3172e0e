//! A version, copied for one session, which may then change it as it likes.

use std::io;
use std::path::Path;

use nix::unistd::{Gid, Uid, fchown};

use crate::os::fs::{Entry, Kind, Root};

use super::error::AgentError;
use super::pack::{MODE_EXECUTABLE, MODE_PLAIN};
use super::path::shown;
use super::staging::Staging;

/// Most entries of one directory of a version: more than any limit on a folder lets in.
const DIRECTORY_ENTRIES_MAX: usize = 1_000_000;

/// Copies a version to `workspace_dir`, which must not exist, and gives all of it to the user
/// and group `owner`. On an error nothing of it is left.
///
/// Where the file system can share blocks between files, it does: `copy_file_range`, which
/// stands behind `io::copy`, tries that first.
pub(crate) fn copy_workspace(
    version_dir: &Path,
    workspace_dir: &Path,
    owner: Option<u32>,
) -> Result<(), AgentError> {
    let version =
        Root::open(version_dir).map_err(|source| AgentError::io("open", version_dir, source))?;
    let staging = Staging::create(workspace_dir)?;
    let workspace = Root::open(workspace_dir)
        .map_err(|source| AgentError::io("open", workspace_dir, source))?;
    let copy = Copy { workspace_dir, owner };
    copy.directory(&version, &workspace, Path::new(""))?;
    copy.give(&workspace).map_err(|source| AgentError::io("write", workspace_dir, source))?;
    staging.keep();
    Ok(())
}

struct Copy<'a> {
    workspace_dir: &'a Path,
    owner: Option<u32>,
}

impl Copy<'_> {
    fn directory(&self, from: &Root, to: &Root, path: &Path) -> Result<(), AgentError> {
        let entries =
            from.entries(DIRECTORY_ENTRIES_MAX).map_err(|source| self.failed(path, source))?;
        for entry in entries {
            let path = path.join(&entry.name);
            let name = Path::new(&entry.name);
            match entry.kind {
                Kind::File => {
                    self.file(from, to, &entry).map_err(|source| self.failed(&path, source))?;
                }
                Kind::Directory => {
                    let failed = |source| self.failed(&path, source);
                    let from = from.open_directory(name).map_err(failed)?;
                    let to = to.create_directory(name, MODE_EXECUTABLE).map_err(failed)?;
                    self.directory(&from, &to, &path)?;
                    // Last: from then on it may not be ours to write in.
                    self.give(&to).map_err(failed)?;
                }
                Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::Device => {
                    let path = shown(path.as_os_str().as_encoded_bytes());
                    return Err(AgentError::kind_refused(path, entry.kind));
                }
            }
        }
        Ok(())
    }

    fn file(&self, from: &Root, to: &Root, entry: &Entry) -> io::Result<()> {
        let name = Path::new(&entry.name);
        let mode = if entry.executable { MODE_EXECUTABLE } else { MODE_PLAIN };
        let mut source = from.open_file(name)?;
        let mut target = to.create_file(name, mode)?;
        if io::copy(&mut source, &mut target)? != entry.bytes {
            return Err(io::Error::other("the version changed while it was copied"));
        }
        self.give(&target)
    }

    fn give(&self, descriptor: impl std::os::fd::AsFd) -> io::Result<()> {
        let Some(owner) = self.owner else { return Ok(()) };
        Ok(fchown(descriptor, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)))?)
    }

    fn failed(&self, path: &Path, source: io::Error) -> AgentError {
        AgentError::io("copy", &self.workspace_dir.join(path), source)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::super::fixture::{folder, tree, write};
    use super::*;

    #[test]
    fn a_workspace_is_an_exact_copy_that_its_owner_may_change() {
        let version = folder(&[("CLAUDE.md", "Be kind."), ("a/b", "")]);
        write(version.path(), "run", vec![7; 100_000], true);
        fs::create_dir(version.path().join("empty")).unwrap();
        let outer = tempfile::tempdir().unwrap();
        let workspace = outer.path().join("workspace");
        copy_workspace(version.path(), &workspace, None).unwrap();
        assert_eq!(tree(&workspace), tree(version.path()));
        let mode =
            |path: &str| fs::metadata(workspace.join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(
            ["", "CLAUDE.md", "a", "a/b", "run"].map(mode),
            [0o700, 0o644, 0o755, 0o644, 0o755]
        );
        fs::write(workspace.join("run"), "changed").unwrap();
        assert_eq!(fs::read(version.path().join("run")).unwrap(), vec![7; 100_000]);
    }

    #[test]
    fn a_workspace_belongs_to_its_owner_whole() {
        if !Uid::effective().is_root() {
            println!("SKIP: giving files away needs root");
            return;
        }
        let version = folder(&[("CLAUDE.md", ""), ("a/b", "")]);
        let outer = tempfile::tempdir().unwrap();
        let workspace = outer.path().join("workspace");
        copy_workspace(version.path(), &workspace, Some(70_001)).unwrap();
        for path in ["", "CLAUDE.md", "a", "a/b"] {
            let metadata = fs::metadata(workspace.join(path)).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (70_001, 70_001), "{path:?}");
        }
        assert_eq!(fs::metadata(version.path().join("CLAUDE.md")).unwrap().uid(), 0);
    }

    #[test]
    fn a_copy_that_fails_leaves_nothing() {
        let version = folder(&[("CLAUDE.md", ""), ("a/b", "")]);
        symlink("/etc/passwd", version.path().join("z")).unwrap();
        let outer = tempfile::tempdir().unwrap();
        let workspace = outer.path().join("workspace");
        let error = copy_workspace(version.path(), &workspace, None).unwrap_err();
        assert!(matches!(error, AgentError::KindRefused { path, .. } if path == "z"));
        assert!(!workspace.exists());
        let gone = outer.path().join("gone");
        assert!(copy_workspace(&gone, &workspace, None).is_err());
        assert!(!workspace.exists());
    }

    #[test]
    fn a_workspace_that_exists_is_left_alone() {
        let version = folder(&[("CLAUDE.md", "")]);
        let workspace = folder(&[("precious", "x")]);
        assert!(copy_workspace(version.path(), workspace.path(), None).is_err());
        let names: Vec<_> = tree(workspace.path()).into_keys().collect();
        assert_eq!(names, ["precious"]);
    }
}
