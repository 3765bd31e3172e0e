//! What egress decides is stored, in its order, each entry once.

use std::time::Duration;

use super::budget::used;
use super::host::Host;
use crate::clock::Timestamp;
use crate::egress::Report;
use crate::store::{NewAudit, NewAuditEntry, UsedRecord};

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
            for (tenant, sum) in tenants {
                self.egress.remember_used(&tenant, &used(sum));
            }
            receipt.stored();
        }
    }
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
    });
    NewAudit { run: report.run, through: report.through, entries: entries.collect() }
}
