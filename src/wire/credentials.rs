//! Credentials of tenants on the wire. The secret comes in once and is never answered.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::id::CredentialId;

/// For what a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum CredentialKind {
    /// The configured model API.
    Anthropic,
    /// Another API of the same shape; or with `tools` any API, for tools in the sandbox.
    Custom,
    /// The API of OpenAI, or one of its shape, for tools in the sandbox.
    Openai,
    /// The model API of Amazon Bedrock.
    Bedrock,
}

impl CredentialKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Custom => "custom",
            Self::Openai => "openai",
            Self::Bedrock => "bedrock",
        }
    }
}

/// A secret on its way to where it is sealed: wiped afterwards, and never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub(crate) struct Secret(#[cfg_attr(test, schemars(with = "String"))] pub(crate) Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Body of `POST /api/credentials`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateCredential {
    #[serde(rename = "type")]
    pub(crate) kind: CredentialKind,
    pub(crate) key: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// Ours: an address that the configuration lists. Required of `custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base_url: Option<String>,
    /// Ours: of `custom`, it is sent as `Authorization: Bearer`, and not as `x-api-key`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) bearer: bool,
    /// Ours: of `bedrock`, required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    /// Ours: of `custom`, it is for an API that tools in the sandbox ask, and not for the model.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) tools: bool,
    /// Ours: of `custom` with `tools`, the header that it is sent in, and not as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<String>,
}

/// A credential, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credential {
    pub(crate) id: CredentialId,
    pub(crate) tenant_id: String,
    /// A kind, in a text: a newer one is listed, too.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) label: Option<String>,
    /// It is for tools in the sandbox, and the model has the host's key.
    #[serde(default)]
    pub(crate) tools: bool,
    /// Of `bedrock`.
    #[serde(default)]
    pub(crate) region: Option<String>,
    /// It can be opened with the keys of this host.
    pub(crate) active: bool,
    pub(crate) created_at: Timestamp,
    /// To the minute.
    pub(crate) last_used_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CredentialEnvelope {
    pub(crate) credential: Credential,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CredentialList {
    pub(crate) credentials: Vec<Credential>,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::operation;
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(
            Operation::CreateCredential,
            "Stores a key of the tenant that its sessions can have used for them.",
        )
        .body::<CreateCredential>()
        .answers::<CredentialEnvelope>(201)
        .refuses(&[
            Code::CredentialsUnavailable,
            Code::IdempotencyMismatch,
            Code::TooManyKeys,
        ]),
        operation(Operation::ListCredentials, "Lists the credentials of the tenant.")
            .answers::<CredentialList>(200),
        operation(Operation::DeleteCredential, "Deletes a credential.")
            .answers::<super::Deleted>(200)
            .refuses(&[Code::CredentialNotFound]),
    ]
}
