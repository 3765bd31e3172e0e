//! What nobody waits for and so nobody sees fail: receivers of webhooks, and schedules.

use crate::ctl::failure::Failure;
use crate::ctl::server::{Server, understand};
use crate::wire::schedules::{RunOutcome, Schedule, ScheduleList};
use crate::wire::webhooks::{Webhook, WebhookList};

/// Something that somebody has to look after.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    what: &'static str,
    /// What it is, and what to do.
    pub(super) note: String,
}

/// Asks for what belongs to all tenants.
pub(super) async fn look(server: &Server) -> Result<Vec<Found>, Failure> {
    let webhooks = server.get("/api/webhooks?allTenants=true").await?;
    let webhooks: WebhookList = understand(&webhooks)?;
    let schedules = server.get("/api/schedules?allTenants=true").await?;
    let schedules: ScheduleList = understand(&schedules)?;
    let webhooks = webhooks.webhooks.iter().filter_map(of_webhook);
    Ok(webhooks.chain(schedules.schedules.iter().filter_map(of_schedule)).collect())
}

/// A row for each kind.
pub(super) fn states(found: &[Found]) -> Vec<(&'static str, &'static str)> {
    let mut kinds: Vec<_> = found.iter().map(|found| found.what).collect();
    kinds.dedup();
    kinds.into_iter().map(|what| (what, "failing")).collect()
}

/// One that a client disabled fails nobody.
fn of_webhook(webhook: &Webhook) -> Option<Found> {
    if webhook.failures == 0 {
        return None;
    }
    let Webhook { id, tenant_id, url, failures, waiting, .. } = webhook;
    let since = webhook.oldest_waiting_at.map(|since| format!(", the oldest since {since}"));
    let since = since.unwrap_or_default();
    let state = match &webhook.disabled_reason {
        Some(reason) => format!("is told nothing any more ({reason})"),
        None => format!("failed {failures} times in a row"),
    };
    let note = format!(
        "the webhook {id} of {tenant_id} to {url} {state}, and {waiting} deliveries wait{since}: \
         see `ashctl --tenant {tenant_id} webhook deliveries {id}`, mend its receiver, then \
         `ashctl --tenant {tenant_id} webhook enable {id}`"
    );
    Some(Found { what: "webhooks", note })
}

fn of_schedule(schedule: &Schedule) -> Option<Found> {
    let Schedule { id, tenant_id, .. } = schedule;
    let fix = match schedule.last_outcome? {
        RunOutcome::Started | RunOutcome::Held => return None,
        RunOutcome::SkippedOverlap => {
            "its run before was not over: give it more time between, or make it anew with `--overlap queue`"
        }
        RunOutcome::SkippedMissed => {
            "ashd was not there in time: made anew with `--missed run-once`, it runs as soon as ashd is"
        }
        RunOutcome::SkippedFull => {
            "too many jobs of its tenant wait: see `ashctl job list`, and `jobs.at_once`"
        }
    };
    let note = format!("the last time of the schedule {id} of {tenant_id} was left out: {fix}");
    Some(Found { what: "schedules", note })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_named_with_what_to_do_and_what_a_client_disabled_is_not() {
        let webhook = |failures: u32, reason: Option<&str>| -> Webhook {
            let one = serde_json::json!({
                "id": "5b0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11", "tenantId": "acme",
                "url": "https://hooks.example.com/ash", "events": ["turn.ended"], "label": null,
                "enabled": reason.is_none(), "disabledReason": reason, "disabledAt": null,
                "failures": failures, "waiting": 3, "createdAt": "2026-11-22T18:19:06.641Z",
                "oldestWaitingAt": "2026-11-22T18:20:06.641Z",
            });
            serde_json::from_value(one).unwrap()
        };
        assert_eq!(of_webhook(&webhook(0, None)), None);
        assert_eq!(of_webhook(&webhook(0, Some("somebody has disabled it"))), None);
        let found = of_webhook(&webhook(7, None)).unwrap();
        for part in ["failed 7 times in a row", "since 2026-11-22", "--tenant acme webhook enable"]
        {
            assert!(found.note.contains(part), "{}", found.note);
        }
        let gone = of_webhook(&webhook(50, Some("its receiver answered 410"))).unwrap();
        assert!(gone.note.contains("(its receiver answered 410)"), "{}", gone.note);
        assert_eq!(states(&[found, gone]), [("webhooks", "failing")]);
    }
}
