//! What a session sent and got. Tokens and dollars will be counted here as well.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// The running totals of one session.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    requests: AtomicU64,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
}

/// A [`Meter`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MeterReading {
    /// Requests that were identified, whatever became of them.
    pub(crate) requests: u64,
    /// Bytes of request bodies that went upstream.
    pub(crate) request_bytes: u64,
    /// Bytes of the upstream's response bodies that went to the sandbox.
    pub(crate) response_bytes: u64,
}

impl Meter {
    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_request_bytes(&self, bytes: u64) {
        self.request_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn count_response_bytes(&self, bytes: u64) {
        self.response_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> MeterReading {
        MeterReading {
            requests: self.requests.load(Ordering::Relaxed),
            request_bytes: self.request_bytes.load(Ordering::Relaxed),
            response_bytes: self.response_bytes.load(Ordering::Relaxed),
        }
    }
}
