//! The text that Prometheus reads, version 0.0.4 of the format.

use std::fmt::{Display, Write as _};

use super::list::{METRICS, Metric};
use super::{Counter, Histogram};

/// The page, as it is written: one metric after the other.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    metric: Option<&'static Metric>,
}

impl Page {
    /// What follows is of this metric, which is of the list.
    pub(crate) fn metric(&mut self, name: &'static str) -> &mut Self {
        let known = METRICS.iter().find(|metric| metric.name == name);
        debug_assert!(known.is_some(), "{name} is not listed");
        if let Some(metric) = known {
            let kind = metric.kind;
            self.put(format_args!("# HELP {name} {}\n# TYPE {name} {kind}\n", metric.text));
        }
        self.metric = known;
        self
    }

    pub(crate) fn value(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.sample("", labels, value)
    }

    pub(crate) fn count(&mut self, labels: &[(&str, &str)], counter: &Counter) -> &mut Self {
        self.sample("", labels, counter.get())
    }

    pub(crate) fn durations(
        &mut self,
        labels: &[(&str, &str)],
        histogram: &Histogram,
    ) -> &mut Self {
        let (below, count) = histogram.read();
        for (bound, upto) in below {
            let bound = seconds(bound).to_string();
            let labels: Vec<_> = labels.iter().copied().chain([("le", &*bound)]).collect();
            self.sample("_bucket", &labels, upto);
        }
        let all: Vec<_> = labels.iter().copied().chain([("le", "+Inf")]).collect();
        self.sample("_bucket", &all, count);
        self.sample("_sum", labels, seconds(histogram.microseconds()));
        self.sample("_count", labels, count)
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        let Some(metric) = self.metric else { return self };
        let has = labels.iter().map(|(name, _)| *name).filter(|name| *name != "le");
        debug_assert!(has.eq(metric.labels.split(", ").filter(|name| !name.is_empty())));
        let family = metric.name;
        self.put(format_args!("{family}{suffix}"));
        for (place, (name, value)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            self.put(format_args!("{before}{name}=\"{value}\""));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        self.put(format_args!("{after} {value}\n"));
        self
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("a text takes what is written to it");
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for centuries")]
fn seconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let mut page = Page::default();
        page.metric("ash_up").value(&[("coordinator", "a\"b\\c\n1")], 1);
        let histogram = Histogram::new(&[1_000, 2_500_000]);
        histogram.observe(Duration::from_millis(2));
        page.metric("ash_resume_duration_seconds").durations(&[("path", "warm")], &histogram);
        assert_eq!(
            page.finish(),
            "# HELP ash_up Whether ashd serves.\n\
             # TYPE ash_up gauge\n\
             ash_up{coordinator=\"a\\\"b\\\\c\\n1\"} 1\n\
             # HELP ash_resume_duration_seconds Until a session that rested had processes that run.\n\
             # TYPE ash_resume_duration_seconds histogram\n\
             ash_resume_duration_seconds_bucket{path=\"warm\",le=\"0.001\"} 0\n\
             ash_resume_duration_seconds_bucket{path=\"warm\",le=\"2.5\"} 1\n\
             ash_resume_duration_seconds_bucket{path=\"warm\",le=\"+Inf\"} 1\n\
             ash_resume_duration_seconds_sum{path=\"warm\"} 0.002\n\
             ash_resume_duration_seconds_count{path=\"warm\"} 1\n"
        );
    }
}
