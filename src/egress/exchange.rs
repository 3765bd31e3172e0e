//! One request and its answer on their way: counted, cut when the session is revoked, and one
//! line in the log when it is over.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::id::{CredentialId, SessionId};
use crate::web::body::{BodyError, Guarded};

use super::admissions::Pass;
use super::audit::{Decision, Subject, Verdict};
use super::ledger::Ledger;
use super::meter::{Meter, Metering};

/// Longest part of a path in the log: a sandbox chooses it.
const LOGGED_PATH_CHARACTERS_MAX: usize = 200;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// To the last byte.
    Complete,
    /// The sandbox went away.
    Abandoned,
    /// The upstream broke off or fell silent.
    Broken,
    /// The session may not pass any more.
    Revoked,
}

/// What is known of an exchange; its end writes the line.
#[derive(Debug)]
pub(super) struct Exchange {
    session: Option<SessionId>,
    credential: Option<CredentialId>,
    meter: Option<Arc<Meter>>,
    ledger: Arc<Ledger>,
    /// It went upstream.
    relayed: bool,
    method: Method,
    path: String,
    started: Instant,
    status: Option<StatusCode>,
    request_bytes: Arc<AtomicU64>,
    response_bytes: u64,
    outcome: Outcome,
}

impl Exchange {
    pub(super) fn begin(method: &Method, path: &str, ledger: &Arc<Ledger>) -> Self {
        Self {
            session: None,
            credential: None,
            meter: None,
            ledger: Arc::clone(ledger),
            relayed: false,
            method: method.clone(),
            path: path.escape_default().take(LOGGED_PATH_CHARACTERS_MAX).collect(),
            started: Instant::now(),
            status: None,
            request_bytes: Arc::default(),
            response_bytes: 0,
            outcome: Outcome::Abandoned,
        }
    }

    pub(super) fn identified(&mut self, pass: &Pass) {
        self.session = Some(pass.session);
        self.credential = pass.signer.credential();
        self.meter = Some(Arc::clone(&pass.meter));
    }

    pub(super) fn relayed(&mut self) {
        self.relayed = true;
    }

    pub(super) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    fn verdict(&self) -> Verdict {
        if self.relayed { Verdict::Allowed } else { Verdict::Refused }
    }

    /// The request's body, counted.
    pub(super) fn upload(&self, body: Guarded<Incoming>, meter: Arc<Meter>) -> Upload {
        Upload { body, meter, bytes: Arc::clone(&self.request_bytes) }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let session = self.session.map(tracing::field::display);
        let milliseconds = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "ash::egress",
            session,
            credential = self.credential.map(tracing::field::display),
            method = %self.method,
            path = %self.path,
            status = self.status.map(|status| status.as_u16()),
            request_bytes = self.request_bytes.load(Ordering::Relaxed),
            response_bytes = self.response_bytes,
            milliseconds,
            outcome = ?self.outcome,
            decision = self.verdict().as_str(),
        );
        let Some(session) = self.session else { return };
        self.ledger.enter(Decision {
            reason: format!("{:?}", self.outcome).to_lowercase(),
            request: Some(format!("{} {}", self.method, self.path)),
            status: self.status.map(|status| status.as_u16()),
            milliseconds: Some(milliseconds),
            sent: self.request_bytes.load(Ordering::Relaxed),
            received: self.response_bytes,
            used: self.meter.as_ref().map(|meter| meter.used()),
            credential: self.credential,
            ..Decision::new(session, Subject::Model, self.verdict())
        });
    }
}

/// A request's body on its way upstream.
#[derive(Debug)]
pub(super) struct Upload {
    body: Guarded<Incoming>,
    meter: Arc<Meter>,
    bytes: Arc<AtomicU64>,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        Pin::new(&mut this.body).poll_frame(context).map_ok(|frame| {
            let bytes = length(&frame);
            this.bytes.fetch_add(bytes, Ordering::Relaxed);
            this.meter.count_request_bytes(bytes);
            frame
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What cut an answer short.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("the session was revoked")]
    Revoked,
    #[error("the upstream's answer stopped")]
    Upstream { source: BodyError },
}

/// A response's body on its way into the sandbox; with it ends the exchange.
#[derive(Debug)]
pub(super) struct Answer {
    source: Source,
    /// None of what is no exchange with the model API.
    exchange: Option<Exchange>,
}

#[derive(Debug)]
enum Source {
    Own(Full<Bytes>),
    Upstream {
        body: Guarded<Incoming>,
        meter: Arc<Meter>,
        revoked: Pin<Box<WaitForCancellationFutureOwned>>,
        /// Of a message: dropped before the exchange, whose line has the sum.
        metering: Option<Box<Metering>>,
    },
}

impl Answer {
    /// Our own words.
    pub(super) fn own(body: Full<Bytes>, exchange: Exchange) -> Self {
        Self { source: Source::Own(body), exchange: Some(exchange) }
    }

    /// Our own words beside any exchange.
    pub(super) fn bare(body: Full<Bytes>) -> Self {
        Self { source: Source::Own(body), exchange: None }
    }

    /// The upstream's, as they come.
    pub(super) fn relayed(
        body: Guarded<Incoming>,
        meter: Arc<Meter>,
        revoked: CancellationToken,
        metering: Option<Metering>,
        exchange: Exchange,
    ) -> Self {
        let revoked = Box::pin(revoked.cancelled_owned());
        let metering = metering.map(Box::new);
        let source = Source::Upstream { body, meter, revoked, metering };
        Self { source, exchange: Some(exchange) }
    }
}

impl Source {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        match self {
            Self::Own(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Upstream { body, meter, revoked, metering } => {
                if revoked.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Some(Err(AnswerError::Revoked)));
                }
                let polled = Pin::new(&mut *body).poll_frame(context);
                let at_end = body.is_end_stream();
                polled
                    .map_ok(|frame| {
                        meter.count_response_bytes(length(&frame));
                        if let (Some(metering), Some(bytes)) = (metering, frame.data_ref()) {
                            metering.read(bytes, at_end);
                        }
                        frame
                    })
                    .map_err(|source| AnswerError::Upstream { source })
            }
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = AnswerError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        let this = self.get_mut();
        let polled = this.source.poll_frame(context);
        let Some(exchange) = &mut this.exchange else { return polled };
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => exchange.outcome = Outcome::Complete,
            Poll::Ready(Some(Ok(frame))) => exchange.response_bytes += length(frame),
            Poll::Ready(Some(Err(AnswerError::Revoked))) => exchange.outcome = Outcome::Revoked,
            Poll::Ready(Some(Err(error @ AnswerError::Upstream { source }))) => {
                exchange.outcome = Outcome::Broken;
                tracing::warn!(target: "ash::egress", cause = %source, "{error}");
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(body) => body.is_end_stream(),
            Source::Upstream { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(body) => body.size_hint(),
            Source::Upstream { body, .. } => body.size_hint(),
        }
    }
}

impl Drop for Answer {
    /// A body that says it is at its end, and one of an answer to HEAD, is not polled again.
    fn drop(&mut self) {
        let at_end = self.is_end_stream();
        let Some(exchange) = &mut self.exchange else { return };
        let over = at_end || exchange.method == Method::HEAD;
        if over && exchange.outcome == Outcome::Abandoned {
            exchange.outcome = Outcome::Complete;
        }
    }
}

fn length(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}
