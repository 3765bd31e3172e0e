//! Webhooks: addresses of a tenant that are told what happens, and what they were told.

use super::database::{self, Connection, Optional as _, Row, params};
use super::writer::Terms;
use super::{Store, StoreError, outbox, row};
use crate::clock::Timestamp;
use crate::id::{DeliveryId, WebhookId};
use crate::session::webhook::{DeliveryStatus, WebhookEvent};

/// What was answered to a client outlives a power cut.
const DURABLE: Terms = Terms { durable: true, bytes: 0 };

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebhookRecord {
    pub(crate) id: WebhookId,
    pub(crate) tenant: String,
    pub(crate) url: String,
    pub(crate) events: Vec<WebhookEvent>,
    pub(crate) label: Option<String>,
    /// What signs its deliveries, for egress alone.
    pub(crate) sealed: Vec<u8>,
    pub(crate) waiting: u64,
    /// Attempts that failed in a row.
    pub(crate) failures: u32,
    pub(crate) disabled: Option<(Timestamp, String)>,
    pub(crate) created_at: Timestamp,
    /// When the oldest delivery was made of those that wait.
    pub(crate) oldest_waiting: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeliveryRecord {
    pub(crate) id: DeliveryId,
    pub(crate) webhook: WebhookId,
    pub(crate) event: WebhookEvent,
    /// JSON, as it is sent.
    pub(crate) payload: String,
    pub(crate) status: DeliveryStatus,
    pub(crate) attempts: u32,
    pub(crate) response_status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) due_at: Timestamp,
    pub(crate) attempted_at: Option<Timestamp>,
    pub(crate) completed_at: Option<Timestamp>,
}

/// What is `None` stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct WebhookChange {
    pub(crate) events: Option<Vec<WebhookEvent>>,
    /// Enabled, or the reason why not.
    pub(crate) enabled: Option<Result<(), String>>,
}

const WEBHOOK: &str = "SELECT id, tenant, url, events, label, sealed, waiting, failures, \
    disabled_at, disabled_reason, created_at, (SELECT min(d.created_at) FROM webhook_deliveries d \
    WHERE d.webhook_key = webhooks.key AND d.status = 'pending') FROM webhooks";

const DELIVERY: &str = "SELECT d.id, w.id, d.event, d.payload, d.status, d.attempts, \
    d.response_status, d.error, d.created_at, d.due_at, d.attempted_at, d.completed_at \
    FROM webhook_deliveries d JOIN webhooks w ON w.key = d.webhook_key";

fn webhook(row: &Row<'_>) -> database::Result<WebhookRecord> {
    let disabled_at = row::maybe_timestamp(row, 8)?;
    Ok(WebhookRecord {
        id: row::parsed(row, 0)?,
        tenant: row.get(1)?,
        url: row.get(2)?,
        // Of a newer version there may be more.
        events: row::texts(row, 3)?.iter().filter_map(|text| WebhookEvent::parse(text)).collect(),
        label: row.get(4)?,
        sealed: row.get(5)?,
        waiting: row.get(6)?,
        failures: row.get(7)?,
        disabled: match disabled_at {
            Some(at) => Some((at, row.get::<Option<String>>(9)?.unwrap_or_default())),
            None => None,
        },
        created_at: row::timestamp(row, 10)?,
        oldest_waiting: row::maybe_timestamp(row, 11)?,
    })
}

fn delivery(row: &Row<'_>) -> database::Result<DeliveryRecord> {
    Ok(DeliveryRecord {
        id: row::parsed(row, 0)?,
        webhook: row::parsed(row, 1)?,
        event: row::word(row, 2, WebhookEvent::parse)?,
        payload: row.get(3)?,
        status: row::word(row, 4, DeliveryStatus::parse)?,
        attempts: row.get(5)?,
        response_status: row.get(6)?,
        error: row.get(7)?,
        created_at: row::timestamp(row, 8)?,
        due_at: row::timestamp(row, 9)?,
        attempted_at: row::maybe_timestamp(row, 10)?,
        completed_at: row::maybe_timestamp(row, 11)?,
    })
}

fn words(events: &[WebhookEvent]) -> String {
    let words: Vec<String> = events.iter().map(|event| event.as_str().to_owned()).collect();
    row::texts_text(&words)
}

impl Store {
    /// Says whether there was room: a tenant has at most `most`.
    pub(crate) async fn create_webhook(
        &self,
        new: WebhookRecord,
        most: usize,
    ) -> Result<bool, StoreError> {
        self.write(DURABLE, move |connection| {
            let count: usize = connection
                .prepare_cached("SELECT count(*) FROM webhooks WHERE tenant = ?1")?
                .query_row([&new.tenant], |row| row.get(0))?;
            if count >= most {
                return Ok(false);
            }
            connection
                .prepare_cached(
                    "INSERT INTO webhooks (id, tenant, url, events, label, sealed, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    new.id.to_string(),
                    new.tenant,
                    new.url,
                    words(&new.events),
                    new.label,
                    new.sealed,
                    new.created_at.as_millis(),
                ])?;
            Ok(true)
        })
        .await
    }

    /// The oldest first.
    pub(crate) async fn webhooks(&self, tenant: &str) -> Result<Vec<WebhookRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            let sql = format!("{WEBHOOK} WHERE tenant = ?1 OR ?1 = '*' ORDER BY key");
            let mut statement = connection.prepare_cached(&sql)?;
            let found = statement.query_map([tenant], webhook)?.collect::<Result<_, _>>()?;
            Ok(found)
        })
        .await
    }

    pub(crate) async fn webhook(
        &self,
        tenant: &str,
        id: WebhookId,
    ) -> Result<Option<WebhookRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| one(connection, &tenant, id)).await
    }

    /// What it is then; `None` if there is none. One that is enabled begins anew.
    pub(crate) async fn change_webhook(
        &self,
        tenant: &str,
        id: WebhookId,
        change: WebhookChange,
        now: Timestamp,
    ) -> Result<Option<WebhookRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.write(DURABLE, move |connection| {
            connection
                .prepare_cached(
                    "UPDATE webhooks SET events = coalesce(?3, events) WHERE id = ?1 AND tenant = ?2",
                )?
                .execute(params![id.to_string(), tenant, change.events.as_deref().map(words)])?;
            match &change.enabled {
                None => {}
                Some(Ok(())) => outbox::enable(connection, &tenant, id)?,
                Some(Err(reason)) => {
                    connection
                        .prepare_cached(
                            "UPDATE webhooks SET disabled_at = ?3, disabled_reason = ?4
                             WHERE id = ?1 AND tenant = ?2 AND disabled_at IS NULL",
                        )?
                        .execute(params![id.to_string(), tenant, now.as_millis(), reason])?;
                }
            }
            one(connection, &tenant, id)
        })
        .await
    }

    /// With what waits for it; says whether there was one.
    pub(crate) async fn delete_webhook(
        &self,
        tenant: &str,
        id: WebhookId,
    ) -> Result<bool, StoreError> {
        let tenant = tenant.to_owned();
        self.write(DURABLE, move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM webhooks WHERE id = ?1 AND tenant = ?2")?
                .execute([&id.to_string(), &tenant])?;
            Ok(deleted > 0)
        })
        .await
    }

    /// The newest first.
    pub(crate) async fn deliveries(
        &self,
        tenant: &str,
        id: WebhookId,
        status: Option<DeliveryStatus>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            let sql = format!(
                "{DELIVERY} WHERE w.id = ?1 AND w.tenant = ?2 AND d.status = coalesce(?3, d.status)
                 ORDER BY d.key DESC LIMIT ?4"
            );
            let status = status.map(DeliveryStatus::as_str);
            let mut statement = connection.prepare_cached(&sql)?;
            let found = statement
                .query_map(params![id.to_string(), tenant, status, limit], delivery)?
                .collect::<Result<_, _>>()?;
            Ok(found)
        })
        .await
    }

    pub(crate) async fn delivery(&self, id: DeliveryId) -> Result<DeliveryRecord, StoreError> {
        self.read(move |connection| {
            let sql = format!("{DELIVERY} WHERE d.id = ?1");
            Ok(connection.prepare_cached(&sql)?.query_row([id.to_string()], delivery)?)
        })
        .await
    }
}

pub(super) fn one(
    connection: &Connection,
    tenant: &str,
    id: WebhookId,
) -> Result<Option<WebhookRecord>, StoreError> {
    let sql = format!("{WEBHOOK} WHERE id = ?1 AND tenant = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([id.to_string().as_str(), tenant], webhook).optional()?)
}
