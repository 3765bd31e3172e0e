//! The conversation as the CLI keeps it: stored as the CLI tells it, and given back to a new
//! sandbox whose home lacks it or has less of it.

use std::cell::RefCell;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use zstd::bulk::Compressor;

use super::driver::Driver;
use crate::bridge::protocol::RESTORE_CHUNK_BYTES;
use crate::session::transcript::Entries;
use crate::store::NewTranscript;

/// Compresses well enough, at 300 MB a second: a first turn has 256 KiB, a tenth of it after.
const LEVEL: i32 = 3;

/// Longest wait for a look into a transcript: it is one read of a local file.
const LOOK_DEADLINE: Duration = Duration::from_secs(30);

/// Bytes that are compressed at once: 0.1 ms, and another thread would first have to wake.
const AT_ONCE_BYTES_MAX: usize = 32 << 10;

thread_local! {
    /// To make one costs four times what it compresses in a turn, in time, and memory that comes and
    /// goes. Those who drive sessions are few threads.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// One part of what was told at once, compressed where waiting hurts nobody.
pub(super) async fn packed(told: Vec<Entries>) -> Option<NewTranscript> {
    let entries = Entries::joined(told)?;
    if entries.lines.len() <= AT_ONCE_BYTES_MAX {
        return COMPRESSOR.with_borrow_mut(|kept| {
            if kept.is_none() {
                *kept = Compressor::new(LEVEL).ok();
            }
            kept.as_mut().and_then(|compressor| pack(entries, compressor))
        });
    }
    let alone = || pack(entries, &mut Compressor::new(LEVEL).ok()?);
    tokio::task::spawn_blocking(alone).await.ok().flatten()
}

fn pack(entries: Entries, compressor: &mut Compressor<'_>) -> Option<NewTranscript> {
    let data = compressor.compress(&entries.lines).ok()?;
    let bytes = entries.lines.len() as u64;
    let Entries { conversation, last: entry, .. } = entries;
    Some(NewTranscript { conversation, entry, bytes, data: data.into() })
}

impl Driver {
    /// Before the first start of a CLI in a new sandbox, and before each behind a `/clear`, since when the
    /// conversation was in a file of another name: has a transcript there that is not shorter
    /// than what is stored. What fails is told to the log; the CLI then says what it lacks.
    pub(super) async fn restore_conversation(&mut self) {
        let Some(live) = self.live.as_mut() else { return };
        let is_fresh = std::mem::take(&mut live.fresh);
        let sender = live.sender.clone();
        let session = self.record.id;
        let stored = match self.host.store.transcript(self.record.key).await {
            Ok(stored) if is_fresh || stored.conversation.is_some() => stored,
            Ok(_) => return,
            Err(error) => {
                return tracing::warn!(%session, %error, "could not read the stored conversation");
            }
        };
        let Some(end) = stored.end else {
            if stored.conversation.is_some()
                && let Err(error) = sender.restore(true, Bytes::new()).await
            {
                tracing::warn!(%session, %error, "the conversation could not be cleared");
            }
            return;
        };
        match timeout(LOOK_DEADLINE, sender.has_entry(session.to_string(), end)).await {
            Ok(Ok(true)) => return,
            Ok(Ok(false)) => {}
            Ok(Err(error)) => {
                return tracing::warn!(%session, %error, "could not look into the conversation");
            }
            Err(_elapsed) => {
                return tracing::warn!(%session, "a look into the conversation took too long");
            }
        }
        tracing::info!(%session, "the conversation is written again from what is stored");
        let (mut after, mut begins) = (stored.begins, true);
        loop {
            let part = match self.host.store.transcript_part(self.record.key, after).await {
                Ok(Some(part)) => part,
                Ok(None) => return,
                Err(error) => {
                    return tracing::warn!(%session, %error, "could not read the stored conversation");
                }
            };
            after = part.part;
            let unpack = move || {
                let bytes = usize::try_from(part.bytes).unwrap_or(usize::MAX);
                zstd::bulk::decompress(&part.data, bytes)
            };
            let Ok(Ok(lines)) = tokio::task::spawn_blocking(unpack).await else {
                return tracing::warn!(%session, "a part of the stored conversation is damaged");
            };
            let lines = Bytes::from(lines);
            for start in (0..lines.len()).step_by(RESTORE_CHUNK_BYTES) {
                let chunk = lines.slice(start..lines.len().min(start + RESTORE_CHUNK_BYTES));
                if let Err(error) = sender.restore(begins, chunk).await {
                    return tracing::warn!(%session, %error, "the conversation did not reach the sandbox");
                }
                begins = false;
            }
        }
    }
}
