//! Fork a session: a new one with its files, its history and its conversation, which its parent
//! does not notice.

use super::{Caller, Control, Refusal, happening};
use crate::clock::Timestamp;
use crate::egress::Placeholder;
use crate::id::SessionId;
use crate::runner::handle::RestError;
use crate::session::Status;
use crate::session::options::OptionError;
use crate::store::{NewSession, SessionChange, SessionRecord, StoreError, UsedRecord};
use crate::wire::sessions::Session;

impl Control {
    /// With `turn`, history and conversation end with that turn; files are always those of now.
    pub(crate) async fn fork(
        &self,
        caller: &Caller,
        id: SessionId,
        turn: Option<u64>,
    ) -> Result<Session, Refusal> {
        self.takes_work()?;
        let parent = self.session_record(caller, id).await?;
        match parent.status {
            Status::Active | Status::Error | Status::Paused | Status::Stopped => {}
            Status::Ended => return Err(Refusal::SessionGone),
            status @ Status::Starting => return Err(Refusal::CannotRest { verb: "fork", status }),
        }
        if let Some(turn) = turn
            && !self.host.store.has_transcript(parent.key, turn).await?
        {
            let what =
                "it is no turn of this session that has ended and whose conversation is stored";
            return Err(OptionError { field: "turn".to_owned(), what: what.to_owned() }.into());
        }
        let child = self.store_fork(&parent).await?;
        let made = self.copy_session(&parent, &child, turn).await;
        if let Err(refusal) = made {
            self.undo(&child).await;
            return Err(refusal);
        }
        let change = SessionChange {
            status: Some((Status::Paused, Timestamp::now())),
            ..SessionChange::default()
        };
        self.host.store.update_session(child.id, change).await?;
        let created = happening("session.created", &child).with("version", child.agent_version);
        self.host.lifecycle.tell(created.with("parent", parent.id.to_string()));
        self.session(caller, child.id).await
    }

    async fn store_fork(&self, parent: &SessionRecord) -> Result<SessionRecord, Refusal> {
        let new = NewSession {
            id: SessionId::new(),
            tenant: parent.tenant.clone(),
            agent_name: parent.agent_name.clone(),
            agent_version: parent.agent_version,
            digest: parent.digest.clone(),
            status: Status::Starting,
            options: parent.options.clone(),
            environment: parent.environment.clone(),
            allowed_hosts: parent.allowed_hosts.clone(),
            model: parent.model.clone(),
            uid_block: self.host.settings.uids.clone(),
            placeholder: Placeholder::random().expose().to_owned(),
            parent: Some(parent.id),
            job: None,
            budget: parent.budget,
            used: UsedRecord::default(),
            created_at: Timestamp::now(),
        };
        match self.host.store.create_session(new).await {
            Ok(record) => Ok(record),
            Err(StoreError::NoFreeUid { block }) => Err(Refusal::NoFreeUid { count: block.len() }),
            Err(error) => Err(Refusal::Store(error)),
        }
    }

    async fn copy_session(
        &self,
        parent: &SessionRecord,
        child: &SessionRecord,
        turn: Option<u64>,
    ) -> Result<(), Refusal> {
        let _one_of_few = self.copies.acquire().await.map_err(|_closed| Refusal::Worker)?;
        let _still = match self.host.handle(parent).await?.still(false).await {
            Ok(still) => still,
            Err(RestError::Busy) => return Err(Refusal::SessionBusy { done: "forked" }),
            Err(RestError::Status { .. }) => return Err(Refusal::SessionGone),
            Err(RestError::Start(error)) => return Err(Refusal::Start(error)),
        };
        let launcher = &self.host.launcher;
        let copied = launcher.fork(child.id, child.uid, parent.id, turn.is_none()).await;
        copied.map_err(Refusal::Workspace)?;
        Ok(self.host.store.copy_conversation(parent.key, child.key, turn).await?)
    }
}
