//! What happens on this host: told to the log with its fields, and kept in memory for whoever
//! wants to follow it. The journal is the record; what is kept here is bounded, and gone with ashd.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::clock::Timestamp;
use crate::id::{AgentName, SessionId, TurnId};
use crate::wire::lifecycle::{HostEvent, NAMES};

/// Events that are kept: at some 300 bytes each about a megabyte. A busy host has a few a second.
const EVENTS_MAX: usize = 4096;

/// Numbers for each millisecond in which an ashd may start, so that the numbers of a later ashd
/// are greater than those of an earlier one; no host has so many events in a millisecond for long.
const NUMBERS_PER_MILLISECOND: u64 = 1000;

/// The trace that a turn is a part of: a field of its own in the log.
const TRACE: &str = "trace";

/// Something that happens, before it has its number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Happening {
    /// A name of the list.
    event: &'static str,
    session: Option<SessionId>,
    agent: Option<AgentName>,
    turn: Option<TurnId>,
    more: Map<String, Value>,
}

impl Happening {
    pub(crate) fn new(event: &'static str) -> Self {
        debug_assert!(NAMES.iter().any(|(name, _)| *name == event), "{event} is not listed");
        Self { event, session: None, agent: None, turn: None, more: Map::new() }
    }

    #[must_use]
    pub(crate) fn session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    #[must_use]
    pub(crate) fn agent(mut self, agent: &AgentName) -> Self {
        self.agent = Some(agent.clone());
        self
    }

    #[must_use]
    pub(crate) fn turn(mut self, turn: TurnId) -> Self {
        self.turn = Some(turn);
        self
    }

    /// One more member.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }
}

/// The events of this host. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lifecycle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kept: Mutex<VecDeque<HostEvent>>,
    /// The number of the last event.
    last: watch::Sender<u64>,
    /// The number before the first event of this ashd.
    begin: u64,
}

/// What a reader gets.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    Event(HostEvent),
    /// What stands between the reader's place and behind this number is not kept, or never was.
    Gap {
        from: u64,
        /// Nothing of this ashd is missing, and of the one before nothing is known.
        restarted: bool,
    },
}

/// Reads events from a place on.
#[derive(Debug)]
pub(crate) struct LifecycleReader {
    shared: Arc<Shared>,
    seen: watch::Receiver<u64>,
    after: u64,
}

impl Lifecycle {
    pub(crate) fn new(started: Timestamp) -> Self {
        let millis = u64::try_from(started.as_millis()).unwrap_or(0);
        let begin = millis.saturating_mul(NUMBERS_PER_MILLISECOND);
        Self(Arc::new(Shared { kept: Mutex::default(), last: watch::channel(begin).0, begin }))
    }

    /// Tells it to the log, and to those who follow.
    pub(crate) fn tell(&self, happening: Happening) {
        let Happening { event, session, agent, turn, more } = happening;
        let shown = |id: &dyn std::fmt::Display| id.to_string();
        let (in_session, of_agent, in_turn) = (
            session.as_ref().map(|id| shown(id)),
            agent.as_ref().map(|name| shown(name)),
            turn.as_ref().map(|id| shown(id)),
        );
        let said = sentence(event, &more);
        let trace = more.get(TRACE).and_then(Value::as_str);
        let failed = matches!(event, "session.failed" | "config.refused");
        if failed {
            tracing::warn!(
                event,
                session = in_session,
                agent = of_agent,
                turn = in_turn,
                trace,
                "{said}"
            );
        } else {
            tracing::info!(
                event,
                session = in_session,
                agent = of_agent,
                turn = in_turn,
                trace,
                "{said}"
            );
        }
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *self.0.last.borrow() + 1;
        if kept.len() == EVENTS_MAX {
            kept.pop_front();
        }
        kept.push_back(HostEvent {
            number,
            at: Timestamp::now(),
            event: event.to_owned(),
            session,
            agent,
            turn,
            more,
        });
        // Still under the lock, so that numbers are announced in their order.
        self.0.last.send_replace(number);
    }

    /// Reads what comes behind `after`; `None`: all that is kept.
    pub(crate) fn reader(&self, after: Option<u64>) -> LifecycleReader {
        let after = after.unwrap_or_else(|| self.first() - 1);
        LifecycleReader { shared: Arc::clone(&self.0), seen: self.0.last.subscribe(), after }
    }

    /// The place before the last `count` events that are kept.
    pub(crate) fn before_last(&self, count: u64) -> u64 {
        let last = *self.0.last.borrow();
        last.saturating_sub(count).max(self.first() - 1)
    }

    /// The number of the first event that is kept, or of the next one.
    fn first(&self) -> u64 {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.front().map_or_else(|| *self.0.last.borrow() + 1, |event| event.number)
    }
}

impl LifecycleReader {
    /// What is there; `None` if the reader has everything.
    pub(crate) fn now(&mut self) -> Option<Told> {
        let kept = self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let last = *self.shared.last.borrow();
        let first = kept.front().map_or(last + 1, |event| event.number);
        // Behind what is kept, or ahead of it: a clock was set back between two starts of ashd.
        if self.after + 1 < first || self.after > last {
            let restarted = self.after < self.shared.begin && first == self.shared.begin + 1;
            self.after = if self.after > last { last } else { first - 1 };
            return Some(Told::Gap { from: self.after, restarted });
        }
        let place = usize::try_from(self.after + 1 - first).unwrap_or(usize::MAX);
        let event = kept.get(place)?.clone();
        self.after = event.number;
        Some(Told::Event(event))
    }

    /// What comes next, now or later. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Told {
        loop {
            self.seen.mark_unchanged();
            if let Some(told) = self.now() {
                return told;
            }
            if self.seen.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// The event in words, for the log.
fn sentence(event: &str, more: &Map<String, Value>) -> String {
    let mut text = event.replace('.', " ");
    for (name, value) in more.iter().filter(|(name, _)| *name != TRACE) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        write!(text, ", {name} {value}").expect("a text takes more text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifecycle() -> Lifecycle {
        Lifecycle::new(Timestamp::from_millis(5))
    }

    fn told(reader: &mut LifecycleReader) -> Vec<u64> {
        std::iter::from_fn(|| reader.now())
            .map(|told| match told {
                Told::Event(event) => event.number,
                Told::Gap { from, .. } => panic!("a gap up to {from}"),
            })
            .collect()
    }

    #[tokio::test]
    async fn who_follows_misses_nothing_and_sees_nothing_twice() {
        let lifecycle = lifecycle();
        lifecycle.tell(Happening::new("ashd.started").with("version", "1"));
        let mut reader = lifecycle.reader(None);
        assert_eq!(told(&mut reader), [5001]);
        let later = async {
            tokio::task::yield_now().await;
            lifecycle.tell(Happening::new("drain.started"));
        };
        let (next, ()) = tokio::join!(reader.next(), later);
        let Told::Event(event) = next else { panic!("{next:?}") };
        assert_eq!((event.number, event.event.as_str()), (5002, "drain.started"));
        assert_eq!(told(&mut lifecycle.reader(Some(5001))), [5002]);
        assert_eq!(told(&mut lifecycle.reader(Some(lifecycle.before_last(1)))), [5002]);
        assert_eq!(told(&mut lifecycle.reader(Some(lifecycle.before_last(9)))), [5001, 5002]);
    }

    #[test]
    fn what_is_not_kept_is_told_as_a_gap() {
        let lifecycle = lifecycle();
        for _ in 0..EVENTS_MAX + 2 {
            lifecycle.tell(Happening::new("drain.started"));
        }
        let mut reader = lifecycle.reader(Some(5000));
        assert_eq!(reader.now(), Some(Told::Gap { from: 5002, restarted: false }));
        assert_eq!(told(&mut reader).len(), EVENTS_MAX);
        // Of an earlier ashd, and of one that a wrong clock put into the future.
        let mut reader = lifecycle.reader(Some(7));
        assert_eq!(reader.now(), Some(Told::Gap { from: 5002, restarted: false }));
        let mut reader = lifecycle.reader(Some(u64::MAX - 1));
        assert!(matches!(reader.now(), Some(Told::Gap { .. })));
        assert_eq!(reader.now(), None);
    }

    #[test]
    fn who_comes_from_an_earlier_ashd_misses_nothing_of_this_one() {
        let lifecycle = lifecycle();
        lifecycle.tell(Happening::new("ashd.started"));
        let mut reader = lifecycle.reader(Some(17));
        assert_eq!(reader.now(), Some(Told::Gap { from: 5000, restarted: true }));
        assert_eq!(told(&mut reader), [5001]);
    }

    #[test]
    fn nothing_has_happened_yet() {
        let lifecycle = lifecycle();
        assert_eq!(lifecycle.reader(None).now(), None);
        assert_eq!(lifecycle.before_last(10), 5000);
    }

    #[test]
    fn the_log_has_it_in_words() {
        let happening = Happening::new("turn.ended").with("outcome", "failed").with("n", 3);
        assert_eq!(sentence(happening.event, &happening.more), "turn ended, n 3, outcome failed");
        assert_eq!(
            NAMES.len(),
            NAMES.iter().map(|(name, _)| name).collect::<std::collections::HashSet<_>>().len()
        );
    }
}
