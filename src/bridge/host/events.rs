//! What a bridge tells, in the order of its numbers.

use std::io;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::bridge::protocol::{Notice, ProtocolError};

/// One numbered thing that a bridge tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BridgeEvent {
    /// A line of the CLI: UTF-8, one JSON object, no line ends in it.
    Frame {
        number: u64,
        line: Bytes,
    },
    Notice {
        number: u64,
        notice: Notice,
    },
}

impl BridgeEvent {
    pub(crate) fn number(&self) -> u64 {
        match self {
            Self::Frame { number, .. } | Self::Notice { number, .. } => *number,
        }
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkEnding {
    #[error("the bridge closed the connection")]
    Closed,
    #[error("the connection to the bridge failed")]
    Io(#[source] io::Error),
    #[error("the bridge broke the protocol")]
    Protocol(#[source] ProtocolError),
}

/// On its way from the reader.
#[derive(Debug)]
pub(super) enum Item {
    /// The permit stands for the event's bytes until it is received.
    Event(BridgeEvent, OwnedSemaphorePermit),
    Ending(LinkEnding),
}

/// The events of a connection. Drop it to close the connection.
#[derive(Debug)]
pub(crate) struct BridgeEvents {
    items: mpsc::Receiver<Item>,
    ending: Option<LinkEnding>,
}

impl BridgeEvents {
    pub(super) fn new(items: mpsc::Receiver<Item>) -> Self {
        Self { items, ending: None }
    }

    /// Waits for the next event; `None` when the connection has ended. Cancel-safe.
    pub(crate) async fn recv(&mut self) -> Option<BridgeEvent> {
        let item = self.items.recv().await;
        self.opened(item)
    }

    /// The next event if it is here already.
    pub(crate) fn try_recv(&mut self) -> Option<BridgeEvent> {
        let item = self.items.try_recv().ok();
        self.opened(item)
    }

    /// Why the connection ended, once it has.
    pub(crate) fn ending(&self) -> Option<&LinkEnding> {
        self.ending.as_ref()
    }

    fn opened(&mut self, item: Option<Item>) -> Option<BridgeEvent> {
        match item? {
            Item::Event(event, _permit) => Some(event),
            Item::Ending(ending) => {
                self.ending = Some(ending);
                None
            }
        }
    }
}
