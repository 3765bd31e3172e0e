//! Unpacking an archive that anybody may have made.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, fchmod, futimens};
use nix::sys::time::TimeSpec;
use tar::{Archive, Entry, EntryType, PaxExtensions};

use super::super::changes::{self, unfinished_name};
use super::stream::decompressed;
use super::{ENTRIES_MAX, MODE_KEPT};
use crate::bridge::protocol::{PATH_BYTES_MAX, Refusal};
use crate::os::fs::Root;

/// Longest extension of a header: a name, a target, and a few numbers.
const EXTENSION_BYTES_MAX: u64 = 64 << 10;

/// What an archive may have beside the content of its files, for each entry.
const OVERHEAD_BYTES: u64 = 4 << 10;

/// Fills `folder` from an archive; answers how many files and bytes it has. Without `keep` it is
/// unpacked beside what is there, which is only replaced when the archive was whole.
pub(in crate::bridge) fn unpack(
    folder: &Path,
    keep: bool,
    bytes_max: u64,
    reader: impl Read,
) -> Result<(u64, u64), Refusal> {
    let failed = |error: io::Error| changes::refusal(&error);
    if keep {
        return fill(&Root::open(folder).map_err(failed)?, bytes_max, reader);
    }
    let stage = folder.join(unfinished_name());
    let root = Root::open(folder).map_err(failed)?;
    let name = Path::new(stage.file_name().unwrap_or_default());
    let staged = root.create_directory(name, 0o700).map_err(failed)?;
    let filled = fill(&staged, bytes_max, reader);
    let replaced = filled.and_then(|counted| {
        replace(folder, &root, &staged, name).map_err(failed)?;
        Ok(counted)
    });
    drop(remove(&stage));
    replaced
}

/// Puts what was unpacked in the place of everything else.
fn replace(folder: &Path, root: &Root, staged: &Root, stage: &Path) -> io::Result<()> {
    let old = unfinished_name();
    let set_aside = root.create_directory(&old, 0o700)?;
    for entry in root.entries(ENTRIES_MAX)? {
        let name = Path::new(&entry.name);
        if name != stage && name != old {
            root.rename(name, &set_aside, name)?;
        }
    }
    for entry in staged.entries(ENTRIES_MAX)? {
        let name = Path::new(&entry.name);
        staged.rename(name, root, name)?;
    }
    remove(&folder.join(old))
}

/// Removes a folder of ours and everything in it, follows no link.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // A folder in it that nobody may write to, as caches of packages have.
            let opened = Root::open(path)?;
            unlock(&opened, 0)?;
            std::fs::remove_dir_all(path)
        }
        other => other,
    }
}

fn unlock(root: &Root, depth: usize) -> io::Result<()> {
    fchmod(root, Mode::S_IRWXU)?;
    for entry in root.entries(ENTRIES_MAX)? {
        if entry.kind == crate::os::fs::Kind::Directory && depth < super::DEPTH_MAX {
            unlock(&root.open_directory(Path::new(&entry.name))?, depth + 1)?;
        }
    }
    Ok(())
}

fn fill(root: &Root, bytes_max: u64, reader: impl Read) -> Result<(u64, u64), Refusal> {
    let stream = decompressed(reader).map_err(|error| unreadable(&error))?;
    let limit = bytes_max.saturating_add(ENTRIES_MAX as u64 * OVERHEAD_BYTES);
    let mut archive = Archive::new(stream.take(limit));
    let mut unpacking = Unpacking {
        root,
        bytes_left: bytes_max,
        files: 0,
        bytes: 0,
        directories: Vec::new(),
        extension: Extension::default(),
    };
    let mut count = 0;
    // Raw: the library would read headers of any length into memory.
    let entries = archive.entries().map_err(|error| unreadable(&error))?.raw(true);
    for entry in entries {
        count += 1;
        if count > ENTRIES_MAX {
            return Err(Refusal::TooLarge);
        }
        unpacking.entry(entry.map_err(|error| unreadable(&error))?)?;
    }
    unpacking.settle_directories()?;
    // The rest, so that whoever sends it is not cut off, and a checksum at its end is looked at.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| unreadable(&error))?;
    Ok((unpacking.files, unpacking.bytes))
}

struct Unpacking<'r> {
    root: &'r Root,
    bytes_left: u64,
    files: u64,
    bytes: u64,
    /// Last, because a folder may not want anything in it: path, mode, time.
    directories: Vec<(PathBuf, u32, i64)>,
    extension: Extension,
}

/// What stands before the header that it is about.
#[derive(Debug, Default)]
struct Extension {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Unpacking<'_> {
    fn entry<R: Read>(&mut self, mut entry: Entry<'_, R>) -> Result<(), Refusal> {
        let header = entry.header().clone();
        let kind = header.entry_type();
        let size = header.entry_size().map_err(|error| unreadable(&error))?;
        if kind.is_gnu_longname() || kind.is_gnu_longlink() || kind.is_pax_local_extensions() {
            return self.extend(kind, size, &mut entry);
        }
        if kind.is_pax_global_extensions() {
            return Ok(());
        }
        let Extension { path, target } = std::mem::take(&mut self.extension);
        let name = path.unwrap_or_else(|| header.path_bytes().into_owned());
        let Some(path) = relative(&name)? else { return Ok(()) };
        let mode = header.mode().unwrap_or(0o644) & MODE_KEPT;
        let modified = i64::try_from(header.mtime().unwrap_or(0)).unwrap_or(0);
        match kind {
            EntryType::Directory => {
                self.root.create_directories(&path, 0o700).map_err(|error| refused(&error))?;
                self.directories.push((path, mode, modified));
            }
            EntryType::Regular | EntryType::Continuous => {
                self.bytes_left = self.bytes_left.checked_sub(size).ok_or(Refusal::TooLarge)?;
                let (parent, name) = self.place(&path)?;
                let mut file = parent.create_file(&name, 0o600).map_err(|error| refused(&error))?;
                let copied = io::copy(&mut entry.take(size), &mut file);
                let copied = copied.map_err(|error| copy_failed(&error))?;
                if copied != size {
                    return Err(Refusal::Archive);
                }
                settle(&file, mode, modified).map_err(|error| refused(&error))?;
                self.files += 1;
                self.bytes += size;
            }
            EntryType::Symlink => {
                let target = link_target(target, &header)?;
                let (parent, name) = self.place(&path)?;
                parent
                    .make_link(&name, OsStr::from_bytes(&target))
                    .map_err(|error| refused(&error))?;
            }
            EntryType::Link => {
                let first = relative(&link_target(target, &header)?)?.ok_or(Refusal::Archive)?;
                drop(self.place(&path)?);
                self.root.add_name(&first, &path).map_err(|error| refused(&error))?;
            }
            // Devices, pipes, sparse files and what nobody knows.
            _ => return Err(Refusal::Archive),
        }
        Ok(())
    }

    fn extend<R: Read>(
        &mut self,
        kind: EntryType,
        size: u64,
        entry: &mut R,
    ) -> Result<(), Refusal> {
        if size > EXTENSION_BYTES_MAX {
            return Err(Refusal::Archive);
        }
        let mut bytes = Vec::new();
        entry.take(size).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        let until_zero = |bytes: &[u8]| bytes.split(|byte| *byte == 0).next().map(<[u8]>::to_vec);
        if kind.is_gnu_longname() {
            self.extension.path = until_zero(&bytes);
        } else if kind.is_gnu_longlink() {
            self.extension.target = until_zero(&bytes);
        } else {
            for record in PaxExtensions::new(&bytes) {
                let record = record.map_err(|error| unreadable(&error))?;
                match record.key_bytes() {
                    b"path" => self.extension.path = Some(record.value_bytes().to_vec()),
                    b"linkpath" => self.extension.target = Some(record.value_bytes().to_vec()),
                    // The header says it differently, and two readers would disagree.
                    b"size" => return Err(Refusal::Archive),
                    key if key.starts_with(b"GNU.sparse") => return Err(Refusal::Archive),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The folder of a path, made if need be, and the free name in it.
    fn place(&self, path: &Path) -> Result<(Root, PathBuf), Refusal> {
        let name = path.file_name().ok_or(Refusal::OutsideWorkspace)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = match parent {
            Some(parent) => self.root.create_directories(parent, 0o755),
            None => self.root.as_fd().try_clone_to_owned().map(Root::of),
        };
        let parent = parent.map_err(|error| refused(&error))?;
        let name = PathBuf::from(name);
        match parent.remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refused(&error)),
            Ok(()) | Err(_) => Ok((parent, name)),
        }
    }

    fn settle_directories(&mut self) -> Result<(), Refusal> {
        for (path, mode, modified) in self.directories.drain(..).rev() {
            let directory = self.root.open_directory(&path).map_err(|error| refused(&error))?;
            settle(&directory, mode, modified).map_err(|error| refused(&error))?;
        }
        Ok(())
    }
}

fn settle(made: &impl std::os::fd::AsFd, mode: u32, modified: i64) -> io::Result<()> {
    fchmod(made, Mode::from_bits_truncate(mode))?;
    let time = TimeSpec::new(modified, 0);
    Ok(futimens(made, &time, &time)?)
}

/// What a link names.
fn link_target(extended: Option<Vec<u8>>, header: &tar::Header) -> Result<Vec<u8>, Refusal> {
    let target = extended.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
    let target = target.filter(|target| !target.is_empty() && !target.contains(&0));
    target.filter(|target| target.len() <= PATH_BYTES_MAX).ok_or(Refusal::Archive)
}

/// The path of an entry; `None` for the folder itself.
fn relative(name: &[u8]) -> Result<Option<PathBuf>, Refusal> {
    let mut path = PathBuf::new();
    if name.starts_with(b"/") || name.contains(&0) || name.len() > PATH_BYTES_MAX {
        return Err(Refusal::OutsideWorkspace);
    }
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(Refusal::OutsideWorkspace),
            part => path.push(OsStr::from_bytes(part)),
        }
    }
    Ok((!path.as_os_str().is_empty()).then_some(path))
}

/// What the workspace refuses: a link on the way is no damage of the archive.
fn refused(error: &io::Error) -> Refusal {
    match changes::refusal(error) {
        Refusal::NotFound | Refusal::NotAFile => Refusal::Archive,
        refusal => refusal,
    }
}

fn unreadable(error: &io::Error) -> Refusal {
    if error.kind() == io::ErrorKind::ConnectionAborted {
        Refusal::Failed
    } else {
        Refusal::Archive
    }
}

/// Of a copy: the archive ended, or the disk is full.
fn copy_failed(error: &io::Error) -> Refusal {
    match changes::refusal(error) {
        refusal @ (Refusal::DiskFull | Refusal::TooLarge) => refusal,
        _ => unreadable(error),
    }
}
