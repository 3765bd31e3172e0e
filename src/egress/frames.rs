//! The stream in which Amazon Bedrock answers: frames of bytes, each with an event of the Messages API
//! in it. It is read as it passes by; what decodes it for good, and its checksums, is the client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// What Bedrock calls it.
pub(super) const CONTENT_TYPE: &[u8] = b"application/vnd.amazon.eventstream";

/// A frame begins with its length, that of its headers, and a checksum of both; it ends with one of all.
const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;

/// Longest frame that is read: those that tell usage have about a thousand bytes.
const FRAME_BYTES_MAX: usize = 128 << 10;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: &'a str,
}

#[derive(Debug, Default)]
pub(super) struct Frames {
    kept: Vec<u8>,
    /// Bytes of a frame that is not read.
    skips: usize,
    /// It is no such stream.
    broken: bool,
}

impl Frames {
    /// The next bytes; answers the events that became whole with them.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut events = Vec::new();
        while !bytes.is_empty() && !self.broken {
            let skipped = self.skips.min(bytes.len());
            self.skips -= skipped;
            bytes = &bytes[skipped..];
            let wanted = self.length().unwrap_or(PRELUDE_BYTES) - self.kept.len();
            let (taken, rest) = bytes.split_at(wanted.min(bytes.len()));
            self.kept.extend_from_slice(taken);
            bytes = rest;
            let Some(length) = self.length() else { continue };
            if length < PRELUDE_BYTES + CHECKSUM_BYTES {
                self.broken = true;
            } else if length > FRAME_BYTES_MAX {
                self.skips = length - self.kept.len();
                self.kept.clear();
            } else if self.kept.len() == length {
                events.extend(event(&self.kept));
                self.kept.clear();
            }
        }
        events
    }

    /// Of the frame that has begun, once that is known.
    fn length(&self) -> Option<usize> {
        if self.kept.len() < PRELUDE_BYTES {
            return None;
        }
        number(&self.kept)
    }
}

fn number(bytes: &[u8]) -> Option<usize> {
    let (first, _) = bytes.split_first_chunk()?;
    usize::try_from(u32::from_be_bytes(*first)).ok()
}

/// The event in a frame; none in one that tells something else.
fn event(frame: &[u8]) -> Option<Vec<u8>> {
    let headers = number(frame.get(4..)?)?;
    let end = frame.len().checked_sub(CHECKSUM_BYTES)?;
    let payload = frame.get(PRELUDE_BYTES.checked_add(headers)?..end)?;
    let chunk: Chunk<'_> = serde_json::from_slice(payload).ok()?;
    STANDARD.decode(chunk.bytes).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A frame with an event in it; nobody here looks at its checksums.
    pub(crate) fn frame(event: &str) -> Vec<u8> {
        let payload = format!(r#"{{"bytes":"{}","p":"ab"}}"#, STANDARD.encode(event));
        let headers = b"\x0b:event-type\x07\x00\x05chunk";
        let length = PRELUDE_BYTES + headers.len() + payload.len() + CHECKSUM_BYTES;
        let number = |number: usize| u32::try_from(number).unwrap().to_be_bytes();
        let prelude = [number(length), number(headers.len()), [0; 4]].concat();
        [&prelude[..], headers, payload.as_bytes(), &[0; 4]].concat()
    }

    #[test]
    fn a_stream_is_read_wherever_it_is_cut() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(FRAME_BYTES_MAX));
        let stream = [frame("{\"one\":1}"), frame(&long), frame("{\"two\":2}")].concat();
        for length in [1, 5, 4096, stream.len()] {
            let mut frames = Frames::default();
            let events: Vec<_> =
                stream.chunks(length).flat_map(|piece| frames.read(piece)).collect();
            assert_eq!(events, [b"{\"one\":1}", b"{\"two\":2}"], "{length}");
        }
    }

    #[test]
    fn what_is_no_such_stream_is_not_read() {
        let mut frames = Frames::default();
        assert!(frames.read(&[0; 64]).is_empty());
        assert!(frames.read(&frame("{}")).is_empty(), "it stays so");
        let mut frames = Frames::default();
        assert!(frames.read(b"event: message_start\ndata: {}\n\n").is_empty());
        // Headers that are longer than their frame.
        let mut odd = frame("{}");
        odd[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(Frames::default().read(&odd).is_empty());
    }
}
