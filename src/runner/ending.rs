//! The end of a sandbox, and that of a session.

use serde_json::json;
use tokio::sync::oneshot;

use super::driver::Driver;
use super::live::lost_reason;
use super::log::Batch;
use super::rest::Rest;
use crate::chain::chain;
use crate::sandbox::EndReport;
use crate::session::Status;
use crate::session::frame::FrameKind;
use crate::session::turn::Outcome;

impl Driver {
    /// The bridge is gone, and with it the sandbox.
    pub(super) async fn lost(&mut self) {
        let Some(live) = self.live.take() else { return };
        let why = live.events.ending().map_or_else(String::new, |ending| chain(ending));
        let report = self.end_sandbox().await;
        let reason = lost_reason(&why, &report);
        self.fail(&reason).await;
    }

    /// Kills whatever of the sandbox is left.
    pub(super) async fn end_sandbox(&mut self) -> EndReport {
        self.live = None;
        self.rest = Rest::new();
        let report = self.host.launcher.end(self.record.id).await;
        self.seat = None;
        report
    }

    pub(super) async fn end(mut self, answer: oneshot::Sender<()>) {
        let mut batch = Batch::default();
        self.drop_questions(&mut batch);
        if self.turns.broken().is_some() {
            self.take_stock(&mut batch).await;
            self.finish(Outcome::Failed("the session was ended".to_owned()), &mut batch);
        }
        // A parked one is removed by who ends it: nobody reads of its end.
        if !self.record.is_parked() {
            self.set_status(Status::Ended, &mut batch);
            batch.push(FrameKind::Lifecycle, None, json!({ "action": "ended" }).to_string());
            self.log.commit(batch).await;
        }
        for turn in std::mem::take(&mut self.queue) {
            let mut batch = Batch::default();
            let why = "the session was ended before its turn".to_owned();
            self.conclude(&turn, Outcome::Failed(why), &mut batch);
            self.log.commit(batch).await;
        }
        self.end_jail().await;
        if self.live.is_some() {
            self.end_sandbox().await;
        } else {
            self.host.launcher.end(self.record.id).await;
        }
        if let Some(used) = self.host.egress.revoke(self.record.id).await {
            let (requests, sent, received) =
                (used.requests, used.request_bytes, used.response_bytes);
            tracing::info!(session = %self.record.id, requests, sent, received, "model API used");
        }
        self.commands.close();
        self.host.forget(self.record.id);
        let _nobody_waits = answer.send(());
    }
}
