//! What changes a session's files, and commands: requests that send data as well.

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::BridgeSender;
use super::files::{Answer, Data, FileError, Part};
use crate::bridge::protocol::{CommandEnd, Reply, Request, RunCommand, Tree};

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Something on its way into the session. Dropped before its end it changes nothing.
#[derive(Debug)]
pub(crate) struct Upload {
    answer: Answer,
    data: Data,
    /// What was answered before its end.
    early: Option<Result<Reply, FileError>>,
}

impl Upload {
    fn new(answer: Answer) -> Self {
        let data = answer.data();
        Self { answer, data, early: None }
    }

    /// Sends more. Fails as soon as it was refused.
    pub(crate) async fn send(&mut self, bytes: Bytes) -> Result<(), FileError> {
        let reply = tokio::select! {
            sent = self.data.send(bytes) => match sent {
                Ok(()) => return Ok(()),
                Err(_over) => self.answer.reply().await,
            },
            reply = self.answer.reply() => reply,
        };
        let failure = written(reply.clone()).err().unwrap_or(FileError::Nonsense);
        self.early = Some(reply);
        Err(failure)
    }

    /// That was all: waits until it is in its place.
    pub(crate) async fn finish(mut self) -> Result<Written, FileError> {
        let reply = if let Some(reply) = self.early.take() {
            reply
        } else {
            self.data.end();
            self.answer.reply().await
        };
        written(reply)
    }
}

fn written(reply: Result<Reply, FileError>) -> Result<Written, FileError> {
    match reply? {
        Reply::Done { files, bytes } => Ok(Written { files, bytes }),
        Reply::Refused { reason } => Err(FileError::Refused { reason }),
        _ => Err(FileError::Nonsense),
    }
}

/// What a command says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Output(Bytes),
    Errors(Bytes),
    /// Last.
    Ended(CommandEnd),
}

/// A command that runs. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Execution {
    answer: Answer,
    over: bool,
    _one_of_few: OwnedSemaphorePermit,
}

impl Execution {
    /// What sends its standard input.
    pub(crate) fn input(&self) -> Data {
        self.answer.data()
    }

    /// What it says next; `None` behind its end. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Result<Said, FileError>> {
        if self.over {
            return None;
        }
        let said = match self.answer.parts.recv().await {
            Some(Part::Chunk(bytes)) => {
                self.answer.consumed();
                return Some(Ok(Said::Output(bytes)));
            }
            Some(Part::Errors(bytes)) => {
                self.answer.consumed();
                return Some(Ok(Said::Errors(bytes)));
            }
            Some(Part::Reply(Reply::Ended(end))) => Ok(Said::Ended(end)),
            Some(Part::Reply(Reply::Refused { reason })) => Err(FileError::Refused { reason }),
            Some(Part::Reply(_)) => Err(FileError::Nonsense),
            None => Err(FileError::Closed),
        };
        self.over = true;
        Some(said)
    }
}

/// A folder as an archive, in pieces.
#[derive(Debug)]
pub(crate) struct Packed {
    answer: Answer,
    over: bool,
}

impl Packed {
    /// The next bytes; `None` behind the last. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, FileError>> {
        if self.over {
            return None;
        }
        let failure = match self.answer.parts.recv().await {
            Some(Part::Chunk(bytes)) => {
                self.answer.consumed();
                return Some(Ok(bytes));
            }
            Some(Part::Reply(Reply::Complete)) => {
                self.over = true;
                return None;
            }
            Some(Part::Reply(Reply::Refused { reason })) => FileError::Refused { reason },
            Some(_) => FileError::Nonsense,
            None => FileError::Closed,
        };
        self.over = true;
        Some(Err(failure))
    }
}

impl BridgeSender {
    /// Makes a file of the workspace, or replaces it, once all of it has been sent.
    pub(crate) async fn write_file(
        &self,
        path: &str,
        executable: Option<bool>,
        bytes_max: u64,
    ) -> Result<Upload, FileError> {
        let request = Request::WriteFile { path: path.to_owned(), executable, bytes_max };
        Ok(Upload::new(self.requests.open(&request).await?))
    }

    /// Removes what is called `path` in the workspace, if it is no directory.
    pub(crate) async fn delete_file(&self, path: &str) -> Result<(), FileError> {
        let request = Request::DeleteFile { path: path.to_owned() };
        let mut answer = self.requests.open(&request).await?;
        written(answer.reply().await).map(|_done| ())
    }

    /// Runs a command in the sandbox. It waits while the sandbox is frozen.
    pub(crate) async fn run(&self, command: RunCommand) -> Result<Execution, FileError> {
        let free = std::sync::Arc::clone(&self.requests.commands).try_acquire_owned();
        let one_of_few = free.map_err(|_full| FileError::TooManyCommands)?;
        let mut answer = self.requests.open(&Request::Run(command)).await?;
        match answer.reply().await? {
            Reply::Stream => Ok(Execution { answer, over: false, _one_of_few: one_of_few }),
            Reply::Refused { reason } => Err(FileError::Refused { reason }),
            _ => Err(FileError::Nonsense),
        }
    }

    /// A folder of the session as a tar archive. Drop it to stop.
    pub(crate) async fn pack(
        &self,
        tree: Tree,
        gzip: bool,
        bytes_max: u64,
    ) -> Result<Packed, FileError> {
        let request = Request::Pack { tree, gzip, bytes_max };
        let mut answer = self.requests.open(&request).await?;
        match answer.reply().await? {
            Reply::Stream => Ok(Packed { answer, over: false }),
            Reply::Refused { reason } => Err(FileError::Refused { reason }),
            _ => Err(FileError::Nonsense),
        }
    }

    /// Fills a folder of the session from a tar archive. Without `keep` nothing else is in it then.
    pub(crate) async fn unpack(
        &self,
        tree: Tree,
        keep: bool,
        bytes_max: u64,
    ) -> Result<Upload, FileError> {
        let request = Request::Unpack { tree, keep, bytes_max };
        Ok(Upload::new(self.requests.open(&request).await?))
    }
}
