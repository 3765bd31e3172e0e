//! The queue of a session over REST.

use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;
use super::params::{session_id, turn_id};
use crate::control::Caller;

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.queue(&caller, session_id(&id)?).await?).into_response())
}

pub(super) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((id, turn)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let (id, turn) = (session_id(&id)?, turn_id("turn", &turn)?);
    Ok(axum::Json(app.control.remove_turn(&caller, id, turn).await?).into_response())
}

pub(super) async fn send_now(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((id, turn)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let (id, turn) = (session_id(&id)?, turn_id("turn", &turn)?);
    Ok(axum::Json(app.control.send_now(&caller, id, turn).await?).into_response())
}
