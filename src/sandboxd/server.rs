//! ash-sandboxd's side of the socket: who may ask, how much at once, and for how long.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::keeper::Keeper;
use super::protocol::{Answer, Envelope, PROTOCOL, REQUEST_BYTES_MAX, Request, SandboxdError};
use crate::os::fd;
use crate::os::peer::PeerCredentials;
use crate::sandbox::BridgeStream;

/// Requests that are worked on at the same time; more wait to be accepted.
const REQUESTS_AT_ONCE_MAX: usize = 64;

/// Longest time for a request to arrive and for its answer to be taken: both are one write of a
/// program on the same host.
const TRANSFER_DEADLINE: Duration = Duration::from_secs(10);

/// How long to wait after a connection could not be accepted: the table of files is full.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves requests of root and of the user `peer` until `stop`, and finishes those under way.
pub(crate) async fn serve(
    keeper: Keeper,
    listener: UnixListener,
    peer: u32,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(REQUESTS_AT_ONCE_MAX));
    let tasks = TaskTracker::new();
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accepted => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _address)) => {
                let keeper = keeper.clone();
                tasks.spawn(async move {
                    if let Err(error) = converse(&keeper, stream, peer).await {
                        tracing::debug!(%error, "a request was not answered");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    tasks.close();
    tasks.wait().await;
}

async fn converse(keeper: &Keeper, mut stream: UnixStream, peer: u32) -> io::Result<()> {
    let PeerCredentials { uid, pid, .. } = PeerCredentials::of(&stream)?;
    if uid != 0 && uid != peer {
        // Nothing is read of it, and nothing said.
        tracing::warn!(uid, pid, "a stranger asked and was refused");
        return Ok(());
    }
    let mut bytes = Vec::new();
    let limit = REQUEST_BYTES_MAX as u64 + 1;
    timeout(TRANSFER_DEADLINE, (&mut stream).take(limit).read_to_end(&mut bytes)).await??;
    let (answer, bridge) = match understood(&bytes) {
        Ok(request) => keeper.perform(request).await,
        Err(error) => (Answer::Failed { error }, None),
    };
    if let Answer::Failed { error } = &answer {
        tracing::warn!(%error, "a request failed");
    }
    let bytes = serde_json::to_vec(&answer).expect("an answer has a JSON form");
    timeout(TRANSFER_DEADLINE, send(&mut stream, &bytes, bridge)).await?
}

fn understood(bytes: &[u8]) -> Result<Request, SandboxdError> {
    if bytes.len() > REQUEST_BYTES_MAX {
        return Err(SandboxdError::refused("the request is too long"));
    }
    // Of another version not even the shape is known.
    let envelope: Envelope<&serde_json::value::RawValue> =
        serde_json::from_slice(bytes).map_err(|error| SandboxdError::refused(error.to_string()))?;
    if envelope.protocol != PROTOCOL {
        return Err(SandboxdError::Version { spoken: PROTOCOL });
    }
    serde_json::from_str(envelope.request.get())
        .map_err(|error| SandboxdError::refused(error.to_string()))
}

async fn send(
    stream: &mut UnixStream,
    bytes: &[u8],
    bridge: Option<BridgeStream>,
) -> io::Result<()> {
    let descriptor = match bridge {
        Some(BridgeStream::Unix(stream)) => Some(OwnedFd::from(stream.into_std()?)),
        // One that lives in this process cannot be given away.
        Some(BridgeStream::Simulated(_)) | None => None,
    };
    let raw: Vec<_> = descriptor.iter().map(std::os::fd::AsRawFd::as_raw_fd).collect();
    let sent =
        stream.async_io(Interest::WRITABLE, || fd::send_with(stream.as_fd(), bytes, &raw)).await?;
    stream.write_all(&bytes[sent..]).await?;
    stream.shutdown().await
}

/// For `fuzz/`: a request is the one it says, or none. The bytes are tried as they are, and as what is asked
/// in this version.
#[cfg(feature = "testing")]
pub(crate) fn read_any_request(bytes: &[u8]) {
    drop(understood(bytes));
    let Ok(request) = serde_json::from_slice::<&serde_json::value::RawValue>(bytes) else { return };
    let asked = envelope(&request);
    if let Ok(request) = understood(&asked) {
        assert_eq!(understood(&envelope(&request)), Ok(request));
    }
}

#[cfg(feature = "testing")]
fn envelope(request: &impl serde::Serialize) -> Vec<u8> {
    let envelope = Envelope { protocol: PROTOCOL, request };
    serde_json::to_vec(&envelope).expect("a request has a JSON form")
}
