//! Times, and what is told of them.

use std::time::Duration;

use serde::Serialize;

/// One line of the report. Times are in milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    measure: &'static str,
    /// Sessions that were busy at the same time.
    sessions: u16,
    pub(super) n: usize,
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
    /// Turns of all sessions together, from the first message to the last `done`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) per_second: Option<f64>,
}

impl Row {
    pub(super) fn new(measure: &'static str, sessions: u16, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            // The nearest rank: the smallest time that so many percent of all do not exceed.
            let rank = (times.len() * percent).div_ceil(100).max(1);
            times.get(rank - 1).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
        };
        let [p50, p95, p99, max] = [50, 95, 99, 100].map(at);
        Self { measure, sessions, n: times.len(), p50, p95, p99, max, per_second: None }
    }

    /// Adds the turns that came about in a second of `wall`.
    pub(super) fn within(mut self, wall: Duration) -> Self {
        let count = u32::try_from(self.n).unwrap_or(u32::MAX);
        let seconds = wall.as_secs_f64();
        self.per_second = (seconds > 0.0).then(|| f64::from(count) / seconds);
        self
    }

    /// What was measured, for people.
    pub(super) fn name(&self) -> String {
        match self.sessions {
            1 => self.measure.to_owned(),
            sessions => format!("{}, {sessions} at once", self.measure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let times = (1..=100).rev().map(Duration::from_millis).collect();
        let row = Row::new("create", 1, times);
        assert_eq!((row.n, row.p50, row.p95, row.p99, row.max), (100, 50.0, 95.0, 99.0, 100.0));
        let row = Row::new("create", 1, vec![Duration::from_millis(7)]);
        assert_eq!((row.p50, row.max), (7.0, 7.0));
        let row = Row::new("create", 1, Vec::new());
        assert_eq!((row.n, row.max), (0, 0.0));
    }

    #[test]
    fn a_rate_is_of_all_sessions_together() {
        let row = Row::new("done", 4, vec![Duration::from_millis(10); 40]);
        assert_eq!(row.within(Duration::from_secs(2)).per_second, Some(20.0));
    }
}
