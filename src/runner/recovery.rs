//! What a driver does first: takes over a sandbox that outlived the last ashd, and brings every
//! unfinished turn to where it goes on or to its end. States never lie.

use super::driver::{Driver, Turn, TurnRequest};
use super::log::Batch;
use super::permissions::Questions;
use super::rest::Rest;
use crate::chain::chain;
use crate::session::Status;
use crate::session::content::Content;
use crate::session::frame::{FrameKind, Head};
use crate::session::tier::Tier;
use crate::session::turn::{Outcome, Turns};
use crate::store::{Page, StoreError, TurnRecord, TurnState};

/// Wait before a session starts over: what is wrong is not to fill the log of ashd.
const START_OVER_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Frames of an unfinished turn that are looked through at once.
const PAGE_FRAMES_MAX: u32 = 1_000;
const PAGE_BYTES_MAX: usize = 8 << 20;

impl Driver {
    pub(super) async fn recover(&mut self) {
        let pending = loop {
            match self.host.store.pending_turns(self.record.key).await {
                Ok(pending) => break pending,
                Err(error) if self.reads_again(&error).await => {}
                Err(_told) => break Vec::new(),
            }
        };
        self.spent.recover(self.told_cost().await);
        let (running, queued): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|turn| turn.state == TurnState::Running);
        self.queue.extend(queued.iter().map(turn));
        self.running = running.first().map(turn);
        self.traced = self.running.as_ref().and_then(Turn::traced);
        self.watch_the_clock();
        self.reconnect().await;
        self.recover_questions().await;
        if self.running.is_some() {
            // One that was stopped by its bridge goes on; a frozen one was thawed to greet.
            if let Err(error) = self.thaw().await {
                tracing::warn!(session = %self.record.id, %error, "a sandbox with a turn does not thaw");
            }
            self.recover_turn().await;
        }
    }

    /// Something could not be stored and never will: forgets what is not stored and recovers, as
    /// a new ashd would. The bridge sends again what was given up. `false` if there is no such
    /// session any more.
    pub(super) async fn start_over(&mut self) -> bool {
        tokio::select! {
            () = tokio::time::sleep(START_OVER_PAUSE) => {}
            () = self.host.closing.cancelled() => return true,
        }
        self.end_jail().await;
        (self.live, self.seat, self.rest) = (None, None, Rest::new());
        (self.running, self.limit, self.turns) = (None, None, Turns::new());
        self.queue.clear();
        self.questions = Questions::default();
        self.open_tools.clear();
        let session = self.record.id;
        let record = self.host.store.session(&self.record.tenant, session).await;
        match (record, self.log.reload().await) {
            (Ok(Some(record)), Ok(())) if record.status != Status::Ended => self.record = record,
            (Ok(_gone), _) => return false,
            (Err(error), _) => {
                tracing::error!(%session, %error, "could not read a session again");
                return true;
            }
        }
        self.recover().await;
        true
    }

    async fn told_cost(&self) -> u64 {
        loop {
            match self.host.store.told_cost(self.record.key).await {
                Ok(told) => return told,
                Err(error) if self.reads_again(&error).await => {}
                Err(_told) => return 0,
            }
        }
    }

    /// A sandbox that still lives is taken over; it sends what was not stored.
    async fn reconnect(&mut self) {
        let session = self.record.id;
        let frozen = self.thaw_to_greet().await;
        match self.host.launcher.reconnect(session).await {
            Ok(Some(stream)) => {
                self.seat = Some(self.host.seats.adopt());
                match self.link(stream, self.record.bridge_stored).await {
                    Ok(()) => {
                        tracing::info!(%session, frozen, "took over a living sandbox");
                        if frozen {
                            self.cool_to(Tier::Frozen).await;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%session, error = chain(&error), "could not take over a sandbox, ending it");
                        self.host.launcher.end(session).await;
                        self.seat = None;
                    }
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%session, %error, "could not reach a living sandbox, ending it");
                self.host.launcher.end(session).await;
            }
        }
    }

    /// The CLI is gone, and the turn's message may have come too late for it. The bridge knows: it greets
    /// with the last one that it gave to a CLI.
    pub(super) async fn try_again(&mut self, reason: &str) {
        let stored = self.live.as_ref().map_or(0, |live| live.stored);
        self.live = None;
        let session = self.record.id;
        let linked = match self.host.launcher.reconnect(session).await {
            Ok(Some(stream)) => self.link(stream, stored).await.is_ok(),
            Ok(None) | Err(_) => false,
        };
        if !linked {
            self.end_sandbox().await;
        }
        let Some(turn) = &mut self.running else { return };
        turn.may_try_again = false;
        if linked && self.bridge_last_input < turn.input {
            tracing::info!(%session, reason, "a message came too late for its CLI and goes to another");
            self.run_turn().await;
        } else {
            self.fail(reason).await;
        }
    }

    /// Waits until a read that failed is worth another try; `false` if it never is.
    async fn reads_again(&self, error: &StoreError) -> bool {
        if !error.may_pass() {
            tracing::error!(session = %self.record.id, error = chain(error), "could not read an unfinished turn");
            return false;
        }
        tokio::select! {
            () = tokio::time::sleep(START_OVER_PAUSE) => true,
            () = self.host.closing.cancelled() => false,
        }
    }

    async fn recover_turn(&mut self) {
        let Some((ordinal, input)) = self.running.as_ref().map(|turn| (turn.ordinal, turn.input))
        else {
            return;
        };
        self.turns.begin(ordinal);
        if self.live.is_none() {
            self.catch_up(ordinal).await;
            if self.running.is_none() {
                return;
            }
            self.turns = Turns::new();
            let mut batch = Batch::default();
            let error = r#"{"error":"the turn was interrupted: its sandbox did not outlive a stop of ashd or of the machine","code":"interrupted"}"#;
            batch.push(FrameKind::Error, Some(ordinal), error);
            self.finish(Outcome::Interrupted, &mut batch);
            self.log.commit(batch).await;
        } else if self.bridge_last_input < input {
            self.run_turn().await;
        } else {
            self.catch_up(ordinal).await;
        }
    }

    /// Tells the turn machine what was stored of the turn already; the end may be among it.
    async fn catch_up(&mut self, ordinal: u64) {
        self.turns.assume_states();
        let mut after = 0;
        loop {
            let page = Page { after, limit: PAGE_FRAMES_MAX, bytes_max: PAGE_BYTES_MAX };
            let page = loop {
                match self.host.store.turn_frames(self.record.key, ordinal, page).await {
                    Ok(page) => break page,
                    Err(error) if self.reads_again(&error).await => {}
                    Err(_) if self.host.closing.is_cancelled() => return,
                    // Nobody will ever know how far it came.
                    Err(error) => return self.fail(&chain(&error)).await,
                }
            };
            let Some(last) = page.last().map(|row| row.sequence) else { return };
            for row in &page {
                self.log.recall(row);
            }
            for row in page.iter().filter(|row| row.kind == FrameKind::Cli as u8) {
                let head = Head::read(&row.data);
                if head.kind == "result" {
                    self.spent.hear(&row.data);
                }
                if let Some(outcome) = self.turns.line(&head) {
                    let mut batch = Batch::default();
                    self.take_stock(&mut batch).await;
                    self.finish(outcome, &mut batch);
                    self.log.commit(batch).await;
                    return;
                }
            }
            after = last;
        }
    }
}

fn turn(record: &TurnRecord) -> Turn {
    let request: TurnRequest =
        serde_json::from_str(&record.request).unwrap_or_else(|_| TurnRequest {
            content: serde_json::Value::String(String::new()),
            options: crate::session::options::TurnOptions::default(),
            trace: None,
        });
    Turn {
        ordinal: record.ordinal,
        id: record.id,
        content: Content::stored(request.content),
        options: request.options,
        accepted_at: record.created_at,
        started_at: record.started_at,
        began: None,
        trace: request.trace,
        may_try_again: false,
        answered: false,
        // Of the first schema: it was sent under its ordinal.
        input: record.begins_after.map_or(record.ordinal, |after| after + 1),
    }
}
