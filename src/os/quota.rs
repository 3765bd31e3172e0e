//! Project quotas: how much of a file system everything below one folder may take. A folder is given a
//! number, its *project*, which all that is made below it inherits; the kernel counts and refuses.
//!
//! ext4 (made with `-O quota,project`, mounted with `prjquota`) and XFS (mounted with `prjquota`) have
//! them. The number of a folder may be changed by its owner, but only outside of a user namespace, and
//! so not from a sandbox.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use nix::sys::statvfs::fstatvfs;

use super::fs::{Kind, Root, is_too_many_entries};
use super::sys;

/// Directories below each other, and entries of all together, that are given a number.
const DEPTH_MAX: usize = 128;
const ENTRIES_MAX: usize = 2_000_000;

/// How much everything of one project may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

impl Room {
    /// Whether so much is more than `room`.
    pub(crate) fn is_over(self, room: Self) -> bool {
        self.bytes > room.bytes || self.files > room.files
    }
}

/// The project of a folder or file; 0 is none.
pub(crate) fn project(of: impl AsFd) -> io::Result<u32> {
    Ok(sys::extended_attributes(of)?.project)
}

/// Gives an empty folder, and what will be made below it, a project.
pub(crate) fn assign(folder: impl AsFd, project: u32) -> io::Result<()> {
    let mut attributes = sys::extended_attributes(&folder)?;
    attributes.project = project;
    attributes.inherit();
    sys::set_extended_attributes(folder, &attributes)
}

/// The same with a folder that has something in it, in which nothing runs. By descriptor; links
/// and pipes take no room and keep theirs.
pub(crate) fn assign_all(folder: &Root, project: u32) -> io::Result<()> {
    let mut left = ENTRIES_MAX;
    assign_below(folder, project, DEPTH_MAX, &mut left)
}

fn assign_below(folder: &Root, project: u32, depth: usize, left: &mut usize) -> io::Result<()> {
    assign(folder, project)?;
    if depth == 0 {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    let entries = folder.entries(*left)?;
    *left -= entries.len();
    for entry in entries {
        let name = Path::new(&entry.name);
        match entry.kind {
            Kind::Directory => {
                assign_below(&folder.open_directory(name)?, project, depth - 1, left)?;
            }
            Kind::File => {
                let file = folder.open_file(name)?;
                let mut attributes = sys::extended_attributes(&file)?;
                attributes.project = project;
                sys::set_extended_attributes(&file, &attributes)?;
            }
            Kind::Symlink | Kind::Fifo | Kind::Socket | Kind::Device => {}
        }
    }
    Ok(())
}

/// Sets what a project may take on the file system of `on`. Wants `CAP_SYS_ADMIN`.
pub(crate) fn limit(on: impl AsFd, project: u32, room: Room) -> io::Result<()> {
    sys::set_project_quota(on, project, room.bytes, room.files)
}

/// What a folder may take by its project: the kernel shows a limited folder as if it were a file
/// system of that size. Without a limit it is the file system's own.
pub(crate) fn seen(folder: impl AsFd) -> io::Result<Room> {
    let size = fstatvfs(folder)?;
    Ok(Room { bytes: size.blocks() * size.fragment_size(), files: size.files() })
}

/// What everything in some folders takes, without quotas: by descriptor, while others may write in them.
/// It ends at the first entry with which it is more than `room`; what is too deep to look at is too much.
pub(crate) fn used(folders: &[&Root], room: Room) -> io::Result<Room> {
    let mut used = Room { bytes: 0, files: 0 };
    for folder in folders {
        add(folder, DEPTH_MAX, room, &mut used)?;
    }
    Ok(used)
}

fn add(folder: &Root, depth: usize, room: Room, used: &mut Room) -> io::Result<()> {
    let left = (room.files + 1).saturating_sub(used.files);
    let entries = match folder.entries(usize::try_from(left).unwrap_or(usize::MAX)) {
        Err(error) if is_too_many_entries(&error) => {
            used.files = room.files + 1;
            return Ok(());
        }
        other => other?,
    };
    for entry in entries {
        used.files += 1;
        used.bytes += entry.disk_bytes;
        if used.is_over(room) {
            return Ok(());
        }
        // What has gone meanwhile takes nothing.
        if entry.kind == Kind::Directory
            && let Ok(below) = folder.open_directory(Path::new(&entry.name))
        {
            if depth == 0 {
                used.files = room.files + 1;
            } else {
                add(&below, depth - 1, room, used)?;
            }
            if used.is_over(room) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether a failure says that the file system has no such quotas, now or ever.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    use nix::libc::{EINVAL, ENOSYS, ENOTTY, EOPNOTSUPP, ESRCH};
    let known = [EINVAL, ENOSYS, ENOTTY, EOPNOTSUPP, ESRCH];
    error.raw_os_error().is_some_and(|code| known.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_folder_takes_is_counted_as_it_lies_on_the_disk_up_to_what_is_too_much() {
        let outer = tempfile::tempdir().unwrap();
        let at = |name: &str| outer.path().join(name);
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::write(at("a/b/full"), vec![1; 64 << 10]).unwrap();
        std::fs::File::create(at("a/hole")).unwrap().set_len(1 << 40).unwrap();
        std::os::unix::fs::symlink("/", at("root")).unwrap();
        let root = Root::open(outer.path()).unwrap();
        let roomy = Room { bytes: 1 << 30, files: 100 };
        let found = used(&[&root], roomy).unwrap();
        assert_eq!(found.files, 5);
        assert!((64 << 10..1 << 20).contains(&found.bytes), "{found:?}");
        assert_eq!(used(&[&root, &root], roomy).unwrap().files, 10);
        for small in [Room { bytes: 1 << 10, ..roomy }, Room { files: 4, ..roomy }] {
            assert!(used(&[&root], small).unwrap().is_over(small), "{small:?}");
        }
        let deep: std::path::PathBuf = std::iter::repeat_n("d", DEPTH_MAX + 2).collect();
        std::fs::create_dir_all(at("deep").join(deep)).unwrap();
        assert!(used(&[&root], Room { files: 10_000, ..roomy }).unwrap().files > 10_000);
    }

    #[test]
    fn a_file_system_without_projects_says_so_and_has_a_size_all_the_same() {
        let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
            println!("SKIP: there is no /dev/shm");
            return;
        };
        let root = Root::open(folder.path()).unwrap();
        let refused = assign(&root, 70_000).unwrap_err();
        assert!(is_unsupported(&refused), "{refused}");
        assert!(seen(&root).unwrap().bytes > 0);
        assert!(!is_unsupported(&io::ErrorKind::PermissionDenied.into()));
    }
}
