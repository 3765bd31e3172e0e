//! Create a session: its row, its copy of the agent, its sandbox. The CLI starts behind the
//! answer. What fails leaves nothing behind.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::agents::preset_of;
use super::{Caller, Control, Refusal, happening};
use crate::clock::Timestamp;
use crate::egress::Placeholder;
use crate::id::{AgentName, JobId, SessionId};
use crate::metrics::COUNTS;
use crate::runner::handle::StartError;
use crate::session::Status;
use crate::session::credential::Purpose;
use crate::session::options::{SessionOptions, check_environment};
use crate::session::preset;
use crate::store::{AgentRecord, NewSession, SessionRecord, StoreError, UsedRecord, VersionRecord};
use crate::telemetry::{self, Kind, Span};
use crate::wire::sessions::{CreateSession, Session};

impl Control {
    pub(crate) async fn create(
        &self,
        caller: &Caller,
        request: &CreateSession,
    ) -> Result<Session, Refusal> {
        self.create_for(caller, request, None).await
    }

    /// A job knows of its session as soon as that is stored.
    pub(super) async fn create_for(
        &self,
        caller: &Caller,
        request: &CreateSession,
        job: Option<JobId>,
    ) -> Result<Session, Refusal> {
        self.takes_work()?;
        let asked = Instant::now();
        self.judge_limits(&request.limits)?;
        self.first_budget(request.budget.as_ref())?;
        check_environment("extraEnv", &request.extra_env)?;
        // No version may go away between its choice and its copy.
        let _kept = self.versions.read().await;
        let agent = self.agent_to_run(caller, request).await?;
        let request = &preset::over(request.clone(), &preset_of(&agent)?);
        let mut options = SessionOptions::parse(request)?;
        let lent = self.check_credential(caller, options.credential_id).await?;
        // The session's own wishes win over the agent's.
        options.limits = agent.limits.clone().into_iter().chain(options.limits).collect();
        let cli = if self.host.launcher.is_simulated() {
            String::new()
        } else {
            let found = self.host.cli.find().await;
            let cli = found.map_err(|error| Refusal::Start(StartError::Cli(error)))?;
            format!("{} {}", cli.version, cli.path.display())
        };
        let agent = without(agent, lent.as_ref());
        let new = self.new_session(caller, request, &options, &agent, job)?;
        let own_variables = !request.extra_env.is_empty();
        let id = new.id;
        let (began, made_at) = (Timestamp::now(), Instant::now());
        let (record, way) = match self.claim(&new, &options, own_variables, cli).await? {
            Some(record) => (Ok(record), "claimed"),
            None => (self.make(new).await, "started"),
        };
        trace_sandbox(id, &agent.name, began, made_at.elapsed(), (way, record.is_err()));
        let record = record?;
        COUNTS.created.observe(asked.elapsed());
        let created = happening("session.created", &record);
        self.host.lifecycle.tell(created.with("version", record.agent_version));
        Ok(self.show(&record))
    }

    /// The agent at the version that is asked for.
    pub(super) async fn agent_to_run(
        &self,
        caller: &Caller,
        request: &CreateSession,
    ) -> Result<AgentRecord, Refusal> {
        let name = &request.agent;
        let unknown = || Refusal::AgentUnknown { name: name.chars().take(300).collect() };
        let parsed: AgentName = name.parse().map_err(|_invalid| unknown())?;
        let agent = self.host.store.agent(&caller.tenant, &parsed).await?.ok_or_else(unknown)?;
        let Some(version) = &request.version else { return Ok(agent) };
        let found = self.find_version(caller, &parsed, version).await?;
        let VersionRecord { version, digest, .. } =
            found.ok_or(Refusal::VersionUnknown { field: "version" })?;
        Ok(AgentRecord { version, digest, ..agent })
    }

    fn new_session(
        &self,
        caller: &Caller,
        request: &CreateSession,
        options: &SessionOptions,
        agent: &AgentRecord,
        job: Option<JobId>,
    ) -> Result<NewSession, Refusal> {
        // The session's own variables win over the agent's.
        let mut environment: BTreeMap<String, String> = agent.environment.clone();
        environment.extend(request.extra_env.clone());
        Ok(NewSession {
            id: SessionId::new(),
            tenant: caller.tenant.clone(),
            agent_name: agent.name.clone(),
            agent_version: agent.version,
            digest: agent.digest.clone(),
            status: Status::Starting,
            options: serde_json::to_string(options).expect("options have a JSON form"),
            environment,
            allowed_hosts: agent.allowed_hosts.clone(),
            model: request.model.clone(),
            uid_block: self.host.settings.uids.clone(),
            placeholder: Placeholder::random().expose().to_owned(),
            parent: None,
            job,
            budget: self.first_budget(request.budget.as_ref())?,
            used: UsedRecord::default(),
            created_at: Timestamp::now(),
        })
    }

    /// Makes a session from the start.
    async fn make(&self, new: NewSession) -> Result<SessionRecord, Refusal> {
        let record = self.store_session(new).await?;
        if let Err(refusal) = self.bring_up(&record).await {
            self.undo(&record).await;
            return Err(refusal);
        }
        Ok(SessionRecord { status: Status::Active, ..record })
    }

    pub(super) async fn store_session(&self, new: NewSession) -> Result<SessionRecord, Refusal> {
        match self.host.store.create_session(new).await {
            Ok(record) => Ok(record),
            Err(StoreError::NoFreeUid { block }) => Err(Refusal::NoFreeUid { count: block.len() }),
            Err(error) => Err(Refusal::Store(error)),
        }
    }

    async fn bring_up(&self, record: &SessionRecord) -> Result<(), Refusal> {
        self.prepare(record).await?;
        let handle = self.host.handle(record).await?;
        handle.start().await.map_err(Refusal::Start)
    }

    /// Makes the folders of a session, with its copy of the agent.
    pub(super) async fn prepare(&self, record: &SessionRecord) -> Result<(), Refusal> {
        let digest = record.digest.parse().map_err(|_never_stored| Refusal::Worker)?;
        let copying = self.copies.acquire().await.map_err(|_closed| Refusal::Worker)?;
        let prepared = self.host.launcher.prepare(record.id, record.uid, digest).await;
        drop(copying);
        prepared.map_err(Refusal::Workspace)
    }

    /// After a start: forgets sessions whose creation was cut off by the end of an earlier ashd,
    /// and what it had parked; nobody was told of them.
    pub(crate) async fn undo_half_made(&self) -> Result<(), StoreError> {
        for record in &self.host.store.starting_sessions().await? {
            if !record.is_parked() {
                tracing::warn!(session = %record.id, "removing a session that was never complete");
            }
            self.undo(record).await;
        }
        Ok(())
    }

    pub(super) async fn undo(&self, record: &SessionRecord) {
        match self.host.handle(record).await {
            Ok(handle) => handle.end().await,
            Err(error) => {
                tracing::error!(session = %record.id, %error, "could not end a half-made session");
            }
        }
        if !self.remove_folders(record.id).await && record.is_parked() {
            // Nobody sees it, and the next ashd tries again.
            return;
        }
        if let Err(error) = self.host.store.remove_session(record.id).await {
            tracing::error!(session = %record.id, %error, "could not remove a session that failed to start");
        }
    }

    /// Removes a session's files; what cannot be removed is logged and tried again by the sweep.
    pub(super) async fn remove_folders(&self, id: SessionId) -> bool {
        match self.host.launcher.remove(id).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(session = %id, %error, "could not remove the files of a session");
                false
            }
        }
    }
}

/// The agent without the variables that the session has of its credential, which win over it.
fn without(mut agent: AgentRecord, lent: Option<&Purpose>) -> AgentRecord {
    let names = lent.map(|lent| lent.environment("")).unwrap_or_default();
    agent.environment.retain(|name, _| !names.contains_key(name));
    agent
}

/// Tells how long the new session waited for its sandbox, and which way it came to it.
fn trace_sandbox(
    session: SessionId,
    agent: &AgentName,
    began: Timestamp,
    took: Duration,
    (way, failed): (&str, bool),
) {
    let Some(parent) = telemetry::current().filter(|_| telemetry::is_on()) else { return };
    telemetry::tell(Span {
        name: "wait for sandbox".to_owned(),
        kind: Kind::Internal,
        context: parent.child(),
        parent: Some(parent),
        began,
        took,
        error: failed.then(|| "sandbox_failed".to_owned()),
        attributes: vec![
            ("gen_ai.conversation.id", session.to_string().into()),
            ("gen_ai.agent.name", agent.as_str().into()),
            ("ash.sandbox", way.into()),
        ],
    });
}
