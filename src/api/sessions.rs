//! Sessions over REST.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;
use super::once::Once;
use super::params::{Query, bad, collect, json, place, session_id};
use super::validator::{tagged, unchanged};
use crate::control::Caller;
use crate::control::list::{LIMIT_DEFAULT, SessionQuery};
use crate::session::Status;
use crate::wire::sessions::{ConfigureSession, CreateSession, Fork, ForkEnvelope, SessionEnvelope};

/// Largest request for a session: a system prompt of a megabyte, escaped, and servers.
const CREATE_BYTES_MAX: u64 = 16 << 20;

pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = collect(&headers, body, CREATE_BYTES_MAX).await?;
    let request: CreateSession = json(&body)?;
    let once = Once::of(&caller, &headers, "POST /api/sessions", &body)?;
    let control = app.control.clone();
    let work = async move {
        let session = control.create(&caller, &request).await?;
        Ok(SessionEnvelope { session })
    };
    once.created(&app, work).await
}

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let agent = match query.text("agent") {
        None => None,
        Some(name) => match name.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                return Err(bad("agent", format!("the agent's name is not usable: {error}")));
            }
        },
    };
    let status = match query.text("status") {
        None => None,
        Some(text) => Some(Status::parse(text).ok_or_else(|| {
            let text = "`status` is one of starting, active, paused, stopped, ended, error";
            bad("status", text.to_owned())
        })?),
    };
    let limit = query.number("limit", 1..=LIMIT_DEFAULT)?;
    let offset = query.number("offset", 0..=u64::from(u32::MAX))?;
    let after = place(&query)?;
    let query = SessionQuery { agent, status, limit, offset, after };
    let listed = app.control.sessions(&caller, query).await?;
    Ok(axum::Json(listed).into_response())
}

pub(super) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let session = app.control.session(&caller, session_id(&id)?).await?;
    Ok(tagged(&headers, &SessionEnvelope { session }))
}

pub(super) async fn end(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let session = app.control.end(&caller, session_id(&id)?).await?;
    Ok(axum::Json(SessionEnvelope { session }).into_response())
}

pub(super) async fn configure(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let id = session_id(&id)?;
    let patch: ConfigureSession = json(&collect(&headers, body, CREATE_BYTES_MAX).await?)?;
    // Between the look and the change comes no other.
    let _alone = app.control.alone.with(id.to_string()).await;
    if headers.contains_key(header::IF_MATCH) {
        let session = app.control.session(&caller, id).await?;
        unchanged(&headers, &SessionEnvelope { session })?;
    }
    let session = app.control.configure(&caller, id, patch).await?;
    Ok(axum::Json(SessionEnvelope { session }).into_response())
}

pub(super) async fn pause(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let session = app.control.pause(&caller, session_id(&id)?).await?;
    Ok(axum::Json(SessionEnvelope { session }).into_response())
}

pub(super) async fn resume(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let session = app.control.resume(&caller, session_id(&id)?).await?;
    Ok(axum::Json(SessionEnvelope { session }).into_response())
}

pub(super) async fn stop(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let session = app.control.stop(&caller, session_id(&id)?).await?;
    Ok(axum::Json(SessionEnvelope { session }).into_response())
}

pub(super) async fn fork(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let (id, turn) =
        (session_id(&id)?, Query::parse(&uri)?.number("turn", 1..=u64::from(u32::MAX))?);
    let (control, asker) = (app.control.clone(), caller.clone());
    let work = async move {
        let session = control.fork(&asker, id, turn).await?;
        Ok(ForkEnvelope { session, fork: Fork { turn, files: "now".to_owned() } })
    };
    let operation = format!("POST /api/sessions/{id}/fork");
    let request = turn.map(|turn| turn.to_string()).unwrap_or_default();
    let once = Once::of(&caller, &headers, &operation, request.as_bytes())?;
    once.created(&app, work).await
}

pub(super) async fn archive(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Refused> {
    let (id, keep) = (session_id(&id)?, Query::parse(&uri)?.flag("keep")?.unwrap_or(false));
    // As with a creation: a client that leaves must not leave it half done.
    let control = app.control.clone();
    let archived = tokio::spawn(async move { control.archive(&caller, id, keep).await });
    let session = archived.await.map_err(|_panicked| crate::control::Refusal::Worker)??;
    Ok(axum::Json(SessionEnvelope { session }).into_response())
}

pub(super) async fn restore(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let id = session_id(&id)?;
    let control = app.control.clone();
    let restored = tokio::spawn(async move { control.restore(&caller, id).await });
    let session = restored.await.map_err(|_panicked| crate::control::Refusal::Worker)??;
    Ok(axum::Json(SessionEnvelope { session }).into_response())
}
