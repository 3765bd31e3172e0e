//! The bytes of an archive between a thread that packs or unpacks and the connection.

use std::io::{self, Read, Write};

use bytes::{Buf as _, Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use tokio::sync::mpsc;

use crate::bridge::protocol::CHUNK_BYTES;

/// Largest window of zstd, 8 MiB: it is allocated because a stranger says so.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Hands out what is written to it in chunks. Fails when nobody takes them.
pub(in crate::bridge::inside) struct ChunkWriter {
    chunks: mpsc::Sender<Bytes>,
    buffer: BytesMut,
}

impl ChunkWriter {
    pub(in crate::bridge::inside) fn new(chunks: mpsc::Sender<Bytes>) -> Self {
        Self { chunks, buffer: BytesMut::with_capacity(CHUNK_BYTES) }
    }
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.buffer.len() == CHUNK_BYTES {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = self.buffer.split().freeze();
        self.buffer.reserve(CHUNK_BYTES);
        self.chunks.blocking_send(chunk).map_err(|_nobody| io::ErrorKind::BrokenPipe.into())
    }
}

/// Reads what comes in pieces; says after each piece that it was taken.
pub(in crate::bridge::inside) struct ChunkReader<F> {
    pieces: mpsc::Receiver<Bytes>,
    taken: F,
    piece: Bytes,
    ended: bool,
}

impl<F: FnMut()> ChunkReader<F> {
    pub(in crate::bridge::inside) fn new(pieces: mpsc::Receiver<Bytes>, taken: F) -> Self {
        Self { pieces, taken, piece: Bytes::new(), ended: false }
    }
}

impl<F: FnMut()> Read for ChunkReader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(piece) if piece.is_empty() => self.ended = true,
                Some(piece) => {
                    self.piece = piece;
                    (self.taken)();
                }
                // Whoever sent it has gone before its end.
                None => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        let bytes = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(buffer.get_mut(..bytes).unwrap_or_default());
        Ok(bytes)
    }
}

/// What a compressed stream holds; which it is its first bytes tell.
pub(super) fn decompressed<'r>(mut reader: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    let mut magic = Vec::new();
    reader.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic)?;
    if magic.is_empty() {
        // A request without a body is none to make the folder empty.
        return Err(io::ErrorKind::InvalidData.into());
    }
    let is_zstd = magic.starts_with(&ZSTD_MAGIC);
    let is_gzip = magic.starts_with(&GZIP_MAGIC);
    let whole = Read::chain(io::Cursor::new(magic), reader);
    Ok(if is_zstd {
        let mut decoder = zstd::stream::read::Decoder::new(whole)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
        Box::new(decoder)
    } else if is_gzip {
        Box::new(MultiGzDecoder::new(whole))
    } else {
        Box::new(whole)
    })
}
