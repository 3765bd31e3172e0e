//! How warm a session that rests is kept, and when it becomes colder.
//!
//! ```text
//!  hot ──▶ frozen ──▶ reclaimed ──▶ hibernated
//!   ▲        │            │             │
//!   └────────┴────────────┴─────────────┘   a message, a resume, a look at its files
//! ```

use std::time::Duration;

pub(crate) use crate::wire::sessions::Tier;

/// How long a session that was paused by its user stays hot after it was woken for a moment,
/// e.g. to read a file: until that is done, and no longer.
const PAUSED_GRACE: Duration = Duration::from_secs(5);

/// After how much rest a session becomes colder; `None` for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TierPolicy {
    pub(crate) freeze_after: Option<Duration>,
    pub(crate) reclaim_after: Option<Duration>,
    pub(crate) hibernate_after: Option<Duration>,
}

/// What a sandbox turned out to be able to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abilities {
    pub(crate) freeze: bool,
    pub(crate) reclaim: bool,
}

impl TierPolicy {
    /// The next colder tier, and after how much rest it is due; `None` if it stays as it is.
    /// Rest counts from the last thing that anybody wanted of the session.
    pub(crate) fn next(
        &self,
        tier: Tier,
        paused: bool,
        abilities: Abilities,
    ) -> Option<(Tier, Duration)> {
        let freeze_after = match self.freeze_after {
            _ if !abilities.freeze => None,
            after if paused => Some(after.unwrap_or(PAUSED_GRACE).min(PAUSED_GRACE)),
            after => after,
        };
        let reclaim_after = self.reclaim_after.filter(|_| abilities.reclaim);
        let steps = [
            (Tier::Frozen, freeze_after),
            (Tier::Reclaimed, reclaim_after),
            (Tier::Hibernated, self.hibernate_after),
        ];
        let colder = steps.into_iter().filter(|(step, _)| *step > tier);
        let due = colder.filter_map(|(step, after)| Some((step, after?)));
        // What is due first; of two that are due at the same time, the colder.
        due.min_by_key(|(step, after)| (*after, std::cmp::Reverse(*step)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Abilities = Abilities { freeze: true, reclaim: true };
    const SECOND: Duration = Duration::from_secs(1);

    fn policy(freeze: u32, reclaim: u32, hibernate: u32) -> TierPolicy {
        let after = |seconds: u32| (seconds > 0).then(|| SECOND * seconds);
        TierPolicy {
            freeze_after: after(freeze),
            reclaim_after: after(reclaim),
            hibernate_after: after(hibernate),
        }
    }

    #[test]
    fn a_session_becomes_colder_step_by_step() {
        let policy = policy(60, 600, 1_800);
        let mut tier = Tier::Hot;
        let mut steps = Vec::new();
        while let Some((next, after)) = policy.next(tier, false, ALL) {
            steps.push((next, after.as_secs()));
            tier = next;
        }
        let expected = [(Tier::Frozen, 60), (Tier::Reclaimed, 600), (Tier::Hibernated, 1_800)];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_step_that_is_off_or_not_possible_is_left_out() {
        assert_eq!(policy(0, 0, 0).next(Tier::Hot, false, ALL), None);
        let next = policy(0, 600, 1_800).next(Tier::Hot, false, ALL);
        assert_eq!(next, Some((Tier::Reclaimed, SECOND * 600)));
        let none = Abilities { freeze: false, reclaim: false };
        let next = policy(60, 600, 1_800).next(Tier::Hot, false, none);
        assert_eq!(next, Some((Tier::Hibernated, SECOND * 1_800)));
        assert_eq!(policy(60, 600, 0).next(Tier::Reclaimed, false, ALL), None);
    }

    #[test]
    fn a_paused_session_does_not_stay_hot() {
        for freeze in [0, 60] {
            let next = policy(freeze, 0, 0).next(Tier::Hot, true, ALL);
            assert_eq!(next, Some((Tier::Frozen, PAUSED_GRACE)));
        }
    }

    #[test]
    fn a_colder_tier_that_is_due_earlier_comes_first() {
        let next = policy(60, 600, 30).next(Tier::Hot, false, ALL);
        assert_eq!(next, Some((Tier::Hibernated, SECOND * 30)));
    }
}
