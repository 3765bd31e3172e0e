//! ashd's side of the socket.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net as unix;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::keeper::Answered;
use super::protocol::{ANSWER_BYTES_MAX, Answer, Envelope, PROTOCOL, Request, SandboxdError};
use crate::chain::chain;
use crate::os::{fd, socket};
use crate::sandbox::BridgeStream;

/// Longest wait for an answer. A copy to a slow disk takes minutes, and has a limit of its own on
/// the other side; whoever exceeds this is stuck.
const ANSWER_DEADLINE: Duration = Duration::from_mins(6);

/// How often a request is sent that can be repeated, when ash-sandboxd is restarted meanwhile.
const TRIES_MAX: u32 = 3;

/// Bytes of an answer that are read at first; most have less than a hundred.
const FIRST_READ_BYTES: usize = 4 << 10;

/// Asks ash-sandboxd: a connection per request, so that it may be restarted at any time.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    socket: PathBuf,
}

impl Client {
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    pub(super) async fn ask(&self, request: &Request) -> Result<Answered, SandboxdError> {
        let envelope = Envelope { protocol: PROTOCOL, request };
        let bytes = serde_json::to_vec(&envelope).expect("a request has a JSON form");
        let mut tries = if request.can_be_repeated() { TRIES_MAX } else { 1 };
        loop {
            tries -= 1;
            let outcome = match timeout(ANSWER_DEADLINE, self.once(&bytes)).await {
                Ok(outcome) => outcome,
                Err(_elapsed) => {
                    let minutes = ANSWER_DEADLINE.as_secs() / 60;
                    return Err(SandboxdError::unreachable(format!("no answer in {minutes} min")));
                }
            };
            match outcome {
                Ok(answered) => return Ok(answered),
                Err(error) if tries == 0 => return Err(SandboxdError::unreachable(chain(&error))),
                Err(error) => tracing::debug!(%error, "asking ash-sandboxd again"),
            }
        }
    }

    async fn once(&self, request: &[u8]) -> io::Result<Answered> {
        let mut stream = socket::connect(&self.socket).await.map_err(io::Error::other)?;
        stream.write_all(request).await?;
        stream.shutdown().await?;
        let (bytes, descriptors) = receive(&mut stream).await?;
        if bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it went away"));
        }
        let answer: Answer = serde_json::from_slice(&bytes)?;
        let stream = match (&answer, descriptors.into_iter().next()) {
            (Answer::Connected, Some(descriptor)) => Some(bridge_stream(descriptor)?),
            _ => None,
        };
        Ok((answer, stream))
    }
}

fn bridge_stream(descriptor: OwnedFd) -> io::Result<BridgeStream> {
    let stream = unix::UnixStream::from(descriptor);
    stream.set_nonblocking(true)?;
    Ok(BridgeStream::Unix(UnixStream::from_std(stream)?))
}

/// Everything up to the end of input, and the descriptors that came with its first bytes.
async fn receive(stream: &mut UnixStream) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; FIRST_READ_BYTES];
    let (received, descriptors) = stream
        .async_io(Interest::READABLE, || fd::receive_with(stream.as_fd(), &mut bytes))
        .await?;
    bytes.truncate(received);
    if received > 0 {
        let rest = ANSWER_BYTES_MAX + 1 - received;
        stream.take(rest as u64).read_to_end(&mut bytes).await?;
    }
    if bytes.len() > ANSWER_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the answer is too long"));
    }
    Ok((bytes, descriptors))
}
