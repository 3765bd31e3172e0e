//! What a session sent, got and used, and whether that is all it may use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::account::{Account, Budget, Used};
use super::price::Prices;
use super::sealing::CredentialFault;
use super::usage::UsageReader;

/// Whose budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Spent {
    Session,
    Tenant,
}

/// Why nothing of a session passes for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Denied {
    Budget(Spent),
    Credential(CredentialFault),
}

/// The running totals of one session.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    requests: AtomicU64,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    account: Account,
    /// Of all sessions of its tenant.
    tenant: Arc<Account>,
    /// A request was refused for this since somebody asked.
    refused: Mutex<Option<Denied>>,
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

    pub(super) fn new(tenant: Arc<Account>) -> Self {
        Self { tenant, ..Self::default() }
    }

    /// What it may use, and what it has used at least.
    pub(super) fn allow(&self, budget: Budget, used: &Used) {
        self.account.allow(budget, used);
    }

    pub(super) fn used(&self) -> Used {
        self.account.used()
    }

    pub(super) fn is_limited(&self) -> bool {
        self.account.is_limited() || self.tenant.is_limited()
    }

    /// Whose budget is used up, if one is; that is remembered.
    pub(super) fn refuses(&self) -> Option<Spent> {
        let spent = if self.tenant.is_spent() {
            Spent::Tenant
        } else if self.account.is_spent() {
            Spent::Session
        } else {
            return None;
        };
        *self.refused() = Some(Denied::Budget(spent));
        Some(spent)
    }

    /// A request was refused since its credential cannot be used; that is remembered.
    pub(super) fn has_no_credential(&self, fault: CredentialFault) {
        *self.refused() = Some(Denied::Credential(fault));
    }

    /// For what requests were refused since the last question, if any was.
    pub(super) fn take_refusal(&self) -> Option<Denied> {
        self.refused().take()
    }

    fn refused(&self) -> MutexGuard<'_, Option<Denied>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, before: &Used, after: &Used) {
        self.account.add(before, after);
        self.tenant.add(before, after);
    }
}

/// Counts one answer while it passes; its end settles the account.
#[derive(Debug)]
pub(super) struct Metering {
    reader: UsageReader,
    prices: Arc<Prices>,
    meter: Arc<Meter>,
    counted: Used,
}

impl Metering {
    pub(super) fn new(reader: UsageReader, prices: Arc<Prices>, meter: Arc<Meter>) -> Self {
        Self { reader, prices, meter, counted: Used::default() }
    }

    /// The next bytes of the answer; `at_end` if no more come.
    pub(super) fn read(&mut self, bytes: &[u8], at_end: bool) {
        self.reader.read(bytes);
        self.settle(at_end);
    }

    fn settle(&mut self, at_end: bool) {
        let cost = self.reader.cost(&self.prices, at_end);
        if cost != self.counted {
            self.meter.add(&self.counted, &cost);
            self.counted = cost;
        }
    }
}

impl Drop for Metering {
    fn drop(&mut self) {
        self.settle(true);
    }
}

#[cfg(test)]
mod tests {
    use super::super::price::Tokens;
    use super::*;

    #[test]
    fn a_session_stops_at_its_own_budget_and_at_that_of_all_of_its_tenant() {
        let tenant = Arc::new(Account::default());
        let meters = [(); 2].map(|()| Meter::new(Arc::clone(&tenant)));
        let tokens = |tokens| Budget { tokens: Some(tokens), money: None };
        let used = |input| Used { tokens: Tokens { input, ..Tokens::default() }, money: 0 };
        tenant.allow(tokens(100), &Used::default());
        meters[0].allow(tokens(60), &Used::default());
        meters[0].add(&used(0), &used(60));
        assert_eq!((meters[0].refuses(), meters[1].refuses()), (Some(Spent::Session), None));
        assert_eq!(
            (meters[0].take_refusal(), meters[0].take_refusal()),
            (Some(Denied::Budget(Spent::Session)), None)
        );
        meters[1].add(&used(10), &used(50));
        assert_eq!(meters[1].refuses(), Some(Spent::Tenant));
        tenant.allow(tokens(101), &Used::default());
        assert_eq!(meters[1].refuses(), None);
        assert!(meters[1].is_limited(), "by its tenant's");
    }

    #[test]
    fn an_answer_is_counted_once_while_it_passes() {
        let meter = Arc::new(Meter::default());
        let mut metering =
            Metering::new(UsageReader::new(true), Arc::default(), Arc::clone(&meter));
        let start = br#"data: {"type":"message_start","message":{"model":"claude-sonnet-4","usage":{"input_tokens":100,"output_tokens":1}}}"#;
        metering.read(&[&start[..], b"\n\n"].concat(), false);
        assert_eq!(meter.used().tokens.total(), 101);
        metering
            .read(b"data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":9}}\n\n", false);
        drop(metering);
        assert_eq!((meter.used().tokens.total(), meter.used().money), (109, 300_000 + 135_000));
    }
}
