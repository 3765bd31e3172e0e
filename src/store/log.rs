//! The log of a session: appended in one step, read by sequence number. Messages and the
//! timeline are two views of it; no content is stored twice.

use std::sync::Arc;

use super::database::{self, Connection, Optional as _, Row, Statement, ToSql, params};
use super::record::{
    Append, Counters, FrameRecord, MessageRecord, NewFrame, Page, Role, TimelineRecord,
};
use super::sessions::set_status;
use super::turns::{enqueue, move_turn};
use super::writer::Terms;
use super::{Series, Store, StoreError, outbox, row, session_logs, transcripts, usage};
use crate::session::frame::FrameKind;

impl Store {
    /// Stores one step of a session: all of it or nothing. The hot path.
    pub(crate) async fn append(&self, append: impl Into<Arc<Append>>) -> Result<(), StoreError> {
        let append = append.into();
        let terms = Terms { durable: append.durable, bytes: append.bytes() };
        self.write(terms, move |connection| perform(connection, &append)).await
    }

    /// The last number given of each series of the session.
    pub(crate) async fn counters(&self, key: i64) -> Result<Counters, StoreError> {
        self.read(move |connection| counters(connection, key)).await
    }

    /// The same of a session that has not ended, else [`StoreError::SessionEnded`].
    pub(crate) async fn live_counters(&self, key: i64) -> Result<Counters, StoreError> {
        self.read(move |connection| {
            let ended = connection
                .prepare_cached("SELECT status = 'ended' FROM sessions WHERE key = ?1")?
                .query_row([key], |row| row.get(0))
                .optional()?;
            if ended == Some(true) {
                Err(StoreError::SessionEnded)
            } else {
                counters(connection, key)
            }
        })
        .await
    }

    /// Rows whose last sequence number is above `page.after`.
    pub(crate) async fn frames(
        &self,
        key: i64,
        page: Page,
    ) -> Result<Vec<FrameRecord>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT sequence, width, turn, kind, at, data FROM frames
                 WHERE session_key = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
            )?;
            let bound = params![key, page.after, page.limit];
            collect(&mut statement, bound, page.bytes_max, |row| {
                let frame = frame(row, 0)?;
                let bytes = frame.data.len();
                Ok((frame, bytes))
            })
        })
        .await
    }

    /// Frames of one turn whose last sequence number is above `page.after`.
    pub(crate) async fn turn_frames(
        &self,
        key: i64,
        turn: u64,
        page: Page,
    ) -> Result<Vec<FrameRecord>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT sequence, width, turn, kind, at, data FROM frames
                 WHERE session_key = ?1 AND sequence > ?2 AND turn = ?4
                 ORDER BY sequence LIMIT ?3",
            )?;
            let bound = params![key, page.after, page.limit, turn];
            collect(&mut statement, bound, page.bytes_max, |row| {
                let frame = frame(row, 0)?;
                let bytes = frame.data.len();
                Ok((frame, bytes))
            })
        })
        .await
    }

    /// Frames of these kinds since the last turn began, whatever belongs to it.
    pub(crate) async fn recent_frames_of(
        &self,
        key: i64,
        kinds: [u8; 2],
        bytes_max: usize,
    ) -> Result<Vec<FrameRecord>, StoreError> {
        self.read(move |connection| {
            // Turns that were put first have run before others with smaller ordinals: what is
            // looked at begins a little earlier then.
            let mut statement = connection.prepare_cached(
                "SELECT sequence, width, turn, kind, at, data FROM frames
                 WHERE session_key = ?1 AND kind IN (?2, ?3) AND sequence > coalesce(
                    (SELECT begins_after FROM turns WHERE session_key = ?1
                     AND started_at IS NOT NULL ORDER BY ordinal DESC LIMIT 1), 0)
                 ORDER BY sequence",
            )?;
            let bound = params![key, kinds[0], kinds[1]];
            collect(&mut statement, bound, bytes_max, |row| {
                let frame = frame(row, 0)?;
                let bytes = frame.data.len();
                Ok((frame, bytes))
            })
        })
        .await
    }

    /// Messages whose own number is above `page.after`, each with its frame.
    pub(crate) async fn messages(
        &self,
        key: i64,
        page: Page,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        self.read(move |connection| {
            // CROSS JOIN keeps the order of the loops: along the messages, one look-up each.
            let mut statement = connection.prepare_cached(
                "SELECT m.sequence, m.role,
                    f.sequence, f.width, f.turn, f.kind, f.at, f.data
                 FROM messages m CROSS JOIN frames f
                    ON f.session_key = m.session_key AND f.sequence = m.frame
                 WHERE m.session_key = ?1 AND m.sequence > ?2 ORDER BY m.sequence LIMIT ?3",
            )?;
            let bound = params![key, page.after, page.limit];
            collect(&mut statement, bound, page.bytes_max, |row| {
                let frame = frame(row, 2)?;
                let bytes = frame.data.len();
                let sequence = row.get(0)?;
                let role = row::word(row, 1, Role::parse)?;
                Ok((MessageRecord { sequence, role, at: frame.at, frame }, bytes))
            })
        })
        .await
    }

    /// Entries of the timeline whose own number is above `page.after`, each with its frame.
    pub(crate) async fn timeline(
        &self,
        key: i64,
        page: Page,
        kind: Option<&str>,
    ) -> Result<Vec<TimelineRecord>, StoreError> {
        let kind = kind.map(str::to_owned);
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT t.sequence, t.part, t.kind,
                    f.sequence, f.width, f.turn, f.kind, f.at, f.data
                 FROM timeline t CROSS JOIN frames f
                    ON f.session_key = t.session_key AND f.sequence = t.frame
                 WHERE t.session_key = ?1 AND t.sequence > ?2 AND (t.kind = ?4 OR ?4 IS NULL)
                 ORDER BY t.sequence LIMIT ?3",
            )?;
            let bound = params![key, page.after, page.limit, kind];
            // Entries of one frame share its bytes.
            let mut last: Option<FrameRecord> = None;
            collect(&mut statement, bound, page.bytes_max, |row| {
                let (frame, bytes) = match &last {
                    Some(last) if last.sequence == row.get::<u64>(3)? => (last.clone(), 0),
                    _ => {
                        let frame = frame(row, 3)?;
                        let bytes = frame.data.len();
                        (frame, bytes)
                    }
                };
                last = Some(frame.clone());
                let (sequence, part, kind) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok((TimelineRecord { sequence, part, kind, at: frame.at, frame }, bytes))
            })
        })
        .await
    }
}

pub(super) fn counters(connection: &Connection, key: i64) -> Result<Counters, StoreError> {
    connection
        .prepare_cached(
            "SELECT frame, message, timeline, turn FROM progress WHERE session_key = ?1",
        )?
        .query_row([key], |row| {
            Ok(Counters {
                frame: row.get(0)?,
                message: row.get(1)?,
                timeline: row.get(2)?,
                turn: row.get(3)?,
            })
        })
        .optional()?
        .ok_or(StoreError::NoSuchSession)
}

fn perform(connection: &Connection, append: &Append) -> Result<(), StoreError> {
    if let Some(turn) = &append.accepted {
        enqueue(connection, append.key, turn)?;
    }
    let before = counters(connection, append.key)?;
    let mut last = before;
    for frame in &append.frames {
        last = advance(last, frame)?;
        insert(connection, append.key, frame)?;
        if frame.kind == FrameKind::PermissionAsked as u8 {
            outbox::permission_requested(connection, append.key, frame.at, &frame.data)?;
        }
    }
    connection
        .prepare_cached(
            "UPDATE progress SET frame = ?2, message = ?3, timeline = ?4,
                bridge_stored = coalesce(?5, bridge_stored)
             WHERE session_key = ?1",
        )?
        .execute(params![
            append.key,
            last.frame,
            last.message,
            last.timeline,
            append.bridge_stored
        ])?;
    let mut stored = append.transcript_before.clone();
    for transcript in &append.transcript {
        transcripts::insert(connection, append.key, last.frame, &mut stored, transcript)?;
    }
    session_logs::insert(connection, append.key, &append.logs)?;
    if let Some((ordinal, state, at)) = append.turn {
        move_turn(connection, append.key, ordinal, state, at, before.frame)?;
    }
    if let Some(used) = &append.usage {
        usage::insert(connection, append.key, used)?;
    }
    if let Some((status, at)) = append.status {
        set_status(connection, append.key, status, at)?;
    }
    if let Some(at) = append.last_active_at {
        connection
            .prepare_cached("UPDATE sessions SET last_active_at = ?2 WHERE key = ?1")?
            .execute(params![append.key, at.as_millis()])?;
    }
    Ok(())
}

/// Sets the counters to what is stored: rows came that no frame brought.
pub(super) fn recount(connection: &Connection, key: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE progress SET
                frame = coalesce((SELECT max(sequence) FROM frames WHERE session_key = ?1), 0),
                message = coalesce((SELECT max(sequence) FROM messages WHERE session_key = ?1), 0),
                timeline = coalesce((SELECT max(sequence) FROM timeline WHERE session_key = ?1), 0),
                turn = coalesce((SELECT max(ordinal) FROM turns WHERE session_key = ?1), 0)
             WHERE session_key = ?1",
        )?
        .execute([key])?;
    Ok(())
}

/// The counters after the frame, or which of its numbers leaves a gap or is taken.
fn advance(last: Counters, frame: &NewFrame) -> Result<Counters, StoreError> {
    let width = u64::from(frame.width);
    if width == 0 || frame.sequence != last.frame.saturating_add(width) {
        return Err(StoreError::Gap {
            series: Series::Frame,
            expected: last.frame.saturating_add(width.max(1)),
            found: frame.sequence,
        });
    }
    let mut next = Counters { frame: frame.sequence, ..last };
    if let Some((sequence, _)) = frame.message {
        next.message = follow(Series::Message, last.message, sequence)?;
    }
    for entry in &frame.timeline {
        next.timeline = follow(Series::Timeline, next.timeline, entry.sequence)?;
    }
    Ok(next)
}

fn follow(series: Series, last: u64, found: u64) -> Result<u64, StoreError> {
    let expected = last.saturating_add(1);
    if found == expected { Ok(found) } else { Err(StoreError::Gap { series, expected, found }) }
}

fn insert(connection: &Connection, key: i64, frame: &NewFrame) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO frames (session_key, sequence, width, turn, kind, at, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            key,
            frame.sequence,
            frame.width,
            frame.turn,
            frame.kind,
            frame.at.as_millis(),
            &*frame.data,
        ])?;
    if let Some((sequence, role)) = frame.message {
        connection
            .prepare_cached(
                "INSERT INTO messages (session_key, sequence, role, frame)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![key, sequence, role.as_str(), frame.sequence])?;
    }
    for entry in &frame.timeline {
        connection
            .prepare_cached(
                "INSERT INTO timeline (session_key, sequence, part, kind, frame)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![key, entry.sequence, entry.part, entry.kind, frame.sequence])?;
    }
    Ok(())
}

/// Reads a frame from the columns `sequence, width, turn, kind, at, data`.
fn frame(row: &Row<'_>, first: usize) -> database::Result<FrameRecord> {
    Ok(FrameRecord {
        sequence: row.get(first)?,
        width: row.get(first + 1)?,
        turn: row.get(first + 2)?,
        kind: row.get(first + 3)?,
        at: row::timestamp(row, first + 4)?,
        data: row::bytes(row, first + 5)?,
    })
}

/// Reads rows until the next would go beyond `bytes_max`; the first comes in any case.
fn collect<T>(
    statement: &mut Statement<'_>,
    bound: &[&dyn ToSql],
    bytes_max: usize,
    mut read: impl FnMut(&Row<'_>) -> database::Result<(T, usize)>,
) -> Result<Vec<T>, StoreError> {
    let mut rows = statement.query(bound)?;
    let mut page = Vec::new();
    let mut bytes = 0_usize;
    while let Some(row) = rows.next()? {
        let (record, size) = read(&row)?;
        bytes = bytes.saturating_add(size);
        if bytes > bytes_max && !page.is_empty() {
            break;
        }
        page.push(record);
    }
    Ok(page)
}
