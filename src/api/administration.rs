//! What concerns the host: for those who come over the admin socket.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;

pub(super) async fn configuration(State(app): State<App>) -> Response {
    axum::Json(app.control.configuration()).into_response()
}

pub(super) async fn reload(State(app): State<App>) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.reload().await?).into_response())
}

pub(super) async fn load(State(app): State<App>) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.load().await?).into_response())
}

pub(super) async fn drain(State(app): State<App>) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.drain().await?).into_response())
}

pub(super) async fn undo_drain(State(app): State<App>) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.undo_drain().await?).into_response())
}

pub(super) async fn drain_state(State(app): State<App>) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.drain_state().await?).into_response())
}
