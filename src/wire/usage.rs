//! What turns used, as `/api/usage` and `/api/analytics` tell it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::id::{AgentName, SessionId, TurnId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UsageList {
    pub(crate) events: Vec<UsageEvent>,
}

/// One figure of one turn: the original's shape, and the turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageEvent {
    pub(crate) id: Uuid,
    pub(crate) tenant_id: String,
    pub(crate) session_id: SessionId,
    pub(crate) agent_name: AgentName,
    pub(crate) turn_id: TurnId,
    pub(crate) event_type: String,
    pub(crate) value: f64,
    pub(crate) created_at: Timestamp,
}

/// The original's sums, and ours behind them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageStats {
    pub(crate) total_input_tokens: u64,
    pub(crate) total_output_tokens: u64,
    pub(crate) total_cache_creation_tokens: u64,
    pub(crate) total_cache_read_tokens: u64,
    pub(crate) total_tool_calls: u64,
    pub(crate) total_messages: u64,
    /// How long turns ran.
    pub(crate) total_compute_seconds: f64,
    #[serde(default)]
    pub(crate) total_turns: u64,
    /// As the CLI reckons.
    #[serde(default)]
    pub(crate) total_cost_usd: f64,
    /// As it was counted at the way out.
    #[serde(default)]
    pub(crate) metered_tokens: u64,
    #[serde(default)]
    pub(crate) metered_cost_usd: f64,
    /// As the kernel counts; `null` where it did not.
    #[serde(default)]
    pub(crate) total_cpu_seconds: Option<f64>,
    #[serde(default)]
    pub(crate) peak_memory_bytes: Option<u64>,
    #[serde(default)]
    pub(crate) total_read_bytes: Option<u64>,
    #[serde(default)]
    pub(crate) total_written_bytes: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageAnswer {
    pub(crate) stats: UsageStats,
    /// If the query says by what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) groups: Option<Vec<UsageOfGroup>>,
    /// Records of turns that ended before are removed; `null`: they are kept for ever.
    #[serde(default)]
    pub(crate) kept_since: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsageOfGroup {
    /// The session, agent, model, day or turn; `null` for turns that asked no model.
    pub(crate) name: Option<String>,
    /// When its last turn ended.
    pub(crate) last_at: Timestamp,
    pub(crate) stats: UsageStats,
}

/// The original's overview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Analytics {
    pub(crate) agents: Total,
    pub(crate) sessions: TotalByStatus,
    pub(crate) usage: UsageStats,
    pub(crate) evals: Evals,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Total {
    pub(crate) total: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct TotalByStatus {
    pub(crate) total: u64,
    pub(crate) by_status: BTreeMap<String, u64>,
}

/// Runs of evals, by what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Evals {
    pub(crate) total_runs: u64,
    pub(crate) by_status: BTreeMap<String, u64>,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::{Described, one_of, operation, text, uuid, whole};
    use super::operations::Operation;
    let between = |described: Described| {
        described.query("after", text(), "Only turns that ended later than this time.").query(
            "before",
            text(),
            "Only turns that ended earlier than this time.",
        )
    };
    let filtered = |described: Described| {
        between(described)
            .query("sessionId", uuid(), "Only turns of this session.")
            .query("agentName", text(), "Only turns of this agent.")
            .query("limit", whole(1, 1000), "By default 100.")
    };
    vec![
        filtered(operation(Operation::ListUsage, "Lists what turns used, one figure at a time."))
            .answers::<UsageList>(200),
        filtered(operation(Operation::ShowUsageStats, "Adds up what turns used."))
            .query(
                "groupBy",
                one_of(&["session", "agent", "model", "day", "turn"]),
                "Also the sums of each.",
            )
            .answers::<UsageAnswer>(200),
        between(operation(Operation::ShowAnalytics, "Tells how much there is of everything."))
            .answers::<Analytics>(200),
    ]
}
