//! What is around every request: its id, how long it took, and a line for the log.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::metrics::{Counter, Histogram, Page, QUICK};
use crate::telemetry::{self, Context, Kind, Span, TRACE_PARENT};
use crate::wire::operations::{OPERATIONS, Route};

/// Names a request: a client's own name for it, or one that is made here. Every answer has it.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// Longest name that a client may give: a UUID has 36 bytes, what tracing systems use 128 at most.
const REQUEST_ID_BYTES_MAX: usize = 128;

tokio::task_local! {
    /// Of the request that this task answers.
    static REQUEST: HeaderValue;
}

/// Requests of one operation.
#[derive(Debug)]
struct Requests {
    /// By the first digit of the status, from 2 on.
    by_status: [Counter; 4],
    took: Histogram,
}

const STATUSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// One for each row of the table of operations, and one for what is not in it.
static REQUESTS: [Requests; OPERATIONS.len() + 1] =
    [const { Requests { by_status: [const { Counter::new() }; 4], took: Histogram::new(QUICK) } };
        OPERATIONS.len() + 1];

pub(super) async fn observe(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let row = row(&request);
    let route: Option<&'static Route> = row.and_then(|row| OPERATIONS.get(row));
    request.extensions_mut().insert(route);
    let id = own_id(request.headers()).unwrap_or_else(made_id);
    let traced = Traced::begin(&request, route);
    let work = telemetry::within(traced.context, next.run(request));
    let mut response = REQUEST.scope(id.clone(), work).await;
    let (status, took) = (response.status(), began.elapsed());
    if let Some(requests) = REQUESTS.get(row.unwrap_or(OPERATIONS.len())) {
        requests.took.observe(took);
        if let Some(counter) = requests.by_status.get(digit(status)) {
            counter.add(1);
        }
    }
    tracing::debug!(
        operation = route.map(|route| tracing::field::debug(route.operation)),
        status = status.as_u16(),
        milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        request = id.to_str().unwrap_or_default(),
        trace = traced.context.map(Context::trace),
        "answered"
    );
    if let Some(context) = traced.context {
        let value = HeaderValue::try_from(context.to_string());
        response.headers_mut().insert(TRACE_PARENT, value.expect("digits are plain text"));
    }
    traced.end(route, status, took, &id);
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The trace that a request is a part of, if it is one.
#[derive(Debug)]
struct Traced {
    /// What the client says.
    parent: Option<Context>,
    /// What is done for the request is done for this span.
    context: Option<Context>,
    began: Timestamp,
}

impl Traced {
    /// What makes something begins a trace; what only looks is a part of its client's.
    fn begin(request: &Request, route: Option<&Route>) -> Self {
        let given = request.headers().get(TRACE_PARENT).and_then(|value| value.to_str().ok());
        let parent: Option<Context> = given.and_then(|text| text.parse().ok());
        let makes = route.is_some() && request.method() == Method::POST;
        let context = match parent {
            // Nobody collects: it is passed on as it came.
            Some(_) if !telemetry::is_on() => parent,
            Some(parent) => Some(parent.child()),
            None => (makes && telemetry::is_on()).then(|| Context::root(Uuid::new_v4())),
        };
        Self { parent, context, began: Timestamp::now() }
    }

    fn end(self, route: Option<&Route>, status: StatusCode, took: Duration, id: &HeaderValue) {
        let (Some(context), true) = (self.context, telemetry::is_on()) else { return };
        let (method, path) = route.map_or(("", "none"), |route| (route.method, route.path));
        telemetry::tell(Span {
            name: format!("{method} {path}").trim_start().to_owned(),
            kind: Kind::Server,
            context,
            parent: self.parent,
            began: self.began,
            took,
            error: status.is_server_error().then(|| status.as_u16().to_string()),
            attributes: vec![
                ("http.request.method", method.into()),
                ("http.route", path.into()),
                ("http.response.status_code", u64::from(status.as_u16()).into()),
                ("ash.request", id.to_str().unwrap_or_default().into()),
            ],
        });
    }
}

/// The operation that is asked for, if there is one, by its place in the table.
fn row(request: &Request) -> Option<usize> {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str)?;
    // HEAD is GET without a body.
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    OPERATIONS.iter().position(|route| route.path == path && route.method == method.as_str())
}

fn digit(status: StatusCode) -> usize {
    usize::from(status.as_u16() / 100).saturating_sub(2)
}

/// The client's, if it is one that can stand in a log.
fn own_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(REQUEST_ID)?;
    let bytes = id.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
    let fits = (1..=REQUEST_ID_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(plain);
    fits.then(|| id.clone())
}

fn made_id() -> HeaderValue {
    HeaderValue::try_from(Uuid::now_v7().to_string()).expect("a UUID is plain text")
}

/// The name of the request that this task answers.
pub(super) fn request_id() -> Option<String> {
    REQUEST.try_with(|id| id.to_str().ok().map(str::to_owned)).ok().flatten()
}

/// Writes what was counted, of operations that were asked for.
pub(super) fn write(page: &mut Page) {
    let rows = || {
        let names = OPERATIONS.iter().map(|route| format!("{:?}", route.operation));
        names
            .chain(["none".to_owned()])
            .zip(&REQUESTS)
            .filter(|(_, requests)| requests.took.count() > 0)
    };
    page.metric("ash_http_requests_total");
    for (name, requests) in rows() {
        for (status, counter) in STATUSES.iter().zip(&requests.by_status) {
            page.count(&[("operation", &name), ("status", status)], counter);
        }
    }
    page.metric("ash_http_request_duration_seconds");
    for (name, requests) in rows() {
        page.durations(&[("operation", &name)], &requests.took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_own_id_is_kept_if_it_can_stand_in_a_log() {
        let kept = |id: &str| {
            let value = HeaderValue::from_bytes(id.as_bytes()).unwrap();
            own_id(&HeaderMap::from_iter([(REQUEST_ID.parse().unwrap(), value)])).is_some()
        };
        for fine in
            ["a", "0199c2b5-5b2e-7c31-9c0b-6f1d6d1f2b3a", "Root=1-5/a_b.c:d+e", &"x".repeat(128)]
        {
            assert!(kept(fine), "{fine}");
        }
        for odd in ["", "a b", "a\tb", "\u{e9}", "a\"b", "a,b", &"x".repeat(129)] {
            assert!(!kept(odd), "{odd}");
        }
    }
}
