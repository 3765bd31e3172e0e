//! What a driver does with a session that nobody talks to: freezes its sandbox, gives its memory
//! back, and ends it in the end; and how it wakes. Only between turns.
//!
//! *Invariant:* whatever the driver wants of a sandbox, it thaws it first.

use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::driver::Driver;
use super::handle::{RestError, StartError, Stillness, View};
use super::live::next_event;
use super::log::Batch;
use crate::chain::chain;
use crate::metrics::COUNTS;
use crate::sandboxd::SandboxdError;
use crate::session::Status;
use crate::session::frame::FrameKind;
use crate::session::tier::{Abilities, Tier};
use crate::session::turn::Outcome;
use crate::store::TurnState;

/// Time for a sandbox to leave by itself: the bridge ends the CLI in steps of 2 s, and takes
/// 8 s at most.
const LEAVE_DEADLINE: Duration = Duration::from_secs(10);

/// How a session rests.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) tier: Tier,
    /// Since when nobody wants anything of it.
    pub(super) since: Instant,
    /// It was paused while its CLI still started: frozen as soon as that is done.
    freeze_when_ready: bool,
    /// Found out when first tried.
    pub(super) abilities: Abilities,
    /// The bridge stopped the processes, not the kernel's freezer.
    stopped_by_bridge: bool,
}

impl Rest {
    pub(super) fn new() -> Self {
        Self {
            tier: Tier::Hibernated,
            since: Instant::now(),
            freeze_when_ready: false,
            abilities: Abilities { freeze: true, reclaim: true },
            stopped_by_bridge: false,
        }
    }

    /// There is a new sandbox, or one that was taken over.
    pub(super) fn warm(&mut self, stopped_by_bridge: bool) {
        *self = Self { stopped_by_bridge, ..Self::new() };
        self.tier = if stopped_by_bridge { Tier::Frozen } else { Tier::Hot };
    }

    pub(super) fn touch(&mut self) {
        self.since = Instant::now();
    }
}

impl Driver {
    /// Tells outsiders what can be seen.
    pub(super) fn show(&self) {
        let queued = u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
        let rests = self.live.is_some() && self.is_at_rest();
        let view = View {
            status: Some(self.record.status),
            busy: self.running.is_some(),
            turn: self.running.as_ref().map(|turn| turn.id),
            turn_since: self.running.as_ref().and_then(|turn| turn.started_at),
            spent: self.spent.all(),
            held: self.is_held(),
            open_permissions: self.questions.count(),
            queued,
            tier: self.rest.tier,
            rests_since: rests.then_some(self.rest.since),
            reclaims: self.rest.abilities.reclaim,
            parked: self.parked(),
            traced: self.traced,
        };
        self.view.send_if_modified(|seen| std::mem::replace(seen, view) != view);
    }

    /// A message wakes a session that was put to rest, also if others wait before it.
    pub(super) async fn release(&mut self) {
        if self.is_held() {
            let mut batch = Batch::default();
            self.set_status(Status::Active, &mut batch);
            self.log.commit(batch).await;
        }
    }

    /// Nothing runs and nothing waits.
    pub(super) fn is_at_rest(&self) -> bool {
        self.running.is_none() && self.turns.is_idle() && (self.queue.is_empty() || self.is_held())
    }

    /// Its user put it to rest: what waits, waits for a resume or for the next message.
    pub(super) fn is_held(&self) -> bool {
        matches!(self.record.status, Status::Paused | Status::Stopped)
    }

    /// When it is to become colder.
    pub(super) fn cools_at(&self) -> Option<Instant> {
        let settled = self.live.as_ref().is_some_and(super::live::Live::cli_is_settled);
        if !settled || !self.is_at_rest() || self.record.is_parked() {
            return None;
        }
        let paused = self.is_held();
        let (_, after) =
            self.host.policy().tiers.next(self.rest.tier, paused, self.rest.abilities)?;
        Some(self.rest.since + after)
    }

    /// It has rested for long enough.
    pub(super) async fn cool(&mut self) {
        let paused = self.is_held();
        let next = self.host.policy().tiers.next(self.rest.tier, paused, self.rest.abilities);
        if let Some((tier, _)) = next {
            self.cool_to(tier).await;
        }
    }

    /// Makes it as cold as `tier`, if it rests; what is not possible here is left.
    pub(super) async fn cool_to(&mut self, tier: Tier) {
        let Some(live) = &self.live else { return };
        if self.record.is_parked() {
            // It has nothing to write, and another takes its place when there is room again.
            self.end_sandbox().await;
            return self.show();
        }
        // A CLI that is on its way up may be ended, but not stopped.
        if !self.is_at_rest() || !(live.cli_is_settled() || tier == Tier::Hibernated) {
            return;
        }
        if live.sender.is_asked() {
            // A file is on its way to a client, who may take his time.
            return self.rest.touch();
        }
        let before = self.rest.tier;
        match tier {
            Tier::Hot => {}
            Tier::Frozen => self.freeze().await,
            Tier::Reclaimed => {
                if self.rest.tier == Tier::Hot {
                    self.freeze().await;
                }
                self.reclaim().await;
            }
            // Who archives it has asked for its stillness.
            Tier::Hibernated | Tier::Archived => self.hibernate().await,
        }
        if self.rest.tier != before {
            let cooled = self.happening("session.cooled");
            self.host.lifecycle.tell(cooled.with("tier", self.rest.tier.as_str()));
        }
        self.show();
    }

    async fn freeze(&mut self) {
        if self.rest.tier != Tier::Hot {
            return;
        }
        match self.host.launcher.freeze(self.record.id).await {
            Ok(()) => self.rest.tier = Tier::Frozen,
            Err(SandboxdError::NoControlGroup) => self.stop_by_bridge(),
            Err(error) => {
                let session = self.record.id;
                tracing::warn!(%session, error = chain(&error), "the sandbox could not be frozen");
                self.rest.abilities.freeze = false;
            }
        }
    }

    /// Without a control group the bridge stops the processes beside it.
    fn stop_by_bridge(&mut self) {
        let Some(live) = &self.live else { return };
        self.rest.abilities.reclaim = false;
        if live.sender.pause().is_ok() {
            self.rest.tier = Tier::Frozen;
            self.rest.stopped_by_bridge = true;
        } else {
            self.rest.abilities.freeze = false;
        }
    }

    async fn reclaim(&mut self) {
        if !self.rest.abilities.reclaim {
            return;
        }
        let session = self.record.id;
        match self.host.launcher.reclaim(self.record.id).await {
            Ok(bytes) => {
                tracing::debug!(%session, bytes, "memory of the session was reclaimed");
                self.rest.tier = Tier::Reclaimed;
            }
            Err(error) => {
                tracing::debug!(%session, error = chain(&error), "no memory is reclaimed here");
                self.rest.abilities.reclaim = false;
            }
        }
    }

    /// Ends the sandbox in order: its CLI gets the time to write what it has to write.
    pub(super) async fn hibernate(&mut self) {
        if self.live.is_none() {
            return;
        }
        if let Err(error) = self.thaw().await {
            tracing::warn!(session = %self.record.id, error = chain(&error), "the sandbox does not thaw, ending it as it is");
        } else if let Some(live) = &self.live {
            let _told = live.sender.shutdown();
            let deadline = Instant::now() + LEAVE_DEADLINE;
            while let Ok(Some(event)) = timeout_at(deadline, next_event(&mut self.live)).await {
                self.hear(event).await;
            }
        }
        self.end_sandbox().await;
        self.rest = Rest::new();
        self.show();
    }

    /// Has a sandbox, if there is one, in which everything runs.
    pub(super) async fn thaw(&mut self) -> Result<(), SandboxdError> {
        self.rest.touch();
        self.rest.freeze_when_ready = false;
        if self.live.is_none() || self.rest.tier == Tier::Hot {
            return Ok(());
        }
        let asked = Instant::now();
        if std::mem::take(&mut self.rest.stopped_by_bridge) {
            // A connection that has ended says so by its events.
            let _told = self.live.as_ref().map(|live| live.sender.go_on());
        } else {
            self.host.launcher.thaw(self.record.id).await?;
        }
        let from = std::mem::replace(&mut self.rest.tier, Tier::Hot);
        COUNTS.resumed_warm.observe(asked.elapsed());
        self.woken(from);
        self.show();
        Ok(())
    }

    pub(super) fn woken(&self, from: Tier) {
        let woken = self.happening("session.woken").with("from", from.as_str());
        self.host.lifecycle.tell(woken);
    }

    /// A taken over sandbox that the kernel says is frozen can greet nobody: it is woken for that.
    pub(super) async fn thaw_to_greet(&mut self) -> bool {
        if !self.host.launcher.is_frozen(self.record.id).await {
            return false;
        }
        if let Err(error) = self.host.launcher.thaw(self.record.id).await {
            tracing::warn!(session = %self.record.id, error = chain(&error), "a frozen sandbox does not thaw");
        }
        true
    }

    /// Freezes the session until somebody wants something of it.
    pub(super) async fn pause(&mut self) -> Result<Status, RestError> {
        match self.record.status {
            Status::Active => {}
            status => return Err(RestError::Status { status }),
        }
        if self.running.is_some() || !self.queue.is_empty() || !self.turns.is_idle() {
            return Err(RestError::Busy);
        }
        self.move_to(Status::Paused, json!({ "action": "paused" })).await;
        self.cool_to(Tier::Frozen).await;
        self.rest.freeze_when_ready = self.live.is_some() && self.rest.tier == Tier::Hot;
        Ok(self.record.status)
    }

    /// Once the CLI is ready, or is not going to be.
    pub(super) async fn freeze_if_due(&mut self) {
        let settled = self.live.as_ref().is_some_and(super::live::Live::cli_is_settled);
        if settled && std::mem::take(&mut self.rest.freeze_when_ready) {
            Box::pin(self.cool_to(Tier::Frozen)).await;
        }
    }

    /// Ends every process of the session. A running turn is interrupted; what waits, waits on.
    pub(super) async fn stop(&mut self) -> Result<Status, RestError> {
        match self.record.status {
            Status::Active | Status::Starting => {}
            status => return Err(RestError::Status { status }),
        }
        if let Some(turn) = &self.running {
            let error = json!({
                "error": "the turn was interrupted: the session was stopped",
                "code": "interrupted",
            });
            let mut batch = Batch::default();
            batch.push(FrameKind::Error, Some(turn.ordinal), error.to_string());
            self.turns.broken();
            self.drop_questions(&mut batch);
            self.take_stock(&mut batch).await;
            self.finish(Outcome::Interrupted, &mut batch);
            debug_assert!(matches!(batch.turn, Some((_, TurnState::Interrupted))));
            self.log.commit(batch).await;
        }
        self.move_to(Status::Stopped, json!({ "action": "stopped" })).await;
        self.end_jail().await;
        self.hibernate().await;
        Ok(self.record.status)
    }

    /// Has a sandbox with a CLI that starts, or is ready already, before the next message comes.
    pub(super) async fn resume(&mut self) -> Result<Status, RestError> {
        if self.record.status == Status::Ended {
            return Err(RestError::Status { status: Status::Ended });
        }
        let path = if self.live.is_some() { "warm" } else { "cold" };
        self.start().await.map_err(RestError::Start)?;
        if self.record.status != Status::Active {
            let fact = json!({ "action": "resumed", "path": path, "source": "local" });
            self.move_to(Status::Active, fact).await;
        }
        Ok(self.record.status)
    }

    /// Runs nothing until whoever asked is done. Messages wait meanwhile.
    pub(super) async fn be_still(
        &mut self,
        cold: bool,
        answer: oneshot::Sender<Result<Stillness, RestError>>,
    ) {
        if self.running.is_some()
            || !self.turns.is_idle()
            || !(self.queue.is_empty() || self.is_held())
        {
            drop(answer.send(Err(RestError::Busy)));
            return;
        }
        if self.jail_is_asked() || self.live.as_ref().is_some_and(|live| live.sender.is_asked()) {
            // A command may be writing.
            drop(answer.send(Err(RestError::Busy)));
            return;
        }
        self.end_jail().await;
        if cold {
            self.hibernate().await;
        } else if let Err(error) = self.have_files().await {
            drop(answer.send(Err(RestError::Start(error))));
            return;
        }
        let was_hot = self.live.is_some() && self.rest.tier == Tier::Hot;
        if was_hot {
            self.cool_to(Tier::Frozen).await;
            self.stopped_by_now().await;
        }
        let (kept, mut dropped) = oneshot::channel();
        let wanted = CancellationToken::new();
        let closing = self.host.closing.clone();
        if answer.send(Ok(Stillness::new(kept, wanted.clone()))).is_ok() {
            loop {
                tokio::select! {
                    told = &mut dropped => {
                        if let Ok(note) = told {
                            self.archived(note).await;
                        }
                        break;
                    }
                    () = closing.cancelled() => break,
                    Some(command) = self.commands.recv(), if self.early.is_none() => {
                        self.early = Some(command);
                        wanted.cancel();
                    }
                }
            }
        }
        if was_hot && let Err(error) = self.thaw().await {
            tracing::warn!(session = %self.record.id, error = chain(&error), "a still sandbox does not thaw");
        }
    }

    /// What the bridge was told before, it has done when it answers.
    async fn stopped_by_now(&self) {
        let Some(live) = self.live.as_ref().filter(|_| self.rest.stopped_by_bridge) else { return };
        let asked = live.sender.has_entry(self.record.id.to_string(), String::new());
        let _any_answer = tokio::time::timeout(LEAVE_DEADLINE, asked).await;
    }

    async fn move_to(&mut self, status: Status, fact: serde_json::Value) {
        let mut batch = Batch::default();
        self.set_status(status, &mut batch);
        batch.push(FrameKind::Lifecycle, None, fact.to_string());
        self.log.commit(batch).await;
    }

    /// A sandbox that does not thaw is of no use: it is ended, and a new one takes its place.
    pub(super) async fn wake(&mut self) -> Result<(), StartError> {
        if let Err(error) = self.thaw().await {
            tracing::warn!(session = %self.record.id, error = chain(&error), "the sandbox does not thaw, starting another");
            self.end_sandbox().await;
            self.rest = Rest::new();
        }
        self.ensure_sandbox().await
    }
}

/// Never for `None`.
pub(super) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
