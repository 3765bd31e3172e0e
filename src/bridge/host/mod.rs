//! ashd's end of a bridge. Whatever comes from a sandbox is bytes from an enemy: it is counted,
//! capped and checked here, and a bridge that breaks the rules loses its connection.
//!
//! One task reads and one writes. Frames are slices of what came at once: whoever keeps one for
//! long keeps the others of it.

mod changes;
mod events;
mod files;
mod outbox;
mod reader;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

pub(crate) use changes::{Execution, Packed, Said, Upload, Written};
#[cfg(test)]
pub(crate) use events::LinkEnding;
pub(crate) use events::{BridgeEvent, BridgeEvents};
use files::Requests;
pub(crate) use files::{FileChunks, FileError, FileList, FileMeta, Hold};
use outbox::Outbox;

use super::protocol::{
    self, Answer, BridgeHello, ControllerHello, Kind, LINE_BYTES_MAX, PROTOCOL, PROTOCOL_OLDEST,
    Packet, ProtocolError, Request, StartCli,
};

/// Bytes asked for in one read.
const READ_BYTES: usize = 64 << 10;

/// Pause before more of a transcript is said to a bridge that has not read what was said.
const RESTORE_PAUSE: Duration = Duration::from_millis(5);

/// Largest greeting of a bridge.
const GREETING_BYTES_MAX: usize = 4096;

/// Longest version of a bridge.
const VERSION_BYTES_MAX: usize = 64;

/// A connection to a bridge.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) hello: BridgeHello,
    pub(crate) sender: BridgeSender,
    pub(crate) events: BridgeEvents,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the bridge did not greet within {} ms", .0.as_millis())]
    Deadline(Duration),
    #[error("the bridge closed the connection")]
    Closed,
    #[error("the connection to the bridge failed")]
    Io(#[source] io::Error),
    #[error("the bridge breaks the protocol")]
    Protocol(#[source] ProtocolError),
    #[error(
        "the bridge speaks version {found} of the protocol, and {oldest} is the oldest that is served"
    )]
    TooOld { found: u32, oldest: u32 },
    /// This is another bridge than the one that was talked to before.
    #[error("the bridge is at number {last}, but {stored} was stored already")]
    Behind { last: u64, stored: u64 },
    /// What lies between cannot be had any more; connect with `forgotten` to go on without it.
    #[error("the bridge has forgotten everything up to {forgotten}, but only {stored} was stored")]
    Forgotten { forgotten: u64, stored: u64 },
}

/// Why a command was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    #[error("the connection to the bridge has ended")]
    Closed,
    #[error("the bridge does not take its commands")]
    Full,
    #[error("{bytes} bytes are more than a bridge takes at once")]
    TooLarge { bytes: usize },
}

/// Greets the bridge at the other end of `stream`. `stored` is the highest number that was
/// stored, 0 for none: everything after it comes as an event.
pub(crate) async fn connect<S>(
    stream: S,
    stored: u64,
    deadline: Duration,
) -> Result<Link, LinkError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut buffer = BytesMut::new();
    let greeting = async {
        let mut greeting = BytesMut::new();
        let hello = ControllerHello { protocol: PROTOCOL, stored };
        Packet::json(Kind::Hello, 0, &hello).encode(&mut greeting);
        writer.write_all(&greeting).await.map_err(LinkError::Io)?;
        greeted(&mut reader, &mut buffer).await
    };
    let hello =
        timeout(deadline, greeting).await.map_err(|_elapsed| LinkError::Deadline(deadline))??;
    if hello.protocol < PROTOCOL_OLDEST {
        return Err(LinkError::TooOld { found: hello.protocol, oldest: PROTOCOL_OLDEST });
    }
    if hello.last < stored {
        return Err(LinkError::Behind { last: hello.last, stored });
    }
    if hello.forgotten > stored {
        return Err(LinkError::Forgotten { forgotten: hello.forgotten, stored });
    }
    let outbox = Arc::new(Outbox::default());
    let requests = Requests::new(Arc::clone(&outbox));
    let events = reader::start(reader, buffer, stored, requests.clone());
    outbox::start(writer, Arc::clone(&outbox));
    Ok(Link { hello, sender: BridgeSender { outbox, requests }, events })
}

async fn greeted(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> Result<BridgeHello, LinkError> {
    let no_greeting = LinkError::Protocol(ProtocolError::NoGreeting);
    let packet = loop {
        if protocol::peek_header(buffer).is_some_and(|(bytes, _)| bytes > GREETING_BYTES_MAX) {
            return Err(no_greeting);
        }
        if let Some(packet) = Packet::decode(buffer).map_err(LinkError::Protocol)? {
            break packet;
        }
        buffer.reserve(READ_BYTES);
        if reader.read_buf(buffer).await.map_err(LinkError::Io)? == 0 {
            return Err(LinkError::Closed);
        }
    };
    if packet.kind != Kind::Welcome {
        return Err(no_greeting);
    }
    let hello: BridgeHello = packet.parse().map_err(LinkError::Protocol)?;
    // It is shown to people.
    let plain = hello.version.len() <= VERSION_BYTES_MAX
        && hello.version.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { Ok(hello) } else { Err(no_greeting) }
}

/// Says things to a bridge. No call waits for it, except for files.
#[derive(Debug, Clone)]
pub(crate) struct BridgeSender {
    outbox: Arc<Outbox>,
    requests: Requests,
}

impl BridgeSender {
    /// Everything up to `number` is stored.
    pub(crate) fn acknowledge(&self, number: u64) {
        self.outbox.acknowledge(number);
    }

    /// Starts the CLI; a running one is ended first.
    pub(crate) fn start(&self, start: &StartCli) -> Result<(), SendError> {
        self.command(Packet::json(Kind::Start, 0, start))
    }

    /// Gives lines to the CLI. The bridge drops a `number` that it has seen.
    pub(crate) fn input(&self, number: u64, lines: Bytes) -> Result<(), SendError> {
        self.command(Packet::new(Kind::Input, number, lines))
    }

    /// Interrupts the running turn.
    pub(crate) fn interrupt(&self) -> Result<(), SendError> {
        self.command(Packet::new(Kind::Interrupt, 0, Bytes::new()))
    }

    /// Answers a question of the CLI. The bridge skips one that is not open.
    pub(crate) fn answer(&self, answer: &Answer) -> Result<(), SendError> {
        self.command(Packet::json(Kind::Answer, 0, answer))
    }

    /// Asks something of the CLI, if one runs: one line, a control request.
    pub(crate) fn control(&self, line: Bytes) -> Result<(), SendError> {
        self.command(Packet::new(Kind::Control, 0, line))
    }

    /// Stops every other process of the sandbox, where the bridge can.
    pub(crate) fn pause(&self) -> Result<(), SendError> {
        self.command(Packet::new(Kind::Pause, 0, Bytes::new()))
    }

    /// Lets them go on.
    pub(crate) fn go_on(&self) -> Result<(), SendError> {
        self.command(Packet::new(Kind::Continue, 0, Bytes::new()))
    }

    /// Ends the CLI, in steps, and then the bridge.
    pub(crate) fn shutdown(&self) -> Result<(), SendError> {
        self.command(Packet::new(Kind::Shutdown, 0, Bytes::new()))
    }

    fn command(&self, packet: Packet) -> Result<(), SendError> {
        let bytes = packet.payload.len();
        if bytes > LINE_BYTES_MAX {
            return Err(SendError::TooLarge { bytes });
        }
        self.outbox.push(packet)
    }

    /// Whether the conversation's transcript has a whole line with this id in it.
    pub(crate) async fn has_entry(
        &self,
        conversation: String,
        entry: String,
    ) -> Result<bool, FileError> {
        self.requests.find(Request::FindEntry { conversation, entry }).await
    }

    /// Gives entries of the conversation's transcript to the next start; the first of them
    /// `begins`. Waits while the bridge does not read.
    pub(crate) async fn restore(&self, begins: bool, entries: Bytes) -> Result<(), SendError> {
        let packet = Packet::new(Kind::Restore, u64::from(!begins), entries);
        loop {
            match self.command(packet.clone()) {
                Err(SendError::Full) => tokio::time::sleep(RESTORE_PAUSE).await,
                other => return other,
            }
        }
    }

    /// Somebody waits for an answer, or is about to ask.
    pub(crate) fn is_asked(&self) -> bool {
        self.requests.are_open()
    }

    /// Keeps [`BridgeSender::is_asked`] true.
    pub(crate) fn hold(&self) -> Hold {
        self.requests.hold()
    }

    /// Waits until nobody has asked anything for so long. Cancel-safe.
    pub(crate) async fn unasked_for(&self, time: Duration) {
        self.requests.unneeded_for(time).await;
    }

    /// The regular files of the workspace. It waits while the sandbox is frozen.
    pub(crate) async fn list_files(&self, hidden: bool) -> Result<FileList, FileError> {
        self.requests.list(Request::ListFiles { hidden }).await
    }

    /// One file of the workspace. Drop the chunks to stop it.
    pub(crate) async fn read_file(
        &self,
        path: &str,
        bytes_max: u64,
    ) -> Result<(FileMeta, FileChunks), FileError> {
        self.requests.read(Request::ReadFile { path: path.to_owned(), bytes_max }).await
    }
}
