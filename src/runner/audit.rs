//! What egress decides is stored, in its order, each entry once.

use std::time::Duration;

use super::budget::used;
use super::host::Host;
use super::span::{Traced, trace_request};
use crate::clock::Timestamp;
use crate::egress::{Decision, Report, Subject, Verdict};
use crate::id::SessionId;
use crate::metrics::COUNTS;
use crate::store::{NewAudit, NewAuditEntry, UsedRecord};
use crate::telemetry;

/// Pause before a report that could not be stored is tried again: the disk is full, or somebody
/// holds the database. Egress keeps it so long.
const STORE_PAUSE: Duration = Duration::from_secs(1);

impl Host {
    /// Stores reports until ashd leaves.
    pub(crate) async fn keep_audit(&self) {
        let closing = self.closing.clone();
        loop {
            let reported = tokio::select! {
                reported = self.egress.report() => reported,
                () = closing.cancelled() => return,
            };
            let Some((report, receipt)) = reported else { return };
            let new = stored_form(&report);
            let tenants = loop {
                match self.store.append_audit(new.clone()).await {
                    Ok(tenants) => break tenants,
                    Err(error) => {
                        tracing::warn!(%error, "the audit could not be stored; trying again");
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(STORE_PAUSE) => {}
                    () = closing.cancelled() => return,
                }
            };
            for decision in &report.entries {
                count(decision);
                if decision.subject == Subject::Model
                    && let Some(traced) = self.traced(decision.session)
                {
                    trace_request(traced, decision);
                }
            }
            for (tenant, sum) in tenants {
                self.egress.remember_used(&tenant, &used(sum));
            }
            receipt.stored();
        }
    }

    /// The turn that a request of a session's sandbox is a part of, if its spans are told.
    fn traced(&self, session: SessionId) -> Option<Traced> {
        if !telemetry::is_on() {
            return None;
        }
        self.known(session)?.view().traced
    }
}

/// For the metrics.
fn count(decision: &Decision) {
    let counter = match (decision.subject, decision.verdict) {
        (Subject::Model, Verdict::Allowed) => Some(&COUNTS.model_allowed),
        (Subject::Model, Verdict::Refused) => Some(&COUNTS.model_refused),
        (Subject::Tunnel, Verdict::Allowed) => Some(&COUNTS.tunnel_allowed),
        (Subject::Tunnel, Verdict::Refused) => Some(&COUNTS.tunnel_refused),
        // It was counted when it was opened.
        (Subject::Model | Subject::Tunnel, Verdict::Closed) | (Subject::Lost, _) => None,
    };
    if let Some(counter) = counter {
        counter.add(1);
    }
    COUNTS.egress_sent.add(decision.sent);
    COUNTS.egress_received.add(decision.received);
}

fn stored_form(report: &Report) -> NewAudit {
    let entries = report.entries.iter().map(|decision| NewAuditEntry {
        session: decision.session,
        at: Timestamp::from_millis(decision.at),
        entry: serde_json::to_string(decision).expect("a decision has a JSON form"),
        used: decision.used.map(|used| UsedRecord {
            input: used.tokens.input,
            output: used.tokens.output,
            cache_read: used.tokens.cache_read,
            cache_write: used.tokens.cache_write,
            money: used.money,
        }),
        credential: decision.credential,
    });
    NewAudit { run: report.run, through: report.through, entries: entries.collect() }
}
