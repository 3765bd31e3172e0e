//! Scopes that are ready before their sandboxes. A session that comes back asks for its own when its
//! start begins, beside the other work; for new sessions the ids are chosen ahead, so that a scope is
//! ready under the name that it will have.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::host::Host;
use crate::id::SessionId;
use crate::sandbox::Limits;
use crate::sandboxd::Expectation;

/// The ids of the next sessions.
#[derive(Debug)]
pub(super) struct Ahead {
    ids: Mutex<VecDeque<(SessionId, Expectation)>>,
    /// How many there should be; 0 if nothing is prepared at all.
    wanted: usize,
    /// A sandbox that was expected has started, or will not.
    used: Arc<Notify>,
}

impl Ahead {
    pub(super) fn new(wanted: usize) -> Self {
        Self { ids: Mutex::default(), wanted, used: Arc::default() }
    }

    /// Those whose scopes are still there.
    fn ids(&self) -> MutexGuard<'_, VecDeque<(SessionId, Expectation)>> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.retain(|(_id, expectation)| expectation.is_kept());
        ids
    }
}

/// A session whose sandbox is about to start: its scope is kept as long as this is.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) id: SessionId,
    _scope: Option<Held>,
    used: Arc<Notify>,
}

/// Dropped, it is given up, also while it is still asked for.
#[derive(Debug)]
enum Held {
    Kept(#[expect(dead_code, reason = "it is kept")] Expectation),
    Asked(
        #[expect(dead_code, reason = "what is asked for is kept")] JoinHandle<Option<Expectation>>,
    ),
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.used.notify_one();
    }
}

impl Host {
    /// The id of a new session, whose scope is ready, or on its way.
    pub(crate) fn next_session(&self) -> Expected {
        let ready = self.ahead.ids().pop_front();
        match ready {
            Some((id, expectation)) => Expected {
                id,
                _scope: Some(Held::Kept(expectation)),
                used: Arc::clone(&self.ahead.used),
            },
            None => self.expect(SessionId::new(), self.settings.limits.clone()),
        }
    }

    /// Has the scope of a session made while other work is done.
    pub(super) fn expect(&self, id: SessionId, limits: Limits) -> Expected {
        // Where starts wait for processors there is nothing to be gained.
        let worth_it = self.ahead.wanted > 0
            && !self.launcher.is_simulated()
            && self.launches.available_permits() > 0;
        let scope = worth_it.then(|| {
            let host = self.clone();
            Held::Asked(tokio::spawn(async move { host.ask_for_scope(id, limits).await }))
        });
        Expected { id, _scope: scope, used: Arc::clone(&self.ahead.used) }
    }

    /// `None` also where that fails: the start of the sandbox will say what is wrong.
    async fn ask_for_scope(&self, id: SessionId, limits: Limits) -> Option<Expectation> {
        self.launcher.expect(id, limits).await.unwrap_or_else(|error| {
            tracing::debug!(session = %id, %error, "no scope is prepared");
            None
        })
    }

    /// Keeps scopes ready for new sessions, made when nobody waits for one, until ashd leaves.
    pub(crate) async fn keep_ahead(&self) {
        if self.ahead.wanted == 0 || self.launcher.is_simulated() {
            return;
        }
        loop {
            // Each once: where none can be made, the next look is as good.
            let missing = self.ahead.wanted.saturating_sub(self.ahead.ids().len());
            for _ in 0..missing {
                let id = SessionId::new();
                let limits = self.settings.limits.clone();
                let Some(expectation) = self.ask_for_scope(id, limits).await else { break };
                self.ahead.ids().push_back((id, expectation));
            }
            tokio::select! {
                () = self.ahead.used.notified() => {}
                () = self.closing.cancelled() => break,
            }
        }
        self.ahead.ids().clear();
    }
}
