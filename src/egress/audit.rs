//! What egress decided: one line in the journal for each decision, with fields, and one entry in
//! the ledger that ashd reads.

use serde::{Deserialize, Serialize};

use super::account::Used;
use super::ledger::Ledger;
use crate::clock::Timestamp;
use crate::id::{CredentialId, SessionId};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject {
    /// A request to the model API.
    Model,
    /// A tunnel to another host.
    Tunnel,
    /// Entries that found no room, so many that `count` says.
    Lost,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It was passed on.
    Allowed,
    Refused,
    /// A tunnel that was open has ended.
    Closed,
}

impl Subject {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Tunnel => "tunnel",
            Self::Lost => "lost",
        }
    }
}

impl Verdict {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Closed => "closed",
        }
    }
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decision {
    pub(crate) session: SessionId,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) subject: Subject,
    pub(crate) verdict: Verdict,
    /// A word that stays.
    pub(crate) reason: String,
    /// Of a tunnel; what a sandbox wrote is escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
    /// Of a request: its method and path, and the status of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// Of a request: how long it took, up to `at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) milliseconds: Option<u64>,
    /// Bytes out of the sandbox, and into it.
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Of a request: what the session has used of the model with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) used: Option<Used>,
    /// Of a request that a tenant's credential stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<CredentialId>,
    /// Of [`Subject::Lost`].
    #[serde(default)]
    pub(crate) count: u64,
}

impl Decision {
    pub(super) fn new(session: SessionId, subject: Subject, verdict: Verdict) -> Self {
        Self {
            session,
            at: Timestamp::now().as_millis(),
            subject,
            verdict,
            reason: String::new(),
            host: None,
            port: None,
            request: None,
            status: None,
            milliseconds: None,
            sent: 0,
            received: 0,
            used: None,
            credential: None,
            count: 0,
        }
    }
}

/// What became of a wish for a tunnel, perhaps of somebody who is not known.
#[derive(Debug, Clone)]
pub(super) struct TunnelLine<'a> {
    pub(super) session: Option<SessionId>,
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) verdict: Verdict,
    pub(super) reason: &'static str,
    pub(super) sent: u64,
    pub(super) received: u64,
}

impl TunnelLine<'_> {
    /// Writes the line and the entry. Who is not known has a line only.
    pub(super) fn tell(&self, ledger: &Ledger) {
        tracing::info!(
            target: "ash::egress",
            session = self.session.map(tracing::field::display),
            host = self.host,
            port = self.port,
            decision = self.verdict.as_str(),
            reason = self.reason,
            bytes_sent = self.sent,
            bytes_received = self.received,
        );
        let Some(session) = self.session else { return };
        ledger.enter(Decision {
            reason: self.reason.to_owned(),
            host: Some(self.host.to_owned()),
            port: Some(self.port),
            sent: self.sent,
            received: self.received,
            ..Decision::new(session, Subject::Tunnel, self.verdict)
        });
    }
}
