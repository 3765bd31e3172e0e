//! The audit of a session on the wire.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::CredentialId;

/// One decision at the way out of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditEntry {
    /// From 1; the oldest are removed, so that a list may begin later.
    pub(crate) sequence: u64,
    pub(crate) created_at: Timestamp,
    /// `model` (a request), `tunnel` (to another host), `lost` (so many entries found no room).
    pub(crate) subject: String,
    /// `allowed`, `refused`, `closed`; `lost`.
    pub(crate) decision: String,
    /// A word that stays, e.g. `not_listed_for_the_agent`.
    pub(crate) reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    /// Method and path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// Of a request that a tenant's credential stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credential_id: Option<CredentialId>,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    /// Of `lost`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AuditList {
    pub(crate) entries: Vec<AuditEntry>,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::{operation, whole};
    use super::operations::Operation;
    vec![
        operation(Operation::ListAudit, "Lists what was decided at the way out of a session.")
            .query(
                "after",
                whole(0, i64::MAX.unsigned_abs()),
                "The `sequence` behind which to begin.",
            )
            .query("limit", whole(1, 1000), "By default 200.")
            .answers::<AuditList>(200),
    ]
}
