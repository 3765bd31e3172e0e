//! Schedules over REST.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;
use super::once::Once;
use super::params::{Query, collect, json, schedule_id};
use crate::control::Caller;
use crate::wire::Deleted;
use crate::wire::jobs::JobAnswer;
use crate::wire::schedules::{ChangeSchedule, CreateSchedule, ScheduleEnvelope};

/// Largest request: the longest prompt, each character of it escaped.
const BODY_BYTES_MAX: u64 = 4 << 20;

pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = collect(&headers, body, BODY_BYTES_MAX).await?;
    let request: CreateSchedule = json(&body)?;
    let once = Once::of(&caller, &headers, "POST /api/schedules", &body)?;
    let control = app.control.clone();
    let work = async move {
        let schedule = control.create_schedule(&caller, request).await?;
        Ok(ScheduleEnvelope { schedule })
    };
    once.created(&app, work).await
}

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Refused> {
    let of_all = Query::parse(&uri)?.flag("allTenants")?.unwrap_or(false);
    Ok(axum::Json(app.control.schedules(&caller, of_all).await?).into_response())
}

pub(super) async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let schedule = app.control.schedule(&caller, schedule_id(&id)?).await?;
    Ok(axum::Json(ScheduleEnvelope { schedule }).into_response())
}

pub(super) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let request: ChangeSchedule = json(&collect(&headers, body, BODY_BYTES_MAX).await?)?;
    let schedule = app.control.change_schedule(&caller, schedule_id(&id)?, request).await?;
    Ok(axum::Json(ScheduleEnvelope { schedule }).into_response())
}

pub(super) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    app.control.delete_schedule(&caller, schedule_id(&id)?).await?;
    Ok(axum::Json(Deleted { deleted: true }).into_response())
}

pub(super) async fn run(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let id = schedule_id(&id)?;
    let once = Once::of(&caller, &headers, &format!("POST /api/schedules/{id}/run"), b"")?;
    let control = app.control.clone();
    let work = async move {
        let item = control.run_schedule(&caller, id).await?;
        Ok(JobAnswer { item })
    };
    once.created(&app, work).await
}
