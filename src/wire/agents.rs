//! Agents on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::permissions::PermissionBehavior;
use super::sessions::{McpServer, PermissionMode, given};
use super::workspace::WorkspaceFile;
use crate::clock::Timestamp;
use crate::id::{AgentId, AgentName, VersionId};

/// Content type of an uploaded folder.
pub(crate) const BUNDLE_CONTENT_TYPE: &str = "application/x-tar";

/// Header of a bundle upload that carries the agent's environment: base64 (URL alphabet, no
/// padding) of a JSON object of strings. Absent: the environment stays as it is.
pub(crate) const ENVIRONMENT_HEADER: &str = "ash-agent-env";

/// Header of a bundle upload that carries the hosts its sandboxes may reach, with commas between;
/// empty for none. Absent: they stay as they are.
pub(crate) const HOSTS_HEADER: &str = "ash-agent-hosts";

/// Header of a bundle upload that carries limits of its sandboxes, `name=number` with commas between;
/// empty for none. Absent: they stay as they are.
pub(crate) const LIMITS_HEADER: &str = "ash-agent-limits";

/// An agent as every route answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    pub(crate) name: AgentName,
    /// The active version; each deploy makes the next one.
    pub(crate) version: u32,
    /// Where the version lies on the host.
    pub(crate) path: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) tenant_id: String,
    /// Names of the environment with `***` for each value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) env: BTreeMap<String, String>,
    /// Hosts that its sandboxes may reach beside the model.
    #[serde(default)]
    pub(crate) allowed_hosts: Vec<String>,
    /// Limits that its sandboxes are to have.
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, u64>,
    /// What it presets for its sessions.
    #[serde(default)]
    pub(crate) config: AgentConfig,
    /// `sha256:` and the digest of the version's content.
    pub(crate) digest: String,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AgentEnvelope {
    pub(crate) agent: Agent,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AgentList {
    pub(crate) agents: Vec<Agent>,
}

/// Body of `POST /api/agents`: `path`, or `files`, or `systemPrompt`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DeployAgent {
    pub(crate) name: String,
    /// A folder on the host; only below the configured roots, or over the admin socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) files: Option<Vec<AgentFile>>,
    /// Becomes the `CLAUDE.md` of an agent without `files`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) system_prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) env: Option<BTreeMap<String, String>>,
    /// Ours, beside the original's members. Absent: they stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allowed_hosts: Option<Vec<String>>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limits: Option<BTreeMap<String, u64>>,
    /// Replaces what the agent presets. Absent: that stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<AgentConfig>,
}

/// Options that an agent presets for its sessions: members of `POST /api/sessions`, which win there. In
/// a change, `null` clears.
#[expect(clippy::option_option, reason = "absent is not null")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AgentConfig {
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) system_prompt: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) permission_mode: Option<Option<PermissionMode>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) ask_permissions: Option<Option<bool>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) permission_timeout_seconds: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) on_permission_timeout: Option<Option<PermissionBehavior>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) allowed_tools: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) disallowed_tools: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) mcp_servers: Option<Option<BTreeMap<String, McpServer>>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) subagents: Option<Option<serde_json::Map<String, serde_json::Value>>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) initial_agent: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) betas: Option<Option<Vec<String>>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ConfigEnvelope {
    pub(crate) config: AgentConfig,
}

/// Body of `PATCH /api/agents/{name}`: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangeAgent {
    /// All of it: a variable that is not named is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) env: Option<BTreeMap<String, String>>,
    /// Member by member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<AgentConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allowed_hosts: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limits: Option<BTreeMap<String, u64>>,
}

/// A version of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentVersion {
    pub(crate) id: VersionId,
    pub(crate) tenant_id: String,
    pub(crate) agent_name: AgentName,
    pub(crate) version_number: u32,
    pub(crate) name: Option<String>,
    /// What it was made with in place of its `CLAUDE.md`.
    pub(crate) system_prompt: Option<String>,
    pub(crate) release_notes: Option<String>,
    /// New sessions get it.
    pub(crate) is_active: bool,
    #[serde(default)]
    pub(crate) knowledge_files: Vec<String>,
    /// The id of the API key, `configuration` for the one of the configuration, or `administrator`.
    pub(crate) created_by: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) digest: String,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// The original's clients read the one or the other.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VersionEnvelope {
    pub(crate) version: AgentVersion,
    #[serde(flatten)]
    pub(crate) same: AgentVersion,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VersionList {
    pub(crate) versions: Vec<AgentVersion>,
}

/// Body of `POST /api/agents/{name}/versions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateVersion {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Its `CLAUDE.md`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) system_prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) release_notes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) knowledge_files: Option<Vec<String>>,
    /// The version whose files it gets; absent: the active one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clone_from: Option<NumberOrId>,
}

/// Body of `PATCH /api/agents/{name}/versions/{version}`: what is absent stays, `null` clears.
#[expect(clippy::option_option, reason = "absent is not null")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangeVersion {
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) release_notes: Option<Option<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) knowledge_files: Option<Vec<String>>,
    /// Taken only if it is what the version has: files of a version never change.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) system_prompt: Option<Option<String>>,
}

/// A version by its number or its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(crate) enum NumberOrId {
    Number(u32),
    Text(String),
}

/// Body of `POST /api/agents/{name}/files`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteAgentFiles {
    pub(crate) files: Vec<AgentFile>,
}

/// Answer of `DELETE /api/agents/{name}/versions/{version}`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DeletedVersion {
    /// Always true.
    pub(crate) deleted: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActivatedVersion {
    /// Always true.
    pub(crate) activated: bool,
    pub(crate) version_number: u32,
    pub(crate) agent: Agent,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AgentFiles {
    pub(crate) files: Vec<WorkspaceFile>,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AgentFileText {
    pub(crate) path: String,
    pub(crate) content: String,
    pub(crate) size: u64,
}

/// The agent has another version then.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WrittenAgentFiles {
    pub(crate) written: u64,
    pub(crate) agent: Agent,
}

/// Likewise.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DeletedAgentFile {
    pub(crate) path: String,
    /// Always true.
    pub(crate) deleted: bool,
    pub(crate) agent: Agent,
}

/// One uploaded file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentFile {
    pub(crate) path: String,
    /// Base64.
    pub(crate) content: String,
    /// Ours, beside the original's members: the file may be executed.
    #[serde(default)]
    pub(crate) executable: bool,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::{one_of, operation, text};
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(Operation::DeployAgent, "Deploys an agent from files or from a prompt.")
            .body::<DeployAgent>()
            .answers::<AgentEnvelope>(201)
            .refuses(&[Code::AgentInvalid, Code::IdempotencyMismatch]),
        operation(Operation::UploadAgent, "Deploys an agent from an archive.")
            .header(
                ENVIRONMENT_HEADER,
                "Its environment: base64 (URL alphabet, no padding) of a JSON object of strings.",
            )
            .header(HOSTS_HEADER, "Hosts that its sessions may reach, with commas between.")
            .header(LIMITS_HEADER, "Limits of its sandboxes, `name=number` with commas between.")
            .takes(BUNDLE_CONTENT_TYPE)
            .answers::<AgentEnvelope>(201)
            .refuses(&[Code::AgentInvalid, Code::ArchiveInvalid, Code::IdempotencyMismatch]),
        operation(Operation::ListAgents, "Lists the agents, by name.").answers::<AgentList>(200),
        operation(Operation::GetAgent, "Tells about an agent.").answers_tagged::<AgentEnvelope>(),
        operation(Operation::ChangeAgent, "Changes what holds for the next sessions of an agent.")
            .body::<ChangeAgent>()
            .answers::<AgentEnvelope>(200)
            .refuses(&[Code::Forbidden]),
        operation(Operation::DeleteAgent, "Deletes an agent; its sessions go on.")
            .answers::<super::Done>(200),
        operation(Operation::GetAgentConfig, "Tells what an agent presets for its sessions.")
            .answers::<ConfigEnvelope>(200),
        operation(Operation::ChangeAgentConfig, "Changes what an agent presets, by members.")
            .body::<AgentConfig>()
            .answers::<ConfigEnvelope>(200),
        operation(Operation::ListVersions, "Lists the versions of an agent, newest first.")
            .answers::<VersionList>(200),
        operation(Operation::CreateVersion, "Makes a version from the files of another.")
            .body::<CreateVersion>()
            .answers::<VersionEnvelope>(201)
            .refuses(&[Code::AgentInvalid, Code::AgentNotFound, Code::IdempotencyMismatch]),
        operation(Operation::GetVersion, "Tells about a version.")
            .answers::<VersionEnvelope>(200)
            .refuses(&[Code::VersionNotFound]),
        operation(Operation::ChangeVersion, "Changes what is told of a version.")
            .body::<ChangeVersion>()
            .answers::<VersionEnvelope>(200)
            .refuses(&[Code::VersionNotFound]),
        operation(Operation::DeleteVersion, "Deletes a version that is not active.")
            .answers::<DeletedVersion>(200)
            .refuses(&[Code::VersionNotFound, Code::VersionActive]),
        operation(Operation::ActivateVersion, "Gives new sessions this version.")
            .answers::<ActivatedVersion>(200)
            .refuses(&[Code::VersionNotFound]),
        operation(Operation::ListAgentFiles, "Lists the files of an agent.")
            .query("version", text(), "Of this version, by number or id.")
            .answers::<AgentFiles>(200)
            .refuses(&[Code::VersionNotFound]),
        operation(Operation::ReadAgentFile, "Reads a file of an agent.")
            .query("version", text(), "Of this version, by number or id.")
            .query("format", one_of(&["json", "raw"]), "By default `json`.")
            .answers::<AgentFileText>(200)
            .sends("application/octet-stream")
            .refuses(&[
                Code::VersionNotFound,
                Code::FileNotFound,
                Code::FileTooLarge,
                Code::PathOutside,
            ]),
        operation(Operation::WriteAgentFiles, "Writes files of an agent, as its next version.")
            .body::<WriteAgentFiles>()
            .answers::<WrittenAgentFiles>(200)
            .refuses(&[
                Code::AgentInvalid,
                Code::AgentNotFound,
                Code::PathOutside,
                Code::AgentChanged,
            ]),
        operation(Operation::DeleteAgentFile, "Deletes a file of an agent, as its next version.")
            .answers::<DeletedAgentFile>(200)
            .refuses(&[
                Code::AgentInvalid,
                Code::AgentNotFound,
                Code::FileNotFound,
                Code::PathOutside,
                Code::AgentChanged,
            ]),
    ]
}
