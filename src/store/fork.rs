//! A session that begins as a copy of another: log, history, timeline, turns and transcript, up to
//! the end of a turn.

use super::database::{Connection, Optional as _, params};
use super::log::recount;
use super::writer::Terms;
use super::{Store, StoreError, usage};

/// Rows copied in one commit, and bytes of them: commits of other sessions wait for moments only.
const SLICE_ROWS: u64 = 512;
const SLICE_BYTES: u64 = 1 << 20;

/// A table that is copied in slices.
struct Sliced {
    /// With the parent, the last that was copied, the end, and the most rows: numbers and sizes.
    next: &'static str,
    /// With the parent, the child, and the numbers after and up to which is copied.
    copy: &'static str,
}

const SLICED: [Sliced; 4] = [
    Sliced {
        next: "SELECT sequence, length(data) FROM frames
            WHERE session_key = ?1 AND sequence > ?2 AND sequence <= ?3 ORDER BY sequence LIMIT ?4",
        copy: "INSERT INTO frames (session_key, sequence, width, turn, kind, at, data)
            SELECT ?2, sequence, width, turn, kind, at, data FROM frames
            WHERE session_key = ?1 AND sequence > ?3 AND sequence <= ?4",
    },
    Sliced {
        next: "SELECT sequence, 0 FROM messages
            WHERE session_key = ?1 AND sequence > ?2 AND frame <= ?3 ORDER BY sequence LIMIT ?4",
        copy: "INSERT INTO messages (session_key, sequence, role, frame)
            SELECT ?2, sequence, role, frame FROM messages
            WHERE session_key = ?1 AND sequence > ?3 AND sequence <= ?4",
    },
    Sliced {
        next: "SELECT sequence, 0 FROM timeline
            WHERE session_key = ?1 AND sequence > ?2 AND frame <= ?3 ORDER BY sequence LIMIT ?4",
        copy: "INSERT INTO timeline (session_key, sequence, part, kind, frame)
            SELECT ?2, sequence, part, kind, frame FROM timeline
            WHERE session_key = ?1 AND sequence > ?3 AND sequence <= ?4",
    },
    Sliced {
        next: "SELECT part, length(data) FROM transcripts
            WHERE session_key = ?1 AND part > ?2 AND frame <= ?3 ORDER BY part LIMIT ?4",
        copy: "INSERT INTO transcripts (session_key, part, frame, entry, bytes, data)
            SELECT ?2, part, frame, entry, bytes, data FROM transcripts
            WHERE session_key = ?1 AND part > ?3 AND part <= ?4",
    },
];

impl Store {
    /// Copies what session `from` has up to the end of `turn`, or all of it, to the new session
    /// `to`, which has nothing yet and is still being made: what fails leaves a part of it there.
    pub(crate) async fn copy_conversation(
        &self,
        from: i64,
        to: i64,
        turn: Option<u64>,
    ) -> Result<(), StoreError> {
        let end = self.read(move |connection| end_of(connection, from, turn)).await?;
        let end = match (end, turn) {
            (Some(end), _) => end,
            (None, Some(ordinal)) => return Err(StoreError::NoSuchTurn { ordinal }),
            (None, None) => return Err(StoreError::NoSuchSession),
        };
        for Sliced { next, copy } in SLICED {
            let mut after = 0;
            while let Some((upto, bytes)) =
                self.read(move |connection| slice(connection, next, from, after, end)).await?
            {
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                self.write(Terms { durable: false, bytes }, move |connection| {
                    connection.prepare_cached(copy)?.execute(params![from, to, after, upto])?;
                    Ok(())
                })
                .await?;
                after = upto;
            }
        }
        // Looked for by a reader: it goes through the whole log.
        let turns = self.read(move |connection| turns_until(connection, from, end)).await?;
        let terms = Terms { durable: true, bytes: 0 };
        self.write(terms, move |connection| conclude(connection, from, to, &turns)).await
    }

    /// Whether something is stored of the session's transcript up to the end of `turn`.
    pub(crate) async fn has_transcript(&self, key: i64, turn: u64) -> Result<bool, StoreError> {
        self.read(move |connection| {
            let Some(end) = end_of(connection, key, Some(turn))? else { return Ok(false) };
            let found = connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM transcripts
                        WHERE session_key = ?1 AND frame <= ?2 AND entry IS NOT NULL AND bytes > 0)",
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

/// The last number of the next slice, and its bytes; `None` behind the last.
fn slice(
    connection: &Connection,
    next: &str,
    from: i64,
    after: u64,
    end: u64,
) -> Result<Option<(u64, u64)>, StoreError> {
    let mut statement = connection.prepare_cached(next)?;
    let mut rows = statement.query(params![from, after, end, SLICE_ROWS])?;
    let mut slice: Option<(u64, u64)> = None;
    while let Some(row) = rows.next()? {
        let (number, size): (u64, u64) = (row.get(0)?, row.get(1)?);
        let bytes = slice.map_or(0, |(_, bytes)| bytes) + size;
        if slice.is_some() && bytes > SLICE_BYTES {
            break;
        }
        slice = Some((number, bytes));
    }
    Ok(slice)
}

/// The turns that ended, of which the log has something up to `end`. One that still waits is the
/// parent's own.
fn turns_until(connection: &Connection, from: i64, end: u64) -> Result<Vec<u64>, StoreError> {
    let turns = connection
        .prepare_cached(
            "SELECT ordinal FROM turns WHERE session_key = ?1 AND ended_at IS NOT NULL
                AND ordinal IN (SELECT turn FROM frames WHERE session_key = ?1 AND sequence <= ?2)",
        )?
        .query_map(params![from, end], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(turns)
}

fn conclude(connection: &Connection, from: i64, to: i64, turns: &[u64]) -> Result<(), StoreError> {
    for turn in turns {
        connection
            .prepare_cached(
                "INSERT INTO turns (session_key, ordinal, id, state, created_at, started_at,
                    ended_at, begins_after)
                 SELECT ?2, ordinal, id, state, created_at, started_at, ended_at, begins_after
                 FROM turns WHERE session_key = ?1 AND ordinal = ?3",
            )?
            .execute(params![from, to, turn])?;
    }
    usage::fork(connection, from, to)?;
    super::attachments::copy(connection, from, to)?;
    recount(connection, to)
}
