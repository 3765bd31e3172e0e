//! What the stand-in was asked: counted, and the last requests in detail.

use std::collections::VecDeque;

use http::{HeaderMap, Method, header};
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// Requests kept in detail: more than any test or benchmark asks between two resets.
pub(super) const REQUESTS_KEPT: usize = 20_000;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
    pub method: String,
    pub path: String,
    /// The `authorization` header as it came.
    pub authorization: Option<String>,
    /// The `x-api-key` header as it came.
    pub x_api_key: Option<String>,
    /// The `model` member of the body.
    pub model: Option<String>,
    /// When its head was read, on `CLOCK_MONOTONIC`: one clock for all processes of a machine.
    pub monotonic_nanoseconds: u64,
    /// Length of the body.
    pub bytes: usize,
}

impl RequestRecord {
    /// A request whose head was just read.
    pub(super) fn arriving(method: &Method, path: &str, headers: &HeaderMap) -> Self {
        let text = |name| {
            let value = headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            method: method.as_str().to_owned(),
            path: path.to_owned(),
            authorization: text(header::AUTHORIZATION),
            x_api_key: text(header::HeaderName::from_static("x-api-key")),
            model: None,
            monotonic_nanoseconds: monotonic_nanoseconds(),
            bytes: 0,
        }
    }
}

/// What was asked since the start or the last reset.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Requests {
    /// All of them.
    pub count: u64,
    /// The last ones, oldest first.
    pub requests: VecDeque<RequestRecord>,
}

impl Requests {
    pub(super) fn add(&mut self, record: RequestRecord) {
        self.count += 1;
        if self.requests.len() == REQUESTS_KEPT {
            self.requests.pop_front();
        }
        self.requests.push_back(record);
    }
}

/// `CLOCK_MONOTONIC`, which every process of the machine shares.
pub fn monotonic_nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux has this clock");
    let seconds = u64::try_from(now.tv_sec()).expect("it counts from boot");
    let nanoseconds = u64::try_from(now.tv_nsec()).expect("it counts from boot");
    seconds * 1_000_000_000 + nanoseconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_request_is_forgotten_but_stays_counted() {
        let mut requests = Requests::default();
        for number in 0..=REQUESTS_KEPT {
            let path = format!("/{number}");
            requests.add(RequestRecord::arriving(&Method::GET, &path, &HeaderMap::new()));
        }
        assert_eq!(requests.count, REQUESTS_KEPT as u64 + 1);
        assert_eq!(requests.requests.len(), REQUESTS_KEPT);
        assert_eq!(requests.requests[0].path, "/1");
    }
}
