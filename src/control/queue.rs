//! The messages of a session that wait: list them, remove one, run one at once.

use super::{Caller, Control, Refusal};
use crate::id::{SessionId, TurnId};
use crate::runner::handle::{Handle, QueueError};
use crate::session::Status;
use crate::wire::turns::{Queue, QueuedTurn, Removed, SentNow};

impl Control {
    pub(crate) async fn queue(&self, caller: &Caller, id: SessionId) -> Result<Queue, Refusal> {
        let turns = match self.queue_of(caller, id).await? {
            Some(handle) => handle.queue().await,
            None => Vec::new(),
        };
        let turns = turns.into_iter().map(|turn| QueuedTurn {
            turn_id: turn.id,
            state: if turn.started_at.is_some() { "running" } else { "queued" }.to_owned(),
            text: turn.text,
            created_at: turn.accepted_at,
            started_at: turn.started_at,
        });
        Ok(Queue { turns: turns.collect() })
    }

    pub(crate) async fn remove_turn(
        &self,
        caller: &Caller,
        id: SessionId,
        turn: TurnId,
    ) -> Result<Removed, Refusal> {
        let handle = self.queue_of(caller, id).await?.ok_or(Refusal::TurnNotFound)?;
        handle.remove(turn).await.map_err(refused)?;
        Ok(Removed { turn_id: turn })
    }

    pub(crate) async fn send_now(
        &self,
        caller: &Caller,
        id: SessionId,
        turn: TurnId,
    ) -> Result<SentNow, Refusal> {
        let handle = self.queue_of(caller, id).await?.ok_or(Refusal::TurnNotFound)?;
        let interrupted_turn_id = handle.send_now(turn).await.map_err(refused)?;
        Ok(SentNow { turn_id: turn, interrupted_turn_id })
    }

    /// An ended session has no queue.
    async fn queue_of(&self, caller: &Caller, id: SessionId) -> Result<Option<Handle>, Refusal> {
        let record = self.session_record(caller, id).await?;
        if record.status == Status::Ended {
            return Ok(None);
        }
        Ok(Some(self.host.handle(&record).await?))
    }
}

fn refused(error: QueueError) -> Refusal {
    match error {
        QueueError::NotFound => Refusal::TurnNotFound,
        error => Refusal::Queue(error),
    }
}
