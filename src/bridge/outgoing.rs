//! What waits to be written: small pieces joined, large ones referred to.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use super::protocol::{self, Kind, Packet};

/// Payloads up to this many bytes are copied behind their header, so that many frames leave in
/// one write; larger ones are only referred to.
const COPY_BYTES_MAX: usize = 16 << 10;

/// A queue of bytes that a vectored write empties.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    whole: VecDeque<Bytes>,
    tail: BytesMut,
    bytes: usize,
    /// Bytes that have left.
    passed: u64,
}

impl Outgoing {
    pub(super) fn push_packet(&mut self, packet: &Packet) {
        self.push(packet.kind, packet.number, &packet.payload);
    }

    pub(super) fn push(&mut self, kind: Kind, number: u64, payload: &Bytes) {
        let header = self.tail.len();
        protocol::encode_header(&mut self.tail, kind, number, payload.len());
        self.bytes += self.tail.len() - header;
        self.push_bytes(payload);
    }

    /// Appends what is encoded already.
    pub(super) fn push_bytes(&mut self, bytes: &Bytes) {
        self.bytes += bytes.len();
        if bytes.len() <= COPY_BYTES_MAX {
            self.tail.extend_from_slice(bytes);
            return;
        }
        if !self.tail.is_empty() {
            self.whole.push_back(self.tail.split().freeze());
        }
        self.whole.push_back(bytes.clone());
    }

    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Bytes that have left.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// Forgets what has not left.
    pub(super) fn clear(&mut self) {
        *self = Self { passed: self.passed, ..Self::default() };
    }
}

impl Buf for Outgoing {
    fn remaining(&self) -> usize {
        self.bytes
    }

    fn chunk(&self) -> &[u8] {
        self.whole.front().map_or(&self.tail, |front| front)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = self.whole.iter().map(AsRef::as_ref).chain([self.tail.as_ref()]);
        let mut filled = 0;
        for (slot, piece) in slices.iter_mut().zip(pieces.filter(|piece: &&[u8]| !piece.is_empty()))
        {
            *slot = IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        self.bytes -= count;
        self.passed += count as u64;
        while let Some(front) = self.whole.front_mut() {
            if count < front.len() {
                front.advance(count);
                return;
            }
            count -= front.len();
            self.whole.pop_front();
        }
        self.tail.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_leave_in_the_order_they_came(
            sizes in prop::collection::vec(0..3 * COPY_BYTES_MAX, 1..8),
            step in 1..40_000_usize,
        ) {
            let mut outgoing = Outgoing::default();
            let mut expected = BytesMut::new();
            for (number, size) in (1_u8..).zip(sizes) {
                let packet = Packet::new(Kind::Frame, number.into(), vec![number; size]);
                packet.encode(&mut expected);
                outgoing.push_packet(&packet);
            }
            let mut written = Vec::new();
            while outgoing.has_remaining() {
                prop_assert_eq!(outgoing.len(), expected.len() - written.len());
                let mut slices = [IoSlice::new(&[]); 3];
                let filled = outgoing.chunks_vectored(&mut slices);
                let joined: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                let taken = step.min(joined.len());
                written.extend_from_slice(&joined[..taken]);
                outgoing.advance(taken);
            }
            prop_assert!(written == expected);
        }
    }
}
