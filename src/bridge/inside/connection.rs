//! The one connection to a controller.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::net::UnixListener;
use tokio::time::{Duration, sleep};

use super::journal::{AHEAD_BYTES, Cursor, Journal};
use super::transfers::{Site, Transfers};
use crate::bridge::outgoing::Outgoing;
use crate::bridge::protocol::{Packet, ProtocolError};

/// Bytes asked for in one read: commands are short, messages come in one piece.
const READ_BYTES: usize = 16 << 10;

/// Pause after a connection could not be accepted, which happens when descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where controllers come from.
#[derive(Debug)]
pub(super) enum Door {
    /// Ever new ones; the latest is the one that counts.
    Listener(UnixListener),
    /// One, and when it leaves the bridge ends.
    Only(Option<DuplexStream>),
}

impl Door {
    /// Waits for the next controller. Cancel-safe.
    pub(super) async fn next(&mut self) -> (Reader, Writer) {
        match self {
            Self::Listener(listener) => loop {
                match listener.accept().await {
                    Ok((stream, _peer)) => {
                        let (reader, writer) = stream.into_split();
                        return (Box::new(reader), Box::new(writer));
                    }
                    Err(_io) => sleep(ACCEPT_PAUSE).await,
                }
            },
            Self::Only(stream) => match stream.take() {
                Some(stream) => {
                    let (reader, writer) = tokio::io::split(stream);
                    (Box::new(reader), Box::new(writer))
                }
                None => std::future::pending().await,
            },
        }
    }

    /// Whether somebody may come after the present one has left.
    pub(super) fn stays_open(&self) -> bool {
        !matches!(self, Self::Only(None))
    }
}

type Reader = Box<dyn AsyncRead + Send + Unpin>;
type Writer = Box<dyn AsyncWrite + Send + Unpin>;

pub(super) struct Connection {
    reader: Reader,
    writer: Writer,
    inbox: BytesMut,
    pub(super) outgoing: Outgoing,
    /// How far it has been told; none before its greeting.
    pub(super) cursor: Option<Cursor>,
    pub(super) transfers: Transfers,
}

/// What happened on a connection.
#[derive(Debug)]
pub(super) enum ConnectionEvent {
    /// Something came; [`Connection::next_packet`] has it.
    Read,
    Wrote,
    /// It ended, or cannot go on.
    Lost,
}

impl Connection {
    pub(super) fn new((reader, writer): (Reader, Writer), site: Site) -> Self {
        Self {
            reader,
            writer,
            inbox: BytesMut::new(),
            outgoing: Outgoing::default(),
            cursor: None,
            transfers: Transfers::new(site),
        }
    }

    /// Hands out what the journal has.
    pub(super) fn pump(&mut self, journal: &Journal) {
        if let Some(cursor) = &mut self.cursor {
            cursor.advance(journal, &mut self.outgoing);
        }
    }

    /// Whether everything up to `last` has left.
    pub(super) fn has_sent(&self, last: u64) -> bool {
        self.outgoing.is_empty() && self.cursor.as_ref().is_none_or(|cursor| cursor.sent() == last)
    }

    pub(super) fn next_packet(&mut self) -> Result<Option<Packet>, ProtocolError> {
        Packet::decode(&mut self.inbox)
    }

    /// Reads and writes. Cancel-safe.
    pub(super) async fn event(&mut self) -> ConnectionEvent {
        let Self { reader, writer, inbox, outgoing, cursor, transfers } = self;
        let may_answer = outgoing.len() < AHEAD_BYTES;
        tokio::select! {
            result = read(reader, inbox) => match result {
                Ok(bytes) if bytes > 0 => ConnectionEvent::Read,
                _ended => ConnectionEvent::Lost,
            },
            result = writer.write_buf(outgoing), if !outgoing.is_empty() => match result {
                Ok(bytes) if bytes > 0 => ConnectionEvent::Wrote,
                _closed => ConnectionEvent::Lost,
            },
            result = replay(cursor) => match result {
                Ok(packets) => {
                    self.outgoing.push_bytes(&packets);
                    ConnectionEvent::Wrote
                }
                // It comes again and asks again.
                Err(_io) => ConnectionEvent::Lost,
            },
            packet = transfers.next(), if may_answer => {
                self.outgoing.push_packet(&packet);
                ConnectionEvent::Wrote
            }
        }
    }
}

async fn read(reader: &mut Reader, inbox: &mut BytesMut) -> io::Result<usize> {
    inbox.reserve(READ_BYTES);
    reader.read_buf(inbox).await
}

async fn replay(cursor: &mut Option<Cursor>) -> io::Result<Bytes> {
    match cursor {
        Some(cursor) => cursor.read().await,
        None => std::future::pending().await,
    }
}
