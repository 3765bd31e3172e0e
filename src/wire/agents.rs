//! Agents on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AgentId, AgentName};

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
    /// The current version; each deploy makes the next one.
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
    use super::openapi::operation;
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(Operation::DeployAgent, "Deploys an agent from files or from a prompt.")
            .body::<DeployAgent>()
            .answers::<AgentEnvelope>(201)
            .refuses(&[Code::AgentInvalid]),
        operation(Operation::UploadAgent, "Deploys an agent from an archive.")
            .header(
                ENVIRONMENT_HEADER,
                "Its environment: base64 (URL alphabet, no padding) of a JSON object of strings.",
            )
            .header(HOSTS_HEADER, "Hosts that its sessions may reach, with commas between.")
            .header(LIMITS_HEADER, "Limits of its sandboxes, `name=number` with commas between.")
            .takes(BUNDLE_CONTENT_TYPE)
            .answers::<AgentEnvelope>(201)
            .refuses(&[Code::AgentInvalid, Code::ArchiveInvalid]),
        operation(Operation::ListAgents, "Lists the agents, by name.").answers::<AgentList>(200),
        operation(Operation::GetAgent, "Tells about an agent.").answers::<AgentEnvelope>(200),
        operation(Operation::DeleteAgent, "Deletes an agent; its sessions go on.")
            .answers::<super::Done>(200),
    ]
}
