//! For `fuzz/`: what comes from a bridge, and what a bridge unpacks.

use std::fs;
use std::path::Path;

use bytes::BytesMut;

use super::inside::unpack_archive;
use super::protocol::{self, Packet};

/// Small, so that the limit is met too.
const ARCHIVE_BYTES_MAX: u64 = 1 << 20;

/// Packets or an error, wherever the stream is cut.
pub(crate) fn read_any_packets(bytes: &[u8]) {
    let at = bytes.first().map_or(0, |first| usize::from(*first).min(bytes.len()));
    assert_eq!(packets(&[bytes]), packets(&[&bytes[..at], &bytes[at..]]));
}

fn packets(pieces: &[&[u8]]) -> (Vec<String>, Option<String>) {
    let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let before = buffer.len();
            match Packet::decode(&mut buffer) {
                Ok(Some(packet)) => {
                    assert!(buffer.len() < before, "a packet takes bytes");
                    drop(packet.parse::<protocol::Notice>());
                    drop(packet.parse::<protocol::BridgeHello>());
                    protocol::is_frame(&packet.payload);
                    found.push(format!("{packet:?}"));
                }
                Ok(None) => break,
                Err(error) => return (found, Some(error.to_string())),
            }
        }
    }
    (found, None)
}

/// Nothing outside of the folder is touched, and a refused archive changes nothing in it.
pub(crate) fn read_any_archive(scratch: &Path, bytes: &[u8]) {
    let inside = scratch.join("inside");
    let written = fs::create_dir(&inside)
        .and_then(|()| fs::write(inside.join("before"), "kept"))
        .and_then(|()| fs::write(scratch.join("canary"), "untouched"));
    written.expect("the folder is empty");
    let unpacked = unpack_archive(&inside, false, ARCHIVE_BYTES_MAX, bytes);
    assert!(fs::read(scratch.join("canary")).is_ok_and(|read| read == b"untouched"));
    assert_eq!(fs::read_dir(scratch).expect("it is ours").count(), 2, "something is outside");
    if unpacked.is_err() {
        assert!(fs::read(inside.join("before")).is_ok_and(|read| read == b"kept"));
        assert_eq!(fs::read_dir(&inside).expect("it is ours").count(), 1, "something was left");
    }
}
