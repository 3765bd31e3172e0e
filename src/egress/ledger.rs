//! What ashd has not stored yet of what was decided. Bounded; what finds no room is counted, and
//! the count is entered instead as soon as there is room.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use uuid::Uuid;

use super::audit::{Decision, Subject, Verdict};
use crate::id::SessionId;

/// Most entries that wait for an ashd that is away: about 2 MB.
const ENTRIES_MAX: usize = 8192;

/// Most of one session, so that one does not take the room of all.
const ENTRIES_OF_SESSION_MAX: usize = 1024;

/// Most entries in one report: one commit of ashd.
const REPORT_ENTRIES_MAX: usize = 128;

/// What ashd is told at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// This run of egress: numbers begin anew with each.
    pub(crate) run: Uuid,
    /// The number of the last entry. A report may come twice, with more behind it.
    pub(crate) through: u64,
    /// The last of them has the number `through`, those before it the numbers before that.
    pub(crate) entries: Vec<Decision>,
}

/// The entries that wait, in their order.
#[derive(Debug)]
pub(crate) struct Ledger {
    run: Uuid,
    waiting: Mutex<Waiting>,
    entered: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<Decision>,
    /// The number of the last entry that was taken.
    taken: u64,
    of_session: HashMap<SessionId, usize>,
    lost: HashMap<SessionId, u64>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { run: Uuid::new_v4(), waiting: Mutex::default(), entered: Notify::new() }
    }
}

impl Ledger {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, decision: Decision) {
        self.waiting().enter(decision);
        self.entered.notify_one();
    }

    /// What waits, as soon as something does. It waits on until it is taken. One caller at a time.
    pub(crate) async fn report(&self) -> Report {
        loop {
            if let Some(report) = self.waiting().report(self.run) {
                return report;
            }
            self.entered.notified().await;
        }
    }

    /// Whoever asked has stored the entries up to this number.
    pub(crate) fn taken(&self, run: Uuid, through: u64) {
        if run == self.run {
            self.waiting().take(through);
        }
    }
}

impl Waiting {
    fn enter(&mut self, decision: Decision) {
        let session = decision.session;
        let mine = self.of_session.entry(session).or_default();
        if *mine >= ENTRIES_OF_SESSION_MAX || self.entries.len() >= ENTRIES_MAX {
            *self.lost.entry(session).or_default() += 1;
        } else {
            *mine += 1;
            self.entries.push_back(decision);
        }
    }

    fn report(&self, run: Uuid) -> Option<Report> {
        let entries: Vec<_> = self.entries.iter().take(REPORT_ENTRIES_MAX).cloned().collect();
        let through = self.taken + entries.len() as u64;
        (!entries.is_empty()).then_some(Report { run, through, entries })
    }

    fn take(&mut self, through: u64) {
        while self.taken < through {
            let Some(entry) = self.entries.pop_front() else { return };
            self.taken += 1;
            if let Some(mine) = self.of_session.get_mut(&entry.session) {
                *mine -= 1;
                if *mine == 0 {
                    self.of_session.remove(&entry.session);
                }
            }
        }
        // There is room now to say what was lost.
        for (session, count) in std::mem::take(&mut self.lost) {
            tracing::warn!(target: "ash::egress", %session, count, "audit entries were lost");
            let lost = Decision::new(session, Subject::Lost, Verdict::Refused);
            let reason = "no_room".to_owned();
            *self.of_session.entry(session).or_default() += 1;
            self.entries.push_back(Decision { reason, count, ..lost });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(session: SessionId) -> Decision {
        Decision::new(session, Subject::Tunnel, Verdict::Refused)
    }

    #[tokio::test]
    async fn what_is_entered_is_reported_in_order_until_it_is_taken() {
        let ledger = Ledger::default();
        let session = SessionId::new();
        for number in 0..200 {
            ledger.enter(Decision { sent: number, ..entry(session) });
        }
        let first = ledger.report().await;
        assert_eq!((first.through, first.entries.len()), (128, 128));
        assert_eq!(ledger.report().await, first, "nobody has taken it");
        ledger.taken(Uuid::new_v4(), 128);
        assert_eq!(ledger.report().await, first, "that was another run's");
        ledger.taken(first.run, 128);
        let second = ledger.report().await;
        assert_eq!((second.through, second.entries[0].sent), (200, 128));
        ledger.taken(first.run, 200);
        let later = ledger.report();
        tokio::pin!(later);
        assert!(futures_util::poll!(&mut later).is_pending());
        ledger.enter(entry(session));
        assert_eq!(later.await.through, 201);
    }

    #[tokio::test]
    async fn what_finds_no_room_is_counted_and_told() {
        let ledger = Ledger::default();
        let (loud, quiet) = (SessionId::new(), SessionId::new());
        for _ in 0..ENTRIES_OF_SESSION_MAX + 7 {
            ledger.enter(entry(loud));
        }
        ledger.enter(entry(quiet));
        let mut told = Vec::new();
        while told.last().is_none_or(|last: &Decision| last.subject != Subject::Lost) {
            let report = ledger.report().await;
            ledger.taken(report.run, report.through);
            told.extend(report.entries);
        }
        assert_eq!(told.len(), ENTRIES_OF_SESSION_MAX + 2);
        assert!(told.iter().any(|entry| entry.session == quiet));
        let lost = told.last().unwrap();
        assert_eq!((lost.session, lost.count), (loud, 7));
        ledger.enter(entry(loud));
        assert_eq!(ledger.report().await.entries.len(), 1, "there is room again");
    }
}
