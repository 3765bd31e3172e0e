//! Removes events that nobody needs any more from turns that completed a while ago. What was removed
//! leaves a row in its place, as wide as it was: numbers keep no gaps, and a reader is told.

use super::database::{self, Connection, params};
use super::writer::Terms;
use super::{Store, StoreError};
use crate::clock::Timestamp;

/// Rows that are looked at, and replaced, in one commit: those of other sessions wait for moments only.
const SLICE_ROWS: u32 = 1_000;

/// Turns that are listed at once.
const TURNS_LISTED: u32 = 500;

/// Judges a row by its kind and its content: whether it may be removed.
pub(crate) type Dispensable = fn(u8, &[u8]) -> bool;

/// What becomes of rows that are removed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pruning {
    /// Of turns that ended from then on. Those before were looked through.
    pub(crate) since: Timestamp,
    /// Of turns that ended before.
    pub(crate) before: Timestamp,
    pub(crate) dispensable: Dispensable,
    /// The kind of the row that stands in their place.
    pub(crate) kind: u8,
    /// The kind of a turn's last row.
    pub(crate) done: u8,
}

/// What a pruning removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pruned {
    pub(crate) turns: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// A turn whose rows are looked through.
#[derive(Debug, Clone, Copy)]
struct Looked {
    key: i64,
    ordinal: u64,
    begins_after: u64,
}

/// Consecutive rows that go: behind `after`, up to `last`.
#[derive(Debug, Clone, Copy)]
struct Run {
    after: u64,
    last: u64,
    at: i64,
    rows: u64,
    bytes: u64,
}

/// Some rows of a turn.
struct Slice {
    runs: Vec<Run>,
    /// The last number that was looked at.
    last: u64,
    /// The turn has no row behind it.
    is_last: bool,
}

impl Store {
    /// Looks through turns that *completed*: what was said of a message that never became whole is all
    /// there is of it. Each commit is whole: it may be given up anywhere, and done again.
    pub(crate) async fn prune(&self, pruning: Pruning) -> Result<Pruned, StoreError> {
        let (mut sum, mut last) = (Pruned::default(), (0, 0));
        loop {
            let turns = self.read(move |connection| listed(connection, last, pruning)).await?;
            let Some(end) = turns.last() else { return Ok(sum) };
            last = (end.key, end.ordinal);
            for turn in turns {
                let before = sum.rows;
                self.prune_turn(turn, pruning, &mut sum).await?;
                sum.turns += u64::from(sum.rows > before);
            }
        }
    }

    async fn prune_turn(
        &self,
        turn: Looked,
        pruning: Pruning,
        sum: &mut Pruned,
    ) -> Result<(), StoreError> {
        let mut after = turn.begins_after;
        loop {
            let looked = move |connection: &Connection| slice(connection, turn, after, pruning);
            let Slice { runs, last, is_last } = self.read(looked).await?;
            sum.rows += runs.iter().map(|run| run.rows).sum::<u64>();
            sum.bytes += runs.iter().map(|run| run.bytes).sum::<u64>();
            if !runs.is_empty() {
                self.write(Terms::default(), move |connection| {
                    runs.iter().try_for_each(|run| replace(connection, turn, pruning.kind, run))
                })
                .await?;
            }
            if is_last {
                return Ok(());
            }
            after = last;
        }
    }
}

/// Completed turns behind the last that was listed, in the order of their keys.
fn listed(
    connection: &Connection,
    (key, ordinal): (i64, u64),
    pruning: Pruning,
) -> Result<Vec<Looked>, StoreError> {
    let turns = connection
        .prepare_cached(
            "SELECT session_key, ordinal, coalesce(begins_after, 0) FROM turns
             WHERE (session_key, ordinal) > (?1, ?2) AND state = 'completed'
                AND ended_at >= ?3 AND ended_at < ?4
             ORDER BY session_key, ordinal LIMIT ?5",
        )?
        .query_map(
            params![
                key,
                ordinal,
                pruning.since.as_millis(),
                pruning.before.as_millis(),
                TURNS_LISTED
            ],
            |row| Ok(Looked { key: row.get(0)?, ordinal: row.get(1)?, begins_after: row.get(2)? }),
        )?
        .collect::<Result<_, _>>()?;
    Ok(turns)
}

fn slice(
    connection: &Connection,
    turn: Looked,
    after: u64,
    pruning: Pruning,
) -> Result<Slice, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, width, turn, kind, at, data FROM frames
         WHERE session_key = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
    )?;
    let mut rows = statement.query(params![turn.key, after, SLICE_ROWS])?;
    let mut slice = Slice { runs: Vec::new(), last: after, is_last: true };
    while let Some(row) = rows.next()? {
        slice.is_last = false;
        let (sequence, width, of): (u64, u64, Option<u64>) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let kind = row.get(3)?;
        let data = row.get_ref(5)?.as_blob().map_err(database::Error::from)?;
        let (before, is_of_turn) = (slice.last, of == Some(turn.ordinal));
        slice.last = sequence;
        if is_of_turn && kind == pruning.done {
            slice.is_last = true;
            break;
        }
        if !is_of_turn || !(pruning.dispensable)(kind, data) {
            continue;
        }
        let (at, bytes) = (row.get(4)?, data.len() as u64);
        if let Some(run) = slice.runs.last_mut().filter(|run| run.last == before) {
            (run.last, run.at, run.rows, run.bytes) =
                (sequence, at, run.rows + 1, run.bytes + bytes);
        } else {
            let after = sequence - width;
            slice.runs.push(Run { after, last: sequence, at, rows: 1, bytes });
        }
    }
    Ok(slice)
}

fn replace(connection: &Connection, turn: Looked, kind: u8, run: &Run) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM frames WHERE session_key = ?1 AND sequence > ?2 AND sequence <= ?3",
        )?
        .execute(params![turn.key, run.after, run.last])?;
    connection
        .prepare_cached(
            "INSERT INTO frames (session_key, sequence, width, turn, kind, at, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            turn.key,
            run.last,
            run.last - run.after,
            turn.ordinal,
            kind,
            run.at,
            &b""[..],
        ])?;
    Ok(())
}
