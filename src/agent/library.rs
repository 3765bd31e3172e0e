//! The versions on this host, each under the digest of its content:
//!
//! ```text
//! agents/<digest>/        a complete version; never changed
//! agents/.staging/<uuid>  one that comes into being or goes; cleared at the start
//! ```
//!
//! *Invariant:* a directory named by a digest is complete. It appears and vanishes by a rename.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::os::fs::{self, Root};

use super::digest::Digest;
use super::error::AgentError;
use super::limits::{ANY_SIZE, AgentLimits};
use super::path::EntryPath;
use super::staging::{Staging, opened};
use super::survey::{Survey, survey_version};
use super::unpacking::{Unpacked, Unpacking};

const STAGING: &str = ".staging";

/// The versions on this host.
#[derive(Debug)]
pub(crate) struct Library {
    directory: PathBuf,
}

/// A version that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) digest: Digest,
    pub(crate) path: PathBuf,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// What a path of a version leads to.
#[derive(Debug)]
pub(crate) enum Opened {
    File { file: File, bytes: u64 },
    NotFile,
    Missing,
}

impl Library {
    /// Opens the library, which only one process may do, and clears what an earlier one left
    /// half done.
    pub(crate) fn open(directory: &Path) -> Result<Self, AgentError> {
        std::fs::create_dir_all(directory)
            .map_err(|source| AgentError::io("create", directory, source))?;
        let staging = directory.join(STAGING);
        match std::fs::remove_dir_all(&staging) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(AgentError::io("clear", &staging, error));
            }
            _ => {}
        }
        std::fs::create_dir(&staging)
            .map_err(|source| AgentError::io("create", &staging, source))?;
        let library = Self { directory: directory.to_owned() };
        for digest in library.kept()? {
            let path = library.path(&digest);
            opened(&path).map_err(|source| AgentError::io("open", &path, source))?;
        }
        Ok(library)
    }

    /// A place to put a version together.
    pub(crate) fn stage(&self, limits: AgentLimits) -> Result<Unpacking, AgentError> {
        Unpacking::new(&self.staging_path(), limits)
    }

    /// Keeps a version. If there is one of the same content already, that stays and this one
    /// is dropped: running copies of it are not disturbed.
    pub(crate) fn commit(&self, unpacked: Unpacked) -> Result<Version, AgentError> {
        let Unpacked { staging, digest, files, bytes } = unpacked;
        let path = self.path(&digest);
        match staging.rename(&path) {
            Ok(()) => self.sync()?,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
                ) => {}
            Err(source) => return Err(AgentError::io("keep", &path, source)),
        }
        Ok(Version { digest, path, files, bytes })
    }

    /// What a version has.
    pub(crate) fn survey(&self, digest: &Digest) -> Result<Survey, AgentError> {
        survey_version(&self.path(digest), &ANY_SIZE)
    }

    /// Opens a file of a version.
    pub(crate) fn open_file(&self, digest: &Digest, path: &str) -> Result<Opened, AgentError> {
        let path = EntryPath::parse(path.as_bytes(), &ANY_SIZE)?;
        let version = self.path(digest);
        let failed = |source| AgentError::io("read", &version, source);
        match Root::open(&version).map_err(failed)?.open_file(path.as_path()) {
            Ok(file) => {
                let bytes = file.metadata().map_err(failed)?.len();
                Ok(Opened::File { file, bytes })
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(Opened::NotFile),
            Err(error) if fs::is_something_else(&error) => Ok(Opened::Missing),
            Err(error) => Err(failed(error)),
        }
    }

    /// Where a version lies, if it is kept.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.directory.join(digest.to_string())
    }

    /// Removes the versions that are not in `used` and says which. The caller sees to it that
    /// none is committed or copied from meanwhile.
    pub(crate) fn remove_unused(
        &self,
        used: &BTreeSet<Digest>,
    ) -> Result<BTreeSet<Digest>, AgentError> {
        let mut removed = BTreeSet::new();
        for digest in self.kept()?.into_iter().filter(|digest| !used.contains(digest)) {
            let path = self.path(&digest);
            Staging::take(&path, &self.staging_path())
                .map_err(|source| AgentError::io("remove", &path, source))?;
            removed.insert(digest);
        }
        Ok(removed)
    }

    fn kept(&self) -> Result<Vec<Digest>, AgentError> {
        let failed = |source| AgentError::io("read", &self.directory, source);
        let mut kept = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            kept.extend(name.to_str().and_then(|name| name.parse::<Digest>().ok()));
        }
        Ok(kept)
    }

    fn staging_path(&self) -> PathBuf {
        self.directory.join(STAGING).join(Uuid::new_v4().to_string())
    }

    fn sync(&self) -> Result<(), AgentError> {
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|source| AgentError::io("write", &self.directory, source))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::fixture::{Host, folder, packed, tree};
    use super::*;

    fn deploy(host: &Host, files: &[(&str, &str)]) -> Digest {
        host.commit(host.unpack(&packed(folder(files).path())).unwrap())
    }

    #[test]
    fn a_deleted_file_is_gone_in_the_next_version() {
        let host = Host::new();
        let first = deploy(&host, &[("CLAUDE.md", ""), ("secret", "s")]);
        let second = deploy(&host, &[("CLAUDE.md", "")]);
        let names: Vec<_> = tree(&host.library.path(&second)).into_keys().collect();
        assert_eq!(names, ["CLAUDE.md"]);
        assert!(host.library.path(&first).join("secret").exists());
        host.assert_nothing_staged();
    }

    #[test]
    fn the_same_content_is_kept_once_and_undisturbed() {
        use std::os::unix::fs::MetadataExt as _;
        let host = Host::new();
        let first = deploy(&host, &[("CLAUDE.md", "x")]);
        let inode = fs::metadata(host.library.path(&first)).unwrap().ino();
        let second = deploy(&host, &[("CLAUDE.md", "x")]);
        assert_eq!(first, second);
        assert_eq!(fs::metadata(host.library.path(&first)).unwrap().ino(), inode);
        assert_eq!(host.versions(), [first.to_string()]);
        host.assert_nothing_staged();
    }

    #[test]
    fn what_is_not_committed_is_removed() {
        let host = Host::new();
        let unpacked = host.unpack(&packed(folder(&[("CLAUDE.md", "")]).path())).unwrap();
        drop(unpacked);
        host.assert_nothing_staged();
        assert_eq!(host.versions(), Vec::<String>::new());
    }

    #[test]
    fn leftovers_of_a_crash_are_cleared_at_the_start_and_versions_are_not() {
        let host = Host::new();
        let digest = deploy(&host, &[("CLAUDE.md", "")]);
        std::mem::forget(host.stage().write_file("a/b", b"x", false).unwrap());
        assert_eq!(fs::read_dir(host.path("agents/.staging")).unwrap().count(), 1);
        let again = Library::open(&host.path("agents")).unwrap();
        host.assert_nothing_staged();
        assert_eq!(fs::read(again.path(&digest).join("CLAUDE.md")).unwrap(), b"");
    }

    #[test]
    fn only_unused_versions_are_removed() {
        let host = Host::new();
        let used = deploy(&host, &[("CLAUDE.md", "1")]);
        let unused = deploy(&host, &[("CLAUDE.md", "2"), ("a/b", "")]);
        fs::create_dir(host.path("agents/lost+found")).unwrap();
        let removed = host.library.remove_unused(&[used].into()).unwrap();
        assert_eq!(removed, [unused].into());
        let mut left = [used.to_string(), "lost+found".to_owned()];
        left.sort();
        assert_eq!(host.versions(), left);
        host.assert_nothing_staged();
    }

    #[test]
    fn a_library_that_cannot_be_opened_says_where() {
        let host = Host::new();
        let error = Library::open(&host.path("canary")).unwrap_err();
        assert!(matches!(error, AgentError::Io { path, .. } if path == host.path("canary")));
    }
}
