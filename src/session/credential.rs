//! What a credential is for, and what a sandbox is told of it: names and addresses, never the secret.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::wire::credentials::CredentialKind;

/// Where code in a sandbox finds the API that a credential for tools is for; what stands behind it
/// goes to that API.
const TOOLS_URL: &str = "http://127.0.0.1:3128/tools";

/// Where Claude Code finds Bedrock: behind the same socket as any model API.
const BEDROCK_URL: &str = "http://api.ash.invalid";

/// Longest name of a region, in bytes.
const REGION_BYTES_MAX: usize = 32;

/// A kind, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    Anthropic,
    /// Another model API of the same shape.
    Custom,
    /// An API that tools ask, and not a model.
    CustomTools,
    Openai,
    Bedrock {
        region: String,
    },
}

impl Purpose {
    pub(crate) fn kind(&self) -> CredentialKind {
        match self {
            Self::Anthropic => CredentialKind::Anthropic,
            Self::Custom | Self::CustomTools => CredentialKind::Custom,
            Self::Openai => CredentialKind::Openai,
            Self::Bedrock { .. } => CredentialKind::Bedrock,
        }
    }

    /// The variables with which a session finds what the credential is for. `placeholder` stands for
    /// the secret.
    pub(crate) fn environment(&self, placeholder: &str) -> BTreeMap<String, String> {
        let variables: &[(&str, &str)] = match self {
            Self::Anthropic | Self::Custom => &[],
            Self::CustomTools => {
                &[("ASH_CUSTOM_API_KEY", placeholder), ("ASH_CUSTOM_BASE_URL", TOOLS_URL)]
            }
            Self::Openai => &[("OPENAI_API_KEY", placeholder), ("OPENAI_BASE_URL", TOOLS_URL)],
            Self::Bedrock { region } => &[
                ("ANTHROPIC_BEDROCK_BASE_URL", BEDROCK_URL),
                ("AWS_BEARER_TOKEN_BEDROCK", placeholder),
                ("AWS_REGION", region),
                ("CLAUDE_CODE_USE_BEDROCK", "1"),
            ],
        };
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }
}

/// As AWS spells its regions.
pub(crate) fn is_region(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=REGION_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().as_str())?;
        match self {
            Self::Anthropic | Self::Custom | Self::Openai => Ok(()),
            Self::CustomTools => f.write_str("/tools"),
            Self::Bedrock { region } => write!(f, "/{region}"),
        }
    }
}

/// A kind of a newer version.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unknown;

impl FromStr for Purpose {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        Ok(match text.split_once('/').unwrap_or((text, "")) {
            ("anthropic", "") => Self::Anthropic,
            ("custom", "") => Self::Custom,
            ("custom", "tools") => Self::CustomTools,
            ("openai", "") => Self::Openai,
            ("bedrock", region) if is_region(region) => Self::Bedrock { region: region.to_owned() },
            _ => return Err(Unknown),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        let bedrock = Purpose::Bedrock { region: "eu-central-1".to_owned() };
        for (purpose, text) in [
            (Purpose::Anthropic, "anthropic"),
            (Purpose::Custom, "custom"),
            (Purpose::CustomTools, "custom/tools"),
            (Purpose::Openai, "openai"),
            (bedrock, "bedrock/eu-central-1"),
        ] {
            assert_eq!(purpose.to_string(), text);
            assert_eq!(text.parse(), Ok(purpose));
        }
        for odd in ["", "bedrock", "bedrock/a b", "custom/else", "vertex"] {
            assert_eq!(odd.parse::<Purpose>(), Err(Unknown), "{odd}");
        }
    }

    #[test]
    fn a_sandbox_is_told_where_and_never_with_what() {
        let names = |purpose: &str| {
            let purpose: Purpose = purpose.parse().unwrap();
            purpose.environment("P").into_keys().collect::<Vec<_>>()
        };
        assert!(names("anthropic").is_empty() && names("custom").is_empty());
        assert_eq!(names("openai"), ["OPENAI_API_KEY", "OPENAI_BASE_URL"]);
        assert_eq!(names("custom/tools"), ["ASH_CUSTOM_API_KEY", "ASH_CUSTOM_BASE_URL"]);
        assert_eq!(names("bedrock/us-east-1").len(), 4);
    }
}
