//! What ashd counts of itself, for `/metrics`. Counting is some atomic additions: no lock, nothing
//! allocated, so that it can stand on every way. What is only read (sessions, memory) is asked for
//! when somebody looks.

mod instrument;
mod list;
mod page;

pub(crate) use instrument::{Counter, Histogram};
pub(crate) use page::Page;

/// Bounds for what is over in milliseconds: an answer, a commit, a thaw.
pub(crate) const QUICK: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// Bounds for what a model takes part in.
pub(crate) const SLOW: &[u64] = &[
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    3_600_000_000,
];

/// The counts of this process. There is one of it, as there is one process.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Sandboxes that were thawed, and those that were started for a session that had none.
    pub(crate) resumed_warm: Histogram,
    pub(crate) resumed_cold: Histogram,
    /// Of the latter, those whose files came from an archive.
    pub(crate) resumed_from_archive: Counter,
    pub(crate) created: Histogram,
    /// From the start of a turn to the first thing that its model says.
    pub(crate) first_event: Histogram,
    /// By how it ended.
    pub(crate) completed: Histogram,
    pub(crate) failed: Histogram,
    pub(crate) interrupted: Histogram,
    /// As the CLI tells them.
    pub(crate) input_tokens: Counter,
    pub(crate) output_tokens: Counter,
    pub(crate) cache_read_tokens: Counter,
    pub(crate) cache_write_tokens: Counter,
    /// In thousand-millionths of a dollar.
    pub(crate) money: Counter,
    pub(crate) tool_calls: Counter,
    /// Commits that a power cut cannot take back, and the others.
    pub(crate) commits_durable: Histogram,
    pub(crate) commits: Histogram,
    /// Decisions at the way out, as egress reports them: to the model and to other hosts.
    pub(crate) model_allowed: Counter,
    pub(crate) model_refused: Counter,
    pub(crate) tunnel_allowed: Counter,
    pub(crate) tunnel_refused: Counter,
    pub(crate) egress_sent: Counter,
    pub(crate) egress_received: Counter,
    pub(crate) usage_removed: Counter,
    /// Attempts at deliveries, by what came of them.
    pub(crate) deliveries_delivered: Counter,
    pub(crate) deliveries_retried: Counter,
    pub(crate) deliveries_failed: Counter,
    pub(crate) webhooks_disabled: Counter,
    /// Times of schedules, by what they became, and jobs of theirs that failed.
    pub(crate) runs_started: Counter,
    pub(crate) runs_held: Counter,
    pub(crate) runs_skipped_overlap: Counter,
    pub(crate) runs_skipped_missed: Counter,
    pub(crate) runs_skipped_full: Counter,
    pub(crate) runs_failed: Counter,
    /// Attempts at jobs, by what came of them.
    pub(crate) jobs_completed: Counter,
    pub(crate) jobs_failed: Counter,
    pub(crate) jobs_retried: Counter,
    /// What a collector took, and what none did.
    pub(crate) spans_sent: Counter,
    pub(crate) spans_dropped: Counter,
}

pub(crate) static COUNTS: Counts = Counts {
    resumed_warm: Histogram::new(QUICK),
    resumed_cold: Histogram::new(QUICK),
    resumed_from_archive: Counter::new(),
    created: Histogram::new(QUICK),
    first_event: Histogram::new(SLOW),
    completed: Histogram::new(SLOW),
    failed: Histogram::new(SLOW),
    interrupted: Histogram::new(SLOW),
    input_tokens: Counter::new(),
    output_tokens: Counter::new(),
    cache_read_tokens: Counter::new(),
    cache_write_tokens: Counter::new(),
    money: Counter::new(),
    tool_calls: Counter::new(),
    commits_durable: Histogram::new(QUICK),
    commits: Histogram::new(QUICK),
    model_allowed: Counter::new(),
    model_refused: Counter::new(),
    tunnel_allowed: Counter::new(),
    tunnel_refused: Counter::new(),
    egress_sent: Counter::new(),
    egress_received: Counter::new(),
    usage_removed: Counter::new(),
    deliveries_delivered: Counter::new(),
    deliveries_retried: Counter::new(),
    deliveries_failed: Counter::new(),
    webhooks_disabled: Counter::new(),
    runs_started: Counter::new(),
    runs_held: Counter::new(),
    runs_skipped_overlap: Counter::new(),
    runs_skipped_missed: Counter::new(),
    runs_skipped_full: Counter::new(),
    runs_failed: Counter::new(),
    jobs_completed: Counter::new(),
    jobs_failed: Counter::new(),
    jobs_retried: Counter::new(),
    spans_sent: Counter::new(),
    spans_dropped: Counter::new(),
};
