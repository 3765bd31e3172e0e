//! The part of the journal that did not fit into memory: packets, one behind the other, in an
//! unnamed file of the spill directory. No process can reach it but through this one, and it
//! is gone with it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use nix::libc;
use tokio::task::{self, JoinHandle};

use super::journal::Entry;
use crate::bridge::protocol::{self, HEADER_BYTES};

/// Bytes written or read at once.
const BLOCK_BYTES: usize = 256 << 10;

/// What was written in one go.
#[derive(Debug, Clone, Copy)]
struct Segment {
    first: u64,
    offset: u64,
}

/// The file, and what is in it.
#[derive(Debug)]
pub(super) struct Spill {
    directory: PathBuf,
    file: Option<Arc<File>>,
    segments: Vec<Segment>,
    /// The highest number in the file; 0 if it holds none.
    last: u64,
    end: u64,
    /// Grows with each [`Spill::clear`].
    generation: u64,
    writing: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    segment: Segment,
    last: u64,
    bytes: u64,
    job: JoinHandle<io::Result<Arc<File>>>,
}

/// Where a reader of the file is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The next number to read.
    pub(super) next: u64,
    /// Where its packet starts, or one before it.
    offset: u64,
    generation: u64,
}

/// Packets as they go over the wire, and where the next one starts.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) packets: Bytes,
    pub(super) place: Place,
}

impl Spill {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            file: None,
            segments: Vec::new(),
            last: 0,
            end: 0,
            generation: 0,
            writing: None,
        }
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    pub(super) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Begins to append `entries`, which stay with the caller until [`Spill::written`].
    pub(super) fn write(&mut self, entries: Vec<Entry>) {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return };
        let (first, last) = (first.number, last.number);
        let bytes = entries.iter().map(|entry| (HEADER_BYTES + entry.payload.len()) as u64).sum();
        let (file, directory, offset) = (self.file.clone(), self.directory.clone(), self.end);
        let job = task::spawn_blocking(move || {
            let file = file.map_or_else(|| unnamed(&directory).map(Arc::new), Ok)?;
            append(&file, offset, &entries)?;
            Ok(file)
        });
        self.writing = Some(Writing { segment: Segment { first, offset }, last, bytes, job });
    }

    /// Waits for the write that runs, for ever if none does. Cancel-safe. Answers the highest
    /// number that is now in the file.
    pub(super) async fn written(&mut self) -> io::Result<u64> {
        let Some(writing) = &mut self.writing else { return std::future::pending().await };
        let result = (&mut writing.job).await;
        let writing = self.writing.take().expect("it was awaited");
        self.file = Some(result.map_err(io::Error::other)??);
        self.segments.push(writing.segment);
        self.end += writing.bytes;
        self.last = writing.last;
        Ok(self.last)
    }

    /// Forgets the file's content.
    pub(super) fn clear(&mut self) {
        self.segments.clear();
        (self.last, self.end) = (0, 0);
        self.generation += 1;
        if let Some(file) = self.file.take() {
            // Freeing 256 MiB of page cache takes milliseconds.
            drop(task::spawn_blocking(move || drop(file)));
        }
    }

    /// Where to look for `next`, which must be in the file; `hint` is where the packet before it
    /// ended.
    pub(super) fn place(&self, next: u64, hint: Option<Place>) -> Place {
        let generation = self.generation;
        if let Some(hint) = hint.filter(|hint| (hint.next, hint.generation) == (next, generation)) {
            return hint;
        }
        let later = self.segments.partition_point(|segment| segment.first <= next);
        let segment = later.checked_sub(1).and_then(|index| self.segments.get(index));
        Place { next, offset: segment.map_or(0, |segment| segment.offset), generation }
    }

    /// Begins to read the packets from `place` on.
    pub(super) fn read(&self, place: Place) -> JoinHandle<io::Result<Block>> {
        let (file, end) = (self.file.clone(), self.end);
        task::spawn_blocking(move || match file {
            Some(file) => read_block(&file, place, end),
            None => Err(io::ErrorKind::NotFound.into()),
        })
    }
}

fn unnamed(directory: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).mode(0o600);
    match options.clone().custom_flags(libc::O_TMPFILE).open(directory) {
        // An overlay or an old network file system has no unnamed files.
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
            let path = directory.join(format!(".journal-{}", std::process::id()));
            let file = options.create_new(true).open(&path)?;
            fs::remove_file(&path)?;
            Ok(file)
        }
        opened => opened,
    }
}

fn append(file: &File, mut offset: u64, entries: &[Entry]) -> io::Result<()> {
    let mut block = BytesMut::with_capacity(BLOCK_BYTES);
    let mut write = |bytes: &[u8]| {
        file.write_all_at(bytes, offset)?;
        offset += bytes.len() as u64;
        io::Result::Ok(())
    };
    for entry in entries {
        if block.len() + HEADER_BYTES + entry.payload.len() > BLOCK_BYTES {
            write(&block)?;
            block.clear();
        }
        protocol::encode_header(&mut block, entry.kind, entry.number, entry.payload.len());
        if entry.payload.len() > BLOCK_BYTES / 2 {
            write(&block)?;
            block.clear();
            write(&entry.payload)?;
        } else {
            block.extend_from_slice(&entry.payload);
        }
    }
    write(&block)
}

/// Reads whole packets from `place` on: as many as fit into a block, or one that is larger.
fn read_block(file: &File, place: Place, end: u64) -> io::Result<Block> {
    let mut offset = place.offset;
    let mut wanted = BLOCK_BYTES as u64;
    loop {
        let length = wanted.min(end.saturating_sub(offset));
        let mut buffer = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut buffer, offset)?;
        let (mut start, mut position, mut last) = (0, 0, None);
        wanted = BLOCK_BYTES as u64;
        while let Some((bytes, number)) = buffer.get(position..).and_then(protocol::peek_header) {
            if number < place.next {
                start = position + bytes;
            } else if position + bytes <= buffer.len() {
                last = Some(number);
            } else {
                wanted = wanted.max(bytes as u64);
                break;
            }
            position += bytes;
        }
        if let Some(last) = last {
            let packets = Bytes::from(buffer).slice(start..position);
            let place = Place { next: last + 1, offset: offset + position as u64, ..place };
            return Ok(Block { packets, place });
        }
        if start == 0 && wanted == BLOCK_BYTES as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        offset += start as u64;
    }
}
