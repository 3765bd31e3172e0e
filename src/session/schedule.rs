//! Schedules: when they come, and what becomes of a time that has come.

use std::time::Duration;

use cronexpr::{Crontab, parse_crontab};

use crate::clock::Timestamp;
pub(crate) use crate::wire::schedules::{Missed, Overlap, RunOutcome};

/// A time that is noticed later than this was missed: ashd was not there. A restart or an upgrade
/// takes less.
const LATE_MAX: Duration = Duration::from_mins(5);

/// Fields of a pattern: minute, hour, day of the month, month, day of the week.
const FIELDS: usize = 5;

/// Longest pattern and longest name of a zone, in bytes.
const PATTERN_BYTES_MAX: usize = 500;
const TIMEZONE_BYTES_MAX: usize = 100;

/// The times of a schedule.
#[derive(Debug)]
pub(crate) struct Times(Crontab);

/// Why a pattern has no times.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TimesError {
    #[error("it has {FIELDS} fields: minute, hour, day of the month, month, day of the week")]
    Fields,
    #[error("it cannot be read: {what}")]
    Pattern { what: String },
    #[error("no such time zone is known here; it is `UTC`, or a name such as `Europe/Vienna`")]
    Timezone,
    #[error("it never comes")]
    Never,
}

impl Times {
    pub(crate) fn parse(pattern: &str, timezone: &str) -> Result<Self, TimesError> {
        let plain = |text: &str, bytes_max| text.is_ascii() && text.len() <= bytes_max;
        let fields: Vec<&str> = pattern.split_ascii_whitespace().collect();
        if fields.len() != FIELDS || !plain(pattern, PATTERN_BYTES_MAX) {
            return Err(TimesError::Fields);
        }
        let named = !timezone.is_empty() && !timezone.contains(|c: char| c.is_ascii_whitespace());
        if !named
            || !plain(timezone, TIMEZONE_BYTES_MAX)
            || jiff::tz::TimeZone::get(timezone).is_err()
        {
            return Err(TimesError::Timezone);
        }
        let parsed = parse_crontab(&format!("{} {timezone}", fields.join(" ")));
        parsed.map(Self).map_err(|error| TimesError::Pattern { what: first_line(&error) })
    }

    /// The first time behind this one.
    pub(crate) fn after(&self, then: Timestamp) -> Result<Timestamp, TimesError> {
        let then = jiff::Timestamp::from_millisecond(then.as_millis());
        let then = then.map_err(|_too_far| TimesError::Never)?;
        let next = self.0.find_next(then).map_err(|_none| TimesError::Never)?;
        Ok(Timestamp::from_millis(next.timestamp().as_millisecond()))
    }
}

fn first_line(error: &cronexpr::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    line.trim_start_matches([' ', '^']).to_owned()
}

/// What is done when a schedule comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coming {
    pub(crate) outcome: RunOutcome,
    /// A run waits from now on.
    pub(crate) held: bool,
}

impl Coming {
    /// Of a time that has come. `is_busy`: the job of the run before is not over.
    pub(crate) fn of(
        due: Timestamp,
        now: Timestamp,
        (missed, overlap): (Missed, Overlap),
        (is_busy, is_held): (bool, bool),
    ) -> Self {
        let late = now.as_millis().saturating_sub(due.as_millis());
        let is_missed = late > i64::try_from(LATE_MAX.as_millis()).unwrap_or(i64::MAX);
        let (outcome, held) = match (is_missed, missed, is_busy, overlap) {
            (true, Missed::Skip, ..) => (RunOutcome::SkippedMissed, is_held),
            (_, _, true, Overlap::Skip) => (RunOutcome::SkippedOverlap, false),
            (_, _, true, Overlap::Queue) if is_held => (RunOutcome::SkippedOverlap, true),
            (_, _, true, Overlap::Queue) => (RunOutcome::Held, true),
            (_, _, true, Overlap::Allow) | (_, _, false, _) => (RunOutcome::Started, false),
        };
        Self { outcome, held }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn next(pattern: &str, timezone: &str, then: &str) -> String {
        Times::parse(pattern, timezone).unwrap().after(at(then)).unwrap().to_string()
    }

    #[test]
    fn a_schedule_comes_at_its_times_in_its_zone() {
        let monday = "2026-11-30T17:51:03Z";
        assert_eq!(next("0 9 * * 1-5", "UTC", monday), "2026-12-01T09:00:00.000Z");
        assert_eq!(next("*/15 * * * *", "UTC", monday), "2026-11-30T18:00:00.000Z");
        assert_eq!(next("51 17 * * *", "UTC", "2026-11-30T17:51:00Z"), "2026-12-01T17:51:00.000Z");
        assert_eq!(next("0 0 29 2 *", "UTC", monday), "2028-02-29T00:00:00.000Z");
        assert_eq!(next("0 9 * * *", "Europe/Vienna", monday), "2026-12-01T08:00:00.000Z");
        // Summer time begins on the 28th of March 2027 at two o'clock, and ends on the 31st of October
        // at three.
        let spring = next("30 2 * * *", "Europe/Vienna", "2027-03-27T12:00:00Z");
        assert_eq!(spring, "2027-03-29T00:30:00.000Z");
        for (then, expected) in [
            ("2027-10-30T12:00:00Z", "2027-10-31T00:30:00.000Z"),
            ("2027-10-31T00:30:00Z", "2027-10-31T01:30:00.000Z"),
            ("2027-10-31T01:30:00Z", "2027-11-01T01:30:00.000Z"),
        ] {
            assert_eq!(next("30 2 * * *", "Europe/Vienna", then), expected);
        }
    }

    #[test]
    fn what_is_no_pattern_or_no_zone_is_refused() {
        for pattern in ["", "* * * *", "* * * * * *", "@daily", "0 9 * * * UTC", &"*".repeat(600)] {
            assert_eq!(Times::parse(pattern, "UTC").unwrap_err(), TimesError::Fields, "{pattern}");
        }
        for pattern in
            ["60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 9", "a * * * *"]
        {
            let refused = Times::parse(pattern, "UTC").unwrap_err();
            assert!(
                matches!(&refused, TimesError::Pattern { what } if !what.is_empty()),
                "{refused}"
            );
        }
        for zone in ["", "Mars/Olympus", "UTC UTC", "../../etc/passwd", "Europe/Vienna\n"] {
            assert_eq!(
                Times::parse("0 9 * * *", zone).unwrap_err(),
                TimesError::Timezone,
                "{zone}"
            );
        }
        let never = Times::parse("0 0 30 2 *", "UTC");
        assert!(never.is_err() || never.unwrap().after(at("2026-11-30")) == Err(TimesError::Never));
    }

    #[test]
    fn what_becomes_of_a_time_depends_on_what_was_missed_and_what_still_runs() {
        use Missed::RunOnce;
        use RunOutcome::{Held, SkippedMissed, SkippedOverlap, Started};
        let due = at("2026-11-30T12:00:00Z");
        let (soon, late) = (at("2026-11-30T12:05:00Z"), at("2026-11-30T12:05:01Z"));
        for (now, missed, overlap, busy, held, outcome, holds) in [
            (soon, Missed::Skip, Overlap::Skip, false, false, Started, false),
            (late, Missed::Skip, Overlap::Allow, false, false, SkippedMissed, false),
            (late, Missed::Skip, Overlap::Queue, true, true, SkippedMissed, true),
            (late, RunOnce, Overlap::Skip, false, false, Started, false),
            (late, RunOnce, Overlap::Skip, true, false, SkippedOverlap, false),
            (soon, Missed::Skip, Overlap::Skip, true, false, SkippedOverlap, false),
            (soon, Missed::Skip, Overlap::Queue, true, false, Held, true),
            (soon, Missed::Skip, Overlap::Queue, true, true, SkippedOverlap, true),
            (soon, Missed::Skip, Overlap::Queue, false, true, Started, false),
            (soon, Missed::Skip, Overlap::Allow, true, false, Started, false),
        ] {
            let coming = Coming::of(due, now, (missed, overlap), (busy, held));
            let what = format!("{now} {missed:?} {overlap:?} {busy} {held}");
            assert_eq!(coming, Coming { outcome, held: holds }, "{what}");
        }
    }
}
