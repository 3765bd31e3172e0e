//! Show, list and delete agents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Caller, Control, Refusal};
use crate::agent::Digest;
use crate::id::AgentName;
use crate::lifecycle::Happening;
use crate::store::AgentRecord;
use crate::wire::agents::{Agent, AgentList};

impl Control {
    pub(crate) async fn agent(&self, caller: &Caller, name: &str) -> Result<Agent, Refusal> {
        // A name that cannot be an agent's is not found either.
        let name: AgentName = name.parse().map_err(|_invalid| Refusal::AgentNotFound)?;
        let record = self.host.store.agent(&caller.tenant, &name).await?;
        Ok(show(record.ok_or(Refusal::AgentNotFound)?))
    }

    pub(crate) async fn agents(&self, caller: &Caller) -> Result<AgentList, Refusal> {
        let records = self.host.store.agents(&caller.tenant).await?;
        Ok(AgentList { agents: records.into_iter().map(show).collect() })
    }

    /// Deletes the agent and its versions. Its sessions go on: each has its own copy.
    pub(crate) async fn delete_agent(&self, caller: &Caller, name: &str) -> Result<(), Refusal> {
        let name: AgentName = name.parse().map_err(|_invalid| Refusal::AgentNotFound)?;
        let deleted = self.host.store.delete_agent(&caller.tenant, &name).await?;
        deleted.ok_or(Refusal::AgentNotFound)?;
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

    pub(super) fn show_agent(record: AgentRecord) -> Agent {
        show(record)
    }
}

fn show(record: AgentRecord) -> Agent {
    let masked: BTreeMap<_, _> =
        record.environment.into_keys().map(|name| (name, "***".to_owned())).collect();
    Agent {
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
        digest: format!("sha256:{}", record.digest),
        files: record.files,
        bytes: record.bytes,
    }
}
