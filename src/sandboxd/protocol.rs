//! What can be asked of ash-sandboxd. One connection carries one request and its answer: a JSON
//! document each, up to the end of input, the answer perhaps with one descriptor.
//!
//! *Compatibility:* a request carries the number of its protocol, and another number is refused
//! by name. A new request or member is a new number.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::agent::Digest;
use crate::id::SessionId;
use crate::os::cgroup::Usage;
use crate::sandbox::{EndReport, Isolation, Limits};

/// The version of everything here. 2: `Fork`. 3: `Jail`, `EndJail`. 4: `Usage`. 5: `Pack`,
/// `Unpack`. 6: limits of `Launch` and `Jail`. 7: limits of the disk, `DiskUse`. 8: `UsageOf`
/// instead of `OomKills`.
pub(super) const PROTOCOL: u32 = 8;

/// Largest request in bytes: the environment of a sandbox (64 KiB), every byte an escape of six.
pub(super) const REQUEST_BYTES_MAX: usize = 512 << 10;

/// Largest answer in bytes: the names of ten times as many sandboxes as a host is ever given.
pub(super) const ANSWER_BYTES_MAX: usize = 4 << 20;

/// A request, in its envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope<R> {
    pub(super) protocol: u32,
    pub(super) request: R,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Request {
    /// Who is there?
    Hello,
    /// Make the folders of a session, with a copy of an agent's version.
    Prepare {
        session: SessionId,
        uid: Option<u32>,
        digest: Digest,
    },
    /// Make the folders of a session as a copy of another's, in which nothing runs.
    Fork {
        session: SessionId,
        uid: Option<u32>,
        parent: SessionId,
        /// With the CLI's transcript, under the name that it has in the copy.
        transcript: bool,
    },
    /// Answer with a connection on which the files of a session come, in which nothing runs; none if
    /// they still have the stamp.
    Pack {
        session: SessionId,
        unless: Option<String>,
    },
    /// Make the folders of a session, and answer with a connection that takes their files.
    Unpack {
        session: SessionId,
        uid: Option<u32>,
    },
    /// Start the session's sandbox, and answer with a connection to its bridge.
    Launch {
        session: SessionId,
        uid: Option<u32>,
        environment: BTreeMap<String, String>,
        /// What is higher than this program's own is lowered to it.
        limits: Limits,
    },
    /// Start the jail of a session whose sandbox does not live, and answer with a connection to its
    /// bridge. It has no CLI and no way out, and leaves when the connection ends.
    Jail {
        session: SessionId,
        uid: Option<u32>,
        limits: Limits,
    },
    /// End everything in the session's jail, if there is one.
    EndJail {
        session: SessionId,
    },
    /// Answer with another connection to the bridge, if the sandbox lives.
    Reconnect {
        session: SessionId,
    },
    /// End everything in the sandbox, and say how it ended.
    End {
        session: SessionId,
    },
    /// Stop everything in the sandbox where it stands.
    Freeze {
        session: SessionId,
    },
    Thaw {
        session: SessionId,
    },
    IsFrozen {
        session: SessionId,
    },
    /// Give back the memory of a sandbox, and say how many bytes.
    Reclaim {
        session: SessionId,
    },
    /// What one sandbox has used and uses.
    UsageOf {
        session: SessionId,
    },
    /// The sessions whose sandboxes live.
    Live,
    /// What each living sandbox has used and uses.
    Usage,
    /// What keeps sandboxes in on this host; if `measured`, only once that is known.
    Isolation {
        measured: bool,
    },
    /// How much the files of a session take, up to the first that is over these limits.
    DiskUse {
        session: SessionId,
        limits: Limits,
    },
    /// Remove the folders of a session whose sandbox does not live. Its jail is ended.
    Remove {
        session: SessionId,
    },
}

impl Request {
    /// Whether asking twice is as good as asking once, so that an answer that was lost on the way
    /// is simply asked for again.
    pub(super) fn can_be_repeated(&self) -> bool {
        // A jail that was started in vain is replaced by the next.
        !matches!(
            self,
            Self::Prepare { .. }
                | Self::Fork { .. }
                | Self::Pack { .. }
                | Self::Unpack { .. }
                | Self::Launch { .. }
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(super) enum Answer {
    Hello {
        version: String,
        /// The users that sandboxes may have, if they have users of their own.
        uids: Option<Range<u32>>,
    },
    Done,
    /// The connection comes with the answer.
    Connected,
    NotLiving,
    Ended {
        report: EndReport,
    },
    Frozen {
        frozen: bool,
    },
    Reclaimed {
        bytes: u64,
    },
    UsageOf {
        usage: Option<Usage>,
    },
    Live {
        sessions: Vec<SessionId>,
    },
    Usage {
        sandboxes: Vec<(SessionId, Usage)>,
    },
    Isolation {
        isolation: Box<Isolation>,
    },
    DiskUse {
        bytes: u64,
        files: u64,
    },
    Failed {
        error: SandboxdError,
    },
}

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", rename_all = "snake_case")]
pub(crate) enum SandboxdError {
    #[error("ash-sandboxd refuses the request: {reason}")]
    Refused { reason: String },
    #[error("{reason}")]
    DiskFull { reason: String },
    #[error("{reason}")]
    Failed { reason: String },
    #[error("the sandbox has no control group")]
    NoControlGroup,
    #[error(
        "ash-sandboxd speaks version {spoken} of its protocol, and ashd asks in another; install all programs of one version of Ash, and restart ash-sandboxd and ashd"
    )]
    Version { spoken: u32 },
    #[error("ash-sandboxd cannot be reached: {reason}; see `systemctl status ash-sandboxd`")]
    Unreachable { reason: String },
}

impl SandboxdError {
    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    pub(super) fn failed(reason: impl std::fmt::Display) -> Self {
        Self::Failed { reason: reason.to_string() }
    }

    pub(super) fn unreachable(reason: impl std::fmt::Display) -> Self {
        Self::Unreachable { reason: reason.to_string() }
    }
}
