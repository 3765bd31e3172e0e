//! The queue of a session: turns that wait and the one that runs. A turn moves on with the
//! append that reports it ([`super::log`]).

use rusqlite::{Connection, params};

use super::log::counters;
use super::record::{NewTurn, TurnRecord, TurnState};
use super::writer::Terms;
use super::{Series, Store, StoreError, row};
use crate::clock::Timestamp;

impl Store {
    /// Puts a turn at the end of the queue. One that begins at once comes with its first frames
    /// instead, in one [`Store::append`].
    pub(crate) async fn enqueue_turn(&self, key: i64, turn: NewTurn) -> Result<(), StoreError> {
        let terms = Terms { durable: false, bytes: turn.request.len() };
        self.write(terms, move |connection| enqueue(connection, key, &turn)).await
    }

    /// The turns that are queued or run, in their order.
    pub(crate) async fn pending_turns(&self, key: i64) -> Result<Vec<TurnRecord>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT t.id, t.ordinal, t.state, r.request, t.created_at, t.started_at,
                    t.ended_at
                 FROM turn_requests r JOIN turns t USING (session_key, ordinal)
                 WHERE r.session_key = ?1 ORDER BY r.ordinal",
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
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(turns)
        })
        .await
    }
}

pub(super) fn enqueue(connection: &Connection, key: i64, turn: &NewTurn) -> Result<(), StoreError> {
    let NewTurn { id, ordinal, request, at } = turn;
    let expected = counters(connection, key)?.turn + 1;
    if *ordinal != expected {
        return Err(StoreError::Gap { series: Series::Turn, expected, found: *ordinal });
    }
    connection
        .prepare_cached("UPDATE progress SET turn = ?2 WHERE session_key = ?1")?
        .execute(params![key, ordinal])?;
    connection
        .prepare_cached(
            "INSERT INTO turns (session_key, ordinal, id, state, created_at)
             VALUES (?1, ?2, ?3, 'queued', ?4)",
        )?
        .execute(params![key, ordinal, id.to_string(), at.as_millis()])?;
    connection
        .prepare_cached(
            "INSERT INTO turn_requests (session_key, ordinal, request)
             VALUES (?1, ?2, ?3)",
        )?
        .execute(params![key, ordinal, request])?;
    Ok(())
}

/// Moves a pending turn on; with its end its request is forgotten.
pub(super) fn move_turn(
    connection: &Connection,
    key: i64,
    ordinal: u64,
    state: TurnState,
    at: Timestamp,
) -> Result<(), StoreError> {
    let at = at.as_millis();
    let moved = connection
        .prepare_cached(
            "UPDATE turns SET state = ?3,
                started_at = CASE WHEN ?3 = 'running' THEN coalesce(started_at, ?4)
                    ELSE started_at END,
                ended_at = CASE WHEN ?5 THEN ?4 END
             WHERE session_key = ?1 AND ordinal = ?2 AND state IN ('queued', 'running')",
        )?
        .execute(params![key, ordinal, state.as_str(), at, state.is_final()])?;
    if moved == 0 {
        return Err(StoreError::NoSuchTurn { ordinal });
    }
    if state.is_final() {
        connection
            .prepare_cached("DELETE FROM turn_requests WHERE session_key = ?1 AND ordinal = ?2")?
            .execute(params![key, ordinal])?;
    }
    Ok(())
}
