//! The file requests of one connection. Each is a task, so that a slow one holds up nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{self, AbortHandle, JoinSet};

use super::files::{self, OpenFile};
use super::home;
use crate::bridge::protocol::{
    CHUNK_BYTES, CREDIT_CHUNKS, Kind, Packet, REQUESTS_MAX, Refusal, Reply, Request,
};

/// Requests that may be open: twice what a controller allows itself, because it may know of an
/// end before this side does.
const OPEN_MAX: usize = 2 * REQUESTS_MAX;

/// Jobs on the file system at the same time.
const JOBS_MAX: usize = 4;

/// Answers that wait for the socket.
const ANSWERS_MAX: usize = 4;

/// What is open on a connection.
#[derive(Debug)]
pub(super) struct Transfers {
    workspace: Arc<Path>,
    home: Arc<Path>,
    tasks: JoinSet<()>,
    open: BTreeMap<u64, Transfer>,
    jobs: Arc<Semaphore>,
    answers: mpsc::Sender<Packet>,
    answered: mpsc::Receiver<Packet>,
}

#[derive(Debug)]
struct Transfer {
    /// Chunks that may be sent.
    credit: Arc<Semaphore>,
    task: AbortHandle,
}

impl Transfers {
    pub(super) fn new(workspace: Arc<Path>, home: Arc<Path>) -> Self {
        let (answers, answered) = mpsc::channel(ANSWERS_MAX);
        let jobs = Arc::new(Semaphore::new(JOBS_MAX));
        Self {
            workspace,
            home,
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
        let work = Work {
            workspace: Arc::clone(&self.workspace),
            home: Arc::clone(&self.home),
            number: packet.number,
            credit: Arc::clone(&credit),
            jobs: Arc::clone(&self.jobs),
            answers: self.answers.clone(),
        };
        let task = self.tasks.spawn(work.answer(packet.parse().ok()));
        self.open.insert(packet.number, Transfer { credit, task });
        true
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
            if packet.kind == Kind::Reply && !matches!(packet.parse(), Ok(Reply::File { .. })) {
                self.open.remove(&packet.number);
            }
            return packet;
        }
    }
}

struct Work {
    workspace: Arc<Path>,
    home: Arc<Path>,
    number: u64,
    credit: Arc<Semaphore>,
    jobs: Arc<Semaphore>,
    answers: mpsc::Sender<Packet>,
}

impl Work {
    async fn answer(self, request: Option<Request>) {
        let result = match request {
            Some(Request::ListFiles { hidden }) => self.list(hidden).await,
            Some(Request::ReadFile { path, bytes_max }) => self.read(path, bytes_max).await,
            Some(Request::FindEntry { conversation, entry }) => {
                self.find(&conversation, entry).await
            }
            None => Err(Refusal::Unsupported),
        };
        let reply = result.unwrap_or_else(|reason| Reply::Refused { reason });
        self.send(Packet::json(Kind::Reply, self.number, &reply)).await;
    }

    async fn list(&self, hidden: bool) -> Result<Reply, Refusal> {
        let workspace = Arc::clone(&self.workspace);
        let listing = self.job(move || files::list(&workspace, hidden)).await?;
        let listing = listing.map_err(|_io| Refusal::Failed)?;
        Ok(Reply::Files { files: listing.files, truncated: listing.truncated })
    }

    async fn find(&self, conversation: &str, entry: String) -> Result<Reply, Refusal> {
        let conversation = conversation.parse().map_err(|_no_uuid| Refusal::NotFound)?;
        let (home, workspace) = (Arc::clone(&self.home), Arc::clone(&self.workspace));
        let found = self.job(move || home::has_entry(&home, &workspace, conversation, &entry));
        Ok(Reply::Entry { found: found.await?.map_err(|_io| Refusal::Failed)? })
    }

    async fn read(&self, path: String, bytes_max: u64) -> Result<Reply, Refusal> {
        let workspace = Arc::clone(&self.workspace);
        let file = Arc::new(self.job(move || files::open(&workspace, &path, bytes_max)).await??);
        let reply = Reply::File { size: file.size, modified_ms: file.modified_ms };
        self.send(Packet::json(Kind::Reply, self.number, &reply)).await;
        for offset in (0..file.size).step_by(CHUNK_BYTES) {
            self.credit.acquire().await.map_err(|_closed| Refusal::Failed)?.forget();
            let chunk = self.chunk(Arc::clone(&file), offset).await?;
            self.send(Packet::new(Kind::Chunk, self.number, chunk)).await;
        }
        Ok(Reply::Complete)
    }

    async fn chunk(&self, file: Arc<OpenFile>, offset: u64) -> Result<Bytes, Refusal> {
        self.job(move || file.chunk(offset)).await?.map_err(|_io| Refusal::Failed)
    }

    async fn job<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let _turn = self.jobs.acquire().await.map_err(|_closed| Refusal::Failed)?;
        task::spawn_blocking(work).await.map_err(|_panicked| Refusal::Failed)
    }

    /// Nobody is left to hear that nobody listens.
    async fn send(&self, packet: Packet) {
        drop(self.answers.send(packet).await);
    }
}
