//! The history of a session: its messages, its timeline, and what was decided at its way out, page
//! by page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Caller, Control, Refusal};
use crate::egress::{Decision, Subject};
use crate::id::SessionId;
use crate::session::frame::FrameKind;
use crate::session::timeline::timeline;
use crate::store::{
    self, AuditRecord, MessageRecord, Role, SessionRecord, TimelineRecord, message_id, timeline_id,
};
use crate::wire::audit::{AuditEntry, AuditList};
use crate::wire::turns::{MessageList, StoredMessage, TimelineEvent, TimelineList};

/// Bytes of frames behind one page: a page is shorter where messages are large.
const PAGE_BYTES_MAX: usize = 64 << 20;

/// A page of a history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub(crate) after: u64,
    pub(crate) limit: u32,
}

/// Where a page ended, as clients hand it back: nothing that they should understand.
pub(crate) fn cursor(place: &[i64]) -> String {
    let numbers: Vec<u8> = place.iter().flat_map(|number| number.to_be_bytes()).collect();
    URL_SAFE_NO_PAD.encode(numbers)
}

/// What [`cursor`] made, of a list whose places are `N` numbers.
pub(crate) fn place<const N: usize>(cursor: &str) -> Option<[i64; N]> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (numbers, []) = bytes.as_chunks::<8>() else { return None };
    let numbers: Vec<i64> = numbers.iter().map(|bytes| i64::from_be_bytes(*bytes)).collect();
    numbers.try_into().ok()
}

impl Page {
    fn stored(self) -> store::Page {
        store::Page { after: self.after, limit: self.limit, bytes_max: PAGE_BYTES_MAX }
    }
}

impl Control {
    pub(crate) async fn messages(
        &self,
        caller: &Caller,
        id: SessionId,
        page: Page,
    ) -> Result<MessageList, Refusal> {
        let record = self.session_record(caller, id).await?;
        let rows = self.host.store.messages(record.key, page.stored()).await?;
        let next_cursor = rows.last().map(|last| cursor(&[last.sequence.cast_signed()]));
        let messages = rows.iter().map(|row| message(&record, row)).collect();
        Ok(MessageList { messages, next_cursor })
    }

    pub(crate) async fn timeline(
        &self,
        caller: &Caller,
        id: SessionId,
        page: Page,
        kind: Option<&str>,
    ) -> Result<TimelineList, Refusal> {
        let record = self.session_record(caller, id).await?;
        let rows = self.host.store.timeline(record.key, page.stored(), kind).await?;
        let next_cursor = rows.last().map(|last| cursor(&[last.sequence.cast_signed()]));
        let events = rows.iter().map(|row| event(&record, row)).collect();
        Ok(TimelineList { events, next_cursor })
    }
}

impl Control {
    pub(crate) async fn audit(
        &self,
        caller: &Caller,
        id: SessionId,
        page: Page,
    ) -> Result<AuditList, Refusal> {
        let record = self.session_record(caller, id).await?;
        let rows = self.host.store.audit(record.key, page.after, page.limit).await?;
        Ok(AuditList { entries: rows.iter().filter_map(audit_entry).collect() })
    }
}

fn audit_entry(row: &AuditRecord) -> Option<AuditEntry> {
    let decision: Decision = serde_json::from_str(&row.entry).ok()?;
    let verdict = match decision.subject {
        Subject::Lost => "lost",
        Subject::Model | Subject::Tunnel => decision.verdict.as_str(),
    };
    Some(AuditEntry {
        sequence: row.sequence,
        created_at: row.at,
        subject: decision.subject.as_str().to_owned(),
        decision: verdict.to_owned(),
        reason: decision.reason,
        host: decision.host,
        port: decision.port,
        request: decision.request,
        status: decision.status,
        bytes_sent: decision.sent,
        bytes_received: decision.received,
        credential_id: decision.credential,
        count: decision.count,
    })
}

fn message(session: &SessionRecord, row: &MessageRecord) -> StoredMessage {
    StoredMessage {
        id: message_id(session.id, row.sequence),
        session_id: session.id,
        tenant_id: session.tenant.clone(),
        role: match row.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        }
        .to_owned(),
        content: String::from_utf8_lossy(&row.frame.data).into_owned(),
        sequence: row.sequence,
        created_at: row.at,
    }
}

fn event(session: &SessionRecord, row: &TimelineRecord) -> TimelineEvent {
    let parts = FrameKind::from_number(row.frame.kind).map(|kind| timeline(kind, &row.frame.data));
    let data =
        parts.and_then(|parts| parts.into_iter().nth(usize::from(row.part))).map(|part| part.data);
    TimelineEvent {
        id: timeline_id(session.id, row.sequence),
        session_id: session.id,
        tenant_id: session.tenant.clone(),
        kind: row.kind.clone(),
        data,
        sequence: row.sequence,
        created_at: row.at,
    }
}
