//! The configuration as administrators see it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Answer of `GET /api/config`: what ashd runs with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Configuration {
    /// The files that were read, lowest first.
    pub(crate) files: Vec<String>,
    pub(crate) settings: Vec<Setting>,
}

/// A setting in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Setting {
    /// As the file names it, e.g. `api.port`.
    pub(crate) key: String,
    /// `null` if it is not set and has no default; `***` for a secret.
    pub(crate) value: Value,
    #[serde(flatten)]
    pub(crate) origin: Origin,
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub(crate) enum Origin {
    Default,
    /// `line` from 1.
    File {
        path: String,
        line: usize,
    },
    Environment {
        variable: String,
    },
}

impl Configuration {
    /// What a check says of a configuration that is usable.
    pub(crate) fn in_order(&self) -> String {
        let files =
            if self.files.is_empty() { "no file".to_owned() } else { self.files.join(", ") };
        format!("the configuration is in order: {files}")
    }
}
