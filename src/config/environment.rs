//! The environment, read once; nothing else of ashd looks at it.

use std::collections::BTreeMap;

use super::ConfigError;

/// A copy of the environment. What is set to nothing counts as not set.
#[derive(Debug, Default, Clone)]
pub(super) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The environment of this process; names and values that are not UTF-8 are none of ours.
    pub(super) fn process() -> Self {
        let pairs = std::env::vars_os();
        Self(
            pairs
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }

    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    pub(super) fn text(&self, name: &'static str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn number<N>(&self, name: &'static str, what: &str) -> Result<Option<N>, ConfigError>
    where
        N: std::str::FromStr,
    {
        let Some(text) = self.text(name) else { return Ok(None) };
        let wrong = |_| ConfigError::Environment {
            name,
            text: format!("is `{text}`, and should be {what}"),
        };
        text.parse().map(Some).map_err(wrong)
    }
}
