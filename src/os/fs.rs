//! Files beneath a directory that somebody else may have filled: reached by descriptor, never
//! through a link, never outside.
//!
//! *Invariant:* no path given to a [`Root`] resolves outside of its directory, whoever renames
//! what meanwhile. The kernel holds it (`openat2`); where a filter hides that call, each
//! component is opened by itself and links are refused one by one.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{
    AtFlags, OFlag, OpenHow, ResolveFlag, open, openat, openat2, readlinkat, renameat,
};
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags, fchmod, fchmodat, fstat, fstatat,
    futimens, mkdirat, utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{
    Gid, Uid, UnlinkatFlags, fchownat, linkat, mkfifoat, symlinkat, syncfs, unlinkat,
};

/// What the creator may do before the wanted mode is set, whatever the umask is.
const MODE_WHILE_CREATED: Mode = Mode::S_IRWXU;

/// What one block of `struct stat` is, whatever the file system has.
const STAT_BLOCK_BYTES: u64 = 512;

/// A directory, and the way in.
#[derive(Debug)]
pub(crate) struct Root {
    directory: OwnedFd,
    resolution: Resolution,
}

/// Who refuses links and `..` on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resolution {
    /// `openat2`, in one call.
    Kernel,
    /// We, one `O_NOFOLLOW` at a time: before Linux 5.6, and under filters such as systemd's
    /// `RestrictSUIDSGID=`, which answer `openat2` with `ENOSYS`.
    Componentwise,
}

/// What stands in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: OsString,
    pub(crate) kind: Kind,
    pub(crate) bytes: u64,
    /// What it takes on the disk.
    pub(crate) disk_bytes: u64,
    /// The owner may execute it.
    pub(crate) executable: bool,
}

/// What a copy of a file takes over beside its content.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    mode: u32,
    accessed: TimeSpec,
    modified: TimeSpec,
    /// When the kernel saw its last change of any kind.
    changed: TimeSpec,
    pub(crate) bytes: u64,
    /// How many names it has.
    pub(crate) names: u64,
    /// Its device and its number there.
    pub(crate) identity: (u64, u64),
}

impl Status {
    pub(crate) fn of(file: impl AsFd) -> io::Result<Self> {
        Ok(Self::new(&fstat(file)?))
    }

    fn new(stat: &FileStat) -> Self {
        Self {
            mode: stat.st_mode,
            accessed: TimeSpec::new(stat.st_atime, stat.st_atime_nsec),
            modified: TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec),
            changed: TimeSpec::new(stat.st_ctime, stat.st_ctime_nsec),
            bytes: u64::try_from(stat.st_size).unwrap_or(0),
            names: stat.st_nlink,
            identity: (stat.st_dev, stat.st_ino),
        }
    }

    /// That of a file that is to be made, with a moment in seconds and nanoseconds.
    pub(crate) fn made(mode: u32, (seconds, nanoseconds): (i64, i64)) -> Self {
        let time = TimeSpec::new(seconds, nanoseconds);
        Self {
            mode,
            accessed: time,
            modified: time,
            changed: time,
            bytes: 0,
            names: 1,
            identity: (0, 0),
        }
    }

    pub(crate) fn mode(&self) -> u32 {
        self.mode & 0o7777
    }

    /// Seconds and nanoseconds.
    pub(crate) fn modified_at(&self) -> (i64, i64) {
        (self.modified.tv_sec(), self.modified.tv_nsec())
    }

    /// Another one after every change, also of the content.
    pub(crate) fn fingerprint(&self) -> [u8; 56] {
        let mut bytes = [0; 56];
        let words = [
            u64::from(self.mode),
            self.bytes,
            self.identity.0,
            self.identity.1,
            self.names,
            self.changed.tv_sec().cast_unsigned(),
            self.changed.tv_nsec().cast_unsigned(),
        ];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Gives an open file the mode, as far as `kept`, and the times.
    pub(crate) fn apply(&self, file: impl AsFd, kept: u32) -> io::Result<()> {
        fchmod(&file, Mode::from_bits_truncate(self.mode & kept))?;
        Ok(futimens(&file, &self.accessed, &self.modified)?)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    Fifo,
    Socket,
    Device,
}

impl Root {
    /// Opens a directory whose own path is trusted: links in it are followed.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::of(open(path, directory_flags(), Mode::empty())?))
    }

    /// The directory behind a descriptor that somebody else opened.
    pub(crate) fn of(directory: OwnedFd) -> Self {
        let resolution = Resolution::available(directory.as_fd());
        Self { directory, resolution }
    }

    /// Opens a directory by an absolute path in which no component may be a link, so that what
    /// was checked about the path is still true of the directory.
    pub(crate) fn open_without_links(path: &Path) -> io::Result<Self> {
        let Ok(beneath) = path.strip_prefix("/") else {
            return Err(Errno::EINVAL.into());
        };
        let root = Self::open(Path::new("/"))?;
        if beneath.as_os_str().is_empty() { Ok(root) } else { root.open_directory(beneath) }
    }

    /// Opens a directory beneath, as a root of its own.
    pub(crate) fn open_directory(&self, path: &Path) -> io::Result<Self> {
        let directory = self.open_beneath(path, directory_flags(), Mode::empty())?;
        Ok(Self { directory, resolution: self.resolution })
    }

    /// Opens a regular file for reading; anything else is refused without waiting for a peer.
    pub(crate) fn open_file(&self, path: &Path) -> io::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = self.open_beneath(path, flags, Mode::empty())?;
        if kind_of(&fstat(&file)?) != Kind::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        Ok(File::from(file))
    }

    /// Creates a file that does not exist yet, for writing, with exactly this mode.
    pub(crate) fn create_file(&self, path: &Path, mode: u32) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOCTTY;
        let file = self.open_beneath(path, flags, MODE_WHILE_CREATED)?;
        fchmod(&file, Mode::from_bits_truncate(mode))?;
        Ok(File::from(file))
    }

    /// Creates the directories of `path` that do not exist yet, and opens the last.
    pub(crate) fn create_directories(&self, path: &Path, mode: u32) -> io::Result<Self> {
        let mut made = PathBuf::new();
        for component in path.components() {
            made.push(component);
            match self.create_directory(&made, mode) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        self.open_directory(path)
    }

    /// Removes a name in the directory itself, which must not be a directory's.
    pub(crate) fn remove_file(&self, name: &Path) -> io::Result<()> {
        refuse_outside(name)?;
        Ok(unlinkat(&self.directory, name, UnlinkatFlags::NoRemoveDir)?)
    }

    /// Gives what is called `old` in the directory itself the name `new` in another; what had that
    /// name is replaced.
    pub(crate) fn rename(&self, old: &Path, to: &Self, new: &Path) -> io::Result<()> {
        refuse_outside(old)?;
        refuse_outside(new)?;
        Ok(renameat(&self.directory, old, &to.directory, new)?)
    }

    /// Creates one directory that does not exist yet, with exactly this mode.
    pub(crate) fn create_directory(&self, path: &Path, mode: u32) -> io::Result<Self> {
        let (parent, name) = self.parent(path)?;
        mkdirat(self.or_own(parent.as_ref()), name, MODE_WHILE_CREATED)?;
        let directory = self.open_directory(path)?;
        fchmod(&directory, Mode::from_bits_truncate(mode))?;
        Ok(directory)
    }

    pub(crate) fn status(&self) -> io::Result<Status> {
        Status::of(self)
    }

    /// Of what has the name in the directory itself; links are not followed.
    pub(crate) fn status_of(&self, name: &Path) -> io::Result<Status> {
        refuse_outside(name)?;
        Ok(Status::new(&fstatat(&self.directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?))
    }

    /// The content of a link in the directory itself.
    pub(crate) fn read_link(&self, name: &Path) -> io::Result<(OsString, Status)> {
        refuse_outside(name)?;
        let content = readlinkat(&self.directory, name)?;
        let stat = fstatat(&self.directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        Ok((content, Status::new(&stat)))
    }

    /// Makes a link in the directory itself; it may name anything.
    pub(crate) fn create_link(
        &self,
        name: &Path,
        content: &OsStr,
        owner: Option<u32>,
        status: &Status,
    ) -> io::Result<()> {
        self.make_link(name, content)?;
        self.settle_unopened(name, owner, status)
    }

    /// The same, as whoever makes it.
    pub(crate) fn make_link(&self, name: &Path, content: &OsStr) -> io::Result<()> {
        refuse_outside(name)?;
        Ok(symlinkat(content, &self.directory, name)?)
    }

    /// Makes a pipe in the directory itself.
    pub(crate) fn create_fifo_as(&self, name: &Path, status: &Status) -> io::Result<()> {
        refuse_outside(name)?;
        let mode = Mode::from_bits_truncate(status.mode & 0o777);
        mkfifoat(&self.directory, name, mode)?;
        // The mode again: `umask` may have taken bits away. It was made just now, and is no link.
        fchmodat(&self.directory, name, mode, FchmodatFlags::FollowSymlink)?;
        self.settle_unopened(name, None, status)
    }

    /// Makes a pipe in the directory itself, like `model` in another.
    pub(crate) fn create_fifo(
        &self,
        name: &Path,
        owner: Option<u32>,
        from: &Self,
        model: &Path,
    ) -> io::Result<()> {
        refuse_outside(name)?;
        refuse_outside(model)?;
        let status = Status::new(&fstatat(&from.directory, model, AtFlags::AT_SYMLINK_NOFOLLOW)?);
        mkfifoat(&self.directory, name, Mode::from_bits_truncate(status.mode & 0o777))?;
        self.settle_unopened(name, owner, &status)
    }

    /// Gives the file at `old` another name, both beneath.
    pub(crate) fn add_name(&self, old: &Path, new: &Path) -> io::Result<()> {
        let (old_parent, old_name) = self.parent(old)?;
        let (new_parent, new_name) = self.parent(new)?;
        let (old_parent, new_parent) =
            (self.or_own(old_parent.as_ref()), self.or_own(new_parent.as_ref()));
        Ok(linkat(old_parent, old_name, new_parent, new_name, AtFlags::empty())?)
    }

    fn settle_unopened(&self, name: &Path, owner: Option<u32>, status: &Status) -> io::Result<()> {
        let (accessed, modified) = (&status.accessed, &status.modified);
        utimensat(&self.directory, name, accessed, modified, UtimensatFlags::NoFollowSymlink)?;
        if let Some(owner) = owner {
            let (user, group) = (Uid::from_raw(owner), Gid::from_raw(owner));
            let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
            fchownat(&self.directory, name, Some(user), Some(group), flags)?;
        }
        Ok(())
    }

    /// What stands in the directory itself, by name. Refuses a directory with more than
    /// `entries_max`, because each costs memory.
    pub(crate) fn entries(&self, entries_max: usize) -> io::Result<Vec<Entry>> {
        // Opened anew: a duplicate would share its reading position with other readers.
        let again = openat(&self.directory, ".", directory_flags(), Mode::empty())?;
        let mut entries = Vec::new();
        for entry in Dir::from_fd(again)?.iter() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if entries.len() == entries_max {
                return Err(Errno::EOVERFLOW.into());
            }
            let stat = match fstatat(&self.directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // Gone since the directory was read, so it is not in it.
                Err(Errno::ENOENT) => continue,
                Err(error) => return Err(error.into()),
            };
            entries.push(Entry {
                name: name.to_owned(),
                kind: kind_of(&stat),
                bytes: u64::try_from(stat.st_size).unwrap_or(0),
                disk_bytes: u64::try_from(stat.st_blocks).unwrap_or(0) * STAT_BLOCK_BYTES,
                executable: stat.st_mode & Mode::S_IXUSR.bits() != 0,
            });
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Waits until everything written to this file system so far is on the disk.
    pub(crate) fn sync_filesystem(&self) -> io::Result<()> {
        Ok(syncfs(&self.directory)?)
    }

    fn open_beneath(&self, path: &Path, flags: OFlag, mode: Mode) -> io::Result<OwnedFd> {
        let flags = flags | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        // `openat2` refuses a mode where nothing is created; `openat` ignores it.
        let mode = if flags.contains(OFlag::O_CREAT) { mode } else { Mode::empty() };
        match self.resolution {
            Resolution::Kernel => {
                refuse_outside(path)?;
                let how = OpenHow::new().flags(flags).mode(mode).resolve(beneath_without_links());
                Ok(openat2(&self.directory, path, how)?)
            }
            Resolution::Componentwise => {
                let (parent, name) = self.parent(path)?;
                Ok(openat(self.or_own(parent.as_ref()), name, flags, mode)?)
            }
        }
    }

    /// The directory that holds `path`, or none where it is this one, and the name in it.
    fn parent<'p>(&self, path: &'p Path) -> io::Result<(Option<OwnedFd>, &'p OsStr)> {
        refuse_outside(path)?;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Errno::EINVAL.into());
        };
        if parent.as_os_str().is_empty() {
            return Ok((None, name));
        }
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        if self.resolution == Resolution::Kernel {
            return Ok((Some(self.open_beneath(parent, flags, Mode::empty())?), name));
        }
        let mut at: Option<OwnedFd> = None;
        for component in parent.components() {
            let next =
                openat(self.or_own(at.as_ref()), component.as_os_str(), flags, Mode::empty())?;
            at = Some(next);
        }
        Ok((at, name))
    }

    fn or_own<'a>(&'a self, directory: Option<&'a OwnedFd>) -> BorrowedFd<'a> {
        directory.unwrap_or(&self.directory).as_fd()
    }
}

impl From<Root> for OwnedFd {
    fn from(root: Root) -> Self {
        root.directory
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl Resolution {
    /// Asks the kernel once, with a call that cannot fail for another reason.
    fn available(directory: BorrowedFd<'_>) -> Self {
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
            .resolve(beneath_without_links());
        match openat2(directory, ".", how) {
            Ok(_) => Self::Kernel,
            Err(_) => Self::Componentwise,
        }
    }
}

/// What was asked for is not there, or is a link, or not of the kind that was asked for.
pub(crate) fn is_something_else(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::InvalidInput {
        return true;
    }
    let Some(errno) = error.raw_os_error() else { return false };
    matches!(
        Errno::from_raw(errno),
        Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENXIO | Errno::EXDEV | Errno::EISDIR
    )
}

/// The directory has more entries than [`Root::entries`] was to read.
pub(crate) fn is_too_many_entries(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EOVERFLOW as i32)
}

fn directory_flags() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC
}

fn beneath_without_links() -> ResolveFlag {
    ResolveFlag::RESOLVE_BENEATH
        | ResolveFlag::RESOLVE_NO_SYMLINKS
        | ResolveFlag::RESOLVE_NO_MAGICLINKS
}

/// Both ways of resolving answer alike: `EXDEV`, as `openat2` says it.
fn refuse_outside(path: &Path) -> io::Result<()> {
    let inside = path.components().all(|component| matches!(component, Component::Normal(_)));
    if inside && !path.as_os_str().is_empty() { Ok(()) } else { Err(Errno::EXDEV.into()) }
}

fn kind_of(stat: &FileStat) -> Kind {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFLNK => Kind::Symlink,
        SFlag::S_IFIFO => Kind::Fifo,
        SFlag::S_IFSOCK => Kind::Socket,
        _ => Kind::Device,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// Runs `check` once with each way of resolving.
    fn both_ways(check: impl Fn(&Root, &Path)) {
        for resolution in [Resolution::Kernel, Resolution::Componentwise] {
            let outer = tempfile::tempdir().unwrap();
            std::fs::write(outer.path().join("canary"), "untouched").unwrap();
            let inside = outer.path().join("inside");
            std::fs::create_dir(&inside).unwrap();
            let root = Root { resolution, ..Root::open(&inside).unwrap() };
            check(&root, &inside);
            assert_eq!(std::fs::read(outer.path().join("canary")).unwrap(), b"untouched");
            assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 2);
        }
    }

    #[test]
    fn the_kernel_resolves_where_it_can() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        assert_eq!(root.resolution, Resolution::Kernel);
    }

    #[test]
    fn what_is_written_beneath_is_read_beneath() {
        both_ways(|root, inside| {
            drop(root.create_directory(Path::new("a"), 0o755).unwrap());
            drop(root.create_directory(Path::new("a/b"), 0o755).unwrap());
            let mut file = root.create_file(Path::new("a/b/run"), 0o755).unwrap();
            file.write_all(b"content").unwrap();
            let mut text = String::new();
            root.open_file(Path::new("a/b/run")).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "content");
            let mode = std::fs::metadata(inside.join("a/b/run")).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o755);
            let below = root.open_directory(Path::new("a/b")).unwrap();
            let entries = below.entries(9).unwrap();
            let disk_bytes = entries[0].disk_bytes;
            let (name, kind) = ("run".into(), Kind::File);
            let expected = Entry { name, kind, bytes: 7, disk_bytes, executable: true };
            assert_eq!(entries, [expected]);
        });
    }

    #[test]
    fn an_existing_file_is_not_overwritten() {
        both_ways(|root, _| {
            drop(root.create_file(Path::new("x"), 0o644).unwrap());
            let again = root.create_file(Path::new("x"), 0o644).unwrap_err();
            assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        });
    }

    #[test]
    fn names_that_lead_outside_are_refused() {
        both_ways(|root, inside| {
            drop(root.create_directory(Path::new("a"), 0o755).unwrap());
            let absolute = inside.parent().unwrap().join("new");
            let outside = [
                Path::new("../new"),
                Path::new("a/../../new"),
                &absolute,
                Path::new(""),
                Path::new(".."),
            ];
            for path in outside {
                assert!(root.create_file(path, 0o644).is_err(), "{path:?}");
                assert!(root.create_directory(path, 0o755).is_err(), "{path:?}");
                assert!(root.open_file(path).is_err(), "{path:?}");
                assert!(root.open_directory(path).is_err(), "{path:?}");
            }
        });
    }

    #[test]
    fn links_are_followed_nowhere() {
        both_ways(|root, inside| {
            symlink("..", inside.join("up")).unwrap();
            symlink("../canary", inside.join("canary")).unwrap();
            symlink("../new", inside.join("dangling")).unwrap();
            symlink("/proc/self/root", inside.join("magic")).unwrap();
            for path in ["up/canary", "canary", "magic/etc/hostname"] {
                assert!(root.open_file(Path::new(path)).is_err(), "{path}");
            }
            for path in ["up/new", "dangling", "canary"] {
                assert!(root.create_file(Path::new(path), 0o644).is_err(), "{path}");
            }
            for path in ["up", "magic"] {
                assert!(root.open_directory(Path::new(path)).is_err(), "{path}");
            }
            assert!(root.create_directory(Path::new("up/new"), 0o755).is_err());
        });
    }

    #[test]
    fn a_pipe_is_refused_without_waiting_for_its_writer() {
        both_ways(|root, inside| {
            nix::unistd::mkfifo(&inside.join("pipe"), Mode::S_IRWXU).unwrap();
            let refused = root.open_file(Path::new("pipe")).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
            assert_eq!(root.entries(9).unwrap()[0].kind, Kind::Fifo);
        });
    }

    #[test]
    fn a_directory_with_too_many_entries_is_refused() {
        both_ways(|root, inside| {
            for name in ["a", "b", "c"] {
                std::fs::write(inside.join(name), "").unwrap();
            }
            assert_eq!(root.entries(3).unwrap().len(), 3);
            assert!(is_too_many_entries(&root.entries(2).unwrap_err()));
        });
    }

    #[test]
    fn a_link_in_a_checked_path_is_refused() {
        let outer = tempfile::tempdir().unwrap();
        let outer = outer.path().canonicalize().unwrap();
        std::fs::create_dir_all(outer.join("real/agent")).unwrap();
        symlink("real", outer.join("link")).unwrap();
        assert!(Root::open_without_links(&outer.join("real/agent")).is_ok());
        assert!(Root::open_without_links(&outer.join("link/agent")).is_err());
        assert!(Root::open_without_links(Path::new("relative")).is_err());
        assert!(Root::open_without_links(Path::new("/")).is_ok());
    }
}
