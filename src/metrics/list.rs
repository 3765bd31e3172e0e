//! The one list of metrics. `docs/observability.md` is held to it by a test.

/// A metric as it is documented.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    /// Each has a few values, which are known before.
    pub(crate) labels: &'static str,
    pub(crate) text: &'static str,
}

const fn metric(
    name: &'static str,
    kind: &'static str,
    labels: &'static str,
    text: &'static str,
) -> Metric {
    Metric { name, kind, labels, text }
}

/// In the order of the page.
pub(crate) const METRICS: &[Metric] = &[
    metric("ash_up", "gauge", "coordinator", "Whether ashd serves."),
    metric("ash_build_info", "gauge", "version", "Always 1."),
    metric("ash_uptime_seconds", "gauge", "", "Since the start of ashd."),
    metric("ash_active_sessions", "gauge", "", "Sessions that take messages or are being created."),
    metric("ash_active_sandboxes", "gauge", "", "Sandboxes that live or start."),
    metric("ash_pool_sandboxes", "gauge", "state", "The same, as `/health` tells them apart."),
    metric("ash_pool_max_capacity", "gauge", "", "Most sandboxes that may live."),
    metric(
        "ash_resume_total",
        "counter",
        "path",
        "Sessions that were woken: from frozen, from nothing, or into a sandbox that was ready.",
    ),
    metric(
        "ash_resume_cold_total",
        "counter",
        "source",
        "Those woken from nothing, by where their files were.",
    ),
    metric(
        "ash_resume_duration_seconds",
        "histogram",
        "path",
        "Until a session that rested had processes that run.",
    ),
    metric(
        "ash_session_create_duration_seconds",
        "histogram",
        "",
        "Until a new session had its sandbox.",
    ),
    metric("ash_turns_running", "gauge", "", "Turns that run."),
    metric(
        "ash_turn_first_event_seconds",
        "histogram",
        "",
        "From the start of a turn to the first thing that its model says.",
    ),
    metric("ash_turn_duration_seconds", "histogram", "outcome", "How long turns ran."),
    metric(
        "ash_tokens_total",
        "counter",
        "type",
        "Tokens of turns that ended, as Claude Code counts.",
    ),
    metric(
        "ash_cost_dollars_total",
        "counter",
        "",
        "Dollars of turns that ended, as Claude Code reckons.",
    ),
    metric("ash_tool_calls_total", "counter", "", "Tools that were called in turns that ended."),
    metric(
        "ash_egress_decisions_total",
        "counter",
        "subject, verdict",
        "What was let out of sandboxes and what was refused, as far as it is stored.",
    ),
    metric(
        "ash_egress_bytes_total",
        "counter",
        "direction",
        "Bytes out of sandboxes and into them, as far as they are stored.",
    ),
    metric(
        "ash_http_requests_total",
        "counter",
        "operation, status",
        "Requests that were answered, by the first digit of the status.",
    ),
    metric(
        "ash_http_request_duration_seconds",
        "histogram",
        "operation",
        "Until the head of an answer was sent; what is streamed behind it does not count.",
    ),
    metric(
        "ash_store_commit_duration_seconds",
        "histogram",
        "durable",
        "Commits of the database, each of all that waits: those that are synced to the disk, and the others.",
    ),
    metric(
        "ash_usage_records_removed_total",
        "counter",
        "",
        "Records of what turns used that were older than `usage.keep_days`.",
    ),
    metric("ash_jobs_total", "counter", "outcome", "Attempts at jobs, by what came of them."),
    metric("ash_schedules", "gauge", "state", "Schedules of all tenants."),
    metric(
        "ash_schedule_runs_total",
        "counter",
        "outcome",
        "Times of schedules that came, by what they became; `failed` are jobs of theirs that failed for good.",
    ),
    metric(
        "ash_webhooks",
        "gauge",
        "state",
        "Webhooks of all tenants; `failing` is enabled, and its last attempt failed.",
    ),
    metric(
        "ash_webhook_deliveries_total",
        "counter",
        "outcome",
        "Attempts to tell a webhook something, by what came of them; `failed` were given up.",
    ),
    metric("ash_webhook_deliveries_waiting", "gauge", "", "Deliveries that wait."),
    metric(
        "ash_webhook_oldest_waiting_seconds",
        "gauge",
        "",
        "Age of the oldest of them; 0 if none waits.",
    ),
    metric(
        "ash_webhooks_disabled_total",
        "counter",
        "",
        "Webhooks that were disabled since their receivers failed.",
    ),
    metric(
        "ash_spans_total",
        "counter",
        "outcome",
        "Spans that a collector took, and those that none did.",
    ),
    metric("process_cpu_seconds_total", "counter", "", "Processor time of ashd."),
    metric("process_resident_memory_bytes", "gauge", "", "Memory of ashd."),
    metric("process_open_fds", "gauge", "", "Open files of ashd."),
    metric(
        "process_start_time_seconds",
        "gauge",
        "",
        "When ashd was started, in seconds since 1970.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table of metrics.
    fn documented() -> Vec<[String; 4]> {
        let page = include_str!("../../docs/observability.md");
        let rows = page
            .lines()
            .filter(|line| line.starts_with("| `ash_") || line.starts_with("| `process_"));
        rows.map(|row| {
            let mut cells = row.trim_matches('|').split('|').map(str::trim);
            let mut next = || cells.next().unwrap_or_default().to_owned();
            let (name, kind, labels, text) = (next(), next(), next(), next());
            [name.replace('`', ""), kind, labels.replace('`', ""), text]
        })
        .collect()
    }

    #[test]
    fn the_page_documents_every_metric_and_no_other() {
        let listed = METRICS.iter().map(|metric| {
            [metric.name, metric.kind, metric.labels, metric.text].map(str::to_owned)
        });
        assert_eq!(documented(), listed.collect::<Vec<_>>());
    }

    /// The conventions of Prometheus: what is counted ends in `_total`, durations are in seconds.
    #[test]
    fn names_follow_the_conventions() {
        for metric in METRICS {
            let name = metric.name;
            assert_eq!(metric.kind == "counter", name.ends_with("_total"), "{name}");
            assert!(metric.kind != "histogram" || name.ends_with("_seconds"), "{name}");
            assert!(!metric.labels.contains("session"), "{name}");
            assert!(metric.text.ends_with('.') && !metric.text.contains('|'), "{name}");
        }
    }
}
