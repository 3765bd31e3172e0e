//! Times as a person reads them.

use jiff::{Span, SpanTotal, Unit};

use crate::clock::Timestamp;

const SECONDS_PER_MINUTE: i64 = 60;
const SECONDS_PER_HOUR: i64 = 60 * SECONDS_PER_MINUTE;
const SECONDS_PER_DAY: i64 = 24 * SECONDS_PER_HOUR;

/// From so many days on a date says more than a distance.
const DAYS_MAX: i64 = 30;

/// How `then` looks from `now`.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_millis().saturating_sub(then.as_millis()) / 1000;
    match seconds {
        // A little into the future is a clock that is not quite right.
        ..=0 => "now".to_owned(),
        _ if seconds < DAYS_MAX * SECONDS_PER_DAY => format!("{} ago", largest_unit(seconds)),
        _ => then.to_string().chars().take("2026-11-22".len()).collect(),
    }
}

/// A duration in its largest unit.
pub(crate) fn largest_unit(seconds: i64) -> String {
    let units = [(SECONDS_PER_DAY, "d"), (SECONDS_PER_HOUR, "h"), (SECONDS_PER_MINUTE, "min")];
    let unit = units.into_iter().find(|(length, _)| seconds >= *length);
    let (length, unit) = unit.unwrap_or((1, "s"));
    format!("{} {unit}", seconds / length)
}

/// A length of time as a person writes it, in whole seconds.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let span: Span = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    let seconds = span
        .total(SpanTotal::from(Unit::Second).days_are_24_hours())
        .map_err(|error| error.to_string())?;
    if seconds < 1.0 {
        return Err("it is a second at least".to_owned());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is positive, and the server knows the most"
    )]
    Ok(seconds as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_by_its_distance_and_a_distant_one_by_its_date() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        for (seconds, expected) in [
            (-3, "now"),
            (0, "now"),
            (1, "1 s ago"),
            (59, "59 s ago"),
            (60, "1 min ago"),
            (3599, "59 min ago"),
            (7200, "2 h ago"),
            (86_400, "1 d ago"),
            (29 * 86_400, "29 d ago"),
            (30 * 86_400, "2023-10-15"),
        ] {
            let then = Timestamp::from_millis(now.as_millis() - seconds * 1000);
            assert_eq!(ago(then, now), expected);
        }
    }

    #[test]
    fn a_length_of_time_is_read_as_it_is_said() {
        for (text, expected) in [("90d", 7_776_000), ("12h", 43_200), ("1h 30m", 5_400), ("5s", 5)]
        {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for wrong in ["", "soon", "90", "-1d", "0s", "1y"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
