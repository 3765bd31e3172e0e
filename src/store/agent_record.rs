//! What the store keeps of agents, in the words of the domain.

use std::collections::BTreeMap;

use super::record::Environment;
use crate::clock::Timestamp;
use crate::id::{AgentId, AgentName};

/// A deployed agent at its newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentRecord {
    pub(crate) id: AgentId,
    pub(crate) tenant: String,
    pub(crate) name: AgentName,
    pub(crate) version: u32,
    pub(crate) digest: String,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) path: String,
    pub(crate) environment: Environment,
    /// What its sandboxes may reach beside the model.
    pub(crate) allowed_hosts: Vec<String>,
    /// Limits that its sandboxes are to have, by their names.
    pub(crate) limits: BTreeMap<String, u64>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A deployment: the first of its name, or the next version.
#[derive(Debug, Clone)]
pub(crate) struct NewVersion {
    pub(crate) tenant: String,
    pub(crate) name: AgentName,
    pub(crate) digest: String,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) path: String,
    /// `None` keeps what the agent has.
    pub(crate) environment: Option<Environment>,
    /// Likewise.
    pub(crate) allowed_hosts: Option<Vec<String>>,
    /// Likewise.
    pub(crate) limits: Option<BTreeMap<String, u64>>,
    pub(crate) at: Timestamp,
}
