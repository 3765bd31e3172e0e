//! Attachments of sessions: what is known of each. Their bytes are files of the workspace.

use serde::{Deserialize, Serialize};

use super::database::{self, Connection, Optional as _, Row, params};
use super::writer::Terms;
use super::{Store, StoreError, row};
use crate::clock::Timestamp;
use crate::id::{AttachmentId, SessionId};

const ATTACHMENT: &str = "SELECT a.id, s.id, a.filename, a.path, a.mime_type, a.size, a.message,
    a.created_at FROM attachments a JOIN sessions s ON s.key = a.session_key";

const ADD: &str =
    "INSERT INTO attachments (id, session_key, filename, path, mime_type, size, message,
    created_at, complete) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttachmentRecord {
    pub(crate) id: AttachmentId,
    pub(crate) session: SessionId,
    /// As its client named it.
    pub(crate) filename: String,
    /// In the workspace.
    pub(crate) path: String,
    pub(crate) mime_type: String,
    pub(crate) size: u64,
    /// The message that it is for, as its client says.
    pub(crate) message: Option<String>,
    pub(crate) created_at: Timestamp,
}

/// How much a session may have attached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttachmentRoom {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
}

/// What became of an attachment that was to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Its path is its own.
    Yes,
    PathTaken,
    NoRoom,
}

/// An attachment in a snapshot: the shape is part of the format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PortableAttachment {
    pub(crate) id: String,
    pub(crate) filename: String,
    pub(crate) path: String,
    pub(crate) mime_type: String,
    pub(crate) size: u64,
    pub(crate) message: Option<String>,
    pub(crate) created_at: i64,
}

impl Store {
    /// Keeps the path of an attachment for it; nobody sees it before [`Self::complete_attachment`].
    pub(crate) async fn begin_attachment(
        &self,
        key: i64,
        new: AttachmentRecord,
        room: AttachmentRoom,
    ) -> Result<Begun, StoreError> {
        self.write(Terms::default(), move |connection| {
            let (count, bytes): (u64, u64) = connection
                .prepare_cached(
                    "SELECT count(*), coalesce(sum(size), 0) FROM attachments
                     WHERE session_key = ?1",
                )?
                .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if count >= room.count || bytes.saturating_add(new.size) > room.bytes {
                return Ok(Begun::NoRoom);
            }
            let taken = connection
                .prepare_cached("SELECT 1 FROM attachments WHERE session_key = ?1 AND path = ?2")?
                .exists(params![key, new.path])?;
            if taken {
                return Ok(Begun::PathTaken);
            }
            connection.prepare_cached(ADD)?.execute(params![
                new.id.to_string(),
                key,
                new.filename,
                new.path,
                new.mime_type,
                new.size,
                new.message,
                new.created_at.as_millis(),
                false,
            ])?;
            Ok(Begun::Yes)
        })
        .await
    }

    /// Its file is in its place.
    pub(crate) async fn complete_attachment(&self, id: AttachmentId) -> Result<(), StoreError> {
        self.write(Terms { durable: true, bytes: 0 }, move |connection| {
            connection
                .prepare_cached("UPDATE attachments SET complete = 1 WHERE id = ?1")?
                .execute([id.to_string()])?;
            Ok(())
        })
        .await
    }

    /// Of a session, the oldest first.
    pub(crate) async fn attachments(&self, key: i64) -> Result<Vec<AttachmentRecord>, StoreError> {
        self.read(move |connection| {
            let sql = format!(
                "{ATTACHMENT} WHERE a.session_key = ?1 AND a.complete = 1
                 ORDER BY a.created_at, a.path"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let found = statement.query_map([key], attachment)?.collect::<Result<_, _>>()?;
            Ok(found)
        })
        .await
    }

    pub(crate) async fn attachment(
        &self,
        tenant: &str,
        id: AttachmentId,
    ) -> Result<Option<AttachmentRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            let sql = format!("{ATTACHMENT} WHERE a.id = ?1 AND s.tenant = ?2 AND a.complete = 1");
            let found = connection
                .prepare_cached(&sql)?
                .query_row([&id.to_string(), &tenant], attachment)
                .optional()?;
            Ok(found)
        })
        .await
    }

    pub(crate) async fn remove_attachment(&self, id: AttachmentId) -> Result<(), StoreError> {
        self.write(Terms { durable: true, bytes: 0 }, move |connection| {
            connection
                .prepare_cached("DELETE FROM attachments WHERE id = ?1")?
                .execute([id.to_string()])?;
            Ok(())
        })
        .await
    }

    /// After a start: nobody writes them any more.
    pub(crate) async fn remove_incomplete_attachments(&self) -> Result<(), StoreError> {
        self.write(Terms::default(), |connection| {
            connection
                .prepare_cached("DELETE FROM attachments WHERE complete = 0")?
                .execute(params![])?;
            Ok(())
        })
        .await
    }

    /// Those of a session that came from a snapshot.
    pub(crate) async fn add_attachments(
        &self,
        key: i64,
        attachments: Vec<PortableAttachment>,
    ) -> Result<(), StoreError> {
        self.write(Terms::default(), move |connection| {
            attachments.iter().try_for_each(|one| add(connection, key, &one.id, one))
        })
        .await
    }
}

fn add(
    connection: &Connection,
    key: i64,
    id: &str,
    one: &PortableAttachment,
) -> Result<(), StoreError> {
    connection.prepare_cached(ADD)?.execute(params![
        id,
        key,
        one.filename,
        one.path,
        one.mime_type,
        one.size,
        one.message,
        one.created_at,
        true,
    ])?;
    Ok(())
}

/// What a snapshot has of a session's attachments.
pub(super) fn portable(
    connection: &Connection,
    key: i64,
) -> database::Result<Vec<PortableAttachment>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, filename, path, mime_type, size, message, created_at FROM attachments
         WHERE session_key = ?1 AND complete = 1 ORDER BY created_at, path",
    )?;
    let found = statement.query_map([key], |row| {
        Ok(PortableAttachment {
            id: row.get(0)?,
            filename: row.get(1)?,
            path: row.get(2)?,
            mime_type: row.get(3)?,
            size: row.get(4)?,
            message: row.get(5)?,
            created_at: row.get(6)?,
        })
    })?;
    found.collect()
}

/// A fork has the files of its parent, and so its attachments, under ids of their own.
pub(super) fn copy(connection: &Connection, from: i64, to: i64) -> Result<(), StoreError> {
    for one in portable(connection, from)? {
        add(connection, to, &AttachmentId::new().to_string(), &one)?;
    }
    Ok(())
}

fn attachment(row: &Row<'_>) -> database::Result<AttachmentRecord> {
    Ok(AttachmentRecord {
        id: row::parsed(row, 0)?,
        session: row::parsed(row, 1)?,
        filename: row.get(2)?,
        path: row.get(3)?,
        mime_type: row.get(4)?,
        size: row.get(5)?,
        message: row.get(6)?,
        created_at: row::timestamp(row, 7)?,
    })
}
