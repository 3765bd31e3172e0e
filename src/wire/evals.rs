//! Evals on the wire: the cases of an agent. Runs and results are in [`super::eval_runs`].

use serde::{Deserialize, Deserializer, Serialize};

pub(crate) use super::eval_runs::*;
use super::sessions::given;
use crate::clock::Timestamp;
use crate::id::{AgentName, EvalCaseId};

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
