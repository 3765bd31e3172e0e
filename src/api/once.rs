//! Creations that are done once, however often a client asks with the same `Idempotency-Key`.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::App;
use super::answer::Refused;
use super::params::{bad, header_text};
use crate::control::answers::{Known, Repeatable};
use crate::control::{Caller, Refusal};
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
        let done = tokio::spawn(async move {
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
            if let Err(error) = control.answers.keep(&repeatable, &answer).await {
                tracing::error!(%error, "an answer could not be kept for its idempotency key");
            }
            Ok((answer, false))
        });
        let (answer, replayed) = done.await.map_err(|_panicked| Refusal::Worker)??;
        let kind = HeaderValue::from_static("application/json");
        let mut response =
            (StatusCode::CREATED, [(header::CONTENT_TYPE, kind)], answer).into_response();
        if replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }
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
fn not_known(error: &std::io::Error) -> Refused {
    tracing::error!(%error, "what an idempotency key was used for cannot be read");
    let text = "what the idempotency key was used for cannot be read; nothing was changed";
    Problem::new(Code::StoreUnavailable, text).into()
}
