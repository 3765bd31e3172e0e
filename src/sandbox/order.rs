//! What ashd orders of `ash-launch`, and what that says back when it cannot.
//!
//! One message each way on a unix socket: the order with its descriptors, then either the end of
//! input, because the program has become bwrap, or a [`Refusal`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::spec::Limits;

/// Largest order in bytes: its environment, with every byte a JSON escape of six, and the rest.
pub(super) const ORDER_BYTES_MAX: usize = 512 << 10;

/// Largest refusal in bytes: one error text.
pub(super) const REFUSAL_BYTES_MAX: u64 = 16 << 10;

/// What `ash-launch` is to become. Written by ashd and by nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LaunchOrder {
    pub(super) uid: Option<u32>,
    pub(super) bwrap: PathBuf,
    pub(super) entry: Entry,
    pub(super) limits: Limits,
    pub(super) environment: BTreeMap<String, String>,
    /// What a test takes away.
    #[cfg(feature = "testing")]
    #[serde(default)]
    pub(super) without: Vec<super::layers::Layer>,
}

/// What runs inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    /// The bridge, with its socket.
    Bridge,
    /// The bridge, without a CLI and without a way out: it serves files and commands.
    Jail,
    /// A program that prints what it sees of its walls and ends.
    Probe,
}

/// The descriptors of an order, in the order of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handle {
    Workspace,
    Home,
    Egress,
    Bridge,
    Cli,
    Status,
    Listener,
}

impl Handle {
    const ALL: [Self; 7] = [
        Self::Workspace,
        Self::Home,
        Self::Egress,
        Self::Bridge,
        Self::Cli,
        Self::Status,
        Self::Listener,
    ];

    const JAIL: [Self; 5] =
        [Self::Workspace, Self::Home, Self::Bridge, Self::Status, Self::Listener];

    /// The descriptors that an order for `entry` brings. A probe has no bridge to listen, a jail
    /// no CLI and no way out.
    pub(super) fn of(entry: Entry) -> &'static [Self] {
        match entry {
            Entry::Bridge => &Self::ALL,
            Entry::Jail => &Self::JAIL,
            Entry::Probe => &Self::ALL[..6],
        }
    }

    /// What it is called on the stage of `ash-launch`, if bwrap is to mount it.
    pub(super) fn staged(self) -> Option<&'static str> {
        match self {
            Self::Workspace => Some("workspace"),
            Self::Home => Some("home"),
            Self::Egress => Some("egress"),
            Self::Bridge => Some("bridge"),
            Self::Cli => Some("claude"),
            Self::Status | Self::Listener => None,
        }
    }
}

/// Why `ash-launch` did not become bwrap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub(crate) enum Refusal {
    #[error(
        "the order is not one that this version knows: {reason}; install ashd and ash-launch of one version"
    )]
    Order { reason: String },
    #[error("a sandbox must not run as root, and the order names no user")]
    Root,
    #[error(
        "the user {uid} cannot be taken: {reason}; in a container, map the sandboxes' users into it, or run ashd without root"
    )]
    User { uid: u32, reason: String },
    #[error("bubblewrap cannot be started at {path}: {reason}")]
    Bwrap { path: String, reason: String },
    #[error("the step `{step}` failed: {reason}")]
    Step { step: String, reason: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_its_way_and_an_unknown_member_does_not() {
        let order = LaunchOrder {
            uid: Some(70_000),
            bwrap: "/usr/bin/bwrap".into(),
            entry: Entry::Bridge,
            limits: Limits::default(),
            environment: BTreeMap::from([("A".to_owned(), "b".to_owned())]),
            #[cfg(feature = "testing")]
            without: Vec::new(),
        };
        let json = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<LaunchOrder>(&json).unwrap(), order);
        let json = json.replacen('{', "{\"shell\":\"x\",", 1);
        assert!(serde_json::from_str::<LaunchOrder>(&json).is_err());
    }
}
