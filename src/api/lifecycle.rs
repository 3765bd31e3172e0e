//! What happens on the host, as server-sent events.

use std::convert::Infallible;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;

use super::App;
use super::answer::Refused;
use super::params::{Query, last_event_id, session_id};
use super::stream::{HEARTBEAT, sse};
use crate::control::Control;
use crate::id::SessionId;
use crate::lifecycle::{LifecycleReader, Told};
use crate::wire::turns::{Resync, ResyncReason, event};

/// Most events that may be asked for with `last`: all that are kept.
const LAST_MAX: u64 = 4096;

pub(super) async fn follow(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let after = query.number("after", 0..=i64::MAX.unsigned_abs())?;
    let last = query.number("last", 0..=LAST_MAX)?;
    let lifecycle = &app.control.host.lifecycle;
    let after = last_event_id(&headers)?
        .or(after)
        .or_else(|| last.map(|count| lifecycle.before_last(count)));
    let follow = Follow {
        asked: after.unwrap_or(0),
        reader: lifecycle.reader(after),
        session: query.text("session").map(session_id).transpose()?,
        goes_on: query.flag("follow")?.unwrap_or(true),
        control: app.control.clone(),
    };
    Ok(sse(follow.into_stream()))
}

struct Follow {
    reader: LifecycleReader,
    /// The last number that the client has.
    asked: u64,
    /// Only what happens to this session.
    session: Option<SessionId>,
    /// Beyond what has happened so far.
    goes_on: bool,
    control: Control,
}

impl Follow {
    /// It ends when ashd leaves, so that the client comes back.
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        futures_util::stream::unfold(self, |mut follow| async move {
            let chunk = follow.next().await?;
            Some((Ok(chunk), follow))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        let closing = self.control.host.closing.clone();
        let silence = tokio::time::sleep(HEARTBEAT);
        let mut silence = std::pin::pin!(silence);
        loop {
            // What is there goes out, also when ashd leaves.
            let told = match self.reader.now() {
                Some(told) => told,
                None if !self.goes_on => return None,
                None => tokio::select! {
                    told = self.reader.next() => told,
                    // What was told last, that ashd stops, still goes out.
                    () = closing.cancelled() => {
                        self.goes_on = false;
                        continue;
                    }
                    () = &mut silence => return Some(Bytes::from_static(b": heartbeat\n\n")),
                },
            };
            match told {
                Told::Event(event) if self.session.is_none() || self.session == event.session => {
                    let data = serde_json::to_string(&event).expect("an event has a JSON form");
                    let (id, name) = (event.number, event.event);
                    return Some(Bytes::from(format!("id: {id}\nevent: {name}\ndata: {data}\n\n")));
                }
                Told::Event(_of_others) => {}
                Told::Gap { from, restarted } => {
                    let reason =
                        if restarted { ResyncReason::Restarted } else { ResyncReason::Pruned };
                    let resync = Resync { reason, asked: self.asked, from };
                    let data = serde_json::to_string(&resync).expect("numbers have a JSON form");
                    let name = event::RESYNC;
                    return Some(Bytes::from(format!(
                        "id: {from}\nevent: {name}\ndata: {data}\n\n"
                    )));
                }
            }
        }
    }
}
