//! The file requests of one connection. Each is a task, so that a slow one holds up nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{self, AbortHandle, JoinSet};

use super::archive;
use super::changes::{self, NewFile};
use super::command::Commands;
use super::files::{self, OpenFile};
use super::home;
use super::relay::Settings;
use crate::bridge::protocol::{
    CHUNK_BYTES, CREDIT_CHUNKS, Kind, Packet, REQUESTS_MAX, Refusal, Reply, Request, Tree,
};

/// Requests that may be open: twice what a controller allows itself, because it may know of an
/// end before this side does.
const OPEN_MAX: usize = 2 * REQUESTS_MAX;

/// Jobs on the file system at the same time.
const JOBS_MAX: usize = 4;

/// Archives that are packed or unpacked at the same time, each of which keeps a thread.
const ARCHIVES_MAX: usize = 2;

/// Answers that wait for the socket.
const ANSWERS_MAX: usize = 4;

/// Where requests are done.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) workspace: Arc<Path>,
    pub(super) home: Arc<Path>,
    /// What every command gets.
    pub(super) environment: Arc<BTreeMap<OsString, OsString>>,
    pub(super) commands: Commands,
}

impl Site {
    pub(super) fn new(settings: &Settings, commands: Commands) -> Self {
        Self {
            workspace: Arc::clone(&settings.workspace),
            home: Arc::from(settings.home.as_path()),
            environment: Arc::new(settings.environment.clone()),
            commands,
        }
    }
}

/// What is open on a connection.
#[derive(Debug)]
pub(super) struct Transfers {
    site: Site,
    tasks: JoinSet<()>,
    open: BTreeMap<u64, Transfer>,
    jobs: Arc<Semaphore>,
    archives: Arc<Semaphore>,
    answers: mpsc::Sender<Packet>,
    answered: mpsc::Receiver<Packet>,
}

#[derive(Debug)]
struct Transfer {
    /// Chunks that may be sent.
    credit: Arc<Semaphore>,
    /// What the request sends.
    data: mpsc::Sender<Bytes>,
    task: AbortHandle,
}

impl Transfers {
    pub(super) fn new(site: Site) -> Self {
        let (answers, answered) = mpsc::channel(ANSWERS_MAX);
        let jobs = Arc::new(Semaphore::new(JOBS_MAX));
        Self {
            site,
            archives: Arc::new(Semaphore::new(ARCHIVES_MAX)),
            tasks: JoinSet::new(),
            open: BTreeMap::new(),
            jobs,
            answers,
            answered,
        }
    }

    /// Begins to answer; `false` if there are too many, or the number is taken.
    pub(super) fn start(&mut self, packet: &Packet) -> bool {
        if self.open.len() == OPEN_MAX || self.open.contains_key(&packet.number) {
            return false;
        }
        while self.tasks.try_join_next().is_some() {}
        let credit = Arc::new(Semaphore::new(CREDIT_CHUNKS as usize));
        // One more than there is credit for: the end.
        let (data, sent) = mpsc::channel(CREDIT_CHUNKS as usize + 1);
        let work = Work {
            site: self.site.clone(),
            number: packet.number,
            credit: Arc::clone(&credit),
            jobs: Arc::clone(&self.jobs),
            archives: Arc::clone(&self.archives),
            data: sent,
            answers: self.answers.clone(),
        };
        let task = self.tasks.spawn(work.answer(packet.parse().ok()));
        self.open.insert(packet.number, Transfer { credit, data, task });
        true
    }

    /// Passes on what a request sends; `false` if it is more than was granted. What nobody takes
    /// any more is dropped.
    pub(super) fn data(&self, packet: &Packet) -> bool {
        let Some(transfer) = self.open.get(&packet.number) else { return true };
        let taken = transfer.data.try_send(packet.payload.clone());
        !matches!(taken, Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Allows more chunks.
    pub(super) fn credit(&self, packet: &Packet) {
        let Ok(chunks) = packet.payload.as_ref().try_get_u32() else { return };
        if let Some(transfer) = self.open.get(&packet.number) {
            let most = (CREDIT_CHUNKS as usize).saturating_sub(transfer.credit.available_permits());
            transfer.credit.add_permits(most.min(chunks as usize));
        }
    }

    pub(super) fn cancel(&mut self, number: u64) {
        if let Some(transfer) = self.open.remove(&number) {
            transfer.task.abort();
        }
    }

    /// Waits for the next packet of an answer. Cancel-safe.
    pub(super) async fn next(&mut self) -> Packet {
        loop {
            let packet = self.answered.recv().await.expect("a sender is kept here");
            if !self.open.contains_key(&packet.number) {
                continue;
            }
            let goes_on = matches!(packet.parse(), Ok(Reply::File { .. } | Reply::Stream));
            if packet.kind == Kind::Reply && !goes_on {
                self.open.remove(&packet.number);
            }
            return packet;
        }
    }
}

/// One request at work.
pub(super) struct Work {
    pub(super) site: Site,
    pub(super) number: u64,
    credit: Arc<Semaphore>,
    jobs: Arc<Semaphore>,
    archives: Arc<Semaphore>,
    /// What the request sends; an empty piece ends it.
    pub(super) data: mpsc::Receiver<Bytes>,
    pub(super) answers: mpsc::Sender<Packet>,
}

impl Work {
    async fn answer(mut self, request: Option<Request>) {
        let result = match request {
            Some(Request::ListFiles { hidden }) => self.list(hidden).await,
            Some(Request::ReadFile { path, bytes_max }) => self.read(path, bytes_max).await,
            Some(Request::FindEntry { conversation, entry }) => {
                self.find(&conversation, entry).await
            }
            Some(Request::WriteFile { path, executable, bytes_max }) => {
                self.write(path, executable, bytes_max).await
            }
            Some(Request::DeleteFile { path }) => {
                let workspace = Arc::clone(&self.site.workspace);
                let deleted = self.job(move || changes::delete(&workspace, &path)).await;
                deleted.flatten().map(|()| Reply::Done { files: 1, bytes: 0 })
            }
            Some(Request::Run(order)) => self.run(order).await,
            Some(Request::Pack { tree, gzip, bytes_max }) => self.pack(tree, gzip, bytes_max).await,
            Some(Request::Unpack { tree, keep, bytes_max }) => {
                self.unpack(tree, keep, bytes_max).await
            }
            None => Err(Refusal::Unsupported),
        };
        let reply = result.unwrap_or_else(|reason| Reply::Refused { reason });
        self.send(Packet::json(Kind::Reply, self.number, &reply)).await;
    }

    async fn list(&self, hidden: bool) -> Result<Reply, Refusal> {
        let workspace = Arc::clone(&self.site.workspace);
        let listing = self.job(move || files::list(&workspace, hidden)).await?;
        let listing = listing.map_err(|_io| Refusal::Failed)?;
        Ok(Reply::Files { files: listing.files, truncated: listing.truncated })
    }

    async fn find(&self, conversation: &str, entry: String) -> Result<Reply, Refusal> {
        let conversation = conversation.parse().map_err(|_no_uuid| Refusal::NotFound)?;
        let (home, workspace) = (Arc::clone(&self.site.home), Arc::clone(&self.site.workspace));
        let found = self.job(move || home::has_entry(&home, &workspace, conversation, &entry));
        Ok(Reply::Entry { found: found.await?.map_err(|_io| Refusal::Failed)? })
    }

    async fn read(&self, path: String, bytes_max: u64) -> Result<Reply, Refusal> {
        let workspace = Arc::clone(&self.site.workspace);
        let file = Arc::new(self.job(move || files::open(&workspace, &path, bytes_max)).await??);
        let reply = Reply::File { size: file.size, modified_ms: file.modified_ms };
        self.send(Packet::json(Kind::Reply, self.number, &reply)).await;
        for offset in (0..file.size).step_by(CHUNK_BYTES) {
            self.may_send().await?;
            let chunk = self.chunk(Arc::clone(&file), offset).await?;
            self.send(Packet::new(Kind::Chunk, self.number, chunk)).await;
        }
        Ok(Reply::Complete)
    }

    async fn write(
        &mut self,
        path: String,
        executable: Option<bool>,
        bytes_max: u64,
    ) -> Result<Reply, Refusal> {
        let workspace = Arc::clone(&self.site.workspace);
        let created = self.job(move || NewFile::create(&workspace, &path, executable)).await?;
        let mut file = created?;
        let mut bytes = 0;
        loop {
            // Whoever sends it has gone if there is nothing more and no end.
            let piece = self.data.recv().await.ok_or(Refusal::Failed)?;
            if piece.is_empty() {
                break;
            }
            bytes += piece.len() as u64;
            if bytes > bytes_max {
                return Err(Refusal::TooLarge);
            }
            file = self.job(move || file.append(&piece).map(|()| file)).await??;
            self.send(granted(self.number)).await;
        }
        let bytes = self.job(move || file.finish()).await??;
        Ok(Reply::Done { files: 1, bytes })
    }

    fn tree(&self, tree: Tree) -> Arc<Path> {
        match tree {
            Tree::Workspace => Arc::clone(&self.site.workspace),
            Tree::Home => Arc::clone(&self.site.home),
        }
    }

    async fn pack(&mut self, tree: Tree, gzip: bool, bytes_max: u64) -> Result<Reply, Refusal> {
        let archives = Arc::clone(&self.archives);
        let _one_of_few = archives.acquire().await.map_err(|_closed| Refusal::Failed)?;
        let folder = self.tree(tree);
        let surveyed = Arc::clone(&folder);
        self.job(move || archive::survey(&surveyed, bytes_max)).await??;
        self.send(Packet::json(Kind::Reply, self.number, &Reply::Stream)).await;
        let (chunks, mut packed) = mpsc::channel(1);
        let packing = task::spawn_blocking(move || {
            archive::pack(&folder, gzip, bytes_max, archive::ChunkWriter::new(chunks))
        });
        while let Some(chunk) = packed.recv().await {
            self.may_send().await?;
            self.send(Packet::new(Kind::Chunk, self.number, chunk)).await;
        }
        match packing.await {
            Ok(Ok(())) => Ok(Reply::Complete),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::FileTooLarge => {
                Err(Refusal::TooLarge)
            }
            Ok(Err(_)) | Err(_) => Err(Refusal::Failed),
        }
    }

    async fn unpack(&mut self, tree: Tree, keep: bool, bytes_max: u64) -> Result<Reply, Refusal> {
        let archives = Arc::clone(&self.archives);
        let _one_of_few = archives.acquire().await.map_err(|_closed| Refusal::Failed)?;
        let folder = self.tree(tree);
        let (number, answers) = (self.number, self.answers.clone());
        // The end of this task, or of the connection, ends the thread too.
        let (_ended, nothing) = mpsc::channel(1);
        let data = std::mem::replace(&mut self.data, nothing);
        let taken = move || drop(answers.blocking_send(granted(number)));
        let reader = archive::ChunkReader::new(data, taken);
        let unpacked =
            task::spawn_blocking(move || archive::unpack(&folder, keep, bytes_max, reader));
        let (files, bytes) = unpacked.await.map_err(|_panicked| Refusal::Failed)??;
        Ok(Reply::Done { files, bytes })
    }

    /// Waits until one more chunk may be sent.
    pub(super) async fn may_send(&self) -> Result<(), Refusal> {
        self.credit.acquire().await.map_err(|_closed| Refusal::Failed)?.forget();
        Ok(())
    }

    async fn chunk(&self, file: Arc<OpenFile>, offset: u64) -> Result<Bytes, Refusal> {
        self.job(move || file.chunk(offset)).await?.map_err(|_io| Refusal::Failed)
    }

    pub(super) async fn job<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let _turn = self.jobs.acquire().await.map_err(|_closed| Refusal::Failed)?;
        task::spawn_blocking(work).await.map_err(|_panicked| Refusal::Failed)
    }

    /// Nobody is left to hear that nobody listens.
    pub(super) async fn send(&self, packet: Packet) {
        drop(self.answers.send(packet).await);
    }
}

/// One more piece of data may come.
pub(super) fn granted(number: u64) -> Packet {
    Packet::new(Kind::Granted, number, Bytes::copy_from_slice(&1_u32.to_be_bytes()))
}
