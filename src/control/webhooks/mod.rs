//! Webhooks: addresses of a tenant that are told what happens.

mod deliver;

use super::{Caller, Control, Refusal};
use crate::clock::Timestamp;
use crate::egress::WebhookSecret;
use crate::id::WebhookId;
use crate::session::options::OptionError;
use crate::session::webhook::{DeliveryStatus, WebhookEvent};
use crate::store::{DELIVERIES_WAITING_MAX, DeliveryRecord, WebhookChange, WebhookRecord};
use crate::wire::webhooks::{
    ChangeWebhook, CreateWebhook, CreatedWebhook, Delivery, DeliveryList, Webhook, WebhookList,
};

/// Webhooks of one tenant: each event is a row for each of them.
const WEBHOOKS_MAX: usize = 20;

/// Characters of a label.
const LABEL_CHARACTERS_MAX: usize = 200;

/// Which deliveries are listed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeliveryFilter {
    pub(crate) status: Option<DeliveryStatus>,
    pub(crate) limit: u32,
}

impl Control {
    /// The secret is answered here and never again.
    pub(crate) async fn create_webhook(
        &self,
        caller: &Caller,
        request: CreateWebhook,
    ) -> Result<CreatedWebhook, Refusal> {
        let CreateWebhook { url, events, label } = request;
        self.settings().receivers.check(&url)?;
        let events = match events {
            Some(events) => judged(events)?,
            None => judged(WebhookEvent::ALL.to_vec())?,
        };
        let label = label.filter(|label| !label.is_empty());
        if label.as_ref().is_some_and(|label| label.chars().count() > LABEL_CHARACTERS_MAX) {
            return Err(Refusal::KeyLabel { max: LABEL_CHARACTERS_MAX });
        }
        let sealing = self.host.egress.sealing().ok_or(Refusal::NoSealing)?;
        let (id, tenant, secret) = (WebhookId::new(), &caller.tenant, WebhookSecret::random());
        let sealed = sealing.key.seal_webhook(tenant, id, &url, &secret).as_bytes().to_vec();
        let record = WebhookRecord {
            id,
            tenant: tenant.clone(),
            url,
            events,
            label,
            sealed,
            waiting: 0,
            failures: 0,
            disabled: None,
            created_at: Timestamp::now(),
            oldest_waiting: None,
        };
        if !self.host.store.create_webhook(record.clone(), WEBHOOKS_MAX).await? {
            return Err(Refusal::TooManyWebhooks { max: WEBHOOKS_MAX });
        }
        tracing::info!(webhook = %id, tenant, "a webhook was made");
        Ok(CreatedWebhook { secret: secret.text(), webhook: shown(record) })
    }

    /// The oldest first.
    pub(crate) async fn webhooks(
        &self,
        caller: &Caller,
        of_all: bool,
    ) -> Result<WebhookList, Refusal> {
        let found = self.host.store.webhooks(caller.listed(of_all)?).await?;
        Ok(WebhookList { webhooks: found.into_iter().map(shown).collect() })
    }

    pub(crate) async fn webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook, Refusal> {
        let found = self.host.store.webhook(&caller.tenant, id).await?;
        found.map(shown).ok_or(Refusal::WebhookNotFound)
    }

    pub(crate) async fn change_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        request: ChangeWebhook,
    ) -> Result<Webhook, Refusal> {
        let change = WebhookChange {
            events: request.events.map(judged).transpose()?,
            enabled: request.enabled.map(|enabled| {
                if enabled { Ok(()) } else { Err("somebody has disabled it".to_owned()) }
            }),
        };
        let (store, now) = (&self.host.store, Timestamp::now());
        let changed = store.change_webhook(&caller.tenant, id, change, now).await?;
        self.deliveries.notify_one();
        changed.map(shown).ok_or(Refusal::WebhookNotFound)
    }

    pub(crate) async fn delete_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
    ) -> Result<(), Refusal> {
        if !self.host.store.delete_webhook(&caller.tenant, id).await? {
            return Err(Refusal::WebhookNotFound);
        }
        tracing::info!(webhook = %id, tenant = caller.tenant, "a webhook was deleted");
        Ok(())
    }

    /// The newest first.
    pub(crate) async fn deliveries(
        &self,
        caller: &Caller,
        id: WebhookId,
        filter: DeliveryFilter,
    ) -> Result<DeliveryList, Refusal> {
        self.webhook(caller, id).await?;
        let DeliveryFilter { status, limit } = filter;
        let found = self.host.store.deliveries(&caller.tenant, id, status, limit).await?;
        Ok(DeliveryList { deliveries: found.into_iter().map(delivery).collect() })
    }

    /// One that is disabled would not be told.
    pub(crate) async fn test_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
    ) -> Result<Delivery, Refusal> {
        if let Some(reason) = self.webhook(caller, id).await?.disabled_reason {
            return Err(Refusal::WebhookDisabled { reason });
        }
        let put = self.host.store.put_trial(&caller.tenant, id, Timestamp::now()).await?;
        let put = put.ok_or(Refusal::TooManyDeliveries { max: DELIVERIES_WAITING_MAX })?;
        Ok(delivery(self.host.store.delivery(put).await?))
    }
}

/// In one order, each once. Everybody is told of a trial.
fn judged(mut events: Vec<WebhookEvent>) -> Result<Vec<WebhookEvent>, OptionError> {
    events.retain(|event| *event != WebhookEvent::Test);
    events.sort_unstable();
    events.dedup();
    if events.is_empty() {
        let what = "it names nothing that a webhook can be told of".to_owned();
        return Err(OptionError { field: "events".to_owned(), what });
    }
    Ok(events)
}

fn shown(record: WebhookRecord) -> Webhook {
    let (disabled_at, disabled_reason) = record.disabled.unzip();
    Webhook {
        id: record.id,
        tenant_id: record.tenant,
        url: record.url,
        events: record.events,
        label: record.label,
        enabled: disabled_at.is_none(),
        disabled_reason,
        disabled_at,
        failures: record.failures,
        waiting: record.waiting,
        oldest_waiting_at: record.oldest_waiting,
        created_at: record.created_at,
    }
}

fn delivery(record: DeliveryRecord) -> Delivery {
    let waits = record.status == DeliveryStatus::Pending;
    Delivery {
        id: record.id,
        webhook_id: record.webhook,
        event: record.event,
        status: record.status,
        attempts: record.attempts,
        payload: serde_json::from_str(&record.payload).unwrap_or_default(),
        response_status: record.response_status,
        error: record.error,
        created_at: record.created_at,
        due_at: waits.then_some(record.due_at),
        attempted_at: record.attempted_at,
        completed_at: record.completed_at,
    }
}
