//! Which request gets which answer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Part, answer};
use super::ledger::{RequestRecord, Requests};
use super::request::MessagesRequest;
use super::stream::{Cut, Head, document, events};
use crate::simulation::{Usage, tokens};

/// Longest request body in bytes: the API's own limit.
const REQUEST_BYTES_MAX: usize = 32 << 20;

/// What a 429 tells to wait, in seconds: one, so that tests go on soon.
const RETRY_AFTER_SECONDS: &str = "1";

/// Texts whose refusals are counted: more than any test uses between two resets.
const REFUSED_TEXTS_MAX: usize = 10_000;

/// The models the stand-in says it has.
const MODELS: [(&str, &str); 3] = [
    ("claude-opus-5-5", "Claude Opus 5.5"),
    ("claude-sonnet-5-5", "Claude Sonnet 5.5"),
    ("claude-haiku-4-5", "Claude Haiku 4.5"),
];

type Body = UnsyncBoxBody<Bytes, Cut>;

/// The stand-in behind its connections.
#[derive(Debug)]
pub(super) struct Service {
    require_key: Option<String>,
    answers: AtomicU64,
    requests: Mutex<Requests>,
    /// How often each text was refused because of `[[errorN:…]]`.
    refused: Mutex<HashMap<String, usize>>,
}

impl Service {
    pub(super) fn new(require_key: Option<String>) -> Self {
        Self {
            require_key,
            answers: AtomicU64::new(0),
            requests: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    pub(super) fn requests(&self) -> Requests {
        lock(&self.requests).clone()
    }

    pub(super) fn reset(&self) {
        *lock(&self.requests) = Requests::default();
        lock(&self.refused).clear();
    }

    /// Answers one request; an error closes its connection without a word.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        match (&head.method, path) {
            (&Method::GET, "/__stand-in/requests") => {
                return Ok(json_response(StatusCode::OK, &json!(self.requests())));
            }
            (&Method::POST, "/__stand-in/reset") => {
                self.reset();
                return Ok(json_response(StatusCode::OK, &json!({})));
            }
            _ => {}
        }
        let mut record = RequestRecord::arriving(&head.method, path, &head.headers);
        let read = Limited::new(body, REQUEST_BYTES_MAX).collect().await;
        let body = match read {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                lock(&self.requests).add(record);
                return Ok(refusal(413));
            }
            // The client went away.
            Err(_) => return Err(Cut),
        };
        record.bytes = body.len();
        record.model = model(&body);
        lock(&self.requests).add(record);
        if !self.may_pass(&head.headers) {
            return Ok(refusal(401));
        }
        match (&head.method, path) {
            (&Method::POST, "/v1/messages") => self.messages(&body).await,
            (&Method::POST, "/v1/messages/count_tokens") => {
                let count = json!({"input_tokens": tokens(body.len())});
                Ok(json_response(StatusCode::OK, &count))
            }
            (&Method::GET, "/v1/models") => Ok(json_response(StatusCode::OK, &models())),
            (&Method::HEAD | &Method::GET, "/") => Ok(json_response(StatusCode::OK, &json!({}))),
            _ => Ok(refusal(404)),
        }
    }

    async fn messages(&self, body: &[u8]) -> Result<Response<Body>, Cut> {
        let request: MessagesRequest = match serde_json::from_slice(body) {
            Ok(request) => request,
            Err(error) => {
                let told = error_document("invalid_request_error", &error.to_string());
                return Ok(json_response(StatusCode::BAD_REQUEST, &told));
            }
        };
        let parts = match answer(&request) {
            Answer::Message(parts) => parts,
            Answer::Refusal { status } => return Ok(refusal(status)),
            Answer::RefusalAtFirst { status, times, then } => {
                if self.refuses_again(&request.conversation().said, times) {
                    return Ok(refusal(status));
                }
                then
            }
            Answer::Drop => return Err(Cut),
        };
        let head = Head {
            number: self.answers.fetch_add(1, Ordering::Relaxed),
            model: request.model.clone(),
            usage: usage(body.len(), &parts),
        };
        if request.stream {
            let response = Response::builder()
                .header(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")
                .header(header::CACHE_CONTROL, "no-cache");
            let body = StreamBody::new(events(&head, &parts)).boxed_unsync();
            return Ok(with_request_id(response).body(body).expect("these headers are valid"));
        }
        let (document, pause) = document(&head, &parts);
        tokio::time::sleep(pause).await;
        Ok(json_response(StatusCode::OK, &document))
    }

    fn refuses_again(&self, text: &str, times: usize) -> bool {
        let mut refused = lock(&self.refused);
        if refused.len() >= REFUSED_TEXTS_MAX {
            refused.clear();
        }
        let count = refused.entry(text.to_owned()).or_default();
        *count += 1;
        *count <= times
    }

    fn may_pass(&self, headers: &HeaderMap) -> bool {
        let Some(key) = &self.require_key else { return true };
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
        [text("x-api-key"), bearer].contains(&Some(key.as_str()))
    }
}

/// Nothing that is guarded here is ever left half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn model(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        model: String,
    }
    Some(serde_json::from_slice::<Named>(body).ok()?.model)
}

fn usage(request_bytes: usize, parts: &[Part]) -> Usage {
    let output: usize = parts
        .iter()
        .map(|part| match part {
            Part::Text { text, .. } | Part::Thinking { text } => text.len(),
            Part::Tool { input, .. } => input.to_string().len(),
            Part::Pause(_) | Part::Silence | Part::Failure | Part::Cut => 0,
        })
        .sum();
    Usage { input_tokens: tokens(request_bytes), output_tokens: tokens(output), ..Usage::default() }
}

fn models() -> Value {
    let data: Vec<Value> = MODELS
        .iter()
        .map(|(id, name)| {
            json!({"type": "model", "id": id, "display_name": name,
                   "created_at": "2026-01-01T00:00:00Z"})
        })
        .collect();
    json!({"data": data, "has_more": false, "first_id": MODELS[0].0, "last_id": MODELS[2].0})
}

/// A refusal in the API's own words.
fn refusal(status: u16) -> Response<Body> {
    let (kind, message) = match status {
        400 => ("invalid_request_error", "the request was refused on purpose"),
        401 => ("authentication_error", "invalid x-api-key"),
        403 => ("permission_error", "Your API key does not have permission to use this resource"),
        404 => ("not_found_error", "Not found"),
        413 => ("request_too_large", "Request exceeds the maximum size"),
        429 => ("rate_limit_error", "This request would exceed your account's rate limit."),
        529 => ("overloaded_error", "Overloaded"),
        500..600 => ("api_error", "Internal server error"),
        _ => ("invalid_request_error", "the request was refused on purpose"),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_response(status, &error_document(kind, message));
    if status == StatusCode::TOO_MANY_REQUESTS {
        let seconds = header::HeaderValue::from_static(RETRY_AFTER_SECONDS);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

fn error_document(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message},
           "request_id": "req_standin"})
}

fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    let body = Full::from(value.to_string()).map_err(|never: Infallible| match never {});
    with_request_id(Response::builder().status(status))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.boxed_unsync())
        .expect("these headers are valid")
}

fn with_request_id(response: http::response::Builder) -> http::response::Builder {
    response.header("request-id", "req_standin")
}
