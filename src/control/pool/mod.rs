//! The warm pool: sandboxes that stand, with their CLI up, before a session asks for them. A parked
//! one is a session that is nobody's yet, in everything else made as any other.
//!
//! *Invariant:* a parked sandbox holds nothing of any session, and reaches nothing.

mod keep;
mod shelves;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use shelves::{Recipe, Shelves};

use super::{Control, Refusal};
use crate::runner::handle::{Handle, Parked as Waits};
use crate::session::options::{SessionOptions, SpawnOptions, TurnOptions};
use crate::store::{NewSession, SessionRecord};

/// A session that is nobody's.
#[derive(Debug)]
pub(super) struct Parked {
    record: SessionRecord,
    handle: Handle,
}

/// Why a session was started and not taken from the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Miss {
    /// The configuration wants no pool.
    Off,
    /// Variables of its own may hold a secret, which nothing parked is to have.
    Variables,
    /// So may what its servers are started with.
    Servers,
    /// What the agent starts may need them at once, and nothing parked reaches anything.
    Hosts,
    /// None of its kind is parked.
    Empty,
    /// There was one, and it had died.
    Unfit,
}

impl Miss {
    fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Variables => "variables",
            Self::Servers => "servers",
            Self::Hosts => "hosts",
            Self::Empty => "empty",
            Self::Unfit => "unfit",
        }
    }
}

/// What the pool is doing.
#[derive(Debug, Clone, Default)]
pub(super) struct PoolFigures {
    pub(super) warm: u64,
    pub(super) warming: u64,
    pub(super) hits: u64,
    pub(super) misses: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct State {
    shelves: Shelves<Parked>,
    hits: u64,
    misses: BTreeMap<Miss, u64>,
    /// When a session was created last.
    created: Option<Instant>,
    /// Nothing is parked any more: ashd leaves.
    closed: bool,
}

/// The pool of a host.
#[derive(Debug, Default)]
pub(super) struct Pool {
    state: Mutex<State>,
    /// There may be something to do.
    changed: Notify,
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn figures(&self) -> PoolFigures {
        let state = self.state();
        let count = |wanted: Waits| {
            let those =
                state.shelves.parked().filter(|parked| parked.handle.view().parked == wanted);
            those.count() as u64
        };
        PoolFigures {
            warm: count(Waits::Warm),
            warming: count(Waits::Warming) + state.shelves.filling() as u64,
            hits: state.hits,
            misses: state
                .misses
                .iter()
                .map(|(miss, count)| (miss.as_str().to_owned(), *count))
                .collect(),
        }
    }

    fn count(&self, outcome: Result<(), Miss>) {
        let mut state = self.state();
        match outcome {
            Ok(()) => state.hits += 1,
            Err(miss) => *state.misses.entry(miss).or_default() += 1,
        }
    }
}

impl Control {
    /// Gives the session to a parked sandbox that was started for just this; `None` if there is
    /// none. Either way the pool learns what is asked for.
    pub(super) async fn claim(
        &self,
        new: &NewSession,
        options: &SessionOptions,
        own_variables: bool,
        cli: String,
    ) -> Result<Option<SessionRecord>, Refusal> {
        let recipe = match self.recipe(new, options, own_variables, cli) {
            Ok(recipe) => recipe,
            Err(miss) => {
                self.pool.count(Err(miss));
                return Ok(None);
            }
        };
        let forgotten = {
            let mut state = self.pool.state();
            state.created = Some(Instant::now());
            state.shelves.want(&recipe, sample(new), Instant::now())
        };
        self.discard(forgotten);
        let claimed = self.take(&recipe, new).await;
        self.pool.changed.notify_one();
        claimed
    }

    async fn take(
        &self,
        recipe: &Recipe,
        new: &NewSession,
    ) -> Result<Option<SessionRecord>, Refusal> {
        let mut miss = Miss::Empty;
        loop {
            let parked = self.pool.state().shelves.take(recipe);
            let Some(parked) = parked else { break };
            match parked.handle.claim(Box::new(new.clone())).await {
                Ok(Some(record)) => {
                    self.pool.count(Ok(()));
                    return Ok(Some(record));
                }
                Ok(None) => {
                    miss = Miss::Unfit;
                    self.discard(vec![parked]);
                }
                Err(error) => {
                    self.discard(vec![parked]);
                    return Err(Refusal::Store(error));
                }
            }
        }
        self.pool.count(Err(miss));
        Ok(None)
    }

    /// What a session asks for, if it may be taken from the pool at all. Every option is judged: a
    /// new one is to be judged, too.
    fn recipe(
        &self,
        new: &NewSession,
        options: &SessionOptions,
        own_variables: bool,
        cli: String,
    ) -> Result<Recipe, Miss> {
        let SessionOptions {
            mcp_servers,
            limits,
            permission_mode: _,
            ask_permissions: _,
            system_prompt,
            allowed_tools,
            disallowed_tools,
            betas,
            subagents,
            initial_agent,
            // It is told to egress with the claim, not to the sandbox.
            credential_id: _,
            // Only its driver knows them.
            permission_timeout_seconds: _,
            on_permission_timeout: _,
        } = options;
        if self.settings().pool.is_off() {
            return Err(Miss::Off);
        }
        if own_variables {
            return Err(Miss::Variables);
        }
        if !mcp_servers.is_empty() {
            return Err(Miss::Servers);
        }
        if !new.allowed_hosts.is_empty() {
            return Err(Miss::Hosts);
        }
        let own_words = system_prompt.is_some()
            || subagents.is_some()
            || initial_agent.is_some()
            || ![allowed_tools, disallowed_tools, betas].iter().all(|list| list.is_empty());
        Ok(Recipe {
            tenant: new.tenant.clone(),
            agent: new.agent_name.to_string(),
            version: new.agent_version,
            digest: new.digest.clone(),
            label: SpawnOptions::new(options, &TurnOptions::default()).label(),
            environment: new.environment.clone(),
            limits: limits.clone(),
            cli,
            plain: !own_words,
        })
    }

    /// Ends what is parked of an agent that is another one now, or none any more.
    pub(super) fn forget_parked(&self, tenant: &str, agent: &str) {
        let gone = self.pool.state().shelves.forget_agent(tenant, agent);
        self.discard(gone);
    }

    /// Ends everything that is parked, without waiting for it. What is asked for is parked again.
    pub(crate) fn empty_pool(&self) {
        let gone = self.pool.state().shelves.clear();
        self.discard(gone);
        self.pool.changed.notify_one();
    }

    /// Ends everything that is parked, for good.
    pub(crate) async fn close_pool(&self) {
        let gone = {
            let mut state = self.pool.state();
            state.closed = true;
            state.shelves.clear()
        };
        for parked in gone {
            self.undo(&parked.record).await;
        }
    }

    /// In the background: nobody waits for it. What ashd leaves half done its successor ends.
    fn discard(&self, gone: Vec<Parked>) {
        if gone.is_empty() {
            return;
        }
        let control = self.clone();
        tokio::spawn(async move {
            for parked in gone {
                control.undo(&parked.record).await;
            }
        });
    }
}

/// What can be parked of what somebody asked for: nothing that is his.
fn sample(new: &NewSession) -> NewSession {
    NewSession {
        tenant: crate::store::NOBODY.to_owned(),
        placeholder: String::new(),
        // A model can be told to whom it was not told at the start; that there is none cannot.
        model: None,
        budget: crate::store::BudgetRecord::default(),
        ..new.clone()
    }
}
