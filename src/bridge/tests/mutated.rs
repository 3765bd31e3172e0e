//! Bytes of an enemy's bridge: packets, or an error, and nothing else.

use bytes::BytesMut;
use proptest::prelude::*;
use serde_json::json;

use crate::bridge::protocol::{self, Kind, Notice, Packet};
use crate::mutation::mutated;

fn seeds() -> Vec<Vec<u8>> {
    let frame = Packet::json(Kind::Frame, 1, &json!({ "type": "result", "result": "x" }));
    let notice = Packet::json(Kind::Notice, 2, &json!({ "notice": "exited", "code": 1 }));
    let chunk = Packet::new(Kind::Chunk, 3, vec![7; 40]);
    let packets = [frame, notice, chunk];
    let mut all = BytesMut::new();
    let mut seeds = Vec::new();
    for packet in &packets {
        let mut one = BytesMut::new();
        packet.encode(&mut one);
        packet.encode(&mut all);
        seeds.push(one.to_vec());
    }
    seeds.push(all.to_vec());
    seeds
}

proptest! {
    #[test]
    fn mutated_packets_are_packets_or_an_error(bytes in mutated(seeds()), cut in any::<prop::sample::Index>()) {
        let read = |pieces: &[&[u8]]| {
            let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
            for piece in pieces {
                buffer.extend_from_slice(piece);
                loop {
                    let before = buffer.len();
                    match Packet::decode(&mut buffer) {
                        Ok(Some(packet)) => {
                            assert!(buffer.len() < before, "a packet takes bytes");
                            let _not_ours: Result<Notice, _> = packet.parse();
                            protocol::is_frame(&packet.payload);
                            found.push(format!("{packet:?}"));
                        }
                        Ok(None) => break,
                        Err(error) => return (found, Some(error.to_string())),
                    }
                }
            }
            (found, None)
        };
        let at = cut.index(bytes.len() + 1);
        prop_assert_eq!(read(&[&bytes]), read(&[&bytes[..at], &bytes[at..]]), "where it is cut does not matter");
    }
}
