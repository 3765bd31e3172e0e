//! The conversations as the CLI keeps them: parts of its transcript, in their order.

use super::database::{Connection, Optional as _, params};
use super::record::{NewTranscript, StoredTranscript, TranscriptPart};
use super::{Store, StoreError, row};

/// Most that is kept of one transcript, in bytes before compression. The log grows beyond it; a
/// conversation of this size is beyond what any model reads.
const TRANSCRIPT_BYTES_MAX: u64 = 128 << 20;

/// Nothing, in zstd.
const NOTHING: &[u8] = b"\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00";

impl Store {
    /// What is stored of the session's transcript. Reads all of its parts' rows: asked once by who
    /// then counts on.
    pub(crate) async fn transcript(&self, key: i64) -> Result<StoredTranscript, StoreError> {
        self.read(move |connection| {
            let beginning = beginning(connection, key)?;
            let (begins, conversation) =
                beginning.map_or((0, None), |(part, name)| (part, Some(name)));
            let bytes = connection
                .prepare_cached(
                    "SELECT coalesce(sum(bytes), 0) FROM transcripts WHERE session_key = ?1",
                )?
                .query_row([key], |row| row.get(0))?;
            let end = connection
                .prepare_cached(
                    "SELECT entry FROM transcripts
                     WHERE session_key = ?1 AND part > ?2 AND entry IS NOT NULL
                     ORDER BY part DESC LIMIT 1",
                )?
                .query_row(params![key, begins], |row| row.get(0))
                .optional()?;
            Ok(StoredTranscript { begins, conversation, bytes, end })
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

/// Where another conversation than the session's first begins, the last one, and its name: a part without
/// content, whose entry is that name.
fn beginning(connection: &Connection, key: i64) -> Result<Option<(u64, String)>, StoreError> {
    let beginning = connection
        .prepare_cached(
            "SELECT part, entry FROM transcripts WHERE session_key = ?1 AND bytes = 0
             ORDER BY part DESC LIMIT 1",
        )?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(beginning)
}

/// Appends a part, unless the transcript becomes too large with it, and counts it to what is `stored`.
pub(super) fn insert(
    connection: &Connection,
    key: i64,
    frame: u64,
    stored: &mut StoredTranscript,
    transcript: &NewTranscript,
) -> Result<(), StoreError> {
    stored.bytes = stored.bytes.saturating_add(transcript.bytes);
    if stored.bytes > TRANSCRIPT_BYTES_MAX {
        return Ok(());
    }
    let conversation = transcript.conversation.as_ref();
    // What is stored could not be read, perhaps: a second beginning would lose what came before it.
    if conversation.is_some()
        && conversation != stored.conversation.as_ref()
        && conversation != beginning(connection, key)?.map(|(_part, name)| name).as_ref()
    {
        stored.conversation = conversation.cloned();
        connection.prepare_cached(INSERT)?.execute(params![
            key,
            frame,
            conversation,
            0,
            NOTHING
        ])?;
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
