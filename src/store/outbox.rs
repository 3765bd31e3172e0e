//! The outbox: what webhooks are to be told. It is filled by the transactions that it tells of, so
//! that nothing is told that did not happen, and nothing that happened is forgotten.

use std::sync::Arc;

use rusqlite::hooks::Action;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::database::{self, Connection, Optional as _, Row, params};
use super::writer::Terms;
use super::{JobRecord, Store, StoreError, TurnState, row};
use crate::clock::Timestamp;
use crate::id::{DeliveryId, PermissionId, TurnId, WebhookId};
use crate::session::Status;
use crate::session::job::JobStatus;
use crate::session::webhook::{Attempt, Outcome, WebhookEvent};

/// Deliveries of one webhook that may wait. Beyond it the webhook is disabled: who reads nothing of
/// 10,000 events has to read the state of things anyway.
pub(crate) const WAITING_MAX: u64 = 10_000;

const TABLE: &str = "webhook_deliveries";

/// Who is told of a session's events, and whose session it is.
#[derive(Debug)]
struct Told {
    tenant: String,
    status: Status,
    id: String,
    agent: String,
}

impl Told {
    fn put(
        &self,
        connection: &Connection,
        event: WebhookEvent,
        at: Timestamp,
        mut data: Value,
    ) -> Result<(), StoreError> {
        data["sessionId"] = self.id.as_str().into();
        data["agentName"] = self.agent.as_str().into();
        put(connection, &self.tenant, event, at, &data)
    }
}

/// A delivery that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueDelivery {
    pub(crate) key: i64,
    pub(crate) webhook_key: i64,
    pub(crate) id: DeliveryId,
    pub(crate) webhook: WebhookId,
    pub(crate) tenant: String,
    pub(crate) url: String,
    pub(crate) sealed: Vec<u8>,
    pub(crate) payload: String,
}

/// What became of a delivery and its webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) outcome: Outcome,
    /// Why its webhook is told nothing any more, if this is why.
    pub(crate) disabled: Option<String>,
}

/// Has `filled` told whenever something is put into the outbox, a moment before it is committed.
pub(super) fn attend(
    writer: &mut rusqlite::Connection,
    filled: Arc<Notify>,
) -> Result<(), StoreError> {
    let told = move |action, _database: &str, table: &str, _row| {
        if action == Action::SQLITE_INSERT && table == TABLE {
            filled.notify_one();
        }
    };
    Ok(writer.update_hook(Some(told))?)
}

/// The session, if a webhook of its tenant may want to know of it.
fn told_of(connection: &Connection, key: i64) -> Result<Option<Told>, StoreError> {
    let told = connection
        .prepare_cached(
            "SELECT s.tenant, s.status, s.id, s.agent_name FROM sessions s
             WHERE s.key = ?1 AND EXISTS
                (SELECT 1 FROM webhooks w WHERE w.tenant = s.tenant AND w.disabled_at IS NULL)",
        )?
        .query_row([key], |row| {
            Ok(Told {
                tenant: row.get(0)?,
                status: row::word(row, 1, Status::parse)?,
                id: row.get(2)?,
                agent: row.get(3)?,
            })
        })
        .optional()?;
    Ok(told)
}

/// Told before it has the status.
pub(super) fn session_changed(
    connection: &Connection,
    key: i64,
    status: Status,
    at: Timestamp,
) -> Result<(), StoreError> {
    match told_of(connection, key)? {
        Some(told) if told.status != status => {
            let more = json!({ "status": status.as_str(), "before": told.status.as_str() });
            told.put(connection, WebhookEvent::SessionChanged, at, more)
        }
        _ => Ok(()),
    }
}

pub(super) fn turn_ended(
    connection: &Connection,
    key: i64,
    ordinal: u64,
    state: TurnState,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Some(told) = told_of(connection, key)? else { return Ok(()) };
    let turn: String = connection
        .prepare_cached("SELECT id FROM turns WHERE session_key = ?1 AND ordinal = ?2")?
        .query_row(params![key, ordinal], |row| row.get(0))?;
    let more = json!({ "turnId": turn, "turn": ordinal, "outcome": state.as_str() });
    told.put(connection, WebhookEvent::TurnEnded, at, more)
}

/// `request` is the frame that asks. What the tool is to be used with stays in the log.
pub(super) fn permission_requested(
    connection: &Connection,
    key: i64,
    at: Timestamp,
    request: &[u8],
) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Request {
        permission_id: PermissionId,
        turn_id: Option<TurnId>,
        tool_name: String,
    }
    let (Some(told), Ok(request)) = (told_of(connection, key)?, serde_json::from_slice(request))
    else {
        return Ok(());
    };
    let Request { permission_id, turn_id, tool_name } = request;
    let more = json!({ "permissionId": permission_id, "turnId": turn_id, "toolName": tool_name });
    told.put(connection, WebhookEvent::PermissionRequested, at, more)
}

pub(super) fn job_ended(
    connection: &Connection,
    job: &JobRecord,
    status: JobStatus,
    at: Timestamp,
) -> Result<(), StoreError> {
    let data = json!({
        "jobId": job.id,
        "agentName": job.agent_name,
        "sessionId": job.session.or(job.wished_session),
        "turnId": job.turn,
        "status": status.as_str(),
    });
    put(connection, &job.tenant, WebhookEvent::JobEnded, at, &data)
}

/// `whose` budget it is: the session's that used the last of it, or its tenant's.
pub(super) fn budget_reached(
    connection: &Connection,
    key: i64,
    whose: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    match told_of(connection, key)? {
        Some(told) => {
            told.put(connection, WebhookEvent::BudgetReached, at, json!({ "whose": whose }))
        }
        None => Ok(()),
    }
}

/// Puts an event into the outbox, for each webhook of the tenant that wants it.
fn put(
    connection: &Connection,
    tenant: &str,
    event: WebhookEvent,
    at: Timestamp,
    data: &Value,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT key, waiting, events FROM webhooks WHERE tenant = ?1 AND disabled_at IS NULL",
    )?;
    let enabled: Vec<(i64, u64, Vec<String>)> = statement
        .query_map([tenant], |row| Ok((row.get(0)?, row.get(1)?, row::texts(row, 2)?)))?
        .collect::<Result<_, _>>()?;
    for (key, waiting, events) in enabled {
        if !events.iter().any(|wanted| wanted == event.as_str()) {
            continue;
        }
        if waiting >= WAITING_MAX {
            let why = format!("{WAITING_MAX} deliveries wait, and no more are kept");
            tracing::warn!(tenant, why, "a webhook was disabled");
            disable(connection, key, at, &why)?;
        } else {
            insert(connection, key, event, at, data)?;
        }
    }
    Ok(())
}

fn insert(
    connection: &Connection,
    webhook_key: i64,
    event: WebhookEvent,
    at: Timestamp,
    data: &Value,
) -> Result<DeliveryId, StoreError> {
    let id = DeliveryId::new();
    let payload = json!({ "type": event.as_str(), "timestamp": at, "data": data });
    connection
        .prepare_cached(
            "INSERT INTO webhook_deliveries (id, webhook_key, event, payload, created_at, due_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        )?
        .execute(params![
            id.to_string(),
            webhook_key,
            event.as_str(),
            payload.to_string(),
            at.as_millis()
        ])?;
    connection
        .prepare_cached("UPDATE webhooks SET waiting = waiting + 1 WHERE key = ?1")?
        .execute([webhook_key])?;
    Ok(id)
}

fn disable(
    connection: &Connection,
    key: i64,
    at: Timestamp,
    reason: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE webhooks SET disabled_at = ?2, disabled_reason = ?3
             WHERE key = ?1 AND disabled_at IS NULL",
        )?
        .execute(params![key, at.as_millis(), reason])?;
    Ok(())
}

/// What waits is tried at once.
pub(super) fn enable(
    connection: &Connection,
    tenant: &str,
    id: WebhookId,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE webhooks SET disabled_at = NULL, disabled_reason = NULL, failures = 0,
                quiet_until = 0
             WHERE id = ?1 AND tenant = ?2",
        )?
        .execute([&id.to_string(), tenant])?;
    Ok(())
}

impl Store {
    /// When something was put into the outbox since the last call returned.
    pub(crate) async fn outbox_filled(&self) {
        self.outbox.notified().await;
    }

    /// Puts a trial into the outbox of a webhook that is enabled; `None` if too much waits.
    pub(crate) async fn put_trial(
        &self,
        tenant: &str,
        id: WebhookId,
        now: Timestamp,
    ) -> Result<Option<DeliveryId>, StoreError> {
        let tenant = tenant.to_owned();
        self.write(Terms { durable: true, bytes: 0 }, move |connection| {
            let found: Option<(i64, u64)> = connection
                .prepare_cached("SELECT key, waiting FROM webhooks WHERE id = ?1 AND tenant = ?2")?
                .query_row([&id.to_string(), &tenant], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((key, 0..WAITING_MAX)) = found else { return Ok(None) };
            let data = json!({ "webhookId": id });
            insert(connection, key, WebhookEvent::Test, now, &data).map(Some)
        })
        .await
    }

    /// What is due, at most `each` of a webhook that is not to be left alone, and one of a webhook
    /// whose last attempt failed; and when more is. Asked of the connection that writes: what it
    /// was told of is there then.
    pub(crate) async fn due_deliveries(
        &self,
        each: u32,
        now: Timestamp,
    ) -> Result<(Vec<DueDelivery>, Option<Timestamp>), StoreError> {
        self.write(Terms::default(), move |connection| {
            let mut ready = connection.prepare_cached(
                "SELECT key, failures > 0 FROM webhooks
                 WHERE waiting > 0 AND disabled_at IS NULL AND quiet_until <= ?1 ORDER BY key",
            )?;
            let ready: Vec<(i64, bool)> = ready
                .query_map([now.as_millis()], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            let mut due = Vec::new();
            for (webhook, has_failed) in ready {
                let most = if has_failed { 1 } else { each };
                let mut statement = connection.prepare_cached(
                    "SELECT d.key, d.webhook_key, d.id, w.id, w.tenant, w.url, w.sealed, d.payload
                     FROM webhook_deliveries d JOIN webhooks w ON w.key = d.webhook_key
                     WHERE d.webhook_key = ?1 AND d.status = 'pending' AND d.due_at <= ?2
                     ORDER BY d.due_at, d.key LIMIT ?3",
                )?;
                let found = statement.query_map(params![webhook, now.as_millis(), most], taken)?;
                due.extend(found.collect::<Result<Vec<_>, _>>()?);
            }
            let next: Option<i64> = connection
                .prepare_cached(
                    "SELECT min(CASE WHEN quiet_until > due_at THEN quiet_until ELSE due_at END) FROM (
                        SELECT w.quiet_until, (SELECT min(d.due_at) FROM webhook_deliveries d
                            WHERE d.webhook_key = w.key AND d.status = 'pending') AS due_at
                        FROM webhooks w WHERE w.waiting > 0 AND w.disabled_at IS NULL) waiting",
                )?
                .query_row(params![], |row| row.get(0))?;
            Ok((due, next.map(Timestamp::from_millis)))
        })
        .await
    }

    /// What came of an attempt; `None` if its webhook is gone. `chance` is any number.
    pub(crate) async fn delivery_was_tried(
        &self,
        key: i64,
        attempt: Attempt,
        chance: u32,
        now: Timestamp,
    ) -> Result<Option<Tried>, StoreError> {
        self.write(Terms::default(), move |connection| {
            let found: Option<(i64, u32, u32)> = connection
                .prepare_cached(
                    "SELECT w.key, d.attempts + 1, w.failures FROM webhook_deliveries d
                     JOIN webhooks w ON w.key = d.webhook_key
                     WHERE d.key = ?1 AND d.status = 'pending'",
                )?
                .query_row([key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let Some((webhook_key, attempts, failures)) = found else { return Ok(None) };
            let verdict = attempt.verdict(attempts, failures, chance);
            let (status, due_at) = match verdict.outcome {
                Outcome::Delivered => ("delivered", None),
                Outcome::GivenUp => ("failed", None),
                Outcome::Again(pause) => ("pending", Some(later(now, pause))),
            };
            let is_over = due_at.is_none();
            connection
                .prepare_cached(
                    "UPDATE webhook_deliveries SET status = ?2, attempts = ?3, response_status = ?4,
                        error = ?5, due_at = coalesce(?6, due_at), attempted_at = ?7,
                        completed_at = ?8
                     WHERE key = ?1",
                )?
                .execute(params![
                    key,
                    status,
                    attempts,
                    attempt.status(),
                    attempt.error(),
                    due_at,
                    now.as_millis(),
                    is_over.then_some(now.as_millis()),
                ])?;
            connection
                .prepare_cached(
                    "UPDATE webhooks SET waiting = waiting - ?2, failures = ?3, quiet_until = ?4
                     WHERE key = ?1",
                )?
                .execute(params![
                    webhook_key,
                    is_over,
                    verdict.failures,
                    later(now, verdict.quiet)
                ])?;
            if let Some(reason) = &verdict.disabled {
                disable(connection, webhook_key, now, reason)?;
            }
            Ok(Some(Tried { outcome: verdict.outcome, disabled: verdict.disabled }))
        })
        .await
    }

    /// Removes those that were over before then.
    pub(crate) async fn forget_deliveries(&self, before: Timestamp) -> Result<(), StoreError> {
        self.write(Terms::default(), move |connection| {
            connection
                .prepare_cached("DELETE FROM webhook_deliveries WHERE completed_at < ?1")?
                .execute([before.as_millis()])?;
            Ok(())
        })
        .await
    }
}

fn taken(row: &Row<'_>) -> database::Result<DueDelivery> {
    Ok(DueDelivery {
        key: row.get(0)?,
        webhook_key: row.get(1)?,
        id: row::parsed(row, 2)?,
        webhook: row::parsed(row, 3)?,
        tenant: row.get(4)?,
        url: row.get(5)?,
        sealed: row.get(6)?,
        payload: row.get(7)?,
    })
}

fn later(now: Timestamp, pause: std::time::Duration) -> i64 {
    now.as_millis().saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
}
