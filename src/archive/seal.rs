//! The sealing of an object: chunks, each encrypted and authenticated with its number and whether it
//! is the last, so that none can be changed, moved, left out or cut off unnoticed.
//!
//! An object's key is its own, so that numbers from 0 are never used twice with one key.

use std::io::{self, Read, Write};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// What a sealed object begins with; the last byte is the version of the format.
const MAGIC: &[u8; 5] = b"ASHA\x01";

/// Bytes of a chunk before it is sealed.
const CHUNK_BYTES: usize = 64 << 10;

/// What sealing adds to a chunk.
const TAG_BYTES: usize = 16;

fn key(bytes: &[u8; 32]) -> LessSafeKey {
    let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).expect("the key has the right length");
    LessSafeKey::new(key)
}

fn nonce(number: u64, last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[NONCE_LEN - 1] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the object {why}"))
}

/// Seals what is written to it.
pub(super) struct Sealer<W> {
    key: LessSafeKey,
    to: W,
    chunk: Vec<u8>,
    number: u64,
}

impl<W: Write> Sealer<W> {
    pub(super) fn new(object_key: &[u8; 32], mut to: W) -> io::Result<Self> {
        to.write_all(MAGIC)?;
        let chunk = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
        Ok(Self { key: key(object_key), to, chunk, number: 0 })
    }

    fn flush_chunk(&mut self, last: bool) -> io::Result<()> {
        self.key
            .seal_in_place_append_tag(nonce(self.number, last), Aad::from(MAGIC), &mut self.chunk)
            .map_err(|_unspecified| broken("could not be sealed"))?;
        self.to.write_all(&self.chunk)?;
        self.chunk.clear();
        self.number += 1;
        Ok(())
    }

    /// Without it the object has no end, and is refused when it is read.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.flush_chunk(true)?;
        self.to.flush()?;
        Ok(self.to)
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk stays until more comes: the last one may be full.
        if self.chunk.len() == CHUNK_BYTES {
            self.flush_chunk(false)?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads what a [`Sealer`] wrote; nothing comes out that was not checked.
pub(super) struct Opener<R> {
    key: LessSafeKey,
    from: R,
    chunk: Vec<u8>,
    /// What of `chunk` was read.
    read: usize,
    number: u64,
    ended: bool,
    /// The first byte of the next chunk: without one the chunk before it was the last.
    ahead: Option<u8>,
    began: bool,
}

impl<R: Read> Opener<R> {
    pub(super) fn new(object_key: &[u8; 32], from: R) -> Self {
        Self {
            key: key(object_key),
            from,
            chunk: Vec::new(),
            read: 0,
            number: 0,
            ended: false,
            ahead: None,
            began: false,
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        let mut magic = [0; MAGIC.len()];
        self.from.read_exact(&mut magic).map_err(|_short| broken("is empty"))?;
        if magic[..4] != MAGIC[..4] {
            return Err(broken("is none of Ash"));
        }
        if magic != *MAGIC {
            return Err(broken("was written by a newer version of Ash"));
        }
        self.ahead = self.one()?;
        self.began = true;
        Ok(())
    }

    fn one(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        loop {
            match self.from.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(Some(byte[0])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        let Some(first) = self.ahead else { return Err(broken("has no end")) };
        self.chunk.clear();
        self.chunk.push(first);
        let rest = (CHUNK_BYTES + TAG_BYTES - 1) as u64;
        (&mut self.from).take(rest).read_to_end(&mut self.chunk)?;
        self.ahead = self.one()?;
        let last = self.ahead.is_none();
        let opened = self
            .key
            .open_in_place(nonce(self.number, last), Aad::from(MAGIC), &mut self.chunk)
            .map_err(|_unspecified| broken("is damaged, cut off, or was sealed with another key"))?
            .len();
        self.chunk.truncate(opened);
        self.read = 0;
        self.number += 1;
        self.ended = last;
        Ok(())
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.began {
            self.begin()?;
        }
        while self.read == self.chunk.len() {
            if self.ended || buffer.is_empty() {
                return Ok(0);
            }
            self.next_chunk()?;
        }
        let taken = buffer.len().min(self.chunk.len() - self.read);
        buffer[..taken].copy_from_slice(&self.chunk[self.read..self.read + taken]);
        self.read += taken;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn sealed(bytes: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(&KEY, Vec::new()).unwrap();
        sealer.write_all(bytes).unwrap();
        sealer.finish().unwrap()
    }

    fn opened(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        Opener::new(&KEY, bytes).read_to_end(&mut read)?;
        Ok(read)
    }

    #[test]
    fn what_is_sealed_is_read_again_and_by_nobody_else() {
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let bytes: Vec<u8> = (0..=250).cycle().take(length).collect();
            let object = sealed(&bytes);
            assert_eq!(opened(&object).unwrap(), bytes, "{length}");
            let mut read = Vec::new();
            assert!(Opener::new(&[8; 32], &object[..]).read_to_end(&mut read).is_err());
            assert!(read.is_empty());
        }
        let object = sealed(b"a secret that nobody reads");
        assert!(!object.windows(6).any(|part| part == b"secret"));
    }

    #[test]
    fn no_change_goes_unnoticed() {
        let bytes = vec![1; 2 * CHUNK_BYTES + 100];
        let object = sealed(&bytes);
        let size = CHUNK_BYTES + TAG_BYTES;
        for at in [0, 4, 5, 100, MAGIC.len() + size, object.len() - 1] {
            let mut changed = object.clone();
            changed[at] ^= 1;
            assert!(opened(&changed).is_err(), "{at}");
        }
        for cut in [0, 3, 5, 100, MAGIC.len() + size, MAGIC.len() + 2 * size, object.len() - 1] {
            assert!(opened(&object[..cut]).is_err(), "{cut}");
        }
        let mut longer = object.clone();
        longer.push(0);
        assert!(opened(&longer).is_err());
        let mut swapped = object.clone();
        let (one, two) = swapped[MAGIC.len()..].split_at_mut(size);
        one.swap_with_slice(&mut two[..size]);
        assert!(opened(&swapped).is_err());
        let mut missing = object[..MAGIC.len()].to_vec();
        missing.extend_from_slice(&object[MAGIC.len() + size..]);
        assert!(opened(&missing).is_err());
    }
}
