//! Logs of a session on the wire, as the original has them.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LogLine {
    /// From 0; the oldest are removed, so that a list may begin later.
    pub(crate) index: u64,
    /// `stdout`, `stderr`, or `system` for what Ash says of a program.
    pub(crate) level: String,
    pub(crate) text: String,
    pub(crate) ts: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LogLines {
    pub(crate) logs: Vec<LogLine>,
    /// Always `sandbox`.
    pub(crate) source: String,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::{operation, whole};
    use super::operations::Operation;
    vec![
        operation(
            Operation::ListLogs,
            "Lists what programs of a session's sandbox say for people.",
        )
        .query(
            "after",
            whole(-1, i64::MAX),
            "The `index` behind which to begin; by default -1, which is all that is kept.",
        )
        .answers::<LogLines>(200),
    ]
}
