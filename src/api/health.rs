//! Health over REST: open, without a key.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::App;

pub(super) async fn health(State(app): State<App>) -> Response {
    axum::Json(app.control.health().await).into_response()
}
