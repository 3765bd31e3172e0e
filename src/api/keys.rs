//! API keys over REST.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;
use super::once::Once;
use super::params::{collect, json, key_id};
use crate::control::Caller;
use crate::wire::Done;
use crate::wire::keys::{CreateApiKey, TENANT};

/// Largest request: a label and a few words.
const BODY_BYTES_MAX: u64 = 16 << 10;

pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = collect(&headers, body, BODY_BYTES_MAX).await?;
    // The original's clients send none at all where they have no label.
    let request =
        if body.is_empty() { CreateApiKey::default() } else { json::<CreateApiKey>(&body)? };
    let once = Once::of(&caller, &headers, "POST /api/api-keys", &body)?;
    let control = app.control.clone();
    let work = async move { control.create_key(&caller, request).await };
    once.created(&app, work).await
}

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let names_tenant = headers.contains_key(TENANT);
    Ok(axum::Json(app.control.list_keys(&caller, names_tenant)).into_response())
}

pub(super) async fn revoke(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    app.control.revoke_key(&caller, key_id(&id)?).await?;
    Ok(axum::Json(Done { ok: true }).into_response())
}
