//! What sessions ask before they use a tool, over REST.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;
use super::params::{bad, collect, json, session_id};
use crate::control::Caller;
use crate::wire::permissions::AnswerPermission;

/// Largest answer: the changed input of a tool, e.g. a file that is written.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.permissions(&caller, session_id(&id)?).await?).into_response())
}

pub(super) async fn answer(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((id, permission)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let id = session_id(&id)?;
    let permission = permission.parse().map_err(|_invalid| {
        bad("permission", "`permission` is the UUID of a question".to_owned())
    })?;
    let request: AnswerPermission = json(&collect(&headers, body, ANSWER_BYTES_MAX).await?)?;
    // A client that leaves must not leave it half done.
    let control = app.control.clone();
    let answered =
        tokio::spawn(
            async move { control.answer_permission(&caller, id, permission, request).await },
        );
    let answered = answered.await.map_err(|_panicked| crate::control::Refusal::Worker)??;
    Ok(axum::Json(answered).into_response())
}
