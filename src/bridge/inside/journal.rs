//! What the conversation produced and ashd has not stored: in memory, and what does not fit
//! there in a [`Spill`]. Nothing is dropped: when both are full, [`Journal::has_room`] says so
//! and the CLI's output is no longer read.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::spill::{Block, Place, Spill};
use crate::bridge::outgoing::Outgoing;
use crate::bridge::protocol::Kind;

/// How much a journal may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes in memory; one line more may come on top.
    pub(super) memory_bytes: usize,
    /// Bytes in the file.
    pub(super) spill_bytes: u64,
}

impl Limits {
    /// 8 MiB hold some minutes of a busy turn, and a hundred sandboxes of it fit into a host;
    /// 256 MiB hold whatever a turn says while ashd is being upgraded.
    pub(super) const STANDARD: Self = Self { memory_bytes: 8 << 20, spill_bytes: 256 << 20 };
}

/// What an entry costs beside its payload, about: its place in the queue, and its allocation.
const ENTRY_BYTES: usize = 128;

/// Places that an empty queue keeps: what a lively turn has under way.
const ENTRIES_KEPT: usize = 256;

/// Bytes a connection is given ahead of what its socket took: enough for full-sized writes.
pub(super) const AHEAD_BYTES: usize = 256 << 10;

/// One numbered frame or notice.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) kind: Kind,
    pub(super) payload: Bytes,
}

impl Entry {
    fn bytes(&self) -> usize {
        ENTRY_BYTES + self.payload.len()
    }
}

/// Everything from number `forgotten + 1` to `last`.
#[derive(Debug)]
pub(super) struct Journal {
    limits: Limits,
    /// The newest entries; what is older is in the spill.
    memory: VecDeque<Entry>,
    memory_bytes: usize,
    last: u64,
    forgotten: u64,
    spill: Spill,
    /// The last write failed, and nothing became free since.
    spill_failed: bool,
}

impl Journal {
    pub(super) fn new(limits: Limits, directory: &Path) -> Self {
        Self {
            limits,
            memory: VecDeque::new(),
            memory_bytes: 0,
            last: 0,
            forgotten: 0,
            spill: Spill::new(directory),
            spill_failed: false,
        }
    }

    /// The highest number given.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// The highest number that was acknowledged.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Whether more should be put in. [`Journal::append`] works regardless.
    pub(super) fn has_room(&self) -> bool {
        self.memory_bytes < self.limits.memory_bytes
    }

    pub(super) fn append(&mut self, kind: Kind, payload: Bytes) {
        self.last += 1;
        let entry = Entry { number: self.last, kind, payload };
        self.memory_bytes += entry.bytes();
        self.memory.push_back(entry);
        self.relieve();
    }

    /// Forgets everything up to `number`.
    pub(super) fn acknowledge(&mut self, number: u64) {
        self.forgotten = self.forgotten.max(number.min(self.last));
        self.drop_from_memory(self.forgotten);
        if self.spill.last() <= self.forgotten && self.spill.bytes() > 0 && !self.spill.is_writing()
        {
            self.spill.clear();
        }
        self.spill_failed = false;
        self.relieve();
    }

    /// Waits until a part of the memory is in the file; for ever if nothing is to be moved.
    /// Cancel-safe.
    pub(super) async fn spilled(&mut self) -> io::Result<()> {
        let result = self.spill.written().await;
        match result {
            Ok(last) => {
                self.drop_from_memory(last);
                self.acknowledge(self.forgotten);
                Ok(())
            }
            Err(error) => {
                self.drop_from_memory(self.forgotten);
                self.spill_failed = true;
                Err(error)
            }
        }
    }

    fn drop_from_memory(&mut self, number: u64) {
        // While a write runs its entries stay: the file's numbers must join those in memory.
        if self.spill.is_writing() {
            return;
        }
        while let Some(entry) = self.memory.front().filter(|entry| entry.number <= number) {
            self.memory_bytes -= entry.bytes();
            self.memory.pop_front();
        }
        if self.memory.is_empty() {
            self.memory.shrink_to(ENTRIES_KEPT);
        }
    }

    fn relieve(&mut self) {
        let fits = self.spill.bytes() + self.memory_bytes as u64 <= self.limits.spill_bytes;
        if !self.has_room() && fits && !self.spill_failed && !self.spill.is_writing() {
            self.spill.write(self.memory.iter().cloned().collect());
        }
    }
}

/// How far one connection has read.
#[derive(Debug)]
pub(super) struct Cursor {
    next: u64,
    place: Option<Place>,
    reading: Option<JoinHandle<io::Result<Block>>>,
}

impl Cursor {
    /// A reader that has everything up to `stored`.
    pub(super) fn after(stored: u64) -> Self {
        Self { next: stored + 1, place: None, reading: None }
    }

    /// The highest number handed out.
    pub(super) fn sent(&self) -> u64 {
        self.next - 1
    }

    /// Hands out what is in memory, and begins to read what is in the file.
    pub(super) fn advance(&mut self, journal: &Journal, outgoing: &mut Outgoing) {
        while outgoing.len() < AHEAD_BYTES && self.reading.is_none() {
            if self.next <= journal.spill.last() {
                let place = journal.spill.place(self.next, self.place);
                self.reading = Some(journal.spill.read(place));
                return;
            }
            let first = journal.memory.front().map_or(u64::MAX, |entry| entry.number);
            let Some(index) = self.next.checked_sub(first) else { return };
            let entry = usize::try_from(index).ok().and_then(|index| journal.memory.get(index));
            let Some(entry) = entry else { return };
            outgoing.push(entry.kind, entry.number, &entry.payload);
            self.next += 1;
        }
    }

    /// Waits for what is being read from the file; for ever if nothing is. Cancel-safe.
    pub(super) async fn read(&mut self) -> io::Result<Bytes> {
        let Some(reading) = &mut self.reading else { return std::future::pending().await };
        let result = reading.await;
        self.reading = None;
        let block = result.map_err(io::Error::other)??;
        self.next = block.place.next;
        self.place = Some(block.place);
        Ok(block.packets)
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Buf as _, BytesMut};
    use proptest::prelude::*;

    use super::*;
    use crate::bridge::protocol::Packet;

    const SMALL: Limits = Limits { memory_bytes: 4096, spill_bytes: 64 << 10 };

    fn payload(number: u64, size: usize) -> Bytes {
        vec![number.to_le_bytes()[0]; size].into()
    }

    /// Reads everything there is, as a connection would.
    async fn read_all(journal: &mut Journal, cursor: &mut Cursor) -> Vec<Packet> {
        let mut packets = Vec::new();
        let mut outgoing = Outgoing::default();
        let mut buffer = BytesMut::new();
        while cursor.sent() < journal.last() || !outgoing.is_empty() {
            cursor.advance(journal, &mut outgoing);
            if cursor.reading.is_some() {
                outgoing.push_bytes(&cursor.read().await.unwrap());
            }
            while outgoing.has_remaining() {
                let chunk = outgoing.chunk();
                let length = chunk.len();
                buffer.extend_from_slice(chunk);
                outgoing.advance(length);
            }
            while let Some(packet) = Packet::decode(&mut buffer).unwrap() {
                packets.push(packet);
            }
        }
        assert!(buffer.is_empty());
        packets
    }

    async fn settle(journal: &mut Journal) {
        while journal.spill.is_writing() {
            journal.spilled().await.unwrap();
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Append(usize),
        Settle,
        ReadAndAcknowledge,
        Acknowledge(u8),
        Reconnect,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => (0..3000_usize).prop_map(Step::Append),
            1 => (BLOCKS..2 * BLOCKS).prop_map(Step::Append),
            2 => Just(Step::Settle),
            1 => Just(Step::ReadAndAcknowledge),
            1 => any::<u8>().prop_map(Step::Acknowledge),
            2 => Just(Step::Reconnect),
        ];
        prop::collection::vec(step, 1..60)
    }

    /// Around the size of a block of the spill.
    const BLOCKS: usize = 200 << 10;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
        #[test]
        fn every_reader_gets_every_number_once_and_in_order(steps in steps()) {
            let directory = tempfile::tempdir().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let limits = Limits { memory_bytes: 4096, spill_bytes: 8 << 20 };
                let mut journal = Journal::new(limits, directory.path());
                let mut sizes = vec![0];
                let mut cursor = Cursor::after(0);
                for step in steps {
                    match step {
                        Step::Append(size) => {
                            sizes.push(size);
                            let number = journal.last() + 1;
                            journal.append(Kind::Frame, payload(number, size));
                        }
                        Step::Settle => settle(&mut journal).await,
                        Step::Acknowledge(share) => {
                            let number = cursor.sent() * u64::from(share) / 255;
                            journal.acknowledge(number);
                        }
                        Step::ReadAndAcknowledge | Step::Reconnect => {
                            if matches!(step, Step::Reconnect) {
                                cursor = Cursor::after(journal.forgotten());
                            }
                            let from = cursor.sent();
                            let packets = read_all(&mut journal, &mut cursor).await;
                            let numbers = packets.iter().map(|packet| packet.number);
                            assert!(numbers.eq(from + 1..=journal.last()));
                            for packet in packets {
                                let size = sizes[usize::try_from(packet.number).unwrap()];
                                assert!(packet.payload == payload(packet.number, size));
                            }
                            if matches!(step, Step::ReadAndAcknowledge) {
                                journal.acknowledge(cursor.sent());
                            }
                        }
                    }
                }
                settle(&mut journal).await;
                journal.acknowledge(journal.last());
                assert_eq!((journal.memory_bytes, journal.spill.bytes()), (0, 0));
            });
        }
    }

    #[tokio::test]
    async fn a_full_journal_says_so_and_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(SMALL, directory.path());
        let mut written = 0;
        loop {
            settle(&mut journal).await;
            if !journal.has_room() {
                break;
            }
            written += 1;
            assert!(written < 1000, "there is no end to it");
            journal.append(Kind::Frame, payload(written, 500));
        }
        assert!(journal.spill.bytes() <= SMALL.spill_bytes);
        assert!(journal.spill.bytes() > SMALL.spill_bytes / 2, "the file was not used");
        let mut cursor = Cursor::after(0);
        let numbers = read_all(&mut journal, &mut cursor).await;
        assert!(numbers.iter().map(|packet| packet.number).eq(1..=written));
        journal.acknowledge(written);
        assert!(journal.has_room());
    }

    #[tokio::test]
    async fn without_a_spill_directory_everything_stays_in_memory() {
        let mut journal = Journal::new(SMALL, Path::new("/proc/nowhere"));
        for number in 1..=20 {
            journal.append(Kind::Frame, payload(number, 500));
        }
        assert!(journal.spilled().await.is_err());
        assert!(!journal.has_room());
        let mut cursor = Cursor::after(3);
        let packets = read_all(&mut journal, &mut cursor).await;
        assert!(packets.iter().map(|packet| packet.number).eq(4..=20));
        journal.acknowledge(20);
        assert!(journal.has_room());
    }

    #[tokio::test]
    async fn the_spill_file_has_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::new(SMALL, directory.path());
        journal.append(Kind::Frame, payload(1, 5000));
        journal.spilled().await.unwrap();
        assert_eq!(journal.spill.last(), 1);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
