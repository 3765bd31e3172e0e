//! What was decided at the way out of each session: the newest of it.

use std::collections::HashMap;

use super::database::{Connection, Optional as _, params};
use super::record::{AuditRecord, NewAudit};
use super::writer::Terms;
use super::{Store, StoreError, UsedRecord};
use super::{budgets, row};
use crate::clock::Timestamp;

/// Entries of one session that are kept: weeks of an ordinary one, some 3 MB of a loud one.
pub(crate) const AUDIT_ENTRIES_MAX: u64 = 10_000;

/// Runs of egress that are remembered: a report comes again from the one that runs.
const RUNS_MAX: u32 = 16;

impl Store {
    /// Stores a report, as much of it as is not stored yet. Entries of sessions that are gone are
    /// left out. Answers the sums of the tenants that used the model.
    pub(crate) async fn append_audit(
        &self,
        new: NewAudit,
    ) -> Result<HashMap<String, UsedRecord>, StoreError> {
        let bytes = new.entries.iter().map(|entry| entry.entry.len()).sum();
        self.write(Terms { durable: false, bytes }, move |connection| append(connection, &new))
            .await
    }

    /// Entries behind `after`, the oldest first.
    pub(crate) async fn audit(
        &self,
        key: i64,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.read(move |connection| {
            let entries = connection
                .prepare_cached(
                    "SELECT sequence, at, entry FROM audit WHERE session_key = ?1 AND sequence > ?2
                     ORDER BY sequence LIMIT ?3",
                )?
                .query_map(params![key, after, limit], |row| {
                    Ok(AuditRecord {
                        sequence: row.get(0)?,
                        at: row::timestamp(row, 1)?,
                        entry: row.get(2)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(entries)
        })
        .await
    }
}

fn append(
    connection: &Connection,
    new: &NewAudit,
) -> Result<HashMap<String, UsedRecord>, StoreError> {
    let mut sums = HashMap::new();
    let run = new.run.to_string();
    let stored: u64 = connection
        .prepare_cached("SELECT through FROM audit_runs WHERE run = ?1")?
        .query_row([&run], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let fresh = new.through.saturating_sub(stored);
    let known = new.entries.len().saturating_sub(usize::try_from(fresh).unwrap_or(usize::MAX));
    for entry in new.entries.iter().skip(known) {
        let key: Option<i64> = connection
            .prepare_cached("SELECT key FROM sessions WHERE id = ?1")?
            .query_row([entry.session.to_string()], |row| row.get(0))
            .optional()?;
        let Some(key) = key else { continue };
        if let Some(used) = entry.used {
            sums.extend([budgets::raise(connection, key, used, entry.at)?]);
        }
        if let Some(credential) = entry.credential {
            super::credentials::note_use(connection, credential, entry.at)?;
        }
        let sequence: u64 = connection
            .prepare_cached(
                "SELECT coalesce(max(sequence), 0) + 1 FROM audit WHERE session_key = ?1",
            )?
            .query_row([key], |row| row.get(0))?;
        connection
            .prepare_cached(
                "INSERT INTO audit (session_key, sequence, at, entry) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![key, sequence, entry.at.as_millis(), entry.entry])?;
        if let Some(oldest) = sequence.checked_sub(AUDIT_ENTRIES_MAX).filter(|oldest| *oldest > 0) {
            connection
                .prepare_cached("DELETE FROM audit WHERE session_key = ?1 AND sequence <= ?2")?
                .execute(params![key, oldest])?;
        }
    }
    connection
        .prepare_cached(
            "INSERT INTO audit_runs (run, through, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (run) DO UPDATE SET at = excluded.at,
                through = CASE WHEN audit_runs.through > excluded.through
                    THEN audit_runs.through ELSE excluded.through END",
        )?
        .execute(params![run, new.through, Timestamp::now().as_millis()])?;
    connection
        .prepare_cached(
            "DELETE FROM audit_runs WHERE run NOT IN
                (SELECT run FROM audit_runs ORDER BY at DESC, run LIMIT ?1)",
        )?
        .execute([RUNS_MAX])?;
    Ok(sums)
}
