//! The options of a session change: they are stored, and the CLI that runs is told what it can be
//! told; for the rest the next message starts another, with the conversation.

use serde_json::{Value, json};
use uuid::Uuid;

use super::driver::Driver;
use super::handle::ConfigureError;
use super::live::{Live, Told};
use crate::bridge::protocol::PROTOCOL_WITH_CONTROL;
use crate::session::Status;
use crate::session::options::{SessionOptions, SpawnOptions, mode_told};
use crate::session::patch::ConfigureSession;
use crate::store::SessionChange;

impl Driver {
    /// Stores what changes. What a message was sent with stays its own.
    pub(super) async fn configure(
        &mut self,
        patch: &ConfigureSession,
    ) -> Result<(), ConfigureError> {
        if self.record.status == Status::Ended {
            return Err(ConfigureError::Ending);
        }
        let patched = self.options.patched(self.record.model.as_deref(), patch);
        let (options, model) = patched.map_err(ConfigureError::Option)?;
        let text = serde_json::to_string(&options).expect("options have a JSON form");
        let change = SessionChange {
            options: Some(text.clone()),
            model: Some(model.clone()),
            ..SessionChange::default()
        };
        let stored = self.host.store.update_session(self.record.id, change).await;
        stored.map_err(ConfigureError::Store)?;
        (self.record.options, self.record.model) = (text, model);
        let before = std::mem::replace(&mut self.options, options);
        if before.credential_id != self.options.credential_id {
            self.renew_terms().await;
        }
        self.tell_mode(&before);
        self.tell_model();
        Ok(())
    }

    /// If the mode is all that changes, and one that a running CLI can be told.
    fn tell_mode(&mut self, before: &SessionOptions) {
        let mode = self.options.permission_mode;
        let all_else = SessionOptions { permission_mode: mode, ..before.clone() };
        let Some(word) = mode_told(mode).filter(|_| all_else == self.options) else { return };
        let turn = self.running.as_ref().map(|turn| turn.options.clone()).unwrap_or_default();
        let label = |options: &_| Some(SpawnOptions::new(options, &turn).label());
        let Some(live) = &mut self.live else { return };
        if before.permission_mode == mode || live.spawn != label(before) {
            return;
        }
        if live.ask(&json!({ "subtype": "set_permission_mode", "mode": word })) {
            live.spawn = label(&self.options);
        }
    }

    /// Unless a turn runs that has a model of its own.
    fn tell_model(&mut self) {
        let own = self.running.as_ref().is_some_and(|turn| turn.options.model.is_some());
        let told = Told::Model(self.record.model.clone());
        let Some(live) = self.live.as_mut().filter(|live| !own && live.spawn.is_some()) else {
            return;
        };
        let request = match &self.record.model {
            Some(model) => json!({ "subtype": "set_model", "model": model }),
            None => json!({ "subtype": "set_model" }),
        };
        if live.model != told && live.ask(&request) {
            live.model = told;
        }
    }
}

impl Live {
    /// Asks something of the CLI; what it refuses is told as an error of the session.
    fn ask(&self, request: &Value) -> bool {
        let id = format!("ash-configure-{}", Uuid::new_v4());
        let line = json!({ "type": "control_request", "request_id": id, "request": request });
        self.protocol >= PROTOCOL_WITH_CONTROL
            && self.sender.control(line.to_string().into()).is_ok()
    }
}
