//! Packing.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Read as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::super::changes::{self, UNFINISHED};
use super::{DEPTH_MAX, ENTRIES_MAX, MODE_KEPT};
use crate::bridge::protocol::Refusal;
use crate::os::fs::{Kind, Root};

/// Refuses a folder whose files have more than so many bytes, before anything of it is sent.
pub(in crate::bridge::inside) fn survey(folder: &Path, bytes_max: u64) -> Result<(), Refusal> {
    fn directory(root: &Root, depth: usize, left: &mut (usize, u64)) -> Result<(), Refusal> {
        if depth == DEPTH_MAX {
            return Err(Refusal::TooLarge);
        }
        let Ok(entries) = root.entries(left.0) else { return Ok(()) };
        left.0 = left.0.checked_sub(entries.len()).ok_or(Refusal::TooLarge)?;
        for entry in entries {
            match entry.kind {
                Kind::File => left.1 = left.1.checked_sub(entry.bytes).ok_or(Refusal::TooLarge)?,
                Kind::Directory => {
                    if let Ok(below) = root.open_directory(Path::new(&entry.name)) {
                        directory(&below, depth + 1, left)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
    let root = Root::open(folder).map_err(|error| changes::refusal(&error))?;
    directory(&root, 0, &mut (ENTRIES_MAX, bytes_max))
}

/// Writes the folder to `writer`. What vanishes meanwhile is left out, what shrinks is filled up
/// with zeros, as tar does.
pub(in crate::bridge::inside) fn pack(
    folder: &Path,
    gzip: bool,
    bytes_max: u64,
    writer: impl Write,
) -> io::Result<()> {
    let root = Root::open(folder)?;
    if gzip {
        let encoder = GzEncoder::new(writer, Compression::fast());
        packed(&root, bytes_max, encoder)?.finish()?.flush()
    } else {
        packed(&root, bytes_max, writer)?.flush()
    }
}

fn packed<W: Write>(root: &Root, bytes_max: u64, writer: W) -> io::Result<W> {
    let mut packing = Packing {
        builder: Builder::new(writer),
        linked: HashMap::new(),
        entries_left: ENTRIES_MAX,
        bytes_left: bytes_max,
    };
    packing.directory(root, Path::new(""), 0)?;
    packing.builder.into_inner()
}

struct Packing<W: Write> {
    builder: Builder<W>,
    /// Where files with more than one name went, by device and number.
    linked: HashMap<(u64, u64), PathBuf>,
    entries_left: usize,
    bytes_left: u64,
}

impl<W: Write> Packing<W> {
    fn directory(&mut self, root: &Root, path: &Path, depth: usize) -> io::Result<()> {
        if depth == DEPTH_MAX {
            return Err(too_large());
        }
        // One that may not be read, or has too many names, has nothing to show.
        let Ok(entries) = root.entries(self.entries_left) else { return Ok(()) };
        self.entries_left -= entries.len();
        for entry in entries {
            if entry.name.to_string_lossy().starts_with(UNFINISHED) {
                continue;
            }
            let (name, below) = (Path::new(&entry.name), path.join(&entry.name));
            match entry.kind {
                Kind::File => self.file(root, name, &below)?,
                Kind::Directory => {
                    let Ok(inner) = root.open_directory(name) else { continue };
                    let metadata = std::fs::File::from(nix_dup(&inner)?).metadata()?;
                    let mut header = header(EntryType::Directory, 0, metadata.mode());
                    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
                    self.builder.append_data(&mut header, below.join(""), io::empty())?;
                    self.directory(&inner, &below, depth + 1)?;
                }
                Kind::Symlink => {
                    let Ok((content, _status)) = root.read_link(name) else { continue };
                    self.link(EntryType::Symlink, &below, &content)?;
                }
                // They are nothing without their peers.
                Kind::Fifo | Kind::Socket | Kind::Device => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, root: &Root, name: &Path, path: &Path) -> io::Result<()> {
        let Ok(file) = root.open_file(name) else { return Ok(()) };
        let metadata = file.metadata()?;
        let size = metadata.len();
        if metadata.nlink() > 1 {
            let identity = (metadata.dev(), metadata.ino());
            if let Some(first) = self.linked.get(&identity).cloned() {
                return self.link(EntryType::Link, path, first.as_os_str());
            }
            self.linked.insert(identity, path.to_owned());
        }
        self.bytes_left = self.bytes_left.checked_sub(size).ok_or_else(too_large)?;
        let mut header = header(EntryType::Regular, size, metadata.mode());
        header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
        let content = file.chain(io::repeat(0)).take(size);
        self.builder.append_data(&mut header, path, content)
    }

    fn link(&mut self, kind: EntryType, path: &Path, target: &OsStr) -> io::Result<()> {
        let mut header = header(kind, 0, 0o777);
        self.builder.append_link(&mut header, path, Path::new(target))
    }
}

fn header(kind: EntryType, bytes: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(bytes);
    header.set_mode(mode & MODE_KEPT);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn nix_dup(root: &Root) -> io::Result<std::os::fd::OwnedFd> {
    std::os::fd::AsFd::as_fd(root).try_clone_to_owned()
}

fn too_large() -> io::Error {
    io::ErrorKind::FileTooLarge.into()
}
