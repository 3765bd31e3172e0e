//! The configuration as administrators see it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Answer of `GET /api/config`: what ashd runs with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Configuration {
    /// The files that were read, lowest first.
    pub(crate) files: Vec<String>,
    pub(crate) settings: Vec<Setting>,
}

/// A setting in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Setting {
    /// As the file names it, e.g. `api.port`.
    pub(crate) key: String,
    /// `null` if it is not set and has no default; `***` for a secret.
    pub(crate) value: Value,
    #[serde(flatten)]
    pub(crate) origin: Origin,
    /// The units whose restart a change waits for; none if a reload is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) restart: Vec<String>,
    /// What it will be after that restart, if a reload found another value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pending: Option<Value>,
}

/// Answer of `POST /api/config/reload`: what was written anew.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Reloaded {
    /// In force from now on.
    pub(crate) changed: Vec<Change>,
    /// In force after the restart of [`Change::restart`].
    pub(crate) pending: Vec<Change>,
}

/// A setting that was written anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename = "SettingChange"))]
pub(crate) struct Change {
    pub(crate) key: String,
    pub(crate) before: Value,
    pub(crate) now: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) restart: Vec<String>,
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::operation;
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(Operation::ShowConfiguration, "Tells what ashd runs with.")
            .answers::<Configuration>(200),
        operation(Operation::ReloadConfiguration, "Reads the configuration again.")
            .answers::<Reloaded>(200)
            .refuses(&[Code::ConfigInvalid]),
    ]
}
