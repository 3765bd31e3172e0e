//! Creations that are done once, however often a client asks with the same `Idempotency-Key`.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::App;
use super::answer::Refused;
use super::params::{bad, header_text};
use crate::control::answers::{Known, Repeatable};
use crate::control::{Caller, Control, Refusal};
use crate::telemetry;
use crate::wire::problem::{Code, Problem};
use crate::wire::turns::{IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_BYTES_MAX};

/// The header of an answer that was given before.
const REPLAYED: &str = "idempotency-replayed";

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(key) = header_text(headers, IDEMPOTENCY_KEY)? else { return Ok(None) };
    if key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        let text = format!("`{IDEMPOTENCY_KEY}` has at most {IDEMPOTENCY_KEY_BYTES_MAX} bytes");
        return Err(bad(IDEMPOTENCY_KEY, text));
    }
    Ok(Some(key.to_owned()))
}

/// A request that is to be done once.
#[derive(Debug)]
pub(super) struct Once(Option<Repeatable>);

impl Once {
    /// `operation` and `request` say what is asked.
    pub(super) fn of(
        caller: &Caller,
        headers: &HeaderMap,
        operation: &str,
        request: &[u8],
    ) -> Result<Self, Refused> {
        let key = idempotency_key(headers)?;
        let named = |key: String| Repeatable::new(&caller.tenant, operation, &key, request);
        Ok(Self(key.map(named)))
    }

    /// Does `work` and answers 201 with what it makes; or, for a key that was used, what was
    /// answered then. The work goes on without its client.
    pub(super) async fn created<T: Serialize + Send + 'static>(
        self,
        app: &App,
        work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
    ) -> Result<Response, Refused> {
        let (control, once) = (app.control.clone(), self.0);
        let done = tokio::spawn(telemetry::carried(async move {
            let Some(repeatable) = once else { return Ok((body(&work.await?), false)) };
            // The same request at the same time waits for the first, and has its answer.
            let _alone = control.alone.with(repeatable.name.clone()).await;
            match control.answers.known(&repeatable).await {
                Ok(Known::Answered(answer)) => return Ok((answer, true)),
                Ok(Known::Other) => return Err(reused()),
                Ok(Known::Nothing) => {}
                Err(error) => return Err(not_known(&error)),
            }
            let answer = body(&work.await?);
            keep(&control, &repeatable, &answer).await;
            Ok((answer, false))
        }));
        let (answer, replayed) = done.await.map_err(|_panicked| Refusal::Worker)??;
        Ok(answered(answer, replayed))
    }

    /// The same where the body of the request is a stream, of which nothing is kept: `work` reads it,
    /// and what it leaves is read behind it. The work ends with its stream. `head` is the rest of what
    /// is asked.
    pub(super) async fn uploaded<T, W>(
        self,
        app: &App,
        head: &[u8],
        stream: impl Read + Send + 'static,
        work: impl FnOnce(Digested) -> W,
    ) -> Result<Response, Refused>
    where
        T: Serialize,
        W: Future<Output = Result<T, Refusal>>,
    {
        let (control, stream) = (app.control.clone(), Digested::new(head, stream));
        let Some(repeatable) = self.0 else {
            return Ok(answered(body(&work(stream).await?), false));
        };
        let _alone = control.alone.with(repeatable.name.clone()).await;
        let known = |repeatable: Repeatable| {
            let answers = control.answers.clone();
            async move {
                let known = answers.known(&repeatable).await;
                known.map_err(|error| not_known(&error)).map(|known| (repeatable, known))
            }
        };
        let (repeatable, used) = known(repeatable).await?;
        if used == Known::Nothing {
            let answer = body(&work(stream.clone()).await?);
            match stream.whole().await {
                Ok(request) => keep(&control, &repeatable.asks(request), &answer).await,
                Err(error) => tracing::warn!(%error, "the end of a request could not be read"),
            }
            return Ok(answered(answer, false));
        }
        let request = stream.whole().await.map_err(|error| {
            let text = format!("the request could not be read to its end: {error}");
            Problem::new(Code::AgentInvalid, text)
        })?;
        match known(repeatable.asks(request)).await?.1 {
            Known::Answered(answer) => Ok(answered(answer, true)),
            Known::Other | Known::Nothing => Err(reused()),
        }
    }
}

/// A stream that is read by one and of which another wants the digest.
#[derive(Clone)]
pub(super) struct Digested(Arc<Mutex<(Box<dyn Read + Send>, Sha256)>>);

impl Digested {
    fn new(head: &[u8], stream: impl Read + Send + 'static) -> Self {
        let digest =
            Sha256::new().chain_update((head.len() as u64).to_be_bytes()).chain_update(head);
        Self(Arc::new(Mutex::new((Box::new(stream), digest))))
    }

    /// The digest of all of it; reads what is left.
    async fn whole(mut self) -> io::Result<[u8; 32]> {
        let read = tokio::task::spawn_blocking(move || {
            io::copy(&mut self, &mut io::sink())?;
            let digest = self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
            Ok(digest.finalize().into())
        });
        read.await.map_err(io::Error::other)?
    }
}

impl Read for Digested {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (stream, digest) = &mut *held;
        let count = stream.read(buffer)?;
        digest.update(&buffer[..count]);
        Ok(count)
    }
}

async fn keep(control: &Control, repeatable: &Repeatable, answer: &[u8]) {
    if let Err(error) = control.answers.keep(repeatable, answer).await {
        tracing::error!(%error, "an answer could not be kept for its idempotency key");
    }
}

fn answered(answer: Vec<u8>, replayed: bool) -> Response {
    let kind = HeaderValue::from_static("application/json");
    let mut response =
        (StatusCode::CREATED, [(header::CONTENT_TYPE, kind)], answer).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

fn body(made: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(made).expect("the types of the wire have a JSON form")
}

fn reused() -> Refused {
    Problem::new(Code::IdempotencyMismatch, "the idempotency key was used for another request")
        .hint("a retry repeats the request as it was; another request needs another key")
        .into()
}

/// Nothing is made twice because a disk fails.
fn not_known(error: &io::Error) -> Refused {
    tracing::error!(%error, "what an idempotency key was used for cannot be read");
    let text = "what the idempotency key was used for cannot be read; nothing was changed";
    Problem::new(Code::StoreUnavailable, text).into()
}
