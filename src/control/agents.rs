//! Show, list, change and delete agents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::deploy::in_config;
use super::{Caller, Control, Refusal};
use crate::agent::Digest;
use crate::clock::Timestamp;
use crate::id::AgentName;
use crate::lifecycle::Happening;
use crate::session::options::{OptionError, check_environment};
use crate::session::preset::{self, AgentConfig, MASK};
use crate::store::AgentRecord;
use crate::wire::agents::{Agent, AgentList, ChangeAgent};

impl Control {
    pub(crate) async fn agent(&self, caller: &Caller, name: &str) -> Result<Agent, Refusal> {
        // A name that cannot be an agent's is not found either.
        let name: AgentName = name.parse().map_err(|_invalid| Refusal::AgentNotFound)?;
        let record = self.host.store.agent(&caller.tenant, &name).await?;
        show(record.ok_or(Refusal::AgentNotFound)?)
    }

    pub(crate) async fn agents(&self, caller: &Caller) -> Result<AgentList, Refusal> {
        let records = self.host.store.agents(&caller.tenant).await?;
        let agents = records.into_iter().map(show).collect::<Result<_, _>>()?;
        Ok(AgentList { agents })
    }

    /// Changes what holds for its next sessions.
    pub(crate) async fn change_agent(
        &self,
        caller: &Caller,
        name: &str,
        change: ChangeAgent,
    ) -> Result<Agent, Refusal> {
        let name: AgentName = name.parse().map_err(|_invalid| Refusal::AgentNotFound)?;
        let hosts = change.allowed_hosts.as_deref().map(|hosts| self.hosts(hosts)).transpose()?;
        if let Some(limits) = &change.limits {
            self.judge_limits(limits)?;
        }
        let apply = move |agent: AgentRecord| -> Result<AgentRecord, Refusal> {
            let environment = match &change.env {
                Some(given) => unmasked(given, &agent.environment)?,
                None => agent.environment.clone(),
            };
            let config = match &change.config {
                Some(change) => preset::text(
                    &preset::changed(&preset_of(&agent)?, change)
                        .map_err(|error| in_config(&error))?,
                ),
                None => agent.config.clone(),
            };
            Ok(AgentRecord {
                environment,
                config,
                allowed_hosts: hosts.clone().unwrap_or(agent.allowed_hosts),
                limits: change.limits.clone().unwrap_or(agent.limits),
                updated_at: Timestamp::now(),
                ..agent
            })
        };
        let changed = self.host.store.change_agent(&caller.tenant, &name, apply).await?;
        let record = changed.ok_or(Refusal::AgentNotFound)??;
        self.forget_parked(&caller.tenant, name.as_str());
        self.host.lifecycle.tell(Happening::new("agent.changed").agent(&name));
        show(record)
    }

    /// Deletes the agent and its versions. Its sessions go on: each has its own copy.
    pub(crate) async fn delete_agent(&self, caller: &Caller, name: &str) -> Result<(), Refusal> {
        let name: AgentName = name.parse().map_err(|_invalid| Refusal::AgentNotFound)?;
        let store = &self.host.store;
        let agent = store.agent(&caller.tenant, &name).await?.ok_or(Refusal::AgentNotFound)?;
        self.stop_runs_of(caller, &agent).await?;
        let deleted = store.delete_agent(&caller.tenant, &name, Timestamp::now()).await?;
        deleted.ok_or(Refusal::AgentNotFound)?;
        self.forget_parked(&caller.tenant, name.as_str());
        self.host.lifecycle.tell(Happening::new("agent.deleted").agent(&name));
        self.remove_unused_versions().await;
        Ok(())
    }

    /// Frees the space of versions that nothing refers to any more.
    pub(super) async fn remove_unused_versions(&self) {
        let _nobody_makes_or_copies = self.versions.write().await;
        let used = match self.host.store.digests_in_use().await {
            Ok(used) => used,
            Err(error) => return tracing::warn!(%error, "could not look for unused agent versions"),
        };
        let used: BTreeSet<Digest> = used.iter().filter_map(|text| text.parse().ok()).collect();
        let library = Arc::clone(&self.library);
        let removed = tokio::task::spawn_blocking(move || library.remove_unused(&used)).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%error, "could not remove unused agent versions");
        }
    }

    pub(super) fn show_agent(record: AgentRecord) -> Result<Agent, Refusal> {
        show(record)
    }
}

/// What the agent presets.
pub(super) fn preset_of(record: &AgentRecord) -> Result<AgentConfig, Refusal> {
    preset::stored(&record.config).map_err(|error| {
        tracing::error!(agent = %record.name, %error, "what is stored of an agent is not readable");
        Refusal::Worker
    })
}

/// A masked value stands for the one there was.
fn unmasked(
    given: &BTreeMap<String, String>,
    before: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, OptionError> {
    let mut environment = given.clone();
    for (name, value) in environment.iter_mut().filter(|(_, value)| *value == MASK) {
        let what = "`***` stands for a value that is kept, and there is none";
        let known = before.get(name).ok_or_else(|| OptionError {
            field: format!("env.{}", name.chars().take(64).collect::<String>()),
            what: what.to_owned(),
        })?;
        known.clone_into(value);
    }
    check_environment("env", &environment)?;
    Ok(environment)
}

fn show(record: AgentRecord) -> Result<Agent, Refusal> {
    let config = preset::masked(preset_of(&record)?);
    let masked: BTreeMap<_, _> =
        record.environment.into_keys().map(|name| (name, MASK.to_owned())).collect();
    Ok(Agent {
        id: record.id,
        name: record.name,
        version: record.version,
        path: record.path,
        created_at: record.created_at,
        updated_at: record.updated_at,
        tenant_id: record.tenant,
        env: masked,
        allowed_hosts: record.allowed_hosts,
        limits: record.limits,
        config,
        digest: format!("sha256:{}", record.digest),
        files: record.files,
        bytes: record.bytes,
    })
}
