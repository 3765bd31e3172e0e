//! What a session asks before it uses a tool, on the wire.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::id::{PermissionId, SessionId, TurnId};

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum PermissionBehavior {
    Allow,
    Deny,
}

/// A question: `data` of the event `permission_request`, and an entry of
/// `GET /api/sessions/{id}/permissions`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct PermissionRequest {
    pub(crate) permission_id: PermissionId,
    pub(crate) session_id: SessionId,
    /// The turn that asks; none if Claude Code works on its own.
    pub(crate) turn_id: Option<TurnId>,
    pub(crate) tool_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tool_use_id: Option<String>,
    /// What the tool is to be used with: a JSON object, as the CLI wrote it.
    pub(crate) input: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// What the CLI could remember, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) suggestions: Option<Box<RawValue>>,
    pub(crate) created_at: Timestamp,
    /// When it is answered without a client, and how; none if it waits.
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) on_timeout: Option<PermissionBehavior>,
    /// The CLI's own name for its question.
    pub(crate) request_id: String,
}

/// What became of a question: `data` of the event `permission_resolved`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct PermissionResolution {
    pub(crate) permission_id: PermissionId,
    pub(crate) session_id: SessionId,
    pub(crate) turn_id: Option<TurnId>,
    pub(crate) behavior: ResolvedBehavior,
    pub(crate) by: ResolvedBy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) updated_input: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) updated_permissions: Option<Vec<serde_json::Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) interrupt: bool,
    pub(crate) request_id: String,
}

/// How a question was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum ResolvedBehavior {
    Allow,
    Deny,
    /// The turn ended, or was interrupted, before anybody answered.
    Cancelled,
}

/// Who settled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum ResolvedBy {
    Client,
    Timeout,
    Session,
}

impl ResolvedBehavior {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Cancelled => "cancelled",
        }
    }
}

impl ResolvedBy {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Timeout => "timeout",
            Self::Session => "session",
        }
    }
}

/// Answer of `GET /api/sessions/{id}/permissions`: the oldest first.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PermissionList {
    pub(crate) permissions: Vec<PermissionRequest>,
}

/// Body of `POST /api/sessions/{id}/permissions/{permission}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AnswerPermission {
    pub(crate) behavior: PermissionBehavior,
    /// Of `allow`: use the tool with this instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) updated_input: Option<serde_json::Map<String, serde_json::Value>>,
    /// Of `deny`: what the model is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// Of `deny`: the turn ends, too.
    #[serde(default)]
    pub(crate) interrupt: bool,
    /// Of `allow`: do not ask again for the like.
    #[serde(default)]
    pub(crate) remember: bool,
}

/// Answer of the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct PermissionAnswered {
    pub(crate) permission_id: PermissionId,
    pub(crate) behavior: PermissionBehavior,
    /// What is not asked again in this session, as rules of `allowedTools`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) remembered: Vec<String>,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::operation;
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(Operation::ListPermissions, "Lists what a session asks.")
            .answers::<PermissionList>(200),
        operation(Operation::AnswerPermission, "Answers what a session asks.")
            .body::<AnswerPermission>()
            .answers::<PermissionAnswered>(200)
            .refuses(&[Code::PermissionNotFound, Code::PermissionResolved]),
    ]
}
