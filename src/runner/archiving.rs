//! A session's files outside of this host: how a snapshot is made while nothing of the session runs,
//! and how the files come back before something does.

use std::io;

use serde_json::json;

use super::driver::Driver;
use super::handle::StartError;
use super::host::Host;
use super::log::Batch;
use crate::archive::{ArchiveError, FORMAT, Manifest, ObjectRecord};
use crate::clock::Timestamp;
use crate::lifecycle::Happening;
use crate::sandbox::Moved;
use crate::sandboxd::{SandboxdError, Unpacking};
use crate::session::frame::FrameKind;
use crate::store::{ArchiveNote, FilesPlace, SessionRecord, StoreError};

/// Kinds of objects, as their names begin.
const FILES: &str = "files";
const LOG: &str = "log";

/// Why a session could not be archived, or not be brought back. What was there before is there still.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchivingError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("the files of the session could not be moved")]
    Files(#[from] SandboxdError),
    #[error("the session could not be stored")]
    Store(#[from] StoreError),
}

impl Host {
    /// Makes a snapshot of a session of which nothing runs. What is as it was in the last one is not
    /// moved again. Stops soon after its caller goes away.
    pub(crate) async fn snapshot(
        &self,
        record: &SessionRecord,
    ) -> Result<Manifest, ArchivingError> {
        let (tenant, session) = (record.tenant.as_str(), record.id);
        let last = self.last_snapshot(record).await?;
        let last_event = self.store.counters(record.key).await?.frame;
        let last_part = self.store.last_transcript_part(record.key).await?;

        let unless = last.as_ref().map(|last| last.files_stamp.clone());
        let packing = self.launcher.pack(session, unless).await?;
        let packed =
            self.archive.put(tenant, session, FILES, |to| match packing.read_into(to)? {
                Moved::Unchanged => Ok(None),
                Moved::Packed { stamp, .. } => Ok(Some(stamp)),
                other => Err(io::Error::other(format!("{other:?}"))),
            });
        let files = match (packed.await?, &last) {
            (Some(packed), _) => Some(packed),
            (None, Some(_)) => None,
            (None, None) => {
                let what = "packing left out what was not there before".to_owned();
                return Err(ArchiveError::Damaged { what }.into());
            }
        };
        let same = |last: &&Manifest| (last.last_event, last.last_part) == (last_event, last_part);
        let log = match last.as_ref().filter(same) {
            Some(last) => last.log.clone(),
            None => self.put_log(record, last_event, last_part).await?,
        };
        let (files, files_stamp) = match (files, last) {
            (None, Some(last)) if last.log == log => return Ok(last),
            (None, Some(last)) => (last.files, last.files_stamp),
            (Some(packed), _) => packed,
            (None, None) => unreachable!("it was refused above"),
        };
        let manifest = Manifest {
            format: FORMAT,
            session,
            tenant: record.tenant.clone(),
            agent: record.agent_name.clone(),
            agent_version: record.agent_version,
            made_at: Timestamp::now(),
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
            key: self.archive.key_name(),
            last_event,
            last_part,
            files_stamp,
            files,
            log,
        };
        self.archive.publish(&manifest).await?;
        if let Err(error) = self.archive.tidy(&manifest).await {
            tracing::warn!(%session, %error, "could not remove an older snapshot; the next one tries again");
        }
        Ok(manifest)
    }

    /// The last snapshot, if it is still there as it was noted.
    async fn last_snapshot(
        &self,
        record: &SessionRecord,
    ) -> Result<Option<Manifest>, ArchivingError> {
        let Some(noted) = self.store.archive_manifest(record.key).await? else { return Ok(None) };
        let found = self.archive.manifest(&record.tenant, record.id).await;
        match found {
            Ok(found) => {
                let noted: Option<Manifest> = serde_json::from_str(&noted).ok();
                Ok(noted.filter(|noted| *noted == found))
            }
            Err(error @ ArchiveError::Place(_)) => Err(error.into()),
            // Whatever it is, a whole new one takes its place.
            Err(error) => {
                tracing::warn!(session = %record.id, %error, "the last snapshot is not usable");
                Ok(None)
            }
        }
    }

    async fn put_log(
        &self,
        record: &SessionRecord,
        last_event: u64,
        last_part: u64,
    ) -> Result<ObjectRecord, ArchivingError> {
        let (store, key) = (self.store.clone(), record.key);
        let put = self.archive.put(&record.tenant, record.id, LOG, move |to| {
            store.portable_rows(key, last_event, last_part, |row| {
                serde_json::to_writer(&mut *to, &row)?;
                to.write_all(b"\n")
            })?;
            Ok(Some(()))
        });
        let (object, ()) = put.await?.ok_or(ArchiveError::NotFound)?;
        Ok(object)
    }

    /// Brings the files of a session back, of which nothing runs; answers the user that they belong to.
    /// Nothing of them is left here when it fails.
    pub(crate) async fn bring_back(
        &self,
        record: &SessionRecord,
    ) -> Result<Option<u32>, ArchivingError> {
        let noted = self.store.archive_manifest(record.key).await?;
        let noted = noted.ok_or(ArchiveError::NotFound)?;
        let manifest = self.archive.read(noted.as_bytes(), &record.tenant, record.id)?;
        let uid = self.store.begin_return(record.key, self.settings.uids.clone()).await?;
        self.unpack_files(&manifest, uid).await?;
        self.store.end_return(record.key).await?;
        let restored = Happening::new("session.restored").session(record.id);
        self.lifecycle.tell(restored.agent(&record.agent_name));
        Ok(uid)
    }

    /// Fills the folders of a session from a snapshot; whatever is there of it is removed first.
    pub(crate) async fn unpack_files(
        &self,
        manifest: &Manifest,
        uid: Option<u32>,
    ) -> Result<(), ArchivingError> {
        let session = manifest.session;
        self.launcher.remove(session).await?;
        let unpacking = self.launcher.unpack(session, uid).await?;
        let got = self.archive.get(manifest, &manifest.files, |from| filled(unpacking, from)).await;
        if let Err(error) = got {
            if let Err(error) = self.launcher.remove(session).await {
                tracing::warn!(%session, %error, "could not remove half-unpacked files");
            }
            return Err(error.into());
        }
        Ok(())
    }
}

fn filled(unpacking: Unpacking, from: &mut dyn io::Read) -> io::Result<()> {
    match unpacking.write_from(from)? {
        Moved::Unpacked { .. } => Ok(()),
        Moved::DiskFull { reason } => Err(io::Error::new(io::ErrorKind::StorageFull, reason)),
        Moved::Failed { reason } => Err(io::Error::other(reason)),
        other => Err(io::Error::other(format!("{other:?}"))),
    }
}

impl Driver {
    /// Has the session's files here, before anything of it runs.
    pub(super) async fn have_files(&mut self) -> Result<(), StartError> {
        let away = self.record.archive.filter(|note| note.place != FilesPlace::Here);
        let Some(note) = away else { return Ok(()) };
        let uid = self.host.bring_back(&self.record).await.map_err(StartError::Archive)?;
        self.record.uid = uid;
        self.record.archive = Some(ArchiveNote { place: FilesPlace::Here, ..note });
        self.tell("restored").await;
        Ok(())
    }

    /// The holder of its stillness has moved its files out.
    pub(super) async fn archived(&mut self, note: ArchiveNote) {
        self.record.archive = Some(note);
        if note.place == FilesPlace::Away {
            self.tell("archived").await;
        }
    }

    async fn tell(&mut self, action: &str) {
        let mut batch = Batch::default();
        batch.push(FrameKind::Lifecycle, None, json!({ "action": action }).to_string());
        self.log.commit(batch).await;
    }
}
