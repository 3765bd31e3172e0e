//! Send a message: it becomes a turn of the session, which belongs to the server. The stream is
//! one way to watch it; who leaves can come back to it, or read the history.

use sha2::{Digest as _, Sha256};

use super::stream::{EventStream, Scope};
use super::{Caller, Control, Refusal};
use crate::id::{SessionId, TurnId};
use crate::runner::feed::Reader;
use crate::runner::handle::{Accepted, Handle, NewTurn, SendError};
use crate::session::Status;
use crate::session::content::Content;
use crate::session::options::TurnOptions;
use crate::session::tier::Tier;
use crate::store::{Idempotency, SessionRecord};
use crate::telemetry::Context;
use crate::wire::turns::SendMessage;

/// How a message is sent, beside what it says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery {
    /// The client's name for this request.
    pub(crate) key: Option<String>,
    /// The span that the turn is a part of.
    pub(crate) trace: Option<Context>,
    /// The last event that the client has of the turn.
    pub(crate) after: Option<u64>,
}

impl Control {
    /// Answers the turn of the message and its events. A request whose key was used before gets
    /// the turn of that time.
    pub(crate) async fn send(
        &self,
        caller: &Caller,
        id: SessionId,
        request: SendMessage,
        delivery: Delivery,
    ) -> Result<(TurnId, EventStream), Refusal> {
        let idempotency = delivery.key.map(|key| Idempotency { key, digest: digest(&request) });
        let options = TurnOptions::parse(&request)?;
        let content = Content::parse(request.content)?;
        let partial = options.partial;
        if self.is_draining() {
            // What was taken before is still told.
            let record = self.session_record(caller, id).await?;
            let taken = self.taken_before(&record, idempotency).await?;
            let accepted = taken.ok_or(Refusal::Draining)?;
            let after = delivery.after.unwrap_or(0).max(accepted.after);
            let reader = self.host.reader(&record, after).await?;
            return Ok(stream(&accepted, reader, partial, after));
        }
        let handle = if let Some(handle) = self.lively(caller, id) {
            handle
        } else {
            let record = self.session_record(caller, id).await?;
            if !takes_messages(record.status) {
                let taken = self.taken_before(&record, idempotency).await?;
                let status = record.status;
                let accepted = taken.ok_or(Refusal::SessionState { status })?;
                let after = delivery.after.unwrap_or(0).max(accepted.after);
                let reader = self.host.reader(&record, after).await?;
                return Ok(stream(&accepted, reader, partial, after));
            }
            self.host.handle(&record).await?
        };
        // Who finds no room hears of it before the message is taken.
        let seat = match handle.view().tier {
            Tier::Hibernated | Tier::Archived => {
                Some(self.host.seat().await.map_err(Refusal::Start)?)
            }
            Tier::Hot | Tier::Frozen | Tier::Reclaimed => None,
        };
        let trace = delivery.trace;
        let turn = NewTurn { id: TurnId::new(), content, options, idempotency, trace, seat };
        let accepted = handle.send(Box::new(turn)).await.map_err(Refusal::Send)?;
        let after = delivery.after.unwrap_or(0).max(accepted.after);
        Ok(stream(&accepted, self.host.follow(&handle, after), partial, after))
    }

    /// The driver of a session that takes messages, without a look into the store.
    fn lively(&self, caller: &Caller, id: SessionId) -> Option<Handle> {
        let handle = self.host.known(id).filter(|handle| handle.belongs_to(&caller.tenant))?;
        handle.view().status.is_some_and(takes_messages).then_some(handle)
    }

    /// The turn of an earlier request, of a session that takes none any more.
    async fn taken_before(
        &self,
        record: &SessionRecord,
        idempotency: Option<Idempotency>,
    ) -> Result<Option<Accepted>, Refusal> {
        let Some(Idempotency { key, digest }) = idempotency else { return Ok(None) };
        match self.host.store.turn_of_key(record.key, &key).await? {
            None => Ok(None),
            Some((_, used)) if used != digest => Err(Refusal::Send(SendError::KeyReused)),
            Some((turn, _)) => {
                let (id, ordinal, after) = (turn.id, turn.ordinal, turn.begins_after);
                Ok(Some(Accepted { id, ordinal, after }))
            }
        }
    }
}

/// A message wakes a session that rests.
fn takes_messages(status: Status) -> bool {
    match status {
        Status::Active | Status::Error | Status::Paused | Status::Stopped => true,
        Status::Starting | Status::Ended => false,
    }
}

fn stream(accepted: &Accepted, reader: Reader, partial: bool, after: u64) -> (TurnId, EventStream) {
    let scope = Scope::Turn { ordinal: accepted.ordinal };
    (accepted.id, EventStream::new(reader, scope, partial, after))
}

/// What a request says, whatever the order of its members.
fn digest(request: &SendMessage) -> [u8; 32] {
    let canonical = serde_json::to_vec(request).expect("a request has a JSON form");
    Sha256::digest(&canonical).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_request_has_the_same_digest_however_it_is_written() {
        let digest = |json: &str| digest(&serde_json::from_str(json).unwrap());
        let one = r#"{"content":[{"type":"text","text":"a"}],"model":"m"}"#;
        let other = r#"{ "model": "m", "content": [{"text":"a", "type":"text"}] }"#;
        assert_eq!(digest(one), digest(other));
        assert_ne!(digest(one), digest(r#"{"content":[{"type":"text","text":"a"}]}"#));
    }
}
