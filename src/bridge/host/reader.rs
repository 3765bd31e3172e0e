//! The task that reads from a bridge and judges what it reads.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::{Semaphore, mpsc};

use super::READ_BYTES;
use super::events::{BridgeEvent, BridgeEvents, Item, LinkEnding};
use super::files::Requests;
use crate::bridge::protocol::{
    self, Kind, LINE_BYTES_MAX, NOTICE_BYTES_MAX, Notice, Packet, ProtocolError,
};
use crate::os::aside::aside;

/// Events that may wait for the store. When they do, nothing is read, and in the end the CLI
/// waits too.
const EVENTS_MAX: usize = 256;

/// Bytes of events that may wait: one of the longest lines, or many short ones.
const EVENT_BYTES_MAX: usize = LINE_BYTES_MAX;

/// Starts the task.
pub(super) fn start(
    reader: impl AsyncRead + Send + Unpin + 'static,
    buffer: BytesMut,
    stored: u64,
    requests: Requests,
) -> BridgeEvents {
    let (sender, receiver) = mpsc::channel(EVENTS_MAX);
    let judge = Judge {
        last: stored,
        bytes: Arc::new(Semaphore::new(EVENT_BYTES_MAX)),
        events: sender.clone(),
        requests,
    };
    drop(tokio::spawn(async move {
        tokio::select! {
            ending = judge.read(reader, buffer) => drop(sender.send(Item::Ending(ending)).await),
            () = sender.closed() => {}
        }
    }));
    BridgeEvents::new(receiver)
}

thread_local! {
    /// Where the threads of the runtime read to: what came is copied, so that neither a connection that
    /// waits nor a frame that is kept holds more than its own bytes.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Appends what is there to `buffer`, and says how much; waits for it. Cancel-safe.
async fn read_into(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
) -> io::Result<usize> {
    poll_fn(|context| {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut piece = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *reader).poll_read(context, &mut piece))?;
            buffer.extend_from_slice(piece.filled());
            Poll::Ready(Ok(piece.filled().len()))
        })
    })
    .await
}

struct Judge {
    /// The number of the last event.
    last: u64,
    bytes: Arc<Semaphore>,
    events: mpsc::Sender<Item>,
    requests: Requests,
}

impl Drop for Judge {
    fn drop(&mut self) {
        self.requests.close();
    }
}

impl Judge {
    async fn read(
        mut self,
        mut reader: impl AsyncRead + Unpin,
        mut buffer: BytesMut,
    ) -> LinkEnding {
        loop {
            loop {
                match Packet::decode(&mut buffer) {
                    Ok(Some(packet)) => {
                        if let Err(error) = self.take(packet).await {
                            return LinkEnding::Protocol(error);
                        }
                    }
                    Ok(None) => break,
                    Err(error) => return LinkEnding::Protocol(error),
                }
            }
            if buffer.is_empty() {
                // A connection that waits holds no memory.
                buffer = BytesMut::new();
            }
            match read_into(&mut reader, &mut buffer).await {
                Ok(0) => return LinkEnding::Closed,
                Ok(_) => {}
                Err(error) => return LinkEnding::Io(error),
            }
        }
    }

    async fn take(&mut self, packet: Packet) -> Result<(), ProtocolError> {
        match packet.kind {
            Kind::Frame => {
                let is_frame = || protocol::is_frame(&packet.payload);
                if !aside(packet.payload.len(), is_frame) {
                    return Err(ProtocolError::NotAFrame);
                }
                let bytes = packet.payload.len();
                let event = BridgeEvent::Frame { number: packet.number, line: packet.payload };
                self.tell(event, bytes).await
            }
            Kind::Notice => {
                let bytes = packet.payload.len();
                if bytes > NOTICE_BYTES_MAX {
                    return Err(ProtocolError::TooLarge { bytes });
                }
                let notice: Notice = packet.parse()?;
                self.tell(BridgeEvent::Notice { number: packet.number, notice }, bytes).await
            }
            Kind::Chunk | Kind::Errors => self.requests.chunk(packet),
            Kind::Granted => self.requests.granted(&packet),
            Kind::Reply => self.requests.reply(&packet),
            kind => Err(ProtocolError::OutOfPlace { kind }),
        }
    }

    async fn tell(&mut self, event: BridgeEvent, bytes: usize) -> Result<(), ProtocolError> {
        let (expected, found) = (self.last + 1, event.number());
        if found != expected {
            return Err(ProtocolError::Sequence { expected, found });
        }
        self.last = found;
        let bytes = u32::try_from(bytes.min(EVENT_BYTES_MAX)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.bytes).acquire_many_owned(bytes).await;
        let permit = permit.expect("this semaphore is never closed");
        // When nobody listens any more the task is about to end.
        drop(self.events.send(Item::Event(event, permit)).await);
        Ok(())
    }
}
