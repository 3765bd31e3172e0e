//! Interrupt the running turn of a session. It ends with its `done`; the session goes on.

use super::{Caller, Control, Refusal};
use crate::id::SessionId;
use crate::wire::turns::Interrupted;

impl Control {
    /// Without a running turn there is nothing to do, and that is no error.
    pub(crate) async fn interrupt(
        &self,
        caller: &Caller,
        id: SessionId,
    ) -> Result<Interrupted, Refusal> {
        self.session_record(caller, id).await?;
        let turn_id = match self.host.known(id) {
            Some(handle) => handle.interrupt().await,
            None => None,
        };
        Ok(Interrupted { turn_id })
    }
}
