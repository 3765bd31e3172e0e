//! `GET /api/database/check`: whether the database is sound.

use serde::{Deserialize, Serialize};

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatabaseCheck {
    /// Nothing is wrong.
    pub(crate) sound: bool,
    pub(crate) schema: i64,
    pub(crate) sessions: u64,
    pub(crate) turns: u64,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) findings: Vec<DatabaseFinding>,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatabaseFinding {
    /// `damage`, `orphan`, `gap`, `end` or `stuck`.
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session_id: Option<String>,
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) hint: String,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::operation;
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(Operation::BackUpDatabase, "Sends a copy of the database.")
            .sends("application/vnd.sqlite3")
            .refuses(&[Code::DiskFull]),
        operation(Operation::CheckDatabase, "Tells whether the database is sound.")
            .answers::<DatabaseCheck>(200),
    ]
}
