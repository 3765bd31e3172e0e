//! Which sessions have a snapshot outside, and whose files are only there.

use std::ops::Range;
use std::sync::Arc;

use super::database::{self, Optional as _, params};
use super::record::{ArchiveNote, FilesPlace, SessionRecord};
use super::sessions::{LIVE, SESSION, session, take_uid};
use super::writer::Terms;
use super::{Store, StoreError};
use crate::clock::Timestamp;

impl Store {
    /// Notes the last snapshot of a session. Survives a power cut: files are removed for it.
    pub(crate) async fn note_archive(
        &self,
        key: i64,
        manifest: String,
        note: ArchiveNote,
    ) -> Result<(), StoreError> {
        let terms = Terms { durable: true, bytes: manifest.len() };
        self.write(terms, move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO archives (session_key, manifest, made_at, bytes, place)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (session_key) DO UPDATE SET manifest = excluded.manifest,
                        made_at = excluded.made_at, bytes = excluded.bytes,
                        place = excluded.place",
                )?
                .execute(params![
                    key,
                    manifest,
                    note.made_at.as_millis(),
                    note.bytes,
                    note.place.as_str()
                ])?;
            Ok(())
        })
        .await
    }

    /// The manifest of the last snapshot.
    pub(crate) async fn archive_manifest(&self, key: i64) -> Result<Option<String>, StoreError> {
        self.read(move |connection| {
            let found = connection
                .prepare_cached("SELECT manifest FROM archives WHERE session_key = ?1")?
                .query_row([key], |row| row.get(0))
                .optional()?;
            Ok(found)
        })
        .await
    }

    /// Begins the return of a session's files: answers the user that they are to have.
    pub(crate) async fn begin_return(
        &self,
        key: i64,
        uid_block: Option<Range<u32>>,
    ) -> Result<Option<u32>, StoreError> {
        let search = Arc::clone(&self.uid_search);
        self.write(Terms { durable: true, bytes: 0 }, move |connection| {
            let (uid, removed): (Option<u32>, bool) = connection
                .prepare_cached("SELECT uid, workspace_removed FROM sessions WHERE key = ?1")?
                .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?
                .ok_or(StoreError::NoSuchSession)?;
            let uid = match &uid_block {
                // It was begun before.
                _ if !removed => uid,
                Some(block) => Some(take_uid(connection, block, &search)?),
                None => None,
            };
            connection
                .prepare_cached(
                    "UPDATE sessions SET uid = ?2, workspace_removed = 0 WHERE key = ?1",
                )?
                .execute(params![key, uid])?;
            place(connection, key, FilesPlace::Returning)?;
            Ok(uid)
        })
        .await
    }

    /// The files are all here. Survives a power cut, as the files do.
    pub(crate) async fn end_return(&self, key: i64) -> Result<(), StoreError> {
        let terms = Terms { durable: true, bytes: 0 };
        self.write(terms, move |connection| place(connection, key, FilesPlace::Here)).await
    }

    /// Forgets that there was a snapshot.
    pub(crate) async fn forget_archive(&self, key: i64) -> Result<(), StoreError> {
        self.write(Terms::default(), move |connection| {
            connection
                .prepare_cached("DELETE FROM archives WHERE session_key = ?1")?
                .execute([key])?;
            Ok(())
        })
        .await
    }

    /// Sessions that live, have rested since before the moment, and have their files here; those that
    /// rest longest first.
    pub(crate) async fn sessions_to_archive(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let filter = format!(
            "s.{LIVE} AND s.status <> 'starting' AND s.last_active_at < ?1
             AND coalesce(a.place, 'here') = 'here' ORDER BY s.last_active_at LIMIT ?2"
        );
        self.read(move |connection| select(connection, &filter, params![before.as_millis(), limit]))
            .await
    }

    /// Sessions whose files are outside, and that still have some here: what was interrupted.
    pub(crate) async fn half_archived_sessions(&self) -> Result<Vec<SessionRecord>, StoreError> {
        let filter = "a.place = 'away' AND s.workspace_removed = 0";
        self.read(move |connection| select(connection, filter, params![])).await
    }

    /// Sessions that ended before the moment and still have a snapshot.
    pub(crate) async fn ended_sessions_with_archive(
        &self,
        before: Timestamp,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let filter = "a.place IS NOT NULL AND s.ended_at < ?1";
        self.read(move |connection| select(connection, filter, params![before.as_millis()])).await
    }
}

fn select(
    connection: &database::Connection,
    filter: &str,
    bound: &[&dyn database::ToSql],
) -> Result<Vec<SessionRecord>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SESSION} WHERE {filter}"))?;
    let sessions = statement.query_map(bound, session)?.collect::<Result<_, _>>()?;
    Ok(sessions)
}

fn place(connection: &database::Connection, key: i64, place: FilesPlace) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE archives SET place = ?2 WHERE session_key = ?1")?
        .execute(params![key, place.as_str()])?;
    Ok(())
}
