//! Change the options of a session.

use super::{Caller, Control, Refusal};
use crate::id::SessionId;
use crate::runner::handle::ConfigureError;
use crate::session::Status;
use crate::wire::sessions::{ConfigureSession, Session};

impl Control {
    /// They hold from the next message on; what the running Claude Code can be told, at once.
    pub(crate) async fn configure(
        &self,
        caller: &Caller,
        id: SessionId,
        patch: ConfigureSession,
    ) -> Result<Session, Refusal> {
        let record = self.session_record(caller, id).await?;
        if record.status == Status::Ended {
            return Err(Refusal::SessionGone);
        }
        if let Some(Some(text)) = &patch.credential_id {
            // What is no id is refused with the other options.
            self.check_credential(caller, text.parse().ok()).await?;
        }
        match self.host.handle(&record).await?.configure(patch).await {
            Ok(()) => self.session(caller, id).await,
            Err(ConfigureError::Option(error)) => Err(error.into()),
            Err(ConfigureError::Store(error)) => Err(error.into()),
            Err(ConfigureError::Ending) => Err(Refusal::SessionGone),
        }
    }
}
