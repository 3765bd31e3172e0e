//! What a snapshot is, in the clear: enough to find and check its objects, and nothing that was said.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AgentName, SessionId};

/// The version of snapshots that this Ash writes; older ones are read for ever.
pub(crate) const FORMAT: u32 = 1;

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    /// [`FORMAT`]. A newer one is refused before anything else of it is read.
    pub(crate) format: u32,
    pub(crate) session: SessionId,
    pub(crate) tenant: String,
    pub(crate) agent: AgentName,
    pub(crate) agent_version: u32,
    pub(crate) made_at: Timestamp,
    /// The version of Ash that made it.
    pub(crate) made_by: String,
    /// The name of the key that seals the objects.
    pub(crate) key: String,
    /// The last event that it has.
    pub(crate) last_event: u64,
    /// The last part of the conversation that it has.
    pub(crate) last_part: u64,
    /// What the files were when they were packed; the same again is not packed again.
    pub(crate) files_stamp: String,
    pub(crate) files: ObjectRecord,
    pub(crate) log: ObjectRecord,
}

/// One object of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ObjectRecord {
    /// Its name beside the manifest.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// SHA-256 of the object as it is stored.
    pub(crate) sha256: String,
    /// Bytes of what is in it, SHA-256 of that.
    pub(crate) content_bytes: u64,
    pub(crate) content_sha256: String,
}

/// Read first.
#[derive(Debug, Deserialize)]
pub(crate) struct Format {
    pub(crate) format: u32,
}
