//! What ashd says to a bridge, until it is written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::time::{Duration, sleep};
use tokio_util::sync::CancellationToken;

use super::SendError;
use crate::bridge::outgoing::Outgoing;
use crate::bridge::protocol::{Kind, Packet};

/// Commands that may wait: a session has one message under way, so more means that the bridge
/// does not read.
const COMMANDS_MAX: usize = 64;

/// Time to write the last commands of a connection that is being given up.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Shared by those who say something and the task that writes it.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    wake: Notify,
    closed: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    commands: Vec<Packet>,
    /// The latest acknowledgement, if it is not written yet.
    acknowledged: Option<u64>,
    /// Data of requests: as much as the bridge has granted.
    data: Vec<Packet>,
    /// Chunks that were consumed, by request.
    credit: BTreeMap<u64, u32>,
    cancelled: Vec<u64>,
}

impl Outbox {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let answer = work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_one();
        answer
    }

    pub(super) fn push(&self, packet: Packet) -> Result<(), SendError> {
        if self.closed.is_cancelled() {
            return Err(SendError::Closed);
        }
        self.with(|state| {
            if state.commands.len() == COMMANDS_MAX {
                return Err(SendError::Full);
            }
            state.commands.push(packet);
            Ok(())
        })
    }

    /// For what the bridge has room for already.
    pub(super) fn data(&self, packet: Packet) {
        self.with(|state| state.data.push(packet));
    }

    pub(super) fn acknowledge(&self, number: u64) {
        self.with(|state| state.acknowledged = state.acknowledged.max(Some(number)));
    }

    pub(super) fn credit(&self, request: u64) {
        self.with(|state| *state.credit.entry(request).or_default() += 1);
    }

    pub(super) fn cancel(&self, request: u64) {
        self.with(|state| {
            state.credit.remove(&request);
            state.cancelled.push(request);
        });
    }

    /// Nothing more can be said. What was said is still written, for [`FLUSH_MAX`].
    pub(super) fn close(&self) {
        self.closed.cancel();
    }

    /// Waits for something to write; `None` when closed and empty.
    async fn take(&self) -> Option<State> {
        loop {
            let state = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut *state)
            };
            if !state.is_empty() {
                return Some(state);
            }
            if self.closed.is_cancelled() {
                return None;
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = self.closed.cancelled() => {}
            }
        }
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.commands.is_empty()
            && self.data.is_empty()
            && self.acknowledged.is_none()
            && self.credit.is_empty()
            && self.cancelled.is_empty()
    }

    fn encode(self, outgoing: &mut Outgoing) {
        if let Some(number) = self.acknowledged {
            outgoing.push(Kind::Acknowledge, number, &Bytes::new());
        }
        for packet in &self.commands {
            outgoing.push_packet(packet);
        }
        for packet in &self.data {
            outgoing.push_packet(packet);
        }
        for (request, chunks) in self.credit {
            outgoing.push(Kind::Credit, request, &Bytes::copy_from_slice(&chunks.to_be_bytes()));
        }
        for request in self.cancelled {
            outgoing.push(Kind::Cancel, request, &Bytes::new());
        }
    }
}

/// Starts the task that writes.
pub(super) fn start(writer: impl AsyncWrite + Send + Unpin + 'static, outbox: Arc<Outbox>) {
    drop(tokio::spawn(async move {
        tokio::select! {
            () = write(writer, &outbox) => {}
            () = async { outbox.closed.cancelled().await; sleep(FLUSH_MAX).await } => {}
        }
    }));
}

async fn write(mut writer: impl AsyncWrite + Unpin, outbox: &Outbox) {
    let mut outgoing = Outgoing::default();
    while let Some(state) = outbox.take().await {
        state.encode(&mut outgoing);
        if writer.write_all_buf(&mut outgoing).await.is_err() {
            // The reader sees the end too, behind what came before it.
            return outbox.close();
        }
    }
    drop(writer.shutdown().await);
}
