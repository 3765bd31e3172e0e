//! Budgets over REST.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;
use super::params::{collect, json, session_id};
use crate::control::Caller;
use crate::wire::budgets::BudgetChange;
use crate::wire::sessions::SessionEnvelope;

/// Largest change of a budget: two numbers.
const BODY_BYTES_MAX: u64 = 4 << 10;

pub(super) async fn of_session(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let change: BudgetChange = json(&collect(&headers, body, BODY_BYTES_MAX).await?)?;
    let session = app.control.change_budget(&caller, session_id(&id)?, &change).await?;
    Ok(axum::Json(SessionEnvelope { session }).into_response())
}

pub(super) async fn of_tenant(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let change: BudgetChange = json(&collect(&headers, body, BODY_BYTES_MAX).await?)?;
    Ok(axum::Json(app.control.change_tenant_budget(&caller, &change).await?).into_response())
}

pub(super) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.tenant_budget(&caller).await?).into_response())
}
