//! Putting a version together in a staging directory, from whatever form it arrived in.
//!
//! *Invariant:* everything is written beneath the staging directory, and an error or a drop
//! removes it: there is no half a version.

use std::collections::BTreeMap;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::os::fs::Root;

use super::digest::{Digest, FileRecord};
use super::error::AgentError;
use super::limits::AgentLimits;
use super::pack::{MODE_EXECUTABLE, MODE_PLAIN};
use super::path::{EntryPath, shown};
use super::staging::Staging;
use super::survey::{self, CLAUDE_MD, Survey};

/// How much content is held in memory at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// A version that is being put together. Each step takes it and gives it back; after an error
/// nothing of it is left.
#[derive(Debug)]
pub(crate) struct Unpacking {
    staging: Staging,
    root: Root,
    path: PathBuf,
    limits: AgentLimits,
    files: BTreeMap<EntryPath, FileRecord>,
    directories: BTreeMap<EntryPath, Origin>,
    bytes: u64,
}

/// Why a directory is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Something below it was written.
    Implied,
    /// It was listed itself.
    Listed,
}

/// A complete version on the disk, waiting for [`super::Library::commit`].
#[derive(Debug)]
pub(crate) struct Unpacked {
    pub(super) staging: Staging,
    pub(crate) digest: Digest,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Why content could not be taken over.
pub(super) enum ContentError {
    /// There was less of it than was said.
    Short,
    Read(io::Error),
    Refused(AgentError),
}

impl Unpacking {
    /// Creates `staging_dir`, whose parent exists and which itself does not.
    pub(crate) fn new(staging_dir: &Path, limits: AgentLimits) -> Result<Self, AgentError> {
        let staging = Staging::create(staging_dir)?;
        let root = Root::open(staging_dir)
            .map_err(|source| AgentError::io("open", staging_dir, source))?;
        Ok(Self {
            staging,
            root,
            path: staging_dir.to_owned(),
            limits,
            files: BTreeMap::new(),
            directories: BTreeMap::new(),
            bytes: 0,
        })
    }

    /// Writes one file that is in memory.
    pub(crate) fn write_file(
        mut self,
        path: &str,
        content: &[u8],
        executable: bool,
    ) -> Result<Self, AgentError> {
        let path = EntryPath::parse(path.as_bytes(), &self.limits)?;
        let shown = shown(path.as_str().as_bytes());
        match self.add_file(path, executable, content.len() as u64, &mut &*content) {
            Ok(()) => Ok(self),
            Err(ContentError::Refused(error)) => Err(error),
            // A slice is as long as it says.
            Err(ContentError::Short | ContentError::Read(_)) => {
                Err(AgentError::Changed { path: shown })
            }
        }
    }

    /// Copies a folder of this host, with the same rules as `ashctl deploy`. The path must be
    /// absolute and without links, as it is after `canonicalize`.
    pub(crate) fn copy_folder(self, source_dir: &Path) -> Result<Self, AgentError> {
        let survey = survey::survey_without_links(source_dir, &self.limits)?;
        self.copy_surveyed(&survey)
    }

    /// Copies what was surveyed.
    pub(crate) fn copy_surveyed(mut self, survey: &Survey) -> Result<Self, AgentError> {
        for path in survey.empty_directories() {
            self.add_directory(path.clone())?;
        }
        for file in survey.files() {
            let mut content = survey.open(file)?;
            self.add_file(file.path.clone(), file.executable, file.bytes, &mut content).map_err(
                |error| match error {
                    ContentError::Short => survey::changed(file),
                    ContentError::Read(source) => survey.read_failed(file, source),
                    ContentError::Refused(error) => error,
                },
            )?;
            match content.read(&mut [0]) {
                Ok(0) => {}
                Ok(_) => return Err(survey::changed(file)),
                Err(source) => return Err(survey.read_failed(file, source)),
            }
        }
        Ok(self)
    }

    /// Waits until all of it is on the disk and says what it is.
    pub(crate) fn finish(self) -> Result<Unpacked, AgentError> {
        if !self.files.contains_key(CLAUDE_MD) {
            return Err(AgentError::ClaudeMdMissing);
        }
        self.root
            .sync_filesystem()
            .map_err(|source| AgentError::io("write", &self.path, source))?;
        Ok(Unpacked {
            staging: self.staging,
            digest: Digest::of_folder(&self.files, &self.directories),
            files: self.files.len() as u64,
            bytes: self.bytes,
        })
    }

    pub(super) fn limits(&self) -> AgentLimits {
        self.limits
    }

    /// Creates a directory that is listed itself, and its parents.
    pub(super) fn add_directory(&mut self, path: EntryPath) -> Result<(), AgentError> {
        if self.directories.get(&path) == Some(&Origin::Listed) {
            return Err(duplicate(&path));
        }
        self.make_parents(&path)?;
        self.make_directory(path, Origin::Listed)
    }

    /// Writes a file of exactly `bytes` bytes, and its parents. The size is judged before the
    /// first byte is read.
    pub(super) fn add_file(
        &mut self,
        path: EntryPath,
        executable: bool,
        bytes: u64,
        content: &mut impl Read,
    ) -> Result<(), ContentError> {
        self.judge_file(&path, bytes).map_err(ContentError::Refused)?;
        self.make_parents(&path).map_err(ContentError::Refused)?;
        let mode = if executable { MODE_EXECUTABLE } else { MODE_PLAIN };
        let failed = |source| {
            let full_path = self.path.join(path.as_path());
            ContentError::Refused(AgentError::io("write", &full_path, source))
        };
        let mut file = self.root.create_file(path.as_path(), mode).map_err(failed)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut left = bytes;
        while left > 0 {
            let room = usize::try_from(left).map_or(BUFFER_BYTES, |left| left.min(BUFFER_BYTES));
            let chunk = match content.read(buffer.get_mut(..room).unwrap_or_default()) {
                Ok(0) => return Err(ContentError::Short),
                Ok(bytes) => buffer.get(..bytes).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ContentError::Read(error)),
            };
            hasher.update(chunk);
            file.write_all(chunk).map_err(failed)?;
            left -= chunk.len() as u64;
        }
        let record = FileRecord { executable, bytes, content: Digest::of_content(hasher) };
        self.files.insert(path, record);
        self.bytes += bytes;
        Ok(())
    }

    fn judge_file(&self, path: &EntryPath, bytes: u64) -> Result<(), AgentError> {
        let AgentLimits { bytes_max, files_max, file_bytes_max, .. } = self.limits;
        if self.files.contains_key(path) || self.directories.contains_key(path) {
            return Err(duplicate(path));
        }
        if self.files.len() >= files_max {
            return Err(AgentError::TooManyFiles { files_max });
        }
        if bytes > file_bytes_max {
            let path = shown(path.as_str().as_bytes());
            return Err(AgentError::FileTooLarge { path, bytes, bytes_max: file_bytes_max });
        }
        if self.bytes.saturating_add(bytes) > bytes_max {
            return Err(AgentError::TooLarge { bytes_max });
        }
        Ok(())
    }

    fn make_parents(&mut self, path: &EntryPath) -> Result<(), AgentError> {
        let known = path.parent().is_none_or(|parent| self.directories.contains_key(parent));
        if !known {
            for ancestor in path.ancestors() {
                self.make_directory(ancestor, Origin::Implied)?;
            }
        }
        Ok(())
    }

    fn make_directory(&mut self, path: EntryPath, origin: Origin) -> Result<(), AgentError> {
        if let Some(known) = self.directories.get_mut(&path) {
            if origin == Origin::Listed {
                *known = Origin::Listed;
            }
            return Ok(());
        }
        if self.files.contains_key(&path) {
            return Err(duplicate(&path));
        }
        if self.directories.len() >= self.limits.files_max {
            let directories_max = self.limits.files_max;
            return Err(AgentError::TooManyDirectories { directories_max });
        }
        self.root
            .create_directory(path.as_path(), MODE_EXECUTABLE)
            .map_err(|source| AgentError::io("create", &self.path.join(path.as_path()), source))?;
        self.directories.insert(path, origin);
        Ok(())
    }
}

fn duplicate(path: &EntryPath) -> AgentError {
    AgentError::Duplicate { path: shown(path.as_str().as_bytes()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::super::fixture::{Host, folder, packed, tree, write};
    use super::super::path::PathFault;
    use super::*;

    #[test]
    fn a_version_has_one_digest_however_it_arrived() {
        let host = Host::new();
        let source = folder(&[("CLAUDE.md", "Be kind."), ("docs/a", "1"), ("docs/b", "2")]);
        write(source.path(), "run", "#!/bin/sh\n", true);
        let packed = host.unpack(&packed(source.path())).unwrap();
        let path = source.path().canonicalize().unwrap();
        let copied = host.stage().copy_folder(&path).unwrap().finish().unwrap();
        let files: [(&str, &[u8], bool); 4] = [
            ("run", b"#!/bin/sh\n", true),
            ("docs/b", b"2", false),
            ("docs/a", b"1", false),
            ("CLAUDE.md", b"Be kind.", false),
        ];
        let written = files
            .into_iter()
            .try_fold(host.stage(), |staged, (path, content, executable)| {
                staged.write_file(path, content, executable)
            })
            .unwrap()
            .finish()
            .unwrap();
        assert_eq!((packed.files, packed.bytes), (4, 20));
        assert_eq!(packed.digest, copied.digest);
        assert_eq!(packed.digest, written.digest);
    }

    #[test]
    fn every_difference_of_content_is_a_difference_of_digest() {
        let host = Host::new();
        let digest = |change: &dyn Fn(&Path)| {
            let source = folder(&[("CLAUDE.md", "ab"), ("x", "c")]);
            change(source.path());
            host.unpack(&packed(source.path())).unwrap().digest
        };
        let digests = [
            digest(&|_| {}),
            digest(&|folder| write(folder, "x", "d", false)),
            digest(&|folder| write(folder, "x", "c", true)),
            digest(&|folder| fs::rename(folder.join("x"), folder.join("y")).unwrap()),
            digest(&|folder| fs::remove_file(folder.join("x")).unwrap()),
            digest(&|folder| fs::create_dir(folder.join("y")).unwrap()),
        ];
        let different: std::collections::BTreeSet<_> = digests.into_iter().collect();
        assert_eq!(different.len(), digests.len());
    }

    #[test]
    fn modes_are_plain_whatever_the_source_says() {
        let host = Host::new();
        let source = folder(&[("CLAUDE.md", ""), ("a/b", "")]);
        write(source.path(), "run", "", true);
        fs::set_permissions(source.path().join("run"), fs::Permissions::from_mode(0o6711)).unwrap();
        let digest = host.commit(host.unpack(&packed(source.path())).unwrap());
        let version = host.library.path(&digest);
        for (path, expected) in [("CLAUDE.md", 0o644), ("a", 0o755), ("a/b", 0o644), ("run", 0o755)]
        {
            let mode = fs::metadata(version.join(path)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, expected, "{path}");
        }
    }

    #[test]
    fn an_unsafe_name_among_uploaded_files_is_refused() {
        let host = Host::new();
        for path in ["../canary", "/etc/passwd", "a/../../canary", "a\0b", "", "a/", "."] {
            let error = host.stage().write_file(path, b"x", false).unwrap_err();
            assert!(matches!(error, AgentError::Path { .. }), "{path:?}: {error}");
            host.assert_nothing_staged();
        }
        assert_eq!(fs::read(host.path("canary")).unwrap(), b"untouched");
    }

    #[test]
    fn a_path_is_given_once() {
        let host = Host::new();
        for (first, second) in [("a", "a"), ("a", "a/b"), ("a/b", "a")] {
            let staged = host.stage().write_file(first, b"", false).unwrap();
            let error = staged.write_file(second, b"", false).unwrap_err();
            assert!(matches!(error, AgentError::Duplicate { path } if path == "a"));
            host.assert_nothing_staged();
        }
    }

    #[test]
    fn a_version_without_claude_md_is_refused() {
        let host = Host::new();
        for staged in [host.stage(), host.stage().write_file("docs/CLAUDE.md", b"", false).unwrap()]
        {
            assert!(matches!(staged.finish().unwrap_err(), AgentError::ClaudeMdMissing));
        }
        host.assert_nothing_staged();
    }

    #[test]
    fn limits_hold_for_uploaded_files() {
        let host = Host::new();
        let fill = |count: usize, content: &[u8]| {
            (0..count).try_fold(host.stage(), |staged, number| {
                staged.write_file(&format!("d{number}/f"), content, false)
            })
        };
        drop(fill(20, b"").unwrap());
        assert!(matches!(fill(21, b"").unwrap_err(), AgentError::TooManyFiles { files_max: 20 }));
        assert!(matches!(fill(3, &vec![0; 22 << 10]).unwrap_err(), AgentError::TooLarge { .. }));
        assert!(matches!(
            fill(1, &vec![0; 33 << 10]).unwrap_err(),
            AgentError::FileTooLarge { .. }
        ));
        let deep = host.stage().write_file("1/2/3/4/5/6", b"", false).unwrap_err();
        assert!(matches!(deep, AgentError::Path { fault: PathFault::TooDeep { .. }, .. }));
        let wide = (0..7).try_fold(host.stage(), |staged, number| {
            staged.write_file(&format!("{number}/2/3/4"), b"", false)
        });
        assert!(matches!(
            wide.unwrap_err(),
            AgentError::TooManyDirectories { directories_max: 20 }
        ));
        host.assert_nothing_staged();
    }

    #[test]
    fn a_folder_of_the_host_is_reached_without_links() {
        let host = Host::new();
        let source = folder(&[("CLAUDE.md", ""), (".ashignore", "secret"), ("secret", "")]);
        let path = source.path().canonicalize().unwrap();
        let link = host.path("link");
        symlink(&path, &link).unwrap();
        let error = host.stage().copy_folder(&link).unwrap_err();
        assert!(matches!(error, AgentError::NotDirectory { path } if path == link));
        symlink("/etc/passwd", path.join("passwd")).unwrap();
        let error = host.stage().copy_folder(&path).unwrap_err();
        assert!(matches!(error, AgentError::KindRefused { path, .. } if path == "passwd"));
        host.assert_nothing_staged();
        fs::remove_file(path.join("passwd")).unwrap();
        let digest = host.commit(host.stage().copy_folder(&path).unwrap().finish().unwrap());
        let names: Vec<_> = tree(&host.library.path(&digest)).into_keys().collect();
        assert_eq!(names, [".ashignore", "CLAUDE.md"]);
    }

    #[test]
    fn a_staging_directory_that_others_made_is_left_alone() {
        let host = Host::new();
        let path = host.path("taken");
        fs::create_dir(&path).unwrap();
        assert!(matches!(
            Unpacking::new(&path, AgentLimits::default()).unwrap_err(),
            AgentError::Io { action: "create", .. }
        ));
        assert!(path.is_dir());
    }
}
