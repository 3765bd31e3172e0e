//! Room for sandboxes on this host. Who finds none waits in line, for a while; meanwhile sessions
//! that have rested longest make room.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at};

use super::handle::{Handle, Parked, StartError};
use super::host::Host;
use crate::session::tier::Tier;

/// Callers that may wait for room: each holds a request open, and more than this would not be
/// served in time.
const WAITING_MAX: usize = 256;

/// How often it is looked for somebody who can make room: a turn may have ended meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The room of a host.
#[derive(Debug)]
pub(crate) struct Seats {
    free: Arc<Semaphore>,
    limit: Arc<Mutex<Limit>>,
    taken: Arc<AtomicUsize>,
    line: Line,
}

/// Who waits, by numbers that grow.
#[derive(Debug, Default)]
struct Line(Mutex<(u64, BTreeSet<u64>)>);

impl Line {
    fn waiting(&self) -> MutexGuard<'_, (u64, BTreeSet<u64>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place at its end; none if it is too long.
    fn join(&self) -> Option<Waiting<'_>> {
        let mut waiting = self.waiting();
        if waiting.1.len() >= WAITING_MAX {
            return None;
        }
        waiting.0 += 1;
        let number = waiting.0;
        waiting.1.insert(number);
        Some(Waiting { line: self, number })
    }

    fn len(&self) -> usize {
        self.waiting().1.len()
    }
}

#[derive(Debug)]
struct Limit {
    max: usize,
    /// Seats that are taken beyond a limit that was lowered: they do not become free.
    excess: usize,
    wait_max: Duration,
}

/// The right to have a sandbox.
#[derive(Debug)]
pub(crate) struct Seat {
    /// None of a sandbox that was taken over beyond a limit that is lower now.
    permit: Option<OwnedSemaphorePermit>,
    limit: Arc<Mutex<Limit>>,
    taken: Arc<AtomicUsize>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
        let Some(permit) = self.permit.take() else { return };
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        if limit.excess > 0 {
            limit.excess -= 1;
            permit.forget();
        }
    }
}

/// One who waits; leaves the line when dropped.
struct Waiting<'a> {
    line: &'a Line,
    number: u64,
}

impl Waiting<'_> {
    /// From 1.
    fn position(&self) -> usize {
        self.line.waiting().1.range(..=self.number).count()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.line.waiting().1.remove(&self.number);
    }
}

impl Seats {
    pub(crate) fn new(max: usize, wait_max: Duration) -> Self {
        let max = max.min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(max)),
            limit: Arc::new(Mutex::new(Limit { max, excess: 0, wait_max })),
            taken: Arc::default(),
            line: Line::default(),
        }
    }

    fn limit(&self) -> MutexGuard<'_, Limit> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another limit. What is taken stays taken.
    pub(super) fn set(&self, max: usize, wait_max: Duration) {
        let max = max.min(Semaphore::MAX_PERMITS);
        let mut limit = self.limit();
        limit.wait_max = wait_max;
        if max > limit.max {
            let more = max - limit.max;
            let paid = more.min(limit.excess);
            limit.excess -= paid;
            self.free.add_permits(more - paid);
        } else {
            let less = limit.max - max;
            limit.excess += less - self.free.forget_permits(less);
        }
        limit.max = max;
    }

    /// Sandboxes that live or start.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn max(&self) -> usize {
        self.limit().max
    }

    /// For a sandbox that lives already.
    pub(super) fn adopt(&self) -> Seat {
        self.seat(Arc::clone(&self.free).try_acquire_owned().ok())
    }

    fn seat(&self, permit: Option<OwnedSemaphorePermit>) -> Seat {
        self.taken.fetch_add(1, Ordering::Relaxed);
        Seat { permit, limit: Arc::clone(&self.limit), taken: Arc::clone(&self.taken) }
    }

    fn too_many(&self, position: usize) -> StartError {
        StartError::TooMany { running: self.taken(), max: self.max(), position }
    }
}

impl Host {
    /// Room for one more sandbox; waits for it in line if there is none.
    pub(crate) async fn seat(&self) -> Result<Seat, StartError> {
        let seats = &self.seats;
        if !self.pressure.is_high()
            && let Ok(permit) = Arc::clone(&seats.free).try_acquire_owned()
        {
            return Ok(seats.seat(Some(permit)));
        }
        let Some(waiting) = seats.line.join() else {
            return Err(seats.too_many(seats.line.len() + 1));
        };
        let deadline = Instant::now() + seats.limit().wait_max;
        let mut permit = pin!(Arc::clone(&seats.free).acquire_owned());
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut held = None;
        loop {
            tokio::select! {
                biased;
                permit = &mut permit, if held.is_none() => match permit {
                    Ok(permit) => held = Some(permit),
                    Err(_closed) => return Err(StartError::Ending),
                },
                () = self.pressure.relieved(), if held.is_some() => {
                    return Ok(seats.seat(held));
                }
                () = sleep_until(deadline) => {
                    let position = waiting.position();
                    return Err(if held.is_some() {
                        StartError::MemoryShort { position }
                    } else {
                        seats.too_many(position)
                    });
                }
                _ = looks.tick(), if held.is_none() => {
                    if let Some(victim) = self.longest_at_rest(Tier::Hibernated) {
                        // It may have been called upon meanwhile, and then stays.
                        let _late = timeout_at(deadline, victim.cool(Tier::Hibernated)).await;
                    }
                }
            }
        }
    }

    /// Room that is there and that nobody waits for.
    pub(crate) fn spare_seat(&self) -> Option<Seat> {
        let seats = &self.seats;
        if self.pressure.is_high() || seats.line.len() > 0 {
            return None;
        }
        Arc::clone(&seats.free).try_acquire_owned().ok().map(|permit| seats.seat(Some(permit)))
    }

    /// The session that rests longest and could become as cold as `tier`; before all others one
    /// that is nobody's.
    pub(super) fn longest_at_rest(&self, tier: Tier) -> Option<Handle> {
        let handles = self.handles();
        let resting = handles.into_iter().filter_map(|handle| {
            let view = handle.view();
            // Where no memory can be taken from processes, only their end gives it back.
            let parked = view.parked != Parked::No;
            let possible = tier != Tier::Reclaimed || view.reclaims || parked;
            (view.tier < tier && possible).then_some(((!parked, view.rests_since?), handle))
        });
        resting.min_by_key(|(order, _)| *order).map(|(_, handle)| handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(seats: &Seats) -> Option<Seat> {
        let permit = Arc::clone(&seats.free).try_acquire_owned().ok()?;
        Some(seats.seat(Some(permit)))
    }

    #[test]
    fn a_limit_that_is_lowered_counts_what_is_taken_and_one_that_is_raised_gives_room() {
        let seats = Seats::new(3, Duration::ZERO);
        let taken: Vec<Seat> = std::iter::from_fn(|| take(&seats)).collect();
        assert_eq!((taken.len(), seats.taken(), seats.max()), (3, 3, 3));
        seats.set(1, Duration::ZERO);
        assert_eq!((seats.taken(), seats.max()), (3, 1));
        let mut taken = taken.into_iter();
        drop(taken.next());
        drop(taken.next());
        assert!(take(&seats).is_none(), "one is taken, and one is the most");
        seats.set(2, Duration::ZERO);
        let second = take(&seats);
        assert!(second.is_some() && take(&seats).is_none());
        drop((taken, second));
        assert_eq!(seats.taken(), 0);
        assert_eq!(std::iter::from_fn(|| take(&seats)).collect::<Vec<_>>().len(), 2);
    }

    #[test]
    fn who_waits_moves_up_when_others_leave_and_the_line_has_an_end() {
        let line = Line::default();
        let [first, second] = [line.join().unwrap(), line.join().unwrap()];
        assert_eq!((first.position(), second.position()), (1, 2));
        drop(first);
        let third = line.join().unwrap();
        assert_eq!((second.position(), third.position(), line.len()), (1, 2, 2));
        let all: Vec<_> = std::iter::from_fn(|| line.join()).collect();
        assert_eq!((line.len(), all.len()), (WAITING_MAX, WAITING_MAX - 2));
        drop((second, third, all));
        assert_eq!(line.len(), 0);
    }

    #[test]
    fn a_limit_that_goes_up_before_what_was_too_much_has_left_is_right_in_the_end() {
        let seats = Seats::new(4, Duration::ZERO);
        let taken: Vec<Seat> = std::iter::from_fn(|| take(&seats)).collect();
        seats.set(1, Duration::ZERO);
        seats.set(3, Duration::ZERO);
        drop(taken);
        assert_eq!(std::iter::from_fn(|| take(&seats)).collect::<Vec<_>>().len(), 3);
    }
}
