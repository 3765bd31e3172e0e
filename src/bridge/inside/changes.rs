//! Changes of the workspace's files: a file is written beside its place and put there in one step,
//! so that nobody ever sees half of it. Beneath the workspace by the kernel's own rule, and through
//! no link; a link in the place of a file is itself replaced, or removed.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::bridge::protocol::{PATH_BYTES_MAX, Refusal};
use crate::id::SessionId;
use crate::os::fs::Root;

/// What a file is called until it is whole. Never listed and never packed.
pub(super) const UNFINISHED: &str = ".ash-unfinished-";

/// The mode of directories and files that are made, and what an executable has more.
const MODE_DIRECTORY: u32 = 0o755;
const MODE_FILE: u32 = 0o644;
const MODE_EXECUTABLE: u32 = 0o111;

/// A file on its way into the workspace. Dropped before its end it leaves nothing.
#[derive(Debug)]
pub(super) struct NewFile {
    directory: Root,
    unfinished: PathBuf,
    name: PathBuf,
    file: File,
    executable: Option<bool>,
    is_whole: bool,
}

/// A name beside all others.
pub(super) fn unfinished_name() -> PathBuf {
    format!("{UNFINISHED}{}", SessionId::new()).into()
}

impl NewFile {
    /// Makes the directories of `path`, and beside its place a file that is not there yet.
    pub(super) fn create(
        workspace: &Path,
        path: &str,
        executable: Option<bool>,
    ) -> Result<Self, Refusal> {
        let (parent, name) = split(path)?;
        let root = Root::open(workspace).map_err(|_io| Refusal::Failed)?;
        let directory = if parent.as_os_str().is_empty() {
            root
        } else {
            root.create_directories(&parent, MODE_DIRECTORY).map_err(|error| refusal(&error))?
        };
        if directory.open_directory(&name).is_ok() {
            return Err(Refusal::NotAFile);
        }
        let unfinished = unfinished_name();
        let file = directory.create_file(&unfinished, 0o600).map_err(|error| refusal(&error))?;
        Ok(Self { directory, unfinished, name, file, executable, is_whole: false })
    }

    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), Refusal> {
        (&self.file).write_all(bytes).map_err(|error| refusal(&error))
    }

    /// Puts it in its place, with the mode of what it replaces. Answers its size.
    pub(super) fn finish(mut self) -> Result<u64, Refusal> {
        let put = || {
            let before = self.directory.open_file(&self.name).and_then(|file| file.metadata());
            let mode = before.map_or(MODE_FILE, |file| file.permissions().mode() & 0o777);
            let mode = match self.executable {
                None => mode,
                Some(true) => mode | MODE_EXECUTABLE,
                Some(false) => mode & !MODE_EXECUTABLE,
            };
            self.file.set_permissions(std::fs::Permissions::from_mode(mode))?;
            self.directory.rename(&self.unfinished, &self.directory, &self.name)?;
            Ok(self.file.metadata()?.len())
        };
        let bytes = put().map_err(|error: io::Error| refusal(&error))?;
        self.is_whole = true;
        Ok(bytes)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_whole {
            // The agent may have taken it away.
            drop(self.directory.remove_file(&self.unfinished));
        }
    }
}

/// Removes what is called `path`, if it is no directory.
pub(super) fn delete(workspace: &Path, path: &str) -> Result<(), Refusal> {
    let (parent, name) = split(path)?;
    let root = Root::open(workspace).map_err(|_io| Refusal::Failed)?;
    let directory = if parent.as_os_str().is_empty() {
        root
    } else {
        root.open_directory(&parent).map_err(|error| refusal(&error))?
    };
    directory.remove_file(&name).map_err(|error| refusal(&error))
}

/// The directory of a path and the name in it. Only plain names may be in it.
pub(super) fn split(path: &str) -> Result<(PathBuf, PathBuf), Refusal> {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return Err(Refusal::NotFound);
    }
    if !path.split('/').all(plain) {
        return Err(Refusal::OutsideWorkspace);
    }
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    Ok((parent.into(), name.into()))
}

/// What a failure means for whoever asked.
pub(super) fn refusal(error: &io::Error) -> Refusal {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSPC | Errno::EDQUOT) => Refusal::DiskFull,
        Some(Errno::EFBIG) => Refusal::TooLarge,
        Some(Errno::ENOENT | Errno::ENAMETOOLONG) => Refusal::NotFound,
        Some(Errno::ELOOP | Errno::EXDEV | Errno::ENOTDIR) => Refusal::OutsideWorkspace,
        Some(Errno::EISDIR) => Refusal::NotAFile,
        _ => Refusal::Failed,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(workspace: &Path, path: &str, text: &str) -> Result<u64, Refusal> {
        let file = NewFile::create(workspace, path, None)?;
        file.append(text.as_bytes())?;
        file.finish()
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_in_one_step_and_keeps_its_mode() {
        let workspace = tempfile::tempdir().unwrap();
        let root = workspace.path();
        assert_eq!(write(root, "a/b/run", "one"), Ok(3));
        let path = root.join("a/b/run");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o644);
        let file = NewFile::create(root, "a/b/run", Some(true)).unwrap();
        file.append(b"second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one", "not before it is whole");
        assert_eq!(file.finish(), Ok(6));
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode()), ("second", 0o755));
        write(root, "a/b/run", "third").unwrap();
        assert_eq!(mode(), 0o755);
        drop(NewFile::create(root, "a/b/run", None).unwrap());
        assert_eq!(names(&root.join("a/b")), ["run"], "one that was given up leaves nothing");
    }

    #[test]
    fn nothing_outside_is_written_or_removed() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("canary"), "kept").unwrap();
        let workspace = tempfile::tempdir().unwrap();
        let root = workspace.path();
        symlink(outside.path(), root.join("dir")).unwrap();
        symlink(outside.path().join("canary"), root.join("link")).unwrap();
        fs::create_dir(root.join("folder")).unwrap();
        for path in ["/etc/x", "../x", "a/../../x", "a//b", "dir/canary", "dir/new", "./x", "a/"] {
            assert_eq!(write(root, path, "x"), Err(Refusal::OutsideWorkspace), "{path}");
            assert!(delete(root, path).is_err(), "{path}");
        }
        assert_eq!(write(root, "folder", "x"), Err(Refusal::NotAFile));
        assert_eq!(delete(root, "folder"), Err(Refusal::NotAFile));
        assert_eq!(delete(root, "missing"), Err(Refusal::NotFound));
        // A link is replaced, not followed.
        assert_eq!(write(root, "link", "x"), Ok(1));
        assert!(!root.join("link").is_symlink());
        symlink(outside.path().join("canary"), root.join("again")).unwrap();
        assert_eq!(delete(root, "again"), Ok(()));
        assert_eq!(names(outside.path()), ["canary"]);
        assert_eq!(fs::read_to_string(outside.path().join("canary")).unwrap(), "kept");
        assert_eq!(names(root), ["dir", "folder", "link"]);
    }
}
