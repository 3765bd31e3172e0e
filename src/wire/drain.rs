//! Taking no new work, and what is still waited for.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AgentName, SessionId, TurnId};

/// Answer of `GET`, `POST` and `DELETE /api/drain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Drain {
    /// Since when nothing new is taken; `null` if it is.
    pub(crate) since: Option<Timestamp>,
    /// The sessions with a turn that runs or waits.
    pub(crate) busy: Vec<BusySession>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct BusySession {
    pub(crate) session: SessionId,
    pub(crate) agent: AgentName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) turn: Option<TurnId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) turn_since: Option<Timestamp>,
    pub(crate) queued_turns: u32,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::operation;
    use super::operations::Operation;
    vec![
        operation(Operation::Drain, "Takes no new work.").answers::<Drain>(200),
        operation(Operation::UndoDrain, "Takes work again.").answers::<Drain>(200),
        operation(Operation::ShowDrain, "Tells whether work is taken.").answers::<Drain>(200),
    ]
}
