//! What a session's readers see: committed frames, the latest from memory, older ones from the
//! store. A slow reader costs no memory and slows nobody: it falls behind the recent frames and
//! is served from the store.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::session::frame::{Frame, FrameKind};
use crate::store::{Page, Store, StoreError};

/// Most frames kept in memory for readers that keep up.
const RECENT_FRAMES_MAX: usize = 256;
/// Most bytes of them: a session costs little even right after a large answer.
const RECENT_BYTES_MAX: usize = 256 << 10;
/// Frames read from the store at once by a reader that fell behind, and their bytes.
const PAGE_FRAMES_MAX: u32 = 256;
const PAGE_BYTES_MAX: usize = 1 << 20;

/// The readers' end.
#[derive(Debug)]
pub(crate) struct Feed {
    recent: Mutex<Recent>,
    /// The last committed sequence number; closed when the session's driver leaves.
    last: watch::Receiver<u64>,
}

/// The driver's end.
#[derive(Debug)]
pub(crate) struct FeedWriter {
    feed: Arc<Feed>,
    last: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Recent {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
}

impl FeedWriter {
    /// A feed of a session whose log ends at `last`.
    pub(crate) fn new(last: u64) -> Self {
        let (sender, receiver) = watch::channel(last);
        let feed = Feed { recent: Mutex::new(Recent::default()), last: receiver };
        Self { feed: Arc::new(feed), last: sender }
    }

    pub(crate) fn feed(&self) -> Arc<Feed> {
        Arc::clone(&self.feed)
    }

    /// Shows frames that are committed.
    pub(crate) fn publish(&self, frames: Vec<Frame>) {
        let Some(last) = frames.last().map(|frame| frame.sequence) else { return };
        {
            let mut recent = self.feed.recent.lock().unwrap_or_else(PoisonError::into_inner);
            for frame in frames {
                recent.bytes += frame.data.len();
                recent.frames.push_back(Arc::new(frame));
            }
            while recent.frames.len() > RECENT_FRAMES_MAX || recent.bytes > RECENT_BYTES_MAX {
                let Some(oldest) = recent.frames.pop_front() else { break };
                recent.bytes -= oldest.data.len();
            }
        }
        self.last.send_replace(last);
    }

    /// Forgets the recent frames if nobody reads: an idle session is small.
    pub(crate) fn rest(&self) {
        // The feed itself holds one receiver.
        if self.last.receiver_count() <= 1 {
            *self.feed.recent.lock().unwrap_or_else(PoisonError::into_inner) = Recent::default();
        }
    }
}

impl Feed {
    /// The recent frames behind `after`; `None` if some of them are only in the store.
    fn recent_after(&self, after: u64) -> Option<Vec<Arc<Frame>>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = recent.frames.front()?;
        if oldest.sequence - u64::from(oldest.width) > after {
            return None;
        }
        let first = recent.frames.partition_point(|frame| frame.sequence <= after);
        Some(recent.frames.range(first..).map(Arc::clone).collect())
    }
}

/// What a reader comes to next.
#[derive(Debug, Clone)]
pub(crate) enum Read {
    Frame(Arc<Frame>),
    /// What stood before this sequence number and behind the last is not there any more.
    Gap {
        from: u64,
    },
}

/// Reads a session's frames in order, from any place, for as long as its driver lives.
#[derive(Debug)]
pub(crate) struct Reader {
    feed: Arc<Feed>,
    last: watch::Receiver<u64>,
    store: Store,
    key: i64,
    after: u64,
    ahead: VecDeque<Read>,
}

impl Reader {
    pub(crate) fn new(feed: Arc<Feed>, store: Store, key: i64, after: u64) -> Self {
        let last = feed.last.clone();
        Self { feed, last, store, key, after, ahead: VecDeque::new() }
    }

    /// The last sequence number that there is now.
    pub(crate) fn last(&self) -> u64 {
        *self.last.borrow()
    }

    /// Goes to another place.
    pub(crate) fn seek(&mut self, after: u64) {
        self.after = after;
        self.ahead.clear();
    }

    /// What comes next; `None` once the driver has left and everything was read.
    pub(crate) async fn next(&mut self) -> Result<Option<Read>, StoreError> {
        loop {
            if let Some(read) = self.step() {
                return Ok(Some(read));
            }
            let last = *self.last.borrow_and_update();
            if last > self.after {
                self.fill(last).await?;
            } else if self.last.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// What comes next if it is in memory.
    pub(crate) fn next_at_hand(&mut self) -> Option<Read> {
        if self.ahead.is_empty() && *self.last.borrow_and_update() > self.after {
            let recent = self.feed.recent_after(self.after)?;
            self.ahead.extend(recent.into_iter().map(Read::Frame));
        }
        self.step()
    }

    fn step(&mut self) -> Option<Read> {
        let read = self.ahead.pop_front()?;
        self.after = match &read {
            Read::Frame(frame) => frame.sequence,
            Read::Gap { from } => *from,
        };
        Some(read)
    }

    async fn fill(&mut self, last: u64) -> Result<(), StoreError> {
        if let Some(recent) = self.feed.recent_after(self.after) {
            self.ahead.extend(recent.into_iter().map(Read::Frame));
        }
        if self.ahead.is_empty() {
            let page =
                Page { after: self.after, limit: PAGE_FRAMES_MAX, bytes_max: PAGE_BYTES_MAX };
            let rows = self.store.frames(self.key, page).await?;
            if rows.is_empty() {
                self.ahead.push_back(Read::Gap { from: last });
            }
            let mut reached = self.after;
            for row in rows {
                let (sequence, width, turn, data) = (row.sequence, row.width, row.turn, row.data);
                // The number that was asked for may be one of the frame's own.
                let before = sequence - u64::from(width);
                if before > reached {
                    self.ahead.push_back(Read::Gap { from: before });
                }
                reached = sequence;
                match FrameKind::from_number(row.kind) {
                    Some(kind) => {
                        let audience = None;
                        let frame = Frame { sequence, width, turn, kind, audience, data };
                        self.ahead.push_back(Read::Frame(Arc::new(frame)));
                    }
                    // Of a newer version: there, but not to be shown.
                    None => self.after = self.after.max(reached),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn frame(sequence: u64) -> Frame {
        let data = Bytes::from_static(b"{}");
        Frame { sequence, width: 1, turn: None, kind: FrameKind::Lifecycle, audience: None, data }
    }

    async fn numbers(reader: &mut Reader) -> Vec<(u64, bool)> {
        let mut numbers = Vec::new();
        while let Some(read) = reader.next().await.unwrap() {
            numbers.push(match read {
                Read::Frame(frame) => (frame.sequence, true),
                Read::Gap { from } => (from, false),
            });
        }
        numbers
    }

    /// A store whose log has the frames of these numbers, a kind each, whatever else was there.
    async fn stored(path: &std::path::Path, frames: &[(u64, u8)]) -> (Store, i64) {
        let store = Store::open(path).unwrap();
        store.close().await;
        let connection = rusqlite::Connection::open(path).unwrap();
        let session = "INSERT INTO sessions (key, id, tenant, agent_name, agent_version, digest, status,
            placeholder, created_at, last_active_at, options, environment)
            VALUES (1, '67e55044-10b1-426f-9247-bb680e5fe0c8', 'default', 'a', 1, '', 'active', '', 0, 0, '{}', '{}')";
        connection.execute(session, []).unwrap();
        for (sequence, kind) in frames {
            let sql = "INSERT INTO frames VALUES (1, ?1, 1, NULL, ?2, 0, x'7b7d')";
            connection.execute(sql, (sequence, kind)).unwrap();
        }
        drop(connection);
        (Store::open(path).unwrap(), 1)
    }

    #[tokio::test]
    async fn removed_frames_are_told_once_and_unknown_ones_never() {
        let folder = tempfile::tempdir().unwrap();
        let kind = FrameKind::Lifecycle as u8;
        let log = [(5, kind), (6, 200), (7, kind), (10, kind)];
        let (store, key) = stored(&folder.path().join("ash.db"), &log).await;
        let read = async |after| {
            let feed = FeedWriter::new(12).feed();
            numbers(&mut Reader::new(feed, store.clone(), key, after)).await
        };
        let tail = [(9, false), (10, true), (12, false)];
        assert_eq!(read(0).await, [&[(4, false), (5, true), (7, true)][..], &tail].concat());
        assert_eq!(read(4).await, [&[(5, true), (7, true)][..], &tail].concat());
        assert_eq!(read(5).await, [&[(7, true)][..], &tail].concat());
        assert_eq!(read(11).await, [(12, false)]);
    }

    #[tokio::test]
    async fn a_reader_is_served_from_memory_and_ends_with_the_writer() {
        let folder = tempfile::tempdir().unwrap();
        let (store, key) = stored(&folder.path().join("ash.db"), &[]).await;
        let writer = FeedWriter::new(0);
        let mut reader = Reader::new(writer.feed(), store, key, 0);
        writer.publish(vec![frame(1), frame(2)]);
        drop(writer);
        assert_eq!(numbers(&mut reader).await, [(1, true), (2, true)]);
    }
}
