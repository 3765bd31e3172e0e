//! End a session: nothing of it runs any more; its history stays, its files for a while.

use super::{Caller, Control, Refusal, happening};
use crate::id::SessionId;
use crate::session::Status;
use crate::wire::sessions::Session;

impl Control {
    /// Ending twice is ending once.
    pub(crate) async fn end(&self, caller: &Caller, id: SessionId) -> Result<Session, Refusal> {
        let record = self.session_record(caller, id).await?;
        if record.status == Status::Ended {
            return Ok(self.show(&record));
        }
        self.host.handle(&record).await?.end().await;
        if self.settings().keep_ended.is_zero() && self.remove_folders(id).await {
            self.host.store.mark_workspace_removed(id).await?;
        }
        self.host.lifecycle.tell(happening("session.ended", &record));
        self.session(caller, id).await
    }
}
