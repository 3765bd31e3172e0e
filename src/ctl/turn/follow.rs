//! A turn's events, whatever becomes of the connection: who is cut off comes back and asks for
//! what stands behind the last event.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request};
use sse_stream::Sse;
use tokio::time::{Instant, sleep};

use crate::ctl::exit::Exit;
use crate::ctl::failure::Failure;
use crate::ctl::server::{Server, request};
use crate::id::SessionId;
use crate::web::client::{Answer, Body, ClientError, Events, empty, full};
use crate::wire::turns::{IDEMPOTENCY_KEY, LAST_EVENT_ID, SendMessage, TURN_ID, event};

/// Waits between two tries to come back, the first and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The events of one turn.
pub(super) struct Follow<'a> {
    server: &'a Server,
    session: SessionId,
    message: Vec<u8>,
    partial: bool,
    /// Names the message, so that it is said once however often it is sent.
    key: HeaderValue,
    /// The turn, once the server has told it. One that does not tell cannot be come back to.
    turn: Option<HeaderValue>,
    events: Option<Events>,
    last: Option<u64>,
    /// Since when the server is away, and the next pause.
    away: Option<(Instant, Duration)>,
    /// How long it may be.
    patience: Duration,
}

impl<'a> Follow<'a> {
    pub(super) fn new(
        server: &'a Server,
        session: SessionId,
        message: &SendMessage,
        patience: Duration,
    ) -> Self {
        let key = uuid::Uuid::new_v4().to_string();
        Self {
            server,
            session,
            message: serde_json::to_vec(message).expect("the types of the wire have a JSON form"),
            partial: message.include_partial_messages,
            key: HeaderValue::try_from(key).expect("a UUID is plain text"),
            turn: None,
            events: None,
            last: None,
            away: None,
            patience,
        }
    }

    /// Sends the message; the server has taken it when this succeeds.
    pub(super) async fn send(&mut self) -> Result<(), Failure> {
        loop {
            match self.open().await {
                Ok(opened) => return opened,
                // The answer may have been lost behind a message that was taken: only the server
                // knows, when it is back.
                Err(error @ (ClientError::Lost { .. } | ClientError::NoAnswer { .. })) => {
                    self.pause(error.into()).await?;
                }
                Err(error) if self.away.is_some() => self.pause(error.into()).await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The next event of the turn. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Sse, Failure> {
        loop {
            let Some(events) = &mut self.events else {
                match self.open().await {
                    Ok(Ok(())) => {}
                    // A server that stops, or a proxy before one that is away.
                    Ok(Err(failure)) if may_pass(failure.exit) => self.pause(failure).await?,
                    Ok(Err(failure)) => return Err(failure),
                    Err(error) => self.pause(error.into()).await?,
                }
                continue;
            };
            let lost = match events.next().await {
                Ok(Some(event)) => {
                    let id = event.id.as_deref().and_then(|id| id.parse::<u64>().ok());
                    let is_new = id.is_none_or(|id| self.last.is_none_or(|last| id > last));
                    self.away = None;
                    self.last = id.or(self.last);
                    if is_new && event.event.as_deref() != Some(event::RESYNC) {
                        return Ok(event);
                    }
                    continue;
                }
                Ok(None) => Failure::new(
                    Exit::Unreachable,
                    "the server ended the stream before the turn was over",
                ),
                Err(error) => Failure::from(error),
            };
            self.events = None;
            if self.turn.is_none() {
                return Err(lost);
            }
            self.pause(lost).await?;
        }
    }

    /// Sends the message, or comes back to its turn.
    async fn open(&mut self) -> Result<Result<(), Failure>, ClientError> {
        Ok(match self.server.reach(self.request()).await? {
            Ok(answer) => {
                self.turn = turn(&answer).or(self.turn.take());
                self.events = Some(answer.events());
                Ok(())
            }
            Err(failure) => Err(failure),
        })
    }

    fn request(&self) -> Request<Body> {
        let session = self.session;
        let mut request = match self.turn.as_ref().and_then(|turn| turn.to_str().ok()) {
            None => {
                let target = format!("/api/sessions/{session}/messages");
                let mut request = request(Method::POST, &target, full(self.message.clone()));
                let headers = request.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                headers.insert(HeaderName::from_static(IDEMPOTENCY_KEY), self.key.clone());
                request
            }
            Some(turn) => {
                let partial = self.partial;
                let target = format!(
                    "/api/sessions/{session}/stream?turn={turn}&includePartialMessages={partial}"
                );
                request(Method::GET, &target, empty())
            }
        };
        if let Some(last) = self.last {
            let name = HeaderName::from_static(LAST_EVENT_ID);
            request.headers_mut().insert(name, HeaderValue::from(last));
        }
        request
    }

    /// Waits a little, or gives up with what went wrong.
    async fn pause(&mut self, failure: Failure) -> Result<(), Failure> {
        let (since, pause) = *self.away.get_or_insert_with(|| (Instant::now(), PAUSE_MIN));
        if since.elapsed() >= self.patience {
            return Err(failure);
        }
        self.away = Some((since, (pause * 2).min(PAUSE_MAX)));
        sleep(pause).await;
        Ok(())
    }
}

fn may_pass(exit: Exit) -> bool {
    matches!(exit, Exit::Unreachable | Exit::Failure)
}

/// Which turn it is, in a form that can stand in a target.
fn turn(answer: &Answer) -> Option<HeaderValue> {
    let turn = answer.headers.get(TURN_ID)?;
    uuid::Uuid::parse_str(turn.to_str().ok()?).ok().map(|_uuid| turn.clone())
}
