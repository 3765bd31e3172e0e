//! What turns used, as it is recorded and added up.

use super::{TurnState, UsedRecord};
use crate::clock::Timestamp;
use crate::id::{AgentName, SessionId, TurnId};

/// What a turn used, as its driver knows it when it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TurnUsage {
    pub(crate) ordinal: u64,
    /// The one that most was paid for.
    pub(crate) model: Option<String>,
    pub(crate) milliseconds: u64,
    /// Of the history.
    pub(crate) messages: u64,
    pub(crate) tool_calls: u64,
    /// What the CLI told since the last record.
    pub(crate) told: UsedRecord,
    /// What it told last that everything cost.
    pub(crate) told_in_all: u64,
    /// Which of the session's sandboxes, and what the kernel counted in it since its start.
    pub(crate) sandbox: u64,
    pub(crate) kernel: KernelRecord,
}

/// What the kernel counted; `None` where it does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KernelRecord {
    pub(crate) cpu_microseconds: Option<u64>,
    pub(crate) memory_peak_bytes: Option<u64>,
    pub(crate) read_bytes: Option<u64>,
    pub(crate) written_bytes: Option<u64>,
}

/// Which records are asked for, of one tenant.
#[derive(Debug, Clone, Default)]
pub(crate) struct UsageFilter {
    pub(crate) session: Option<SessionId>,
    pub(crate) agent: Option<AgentName>,
    /// Turns that ended later, or earlier.
    pub(crate) after: Option<Timestamp>,
    pub(crate) before: Option<Timestamp>,
}

/// What records are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsageGroup {
    Session,
    Agent,
    Model,
    /// Of the calendar, in UTC.
    Day,
    Turn,
}

impl UsageGroup {
    pub(crate) const ALL: [Self; 5] =
        [Self::Session, Self::Agent, Self::Model, Self::Day, Self::Turn];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Agent => "agent",
            Self::Model => "model",
            Self::Day => "day",
            Self::Turn => "turn",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.as_str() == text)
    }
}

/// The record of one turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsageRecord {
    pub(crate) session: SessionId,
    pub(crate) agent: AgentName,
    pub(crate) turn: TurnId,
    pub(crate) outcome: TurnState,
    pub(crate) model: Option<String>,
    pub(crate) ended_at: Timestamp,
    pub(crate) sums: UsageSums,
}

/// What records have together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct UsageSums {
    pub(crate) turns: u64,
    pub(crate) milliseconds: u64,
    pub(crate) messages: u64,
    pub(crate) tool_calls: u64,
    pub(crate) told: UsedRecord,
    pub(crate) metered_tokens: u64,
    pub(crate) metered_money: u64,
    /// Of the memory the highest.
    pub(crate) kernel: KernelRecord,
}

/// The records of one session, agent, model, day or turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsageOfGroup {
    /// `None` for turns without a model.
    pub(crate) name: Option<String>,
    /// Of the last of them.
    pub(crate) ended_at: Timestamp,
    pub(crate) sums: UsageSums,
}
