//! Memory pressure: while the host has too little memory, sessions that rest give theirs back,
//! the longest at rest first, and new sandboxes wait.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::host::Host;
use crate::session::tier::Tier;

/// How often it is looked at: the kernel averages over 10 s.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Sessions that are made colder at one look. Reclaiming itself costs processor time.
const COOLED_AT_ONCE: usize = 4;

/// Least memory that is available, in percent of all, where the kernel does not measure pressure.
const AVAILABLE_PERCENT_MIN: u64 = 8;

/// Whether memory is short.
#[derive(Debug)]
pub(crate) struct Pressure {
    high: watch::Sender<bool>,
    /// Percent of time that some process waited for memory from which it is short.
    percent_max: watch::Sender<Option<u32>>,
}

impl Pressure {
    /// `None`: it is not looked at.
    pub(crate) fn new(percent_max: Option<u32>) -> Self {
        Self { high: watch::channel(false).0, percent_max: watch::channel(percent_max).0 }
    }

    pub(super) fn set(&self, percent_max: Option<u32>) {
        self.percent_max.send_replace(percent_max);
    }

    pub(super) fn is_high(&self) -> bool {
        *self.high.borrow()
    }

    /// Returns when memory is not short.
    pub(super) async fn relieved(&self) {
        let mut high = self.high.subscribe();
        // The sender lives as long as `self`.
        let _always = high.wait_for(|high| !*high).await;
    }
}

/// What the kernel says of its memory.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reading {
    /// Percent of the last 10 s in which some process waited for memory.
    Stalled(f64),
    /// Kibibytes.
    Available { available: u64, total: u64 },
}

impl Reading {
    fn is_high(self, percent_max: u32) -> bool {
        match self {
            Self::Stalled(percent) => percent >= f64::from(percent_max),
            Self::Available { available, total } => {
                available.saturating_mul(100) < total.saturating_mul(AVAILABLE_PERCENT_MIN)
            }
        }
    }
}

/// The line `some avg10=0.00 avg60=…` of `/proc/pressure/memory`.
fn stalled(text: &str) -> Option<Reading> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let value = line.split(' ').find_map(|field| field.strip_prefix("avg10="))?;
    value.parse().ok().map(Reading::Stalled)
}

/// `MemTotal` and `MemAvailable` of `/proc/meminfo`.
fn available(text: &str) -> Option<Reading> {
    let member = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    Some(Reading::Available { available: member("MemAvailable")?, total: member("MemTotal")? })
}

/// Of a kernel without pressure information, how much memory is left.
fn look() -> Option<Reading> {
    // Files of the kernel: reading them waits for no disk.
    let pressure = std::fs::read_to_string("/proc/pressure/memory");
    pressure
        .ok()
        .and_then(|text| stalled(&text))
        .or_else(|| available(&std::fs::read_to_string("/proc/meminfo").ok()?))
}

/// How much of the memory can be had without taking it from anybody, in percent; `None` where
/// the kernel does not say.
pub(crate) fn available_percent() -> Option<u64> {
    // A file of the kernel: reading it waits for no disk.
    match available(&std::fs::read_to_string("/proc/meminfo").ok()?)? {
        Reading::Available { available, total } => {
            Some(available.saturating_mul(100) / total.max(1))
        }
        Reading::Stalled(_) => None,
    }
}

impl Host {
    /// Watches the memory, until ashd leaves.
    pub(crate) async fn watch_memory(&self) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = self.closing.cancelled() => return,
            }
            let percent_max = *self.pressure.percent_max.borrow();
            let reading = percent_max.and_then(|percent_max| Some((look()?, percent_max)));
            let high = reading.is_some_and(|(reading, percent_max)| reading.is_high(percent_max));
            if self.pressure.high.send_replace(high) != high {
                let reading = reading.map(|(reading, _)| reading);
                tracing::info!(high, ?reading, "memory of the host is short, or is not any more");
            }
            if high {
                self.give_memory_back().await;
            }
        }
    }

    /// Makes the sessions that rest longest colder by a step.
    async fn give_memory_back(&self) {
        for _ in 0..COOLED_AT_ONCE {
            let coldest = [Tier::Reclaimed, Tier::Hibernated];
            let next = coldest
                .into_iter()
                .find_map(|tier| self.longest_at_rest(tier).map(|handle| (handle, tier)));
            let Some((handle, tier)) = next else { return };
            handle.cool(tier).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        let text = "some avg10=12.50 avg60=1.00 avg300=0.10 total=99\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=9\n";
        assert_eq!(stalled(text), Some(Reading::Stalled(12.5)));
        assert_eq!(stalled("full avg10=3.00\n"), None);
        let text = "MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:     70 kB\n";
        assert_eq!(available(text), Some(Reading::Available { available: 70, total: 1000 }));
        assert_eq!(available("MemTotal: 5 kB\n"), None);
    }

    #[test]
    fn memory_is_short_from_the_threshold_on() {
        assert!(Reading::Stalled(10.0).is_high(10));
        assert!(!Reading::Stalled(9.9).is_high(10));
        assert!(Reading::Available { available: 70, total: 1000 }.is_high(10));
        assert!(!Reading::Available { available: 80, total: 1000 }.is_high(10));
    }

    #[test]
    fn this_host_says_how_it_is() {
        assert!(look().is_some());
    }

    #[tokio::test]
    async fn who_waits_for_relief_gets_it() {
        let pressure = Pressure::new(Some(10));
        pressure.relieved().await;
        pressure.high.send_replace(true);
        assert!(pressure.is_high());
        let relieved = async {
            tokio::task::yield_now().await;
            pressure.high.send_replace(false);
        };
        tokio::join!(pressure.relieved(), relieved);
    }
}
