//! Time: the only caller of `now`. Everything else is handed a timestamp.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in whole milliseconds since 1970 (UTC). On the wire: ISO 8601 with milliseconds
/// and `Z`, as the original's clients parse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(transparent))]
pub(crate) struct Timestamp(
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))] i64,
);

impl Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for the time")]
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        #[cfg(feature = "testing")]
        let now = now + set_by();
        Self(now)
    }

    pub(crate) const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub(crate) const fn as_millis(self) -> i64 {
        self.0
    }
}

/// By how many milliseconds a test has set the clock: what is in the file that `ASH_TEST_CLOCK` names.
#[cfg(feature = "testing")]
fn set_by() -> i64 {
    static FILE: std::sync::OnceLock<Option<std::ffi::OsString>> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "never in the product")]
    let file = FILE.get_or_init(|| std::env::var_os("ASH_TEST_CLOCK"));
    let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    /// RFC 3339; a date, or a moment without a zone, is in UTC.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let moment = text.parse::<jiff::Timestamp>().or_else(|_no_zone| {
            let civil: jiff::civil::DateTime = text.parse()?;
            jiff::tz::TimeZone::UTC.to_timestamp(civil)
        })?;
        Ok(Self(moment.as_millisecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "1970-01-01T00:00:00.000Z"),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let timestamp: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Self(timestamp.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_without_a_zone_is_in_utc() {
        let at = |text: &str| text.parse::<Timestamp>().ok().map(|time| time.to_string());
        let noon = Some("2026-11-22T12:00:00.000Z".to_owned());
        for text in ["2026-11-22T12:00:00Z", "2026-11-22T13:00:00+01:00", "2026-11-22T12:00:00"] {
            assert_eq!(at(text), noon, "{text}");
        }
        assert_eq!(at("2026-11-22").as_deref(), Some("2026-11-22T00:00:00.000Z"));
        assert_eq!(at("yesterday"), None);
    }

    #[test]
    fn a_timestamp_is_iso_8601_with_milliseconds() {
        let timestamp = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(timestamp.to_string(), "2023-11-14T22:13:20.000Z");
        let json = serde_json::to_string(&timestamp).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), timestamp);
    }
}
