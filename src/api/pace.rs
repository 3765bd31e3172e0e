//! How many requests a key may make: a bucket for each, which fills evenly. Off by default.

use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::id::KeyId;

/// The settings speak of a minute.
const WINDOW_SECONDS: u32 = 60;

/// Which key: none is that of the configuration.
type Key = Option<KeyId>;

type Buckets = RateLimiter<Key, DashMapStateStore<Key>, DefaultClock, StateInformationMiddleware>;

/// The buckets of all keys; a key that is always the same has one, however many doors.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace(Arc<RwLock<Option<Limited>>>);

/// The limit, and the buckets that were made for it.
type Limited = (NonZeroU32, Arc<Buckets>);

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paced {
    limit: u32,
    remaining: u32,
    /// Until the bucket is full, or, of a request that was refused, has room for one.
    seconds: u64,
    pub(super) refused: bool,
}

impl Pace {
    /// Counts a request; none if there is no limit.
    pub(super) fn count(&self, key: Key, per_minute: u32) -> Option<Paced> {
        let limit = NonZeroU32::new(per_minute)?;
        let buckets = self.buckets(limit);
        let missing = |remaining: u32| u64::from(limit.get() - remaining.min(limit.get()));
        let seconds =
            |requests: u64| (requests * u64::from(WINDOW_SECONDS)).div_ceil(u64::from(limit.get()));
        Some(match buckets.check_key(&key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let seconds = seconds(missing(remaining));
                Paced { limit: limit.get(), remaining, seconds, refused: false }
            }
            Err(not_until) => {
                let wait: Duration = not_until.wait_time_from(DefaultClock::default().now());
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Paced { limit: limit.get(), remaining: 0, seconds: seconds.max(1), refused: true }
            }
        })
    }

    /// Another limit begins with full buckets.
    fn buckets(&self, limit: NonZeroU32) -> Arc<Buckets> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((of, buckets)) = known
            && of == limit
        {
            return buckets;
        }
        let buckets = RateLimiter::keyed(Quota::per_minute(limit)).with_middleware();
        let buckets = Arc::new(buckets);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) =
            Some((limit, Arc::clone(&buckets)));
        buckets
    }
}

impl Paced {
    /// Tells the client: as the IETF drafts it, and as the original does.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        let Self { limit, remaining, seconds, .. } = self;
        let mut put = |name, text: String| {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        put("ratelimit-policy", format!("\"key\";q={limit};w={WINDOW_SECONDS}"));
        put("ratelimit", format!("\"key\";r={remaining};t={seconds}"));
        put("x-ratelimit-limit", limit.to_string());
        put("x-ratelimit-remaining", remaining.to_string());
        put("x-ratelimit-reset", seconds.to_string());
        if self.refused {
            put("retry-after", seconds.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_has_used_its_requests_waits_and_another_does_not() {
        let pace = Pace::default();
        let (one, other) = (None, Some(KeyId::new()));
        assert_eq!(pace.count(one, 0), None);
        let counted: Vec<_> = (0..3).map(|_| pace.count(one, 2).unwrap()).collect();
        assert_eq!((counted[0].remaining, counted[1].remaining), (1, 0));
        assert!(!counted[1].refused && counted[2].refused && counted[2].seconds <= 30);
        assert!(!pace.count(other, 2).unwrap().refused);
        let mut headers = HeaderMap::new();
        counted[2].tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"key\";q=2;w=60");
        assert_eq!(headers["x-ratelimit-remaining"], "0");
        assert_eq!(headers["retry-after"], headers["x-ratelimit-reset"]);
    }
}
