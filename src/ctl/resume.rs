//! A stream of events that is come back to: who is cut off asks for what stands behind the last
//! event that was seen.

use std::time::Duration;

use http::Method;
use http::header::{HeaderName, HeaderValue};
use sse_stream::Sse;
use tokio::time::{Instant, sleep};

use super::exit::Exit;
use super::failure::Failure;
use super::server::{Server, request};
use crate::web::client::{Events, empty};
use crate::wire::turns::LAST_EVENT_ID;

/// Waits between two tries to come back, the first and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Seconds for which a follower tries to come back: a restart of ashd takes one, of a host longer.
pub(crate) const RECONNECT_SECONDS: u64 = 60;

/// Events behind a path of the API.
pub(crate) struct Resuming<'a> {
    server: &'a Server,
    target: String,
    events: Option<Events>,
    last: Option<u64>,
    away: Option<(Instant, Duration)>,
    /// How long the server may be away; zero for a stream that ends by itself.
    patience: Duration,
}

impl<'a> Resuming<'a> {
    pub(crate) fn new(server: &'a Server, target: String, patience: Duration) -> Self {
        Self { server, target, events: None, last: None, away: None, patience }
    }

    /// The next event; `None` if the server ended the stream and it is not to be come back to, or
    /// says that nothing will ever come. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Option<Sse>, Failure> {
        loop {
            let Some(events) = &mut self.events else {
                if !self.open().await? {
                    return Ok(None);
                }
                continue;
            };
            let lost = match events.next().await {
                Ok(Some(event)) => {
                    let id = event.id.as_deref().and_then(|id| id.parse().ok());
                    self.last = id.or(self.last);
                    self.away = None;
                    return Ok(Some(event));
                }
                Ok(None) if self.patience.is_zero() => return Ok(None),
                Ok(None) => Failure::new(Exit::Unreachable, "the server ended the stream"),
                Err(error) => error.into(),
            };
            self.events = None;
            self.pause(lost).await?;
        }
    }

    /// Whether there is a stream.
    async fn open(&mut self) -> Result<bool, Failure> {
        let mut request = request(Method::GET, &self.target, empty());
        if let Some(last) = self.last {
            let name = HeaderName::from_static(LAST_EVENT_ID);
            request.headers_mut().insert(name, HeaderValue::from(last));
        }
        match self.server.reach(request).await {
            Ok(Ok(answer)) if answer.status == http::StatusCode::NO_CONTENT => return Ok(false),
            Ok(Ok(answer)) => self.events = Some(answer.events()),
            // A server that stops, or a proxy before one that is away.
            Ok(Err(failure))
                if self.came_once()
                    && matches!(failure.exit, Exit::Unreachable | Exit::Failure) =>
            {
                self.pause(failure).await?;
            }
            Ok(Err(failure)) => return Err(failure),
            Err(error) if self.came_once() => self.pause(error.into()).await?,
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// Who was never there is not waited for.
    fn came_once(&self) -> bool {
        self.last.is_some() || self.away.is_some()
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
