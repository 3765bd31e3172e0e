//! The end of what a sandbox writes to standard error: read for ever, so that nobody inside is
//! stopped by a full pipe, kept in small, and slowly enough that a flood is the writer's problem.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Bytes kept: enough for a panic with its backtrace, small enough for a thousand sandboxes.
const KEPT_BYTES: usize = 8 << 10;

/// Most that is read per [`INTERVAL`]: 640 KiB/s costs next to nothing.
const READ_BYTES: usize = 64 << 10;
const INTERVAL: Duration = Duration::from_millis(100);

/// How long to wait for the last words of processes that are gone.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The last bytes of a stream.
#[derive(Debug)]
pub(super) struct Tail {
    kept: Arc<Mutex<VecDeque<u8>>>,
    ended: watch::Receiver<bool>,
}

impl Tail {
    /// Reads `from` to its end, in a task of its own.
    pub(super) fn of(from: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let (done, ended) = watch::channel(false);
        let target = Arc::clone(&kept);
        tokio::spawn(async move {
            drain(from, &target).await;
            done.send_replace(true);
        });
        Self { kept, ended }
    }

    /// The tail of a stream that cannot be read (any more).
    pub(super) fn empty() -> Self {
        Self::of(tokio::io::empty())
    }

    /// What was kept, once the stream has ended or will not.
    pub(super) async fn last_words(&self) -> String {
        let mut ended = self.ended.clone();
        // Without an end there is still what came so far.
        drop(timeout(LAST_WORDS, ended.wait_for(|ended| *ended)).await);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(kept.make_contiguous()).trim_end().to_owned()
    }
}

async fn drain(mut from: impl AsyncRead + Unpin, kept: &Mutex<VecDeque<u8>>) {
    let mut tick = interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut buffer = vec![0; KEPT_BYTES];
    let mut budget = READ_BYTES;
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(&buffer[..read]);
                let surplus = kept.len().saturating_sub(KEPT_BYTES);
                kept.drain(..surplus);
                budget = budget.saturating_sub(read);
            }
        }
        if budget == 0 {
            tick.tick().await;
            budget = READ_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn the_end_of_a_long_stream_is_kept() {
        let text = "x".repeat(3 * KEPT_BYTES) + "the end\n";
        let (mut writer, reader) = tokio::io::duplex(100);
        let tail = Tail::of(reader);
        writer.write_all(text.as_bytes()).await.unwrap();
        drop(writer);
        let words = tail.last_words().await;
        assert!(words.ends_with("xthe end"));
        assert!(words.len() <= KEPT_BYTES);
    }

    #[tokio::test]
    async fn a_flood_is_read_slowly() {
        let start = tokio::time::Instant::now();
        let tail = Tail::of(tokio::io::repeat(b'x').take(READ_BYTES as u64 * 4));
        let mut ended = tail.ended.clone();
        ended.wait_for(|ended| *ended).await.unwrap();
        assert!(start.elapsed() >= INTERVAL * 2, "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn a_stream_without_an_end_still_has_words() {
        let (mut writer, reader) = tokio::io::duplex(100);
        let tail = Tail::of(reader);
        writer.write_all(b"so far").await.unwrap();
        assert_eq!(tail.last_words().await, "so far");
    }
}
