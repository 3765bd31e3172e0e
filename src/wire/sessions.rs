//! Sessions on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agents::NumberOrId;
use super::budgets::{Budget, BudgetChange, Used};
use super::permissions::PermissionBehavior;
use crate::clock::Timestamp;
use crate::id::{AgentName, CredentialId, SessionId};

/// The states of a session that clients know.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum SessionStatus {
    Starting,
    Active,
    Paused,
    Stopped,
    Ended,
    Error,
}

impl SessionStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Ended => "ended",
            Self::Error => "error",
        }
    }
}

/// How warm a session's sandbox is, from the warmest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tier {
    /// Its processes run.
    Hot,
    /// Its processes are in memory and use no processor time.
    Frozen,
    /// The same, and what the kernel could take of their memory is taken.
    Reclaimed,
    /// It has no processes; files and conversation are kept.
    #[default]
    Hibernated,
    /// Its files are outside of this host.
    Archived,
}

impl Tier {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Frozen => "frozen",
            Self::Reclaimed => "reclaimed",
            Self::Hibernated => "hibernated",
            Self::Archived => "archived",
        }
    }
}

/// A session as every route answers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) agent_name: AgentName,
    /// The version of the agent it was made from.
    pub(crate) agent_version: u32,
    pub(crate) sandbox_id: String,
    pub(crate) status: SessionStatus,
    pub(crate) created_at: Timestamp,
    pub(crate) last_active_at: Timestamp,
    pub(crate) tenant_id: String,
    pub(crate) runner_id: Option<String>,
    pub(crate) parent_session_id: Option<SessionId>,
    pub(crate) model: Option<String>,
    /// The options of its creation, without values of the environment.
    pub(crate) config: SessionConfig,
    /// Hosts that its sandbox may reach beside the model.
    #[serde(default)]
    pub(crate) allowed_hosts: Vec<String>,
    /// What its sandbox may use, by the names of wishes.
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, u64>,
    /// What it may use of the model; none if that is not limited.
    #[serde(default)]
    pub(crate) budget: Option<Budget>,
    /// What it has used of the model.
    #[serde(default)]
    pub(crate) usage: Used,
    /// Turns that wait behind the running one.
    #[serde(default)]
    pub(crate) queued_turns: u32,
    /// Whether a turn runs.
    #[serde(default)]
    pub(crate) busy: bool,
    /// Questions that wait for an answer.
    #[serde(default)]
    pub(crate) open_permissions: u32,
    /// How warm its sandbox is; none once it has ended.
    #[serde(default)]
    pub(crate) tier: Option<Tier>,
    /// Its last snapshot outside of the host, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) archive: Option<SessionArchive>,
    /// What keeps it in.
    #[serde(default)]
    pub(crate) isolation: Option<SessionIsolation>,
}

/// A snapshot outside of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionArchive {
    pub(crate) made_at: Timestamp,
    /// Bytes of its objects.
    pub(crate) bytes: u64,
    /// The files are only there.
    pub(crate) away: bool,
}

/// The verdict of `/health` on the walls around a session, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SessionIsolation {
    /// `scope` (systemd), `plain` (one process tree) or `simulated`.
    pub(crate) placement: String,
    /// The walls that are not hard, by name.
    pub(crate) degraded: Vec<String>,
}

/// What `GET` shows of a session's options.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SessionConfig {
    pub(crate) permission_mode: PermissionMode,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ask_permissions: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) permission_timeout_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on_permission_timeout: Option<PermissionBehavior>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) system_prompt: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_tools: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) disallowed_tools: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) betas: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subagents: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) initial_agent: Option<String>,
    /// Of its tenant; absent: the host's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credential_id: Option<CredentialId>,
    /// Names of the servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) mcp_servers: Vec<String>,
    /// Names of the variables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) extra_env: Vec<String>,
}

/// Who decides what a tool may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum PermissionMode {
    /// The sandbox is the wall; every tool runs.
    #[default]
    #[serde(rename = "bypassPermissions")]
    BypassPermissions,
    /// The agent's `.claude/settings.json` decides, its default mode included.
    #[serde(rename = "permissionsByAgent")]
    PermissionsByAgent,
    /// Claude Code's default mode: what is not allowed by a rule is asked, or else denied.
    #[serde(rename = "default")]
    Default,
    /// The same, and files of the workspace may be changed.
    #[serde(rename = "acceptEdits")]
    AcceptEdits,
    /// Nothing is changed: Claude Code makes a plan.
    #[serde(rename = "plan")]
    Plan,
    /// What is not allowed by a rule is denied, whoever could be asked.
    #[serde(rename = "dontAsk")]
    DontAsk,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SessionEnvelope {
    pub(crate) session: Session,
}

/// Answer of `POST …/fork`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ForkEnvelope {
    pub(crate) session: Session,
    pub(crate) fork: Fork,
}

/// What a fork was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Fork {
    /// The last turn that history and conversation have; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) turn: Option<u64>,
    /// Always `now`: files of earlier turns are not kept.
    pub(crate) files: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionList {
    pub(crate) sessions: Vec<Session>,
    /// Sessions that match, whatever the page.
    #[serde(default)]
    pub(crate) total: u64,
    /// The `cursor` of the next page; absent behind the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// Body of `POST /api/sessions`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateSession {
    pub(crate) agent: String,
    /// By its number or its id; absent: the active one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<NumberOrId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credential_id: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) extra_env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// What is absent here is as the agent presets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mcp_servers: Option<BTreeMap<String, McpServer>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) system_prompt: Option<String>,
    /// Absent: `default` if permissions are asked for, else `bypassPermissions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) permission_mode: Option<PermissionMode>,
    /// What no rule decides is asked of the session's clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ask_permissions: Option<bool>,
    /// How long it may stay unanswered; 0: for ever. Absent: the configuration decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) permission_timeout_seconds: Option<u32>,
    /// What is answered then. Absent: the configuration decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_permission_timeout: Option<PermissionBehavior>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allowed_tools: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) disallowed_tools: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) betas: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subagents: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) initial_agent: Option<String>,
    /// Ours, beside the original's members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) budget: Option<BudgetChange>,
    /// Limits of its sandbox; what is absent is its agent's or the host's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) limits: BTreeMap<String, u64>,
}

/// Body of `PATCH /api/sessions/{id}/config`: what is absent stays, `null` clears.
#[expect(clippy::option_option, reason = "absent is not null")]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConfigureSession {
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) system_prompt: Option<Option<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) permission_mode: Option<PermissionMode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ask_permissions: Option<bool>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) permission_timeout_seconds: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) on_permission_timeout: Option<Option<PermissionBehavior>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allowed_tools: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) disallowed_tools: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) betas: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) subagents: Option<Option<serde_json::Map<String, serde_json::Value>>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) initial_agent: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) credential_id: Option<Option<String>>,
}

#[expect(clippy::option_option, reason = "absent is not null")]
/// Tells a `null` from a member that is absent.
pub(super) fn given<'de, D, T>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(from).map(Some)
}

/// An MCP server of a session: `command` (with `args`, `env`) or `url` (with `headers`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct McpServer {
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) args: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
}

/// What may hinder that a session gets its sandbox and its CLI.
#[cfg(test)]
pub(super) const STARTS: &[super::problem::Code] = &[
    super::problem::Code::ArchiveFailed,
    super::problem::Code::CliMissing,
    super::problem::Code::CliTooOld,
    super::problem::Code::Draining,
    super::problem::Code::SandboxFailed,
    super::problem::Code::TooManySessions,
];

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::{flag, one_of, operation, text, whole};
    use super::operations::Operation;
    use super::problem::Code;
    use super::turns::{TRACE_PARENT, TRACE_PARENT_ABOUT};
    vec![
        operation(Operation::CreateSession, "Creates a session of an agent.")
            .header(TRACE_PARENT, TRACE_PARENT_ABOUT)
            .body::<CreateSession>()
            .answers::<SessionEnvelope>(201)
            .refuses(STARTS)
            .refuses(&[Code::AgentNotFound, Code::IdempotencyMismatch]),
        operation(Operation::ListSessions, "Lists sessions, the newest first.")
            .query("agent", text(), "Only of this agent.")
            .query(
                "status",
                one_of(&["starting", "active", "paused", "stopped", "ended", "error"]),
                "Only with this status.",
            )
            .query("limit", whole(1, 1000), "By default 1000.")
            .query("offset", whole(0, u64::from(u32::MAX)), "How many to leave out.")
            .query("cursor", text(), "The `nextCursor` of the page before.")
            .answers::<SessionList>(200),
        operation(Operation::GetSession, "Tells about a session.")
            .answers_tagged::<SessionEnvelope>(),
        operation(Operation::EndSession, "Ends a session.").answers::<SessionEnvelope>(200),
        operation(Operation::ConfigureSession, "Changes options of a session.")
            .header("if-match", "The `ETag` of the session as the client has seen it.")
            .body::<ConfigureSession>()
            .answers::<SessionEnvelope>(200)
            .refuses(&[Code::ChangedMeanwhile, Code::SessionEnded]),
        operation(Operation::PauseSession, "Freezes a session.")
            .answers::<SessionEnvelope>(200)
            .refuses(&[Code::SandboxFailed, Code::SessionBusy, Code::SessionState]),
        operation(Operation::ResumeSession, "Has a session ready for a message.")
            .answers::<SessionEnvelope>(200)
            .refuses(STARTS)
            .refuses(&[Code::SessionEnded, Code::SessionState]),
        operation(Operation::StopSession, "Ends the processes of a session.")
            .answers::<SessionEnvelope>(200)
            .refuses(&[Code::SessionState]),
        operation(Operation::ForkSession, "Makes a new session of one.")
            .header(TRACE_PARENT, TRACE_PARENT_ABOUT)
            .query("turn", whole(1, u64::from(u32::MAX)), "The last turn that it has; absent: all.")
            .answers::<ForkEnvelope>(201)
            .refuses(STARTS)
            .refuses(&[
                Code::IdempotencyMismatch,
                Code::SessionBusy,
                Code::SessionEnded,
                Code::SessionState,
            ]),
        operation(Operation::ArchiveSession, "Makes a snapshot of a session outside of the host.")
            .query("keep", flag(), "Keep the files here, too.")
            .answers::<SessionEnvelope>(200)
            .refuses(&[
                Code::ArchiveFailed,
                Code::SessionBusy,
                Code::SessionEnded,
                Code::SessionState,
            ]),
        operation(Operation::RestoreSession, "Brings an archived session back.")
            .answers::<SessionEnvelope>(200)
            .refuses(&[
                Code::ArchiveFailed,
                Code::SessionBusy,
                Code::SessionState,
                Code::TooManySessions,
            ]),
    ]
}
