//! Room for sandboxes on this host. Who finds none waits in line, for a while; meanwhile sessions
//! that have rested longest make room.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at};

use super::handle::{Handle, StartError};
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
    max: usize,
    taken: Arc<AtomicUsize>,
    waiting: AtomicUsize,
    wait_max: Duration,
}

/// The right to have a sandbox.
#[derive(Debug)]
pub(crate) struct Seat {
    /// None of a sandbox that was taken over beyond a limit that is lower now.
    _permit: Option<OwnedSemaphorePermit>,
    taken: Arc<AtomicUsize>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One who waits; leaves the line when dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Seats {
    pub(crate) fn new(max: usize, wait_max: Duration) -> Self {
        Self {
            free: Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))),
            max,
            taken: Arc::default(),
            waiting: AtomicUsize::new(0),
            wait_max,
        }
    }

    /// Sandboxes that live or start.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// For a sandbox that lives already.
    pub(super) fn adopt(&self) -> Seat {
        self.seat(Arc::clone(&self.free).try_acquire_owned().ok())
    }

    fn seat(&self, permit: Option<OwnedSemaphorePermit>) -> Seat {
        self.taken.fetch_add(1, Ordering::Relaxed);
        Seat { _permit: permit, taken: Arc::clone(&self.taken) }
    }

    fn too_many(&self) -> StartError {
        StartError::TooMany { running: self.taken(), max: self.max }
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
        if seats.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            seats.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(seats.too_many());
        }
        let _waiting = Waiting(&seats.waiting);
        let deadline = Instant::now() + seats.wait_max;
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
                () = sleep_until(deadline) => return Err(if held.is_some() {
                    StartError::MemoryShort
                } else {
                    seats.too_many()
                }),
                _ = looks.tick(), if held.is_none() => {
                    if let Some(victim) = self.longest_at_rest(Tier::Hibernated) {
                        // It may have been called upon meanwhile, and then stays.
                        let _late = timeout_at(deadline, victim.cool(Tier::Hibernated)).await;
                    }
                }
            }
        }
    }

    /// The session that rests longest and could become as cold as `tier`.
    pub(super) fn longest_at_rest(&self, tier: Tier) -> Option<Handle> {
        let handles = self.handles();
        let resting = handles.into_iter().filter_map(|handle| {
            let view = handle.view();
            // Where no memory can be taken from processes, only their end gives it back.
            let possible = tier != Tier::Reclaimed || view.reclaims;
            (view.tier < tier && possible).then_some((view.rests_since?, handle))
        });
        resting.min_by_key(|(since, _)| *since).map(|(_, handle)| handle)
    }
}
