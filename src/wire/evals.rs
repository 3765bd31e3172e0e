//! Evals on the wire: cases of an agent, runs of them on one of its versions, and their results.

use serde::{Deserialize, Deserializer, Serialize};

use super::sessions::given;
use crate::clock::Timestamp;
use crate::id::{AgentName, EvalCaseId, EvalResultId, EvalRunId, SessionId, TurnId};

/// What a case asks, and what its answer is to have. Body of `POST /api/agents/{name}/eval-cases`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CaseContent {
    pub(crate) question: String,
    /// Words that the answer is to have, whatever their case.
    #[serde(default)]
    pub(crate) expected_topics: Option<Vec<String>>,
    /// Words that it must not have.
    #[serde(default)]
    pub(crate) expected_not_topics: Option<Vec<String>>,
    /// Ours, beside the original's members: all of them must hold.
    #[serde(default)]
    pub(crate) checks: Option<Vec<Check>>,
    /// For those who score answers.
    #[serde(default)]
    pub(crate) reference_answer: Option<String>,
    #[serde(default)]
    pub(crate) category: Option<String>,
    #[serde(default)]
    pub(crate) tags: Option<Vec<String>>,
    /// What was said before the question; it is told with it.
    #[serde(default)]
    pub(crate) chat_history: Option<Vec<ChatMessage>>,
    /// Runs have it.
    #[serde(default = "yes")]
    pub(crate) is_active: bool,
}

fn yes() -> bool {
    true
}

/// What an answer is to be like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    #[serde(rename = "type")]
    pub(crate) kind: CheckKind,
    pub(crate) value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) enum CheckKind {
    Contains,
    NotContains,
    /// Without the white space around either.
    Equals,
    /// A match anywhere.
    Regex,
}

impl CheckKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::NotContains => "notContains",
            Self::Equals => "equals",
            Self::Regex => "regex",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatMessage {
    pub(crate) role: ChatRole,
    pub(crate) content: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) enum ChatRole {
    User,
    Assistant,
}

/// Body of `PATCH /api/agents/{name}/eval-cases/{id}`: what is absent stays, `null` clears.
#[expect(clippy::option_option, reason = "absent is not null")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangeCase {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) question: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) expected_topics: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) expected_not_topics: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) checks: Option<Option<Vec<Check>>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) reference_answer: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) category: Option<Option<String>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub(crate) chat_history: Option<Option<Vec<ChatMessage>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) is_active: Option<bool>,
}

impl ChangeCase {
    pub(crate) fn over(self, before: CaseContent) -> CaseContent {
        CaseContent {
            question: self.question.unwrap_or(before.question),
            expected_topics: self.expected_topics.unwrap_or(before.expected_topics),
            expected_not_topics: self.expected_not_topics.unwrap_or(before.expected_not_topics),
            checks: self.checks.unwrap_or(before.checks),
            reference_answer: self.reference_answer.unwrap_or(before.reference_answer),
            category: self.category.unwrap_or(before.category),
            tags: self.tags.unwrap_or(before.tags),
            chat_history: self.chat_history.unwrap_or(before.chat_history),
            is_active: self.is_active.unwrap_or(before.is_active),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct EvalCase {
    pub(crate) id: EvalCaseId,
    pub(crate) tenant_id: String,
    pub(crate) agent_name: AgentName,
    #[serde(flatten)]
    pub(crate) content: CaseContent,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// The original's clients read the one or the other.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EvalCaseAnswer {
    pub(crate) case: EvalCase,
    #[serde(flatten)]
    pub(crate) same: EvalCase,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EvalCaseList {
    pub(crate) cases: Vec<EvalCase>,
}

/// Body of `POST /api/agents/{name}/eval-cases/import`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportCases {
    #[serde(deserialize_with = "exported")]
    pub(crate) cases: Vec<CaseContent>,
}

/// What an export says of a case beside its content; cases get their own where they are imported.
const OF_AN_EXPORT: [&str; 5] = ["id", "tenantId", "agentName", "createdAt", "updatedAt"];

fn exported<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<CaseContent>, D::Error> {
    use serde::de::Error as _;
    let cases = Vec::<serde_json::Map<String, serde_json::Value>>::deserialize(from)?;
    let content = |(index, mut case): (usize, serde_json::Map<_, _>)| {
        case.retain(|member, _| !OF_AN_EXPORT.contains(&member.as_str()));
        serde_json::from_value(case.into())
            .map_err(|error| D::Error::custom(format!("case {index}: {error}")))
    };
    cases.into_iter().enumerate().map(content).collect()
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ImportedCases {
    pub(crate) imported: u64,
}

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

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::{flag, operation, text, uuid};
    use super::operations::Operation;
    use super::problem::Code;
    let unknown = [Code::EvalNotFound];
    vec![
        operation(Operation::ListEvalCases, "Lists the cases of an agent, the oldest first.")
            .query("category", text(), "Only those.")
            .query("isActive", flag(), "Only those that runs have, or only the others.")
            .answers::<EvalCaseList>(200),
        operation(Operation::CreateEvalCase, "Adds a case.")
            .body::<CaseContent>()
            .answers::<EvalCaseAnswer>(201)
            .refuses(&[Code::AgentNotFound, Code::TooManyEvals, Code::IdempotencyMismatch]),
        operation(Operation::ImportEvalCases, "Adds cases, all or none.")
            .body::<ImportCases>()
            .answers::<ImportedCases>(200)
            .refuses(&[Code::AgentNotFound, Code::TooManyEvals]),
        operation(Operation::ExportEvalCases, "Tells all cases, as an import takes them.")
            .answers::<EvalCaseList>(200),
        operation(Operation::GetEvalCase, "Tells about a case.")
            .answers::<EvalCaseAnswer>(200)
            .refuses(&unknown),
        operation(Operation::ChangeEvalCase, "Changes a case; runs that began have it as it was.")
            .body::<ChangeCase>()
            .answers::<EvalCaseAnswer>(200)
            .refuses(&unknown),
        operation(Operation::DeleteEvalCase, "Deletes a case; its results stay.")
            .answers::<super::Deleted>(200)
            .refuses(&unknown),
        operation(Operation::StartEvalRun, "Puts the cases to a version of the agent.")
            .may_have_body::<StartRun>()
            .answers::<EvalRunAnswer>(201)
            .refuses(&[
                Code::AgentNotFound,
                Code::Draining,
                Code::IdempotencyMismatch,
                Code::QueueFull,
                Code::VersionNotFound,
            ]),
        operation(Operation::ListEvalRuns, "Lists the runs, the newest first.")
            .answers::<EvalRunList>(200),
        operation(Operation::CompareEvalRuns, "Sets the results of two runs side by side.")
            .query("runA", uuid(), "The one.")
            .query("runB", uuid(), "The other.")
            .answers::<ComparisonAnswer>(200)
            .refuses(&unknown),
        operation(Operation::GetEvalRun, "Tells about a run.")
            .answers::<EvalRunAnswer>(200)
            .refuses(&unknown),
        operation(Operation::ListEvalResults, "Lists the results of a run.")
            .answers::<EvalResultList>(200)
            .refuses(&unknown),
        operation(Operation::ScoreEvalRun, "Notes what a person thinks of results of a run.")
            .body::<ScoreRun>()
            .answers::<ScoredResults>(200)
            .refuses(&unknown),
        operation(Operation::CancelEvalRun, "Cancels what of a run is not over.")
            .answers::<EvalRunAnswer>(200)
            .refuses(&[Code::EvalNotFound, Code::EvalState]),
        operation(Operation::ScoreEvalResult, "Notes what a person thinks of a result.")
            .body::<HumanScore>()
            .answers::<EvalResultAnswer>(200)
            .refuses(&unknown),
    ]
}
