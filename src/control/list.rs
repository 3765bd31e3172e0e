//! Show and list sessions.

use super::history::cursor;
use super::{Caller, Control, Refusal};
use crate::clock::Timestamp;
use crate::id::{AgentName, SessionId};
use crate::session::Status;
use crate::session::options::SessionOptions;
use crate::store::{SessionFilter, SessionRecord};
use crate::wire::sessions::{Session, SessionArchive, SessionList, Tier};

/// Sessions in one answer when the request names no limit: all that the original would send,
/// up to a bound.
pub(crate) const LIMIT_DEFAULT: u32 = 1_000;

/// Which sessions are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionQuery {
    pub(crate) agent: Option<AgentName>,
    pub(crate) status: Option<Status>,
    pub(crate) limit: Option<u32>,
    pub(crate) offset: Option<u64>,
    /// Where the page before ended.
    pub(crate) after: Option<[i64; 2]>,
}

impl Control {
    pub(crate) async fn session(&self, caller: &Caller, id: SessionId) -> Result<Session, Refusal> {
        Ok(self.show(&self.session_record(caller, id).await?))
    }

    pub(crate) async fn sessions(
        &self,
        caller: &Caller,
        query: SessionQuery,
    ) -> Result<SessionList, Refusal> {
        let filter = SessionFilter {
            agent: query.agent,
            status: query.status,
            limit: query.limit.unwrap_or(LIMIT_DEFAULT),
            offset: query.offset.unwrap_or(0),
            after: query.after.map(|[millis, key]| (Timestamp::from_millis(millis), key)),
        };
        let limit = filter.limit as usize;
        let (records, total) = self.host.store.sessions(&caller.tenant, filter).await?;
        let last = records.last().filter(|_| records.len() == limit);
        let next_cursor = last.map(|last| cursor(&[last.created_at.as_millis(), last.key]));
        Ok(SessionList {
            sessions: records.iter().map(|record| self.show(record)).collect(),
            total,
            next_cursor,
        })
    }

    /// Another tenant's session does not exist.
    pub(super) async fn session_record(
        &self,
        caller: &Caller,
        id: SessionId,
    ) -> Result<SessionRecord, Refusal> {
        self.host.store.session(&caller.tenant, id).await?.ok_or(Refusal::SessionNotFound)
    }

    /// As the wire shows it.
    pub(super) fn show(&self, record: &SessionRecord) -> Session {
        let view = self.host.known(record.id).map(|handle| handle.view()).unwrap_or_default();
        let options: SessionOptions = serde_json::from_str(&record.options).unwrap_or_default();
        let (budget, usage) = super::budget::show(record.budget, record.used);
        Session {
            id: record.id,
            agent_name: record.agent_name.clone(),
            agent_version: record.agent_version,
            sandbox_id: record.id.to_string(),
            status: record.status,
            created_at: record.created_at,
            last_active_at: record.last_active_at,
            tenant_id: record.tenant.clone(),
            runner_id: None,
            parent_session_id: record.parent,
            model: record.model.clone(),
            config: options.config(&record.environment),
            allowed_hosts: record.allowed_hosts.clone(),
            limits: self.host.settings.limits.with(&options.limits).by_name(),
            budget,
            usage,
            queued_turns: view.queued,
            busy: view.busy,
            open_permissions: view.open_permissions,
            isolation: self.isolation.get().cloned(),
            tier: (record.status != Status::Ended).then_some(if record.is_away() {
                Tier::Archived
            } else {
                view.tier
            }),
            archive: record.archive.map(|note| SessionArchive {
                made_at: note.made_at,
                bytes: note.bytes,
                away: record.is_away(),
            }),
        }
    }
}
