//! What the store keeps of agents, in the words of the domain.

use std::collections::BTreeMap;

use super::record::Environment;
use crate::clock::Timestamp;
use crate::id::{AgentId, AgentName, VersionId};

/// A deployed agent at its active version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentRecord {
    pub(crate) id: AgentId,
    pub(crate) tenant: String,
    pub(crate) name: AgentName,
    pub(crate) version: u32,
    /// The highest number that one of its versions ever had.
    pub(crate) last_version: u32,
    pub(crate) digest: String,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) path: String,
    pub(crate) environment: Environment,
    /// What it presets for its sessions: JSON, opaque here.
    pub(crate) config: String,
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
    /// Likewise; JSON.
    pub(crate) config: Option<String>,
    pub(crate) words: VersionWords,
    pub(crate) at: Timestamp,
}

/// What is told of a version beside its files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct VersionWords {
    pub(crate) name: Option<String>,
    /// What it was made with in place of the `CLAUDE.md` it had.
    pub(crate) system_prompt: Option<String>,
    pub(crate) release_notes: Option<String>,
    pub(crate) knowledge_files: Vec<String>,
    pub(crate) created_by: Option<String>,
}

/// A version of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionRecord {
    pub(crate) id: VersionId,
    pub(crate) version: u32,
    pub(crate) digest: String,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) words: VersionWords,
    /// New sessions get it.
    pub(crate) active: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// How a version is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionName {
    Number(u32),
    Id(VersionId),
}
