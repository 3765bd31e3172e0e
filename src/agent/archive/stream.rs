//! The bytes of an upload: decompressed if need be, counted, and cut off at a limit.

use std::io::{self, Chain, Cursor, Read};

use flate2::read::MultiGzDecoder;

use super::super::limits::AgentLimits;
use super::TAIL_BYTES_MAX;

/// What an entry may take in the stream beside its content: its blocks and a usual pax header.
const ENTRY_OVERHEAD_BYTES: u64 = 4 << 10;

/// Largest window of zstd, 8 MiB, which every level up to 19 stays within: it is allocated
/// because a stranger says so.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

type Peeked<R> = Chain<Cursor<Vec<u8>>, R>;

pub(super) enum Stream<R: Read> {
    Plain(Peeked<R>),
    Zstd(Box<zstd::stream::read::Decoder<'static, io::BufReader<Peeked<R>>>>),
    Gzip(Box<MultiGzDecoder<Peeked<R>>>),
}

pub(super) fn decompress<R: Read>(mut reader: R) -> io::Result<Stream<R>> {
    let mut magic = Vec::new();
    reader.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic)?;
    let is_zstd = magic.starts_with(&ZSTD_MAGIC);
    let is_gzip = magic.starts_with(&GZIP_MAGIC);
    let whole = Cursor::new(magic).chain(reader);
    if is_zstd {
        let mut decoder = zstd::stream::read::Decoder::new(whole)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
        Ok(Stream::Zstd(Box::new(decoder)))
    } else if is_gzip {
        Ok(Stream::Gzip(Box::new(MultiGzDecoder::new(whole))))
    } else {
        Ok(Stream::Plain(whole))
    }
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buffer),
            Self::Zstd(reader) => reader.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
        }
    }
}

/// Most that a stream within the limits can have once it is decompressed.
fn bytes_max(limits: &AgentLimits) -> u64 {
    let entries = (limits.files_max as u64).saturating_mul(2);
    limits
        .bytes_max
        .saturating_add(entries.saturating_mul(ENTRY_OVERHEAD_BYTES))
        .saturating_add(TAIL_BYTES_MAX)
}

/// Counts what is read and stops at a limit.
pub(super) struct Counted<R> {
    stream: R,
    pub(super) bytes: u64,
    bytes_max: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("the archive is longer than a folder within the limits can be")]
pub(super) struct StreamTooLong;

impl<R> Counted<R> {
    pub(super) fn new(stream: R, limits: &AgentLimits) -> Self {
        Self { stream, bytes: 0, bytes_max: bytes_max(limits) }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.stream.read(buffer)?;
        self.bytes += bytes as u64;
        if self.bytes > self.bytes_max { Err(io::Error::other(StreamTooLong)) } else { Ok(bytes) }
    }
}
