//! What an API key may be used for.

use serde::{Deserialize, Serialize};

/// Each includes those before it.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// List, read and watch
    Read,
    /// Create sessions, talk in them, and end them
    #[default]
    Use,
    /// Deploy and delete agents
    Deploy,
    /// Create and revoke API keys
    Admin,
}

impl Scope {
    pub(crate) const ALL: [Self; 4] = [Self::Read, Self::Use, Self::Deploy, Self::Admin];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Use => "use",
            Self::Deploy => "deploy",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_words_that_read_back_and_grow() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
            assert_eq!(serde_json::to_string(&scope).unwrap(), format!("\"{}\"", scope.as_str()));
        }
        assert!(Scope::ALL.is_sorted());
        assert_eq!(Scope::parse("root"), None);
    }
}
