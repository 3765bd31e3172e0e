//! The messages of a session on their way to the CLI: taken, listed, removed, put first.

use tokio::sync::oneshot;

use super::driver::{Driver, Turn, TurnRequest};
use super::handle::{Accepted, NewTurn, QueueError, SendError, Waiting};
use super::log::Batch;
use crate::clock::Timestamp;
use crate::id::TurnId;
use crate::session::frame::FrameKind;
use crate::session::turn::Outcome;
use crate::store;

/// Messages that may wait behind the running one.
pub(crate) const QUEUE_MAX: usize = 32;

/// Characters of a message that a list of the queue shows.
const TEXT_CHARACTERS_MAX: usize = 200;

impl Driver {
    pub(super) async fn accept(
        &mut self,
        new: NewTurn,
        answer: oneshot::Sender<Result<Accepted, SendError>>,
    ) {
        // The answer was given up: its sender has been told that nothing was taken.
        if answer.is_closed() {
            return;
        }
        match self.take_in(new).await {
            Ok((accepted, begins)) => {
                drop(answer.send(Ok(accepted)));
                if begins {
                    self.run_turn().await;
                }
            }
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    /// Stores a message; says also whether its turn is to be run at once.
    async fn take_in(&mut self, new: NewTurn) -> Result<(Accepted, bool), SendError> {
        if let Some(taken) = self.taken_before(&new).await? {
            return Ok((taken, false));
        }
        if self.queue.len() >= QUEUE_MAX {
            return Err(SendError::QueueFull { max: QUEUE_MAX });
        }
        let NewTurn { id, content, options, idempotency, trace, seat } = new;
        self.seat = self.seat.take().or(seat);
        let request =
            TurnRequest { content: content.value().clone(), options: options.clone(), trace };
        let request = serde_json::to_string(&request).expect("a request has a JSON form");
        let (ordinal, after) = (self.log.next_turn(), self.log.last());
        let accepted_at = Timestamp::now();
        let stored = store::NewTurn { id, ordinal, request, at: accepted_at, idempotency };
        let input = after + 1;
        let may_try_again = !self.host.launcher.is_simulated();
        let turn = Turn {
            ordinal,
            id,
            content,
            options,
            accepted_at,
            started_at: None,
            began: None,
            trace,
            answered: false,
            input,
            may_try_again,
        };
        let begins = self.running.is_none() && self.turns.is_idle() && self.queue.is_empty();
        if !begins {
            self.release().await;
        }
        let first = begins.then(|| self.opening(&turn));
        let frames = self.log.accept(stored, first).await.map_err(SendError::Store)?;
        if begins {
            self.mark_running(turn);
            self.log.show(frames);
        } else {
            self.host.lifecycle.tell(self.of_turn("turn.queued", &turn));
            self.queue.push_back(turn);
        }
        Ok((Accepted { id, ordinal, after }, begins))
    }

    /// The turn of an earlier request with the same key.
    async fn taken_before(&self, new: &NewTurn) -> Result<Option<Accepted>, SendError> {
        let Some(idempotency) = &new.idempotency else { return Ok(None) };
        let found = self.host.store.turn_of_key(self.record.key, &idempotency.key).await;
        match found.map_err(SendError::Store)? {
            None => Ok(None),
            Some((_, digest)) if digest != idempotency.digest => Err(SendError::KeyReused),
            Some((turn, _)) => {
                let (id, ordinal, after) = (turn.id, turn.ordinal, turn.begins_after);
                Ok(Some(Accepted { id, ordinal, after }))
            }
        }
    }

    pub(super) fn waiting(&self) -> Vec<Waiting> {
        let turns = self.running.iter().chain(&self.queue);
        turns
            .map(|turn| Waiting {
                id: turn.id,
                text: turn.content.start_of_text(TEXT_CHARACTERS_MAX),
                accepted_at: turn.accepted_at,
                started_at: turn.started_at,
            })
            .collect()
    }

    /// Tells the CLI to stop; answers the turn that runs.
    pub(super) fn interrupt(&self) -> Option<TurnId> {
        let turn = self.running.as_ref()?;
        if let Some(live) = &self.live {
            // A connection that has ended ends the turn by itself.
            let _sent = live.sender.interrupt();
        }
        Some(turn.id)
    }

    /// Takes a turn that waits out of the queue; whoever streams it hears that it is done.
    pub(super) async fn remove(&mut self, id: TurnId) -> Result<(), QueueError> {
        let place = self.place(id)?;
        let Some(turn) = self.queue.remove(place) else { return Err(QueueError::NotFound) };
        let mut batch = Batch::default();
        let why = r#"{"error":"the message was removed from the queue","code":"removed"}"#;
        batch.push(FrameKind::Error, Some(turn.ordinal), why);
        self.conclude(&turn, Outcome::Interrupted, &mut batch);
        if self.log.commit(batch).await { Ok(()) } else { Err(QueueError::Ending) }
    }

    /// Runs a turn that waits as soon as the running one has been interrupted.
    pub(super) async fn send_now(&mut self, id: TurnId) -> Result<Option<TurnId>, QueueError> {
        let place = self.place(id)?;
        let Some(ordinal) = self.queue.get(place).map(|turn| turn.ordinal) else {
            return Err(QueueError::NotFound);
        };
        let stored = self.host.store.put_first(self.record.key, ordinal).await;
        stored.map_err(QueueError::Store)?;
        if let Some(turn) = self.queue.remove(place) {
            self.queue.push_front(turn);
        }
        let interrupted = self.interrupt();
        self.must_end_soon();
        Ok(interrupted)
    }

    fn place(&self, id: TurnId) -> Result<usize, QueueError> {
        if self.running.as_ref().is_some_and(|turn| turn.id == id) {
            return Err(QueueError::Running);
        }
        self.queue.iter().position(|turn| turn.id == id).ok_or(QueueError::NotFound)
    }
}
