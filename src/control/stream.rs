//! The events of a session, or of one turn of it: live and from the store, without a seam.

use super::{Caller, Control, Refusal};
use crate::id::{SessionId, TurnId};
pub(crate) use crate::runner::feed::Read;
use crate::runner::feed::Reader;
use crate::session::Status;
use crate::session::frame::FrameKind;
use crate::store::StoreError;

/// What of a session is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything, for as long as the session lives.
    Session,
    /// Everything up to the first end of a turn.
    UntilDone,
    /// One turn up to its end.
    Turn { ordinal: u64 },
}

/// Where a stream begins, and what of it is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StreamRequest {
    /// The last event that the client has; absent: the running turn from its start, else what
    /// comes next.
    pub(crate) after: Option<u64>,
    pub(crate) turn: Option<TurnId>,
    pub(crate) until_done: bool,
    pub(crate) partial: bool,
}

/// Frames in their order.
#[derive(Debug)]
pub(crate) struct EventStream {
    reader: Reader,
    pub(crate) scope: Scope,
    /// The client asked for partial messages.
    pub(crate) partial: bool,
    /// The client has the events up to here.
    pub(crate) after: u64,
    ended: bool,
}

impl Control {
    pub(crate) async fn stream(
        &self,
        caller: &Caller,
        id: SessionId,
        request: StreamRequest,
    ) -> Result<EventStream, Refusal> {
        let record = self.session_record(caller, id).await?;
        let mut reader = self.host.reader(&record, 0).await?;
        let last = reader.last();
        let (scope, start) = if let Some(turn) = request.turn {
            let found = self.host.store.turn(record.key, turn).await?;
            let turn = found.ok_or(Refusal::TurnNotFound)?;
            (Scope::Turn { ordinal: turn.ordinal }, turn.begins_after)
        } else {
            let running = match request.after {
                Some(_) => None,
                None => self.host.store.running_turn(record.key).await?,
            };
            let start = running.map_or(last, |turn| turn.begins_after.min(last));
            (if request.until_done { Scope::UntilDone } else { Scope::Session }, start)
        };
        // A turn has nothing before its start.
        let after = match scope {
            Scope::Turn { .. } => request.after.unwrap_or(0).max(start),
            Scope::Session | Scope::UntilDone => request.after.unwrap_or(start),
        };
        reader.seek(after);
        let mut stream = EventStream::new(reader, scope, request.partial, after);
        stream.ended = record.status == Status::Ended && after == last;
        Ok(stream)
    }
}

impl EventStream {
    pub(super) fn new(reader: Reader, scope: Scope, partial: bool, after: u64) -> Self {
        Self { reader, scope, partial, after, ended: false }
    }

    /// Nothing comes, and nothing ever will.
    pub(crate) fn is_over(&self) -> bool {
        self.ended
    }

    /// The client says that it has events which the log does not have: goes to the log's end, and
    /// says where that is.
    pub(crate) fn came_from_ahead(&mut self) -> Option<u64> {
        let last = self.reader.last();
        if self.after <= last {
            return None;
        }
        self.reader.seek(last);
        self.after = last;
        Some(last)
    }

    /// What comes next; `None` behind the end of what was asked for, or when ashd leaves.
    pub(crate) async fn next(&mut self) -> Result<Option<Read>, StoreError> {
        while !self.ended {
            let Some(read) = self.reader.next().await? else { break };
            if self.is_asked_for(&read) {
                return Ok(Some(read));
            }
        }
        self.ended = true;
        Ok(None)
    }

    /// What comes next if nobody has to wait for it.
    pub(crate) fn next_at_hand(&mut self) -> Option<Read> {
        while !self.ended {
            let read = self.reader.next_at_hand()?;
            if self.is_asked_for(&read) {
                return Some(read);
            }
        }
        None
    }

    /// Judges what was read; the end of what was asked for ends the stream.
    fn is_asked_for(&mut self, read: &Read) -> bool {
        let Read::Frame(frame) = read else { return true };
        if let Scope::Turn { ordinal } = self.scope
            && frame.turn != Some(ordinal)
        {
            return false;
        }
        self.ended = frame.kind == FrameKind::Done && self.scope != Scope::Session;
        true
    }
}
