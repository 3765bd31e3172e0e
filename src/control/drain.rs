//! Drain: nothing new is taken, and what was taken runs to its end. Kept in memory: the next ashd
//! takes work again.

use super::{Control, Refusal};
use crate::clock::Timestamp;
use crate::lifecycle::Happening;
use crate::wire::drain::{BusySession, Drain};

impl Control {
    pub(crate) async fn drain(&self) -> Result<Drain, Refusal> {
        let began = self.drain.send_if_modified(|since| {
            let began = since.is_none();
            since.get_or_insert_with(Timestamp::now);
            began
        });
        if began {
            self.empty_pool();
            self.host.lifecycle.tell(Happening::new("drain.started"));
        }
        self.drain_state().await
    }

    pub(crate) async fn undo_drain(&self) -> Result<Drain, Refusal> {
        if self.drain.send_if_modified(|since| since.take().is_some()) {
            self.host.lifecycle.tell(Happening::new("drain.ended"));
        }
        self.drain_state().await
    }

    pub(crate) async fn drain_state(&self) -> Result<Drain, Refusal> {
        let records = self.host.store.live_sessions().await?;
        let busy = records.iter().filter_map(|record| {
            let view = self.host.known(record.id)?.view();
            // What waits for its user's resume is not waited for.
            let runs = view.busy || (view.queued > 0 && !view.held);
            runs.then(|| BusySession {
                session: record.id,
                agent: record.agent_name.clone(),
                turn: view.turn,
                turn_since: view.turn_since,
                queued_turns: view.queued,
            })
        });
        Ok(Drain { since: *self.drain.borrow(), busy: busy.collect() })
    }

    /// To be asked before anything new is taken.
    pub(super) fn takes_work(&self) -> Result<(), Refusal> {
        if self.is_draining() { Err(Refusal::Draining) } else { Ok(()) }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain.borrow().is_some()
    }
}
