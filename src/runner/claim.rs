//! A parked session: its sandbox stands and its CLI is up before anybody asks for it. Whoever asks
//! for just that gets it.
//!
//! *Invariant:* nobody gets a parked session that was started with anything else than he asks for.

use super::driver::Driver;
use super::handle::{Command, Handle, StartError};
use super::live::Told;
use super::seats::Seat;
use crate::session::Status;
use crate::session::options::{SessionOptions, SpawnOptions, TurnOptions};
use crate::store::{NewSession, SessionRecord, StoreError};

/// Whether a session waits for somebody who asks for just this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Parked {
    /// It is somebody's, or nothing of it runs any more.
    #[default]
    No,
    /// Its CLI comes up.
    Warming,
    Warm,
}

impl Handle {
    pub(crate) async fn park(&self, seat: Seat) -> Result<(), StartError> {
        self.ask(|answer| Command::Park { seat, answer }).await.unwrap_or(Err(StartError::Ending))
    }

    /// The session that this is from now on, if it was parked and is just what is asked for.
    pub(crate) async fn claim(
        &self,
        new: Box<NewSession>,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let claimed = self.ask_unless_stalled(|answer| Command::Claim { new, answer }).await?;
        claimed.unwrap_or(Ok(None))
    }
}

impl Driver {
    /// How far it is with waiting for somebody.
    pub(super) fn parked(&self) -> Parked {
        let up = self.live.as_ref().filter(|live| live.spawn.is_some());
        match up {
            Some(live) if self.record.is_parked() && live.starting => Parked::Warming,
            Some(_) if self.record.is_parked() => Parked::Warm,
            _ => Parked::No,
        }
    }

    /// Becomes the session `new`, under the id that it has; `None` if it is something else.
    pub(super) async fn claim(
        &mut self,
        new: NewSession,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let Some(options) = self.fitting(&new) else { return Ok(None) };
        self.host.store.claim_session(self.record.id, new.clone()).await?;
        self.options = options;
        self.record = SessionRecord {
            tenant: new.tenant,
            status: Status::Active,
            options: new.options,
            model: new.model,
            budget: new.budget,
            used: new.used,
            created_at: new.created_at,
            last_active_at: new.created_at,
            ..self.record.clone()
        };
        self.host.give(self.record.id, &self.record.tenant);
        // Its placeholder is worth something from here on.
        self.host.admit(&self.record).await;
        self.rest.touch();
        self.show();
        Ok(Some(self.record.clone()))
    }

    /// The options of `new`, if its sandbox and its CLI would be started as those here were. Every
    /// member is judged, so that a new one is, too.
    fn fitting(&self, new: &NewSession) -> Option<SessionOptions> {
        let NewSession {
            agent_name,
            agent_version,
            digest,
            options,
            environment,
            allowed_hosts,
            model,
            parent,
            // It is told to egress now, not to the sandbox.
            budget: _,
            used: _,
            // These are its own, whoever gets it.
            id: _,
            uid_block: _,
            placeholder: _,
            // The job is noted with the claim.
            job: _,
            // And these it gets now.
            tenant: _,
            status: _,
            created_at: _,
        } = new;
        if self.parked() == Parked::No {
            return None;
        }
        let live = self.live.as_ref()?;
        let record = &self.record;
        let same = *agent_name == record.agent_name
            && *agent_version == record.agent_version
            && *digest == record.digest
            && *environment == record.environment
            && *allowed_hosts == record.allowed_hosts
            && *parent == record.parent;
        let options: SessionOptions = serde_json::from_str(options).ok()?;
        let label = SpawnOptions::new(&options, &TurnOptions::default()).label();
        let started_so = live.spawn.as_deref() == Some(label.as_str());
        // A model is told before the first message. That there is none cannot be told: the agent's
        // own and that of the CLI are chosen when it starts.
        let told = live.model == Told::Model(model.clone()) || model.is_some();
        (same && started_so && told && options.limits == self.options.limits).then_some(options)
    }
}
