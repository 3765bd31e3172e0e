//! Names and numbers of the domain: parsed at the door, so that inside they cannot be wrong.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest agent name in bytes: the original's limit, and one file-name component on Linux.
pub(crate) const AGENT_NAME_BYTES_MAX: usize = 255;

/// Why a name or an id was refused; fits after "the agent name is not usable: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdError {
    #[error("it is empty")]
    Empty,
    #[error("it has {bytes} bytes, and {AGENT_NAME_BYTES_MAX} is the most")]
    TooLong { bytes: usize },
    #[error("it has {character:?}; letters, digits, `-` and `_` are allowed")]
    Character { character: char },
    #[error("`{text}` is not a UUID")]
    NotUuid { text: String },
}

/// The name of an agent: 1 to 255 of `A-Z a-z 0-9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("pattern" = "^[A-Za-z0-9_-]{1,255}$")))]
#[serde(try_from = "String", into = "String")]
pub(crate) struct AgentName(String);

impl AgentName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AgentName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > AGENT_NAME_BYTES_MAX {
            return Err(IdError::TooLong { bytes: text.len() });
        }
        match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))) {
            Some(character) => Err(IdError::Character { character }),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for AgentName {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<AgentName> for String {
    fn from(name: AgentName) -> Self {
        name.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Declares a UUID newtype: parse, print, make a new one.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $new:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub(crate) struct $name(Uuid);

        impl $name {
            pub(crate) fn new() -> Self {
                Self(Uuid::$new())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                // Only the hyphenated form: one id, one spelling.
                match Uuid::try_parse(text) {
                    Ok(uuid) if text.len() == 36 => Ok(Self(uuid)),
                    _ => Err(IdError::NotUuid { text: text.chars().take(64).collect() }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

uuid_id!(
    /// A session, and at the same time the Claude Code conversation in it. Version 4, because
    /// the published clients and the CLI take it for one.
    SessionId,
    new_v4
);
uuid_id!(
    /// An agent, whatever its name and version.
    AgentId,
    new_v4
);
uuid_id!(
    /// A version of an agent, beside its number.
    VersionId,
    new_v4
);
uuid_id!(
    /// One turn of a session: a message and everything up to its `done`.
    TurnId,
    new_v4
);

impl TurnId {
    /// An id for what belongs to the turn under this name: the same whenever it is asked for.
    pub(crate) fn of_part(self, name: &str) -> Uuid {
        Uuid::new_v5(&self.0, name.as_bytes())
    }
}

uuid_id!(
    /// A question of a session before it uses a tool.
    PermissionId,
    new_v4
);

uuid_id!(
    /// A prompt that runs in the background. Version 4, because the published clients take it for one.
    JobId,
    new_v4
);

uuid_id!(
    /// What is asked of an agent to see what it is worth.
    EvalCaseId,
    new_v4
);

uuid_id!(
    /// Cases that are put to a version of an agent.
    EvalRunId,
    new_v4
);

uuid_id!(
    /// What came of a case in a run.
    EvalResultId,
    new_v4
);

uuid_id!(
    /// An API key; not its secret.
    KeyId,
    new_v4
);

uuid_id!(
    /// A credential of a tenant; not its secret.
    CredentialId,
    new_v4
);

uuid_id!(
    /// A file that was attached to a session.
    AttachmentId,
    new_v4
);

uuid_id!(
    /// An address of a tenant that is told what happens.
    WebhookId,
    new_v4
);

uuid_id!(
    /// One thing that a webhook is told, however often it is tried.
    DeliveryId,
    new_v4
);

uuid_id!(
    /// A prompt that becomes a job when its time comes.
    ScheduleId,
    new_v4
);

impl SessionId {
    pub(crate) fn as_uuid(self) -> Uuid {
        self.0
    }
}

/// The tenant that everything belongs to until there are several.
pub(crate) const DEFAULT_TENANT: &str = "default";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_name_is_one_plain_word() {
        for good in ["a", "qa-bot", "QA_bot2", &"x".repeat(255)] {
            assert_eq!(good.parse::<AgentName>().unwrap().as_str(), good);
        }
        assert_eq!("".parse::<AgentName>(), Err(IdError::Empty));
        assert_eq!("x".repeat(300).parse::<AgentName>(), Err(IdError::TooLong { bytes: 300 }));
        for (bad, character) in
            [("a/b", '/'), ("..", '.'), ("a\nb", '\n'), ("ä", 'ä'), ("a b", ' ')]
        {
            assert_eq!(bad.parse::<AgentName>(), Err(IdError::Character { character }), "{bad:?}");
        }
    }

    #[test]
    fn a_session_id_has_one_spelling() {
        let id = SessionId::new();
        assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
        for bad in
            ["", "x", "67e5504410b1426f9247bb680e5fe0c8", "{67e55044-10b1-426f-9247-bb680e5fe0c8}"]
        {
            assert!(bad.parse::<SessionId>().is_err(), "{bad:?}");
        }
    }
}
