//! What may be used of the model, and what was used.

use serde::{Deserialize, Serialize};

/// What a session may use of the model; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BudgetRecord {
    pub(crate) tokens: Option<u64>,
    /// In thousand-millionths of a dollar.
    pub(crate) money: Option<u64>,
}

/// What a tenant's sessions may use of the model together, and have used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TenantBudgetRecord {
    pub(crate) budget: BudgetRecord,
    pub(crate) used: UsedRecord,
}

/// What it has used: tokens, and thousand-millionths of a dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UsedRecord {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    pub(crate) money: u64,
}

impl UsedRecord {
    pub(crate) fn tokens(self) -> u64 {
        let parts = [self.input, self.output, self.cache_read, self.cache_write];
        parts.into_iter().fold(0, u64::saturating_add)
    }

    /// Of the model: what it read, from its cache or not.
    pub(crate) fn read(self) -> u64 {
        self.tokens().saturating_sub(self.output)
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            money: self.money.saturating_add(other.money),
        }
    }

    /// What was used beyond `other`.
    pub(crate) fn less(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_sub(other.input),
            output: self.output.saturating_sub(other.output),
            cache_read: self.cache_read.saturating_sub(other.cache_read),
            cache_write: self.cache_write.saturating_sub(other.cache_write),
            money: self.money.saturating_sub(other.money),
        }
    }

    /// At least as much as `other`, in each part.
    pub(crate) fn highest(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cache_read: self.cache_read.max(other.cache_read),
            cache_write: self.cache_write.max(other.cache_write),
            money: self.money.max(other.money),
        }
    }
}

impl BudgetRecord {
    /// Nothing of it is left.
    pub(crate) fn is_spent(self, used: UsedRecord) -> bool {
        self.tokens.is_some_and(|max| used.tokens() >= max)
            || self.money.is_some_and(|max| used.money >= max)
    }
}
