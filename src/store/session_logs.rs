//! What programs of a session's sandbox say for people: the newest lines of it.

use super::database::{Connection, Optional as _, params};
use super::{Store, StoreError, row};
use crate::clock::Timestamp;

/// Lines of one session that are kept: as many as the original kept in memory.
pub(super) const LINES_MAX: u64 = 10_000;

/// Bytes of them together: what one answer can carry.
pub(super) const BYTES_MAX: u64 = 4 << 20;

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogSource {
    Stdout,
    Stderr,
    /// Not a program's, but said of one.
    System,
}

impl LogSource {
    const ALL: [Self; 3] = [Self::Stdout, Self::Stderr, Self::System];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::System => "system",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

/// A line before it has its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewLogLine {
    pub(crate) at: Timestamp,
    pub(crate) source: LogSource,
    pub(crate) text: String,
}

/// A line that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLineRecord {
    pub(crate) line: u64,
    pub(crate) at: Timestamp,
    pub(crate) source: LogSource,
    pub(crate) text: String,
}

impl Store {
    /// Lines behind `after`, the oldest first; all that are kept without it.
    pub(crate) async fn logs(
        &self,
        key: i64,
        after: Option<u64>,
    ) -> Result<Vec<LogLineRecord>, StoreError> {
        self.read(move |connection| {
            let lines = connection
                .prepare_cached(
                    "SELECT line, at, source, text FROM session_logs
                     WHERE session_key = ?1 AND (line > ?2 OR ?2 IS NULL) ORDER BY line",
                )?
                .query_map(params![key, after], |row| {
                    Ok(LogLineRecord {
                        line: row.get(0)?,
                        at: row::timestamp(row, 1)?,
                        source: row::word(row, 2, LogSource::parse)?,
                        text: row.get(3)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(lines)
        })
        .await
    }
}

/// Writes lines behind those that are there, and removes what is too much from the beginning: as
/// many rows as are written, and not more.
pub(super) fn insert(
    connection: &Connection,
    key: i64,
    lines: &[NewLogLine],
) -> Result<(), StoreError> {
    if lines.is_empty() {
        return Ok(());
    }
    let last: Option<(u64, u64)> = connection
        .prepare_cached(
            "SELECT line, through FROM session_logs WHERE session_key = ?1
             ORDER BY line DESC LIMIT 1",
        )?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (mut next, mut through) = last.map_or((0, 0), |(line, through)| (line + 1, through));
    let mut statement = connection.prepare_cached(
        "INSERT INTO session_logs (session_key, line, at, source, text, through)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for NewLogLine { at, source, text } in lines {
        through += text.len() as u64;
        statement.execute(params![key, next, at.as_millis(), source.as_str(), text, through])?;
        next += 1;
    }
    let kept: u64 = connection
        .prepare_cached(
            "SELECT line FROM session_logs WHERE session_key = ?1 AND line >= ?2 AND through > ?3
             ORDER BY line LIMIT 1",
        )?
        .query_row(
            params![key, next.saturating_sub(LINES_MAX), through.saturating_sub(BYTES_MAX)],
            |row| row.get(0),
        )
        .optional()?
        .unwrap_or(0);
    connection
        .prepare_cached("DELETE FROM session_logs WHERE session_key = ?1 AND line < ?2")?
        .execute(params![key, kept])?;
    Ok(())
}
