//! Messages, interrupts and the history over REST.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;
use super::once::idempotency_key;
use super::params::{Query, bad, collect, json, last_event_id, place, session_id};
use super::stream::{EventBody, event_stream};
use crate::control::Caller;
use crate::control::history::Page;
use crate::control::send::Delivery;
use crate::session::timeline;
use crate::telemetry;
use crate::wire::turns::{SendMessage, TURN_ID};

/// Largest message: the original's limit, for images and documents.
const MESSAGE_BYTES_MAX: u64 = 50 << 20;
/// Rows of a page when the request names no number; the original's.
const MESSAGES_LIMIT_DEFAULT: u32 = 100;
const EVENTS_LIMIT_DEFAULT: u32 = 200;

/// Entries of the audit in one answer when the request names no limit.
const AUDIT_LIMIT_DEFAULT: u32 = 200;
/// Most rows of a page.
const LIMIT_MAX: u32 = 1_000;

pub(super) async fn send(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let id = session_id(&id)?;
    let delivery = Delivery {
        key: idempotency_key(&headers)?,
        trace: telemetry::current(),
        after: last_event_id(&headers)?,
    };
    let body = collect(&headers, body, MESSAGE_BYTES_MAX).await?;
    let request: SendMessage = json(&body)?;
    drop(body);
    let (turn, events) = app.control.send(&caller, id, request, delivery).await?;
    let mut response = event_stream(EventBody::of_turn(events));
    let turn = HeaderValue::try_from(turn.to_string()).expect("a UUID is plain text");
    response.headers_mut().insert(TURN_ID, turn);
    Ok(response)
}

pub(super) async fn interrupt(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.interrupt(&caller, session_id(&id)?).await?).into_response())
}

pub(super) async fn messages(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let page = page(&query, MESSAGES_LIMIT_DEFAULT)?;
    Ok(axum::Json(app.control.messages(&caller, session_id(&id)?, page).await?).into_response())
}

pub(super) async fn events(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let page = page(&query, EVENTS_LIMIT_DEFAULT)?;
    let kind = query.text("type");
    if kind.is_some_and(|kind| !timeline::TYPES.contains(&kind)) {
        return Err(bad("type", format!("`type` is one of {}", timeline::TYPES.join(", "))));
    }
    Ok(axum::Json(app.control.timeline(&caller, session_id(&id)?, page, kind).await?)
        .into_response())
}

pub(super) async fn audit(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Refused> {
    let page = page(&Query::parse(&uri)?, AUDIT_LIMIT_DEFAULT)?;
    Ok(axum::Json(app.control.audit(&caller, session_id(&id)?, page).await?).into_response())
}

pub(super) async fn logs(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Refused> {
    let after = Query::parse(&uri)?.number("after", -1..=i64::MAX)?;
    let after = after.and_then(|after| u64::try_from(after).ok());
    Ok(axum::Json(app.control.logs(&caller, session_id(&id)?, after).await?).into_response())
}

fn page(query: &Query, limit_default: u32) -> Result<Page, Refused> {
    let after = query.number("after", 0..=i64::MAX.unsigned_abs())?.unwrap_or(0);
    Ok(Page {
        after: place(query)?.map_or(after, |[sequence]| sequence.unsigned_abs()),
        limit: query.number("limit", 1..=LIMIT_MAX)?.unwrap_or(limit_default),
    })
}
