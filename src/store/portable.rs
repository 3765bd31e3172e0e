//! A session as rows that leave this host and come to another: options, log, history, turns and
//! conversation. The shapes are part of the format of snapshots: they get members, and lose none.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::attachments::{PortableAttachment, portable};
use super::connection::open_reader;
use super::database::{self, Connection, Row as Columns, params};
use super::log::recount;
use super::writer::Terms;
use super::{BudgetRecord, Store, StoreError, UsedRecord};

/// One row. The first of a session is [`Row::Session`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "snake_case")]
pub(crate) enum Row {
    Session {
        id: String,
        tenant: String,
        agent_name: String,
        agent_version: u32,
        digest: String,
        /// JSON, opaque here.
        options: String,
        environment: BTreeMap<String, String>,
        #[serde(default)]
        allowed_hosts: Vec<String>,
        model: Option<String>,
        parent: Option<String>,
        created_at: i64,
        last_active_at: i64,
        #[serde(default)]
        budget: BudgetRecord,
        #[serde(default)]
        used: Box<UsedRecord>,
        #[serde(default)]
        attachments: Vec<PortableAttachment>,
    },
    Turn {
        ordinal: u64,
        id: String,
        state: String,
        created_at: i64,
        started_at: Option<i64>,
        ended_at: Option<i64>,
        begins_after: Option<u64>,
    },
    Frame {
        sequence: u64,
        width: u32,
        turn: Option<u64>,
        kind: u8,
        at: i64,
        data: Data,
    },
    Message {
        sequence: u64,
        role: String,
        frame: u64,
    },
    Timeline {
        sequence: u64,
        part: u16,
        kind: String,
        frame: u64,
    },
    Transcript {
        part: u64,
        frame: u64,
        entry: Option<String>,
        bytes: u64,
        data: Data,
    },
}

/// Text as it is, or other bytes in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Data {
    Text(String),
    Base64(String),
}

impl Data {
    fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_binary) => Self::Base64(STANDARD.encode(bytes)),
        }
    }

    fn bytes(&self) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::Base64(text) => STANDARD
                .decode(text)
                .map_err(|error| StoreError::Refused { source: Arc::new(error) }),
        }
    }
}

impl Store {
    /// Tells `each` row of the session up to the event `frame` and the part `part` of the conversation.
    /// What is up to there never changes any more. Blocking; `each` may end it.
    pub(crate) fn portable_rows(
        &self,
        key: i64,
        frame: u64,
        part: u64,
        mut each: impl FnMut(Row) -> io::Result<()>,
    ) -> io::Result<()> {
        let failed = |error| io::Error::other(StoreError::from(error));
        let connection: Connection = open_reader(&self.path).map_err(io::Error::other)?.into();
        for (sql, read) in READS {
            let mut statement = connection.prepare_cached(sql).map_err(failed)?;
            let mut rows = statement.query(params![key, frame, part]).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let mut row = read(&row).map_err(failed)?;
                if let Row::Session { attachments, .. } = &mut row {
                    *attachments = portable(&connection, key).map_err(failed)?;
                }
                each(row)?;
            }
        }
        Ok(())
    }

    /// The last part of the conversation that is stored; 0 if none is.
    pub(crate) async fn last_transcript_part(&self, key: i64) -> Result<u64, StoreError> {
        self.read(move |connection| {
            let part = connection
                .prepare_cached(
                    "SELECT coalesce(max(part), 0) FROM transcripts WHERE session_key = ?1",
                )?
                .query_row([key], |row| row.get(0))?;
            Ok(part)
        })
        .await
    }

    /// Adds rows to a session that is being made; not [`Row::Session`], of which it is made.
    pub(crate) async fn add_rows(&self, key: i64, rows: Vec<Row>) -> Result<(), StoreError> {
        self.write(Terms::default(), move |connection| {
            rows.iter().try_for_each(|row| add(connection, key, row))
        })
        .await
    }

    /// Notes where the log of a session that was made of rows has come to.
    pub(crate) async fn count_rows(&self, key: i64) -> Result<(), StoreError> {
        self.write(Terms { durable: true, bytes: 0 }, move |connection| recount(connection, key))
            .await
    }
}

type Read = fn(&Columns<'_>) -> database::Result<Row>;

/// What is asked, with the key, the last event and the last part, and how a row is read.
const READS: [(&str, Read); 6] = [
    (
        "SELECT id, tenant, agent_name, agent_version, digest, options, environment, model, parent,
            created_at, last_active_at, allowed_hosts, tokens_max, money_max, coalesce(input, 0),
            coalesce(output, 0), coalesce(cache_read, 0), coalesce(cache_write, 0),
            coalesce(money, 0)
         FROM sessions LEFT JOIN budgets ON session_key = key
         WHERE key = ?1 AND CAST(?2 AS BIGINT) IS NOT NULL AND CAST(?3 AS BIGINT) IS NOT NULL",
        |row| {
            Ok(Row::Session {
                id: row.get(0)?,
                tenant: row.get(1)?,
                agent_name: row.get(2)?,
                agent_version: row.get(3)?,
                digest: row.get(4)?,
                options: row.get(5)?,
                environment: super::row::environment(row, 6)?,
                allowed_hosts: super::row::texts(row, 11)?,
                model: row.get(7)?,
                parent: row.get(8)?,
                created_at: row.get(9)?,
                last_active_at: row.get(10)?,
                budget: BudgetRecord { tokens: row.get(12)?, money: row.get(13)? },
                used: Box::new(super::budgets::used(row, 14)?),
                attachments: Vec::new(),
            })
        },
    ),
    (
        "SELECT ordinal, id, state, created_at, started_at, ended_at, begins_after FROM turns
         WHERE session_key = ?1 AND ended_at IS NOT NULL AND CAST(?2 AS BIGINT) IS NOT NULL AND CAST(?3 AS BIGINT) IS NOT NULL
         ORDER BY ordinal",
        |row| {
            Ok(Row::Turn {
                ordinal: row.get(0)?,
                id: row.get(1)?,
                state: row.get(2)?,
                created_at: row.get(3)?,
                started_at: row.get(4)?,
                ended_at: row.get(5)?,
                begins_after: row.get(6)?,
            })
        },
    ),
    (
        "SELECT sequence, width, turn, kind, at, data FROM frames
         WHERE session_key = ?1 AND sequence <= ?2 AND CAST(?3 AS BIGINT) IS NOT NULL ORDER BY sequence",
        |row| {
            Ok(Row::Frame {
                sequence: row.get(0)?,
                width: row.get(1)?,
                turn: row.get(2)?,
                kind: row.get(3)?,
                at: row.get(4)?,
                data: Data::new(&super::row::bytes(row, 5)?),
            })
        },
    ),
    (
        "SELECT sequence, role, frame FROM messages
         WHERE session_key = ?1 AND frame <= ?2 AND CAST(?3 AS BIGINT) IS NOT NULL ORDER BY sequence",
        |row| Ok(Row::Message { sequence: row.get(0)?, role: row.get(1)?, frame: row.get(2)? }),
    ),
    (
        "SELECT sequence, part, kind, frame FROM timeline
         WHERE session_key = ?1 AND frame <= ?2 AND CAST(?3 AS BIGINT) IS NOT NULL ORDER BY sequence",
        |row| {
            Ok(Row::Timeline {
                sequence: row.get(0)?,
                part: row.get(1)?,
                kind: row.get(2)?,
                frame: row.get(3)?,
            })
        },
    ),
    (
        "SELECT part, frame, entry, bytes, data FROM transcripts
         WHERE session_key = ?1 AND part <= ?3 AND CAST(?2 AS BIGINT) IS NOT NULL ORDER BY part",
        |row| {
            Ok(Row::Transcript {
                part: row.get(0)?,
                frame: row.get(1)?,
                entry: row.get(2)?,
                bytes: row.get(3)?,
                data: Data::new(&super::row::bytes(row, 4)?),
            })
        },
    ),
];

fn add(connection: &Connection, key: i64, row: &Row) -> Result<(), StoreError> {
    let execute = |sql: &str, bound: &[&dyn database::ToSql]| -> Result<(), StoreError> {
        connection.prepare_cached(sql)?.execute(bound)?;
        Ok(())
    };
    match row {
        Row::Session { .. } => Err(StoreError::Exists),
        Row::Turn { ordinal, id, state, created_at, started_at, ended_at, begins_after } => execute(
            "INSERT INTO turns (session_key, ordinal, id, state, created_at, started_at, ended_at,
                begins_after) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![key, ordinal, id, state, created_at, started_at, ended_at, begins_after],
        ),
        Row::Frame { sequence, width, turn, kind, at, data } => execute(
            "INSERT INTO frames (session_key, sequence, width, turn, kind, at, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![key, sequence, width, turn, kind, at, data.bytes()?],
        ),
        Row::Message { sequence, role, frame } => execute(
            "INSERT INTO messages (session_key, sequence, role, frame) VALUES (?1, ?2, ?3, ?4)",
            params![key, sequence, role, frame],
        ),
        Row::Timeline { sequence, part, kind, frame } => execute(
            "INSERT INTO timeline (session_key, sequence, part, kind, frame)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![key, sequence, part, kind, frame],
        ),
        Row::Transcript { part, frame, entry, bytes, data } => execute(
            "INSERT INTO transcripts (session_key, part, frame, entry, bytes, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![key, part, frame, entry, bytes, data.bytes()?],
        ),
    }
}
