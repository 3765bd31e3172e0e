//! A folder that somebody else may have filled, copied exactly: content, modes, links, times. By
//! descriptor throughout ([`Root`]): no name in it leads anywhere else.
//!
//! Where the file system can share blocks between files, it does: `copy_file_range`, which stands
//! behind `io::copy`, tries that first.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, fchown};

use super::fs::{Kind, Root, Status};

/// Directories below each other: far more than anybody nests, and little enough for a stack and
/// a table of descriptors.
const DEPTH_MAX: usize = 128;

/// Entries of all directories together: each costs memory and time.
const ENTRIES_MAX: usize = 2_000_000;

/// What a copy keeps of a mode. Not who it runs as: a file that changes identity is of no use in a
/// sandbox, and none outside.
const MODE_KEPT: u32 = 0o1777;

/// How something is copied.
#[derive(Debug, Clone, Default)]
pub(crate) struct CopyTerms {
    /// Who owns the copy, user and group.
    pub(crate) owner: Option<u32>,
    /// A path that is left out, with all below it.
    pub(crate) without: Option<PathBuf>,
    /// A file that gets another name in its directory.
    pub(crate) renamed: Option<(PathBuf, PathBuf)>,
}

/// Copies what stands below `from` into `to`, which is empty, and gives `to` the mode, the times
/// and the owner. Sockets and devices are left out: they are nothing without their peers. Blocking.
pub(crate) fn copy_tree(from: &Root, to: &Root, terms: &CopyTerms) -> io::Result<()> {
    let mut copy = Copy { terms, linked: HashMap::new(), left: ENTRIES_MAX, top: to };
    copy.directory(from, to, Path::new(""), 0)?;
    finish(to, &from.status()?, terms.owner)
}

struct Copy<'a> {
    terms: &'a CopyTerms,
    /// Where files with more than one name went, by device and number.
    linked: HashMap<(u64, u64), PathBuf>,
    left: usize,
    top: &'a Root,
}

impl Copy<'_> {
    fn directory(&mut self, from: &Root, to: &Root, path: &Path, depth: usize) -> io::Result<()> {
        if depth == DEPTH_MAX {
            return Err(Errno::ELOOP.into());
        }
        let entries = from.entries(self.left)?;
        self.left -= entries.len();
        for entry in entries {
            let below = path.join(&entry.name);
            if self.terms.without.as_ref() == Some(&below) {
                continue;
            }
            let name = Path::new(&entry.name);
            let target = match &self.terms.renamed {
                Some((old, new)) if *old == below => path.join(new),
                _ => below.clone(),
            };
            let new_name = Path::new(target.file_name().unwrap_or(&entry.name));
            match entry.kind {
                Kind::File => self.file(from, to, name, new_name, &target)?,
                Kind::Directory => {
                    let inner = from.open_directory(name)?;
                    let copied = to.create_directory(new_name, 0o700)?;
                    self.directory(&inner, &copied, &below, depth + 1)?;
                    finish(&copied, &inner.status()?, self.terms.owner)?;
                }
                Kind::Symlink => {
                    let (content, status) = from.read_link(name)?;
                    to.create_link(new_name, &content, self.terms.owner, &status)?;
                }
                Kind::Fifo => to.create_fifo(new_name, self.terms.owner, from, name)?,
                Kind::Socket | Kind::Device => {}
            }
        }
        Ok(())
    }

    fn file(
        &mut self,
        from: &Root,
        to: &Root,
        name: &Path,
        new_name: &Path,
        target: &Path,
    ) -> io::Result<()> {
        let mut source = from.open_file(name)?;
        let status = Status::of(&source)?;
        if status.names > 1 {
            if let Some(first) = self.linked.get(&status.identity) {
                return self.top.add_name(first, target);
            }
            self.linked.insert(status.identity, target.to_owned());
        }
        let mut copied = to.create_file(new_name, 0o600)?;
        io::copy(&mut source, &mut copied)?;
        finish(&copied, &status, self.terms.owner)
    }
}

/// Last: from then on it may not be ours to write in.
fn finish(made: impl AsFd, status: &Status, owner: Option<u32>) -> io::Result<()> {
    status.apply(&made, MODE_KEPT)?;
    if let Some(owner) = owner {
        fchown(&made, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn copied(from: &Path, terms: &CopyTerms) -> tempfile::TempDir {
        let to = tempfile::tempdir().unwrap();
        copy_tree(&Root::open(from).unwrap(), &Root::open(to.path()).unwrap(), terms).unwrap();
        to
    }

    #[test]
    fn content_modes_links_and_times_are_the_same() {
        let from = tempfile::tempdir().unwrap();
        let at = |name: &str| from.path().join(name);
        fs::create_dir_all(at("deep/er")).unwrap();
        fs::write(at("deep/er/bytes"), vec![7_u8; 3 << 20]).unwrap();
        fs::write(at("run"), "#!/bin/sh").unwrap();
        fs::set_permissions(at("run"), fs::Permissions::from_mode(0o4751)).unwrap();
        fs::hard_link(at("run"), at("same")).unwrap();
        symlink("/etc/passwd", at("out")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        fs::create_dir(at("empty")).unwrap();
        fs::set_permissions(at("empty"), fs::Permissions::from_mode(0o500)).unwrap();
        let then = UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
        for name in ["run", "deep"] {
            fs::File::open(at(name)).unwrap().set_modified(then).unwrap();
        }
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let to = copied(from.path(), &CopyTerms::default());
        let seen = |name: &str| fs::symlink_metadata(to.path().join(name)).unwrap();
        assert_eq!(fs::read(to.path().join("deep/er/bytes")).unwrap(), vec![7_u8; 3 << 20]);
        assert_eq!(seen("run").mode() & 0o7777, 0o751, "nothing changes identity");
        assert_eq!(seen("run").modified().unwrap(), then);
        assert_eq!(seen("deep").modified().unwrap(), then);
        assert_eq!(seen("run").ino(), seen("same").ino());
        assert_eq!(fs::read_link(to.path().join("out")).unwrap(), Path::new("/etc/passwd"));
        assert_eq!(fs::read_link(to.path().join("dangling")).unwrap(), Path::new("nowhere"));
        assert_eq!(seen("empty").mode() & 0o7777, 0o500);
        assert!(!to.path().join("socket").exists());
    }

    #[test]
    fn one_path_can_be_left_out_and_one_renamed() {
        let from = tempfile::tempdir().unwrap();
        for folder in ["a/b", "a/c"] {
            fs::create_dir_all(from.path().join(folder)).unwrap();
            fs::write(from.path().join(folder).join("file"), folder).unwrap();
        }
        let terms = CopyTerms {
            without: Some("a/b".into()),
            renamed: Some(("a/c/file".into(), "other".into())),
            ..CopyTerms::default()
        };
        let to = copied(from.path(), &terms);
        assert!(!to.path().join("a/b").exists());
        assert_eq!(fs::read_to_string(to.path().join("a/c/other")).unwrap(), "a/c");
        assert!(!to.path().join("a/c/file").exists());
    }

    #[test]
    fn a_folder_without_a_bottom_is_refused() {
        let from = tempfile::tempdir().unwrap();
        let deep: PathBuf = std::iter::repeat_n("d", DEPTH_MAX + 1).collect();
        fs::create_dir_all(from.path().join(deep)).unwrap();
        let to = tempfile::tempdir().unwrap();
        let (from, to) = (Root::open(from.path()).unwrap(), Root::open(to.path()).unwrap());
        assert!(copy_tree(&from, &to, &CopyTerms::default()).is_err());
    }
}
