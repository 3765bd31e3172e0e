//! The task that keeps the pool: parks what is asked for when nobody waits for anything, and ends
//! what nobody asks for.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::{Control, Refusal};
use super::shelves::{Due, Recipe};
use super::{Parked, Waits};
use crate::clock::Timestamp;
use crate::egress::Placeholder;
use crate::id::SessionId;
use crate::runner::pressure::available_percent;
use crate::session::Status;
use crate::store::NewSession;

/// How long nobody has created a session before one is parked: a burst of them, and the start of
/// the CLI that the last one waits for, come first.
const QUIET: Duration = Duration::from_millis(500);

/// How often it is looked what is not worth being kept any more, while something may be.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Memory that must be available to park one more, in percent of all: of 4 GB what four sessions
/// at work need.
const AVAILABLE_PERCENT_TO_PARK: u64 = 30;

/// Memory below which everything that is parked is ended, in percent of all.
const AVAILABLE_PERCENT_TO_KEEP: u64 = 15;

impl Control {
    /// Keeps the pool until ashd leaves.
    pub(crate) async fn keep_pool(&self) {
        loop {
            let has_shelves = !self.pool.state().shelves.is_empty();
            tokio::select! {
                () = self.pool.changed.notified() => {}
                () = sleep(LOOK_EVERY), if has_shelves => {}
                () = self.host.closing.cancelled() => return,
            }
            self.end_outdated();
            while let Some(due) = self.due() {
                self.discard(due.instead_of.into_iter().collect());
                self.fill(due.recipe, due.sample).await;
            }
        }
    }

    fn end_outdated(&self) {
        let settings = self.settings().pool;
        let short = self.is_draining() || self.has_less_than(AVAILABLE_PERCENT_TO_KEEP);
        let gone = {
            let mut state = self.pool.state();
            if short {
                state.shelves.clear()
            } else {
                let is_dead = |parked: &Parked| parked.handle.view().parked == Waits::No;
                state.shelves.outdated(settings, Instant::now(), is_dead)
            }
        };
        self.discard(gone);
    }

    /// Simulated sandboxes have no memory to speak of.
    fn has_less_than(&self, percent: u64) -> bool {
        !self.host.launcher.is_simulated()
            && available_percent().is_some_and(|available| available < percent)
    }

    /// What to park now, if this is the time for it.
    fn due(&self) -> Option<Due<Parked>> {
        let settings = self.settings().pool;
        if self.is_draining() || !self.host.is_calm() {
            return None;
        }
        let now = Instant::now();
        let mut state = self.pool.state();
        let quiet = state.created.is_none_or(|created| now.duration_since(created) >= QUIET);
        if !quiet || state.closed {
            return None;
        }
        let due = state.shelves.due(settings, now)?;
        drop(state);
        if self.has_less_than(AVAILABLE_PERCENT_TO_PARK) {
            let given_up = self.pool.state().shelves.filled(&due.recipe, None, now);
            debug_assert!(given_up.is_none());
            self.discard(due.instead_of.into_iter().collect());
            return None;
        }
        Some(due)
    }

    async fn fill(&self, recipe: Recipe, sample: NewSession) {
        let parked = match self.park(&recipe, sample).await {
            Ok(parked) => parked,
            Err(refusal) => {
                tracing::warn!(agent = recipe.agent, %refusal, "a sandbox could not be parked");
                None
            }
        };
        let unwanted = {
            let mut state = self.pool.state();
            if state.closed {
                parked
            } else {
                state.shelves.filled(&recipe, parked, Instant::now())
            }
        };
        if let Some(parked) = unwanted {
            self.undo(&parked.record).await;
        }
    }

    /// Makes a session that is nobody's; `None` if there is no room for it, or no such agent.
    async fn park(&self, recipe: &Recipe, sample: NewSession) -> Result<Option<Parked>, Refusal> {
        // No version may go away between its choice and its copy.
        let _kept = self.versions.read().await;
        let agent = self.host.store.agent(&recipe.tenant, &sample.agent_name).await?;
        if agent.is_none_or(|agent| agent.version != recipe.version) {
            let gone = self.pool.state().shelves.forget_recipe(recipe);
            self.discard(gone);
            return Ok(None);
        }
        let Some(seat) = self.host.spare_seat() else { return Ok(None) };
        let new = NewSession {
            id: SessionId::new(),
            status: Status::Starting,
            placeholder: Placeholder::random().expose().to_owned(),
            created_at: Timestamp::now(),
            ..sample
        };
        let record = self.store_session(new).await?;
        let made = async {
            self.prepare(&record).await?;
            let handle = self.host.handle(&record).await?;
            handle.park(seat).await.map_err(Refusal::Start)?;
            Ok(handle)
        };
        match made.await {
            Ok(handle) => Ok(Some(Parked { record, handle })),
            Err(refusal) => {
                self.undo(&record).await;
                Err(refusal)
            }
        }
    }
}
