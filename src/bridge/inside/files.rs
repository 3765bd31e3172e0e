//! The workspace's files, as a client may see them: listed and read below the workspace, by
//! the kernel's own rule that no link leads out of it.

use std::collections::VecDeque;
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{SFlag, fstatat};

use crate::bridge::protocol::{
    CHUNK_BYTES, FILES_MAX, FileEntry, PATH_BYTES_MAX, REPLY_BYTES_MAX, Refusal,
};

/// Directory entries looked at for one list: a workspace with a million sockets in it must not
/// keep a thread busy for minutes.
const ENTRIES_MAX: usize = 200_000;

/// Bytes of a list that are kept free for what surrounds the files.
const LIST_MARGIN_BYTES: usize = 1024;

/// Attempts to open a path while its directories are being renamed.
const OPEN_ATTEMPTS: u32 = 4;

/// Never listed.
const SKIPPED: [&str; 4] = ["node_modules", ".git", "__pycache__", ".DS_Store"];

/// Files that are never listed, by the end of their name.
const SKIPPED_ENDINGS: [&str; 3] = [".sock", ".lock", ".pid"];

/// Listed only if hidden files are asked for.
const HIDDEN: [&str; 8] =
    [".cache", ".npm", ".pnpm-store", ".yarn", ".venv", "venv", ".tmp", "tmp"];

/// A list of files, sorted by path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) files: Vec<FileEntry>,
    /// There are more.
    pub(super) truncated: bool,
}

/// An open file of the workspace.
#[derive(Debug)]
pub(super) struct OpenFile {
    file: File,
    pub(super) size: u64,
    pub(super) modified_ms: i64,
}

/// Opens the regular file `path` below `workspace`, if it has at most `bytes_max` bytes.
pub(super) fn open(workspace: &Path, path: &str, bytes_max: u64) -> Result<OpenFile, Refusal> {
    let root = File::open(workspace).map_err(|_io| Refusal::Failed)?;
    // Opening a FIFO would wait for its writer.
    let file = open_beneath(&root, Path::new(path), OFlag::O_NONBLOCK).map_err(refusal)?;
    let file = File::from(file);
    let metadata = file.metadata().map_err(|_io| Refusal::Failed)?;
    if !metadata.is_file() {
        return Err(Refusal::NotAFile);
    }
    if metadata.len() > bytes_max {
        return Err(Refusal::TooLarge);
    }
    let modified_ms = millis(metadata.mtime(), metadata.mtime_nsec());
    Ok(OpenFile { file, size: metadata.len(), modified_ms })
}

impl OpenFile {
    /// The next chunk from `offset` on, never past the size it had when it was opened.
    pub(super) fn chunk(&self, offset: u64) -> io::Result<Bytes> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut chunk = vec![0; left.min(CHUNK_BYTES)];
        self.file.read_exact_at(&mut chunk, offset)?;
        Ok(chunk.into())
    }
}

/// Every regular file below `workspace`, those near its root first if there are too many.
pub(super) fn list(workspace: &Path, hidden: bool) -> io::Result<Listing> {
    let root = File::open(workspace)?;
    let mut listing = Listing { files: Vec::new(), truncated: false };
    let mut left = Left { entries: ENTRIES_MAX, bytes: REPLY_BYTES_MAX - LIST_MARGIN_BYTES };
    let mut directories = VecDeque::from([PathBuf::new()]);
    while let Some(directory) = directories.pop_front() {
        let path = if directory.as_os_str().is_empty() { Path::new(".") } else { &directory };
        // One that vanished or may not be read has nothing to show.
        let Ok(opened) = open_beneath(&root, path, OFlag::O_DIRECTORY) else { continue };
        let Ok(mut opened) = Dir::from_fd(opened) else { continue };
        let names = names(&mut opened, hidden, &mut left.entries);
        for (name, kind) in names {
            let path = directory.join(&name);
            match kind {
                Kind::Directory if path.as_os_str().len() < PATH_BYTES_MAX => {
                    directories.push_back(path);
                }
                Kind::Directory => listing.truncated = true,
                Kind::File => {
                    let Some(entry) = entry(&opened, &name, &path) else { continue };
                    if !left.take(&entry) || listing.files.len() == FILES_MAX {
                        listing.truncated = true;
                        directories.clear();
                        break;
                    }
                    listing.files.push(entry);
                }
            }
        }
        if left.entries == 0 {
            listing.truncated = true;
            break;
        }
    }
    listing.files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(listing)
}

struct Left {
    entries: usize,
    bytes: usize,
}

impl Left {
    fn take(&mut self, entry: &FileEntry) -> bool {
        let bytes = serde_json::to_vec(entry).map_or(usize::MAX, |json| json.len() + 1);
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.unwrap_or(0);
        left.is_some()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    File,
    Directory,
}

/// What is to be shown of one directory, sorted.
fn names(directory: &mut Dir, hidden: bool, left: &mut usize) -> Vec<(PathBuf, Kind)> {
    let mut seen = Vec::new();
    for entry in directory.iter() {
        let Ok(entry) = entry else { break };
        let Some(fewer) = left.checked_sub(1) else { break };
        *left = fewer;
        if let Some(name) = shown(entry.file_name(), hidden) {
            seen.push((PathBuf::from(name), entry.file_type()));
        }
    }
    let mut names: Vec<_> = seen
        .into_iter()
        .filter_map(|(name, kind)| {
            let kind = match kind {
                Some(Type::File) => Kind::File,
                Some(Type::Directory) => Kind::Directory,
                Some(_) => return None,
                // Some file systems do not tell.
                None => match fstatat(&*directory, &name, AtFlags::AT_SYMLINK_NOFOLLOW) {
                    Ok(stat) => kind_of(stat.st_mode)?,
                    Err(_gone) => return None,
                },
            };
            let ending = |ending: &&str| name.as_os_str().as_bytes().ends_with(ending.as_bytes());
            let skipped = kind == Kind::File && SKIPPED_ENDINGS.iter().any(ending);
            (!skipped).then_some((name, kind))
        })
        .collect();
    names.sort();
    names
}

fn shown(name: &CStr, hidden: bool) -> Option<&OsStr> {
    let text = name.to_str().ok()?;
    let skipped = matches!(text, "." | "..")
        || text.starts_with(super::changes::UNFINISHED)
        || SKIPPED.contains(&text)
        || (!hidden && HIDDEN.contains(&text));
    (!skipped).then_some(OsStr::new(text))
}

fn kind_of(mode: u32) -> Option<Kind> {
    match SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFREG => Some(Kind::File),
        SFlag::S_IFDIR => Some(Kind::Directory),
        _ => None,
    }
}

fn entry(directory: &Dir, name: &Path, path: &Path) -> Option<FileEntry> {
    let stat = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
    // It may have been replaced meanwhile.
    (kind_of(stat.st_mode) == Some(Kind::File)).then_some(())?;
    Some(FileEntry {
        path: path.to_str()?.to_owned(),
        size: u64::try_from(stat.st_size).ok()?,
        modified_ms: millis(stat.st_mtime, stat.st_mtime_nsec),
    })
}

fn millis(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1000).saturating_add(nanoseconds / 1_000_000)
}

fn open_beneath(root: &File, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NOCTTY | flags)
        .resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_MAGICLINKS
                | ResolveFlag::RESOLVE_NO_XDEV,
        );
    let mut attempt = 1;
    loop {
        match openat2(root, path, how) {
            Err(Errno::EAGAIN) if attempt < OPEN_ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

fn refusal(errno: Errno) -> Refusal {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG | Errno::EINVAL => Refusal::NotFound,
        Errno::ELOOP | Errno::EXDEV => Refusal::OutsideWorkspace,
        // A socket.
        Errno::ENXIO => Refusal::NotAFile,
        _ => Refusal::Failed,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    fn workspace() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for path in ["src/a", "node_modules/x", ".git", "tmp", "src/.cache"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        for path in [
            "b.txt",
            "a.txt",
            "Cargo.lock",
            "x.pid",
            ".DS_Store",
            ".hidden",
            "src/a/deep.rs",
            "src/main.rs",
            "node_modules/x/index.js",
            ".git/HEAD",
            "tmp/t",
            "src/.cache/c",
        ] {
            fs::write(root.join(path), path).unwrap();
        }
        mkfifo(&root.join("fifo"), Mode::S_IRWXU).unwrap();
        drop(UnixListener::bind(root.join("socket")).unwrap());
        symlink("/etc/passwd", root.join("passwd")).unwrap();
        symlink("/", root.join("slash")).unwrap();
        symlink("a.txt", root.join("alias")).unwrap();
        directory
    }

    fn paths(root: &Path, hidden: bool) -> Vec<String> {
        let listing = list(root, hidden).unwrap();
        assert!(!listing.truncated);
        listing.files.into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn a_list_holds_regular_files_and_follows_no_link() {
        let directory = workspace();
        let all =
            [".hidden", "a.txt", "b.txt", "src/.cache/c", "src/a/deep.rs", "src/main.rs", "tmp/t"];
        assert_eq!(paths(directory.path(), true), all);
        let fewer = [".hidden", "a.txt", "b.txt", "src/a/deep.rs", "src/main.rs"];
        assert_eq!(paths(directory.path(), false), fewer);
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a-deep")).unwrap();
        fs::write(directory.path().join("a-deep/file"), "").unwrap();
        for number in 0..FILES_MAX {
            fs::write(directory.path().join(format!("{number:05}")), "").unwrap();
        }
        let listing = list(directory.path(), true).unwrap();
        assert!(listing.truncated);
        assert_eq!(listing.files.len(), FILES_MAX);
        assert_eq!(listing.files[0].path, "00000");
        assert!(serde_json::to_vec(&listing.files).unwrap().len() < REPLY_BYTES_MAX);
    }

    #[test]
    fn a_directory_too_deep_for_a_path_ends_the_descent() {
        let directory = tempfile::tempdir().unwrap();
        let mut at = OwnedFd::from(File::open(directory.path()).unwrap());
        let name = "d".repeat(250);
        for _ in 0..20 {
            nix::sys::stat::mkdirat(&at, name.as_str(), Mode::S_IRWXU).unwrap();
            at = nix::fcntl::openat(&at, name.as_str(), OFlag::O_DIRECTORY, Mode::empty()).unwrap();
        }
        assert!(list(directory.path(), true).unwrap().truncated);
    }

    #[test]
    fn a_file_is_read_in_chunks() {
        let directory = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..CHUNK_BYTES + 10).map(|byte| byte.to_le_bytes()[0]).collect();
        fs::write(directory.path().join("f"), &content).unwrap();
        let file = open(directory.path(), "f", 1 << 20).unwrap();
        assert_eq!(file.size, content.len() as u64);
        let first = file.chunk(0).unwrap();
        assert_eq!(first.len(), CHUNK_BYTES);
        let second = file.chunk(CHUNK_BYTES as u64).unwrap();
        assert_eq!([first, second].concat(), content);
    }

    #[test]
    fn what_is_no_file_of_the_workspace_is_refused() {
        let directory = workspace();
        let refused = |path: &str| open(directory.path(), path, 1 << 20).unwrap_err();
        assert_eq!(refused("missing"), Refusal::NotFound);
        assert_eq!(refused(""), Refusal::NotFound);
        assert_eq!(refused("a\0b"), Refusal::NotFound);
        assert_eq!(refused(&"x/".repeat(3000)), Refusal::NotFound);
        for outside in [
            "/etc/passwd",
            "../x",
            "src/../../x",
            "..",
            "passwd",
            "slash/etc/passwd",
            "alias",
            "slash/proc/self/environ",
        ] {
            assert_eq!(refused(outside), Refusal::OutsideWorkspace, "{outside}");
        }
        for odd in ["fifo", "socket", "src", "."] {
            assert_eq!(refused(odd), Refusal::NotAFile, "{odd}");
        }
        assert_eq!(open(directory.path(), "a.txt", 4).unwrap_err(), Refusal::TooLarge);
        assert!(open(directory.path(), "a.txt", 5).is_ok());
        assert!(open(directory.path(), "src/../a.txt", 5).is_ok());
    }

    #[test]
    fn a_file_that_shrinks_while_it_is_read_is_an_error_and_a_grown_one_is_cut() {
        let directory = workspace();
        let path = directory.path().join("a.txt");
        let file = open(directory.path(), "a.txt", 100).unwrap();
        fs::write(&path, "much longer than before").unwrap();
        assert_eq!(file.chunk(0).unwrap().len(), 5);
        fs::write(&path, "x").unwrap();
        assert!(file.chunk(0).is_err());
    }
}
