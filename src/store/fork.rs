//! A session that begins as a copy of another: log, history, timeline, turns and transcript, up to
//! the end of a turn.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::writer::Terms;
use super::{Store, StoreError};

impl Store {
    /// Copies what session `from` has up to the end of `turn`, or all of it, to the new session
    /// `to`, which has nothing yet. All of it or nothing.
    pub(crate) async fn copy_conversation(
        &self,
        from: i64,
        to: i64,
        turn: Option<u64>,
    ) -> Result<(), StoreError> {
        let terms = Terms { durable: true, bytes: 0 };
        self.write(terms, move |connection| copy(connection, from, to, turn)).await
    }

    /// Whether something is stored of the session's transcript up to the end of `turn`.
    pub(crate) async fn has_transcript(&self, key: i64, turn: u64) -> Result<bool, StoreError> {
        self.read(move |connection| {
            let Some(end) = end_of(connection, key, Some(turn))? else { return Ok(false) };
            let found = connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM transcripts
                        WHERE session_key = ?1 AND frame <= ?2 AND entry IS NOT NULL)",
                )?
                .query_row(params![key, end], |row| row.get(0))?;
            Ok(found)
        })
        .await
    }
}

/// The last sequence number up to the end of the turn; `None` if that has not come.
fn end_of(connection: &Connection, key: i64, turn: Option<u64>) -> Result<Option<u64>, StoreError> {
    let end = match turn {
        None => connection
            .prepare_cached("SELECT frame FROM progress WHERE session_key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?,
        Some(turn) => connection
            .prepare_cached(
                "SELECT (SELECT max(sequence) FROM frames WHERE session_key = ?1 AND turn = ?2)
                 FROM turns WHERE session_key = ?1 AND ordinal = ?2 AND ended_at IS NOT NULL",
            )?
            .query_row(params![key, turn], |row| row.get(0))
            .optional()?
            .flatten(),
    };
    Ok(end)
}

fn copy(connection: &Connection, from: i64, to: i64, turn: Option<u64>) -> Result<(), StoreError> {
    let end = match (end_of(connection, from, turn)?, turn) {
        (Some(end), _) => end,
        (None, Some(ordinal)) => return Err(StoreError::NoSuchTurn { ordinal }),
        (None, None) => return Err(StoreError::NoSuchSession),
    };
    let bound = params![from, to, end];
    for sql in [
        "INSERT INTO frames (session_key, sequence, width, turn, kind, at, data)
         SELECT ?2, sequence, width, turn, kind, at, data FROM frames
         WHERE session_key = ?1 AND sequence <= ?3",
        "INSERT INTO messages (session_key, sequence, role, frame)
         SELECT ?2, sequence, role, frame FROM messages WHERE session_key = ?1 AND frame <= ?3",
        "INSERT INTO timeline (session_key, sequence, part, kind, frame)
         SELECT ?2, sequence, part, kind, frame FROM timeline
         WHERE session_key = ?1 AND frame <= ?3",
        "INSERT INTO transcripts (session_key, part, frame, entry, bytes, data)
         SELECT ?2, part, frame, entry, bytes, data FROM transcripts
         WHERE session_key = ?1 AND frame <= ?3",
        // Those that ran; one that still waits is the parent's own.
        "INSERT INTO turns (session_key, ordinal, id, state, created_at, started_at, ended_at,
            begins_after)
         SELECT ?2, ordinal, id, state, created_at, started_at, ended_at, begins_after FROM turns
         WHERE session_key = ?1 AND ended_at IS NOT NULL AND ordinal IN
            (SELECT turn FROM frames WHERE session_key = ?1 AND sequence <= ?3)
            AND ?2 IS NOT NULL",
        "UPDATE progress SET
            frame = coalesce((SELECT max(sequence) FROM frames WHERE session_key = ?2), 0),
            message = coalesce((SELECT max(sequence) FROM messages WHERE session_key = ?2), 0),
            timeline = coalesce((SELECT max(sequence) FROM timeline WHERE session_key = ?2), 0),
            turn = coalesce((SELECT max(ordinal) FROM turns WHERE session_key = ?2), 0)
         WHERE session_key = ?2 AND ?1 IS NOT NULL AND ?3 IS NOT NULL",
    ] {
        connection.prepare_cached(sql)?.execute(bound)?;
    }
    Ok(())
}
