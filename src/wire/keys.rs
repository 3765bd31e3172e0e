//! API keys on the wire. The key itself is answered once, when it is made.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::KeyId;
use crate::scope::Scope;

/// Header of a request over the admin socket: the tenant that is acted for.
pub(crate) const TENANT: &str = "ash-tenant";

/// A key, without what only its holder knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKey {
    pub(crate) id: KeyId,
    pub(crate) tenant_id: String,
    pub(crate) label: Option<String>,
    pub(crate) scope: Scope,
    /// The first characters of the key.
    pub(crate) key_prefix: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    /// To the minute.
    pub(crate) last_used_at: Option<Timestamp>,
}

/// Body of `POST /api/api-keys`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateApiKey {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_in_seconds: Option<u64>,
    /// Another than the caller's: over the admin socket only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant_id: Option<String>,
}

/// Answer to it.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedApiKey {
    /// What the holder shows; it cannot be had again.
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) about: ApiKey,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ApiKeyList {
    pub(crate) keys: Vec<ApiKey>,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::operation;
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(Operation::CreateApiKey, "Makes an API key.")
            .may_have_body::<CreateApiKey>()
            .answers::<CreatedApiKey>(201)
            .refuses(&[Code::IdempotencyMismatch, Code::TooManyKeys]),
        operation(Operation::ListApiKeys, "Lists the API keys.").answers::<ApiKeyList>(200),
        operation(Operation::RevokeApiKey, "Revokes an API key.")
            .answers::<super::Done>(200)
            .refuses(&[Code::KeyNotFound]),
    ]
}
