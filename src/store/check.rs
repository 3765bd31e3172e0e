//! Whether a database is sound: SQLite's own judgment of it, and what Ash promises of its rows.

use std::path::Path;

use rusqlite::OpenFlags;

use super::connection::{check_owner, check_version, open_reader};
use super::database::{Connection, params};
use super::{Store, StoreError};

/// Findings of one kind that are told; more of the same tell nothing new.
const FINDINGS_MAX: u32 = 20;

/// What a check looked at, and what it found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) schema: i64,
    pub(crate) sessions: u64,
    pub(crate) turns: u64,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) findings: Vec<Finding>,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: FindingKind,
    /// The id of the session, if it is in one.
    pub(crate) session: Option<String>,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FindingKind {
    /// The file is damaged.
    Damage,
    /// A row belongs to one that is not there.
    Orphan,
    /// Numbers that should have no gap have one.
    Gap,
    /// A turn that has ended has not exactly one end in its log.
    End,
    /// A state that nothing will ever change.
    Stuck,
}

impl FindingKind {
    /// As it stands on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Damage => "damage",
            Self::Orphan => "orphan",
            Self::Gap => "gap",
            Self::End => "end",
            Self::Stuck => "stuck",
        }
    }

    /// What to do about it.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Damage => {
                "stop ashd and put the last good backup in its place; what `sqlite3 FILE .recover` still reads may have more"
            }
            Self::Orphan | Self::Gap | Self::End => {
                "the session's history is not whole: fork it or export what it has, end it, and report this with the version of ashd; a backup from before may have it whole"
            }
            Self::Stuck => "restart ashd: it ends turns that cannot go on",
        }
    }
}

/// What is asked, its kind, and how an answer of `(session, what)` is told.
const QUESTIONS: [(FindingKind, &str, &str); 9] = [
    (
        FindingKind::Gap,
        "the log does not go on at event",
        "SELECT session_key, sequence FROM (
            SELECT session_key, sequence, width,
                lag(sequence) OVER (PARTITION BY session_key ORDER BY sequence) AS before
            FROM frames) numbered
         WHERE sequence - width <> coalesce(before, 0)",
    ),
    (
        FindingKind::Gap,
        "the log does not end with the event that is noted as its last,",
        "SELECT session_key, frame FROM progress p WHERE frame <>
            coalesce((SELECT max(sequence) FROM frames f WHERE f.session_key = p.session_key), 0)",
    ),
    (
        FindingKind::Gap,
        "the history has not as many messages as are noted,",
        "SELECT session_key, message FROM progress p WHERE message <>
            (SELECT count(*) FROM messages m WHERE m.session_key = p.session_key)
            OR message <> coalesce(
                (SELECT max(sequence) FROM messages m WHERE m.session_key = p.session_key), 0)",
    ),
    (
        FindingKind::Gap,
        "the timeline has not as many entries as are noted,",
        "SELECT session_key, timeline FROM progress p WHERE timeline <>
            (SELECT count(*) FROM timeline t WHERE t.session_key = p.session_key)
            OR timeline <> coalesce(
                (SELECT max(sequence) FROM timeline t WHERE t.session_key = p.session_key), 0)",
    ),
    (
        FindingKind::Gap,
        "a message or an entry of the timeline has no content: event",
        "SELECT session_key, frame FROM (
            SELECT session_key, frame FROM messages UNION SELECT session_key, frame FROM timeline) v
         WHERE NOT EXISTS (SELECT 1 FROM frames f
            WHERE f.session_key = v.session_key AND f.sequence = v.frame)",
    ),
    (
        FindingKind::End,
        "what has ended does not have exactly one `done`: turn",
        "SELECT t.session_key, t.ordinal FROM turns t
         LEFT JOIN (SELECT session_key, turn, count(*) AS ends FROM frames WHERE kind = 4
            GROUP BY session_key, turn) d ON d.session_key = t.session_key AND d.turn = t.ordinal
         WHERE coalesce(d.ends, 0) <> CASE WHEN t.ended_at IS NULL THEN 0 ELSE 1 END",
    ),
    (
        FindingKind::Stuck,
        "what waits or runs has no request, or one that has ended still has it: turn",
        "SELECT t.session_key, t.ordinal FROM turns t
         LEFT JOIN turn_requests r USING (session_key, ordinal)
         WHERE (t.ended_at IS NULL) <> (r.ordinal IS NOT NULL)",
    ),
    (
        FindingKind::Stuck,
        "the session has ended and something of it waits or runs: turn",
        "SELECT t.session_key, t.ordinal FROM turns t JOIN sessions s ON s.key = t.session_key
         WHERE s.status = 'ended' AND t.ended_at IS NULL",
    ),
    (
        FindingKind::Stuck,
        "more than one runs at the same time: turn",
        "SELECT session_key, max(ordinal) FROM turns WHERE state = 'running'
         GROUP BY session_key HAVING count(*) > 1",
    ),
];

impl Store {
    /// Checks the database as it is now. Reads all of it, beside everybody else.
    pub(crate) async fn check(&self) -> Result<Checked, StoreError> {
        let path = std::sync::Arc::clone(&self.path);
        tokio::task::spawn_blocking(move || look(open_reader(&path)?))
            .await
            .map_err(|_ended| StoreError::Closed)?
    }
}

/// Checks a database that no ashd uses: a backup, or one with which ashd does not start. Changes
/// nothing. Blocking.
pub(crate) fn check_file(path: &Path) -> Result<Checked, StoreError> {
    // SQLite would say that of a folder in other words.
    std::fs::File::open(path).map_err(|error| StoreError::opening(path, error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags)
        .map_err(|error| StoreError::opening(path, error))?;
    look(connection)
}

fn look(connection: rusqlite::Connection) -> Result<Checked, StoreError> {
    let sound = check_owner(&connection).and_then(|()| check_version(&connection));
    match sound.and_then(|()| questions(&connection.into())) {
        // Too damaged to be asked.
        Err(StoreError::Corrupt { source }) => {
            let text = format!("the database cannot be read: {source}");
            let finding = Finding { kind: FindingKind::Damage, session: None, text };
            Ok(Checked { findings: vec![finding], ..Checked::default() })
        }
        other => other,
    }
}

fn questions(connection: &Connection) -> Result<Checked, StoreError> {
    // All questions see the same moment.
    let moment = connection.moment()?;
    let findings = damage(connection)?;
    if !findings.is_empty() {
        // Answers from damaged pages mean nothing.
        return Ok(Checked { findings, ..Checked::default() });
    }
    let count = |sql: &str| -> Result<u64, StoreError> {
        Ok(connection.query_row(sql, params![], |row| row.get(0))?)
    };
    let schema = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    let mut checked = Checked {
        schema: connection.query_row(schema, params![], |row| row.get(0))?,
        sessions: count("SELECT count(*) FROM sessions")?,
        turns: count("SELECT count(*) FROM turns")?,
        frames: count("SELECT count(*) FROM frames")?,
        bytes: count("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")?,
        findings: orphans(connection)?,
    };
    for (kind, text, sql) in QUESTIONS {
        let sql = format!(
            "WITH found (session, what) AS ({sql})
             SELECT (SELECT id FROM sessions s WHERE s.key = found.session), found.what FROM found
             LIMIT {FINDINGS_MAX}"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![])?;
        while let Some(row) = rows.next()? {
            let text = format!("{text} {}", row.get::<i64>(1)?);
            checked.findings.push(Finding { kind, session: row.get(0)?, text });
        }
    }
    moment.finish()?;
    Ok(checked)
}

/// SQLite's own judgment.
fn damage(connection: &Connection) -> Result<Vec<Finding>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
    let said: Vec<String> =
        statement.query_map(params![], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let bad = said.into_iter().filter(|line| line != "ok");
    let finding = |text| Finding { kind: FindingKind::Damage, session: None, text };
    Ok(bad.map(finding).collect())
}

fn orphans(connection: &Connection) -> Result<Vec<Finding>, StoreError> {
    let mut statement = connection.prepare_cached("PRAGMA foreign_key_check")?;
    let mut rows = statement.query(params![])?;
    let mut findings = Vec::new();
    while let Some(row) = rows.next()? {
        if findings.len() == FINDINGS_MAX as usize {
            break;
        }
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        let text = format!("a row of `{table}` belongs to none of `{parent}`");
        findings.push(Finding { kind: FindingKind::Orphan, session: None, text });
    }
    Ok(findings)
}
