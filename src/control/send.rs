//! Send a message: it becomes a turn of the session, which belongs to the server. The stream is
//! one way to watch it; who leaves misses nothing that is not in the history.

use std::sync::Arc;

use super::{Caller, Control, Refusal};
use crate::id::{SessionId, TurnId};
use crate::runner::feed::Reader;
use crate::runner::handle::NewTurn;
use crate::session::Status;
use crate::session::content::Content;
use crate::session::frame::{Frame, FrameKind};
use crate::session::options::TurnOptions;
use crate::session::tier::Tier;
use crate::store::StoreError;
use crate::wire::turns::SendMessage;

/// The frames of one turn, in order, up to its `done`.
#[derive(Debug)]
pub(crate) struct TurnStream {
    reader: Reader,
    ordinal: u64,
    /// The client asked for partial messages.
    pub(crate) partial: bool,
    ended: bool,
}

impl Control {
    pub(crate) async fn send(
        &self,
        caller: &Caller,
        id: SessionId,
        request: SendMessage,
    ) -> Result<TurnStream, Refusal> {
        let options = TurnOptions::parse(&request)?;
        let content = Content::parse(request.content)?;
        let record = self.session_record(caller, id).await?;
        match record.status {
            // A message wakes a session that rests.
            Status::Active | Status::Error | Status::Paused | Status::Stopped => {}
            status @ (Status::Starting | Status::Ended) => {
                return Err(Refusal::SessionState { status });
            }
        }
        let handle = self.host.handle(&record).await?;
        // Who finds no room hears of it before the message is taken.
        let seat = match handle.view().tier {
            Tier::Hibernated => Some(self.host.seat().await.map_err(Refusal::Start)?),
            Tier::Hot | Tier::Frozen | Tier::Reclaimed => None,
        };
        let partial = options.partial;
        let turn = NewTurn { id: TurnId::new(), content, options, seat };
        let accepted = handle.send(turn).await.map_err(Refusal::Send)?;
        let reader =
            Reader::new(handle.feed(), self.host.store.clone(), record.key, accepted.after);
        Ok(TurnStream { reader, ordinal: accepted.ordinal, partial, ended: false })
    }
}

impl TurnStream {
    /// The next frame of the turn; `None` behind its `done`, or when ashd leaves.
    pub(crate) async fn next(&mut self) -> Result<Option<Arc<Frame>>, StoreError> {
        while !self.ended {
            let Some(frame) = self.reader.next().await? else { break };
            if frame.turn == Some(self.ordinal) {
                self.ended = frame.kind == FrameKind::Done;
                return Ok(Some(frame));
            }
        }
        self.ended = true;
        Ok(None)
    }
}
