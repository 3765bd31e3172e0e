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
        Some(recent.frames.iter().filter(|frame| frame.sequence > after).map(Arc::clone).collect())
    }
}

/// Reads a session's frames in order, from any place, for as long as its driver lives.
#[derive(Debug)]
pub(crate) struct Reader {
    feed: Arc<Feed>,
    last: watch::Receiver<u64>,
    store: Store,
    key: i64,
    after: u64,
    ahead: VecDeque<Arc<Frame>>,
}

impl Reader {
    pub(crate) fn new(feed: Arc<Feed>, store: Store, key: i64, after: u64) -> Self {
        let last = feed.last.clone();
        Self { feed, last, store, key, after, ahead: VecDeque::new() }
    }

    /// The next frame; `None` once the driver has left and everything was read.
    pub(crate) async fn next(&mut self) -> Result<Option<Arc<Frame>>, StoreError> {
        loop {
            if let Some(frame) = self.ahead.pop_front() {
                self.after = frame.sequence;
                return Ok(Some(frame));
            }
            let last = *self.last.borrow_and_update();
            if last > self.after {
                self.fill().await?;
            } else if self.last.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    async fn fill(&mut self) -> Result<(), StoreError> {
        if let Some(recent) = self.feed.recent_after(self.after) {
            self.ahead.extend(recent);
        }
        if self.ahead.is_empty() {
            let page =
                Page { after: self.after, limit: PAGE_FRAMES_MAX, bytes_max: PAGE_BYTES_MAX };
            let rows = self.store.frames(self.key, page).await?;
            self.ahead.extend(rows.into_iter().filter_map(|row| {
                let kind = FrameKind::from_number(row.kind)?;
                let (sequence, width, turn, data) = (row.sequence, row.width, row.turn, row.data);
                Some(Arc::new(Frame { sequence, width, turn, kind, data }))
            }));
            if self.ahead.is_empty() {
                // Nothing readable up to there, e.g. a kind of a newer version: go on behind it.
                self.after = *self.last.borrow();
            }
        }
        Ok(())
    }
}
