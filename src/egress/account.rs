//! What somebody may use of the model, and has used.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::price::Tokens;

/// What may be used; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Budget {
    /// Read and written, cached ones included.
    pub(crate) tokens: Option<u64>,
    /// In thousand-millionths of a dollar.
    pub(crate) money: Option<u64>,
}

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    pub(crate) tokens: Tokens,
    /// In thousand-millionths of a dollar.
    pub(crate) money: u64,
}

impl Used {
    /// At least as much as `other`: neither side forgets what the other knows.
    pub(super) fn raise(&mut self, other: &Self) {
        self.each(other, |to, value| *to = (*to).max(value));
    }

    /// What was used beyond `before` is added.
    pub(super) fn add(&mut self, before: &Self, after: &Self) {
        let mut more = *after;
        more.each(before, |to, value| *to = to.saturating_sub(value));
        self.each(&more, |to, value| *to = to.saturating_add(value));
    }

    fn each(&mut self, other: &Self, change: fn(&mut u64, u64)) {
        change(&mut self.tokens.input, other.tokens.input);
        change(&mut self.tokens.output, other.tokens.output);
        change(&mut self.tokens.cache_read, other.tokens.cache_read);
        change(&mut self.tokens.cache_write, other.tokens.cache_write);
        change(&mut self.money, other.money);
    }
}

/// Of a session, or of all sessions of a tenant.
#[derive(Debug, Default)]
pub(super) struct Account(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    budget: Budget,
    used: Used,
}

impl Account {
    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What may be used, and what has been used at least.
    pub(super) fn allow(&self, budget: Budget, used: &Used) {
        let mut sums = self.sums();
        sums.budget = budget;
        sums.used.raise(used);
    }

    pub(super) fn used(&self) -> Used {
        self.sums().used
    }

    pub(super) fn is_limited(&self) -> bool {
        self.sums().budget != Budget::default()
    }

    /// Nothing is left.
    pub(super) fn is_spent(&self) -> bool {
        let Sums { budget, used } = *self.sums();
        budget.tokens.is_some_and(|max| used.tokens.total() >= max)
            || budget.money.is_some_and(|max| used.money >= max)
    }

    pub(super) fn add(&self, before: &Used, after: &Used) {
        self.sums().used.add(before, after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(input: u64, money: u64) -> Used {
        Used { tokens: Tokens { input, ..Tokens::default() }, money }
    }

    #[test]
    fn a_budget_is_kept_in_tokens_and_in_money_and_can_be_raised() {
        let account = Account::default();
        account.allow(Budget::default(), &used(1_000_000, 1_000_000));
        assert!(!account.is_spent() && !account.is_limited(), "there is none");
        for (tokens, money, spent) in [
            (Some(1_000_001), None, false),
            (Some(1_000_000), None, true),
            (None, Some(1_000_001), false),
            (None, Some(1_000_000), true),
            (Some(2_000_000), Some(1), true),
        ] {
            account.allow(Budget { tokens, money }, &Used::default());
            assert_eq!(account.is_spent(), spent, "{tokens:?} {money:?}");
        }
    }

    #[test]
    fn what_was_used_is_never_forgotten() {
        let account = Account::default();
        account.allow(Budget::default(), &used(10, 20));
        account.allow(Budget::default(), &used(5, 30));
        assert_eq!(account.used(), used(10, 30));
        account.add(&used(3, 3), &used(5, 2));
        assert_eq!(account.used(), used(12, 30), "only what is new is added");
    }
}
