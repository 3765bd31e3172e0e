//! The queue of a session: turns that wait and the one that runs. A turn moves on with the
//! append that reports it ([`super::log`]).

use super::database::{self, Connection, Optional as _, Row, params};
use super::log::counters;
use super::record::{Idempotency, KnownTurn, NewTurn, TurnRecord, TurnState};
use super::writer::Terms;
use super::{Series, Store, StoreError, outbox, row};
use crate::clock::Timestamp;
use crate::id::TurnId;

/// Keys of one session that are remembered: those of its last turns. A client that retries does
/// so within minutes.
const KEYS_MAX: u64 = 1_000;

const KNOWN: &str = "SELECT t.id, t.ordinal, t.state, coalesce(t.begins_after, 0)";

impl Store {
    /// Puts a turn at the end of the queue. One that begins at once comes with its first frames
    /// instead, in one [`Store::append`].
    pub(crate) async fn enqueue_turn(&self, key: i64, turn: NewTurn) -> Result<(), StoreError> {
        let terms = Terms { durable: false, bytes: turn.request.len() };
        self.write(terms, move |connection| enqueue(connection, key, &turn)).await
    }

    /// The turns that are queued or run, in the order in which they come.
    pub(crate) async fn pending_turns(&self, key: i64) -> Result<Vec<TurnRecord>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT t.id, t.ordinal, t.state, r.request, t.created_at, t.started_at,
                    t.ended_at, t.begins_after
                 FROM turn_requests r JOIN turns t USING (session_key, ordinal)
                 WHERE r.session_key = ?1 ORDER BY r.place DESC, r.ordinal",
            )?;
            let turns = statement
                .query_map([key], |row| {
                    Ok(TurnRecord {
                        id: row::parsed(row, 0)?,
                        ordinal: row.get(1)?,
                        state: row::word(row, 2, TurnState::parse)?,
                        request: row.get(3)?,
                        created_at: row::timestamp(row, 4)?,
                        started_at: row::maybe_timestamp(row, 5)?,
                        ended_at: row::maybe_timestamp(row, 6)?,
                        begins_after: row.get(7)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(turns)
        })
        .await
    }

    /// A turn of the session by its id.
    pub(crate) async fn turn(&self, key: i64, id: TurnId) -> Result<Option<KnownTurn>, StoreError> {
        self.read(move |connection| {
            let sql = format!("{KNOWN} FROM turns t WHERE t.session_key = ?1 AND t.id = ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            Ok(statement.query_row(params![key, id.to_string()], known).optional()?)
        })
        .await
    }

    /// The turn that runs.
    pub(crate) async fn running_turn(&self, key: i64) -> Result<Option<KnownTurn>, StoreError> {
        self.read(move |connection| {
            let sql = format!(
                "{KNOWN} FROM turn_requests r JOIN turns t USING (session_key, ordinal)
                 WHERE r.session_key = ?1 AND t.state = 'running'"
            );
            Ok(connection.prepare_cached(&sql)?.query_row([key], known).optional()?)
        })
        .await
    }

    /// The turn that came with the key, and the digest of its request.
    pub(crate) async fn turn_of_key(
        &self,
        key: i64,
        idempotency: &str,
    ) -> Result<Option<(KnownTurn, [u8; 32])>, StoreError> {
        let idempotency = idempotency.to_owned();
        self.read(move |connection| {
            let sql = format!(
                "{KNOWN}, k.digest FROM idempotency_keys k JOIN turns t USING (session_key, ordinal)
                 WHERE k.session_key = ?1 AND k.key = ?2"
            );
            let found = connection
                .prepare_cached(&sql)?
                .query_row(params![key, idempotency], |row| Ok((known(row)?, row.get(4)?)))
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// Lets a turn that waits run before all others that wait.
    pub(crate) async fn put_first(&self, key: i64, ordinal: u64) -> Result<(), StoreError> {
        self.write(Terms::default(), move |connection| {
            let moved = connection
                .prepare_cached(
                    "UPDATE turn_requests SET place = 1 +
                        (SELECT max(place) FROM turn_requests WHERE session_key = ?1)
                     WHERE session_key = ?1 AND ordinal = ?2",
                )?
                .execute(params![key, ordinal])?;
            if moved == 0 { Err(StoreError::NoSuchTurn { ordinal }) } else { Ok(()) }
        })
        .await
    }

    /// Forgets the keys that were used before the moment; says how many.
    pub(crate) async fn forget_keys(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.write(Terms::default(), move |connection| {
            let forgotten = connection
                .prepare_cached("DELETE FROM idempotency_keys WHERE created_at < ?1")?
                .execute([before.as_millis()])?;
            Ok(forgotten)
        })
        .await
    }
}

fn known(row: &Row<'_>) -> database::Result<KnownTurn> {
    Ok(KnownTurn {
        id: row::parsed(row, 0)?,
        ordinal: row.get(1)?,
        state: row::word(row, 2, TurnState::parse)?,
        begins_after: row.get(3)?,
    })
}

fn remember(
    connection: &Connection,
    key: i64,
    ordinal: u64,
    idempotency: &Idempotency,
    at: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM idempotency_keys WHERE session_key = ?1 AND ordinal <= ?2")?
        .execute(params![key, ordinal.saturating_sub(KEYS_MAX)])?;
    connection
        .prepare_cached(
            "INSERT INTO idempotency_keys (session_key, key, ordinal, digest, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![key, idempotency.key, ordinal, idempotency.digest, at.as_millis()])?;
    Ok(())
}

pub(super) fn enqueue(connection: &Connection, key: i64, turn: &NewTurn) -> Result<(), StoreError> {
    let NewTurn { id, ordinal, request, at, idempotency } = turn;
    let last = counters(connection, key)?;
    let expected = last.turn + 1;
    if *ordinal != expected {
        return Err(StoreError::Gap { series: Series::Turn, expected, found: *ordinal });
    }
    connection
        .prepare_cached("UPDATE progress SET turn = ?2 WHERE session_key = ?1")?
        .execute(params![key, ordinal])?;
    connection
        .prepare_cached(
            "INSERT INTO turns (session_key, ordinal, id, state, created_at, begins_after)
             VALUES (?1, ?2, ?3, 'queued', ?4, ?5)",
        )?
        .execute(params![key, ordinal, id.to_string(), at.as_millis(), last.frame])?;
    connection
        .prepare_cached(
            "INSERT INTO turn_requests (session_key, ordinal, request)
             VALUES (?1, ?2, ?3)",
        )?
        .execute(params![key, ordinal, request])?;
    match idempotency {
        Some(idempotency) => remember(connection, key, *ordinal, idempotency, *at),
        None => Ok(()),
    }
}

/// Moves a pending turn on, of which the log ended at `begins_after` before; with its end its
/// request is forgotten.
pub(super) fn move_turn(
    connection: &Connection,
    key: i64,
    ordinal: u64,
    state: TurnState,
    at: Timestamp,
    begins_after: u64,
) -> Result<(), StoreError> {
    let (moment, at) = (at, at.as_millis());
    let moved = connection
        .prepare_cached(
            "UPDATE turns SET state = ?3,
                started_at = CASE WHEN ?3 = 'running' THEN coalesce(started_at, ?4)
                    ELSE started_at END,
                begins_after = CASE WHEN ?3 = 'running' AND started_at IS NULL THEN ?6
                    ELSE begins_after END,
                ended_at = CASE WHEN ?5 = 1 THEN ?4 END
             WHERE session_key = ?1 AND ordinal = ?2 AND state IN ('queued', 'running')",
        )?
        .execute(params![key, ordinal, state.as_str(), at, state.is_final(), begins_after])?;
    if moved == 0 {
        return Err(StoreError::NoSuchTurn { ordinal });
    }
    if state.is_final() {
        connection
            .prepare_cached("DELETE FROM turn_requests WHERE session_key = ?1 AND ordinal = ?2")?
            .execute(params![key, ordinal])?;
        outbox::turn_ended(connection, key, ordinal, state, moment)?;
    }
    Ok(())
}
