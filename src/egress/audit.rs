//! What egress decided, one line for each decision: in the journal with fields.

use crate::id::SessionId;

/// What became of a wish of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A tunnel was opened.
    Allowed,
    Refused,
    /// A tunnel that was open has ended.
    Closed,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Closed => "closed",
        }
    }
}

/// One decision about a tunnel.
#[derive(Debug, Clone)]
pub(super) struct Decision {
    pub(super) session: Option<SessionId>,
    /// As far as it is known; what a sandbox wrote is escaped.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) verdict: Verdict,
    /// A word that stays.
    pub(super) reason: &'static str,
    /// Bytes out of the sandbox, and into it.
    pub(super) sent: u64,
    pub(super) received: u64,
}

impl Decision {
    /// Writes the line.
    pub(super) fn log(&self) {
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
    }
}
