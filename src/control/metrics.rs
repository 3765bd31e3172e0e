//! What is counted of the host and of ashd itself.

use super::Control;
use super::usage::dollars;
use crate::clock::Timestamp;
use crate::metrics::{COUNTS, Page};
use crate::os::own::Own;
use crate::session::Status;
use crate::store::{EVERYBODY, WebhookRecord};

/// Who may read the metrics over TCP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum MetricsAccess {
    /// Everybody.
    Open,
    /// Who shows a key of the first tenant: the figures are those of all of them.
    #[default]
    Key,
    Nobody,
}

impl Control {
    pub(crate) fn metrics_access(&self) -> MetricsAccess {
        self.settings().metrics
    }

    /// Writes every metric but those of requests.
    pub(crate) async fn metrics(&self, page: &mut Page) {
        let counts = self.host.store.session_counts().await.unwrap_or_default();
        let of = |status: Status| counts.get(&status).copied().unwrap_or(0);
        let pool = self.pool();
        let uptime = self.started_at.elapsed();
        page.metric("ash_up").value(&[("coordinator", &Self::coordinator())], 1);
        page.metric("ash_build_info").value(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.metric("ash_uptime_seconds").value(&[], uptime.as_secs_f64());
        page.metric("ash_active_sessions").value(&[], of(Status::Active) + of(Status::Starting));
        page.metric("ash_active_sandboxes").value(&[], pool.total);
        page.metric("ash_pool_sandboxes");
        for (state, count) in [
            ("cold", pool.cold),
            ("warming", pool.warming),
            ("warm", pool.warm),
            ("waiting", pool.waiting),
            ("running", pool.running),
        ] {
            page.value(&[("state", state)], count);
        }
        page.metric("ash_pool_max_capacity").value(&[], pool.max_capacity);
        page.metric("ash_resume_total")
            .value(&[("path", "warm")], pool.resume_warm_hits)
            .value(&[("path", "cold")], pool.resume_cold_hits)
            .value(&[("path", "prewarm")], pool.pre_warm_hits);
        let from_archive = COUNTS.resumed_from_archive.get();
        page.metric("ash_resume_cold_total")
            .value(&[("source", "local")], pool.resume_cold_hits.saturating_sub(from_archive))
            .value(&[("source", "cloud")], from_archive)
            .value(&[("source", "fresh")], 0);
        page.metric("ash_resume_duration_seconds")
            .durations(&[("path", "warm")], &COUNTS.resumed_warm)
            .durations(&[("path", "cold")], &COUNTS.resumed_cold);
        page.metric("ash_session_create_duration_seconds").durations(&[], &COUNTS.created);
        page.metric("ash_turns_running").value(&[], pool.running);
        turns(page);
        egress(page);
        page.metric("ash_store_commit_duration_seconds")
            .durations(&[("durable", "true")], &COUNTS.commits_durable)
            .durations(&[("durable", "false")], &COUNTS.commits);
        page.metric("ash_usage_records_removed_total").count(&[], &COUNTS.usage_removed);
        self.background(page).await;
        page.metric("ash_spans_total")
            .count(&[("outcome", "sent")], &COUNTS.spans_sent)
            .count(&[("outcome", "dropped")], &COUNTS.spans_dropped);
        let own = Own::read();
        page.metric("process_cpu_seconds_total").value(&[], own.cpu_seconds);
        page.metric("process_resident_memory_bytes").value(&[], own.resident_bytes);
        page.metric("process_open_fds").value(&[], own.open_files);
        let now = u64::try_from(Timestamp::now().as_millis()).unwrap_or(0) / 1000;
        page.metric("process_start_time_seconds").value(&[], now.saturating_sub(uptime.as_secs()));
    }
}

impl Control {
    /// What is done without a client: jobs, schedules, webhooks.
    async fn background(&self, page: &mut Page) {
        page.metric("ash_jobs_total")
            .count(&[("outcome", "completed")], &COUNTS.jobs_completed)
            .count(&[("outcome", "failed")], &COUNTS.jobs_failed)
            .count(&[("outcome", "retried")], &COUNTS.jobs_retried);
        let schedules = self.host.store.schedules(EVERYBODY).await.unwrap_or_default();
        let enabled = schedules.iter().filter(|schedule| schedule.next_at.is_some()).count();
        page.metric("ash_schedules")
            .value(&[("state", "enabled")], enabled)
            .value(&[("state", "disabled")], schedules.len() - enabled);
        page.metric("ash_schedule_runs_total")
            .count(&[("outcome", "started")], &COUNTS.runs_started)
            .count(&[("outcome", "held")], &COUNTS.runs_held)
            .count(&[("outcome", "skipped_overlap")], &COUNTS.runs_skipped_overlap)
            .count(&[("outcome", "skipped_missed")], &COUNTS.runs_skipped_missed)
            .count(&[("outcome", "skipped_full")], &COUNTS.runs_skipped_full)
            .count(&[("outcome", "failed")], &COUNTS.runs_failed);
        let webhooks = self.host.store.webhooks(EVERYBODY).await.unwrap_or_default();
        let are =
            |state: fn(&WebhookRecord) -> bool| webhooks.iter().filter(|one| state(one)).count();
        page.metric("ash_webhooks")
            .value(&[("state", "enabled")], are(|one| one.disabled.is_none() && one.failures == 0))
            .value(&[("state", "failing")], are(|one| one.disabled.is_none() && one.failures > 0))
            .value(&[("state", "disabled")], are(|one| one.disabled.is_some()));
        page.metric("ash_webhook_deliveries_total")
            .count(&[("outcome", "delivered")], &COUNTS.deliveries_delivered)
            .count(&[("outcome", "retried")], &COUNTS.deliveries_retried)
            .count(&[("outcome", "failed")], &COUNTS.deliveries_failed);
        let waiting: u64 = webhooks.iter().map(|webhook| webhook.waiting).sum();
        page.metric("ash_webhook_deliveries_waiting").value(&[], waiting);
        let oldest = webhooks.iter().filter_map(|webhook| webhook.oldest_waiting).min();
        let now = Timestamp::now().as_millis();
        let age = oldest.map_or(0, |oldest| now.saturating_sub(oldest.as_millis()).max(0) / 1000);
        page.metric("ash_webhook_oldest_waiting_seconds").value(&[], age);
        page.metric("ash_webhooks_disabled_total").count(&[], &COUNTS.webhooks_disabled);
    }
}

fn turns(page: &mut Page) {
    page.metric("ash_turn_first_event_seconds").durations(&[], &COUNTS.first_event);
    page.metric("ash_turn_duration_seconds")
        .durations(&[("outcome", "completed")], &COUNTS.completed)
        .durations(&[("outcome", "failed")], &COUNTS.failed)
        .durations(&[("outcome", "interrupted")], &COUNTS.interrupted);
    page.metric("ash_tokens_total")
        .count(&[("type", "input")], &COUNTS.input_tokens)
        .count(&[("type", "output")], &COUNTS.output_tokens)
        .count(&[("type", "cache_read")], &COUNTS.cache_read_tokens)
        .count(&[("type", "cache_creation")], &COUNTS.cache_write_tokens);
    page.metric("ash_cost_dollars_total").value(&[], dollars(COUNTS.money.get()));
    page.metric("ash_tool_calls_total").count(&[], &COUNTS.tool_calls);
}

fn egress(page: &mut Page) {
    page.metric("ash_egress_decisions_total")
        .count(&[("subject", "model"), ("verdict", "allowed")], &COUNTS.model_allowed)
        .count(&[("subject", "model"), ("verdict", "refused")], &COUNTS.model_refused)
        .count(&[("subject", "tunnel"), ("verdict", "allowed")], &COUNTS.tunnel_allowed)
        .count(&[("subject", "tunnel"), ("verdict", "refused")], &COUNTS.tunnel_refused);
    page.metric("ash_egress_bytes_total")
        .count(&[("direction", "sent")], &COUNTS.egress_sent)
        .count(&[("direction", "received")], &COUNTS.egress_received);
}
