//! Folders that somebody else has filled, as a tar stream and back: content, modes, links, times. By
//! descriptor throughout ([`Root`]): no name leads anywhere else, neither here nor there.
//!
//! Each folder has a name, under which its entries stand in the stream. Owners are not kept: who
//! unpacks owns. Sockets and devices are left out, as in a copy ([`super::copy`]).

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use sha2::{Digest as _, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use super::fs::{Kind, Root, Status};

/// Directories below each other, as in a copy.
const DEPTH_MAX: usize = 128;

/// Entries of all folders together, as in a copy.
const ENTRIES_MAX: usize = 2_000_000;

/// What is kept of a mode, as in a copy.
const MODE_KEPT: u32 = 0o1777;

/// Mode of a directory until all that belongs into it is there.
const MODE_WHILE_FILLED: u32 = 0o700;

/// The record of a time with its nanoseconds (pax).
const MTIME: &str = "mtime";

/// A folder and its name in the stream.
pub(crate) type Named<'a> = (&'a str, &'a Root);

/// How much was packed or unpacked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) entries: u64,
    /// Content of files.
    pub(crate) bytes: u64,
}

/// A text that is another as soon as anything in the folders is another. Reads no content: the kernel
/// notes the moment of every change (`ctime`), and nobody can set it.
pub(crate) fn stamp(folders: &[Named<'_>]) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut left = ENTRIES_MAX;
    for (name, root) in folders {
        note(&mut hash, name.as_bytes(), &root.status()?);
        stamp_directory(&mut hash, root, &mut left, 0)?;
    }
    Ok(format!("{:x}", hash.finalize()))
}

fn note(hash: &mut Sha256, name: &[u8], status: &Status) {
    hash.update((name.len() as u64).to_le_bytes());
    hash.update(name);
    hash.update(status.fingerprint());
}

fn stamp_directory(
    hash: &mut Sha256,
    root: &Root,
    left: &mut usize,
    depth: usize,
) -> io::Result<()> {
    if depth == DEPTH_MAX {
        return Err(Errno::ELOOP.into());
    }
    let entries = root.entries(*left)?;
    *left -= entries.len();
    hash.update((entries.len() as u64).to_le_bytes());
    for entry in entries {
        let name = Path::new(&entry.name);
        note(hash, entry.name.as_bytes(), &root.status_of(name)?);
        if entry.kind == Kind::Directory {
            stamp_directory(hash, &root.open_directory(name)?, left, depth + 1)?;
        }
    }
    Ok(())
}

/// Writes the folders as one tar stream with its end. Blocking.
pub(crate) fn pack(folders: &[Named<'_>], to: impl Write) -> io::Result<Amount> {
    let mut pack = Pack {
        builder: Builder::new(to),
        linked: HashMap::new(),
        left: ENTRIES_MAX,
        amount: Amount::default(),
    };
    for (name, root) in folders {
        let path = Path::new(name);
        pack.plain(EntryType::Directory, path, &root.status()?)?;
        pack.directory(root, path, 0)?;
    }
    pack.builder.into_inner()?.flush()?;
    Ok(pack.amount)
}

struct Pack<W: Write> {
    builder: Builder<W>,
    /// Where files with more than one name stand, by device and number.
    linked: HashMap<(u64, u64), PathBuf>,
    left: usize,
    amount: Amount,
}

impl<W: Write> Pack<W> {
    fn directory(&mut self, from: &Root, path: &Path, depth: usize) -> io::Result<()> {
        if depth == DEPTH_MAX {
            return Err(Errno::ELOOP.into());
        }
        let entries = from.entries(self.left)?;
        self.left -= entries.len();
        for entry in entries {
            let name = Path::new(&entry.name);
            let below = path.join(name);
            match entry.kind {
                Kind::File => self.file(from, name, &below)?,
                Kind::Directory => {
                    let inner = from.open_directory(name)?;
                    self.plain(EntryType::Directory, &below, &inner.status()?)?;
                    self.directory(&inner, &below, depth + 1)?;
                }
                Kind::Symlink => {
                    let (content, status) = from.read_link(name)?;
                    let mut header = self.header(EntryType::Symlink, 0, &status)?;
                    self.builder.append_link(&mut header, &below, Path::new(&content))?;
                }
                Kind::Fifo => self.plain(EntryType::Fifo, &below, &from.status_of(name)?)?,
                Kind::Socket | Kind::Device => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Root, name: &Path, below: &Path) -> io::Result<()> {
        let file = from.open_file(name)?;
        let status = Status::of(&file)?;
        if status.names > 1 {
            if let Some(first) = self.linked.get(&status.identity).cloned() {
                let mut header = self.header(EntryType::Link, 0, &status)?;
                return self.builder.append_link(&mut header, below, &first);
            }
            self.linked.insert(status.identity, below.to_owned());
        }
        let mut header = self.header(EntryType::Regular, status.bytes, &status)?;
        let content = Exactly { file, left: status.bytes };
        self.builder.append_data(&mut header, below, content)?;
        self.amount.bytes += status.bytes;
        Ok(())
    }

    fn plain(&mut self, kind: EntryType, path: &Path, status: &Status) -> io::Result<()> {
        let mut header = self.header(kind, 0, status)?;
        self.builder.append_data(&mut header, path, io::empty())
    }

    fn header(&mut self, kind: EntryType, bytes: u64, status: &Status) -> io::Result<Header> {
        self.amount.entries += 1;
        let (seconds, nanoseconds) = status.modified_at();
        let time = format!("{seconds}.{nanoseconds:09}");
        self.builder.append_pax_extensions([(MTIME, time.as_bytes())])?;
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(bytes);
        header.set_mode(status.mode() & MODE_KEPT);
        header.set_mtime(u64::try_from(seconds).unwrap_or(0));
        header.set_uid(0);
        header.set_gid(0);
        Ok(header)
    }
}

/// A file that is as long as its header says, or an error: a shorter one would shift all behind it.
struct Exactly<F> {
    file: F,
    left: u64,
}

impl<F: Read> Read for Exactly<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file became shorter"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// Fills the folders, which are empty, with what a stream from [`pack`] has. Blocking.
pub(crate) fn unpack(folders: &[Named<'_>], from: impl Read) -> io::Result<Amount> {
    let mut amount = Amount::default();
    let mut directories: BTreeMap<(usize, PathBuf), Status> = BTreeMap::new();
    let mut archive = Archive::new(from);
    for entry in archive.entries()? {
        let mut entry = entry?;
        amount.entries += 1;
        if amount.entries > ENTRIES_MAX as u64 {
            return Err(refused("it has too many entries"));
        }
        let (folder, path) = place(folders, &entry.path_bytes())?;
        let root = folders[folder].1;
        let status = status(&mut entry)?;
        let kind = entry.header().entry_type();
        if path.as_os_str().is_empty() {
            if kind != EntryType::Directory {
                return Err(refused("a folder of it is no directory"));
            }
            directories.insert((folder, path), status);
            continue;
        }
        match kind {
            EntryType::Directory => {
                root.create_directory(&path, MODE_WHILE_FILLED)?;
                directories.insert((folder, path), status);
            }
            EntryType::Regular => {
                let mut file = root.create_file(&path, 0o600)?;
                amount.bytes += io::copy(&mut entry, &mut file)?;
                status.apply(&file, MODE_KEPT)?;
            }
            EntryType::Link => {
                let first =
                    entry.link_name_bytes().ok_or_else(|| refused("a link names nothing"))?;
                let (other, first) = place(folders, &first)?;
                if other != folder {
                    return Err(refused("a file has names in two folders"));
                }
                root.add_name(&first, &path)?;
            }
            EntryType::Symlink => {
                let content =
                    entry.link_name_bytes().ok_or_else(|| refused("a link names nothing"))?;
                let (parent, name) = split(root, &path)?;
                let parent = parent.as_ref().unwrap_or(root);
                parent.create_link(name, OsStr::from_bytes(&content), None, &status)?;
            }
            EntryType::Fifo => {
                let (parent, name) = split(root, &path)?;
                parent.as_ref().unwrap_or(root).create_fifo_as(name, &status)?;
            }
            other => return Err(refused(&format!("it has an entry of the kind {other:?}"))),
        }
    }
    // The deepest first: a directory that may not be written to any more has all that it gets.
    for ((folder, path), status) in directories.iter().rev() {
        let root = folders[*folder].1;
        if path.as_os_str().is_empty() {
            status.apply(root, MODE_KEPT)?;
        } else {
            status.apply(root.open_directory(path)?, MODE_KEPT)?;
        }
    }
    Ok(amount)
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the archive is refused: {why}"))
}

/// Which folder a name of the stream is in, and the path there.
fn place(folders: &[Named<'_>], name: &[u8]) -> io::Result<(usize, PathBuf)> {
    let path = Path::new(OsStr::from_bytes(name));
    let mut components = path.components();
    let first = components.next();
    let folder = folders
        .iter()
        .position(|(name, _)| first == Some(Component::Normal(OsStr::new(name))))
        .ok_or_else(|| refused("an entry is in none of its folders"))?;
    let below = components.as_path();
    let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || below.components().count() > DEPTH_MAX {
        return Err(refused("a path leaves its folder"));
    }
    Ok((folder, below.components().collect()))
}

/// The directory that holds `path`, `None` for the root itself, and the name in it.
fn split<'p>(root: &Root, path: &'p Path) -> io::Result<(Option<Root>, &'p Path)> {
    let name = path.file_name().map(Path::new).ok_or_else(|| refused("a path has no name"))?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => Ok((Some(root.open_directory(parent)?), name)),
        None => Ok((None, name)),
    }
}

fn status<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Status> {
    let mode = entry.header().mode()?;
    let mut time = (i64::try_from(entry.header().mtime()?).unwrap_or(0), 0);
    if let Some(extensions) = entry.pax_extensions()? {
        for extension in extensions {
            let extension = extension?;
            if extension.key() == Ok(MTIME)
                && let Some(found) = extension.value().ok().and_then(moment)
            {
                time = found;
            }
        }
    }
    Ok(Status::made(mode, time))
}

/// `seconds.nanoseconds`, with nine digits behind the point, as it was written.
fn moment(text: &str) -> Option<(i64, i64)> {
    let (seconds, nanoseconds) = text.split_once('.')?;
    Some((seconds.parse().ok()?, nanoseconds.parse().ok().filter(|n| *n < 1_000_000_000)?))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    struct Two {
        workspace: tempfile::TempDir,
        home: tempfile::TempDir,
    }

    impl Two {
        fn new() -> Self {
            Self { workspace: tempfile::tempdir().unwrap(), home: tempfile::tempdir().unwrap() }
        }

        fn with<T>(&self, work: impl Fn(&[Named<'_>]) -> T) -> T {
            let (workspace, home) =
                (Root::open(self.workspace.path()).unwrap(), Root::open(self.home.path()).unwrap());
            work(&[("workspace", &workspace), ("home", &home)])
        }

        fn packed(&self) -> Vec<u8> {
            self.with(|folders| {
                let mut bytes = Vec::new();
                pack(folders, &mut bytes).unwrap();
                bytes
            })
        }

        fn stamp(&self) -> String {
            self.with(|folders| stamp(folders).unwrap())
        }
    }

    fn filled() -> Two {
        let two = Two::new();
        let at = |name: &str| two.workspace.path().join(name);
        fs::create_dir_all(at("deep/er")).unwrap();
        fs::write(at("deep/er/bytes"), vec![7_u8; 3 << 20]).unwrap();
        fs::write(at(&"long".repeat(60)), "a name that no plain header holds").unwrap();
        fs::write(at("run"), "#!/bin/sh").unwrap();
        fs::set_permissions(at("run"), fs::Permissions::from_mode(0o4751)).unwrap();
        fs::hard_link(at("run"), at("same")).unwrap();
        symlink("/etc/passwd", at("out")).unwrap();
        symlink("x".repeat(300), at("dangling")).unwrap();
        fs::write(two.workspace.path().join(OsStr::from_bytes(b"not \xff text")), "bytes").unwrap();
        fs::create_dir(at("closed")).unwrap();
        fs::write(at("closed/in"), "in").unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::from_bits_truncate(0o620)).unwrap();
        let then = UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
        for name in ["run", "deep"] {
            fs::File::open(at(name)).unwrap().set_modified(then).unwrap();
        }
        fs::set_permissions(at("closed"), fs::Permissions::from_mode(0o500)).unwrap();
        fs::create_dir_all(two.home.path().join(".claude/projects")).unwrap();
        fs::write(two.home.path().join(".claude/projects/talk.jsonl"), "{}\n").unwrap();
        two
    }

    #[test]
    fn what_was_packed_comes_back_as_it_was() {
        let (from, to) = (filled(), Two::new());
        let bytes = from.packed();
        let amount = to.with(|folders| unpack(folders, &bytes[..]).unwrap());
        assert!(amount.entries > 10 && amount.bytes > 3 << 20, "{amount:?}");
        let seen = |name: &str| fs::symlink_metadata(to.workspace.path().join(name)).unwrap();
        let at = |name: &str| to.workspace.path().join(name);
        let then = UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
        assert_eq!(fs::read(at("deep/er/bytes")).unwrap(), vec![7_u8; 3 << 20]);
        assert_eq!(seen("run").mode() & 0o7777, 0o751, "nothing changes identity");
        assert_eq!(seen("run").modified().unwrap(), then);
        assert_eq!(seen("deep").modified().unwrap(), then);
        assert_eq!(seen("run").ino(), seen("same").ino());
        assert_eq!(fs::read_link(at("out")).unwrap(), Path::new("/etc/passwd"));
        assert_eq!(fs::read_link(at("dangling")).unwrap(), Path::new(&"x".repeat(300)));
        assert_eq!(seen("closed").mode() & 0o7777, 0o500);
        let pipe = fs::symlink_metadata(from.workspace.path().join("pipe")).unwrap();
        assert_eq!(seen("pipe").mode(), pipe.mode());
        assert!(at(&"long".repeat(60)).exists());
        let bytes = to.workspace.path().join(OsStr::from_bytes(b"not \xff text"));
        assert_eq!(fs::read(bytes).unwrap(), b"bytes");
        assert_eq!(fs::read(to.home.path().join(".claude/projects/talk.jsonl")).unwrap(), b"{}\n");
        // And again, byte for byte.
        assert_eq!(to.packed(), from.packed());
    }

    #[test]
    fn the_stamp_changes_with_every_change_and_not_without() {
        let two = filled();
        let mut last = two.stamp();
        assert_eq!(two.stamp(), last);
        let at = |name: &str| two.workspace.path().join(name);
        let before = fs::metadata(at("run")).unwrap().modified().unwrap();
        let changes: [&dyn Fn(); 6] = [
            &|| fs::write(at("deep/er/bytes"), vec![8_u8; 3 << 20]).unwrap(),
            // The time of the content is set back: that of the change is not.
            &|| {
                fs::write(at("run"), "#!/bin/zz").unwrap();
                fs::OpenOptions::new()
                    .write(true)
                    .open(at("run"))
                    .unwrap()
                    .set_modified(before)
                    .unwrap();
            },
            &|| fs::set_permissions(at("run"), fs::Permissions::from_mode(0o700)).unwrap(),
            &|| fs::remove_file(at("same")).unwrap(),
            &|| fs::rename(at("out"), at("outside")).unwrap(),
            &|| fs::write(two.home.path().join("new"), "").unwrap(),
        ];
        for (index, change) in changes.iter().enumerate() {
            change();
            let now = two.stamp();
            assert_ne!(now, last, "{index}");
            last = now;
        }
    }

    #[test]
    fn a_stream_that_is_not_ours_is_refused() {
        let entry = |path: &[u8], kind: EntryType, link: &[u8]| {
            let mut header = Header::new_gnu();
            header.as_old_mut().name[..path.len()].copy_from_slice(path);
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
            header.set_entry_type(kind);
            header.set_size(0);
            header.set_mode(0o644);
            header.set_mtime(1);
            header.set_cksum();
            let mut bytes = header.as_bytes().to_vec();
            bytes.extend([0; 1024]);
            bytes
        };
        for (path, kind, link) in [
            (&b"workspace/../../out"[..], EntryType::Regular, &b""[..]),
            (b"/etc/out", EntryType::Regular, b""),
            (b"elsewhere/out", EntryType::Regular, b""),
            (b"workspace", EntryType::Regular, b""),
            (b"workspace/dev", EntryType::Char, b""),
            (b"workspace/no/parent", EntryType::Regular, b""),
            (b"workspace/link", EntryType::Link, b"home/other"),
            (b"workspace/link", EntryType::Link, b"workspace/../../etc/passwd"),
            (b"workspace/link", EntryType::Link, b"workspace/missing"),
        ] {
            let to = Two::new();
            let bytes = entry(path, kind, link);
            let refused = to.with(|folders| unpack(folders, &bytes[..]).is_err());
            assert!(refused, "{path:?}");
        }
        // A link in the way leads nowhere.
        let to = Two::new();
        let mut bytes = entry(b"workspace/up", EntryType::Symlink, b"/tmp");
        bytes.truncate(512);
        bytes.extend(entry(b"workspace/up/file", EntryType::Regular, b""));
        assert!(to.with(|folders| unpack(folders, &bytes[..]).is_err()));
        // Half a stream is none.
        let whole = filled().packed();
        let to = Two::new();
        assert!(to.with(|folders| unpack(folders, &whole[..whole.len() / 2]).is_err()));
    }
}
