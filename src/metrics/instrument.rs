//! A count, and a distribution of durations.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Most bounds of a histogram: more would only cost those who store them.
const BOUNDS_MAX: usize = 15;

/// Only grows.
#[derive(Debug)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often something took how long.
#[derive(Debug)]
pub(crate) struct Histogram {
    /// In microseconds, ascending.
    bounds: &'static [u64],
    /// What is up to each bound and above the one before; the last is above all.
    buckets: [AtomicU64; BOUNDS_MAX + 1],
    microseconds: AtomicU64,
}

impl Histogram {
    pub(crate) const fn new(bounds: &'static [u64]) -> Self {
        assert!(bounds.len() <= BOUNDS_MAX, "a histogram has a few bounds");
        let buckets = [const { AtomicU64::new(0) }; BOUNDS_MAX + 1];
        Self { bounds, buckets, microseconds: AtomicU64::new(0) }
    }

    pub(crate) fn observe(&self, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = self.bounds.partition_point(|bound| *bound < microseconds);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    /// How many were at most as long as each bound, and how many there were in all.
    pub(super) fn read(&self) -> (Vec<(u64, u64)>, u64) {
        let mut count = 0;
        let upto = |(bound, bucket): (&u64, &AtomicU64)| {
            count += bucket.load(Ordering::Relaxed);
            (*bound, count)
        };
        let below: Vec<_> = self.bounds.iter().zip(&self.buckets).map(upto).collect();
        let above = self.buckets.get(self.bounds.len());
        (below, count + above.map_or(0, |bucket| bucket.load(Ordering::Relaxed)))
    }

    pub(super) fn microseconds(&self) -> u64 {
        self.microseconds.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_counted_up_to_the_bound_that_it_does_not_pass() {
        let histogram = Histogram::new(&[10, 20]);
        for microseconds in [1, 10, 11, 20, 21, 1_000] {
            histogram.observe(Duration::from_micros(microseconds));
        }
        assert_eq!(histogram.read(), (vec![(10, 2), (20, 4)], 6));
        assert_eq!((histogram.count(), histogram.microseconds()), (6, 1_063));
    }
}
