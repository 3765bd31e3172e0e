//! Requests for files that wait for the bridge's answer.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use futures_util::Stream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Duration, Instant, sleep_until};

use super::SendError;
use super::outbox::Outbox;
use crate::bridge::protocol::{
    CHUNK_BYTES, COMMANDS_MAX, CREDIT_CHUNKS, FILES_MAX, FileEntry, Kind, PATH_BYTES_MAX, Packet,
    ProtocolError, REPLY_BYTES_MAX, REQUESTS_MAX, Refusal, Reply, Request,
};

/// Places for what one request may have on its way: its replies, and its chunks.
const PARTS_MAX: usize = CREDIT_CHUNKS as usize + 2;

/// The files of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileList {
    /// Sorted by path; relative, without `..`.
    pub(crate) files: Vec<FileEntry>,
    pub(crate) truncated: bool,
}

/// What is known of a file before its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileMeta {
    pub(crate) size: u64,
    pub(crate) modified_ms: i64,
}

/// Why there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FileError {
    #[error("the request was refused: {reason:?}")]
    Refused { reason: Refusal },
    #[error("the request was not sent")]
    NotSent(#[source] SendError),
    #[error("the connection to the bridge ended before the answer")]
    Closed,
    #[error("the bridge's answer does not fit the request")]
    Nonsense,
    #[error("{COMMANDS_MAX} commands run in the session, and that is the most")]
    TooManyCommands,
}

/// The requests of one connection.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    shared: Arc<Shared>,
    /// Requests that may be open.
    turns: Arc<Semaphore>,
    /// Commands that may run.
    pub(super) commands: Arc<Semaphore>,
}

#[derive(Debug)]
pub(super) struct Shared {
    outbox: Arc<Outbox>,
    state: Mutex<State>,
    /// Told when the last who needed the connection has gone.
    unneeded: Notify,
}

#[derive(Debug)]
struct State {
    last: u64,
    /// Those who wait.
    open: BTreeMap<u64, Open>,
    /// Those who are about to ask.
    held: usize,
    /// Since when nobody waits and nobody is about to ask.
    unneeded_since: Instant,
    closed: bool,
}

impl State {
    fn is_needed(&self) -> bool {
        self.held > 0 || !self.open.is_empty()
    }
}

/// Somebody is about to ask the bridge something: its sandbox must not go away under him.
#[derive(Debug)]
pub(crate) struct Hold(Arc<Shared>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.release(|state| state.held -= 1);
    }
}

/// One who waits.
#[derive(Debug)]
struct Open {
    parts: mpsc::Sender<Part>,
    /// Pieces of data that may be sent.
    credit: Arc<Semaphore>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.credit.close();
    }
}

/// A piece of an answer.
#[derive(Debug)]
pub(super) enum Part {
    Reply(Reply),
    Chunk(Bytes),
    Errors(Bytes),
}

impl Requests {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        let state = State {
            last: 0,
            open: BTreeMap::new(),
            held: 0,
            unneeded_since: Instant::now(),
            closed: false,
        };
        let (state, unneeded) = (Mutex::new(state), Notify::new());
        let shared = Arc::new(Shared { outbox, state, unneeded });
        let turns = Arc::new(Semaphore::new(REQUESTS_MAX + COMMANDS_MAX));
        Self { shared, turns, commands: Arc::new(Semaphore::new(COMMANDS_MAX)) }
    }

    pub(super) fn are_open(&self) -> bool {
        self.shared.with(|state| state.is_needed())
    }

    pub(super) fn hold(&self) -> Hold {
        self.shared.with(|state| state.held += 1);
        Hold(Arc::clone(&self.shared))
    }

    /// Waits until nobody has needed the connection for so long. Cancel-safe.
    pub(super) async fn unneeded_for(&self, time: Duration) {
        loop {
            let told = self.shared.unneeded.notified();
            let since = self
                .shared
                .with(|state| (!state.is_needed()).then_some(state.unneeded_since + time));
            match since {
                Some(at) if at <= Instant::now() => return,
                Some(at) => sleep_until(at).await,
                None => told.await,
            }
        }
    }

    pub(super) async fn list(&self, request: Request) -> Result<FileList, FileError> {
        let mut answer = self.open(&request).await?;
        match answer.reply().await? {
            Reply::Files { files, truncated } if plausible(&files) => {
                Ok(FileList { files, truncated })
            }
            Reply::Refused { reason } => Err(FileError::Refused { reason }),
            _ => Err(FileError::Nonsense),
        }
    }

    pub(super) async fn find(&self, request: Request) -> Result<bool, FileError> {
        match self.open(&request).await?.reply().await? {
            Reply::Entry { found } => Ok(found),
            Reply::Refused { reason } => Err(FileError::Refused { reason }),
            _ => Err(FileError::Nonsense),
        }
    }

    pub(super) async fn read(&self, request: Request) -> Result<(FileMeta, FileChunks), FileError> {
        let Request::ReadFile { bytes_max, .. } = request else { return Err(FileError::Nonsense) };
        let mut answer = self.open(&request).await?;
        match answer.reply().await? {
            Reply::File { size, modified_ms } if size <= bytes_max => {
                let chunks = FileChunks { answer, left: size, done: false };
                Ok((FileMeta { size, modified_ms }, chunks))
            }
            Reply::Refused { reason } => Err(FileError::Refused { reason }),
            _ => Err(FileError::Nonsense),
        }
    }

    pub(super) async fn open(&self, request: &Request) -> Result<Answer, FileError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_closed| FileError::Closed)?;
        let (sender, parts) = mpsc::channel(PARTS_MAX);
        let credit = Arc::new(Semaphore::new(CREDIT_CHUNKS as usize));
        let number = self.shared.with(|state| {
            if state.closed {
                return Err(FileError::Closed);
            }
            state.last += 1;
            let credit = Arc::clone(&credit);
            state.open.insert(state.last, Open { parts: sender, credit });
            Ok(state.last)
        })?;
        let shared = Arc::clone(&self.shared);
        let answer = Answer { number, parts, shared, credit, _turn: turn };
        let packet = Packet::json(Kind::Request, number, request);
        self.shared.outbox.push(packet).map_err(FileError::NotSent)?;
        Ok(answer)
    }

    pub(super) fn chunk(&self, packet: Packet) -> Result<(), ProtocolError> {
        let (number, kind, bytes) = (packet.number, packet.kind, packet.payload.len());
        if bytes > CHUNK_BYTES {
            return Err(ProtocolError::TooLarge { bytes });
        }
        let part = match kind {
            Kind::Errors => Part::Errors(packet.payload),
            _ => Part::Chunk(packet.payload),
        };
        self.part(number, part, kind)
    }

    /// More data may be sent.
    pub(super) fn granted(&self, packet: &Packet) -> Result<(), ProtocolError> {
        let pieces = packet.payload.as_ref().try_get_u32().map_err(|_short| ProtocolError::Json)?;
        self.shared.with(|state| {
            if let Some(open) = state.open.get(&packet.number) {
                let free = open.credit.available_permits();
                let most = (CREDIT_CHUNKS as usize).saturating_sub(free);
                open.credit.add_permits(most.min(pieces as usize));
            }
        });
        Ok(())
    }

    pub(super) fn reply(&self, packet: &Packet) -> Result<(), ProtocolError> {
        let bytes = packet.payload.len();
        if bytes > REPLY_BYTES_MAX {
            return Err(ProtocolError::TooLarge { bytes });
        }
        let reply: Reply = packet.parse()?;
        if !matches!(reply, Reply::File { .. } | Reply::Stream) {
            // Nobody takes more of its data.
            self.shared.with(|state| {
                if let Some(open) = state.open.get(&packet.number) {
                    open.credit.close();
                }
            });
        }
        self.part(packet.number, Part::Reply(reply), Kind::Reply)
    }

    /// Passes on a piece. One that nobody waits for is dropped: it was cancelled.
    fn part(&self, number: u64, part: Part, kind: Kind) -> Result<(), ProtocolError> {
        self.shared.with(|state| {
            match state.open.get(&number).map(|open| open.parts.try_send(part)) {
                // More than it was given credit for.
                Some(Err(mpsc::error::TrySendError::Full(_))) => {
                    Err(ProtocolError::OutOfPlace { kind })
                }
                _ => Ok(()),
            }
        })
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.shared.release(|state| {
            state.closed = true;
            state.open.clear();
        });
        self.turns.close();
        self.shared.outbox.close();
    }
}

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does what may leave nobody who needs the connection, and tells if so.
    fn release<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let (answer, needed) = self.with(|state| {
            let answer = work(state);
            if !state.is_needed() {
                state.unneeded_since = Instant::now();
            }
            (answer, state.is_needed())
        });
        if !needed {
            self.unneeded.notify_waiters();
        }
        answer
    }
}

/// The answer to one request, as it comes.
#[derive(Debug)]
pub(super) struct Answer {
    number: u64,
    pub(super) parts: mpsc::Receiver<Part>,
    shared: Arc<Shared>,
    credit: Arc<Semaphore>,
    _turn: OwnedSemaphorePermit,
}

impl Answer {
    pub(super) async fn reply(&mut self) -> Result<Reply, FileError> {
        match self.parts.recv().await {
            Some(Part::Reply(reply)) => Ok(reply),
            Some(Part::Chunk(_) | Part::Errors(_)) => Err(FileError::Nonsense),
            None => Err(FileError::Closed),
        }
    }

    /// One chunk of it was consumed: another may come.
    pub(super) fn consumed(&self) {
        self.shared.outbox.credit(self.number);
    }

    /// What sends the request's data.
    pub(super) fn data(&self) -> Data {
        let (shared, credit) = (Arc::clone(&self.shared), Arc::clone(&self.credit));
        Data { number: self.number, shared, credit }
    }
}

/// The data of a request, on its way to the bridge.
#[derive(Debug)]
pub(crate) struct Data {
    number: u64,
    shared: Arc<Shared>,
    credit: Arc<Semaphore>,
}

impl Data {
    /// Sends bytes as the bridge takes them. Fails when the request is over.
    pub(crate) async fn send(&self, mut bytes: Bytes) -> Result<(), FileError> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(CHUNK_BYTES));
            self.credit.acquire().await.map_err(|_over| FileError::Closed)?.forget();
            self.shared.outbox.data(Packet::new(Kind::Data, self.number, piece));
        }
        Ok(())
    }

    /// That was all.
    pub(crate) fn end(&self) {
        self.shared.outbox.data(Packet::new(Kind::Data, self.number, Bytes::new()));
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.shared.release(|state| state.open.remove(&self.number)).is_some() {
            self.shared.outbox.cancel(self.number);
        }
    }
}

/// The content of a file: exactly as many bytes as its size said, or an error at the end.
#[derive(Debug)]
pub(crate) struct FileChunks {
    answer: Answer,
    left: u64,
    done: bool,
}

impl Stream for FileChunks {
    type Item = Result<Bytes, FileError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.done {
            return Poll::Ready(None);
        }
        let Poll::Ready(part) = self.answer.parts.poll_recv(context) else { return Poll::Pending };
        let item = match part {
            Some(Part::Chunk(chunk)) if !chunk.is_empty() && chunk.len() as u64 <= self.left => {
                self.left -= chunk.len() as u64;
                self.answer.shared.outbox.credit(self.answer.number);
                return Poll::Ready(Some(Ok(chunk)));
            }
            Some(Part::Reply(Reply::Complete)) if self.left == 0 => None,
            Some(Part::Reply(Reply::Refused { reason })) => {
                Some(Err(FileError::Refused { reason }))
            }
            Some(_) => Some(Err(FileError::Nonsense)),
            None => Some(Err(FileError::Closed)),
        };
        self.done = true;
        Poll::Ready(item)
    }
}

/// Whether these can be paths below a workspace.
fn plausible(files: &[FileEntry]) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    files.len() <= FILES_MAX
        && files
            .iter()
            .all(|file| file.path.len() <= PATH_BYTES_MAX && file.path.split('/').all(plain))
}
