//! The conversations as the CLI keeps them: parts of its transcript, in their order.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::record::{NewTranscript, TranscriptPart};
use super::{Store, StoreError, row};

/// Most that is kept of one transcript, in bytes before compression. The log grows beyond it; a
/// conversation of this size is beyond what any model reads.
const TRANSCRIPT_BYTES_MAX: u64 = 128 << 20;

impl Store {
    /// The id of the last entry that is stored of the session's transcript.
    pub(crate) async fn transcript_end(&self, key: i64) -> Result<Option<String>, StoreError> {
        self.read(move |connection| {
            let end = connection
                .prepare_cached(
                    "SELECT entry FROM transcripts WHERE session_key = ?1 AND entry IS NOT NULL
                     ORDER BY part DESC LIMIT 1",
                )?
                .query_row([key], |row| row.get(0))
                .optional()?;
            Ok(end)
        })
        .await
    }

    /// Bytes that are stored of the session's transcript, before compression. Reads all of its parts'
    /// rows: asked once by who then counts on.
    pub(crate) async fn transcript_bytes(&self, key: i64) -> Result<u64, StoreError> {
        self.read(move |connection| {
            let bytes = connection
                .prepare_cached(
                    "SELECT coalesce(sum(bytes), 0) FROM transcripts WHERE session_key = ?1",
                )?
                .query_row([key], |row| row.get(0))?;
            Ok(bytes)
        })
        .await
    }

    /// The next part behind `after`.
    pub(crate) async fn transcript_part(
        &self,
        key: i64,
        after: u64,
    ) -> Result<Option<TranscriptPart>, StoreError> {
        self.read(move |connection| {
            let part = connection
                .prepare_cached(
                    "SELECT part, bytes, data FROM transcripts
                     WHERE session_key = ?1 AND part > ?2 ORDER BY part LIMIT 1",
                )?
                .query_row(params![key, after], |row| {
                    Ok(TranscriptPart {
                        part: row.get(0)?,
                        bytes: row.get(1)?,
                        data: row::bytes(row, 2)?,
                    })
                })
                .optional()?;
            Ok(part)
        })
        .await
    }
}

/// One look at the end of the key, however many parts there are.
pub(super) const INSERT: &str =
    "INSERT INTO transcripts (session_key, part, frame, entry, bytes, data)
    SELECT ?1, coalesce(max(part), 0) + 1, ?2, ?3, ?4, ?5 FROM transcripts WHERE session_key = ?1";

/// Appends a part, unless the transcript becomes too large with it; `before` bytes of it are stored.
pub(super) fn insert(
    connection: &Connection,
    key: i64,
    frame: u64,
    before: u64,
    transcript: &NewTranscript,
) -> Result<(), StoreError> {
    if before.saturating_add(transcript.bytes) > TRANSCRIPT_BYTES_MAX {
        return Ok(());
    }
    connection.prepare_cached(INSERT)?.execute(params![
        key,
        frame,
        transcript.entry,
        transcript.bytes,
        &*transcript.data
    ])?;
    Ok(())
}
