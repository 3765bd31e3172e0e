//! What sessions use of the host now, as `GET /api/load` tells it.

use serde::{Deserialize, Serialize};

use super::sessions::{SessionStatus, Tier};
use crate::clock::Timestamp;
use crate::id::{AgentName, SessionId, TurnId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Load {
    /// When the figures were read.
    pub(crate) at: Timestamp,
    /// Every session that has not ended.
    pub(crate) sessions: Vec<SessionLoad>,
}

/// A figure that is not known is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionLoad {
    pub(crate) session: SessionId,
    pub(crate) agent: AgentName,
    pub(crate) status: SessionStatus,
    pub(crate) tier: Tier,
    /// Processor time of its sandbox since that was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_microseconds: Option<u64>,
    /// In memory now, swap not included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory_bytes: Option<u64>,
    /// Processes and threads now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tasks: Option<u64>,
    /// What Claude Code told since this ashd drives the session.
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost_usd: f64,
    /// The running turn, and since when it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) turn: Option<TurnId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) turn_since: Option<Timestamp>,
    /// Turns that wait behind it.
    pub(crate) queued_turns: u32,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::operation;
    use super::operations::Operation;
    vec![
        operation(Operation::ShowLoad, "Tells what the sessions use now that have not ended.")
            .answers::<Load>(200),
    ]
}
