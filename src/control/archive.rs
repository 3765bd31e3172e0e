//! Archive a session: a snapshot outside, and its files here are removed. Restore one, here or on
//! another host.

use std::io::{self, BufRead as _, BufReader};

use tokio::runtime::Handle as Runtime;

use super::{Caller, Control, Refusal, happening};
use crate::archive::Manifest;
use crate::chain::chain;
use crate::clock::Timestamp;
use crate::egress::Placeholder;
use crate::id::SessionId;
use crate::lifecycle::Happening;
use crate::runner::handle::{RestError, Stillness};
use crate::session::Status;
use crate::session::tier::Tier;
use crate::store::{
    ArchiveNote, FilesPlace, NewSession, Row, SessionChange, SessionRecord, Store, StoreError,
};
use crate::wire::sessions::Session;

/// Sessions that one sweep archives: the next comes soon.
const SWEEP_SESSIONS_MAX: u32 = 64;

/// Rows stored in one commit, and bytes of them: so that commits of others wait for moments only.
const ROWS_MAX: usize = 256;
const ROWS_BYTES_MAX: usize = 1 << 20;

/// Largest row: a line of the CLI, every byte an escape of six.
const ROW_BYTES_MAX: u64 = 6 * (64 << 20) + (1 << 10);

impl Control {
    /// With `keep` the files stay here, too.
    pub(crate) async fn archive(
        &self,
        caller: &Caller,
        id: SessionId,
        keep: bool,
    ) -> Result<Session, Refusal> {
        let record = self.session_record(caller, id).await?;
        match record.status {
            Status::Active | Status::Error | Status::Paused | Status::Stopped => {}
            Status::Ended => return Err(Refusal::SessionGone),
            status @ Status::Starting => {
                return Err(Refusal::CannotRest { verb: "archive", status });
            }
        }
        if !record.is_away() {
            self.archive_session(&record, keep).await?;
        }
        self.session(caller, id).await
    }

    async fn archive_session(&self, record: &SessionRecord, keep: bool) -> Result<(), Refusal> {
        let busy = || Refusal::SessionBusy { done: "archived" };
        let _one_of_few = self.copies.acquire().await.map_err(|_closed| Refusal::Worker)?;
        let still = match self.host.handle(record).await?.still(!keep).await {
            Ok(still) => still,
            Err(RestError::Busy) => return Err(busy()),
            Err(RestError::Status { .. }) => return Err(Refusal::SessionGone),
            Err(RestError::Start(error)) => return Err(Refusal::Start(error)),
        };
        if !self.host.store.pending_turns(record.key).await?.is_empty() {
            return Err(busy());
        }
        let made = tokio::select! {
            made = self.host.snapshot(record) => made,
            // A message does not wait for it.
            () = still.wanted() => return Err(busy()),
        };
        let manifest = made.map_err(Refusal::Archiving)?;
        self.note(record, &manifest, keep, still).await
    }

    async fn note(
        &self,
        record: &SessionRecord,
        manifest: &Manifest,
        keep: bool,
        still: Stillness,
    ) -> Result<(), Refusal> {
        let place = if keep { FilesPlace::Here } else { FilesPlace::Away };
        let bytes = manifest.files.bytes + manifest.log.bytes;
        let note = ArchiveNote { made_at: manifest.made_at, bytes, place };
        let text = serde_json::to_string(manifest).expect("a manifest has a JSON form");
        self.host.store.note_archive(record.key, text, note).await?;
        // From here on the files may go: what is outside is noted.
        if !keep && self.remove_folders(record.id).await {
            self.host.store.mark_workspace_removed(record.id).await?;
        }
        still.archived(note);
        let archived = happening("session.archived", record).with("bytes", bytes);
        self.host.lifecycle.tell(archived.with("away", !keep));
        Ok(())
    }

    /// Brings the files of an archived session back, or a whole session that another host archived.
    pub(crate) async fn restore(&self, caller: &Caller, id: SessionId) -> Result<Session, Refusal> {
        match self.host.store.session(&caller.tenant, id).await? {
            Some(record) if record.is_away() => {
                self.host.handle(&record).await?.bring_back().await.map_err(Refusal::Start)?;
            }
            Some(record) => return Err(Refusal::NotArchived { status: record.status }),
            None => self.take_over(caller, id).await?,
        }
        self.session(caller, id).await
    }

    async fn take_over(&self, caller: &Caller, id: SessionId) -> Result<(), Refusal> {
        let refused = |error: crate::archive::ArchiveError| match error {
            crate::archive::ArchiveError::NotFound => Refusal::SessionNotFound,
            error => Refusal::Archiving(error.into()),
        };
        let _one_of_few = self.copies.acquire().await.map_err(|_closed| Refusal::Worker)?;
        let manifest = self.host.archive.manifest(&caller.tenant, id).await.map_err(refused)?;
        let import = Import {
            store: self.host.store.clone(),
            uids: self.host.settings.uids.clone(),
            id,
            tenant: caller.tenant.clone(),
            runtime: Runtime::current(),
        };
        let made = self.host.archive.get(&manifest, &manifest.log, move |from| import.run(from));
        let done = match made.await {
            Ok(record) => self.complete(&record, &manifest).await,
            Err(error) => Err(refused(error)),
        };
        if let Err(refusal) = done {
            self.remove_folders(id).await;
            self.host.store.remove_session(id).await?;
            return Err(refusal);
        }
        let restored = Happening::new("session.restored").session(id).agent(&manifest.agent);
        self.host.lifecycle.tell(restored);
        Ok(())
    }

    async fn complete(&self, record: &SessionRecord, manifest: &Manifest) -> Result<(), Refusal> {
        let (host, store) = (&self.host, &self.host.store);
        host.unpack_files(manifest, record.uid).await.map_err(Refusal::Archiving)?;
        let bytes = manifest.files.bytes + manifest.log.bytes;
        let place = FilesPlace::Here;
        let note = ArchiveNote { made_at: manifest.made_at, bytes, place };
        let text = serde_json::to_string(manifest).expect("a manifest has a JSON form");
        store.note_archive(record.key, text, note).await?;
        let status = Some((Status::Stopped, Timestamp::now()));
        let change = SessionChange { status, ..SessionChange::default() };
        Ok(store.update_session(record.id, change).await?)
    }

    /// Archives what has rested for long, finishes what was interrupted, and removes what nobody can
    /// ask for any more.
    pub(super) async fn sweep_archives(&self) -> Result<(), Refusal> {
        for record in self.host.store.half_archived_sessions().await? {
            if self.remove_folders(record.id).await {
                self.host.store.mark_workspace_removed(record.id).await?;
            }
        }
        for record in self.host.store.ended_sessions_with_archive(self.kept_since()).await? {
            match self.host.archive.remove(&record.tenant, record.id).await {
                Ok(()) => {
                    self.host.store.forget_archive(record.key).await?;
                    tracing::info!(session = %record.id, "removed the snapshot of an ended session");
                }
                Err(error) => {
                    let error = chain(&error);
                    tracing::warn!(session = %record.id, error, "could not remove a snapshot");
                }
            }
        }
        let Some(after) = self.settings().archive_after else { return Ok(()) };
        let after = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(Timestamp::now().as_millis().saturating_sub(after));
        for record in self.host.store.sessions_to_archive(before, SWEEP_SESSIONS_MAX).await? {
            let view = self.host.known(record.id).map(|handle| handle.view()).unwrap_or_default();
            if view.busy || view.queued > 0 || view.tier < Tier::Hibernated {
                continue;
            }
            if let Err(refusal) = self.archive_session(&record, false).await {
                let error = chain(&refusal);
                tracing::warn!(session = %record.id, error, "could not archive a session");
            }
        }
        Ok(())
    }
}

/// A session that is made of the rows of a snapshot.
struct Import {
    store: Store,
    uids: Option<std::ops::Range<u32>>,
    id: SessionId,
    tenant: String,
    runtime: Runtime,
}

impl Import {
    /// Reads lines to their end. Blocking, off the runtime's threads.
    fn run(self, from: &mut dyn io::Read) -> io::Result<SessionRecord> {
        let mut lines = BufReader::new(from);
        let first = next(&mut lines)?.map(|(row, _)| row);
        let mut first = first.ok_or(io::ErrorKind::UnexpectedEof)?;
        let attached = match &mut first {
            Row::Session { attachments, .. } => std::mem::take(attachments),
            _ => Vec::new(),
        };
        let record = self.store(self.store.create_session(self.session(first)?))?;
        self.store(self.store.add_attachments(record.key, attached))?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some((row, size)) = next(&mut lines)? {
            rows.push(row);
            bytes += size;
            if rows.len() == ROWS_MAX || bytes > ROWS_BYTES_MAX {
                self.store(self.store.add_rows(record.key, std::mem::take(&mut rows)))?;
                bytes = 0;
            }
        }
        self.store(self.store.add_rows(record.key, rows))?;
        self.store(self.store.count_rows(record.key))?;
        Ok(record)
    }

    fn store<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> io::Result<T> {
        self.runtime.block_on(work).map_err(io::Error::other)
    }

    fn session(&self, row: Row) -> io::Result<NewSession> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let Row::Session {
            id,
            tenant,
            agent_name,
            agent_version,
            digest,
            options,
            environment,
            allowed_hosts,
            model,
            parent,
            created_at,
            budget,
            used,
            ..
        } = row
        else {
            return Err(wrong("it does not begin with the session"));
        };
        if (id.as_str(), tenant.as_str()) != (self.id.to_string().as_str(), self.tenant.as_str()) {
            return Err(wrong("it is another session's"));
        }
        Ok(NewSession {
            id: self.id,
            tenant,
            agent_name: agent_name.parse().map_err(|_name| wrong("it names no agent"))?,
            agent_version,
            digest,
            status: Status::Starting,
            options,
            environment,
            allowed_hosts,
            model,
            uid_block: self.uids.clone(),
            placeholder: Placeholder::random().expose().to_owned(),
            parent: parent.and_then(|parent| parent.parse().ok()),
            job: None,
            created_at: Timestamp::from_millis(created_at),
            budget,
            used: *used,
        })
    }
}

fn next(lines: &mut BufReader<&mut dyn io::Read>) -> io::Result<Option<(Row, usize)>> {
    let mut line = Vec::new();
    let read = io::Read::take(&mut *lines, ROW_BYTES_MAX).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    let row = serde_json::from_slice(&line)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(Some((row, read)))
}
