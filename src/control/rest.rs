//! Pause, stop and resume a session: put it to rest, and wake it before its next message.

use super::{Caller, Control, Refusal, happening};
use crate::id::SessionId;
use crate::runner::handle::RestError;
use crate::session::Status;
use crate::store::SessionRecord;
use crate::wire::sessions::Session;

impl Control {
    /// Freezes the session: it keeps its processes and uses no processor time.
    pub(crate) async fn pause(&self, caller: &Caller, id: SessionId) -> Result<Session, Refusal> {
        let record = self.session_record(caller, id).await?;
        if record.status != Status::Active {
            return Err(Refusal::CannotRest { verb: "pause", status: record.status });
        }
        let paused = self.host.handle(&record).await?.pause().await;
        self.answer(record, paused, "pause")
    }

    /// Ends every process of the session; its files and its conversation stay.
    pub(crate) async fn stop(&self, caller: &Caller, id: SessionId) -> Result<Session, Refusal> {
        let record = self.session_record(caller, id).await?;
        if !matches!(record.status, Status::Active | Status::Starting) {
            return Err(Refusal::CannotRest { verb: "stop", status: record.status });
        }
        let stopped = self.host.handle(&record).await?.stop().await;
        self.answer(record, stopped, "stop")
    }

    /// Has the session ready for a message, however cold it is.
    pub(crate) async fn resume(&self, caller: &Caller, id: SessionId) -> Result<Session, Refusal> {
        let record = self.session_record(caller, id).await?;
        if record.status == Status::Ended {
            return Err(Refusal::SessionGone);
        }
        let resumed = self.host.handle(&record).await?.resume().await;
        self.answer(record, resumed, "resume")
    }

    fn answer(
        &self,
        record: SessionRecord,
        moved: Result<Status, RestError>,
        verb: &'static str,
    ) -> Result<Session, Refusal> {
        match moved {
            Ok(status) => {
                let event = match verb {
                    "pause" => "session.paused",
                    "stop" => "session.stopped",
                    _ => "session.resumed",
                };
                self.host.lifecycle.tell(happening(event, &record));
                Ok(self.show(&SessionRecord { status, ..record }))
            }
            Err(RestError::Status { status: Status::Ended }) if verb == "resume" => {
                Err(Refusal::SessionGone)
            }
            Err(RestError::Status { status }) => Err(Refusal::CannotRest { verb, status }),
            Err(RestError::Busy) => Err(Refusal::SessionBusy { done: "paused" }),
            Err(RestError::Start(error)) => Err(Refusal::Start(error)),
        }
    }
}
