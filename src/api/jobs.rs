//! Jobs over REST. The original calls them the queue.

use axum::body::Body;
use axum::extract::{Extension, OriginalUri, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;
use super::once::Once;
use super::params::{Query, bad, collect, job_id, json};
use crate::control::Caller;
use crate::control::jobs::JobFilter;
use crate::session::job::JobStatus;
use crate::wire::jobs::{CreateJob, JobAnswer};

/// Largest request: the longest prompt, each character of it escaped.
const BODY_BYTES_MAX: u64 = 4 << 20;

/// Jobs in a list: the original's numbers.
const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 500;

pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = collect(&headers, body, BODY_BYTES_MAX).await?;
    let request: CreateJob = json(&body)?;
    let once = Once::of(&caller, &headers, "POST /api/queue", &body)?;
    let control = app.control.clone();
    let work = async move {
        let item = control.create_job(&caller, request).await?;
        Ok(JobAnswer { item })
    };
    once.created(&app, work).await
}

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let status = match query.text("status") {
        None => None,
        Some(text) => Some(JobStatus::parse(text).ok_or_else(|| {
            let words = JobStatus::ALL.map(JobStatus::as_str).join(", ");
            bad("status", format!("`status` is one of {words}"))
        })?),
    };
    let limit = query.number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    Ok(axum::Json(app.control.jobs(&caller, JobFilter { status, limit }).await?).into_response())
}

pub(super) async fn count(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.job_stats(&caller).await?).into_response())
}

pub(super) async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let item = app.control.job(&caller, job_id(&id)?).await?;
    Ok(axum::Json(JobAnswer { item }).into_response())
}

pub(super) async fn cancel(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let item = app.control.cancel_job(&caller, job_id(&id)?).await?;
    Ok(axum::Json(JobAnswer { item }).into_response())
}
