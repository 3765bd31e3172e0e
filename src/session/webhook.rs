//! Webhooks: what an attempt at a delivery means for it and for its webhook.

use std::time::Duration;

pub(crate) use crate::wire::webhooks::{DeliveryStatus, WebhookEvent};

/// Attempts at one delivery: with the pauses between them they take 14 hours or more, so that a
/// receiver may be down over night.
pub(crate) const ATTEMPTS_MAX: u32 = 10;

/// The pause behind the first attempt, which grows with each, and the longest.
const PAUSE: Duration = Duration::from_secs(5);
const PAUSE_FACTOR: u32 = 4;
const PAUSE_MAX: Duration = Duration::from_hours(4);

/// How long a webhook is told nothing at all behind a failure, which doubles with each in a row, and
/// the longest: a receiver that is down is asked now and then, however much waits for it.
const QUIET: Duration = Duration::from_secs(5);
const QUIET_MAX: Duration = Duration::from_mins(10);

/// Attempts that fail in a row until a webhook is disabled: with much to tell after about seven hours.
pub(crate) const FAILURES_MAX: u32 = 50;

/// A pause is longer by up to this part of it, so that those that failed together do not come back
/// together.
const JITTER_PART: u32 = 4;

/// What a receiver says that wants nothing any more.
const GONE: u16 = 410;

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// With an HTTP status.
    Answered(u16),
    Failed(String),
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    Again(Duration),
    GivenUp,
}

/// What an attempt means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    /// Attempts that failed in a row.
    pub(crate) failures: u32,
    /// How long the webhook is told nothing.
    pub(crate) quiet: Duration,
    /// Why the webhook is told nothing any more.
    pub(crate) disabled: Option<String>,
}

impl Attempt {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(*status),
            Self::Failed(_) => None,
        }
    }

    /// Why it failed, if it did.
    pub(crate) fn error(&self) -> Option<String> {
        match self {
            Self::Answered(200..=299) => None,
            Self::Answered(status @ 300..=399) => {
                Some(format!("it answered {status}, and redirects are not followed"))
            }
            Self::Answered(status) => Some(format!("it answered {status}")),
            Self::Failed(error) => Some(error.clone()),
        }
    }

    /// Of a delivery that was tried `attempts` times, this one included, and a webhook of which
    /// `failures` attempts in a row had failed. `chance` is any number.
    pub(crate) fn verdict(&self, attempts: u32, failures: u32, chance: u32) -> Verdict {
        let Some(error) = self.error() else {
            let outcome = Outcome::Delivered;
            return Verdict { outcome, failures: 0, quiet: Duration::ZERO, disabled: None };
        };
        let failures = failures.saturating_add(1);
        let disabled = if self.status() == Some(GONE) {
            Some("its receiver answered 410: it wants nothing any more".to_owned())
        } else {
            (failures >= FAILURES_MAX)
                .then(|| format!("{failures} attempts in a row failed; the last: {error}"))
        };
        let outcome = if attempts >= ATTEMPTS_MAX {
            Outcome::GivenUp
        } else {
            let times = PAUSE_FACTOR.saturating_pow(attempts.saturating_sub(1));
            Outcome::Again(longer(PAUSE.saturating_mul(times).min(PAUSE_MAX), chance))
        };
        let quiet = QUIET.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(QUIET_MAX);
        Verdict { outcome, failures, quiet, disabled }
    }
}

fn longer(pause: Duration, chance: u32) -> Duration {
    let most = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX) / u64::from(JITTER_PART);
    let more = most.saturating_mul(u64::from(chance)) / u64::from(u32::MAX);
    pause.saturating_add(Duration::from_millis(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(attempts: u32, chance: u32) -> Duration {
        match Attempt::Answered(500).verdict(attempts, 0, chance).outcome {
            Outcome::Again(pause) => pause,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_delivery_is_tried_after_growing_pauses_until_it_is_given_up() {
        let pauses: Vec<u64> =
            (1..ATTEMPTS_MAX).map(|attempts| again(attempts, 0).as_secs()).collect();
        assert_eq!(pauses, [5, 20, 80, 320, 1280, 5120, 14400, 14400, 14400]);
        let last = Attempt::Failed("it broke".to_owned()).verdict(ATTEMPTS_MAX, 0, 0);
        assert_eq!(last.outcome, Outcome::GivenUp);
    }

    #[test]
    fn a_pause_is_longer_by_chance_and_by_a_quarter_at_most() {
        assert_eq!(again(2, u32::MAX), Duration::from_secs(25));
        let middle = again(2, u32::MAX / 2);
        assert!((22_400..=22_500).contains(&middle.as_millis()), "{middle:?}");
    }

    #[test]
    fn what_is_answered_with_success_is_delivered_and_forgives_what_failed() {
        for status in [200, 204, 299] {
            let verdict = Attempt::Answered(status).verdict(3, 49, 7);
            assert_eq!((verdict.outcome, verdict.failures), (Outcome::Delivered, 0));
            assert_eq!((verdict.quiet, verdict.disabled), (Duration::ZERO, None));
        }
        for status in [199, 301, 400, 404, 500, 503] {
            assert!(Attempt::Answered(status).error().is_some(), "{status}");
        }
    }

    #[test]
    fn a_receiver_that_is_down_is_asked_now_and_then_and_at_last_no_more() {
        let quiet = |failures| Attempt::Answered(503).verdict(1, failures, 0).quiet.as_secs();
        let quiets: Vec<u64> = (0..9).map(quiet).collect();
        assert_eq!(quiets, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
        let disabled = |failures| Attempt::Answered(503).verdict(1, failures, 0).disabled;
        assert_eq!(disabled(FAILURES_MAX - 2), None);
        let why = disabled(FAILURES_MAX - 1).unwrap();
        assert!(why.contains("50") && why.contains("503"), "{why}");
        assert!(Attempt::Answered(410).verdict(1, 0, 0).disabled.is_some());
    }
}
