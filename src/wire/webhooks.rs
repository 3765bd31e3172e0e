//! Webhooks on the wire: addresses of a tenant that are told what happens. The secret that signs
//! is answered once.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::id::{DeliveryId, WebhookId};

/// What a webhook can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum WebhookEvent {
    /// A session has another status; creation counts.
    #[serde(rename = "session.changed")]
    SessionChanged,
    #[serde(rename = "turn.ended")]
    TurnEnded,
    /// A tool waits for a permission.
    #[serde(rename = "permission.requested")]
    PermissionRequested,
    #[serde(rename = "job.ended")]
    JobEnded,
    /// Nothing is left of a session's or the tenant's budget.
    #[serde(rename = "budget.reached")]
    BudgetReached,
    /// Somebody asked for it; every webhook is told.
    #[serde(rename = "webhook.test")]
    Test,
}

impl WebhookEvent {
    pub(crate) const ALL: [Self; 6] = [
        Self::SessionChanged,
        Self::TurnEnded,
        Self::PermissionRequested,
        Self::JobEnded,
        Self::BudgetReached,
        Self::Test,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SessionChanged => "session.changed",
            Self::TurnEnded => "turn.ended",
            Self::PermissionRequested => "permission.requested",
            Self::JobEnded => "job.ended",
            Self::BudgetReached => "budget.reached",
            Self::Test => "webhook.test",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

/// Body of `POST /api/webhooks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateWebhook {
    pub(crate) url: String,
    /// Of what it is told; absent: of everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<Vec<WebhookEvent>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
}

/// Body of `PATCH /api/webhooks/{id}`; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangeWebhook {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<Vec<WebhookEvent>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) enabled: Option<bool>,
}

/// A webhook, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Webhook {
    pub(crate) id: WebhookId,
    pub(crate) tenant_id: String,
    pub(crate) url: String,
    pub(crate) events: Vec<WebhookEvent>,
    pub(crate) label: Option<String>,
    pub(crate) enabled: bool,
    /// Why it is told nothing any more.
    pub(crate) disabled_reason: Option<String>,
    pub(crate) disabled_at: Option<Timestamp>,
    /// Attempts that failed since the last that did not.
    pub(crate) failures: u32,
    /// Deliveries that wait.
    pub(crate) waiting: u64,
    /// When the oldest of them was made.
    #[serde(default)]
    pub(crate) oldest_waiting_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
}

/// What has become of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryStatus {
    Pending,
    Delivered,
    Failed,
}

impl DeliveryStatus {
    pub(crate) const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// One thing that a webhook is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivery {
    /// The header `webhook-id`, the same in every attempt.
    pub(crate) id: DeliveryId,
    pub(crate) webhook_id: WebhookId,
    pub(crate) event: WebhookEvent,
    pub(crate) status: DeliveryStatus,
    pub(crate) attempts: u32,
    /// The body that is sent.
    pub(crate) payload: Value,
    /// The HTTP status of the latest answer.
    pub(crate) response_status: Option<u16>,
    /// Why the latest attempt failed.
    pub(crate) error: Option<String>,
    pub(crate) created_at: Timestamp,
    /// When it is tried next, while it waits.
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) attempted_at: Option<Timestamp>,
    pub(crate) completed_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WebhookEnvelope {
    pub(crate) webhook: Webhook,
}

/// Answer to `POST /api/webhooks`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CreatedWebhook {
    /// What signs the deliveries; it cannot be had again.
    pub(crate) secret: String,
    pub(crate) webhook: Webhook,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WebhookList {
    pub(crate) webhooks: Vec<Webhook>,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DeliveryEnvelope {
    pub(crate) delivery: Delivery,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DeliveryList {
    pub(crate) deliveries: Vec<Delivery>,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::{flag, one_of, operation, whole};
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(Operation::CreateWebhook, "Has an address told what happens.")
            .body::<CreateWebhook>()
            .answers::<CreatedWebhook>(201)
            .refuses(&[
                Code::CredentialsUnavailable,
                Code::IdempotencyMismatch,
                Code::TooManyWebhooks,
            ]),
        operation(Operation::ListWebhooks, "Lists the webhooks.")
            .query("allTenants", flag(), "Of all tenants; over the admin socket only.")
            .answers::<WebhookList>(200),
        operation(Operation::GetWebhook, "Tells about a webhook.")
            .answers::<WebhookEnvelope>(200)
            .refuses(&[Code::WebhookNotFound]),
        operation(Operation::ChangeWebhook, "Changes a webhook, or enables it again.")
            .body::<ChangeWebhook>()
            .answers::<WebhookEnvelope>(200)
            .refuses(&[Code::WebhookNotFound]),
        operation(Operation::DeleteWebhook, "Deletes a webhook and its deliveries.")
            .answers::<super::Deleted>(200)
            .refuses(&[Code::WebhookNotFound]),
        operation(Operation::ListDeliveries, "Lists what a webhook was told, the newest first.")
            .query(
                "status",
                one_of(&DeliveryStatus::ALL.map(DeliveryStatus::as_str)),
                "Only those.",
            )
            .query("limit", whole(1, 500), "Most that are listed; default 50.")
            .answers::<DeliveryList>(200)
            .refuses(&[Code::WebhookNotFound]),
        operation(Operation::TestWebhook, "Tells a webhook something to try it.")
            .answers::<DeliveryEnvelope>(201)
            .refuses(&[
                Code::IdempotencyMismatch,
                Code::QueueFull,
                Code::WebhookDisabled,
                Code::WebhookNotFound,
            ]),
    ]
}
