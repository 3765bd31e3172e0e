//! Budgets on the wire: what may be used of the model, and what was used.

use serde::{Deserialize, Serialize};

/// What may be used in all; `null` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Budget {
    /// Read and written, cached ones included.
    pub(crate) tokens: Option<u64>,
    /// US dollars, by the prices that the host knows.
    pub(crate) dollars: Option<f64>,
    /// Nothing of it is left.
    #[serde(default)]
    pub(crate) reached: bool,
}

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Used {
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cache_read_tokens: u64,
    pub(crate) cache_write_tokens: u64,
    /// All of them.
    pub(crate) tokens: u64,
    pub(crate) dollars: f64,
}

/// A wish for a budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BudgetChange {
    #[serde(skip_serializing_if = "Change::is_none")]
    pub(crate) tokens: Change<u64>,
    #[serde(skip_serializing_if = "Change::is_none")]
    pub(crate) dollars: Change<f64>,
}

/// What becomes of one limit: absent, it stays; `null`, there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(inline))]
#[serde(from = "Option<T>", into = "Option<T>")]
#[serde(bound(serialize = "T: Clone + Serialize"))]
pub(crate) enum Change<T> {
    #[default]
    Keep,
    Lift,
    Set(T),
}

impl<T> Change<T> {
    fn is_none(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<T> From<Option<T>> for Change<T> {
    fn from(limit: Option<T>) -> Self {
        limit.map_or(Self::Lift, Self::Set)
    }
}

impl<T> From<Change<T>> for Option<T> {
    fn from(change: Change<T>) -> Self {
        match change {
            Change::Keep | Change::Lift => None,
            Change::Set(limit) => Some(limit),
        }
    }
}

/// What the sessions of a tenant may use together, and have used, those that are gone included.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct TenantBudget {
    pub(crate) tenant_id: String,
    pub(crate) budget: Option<Budget>,
    pub(crate) usage: Used,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::operation;
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(Operation::ChangeBudget, "Changes what a session may use of the model.")
            .body::<BudgetChange>()
            .answers::<super::sessions::SessionEnvelope>(200)
            .refuses(&[Code::SessionEnded]),
        operation(
            Operation::ShowBudget,
            "Tells what the tenant may use of the model, and has used.",
        )
        .answers::<TenantBudget>(200),
        operation(Operation::ChangeTenantBudget, "Changes what a tenant may use of the model.")
            .body::<BudgetChange>()
            .answers::<TenantBudget>(200),
    ]
}
