//! A stream within a stream, whose end can be told from a break: chunks with their length before them,
//! and an empty one as the end. What stands behind that is the caller's.

use std::io::{self, Read, Write};

/// Bytes of a chunk: a system call's worth.
const CHUNK_BYTES: usize = 128 << 10;

/// Bytes of a length.
const LENGTH_BYTES: usize = 4;

#[derive(Debug)]
pub(crate) struct ChunkWriter<W> {
    to: W,
    /// Room for the length, and what is written.
    chunk: Vec<u8>,
}

impl<W: Write> ChunkWriter<W> {
    pub(crate) fn new(to: W) -> Self {
        let mut chunk = Vec::with_capacity(LENGTH_BYTES + CHUNK_BYTES);
        chunk.extend_from_slice(&[0; LENGTH_BYTES]);
        Self { to, chunk }
    }

    fn send(&mut self) -> io::Result<()> {
        let length = u32::try_from(self.chunk.len() - LENGTH_BYTES).expect("a chunk is small");
        self.chunk[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        self.to.write_all(&self.chunk)?;
        self.chunk.truncate(LENGTH_BYTES);
        Ok(())
    }

    /// Writes the end.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        self.send()?;
        Ok(self.to)
    }
}

impl<W: Write> Write for ChunkWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(LENGTH_BYTES + CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == LENGTH_BYTES + CHUNK_BYTES {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunk.len() > LENGTH_BYTES {
            self.send()?;
        }
        self.to.flush()
    }
}

/// Reads up to the end; a break before it is an error.
#[derive(Debug)]
pub(crate) struct ChunkReader<R> {
    from: R,
    left: usize,
    ended: bool,
}

impl<R: Read> ChunkReader<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from, left: 0, ended: false }
    }

    /// Reads what is left, and gives back what stands behind the end.
    pub(crate) fn finish(mut self) -> io::Result<R> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(self.from)
    }
}

impl<R: Read> Read for ChunkReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.ended {
            return Ok(0);
        }
        if self.left == 0 {
            let mut length = [0; LENGTH_BYTES];
            self.from.read_exact(&mut length)?;
            self.left = u32::from_be_bytes(length) as usize;
            if self.left > CHUNK_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a chunk is too long"));
            }
            if self.left == 0 {
                self.ended = true;
                return Ok(0);
            }
        }
        let most = self.left.min(buffer.len());
        let read = self.from.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> Vec<u8> {
        let mut writer = ChunkWriter::new(Vec::new());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn what_is_behind_the_end_is_not_read() {
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 7] {
            let bytes = vec![7; length];
            let mut stream = written(&bytes);
            stream.extend_from_slice(b"behind");
            let mut reader = ChunkReader::new(&stream[..]);
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            assert_eq!(read, bytes);
            assert_eq!(reader.finish().unwrap(), b"behind");
        }
    }

    #[test]
    fn a_break_is_no_end() {
        let stream = written(&vec![7; 2 * CHUNK_BYTES]);
        for cut in [0, 3, 4, 100, stream.len() - 4, stream.len() - 1] {
            assert!(ChunkReader::new(&stream[..cut]).finish().is_err(), "{cut}");
        }
        assert!(ChunkReader::new(&[0xff; 100][..]).finish().is_err());
    }
}
