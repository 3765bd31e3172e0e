//! What the store keeps, in the words of the domain.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use uuid::Uuid;

use super::{BudgetRecord, NewLogLine, TurnUsage, UsedRecord};
use crate::clock::Timestamp;
use crate::id::{AgentName, CredentialId, JobId, SessionId, TurnId};
use crate::session::Status;

/// Variables by name.
pub(crate) type Environment = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRecord {
    /// The small key that the log is stored under; made by the store, never given twice.
    pub(crate) key: i64,
    pub(crate) id: SessionId,
    pub(crate) tenant: String,
    pub(crate) agent_name: AgentName,
    pub(crate) agent_version: u32,
    pub(crate) digest: String,
    pub(crate) status: Status,
    /// JSON, opaque here.
    pub(crate) options: String,
    pub(crate) environment: Environment,
    /// What its sandbox may reach beside the model.
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) model: Option<String>,
    pub(crate) uid: Option<u32>,
    /// What stands for the model key inside the sandbox.
    pub(crate) placeholder: String,
    pub(crate) parent: Option<SessionId>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_active_at: Timestamp,
    /// The highest number of the living sandbox's bridge that is stored.
    pub(crate) bridge_stored: u64,
    pub(crate) sandbox_generation: u64,
    /// Its last snapshot, if it has one.
    pub(crate) archive: Option<ArchiveNote>,
    pub(crate) budget: BudgetRecord,
    pub(crate) used: UsedRecord,
}

/// The tenant of a parked session: nobody has this name, so nobody finds it.
pub(crate) const NOBODY: &str = "";

/// Stands for all tenants where the host asks; nobody has this name either.
pub(crate) const EVERYBODY: &str = "*";

impl SessionRecord {
    /// Its sandbox waits for somebody who asks for just this.
    pub(crate) fn is_parked(&self) -> bool {
        self.tenant == NOBODY
    }

    /// Its files are outside of this host, or on their way back.
    pub(crate) fn is_away(&self) -> bool {
        self.archive.is_some_and(|note| note.place != FilesPlace::Here)
    }
}

/// A snapshot outside of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArchiveNote {
    pub(crate) made_at: Timestamp,
    /// Of its objects together.
    pub(crate) bytes: u64,
    pub(crate) place: FilesPlace,
}

/// Where the files of a session with a snapshot are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilesPlace {
    Here,
    /// In the snapshot only.
    Away,
    /// In the snapshot, and half of them here.
    Returning,
}

impl FilesPlace {
    const ALL: [Self; 3] = [Self::Here, Self::Away, Self::Returning];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Away => "away",
            Self::Returning => "returning",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.as_str() == text)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) tenant: String,
    pub(crate) agent_name: AgentName,
    pub(crate) agent_version: u32,
    pub(crate) digest: String,
    pub(crate) status: Status,
    pub(crate) options: String,
    pub(crate) environment: Environment,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) model: Option<String>,
    /// Take the lowest uid of the block that owns no workspace.
    pub(crate) uid_block: Option<Range<u32>>,
    /// Two sessions never share one, except the empty one.
    pub(crate) placeholder: String,
    pub(crate) parent: Option<SessionId>,
    /// The job that it is made for.
    pub(crate) job: Option<JobId>,
    pub(crate) budget: BudgetRecord,
    pub(crate) used: UsedRecord,
    pub(crate) created_at: Timestamp,
}

/// What is `None` stays.
#[expect(clippy::option_option, reason = "a model can be taken away")]
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionChange {
    /// With the moment of the change.
    pub(crate) status: Option<(Status, Timestamp)>,
    pub(crate) last_active_at: Option<Timestamp>,
    pub(crate) sandbox_generation: Option<u64>,
    pub(crate) bridge_stored: Option<u64>,
    /// `Some(None)`: none any more.
    pub(crate) model: Option<Option<String>>,
    pub(crate) environment: Option<Environment>,
    pub(crate) budget: Option<BudgetRecord>,
    /// JSON.
    pub(crate) options: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct SessionFilter {
    pub(crate) agent: Option<AgentName>,
    pub(crate) status: Option<Status>,
    pub(crate) limit: u32,
    pub(crate) offset: u64,
    /// Only what is listed behind the session with this moment of creation and key.
    pub(crate) after: Option<(Timestamp, i64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnState {
    Queued,
    Running,
    Completed,
    Failed,
    Interrupted,
}

impl TurnState {
    pub(crate) const ALL: [Self; 5] =
        [Self::Queued, Self::Running, Self::Completed, Self::Failed, Self::Interrupted];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing follows.
    pub(crate) fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Completed | Self::Failed | Self::Interrupted => true,
        }
    }
}

/// A turn that waits or runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TurnRecord {
    pub(crate) id: TurnId,
    /// From 1 within its session, without gaps.
    pub(crate) ordinal: u64,
    pub(crate) state: TurnState,
    /// JSON, opaque here.
    pub(crate) request: String,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    /// Its frames come behind this sequence number; unknown for turns of the first schema.
    pub(crate) begins_after: Option<u64>,
}

/// Who speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    User,
    Assistant,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Assistant].into_iter().find(|role| role.as_str() == text)
    }
}

/// One row of the log to be.
#[derive(Debug, Clone)]
pub(crate) struct NewFrame {
    /// The last of its sequence numbers.
    pub(crate) sequence: u64,
    /// How many consecutive sequence numbers it takes, from 1.
    pub(crate) width: u32,
    /// The ordinal of the turn it belongs to.
    pub(crate) turn: Option<u64>,
    /// Opaque here.
    pub(crate) kind: u8,
    pub(crate) data: Bytes,
    pub(crate) at: Timestamp,
    /// It is also the message of this number.
    pub(crate) message: Option<(u64, Role)>,
    /// It also holds these entries of the timeline.
    pub(crate) timeline: Vec<TimelineRow>,
}

#[derive(Debug, Clone)]
pub(crate) struct TimelineRow {
    pub(crate) sequence: u64,
    /// Which part of the frame; opaque here.
    pub(crate) part: u16,
    pub(crate) kind: &'static str,
}

/// A turn that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct NewTurn {
    pub(crate) id: TurnId,
    /// The one after the last.
    pub(crate) ordinal: u64,
    /// What is asked, as its session words it.
    pub(crate) request: String,
    pub(crate) at: Timestamp,
    /// Refused as existing if a turn came with the same key.
    pub(crate) idempotency: Option<Idempotency>,
}

/// What a client names a request by, so that it is not taken twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Idempotency {
    pub(crate) key: String,
    /// SHA-256 of the request: another one under the same key is a mistake.
    pub(crate) digest: [u8; 32],
}

/// A turn of any state, as its readers find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownTurn {
    pub(crate) id: TurnId,
    pub(crate) ordinal: u64,
    pub(crate) state: TurnState,
    /// Its frames come behind this sequence number.
    pub(crate) begins_after: u64,
}

/// Some entries of a transcript.
#[derive(Debug, Clone)]
pub(crate) struct NewTranscript {
    /// Its conversation, unless it is the session's first.
    pub(crate) conversation: Option<String>,
    /// The id of the last entry that has one.
    pub(crate) entry: Option<String>,
    /// Before compression.
    pub(crate) bytes: u64,
    /// In zstd.
    pub(crate) data: Bytes,
}

/// What is stored of a session's transcript.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StoredTranscript {
    /// The conversation begins behind this part: what is before it was cleared.
    pub(crate) begins: u64,
    /// Its name, unless it is the session's first.
    pub(crate) conversation: Option<String>,
    /// Of all conversations, before compression.
    pub(crate) bytes: u64,
    /// The id of the last entry that has one.
    pub(crate) end: Option<String>,
}

/// A stored part of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TranscriptPart {
    pub(crate) part: u64,
    pub(crate) bytes: u64,
    pub(crate) data: Bytes,
}

/// What egress reported.
#[derive(Debug, Clone)]
pub(crate) struct NewAudit {
    /// Which run of it.
    pub(crate) run: Uuid,
    /// The number of the last entry in that run; those before it have the numbers before that.
    pub(crate) through: u64,
    pub(crate) entries: Vec<NewAuditEntry>,
}

#[derive(Debug, Clone)]
pub(crate) struct NewAuditEntry {
    pub(crate) session: SessionId,
    pub(crate) at: Timestamp,
    /// JSON, opaque here.
    pub(crate) entry: String,
    /// What the session has used of the model in all.
    pub(crate) used: Option<UsedRecord>,
    /// What it was signed with, if that is a tenant's.
    pub(crate) credential: Option<CredentialId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditRecord {
    pub(crate) sequence: u64,
    pub(crate) at: Timestamp,
    pub(crate) entry: String,
}

/// All that one step of a session writes, or nothing of it.
#[derive(Debug, Clone)]
pub(crate) struct Append {
    pub(crate) key: i64,
    /// Put at the end of the queue, before all else.
    pub(crate) accepted: Option<NewTurn>,
    pub(crate) frames: Vec<NewFrame>,
    pub(crate) bridge_stored: Option<u64>,
    /// What the CLI wrote into its transcript meanwhile.
    pub(crate) transcript: Vec<NewTranscript>,
    /// What is stored already, as [`super::Store::transcript`] tells it.
    pub(crate) transcript_before: StoredTranscript,
    /// What programs of its sandbox said for people.
    pub(crate) logs: Vec<NewLogLine>,
    /// A turn's ordinal, its new state, and the moment.
    pub(crate) turn: Option<(u64, TurnState, Timestamp)>,
    /// With the moment of the change.
    pub(crate) status: Option<(Status, Timestamp)>,
    pub(crate) last_active_at: Option<Timestamp>,
    /// What the turn used that ends with it.
    pub(crate) usage: Option<TurnUsage>,
    /// Answer only when a power cut can no longer take it back.
    pub(crate) durable: bool,
}

impl Append {
    /// Changes nothing yet.
    #[cfg(feature = "testing")]
    pub(crate) fn new(key: i64) -> Self {
        Self {
            key,
            accepted: None,
            frames: Vec::new(),
            bridge_stored: None,
            transcript: Vec::new(),
            transcript_before: StoredTranscript::default(),
            logs: Vec::new(),
            turn: None,
            status: None,
            last_active_at: None,
            usage: None,
            durable: false,
        }
    }

    /// Bytes of content, roughly.
    pub(super) fn bytes(&self) -> usize {
        let frames: usize = self.frames.iter().map(|frame| frame.data.len()).sum();
        let transcript: usize = self.transcript.iter().map(|part| part.data.len()).sum();
        let logs: usize = self.logs.iter().map(|line| line.text.len()).sum();
        frames + transcript + logs + self.accepted.as_ref().map_or(0, |turn| turn.request.len())
    }
}

/// The last number given of each series; 0 if none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) frame: u64,
    pub(crate) message: u64,
    pub(crate) timeline: u64,
    pub(crate) turn: u64,
}

/// What to read of a series, in its order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Only what has a higher sequence number.
    pub(crate) after: u64,
    /// Most rows.
    pub(crate) limit: u32,
    /// Most bytes of data; one row comes even if it has more.
    pub(crate) bytes_max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FrameRecord {
    pub(crate) sequence: u64,
    pub(crate) width: u32,
    pub(crate) turn: Option<u64>,
    pub(crate) kind: u8,
    pub(crate) data: Bytes,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageRecord {
    pub(crate) sequence: u64,
    pub(crate) role: Role,
    pub(crate) at: Timestamp,
    pub(crate) frame: FrameRecord,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimelineRecord {
    pub(crate) sequence: u64,
    pub(crate) part: u16,
    pub(crate) kind: String,
    pub(crate) at: Timestamp,
    pub(crate) frame: FrameRecord,
}

/// The id that a message has on the wire: the same whenever it is asked for.
pub(crate) fn message_id(session: SessionId, sequence: u64) -> Uuid {
    Uuid::new_v5(&session.as_uuid(), format!("message/{sequence}").as_bytes())
}

/// The id that an entry of the timeline has on the wire.
pub(crate) fn timeline_id(session: SessionId, sequence: u64) -> Uuid {
    Uuid::new_v5(&session.as_uuid(), format!("timeline/{sequence}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_on_the_wire_are_stable_for_ever() {
        let session: SessionId = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap();
        // Clients keep them: a change of these two texts breaks what was handed out.
        assert_eq!(message_id(session, 1).to_string(), "e68d920a-91a8-5826-ab35-46b1718be697");
        assert_eq!(timeline_id(session, 1).to_string(), "0f2cb8a8-fe02-528e-b5b5-5b981a850667");
    }

    #[test]
    fn ids_differ_by_session_series_and_number() {
        let (one, other) = (SessionId::new(), SessionId::new());
        let ids = [
            message_id(one, 1),
            message_id(one, 2),
            message_id(other, 1),
            timeline_id(one, 1),
            timeline_id(other, 1),
        ];
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len());
    }

    #[test]
    fn a_turn_state_reads_back_as_it_was_written() {
        for state in TurnState::ALL {
            assert_eq!(TurnState::parse(state.as_str()), Some(state));
        }
        assert_eq!(TurnState::parse(""), None);
    }
}
