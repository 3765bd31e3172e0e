//! Credentials of tenants over REST.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use zeroize::Zeroize as _;

use super::App;
use super::answer::Refused;
use super::once::Once;
use super::params::{collect, credential_id, json};
use crate::control::Caller;
use crate::wire::Deleted;
use crate::wire::credentials::{CreateCredential, CredentialEnvelope};

/// Largest request: a secret, every byte of it an escape, and a few words.
const BODY_BYTES_MAX: u64 = 64 << 10;

pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = collect(&headers, body, BODY_BYTES_MAX).await?;
    let request = json::<CreateCredential>(&body);
    let once = Once::of(&caller, &headers, "POST /api/credentials", &body);
    // Nobody but the connection may have these bytes as well, and it reads over them.
    if let Ok(mut bytes) = body.try_into_mut() {
        bytes.as_mut().zeroize();
    }
    let (request, control) = (request?, app.control.clone());
    let work = async move {
        let credential = control.create_credential(&caller, request).await?;
        Ok(CredentialEnvelope { credential })
    };
    once?.created(&app, work).await
}

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.list_credentials(&caller).await?).into_response())
}

pub(super) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    app.control.delete_credential(&caller, credential_id(&id)?).await?;
    Ok(axum::Json(Deleted { deleted: true }).into_response())
}
