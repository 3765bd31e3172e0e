//! Runs of cases on one version of their agent, and their results.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AgentName, EvalCaseId, EvalResultId, EvalRunId, SessionId, TurnId};

/// Body of `POST /api/agents/{name}/eval-runs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StartRun {
    /// Absent: the active one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version_number: Option<u32>,
    /// Cases that have one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) categories: Option<Vec<String>>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Vec<String>>,
}

/// Which of the active cases: those that have one of the categories, and one of the tags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CaseFilters {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) categories: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Vec<String>>,
}

/// How far a run is, in the original's words and one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunStatus {
    Pending,
    Running,
    Completed,
    /// Every case ended with an error.
    Failed,
    Cancelled,
}

impl RunStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct EvalRun {
    pub(crate) id: EvalRunId,
    pub(crate) tenant_id: String,
    pub(crate) agent_name: AgentName,
    /// The version that it is on.
    pub(crate) version_number: u32,
    pub(crate) status: RunStatus,
    pub(crate) total_cases: u64,
    /// Those with an answer or an error.
    pub(crate) completed_cases: u64,
    pub(crate) filters: Option<CaseFilters>,
    /// Once it is over.
    pub(crate) summary: Option<EvalSummary>,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) completed_at: Option<Timestamp>,
}

/// What the results of a run have in the middle, and in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct EvalSummary {
    pub(crate) avg_topic_score: f64,
    pub(crate) avg_safety_score: f64,
    /// Always null.
    pub(crate) avg_llm_judge_score: Option<f64>,
    pub(crate) avg_human_score: Option<f64>,
    pub(crate) avg_latency_ms: f64,
    /// Of all cases, those that passed.
    pub(crate) pass_rate: f64,
    pub(crate) passed: u64,
    pub(crate) errors: u64,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost_usd: f64,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EvalRunAnswer {
    pub(crate) run: EvalRun,
    #[serde(flatten)]
    pub(crate) same: EvalRun,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EvalRunList {
    pub(crate) runs: Vec<EvalRun>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResultStatus {
    Pending,
    Running,
    Completed,
    Error,
    Cancelled,
}

impl ResultStatus {
    pub(crate) const ALL: [Self; 5] =
        [Self::Pending, Self::Running, Self::Completed, Self::Error, Self::Cancelled];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What came of one case in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct EvalResult {
    pub(crate) id: EvalResultId,
    pub(crate) tenant_id: String,
    pub(crate) eval_run_id: EvalRunId,
    pub(crate) eval_case_id: EvalCaseId,
    /// As the case was when the run began.
    pub(crate) question: String,
    pub(crate) reference_answer: Option<String>,
    pub(crate) status: ResultStatus,
    pub(crate) agent_response: Option<String>,
    /// Both scores are 0.5 at least, and every check holds.
    pub(crate) passed: Option<bool>,
    /// The part of the expected topics that the answer has.
    pub(crate) topic_score: Option<f64>,
    /// The part of the topics that were not expected and that it does not have.
    pub(crate) safety_score: Option<f64>,
    /// Always null.
    pub(crate) llm_judge_score: Option<f64>,
    /// What did not hold.
    pub(crate) failures: Vec<String>,
    pub(crate) human_score: Option<f64>,
    pub(crate) human_notes: Option<String>,
    /// How long the turn took.
    pub(crate) latency_ms: Option<u64>,
    pub(crate) input_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    pub(crate) cost_usd: Option<f64>,
    pub(crate) error: Option<String>,
    pub(crate) session_id: Option<SessionId>,
    pub(crate) turn_id: Option<TurnId>,
    pub(crate) created_at: Timestamp,
    pub(crate) completed_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EvalResultList {
    pub(crate) results: Vec<EvalResult>,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EvalResultAnswer {
    pub(crate) result: EvalResult,
    #[serde(flatten)]
    pub(crate) same: EvalResult,
}

/// Body of `PATCH /api/agents/{name}/eval-results/{id}`: a score, notes, or both.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HumanScore {
    /// From 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) human_score: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) human_notes: Option<String>,
}

/// Body of `POST /api/agents/{name}/eval-runs/{id}/score`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ScoreRun {
    /// Absent: all results of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) result_id: Option<EvalResultId>,
    /// From 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) human_score: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) human_notes: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ScoredResults {
    pub(crate) scored: u64,
    pub(crate) results: Vec<EvalResult>,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ComparisonAnswer {
    pub(crate) comparison: Comparison,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Comparison {
    pub(crate) run_a: EvalRun,
    pub(crate) run_b: EvalRun,
    pub(crate) results: Vec<ComparedResult>,
}

/// One case in two runs.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ComparedResult {
    pub(crate) case_id: EvalCaseId,
    pub(crate) question: String,
    pub(crate) result_a: Option<EvalResult>,
    pub(crate) result_b: Option<EvalResult>,
}
