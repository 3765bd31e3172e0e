//! Attachments over REST.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::App;
use super::answer::Refused;
use super::files::raw;
use super::once::Once;
use super::params::{attachment_id, bad, collect, json, session_id};
use crate::control::Caller;
use crate::control::attachments::NewAttachment;
use crate::wire::Deleted;
use crate::wire::attachments::{AttachmentEnvelope, CreateAttachment};

/// What stands in a document beside the content.
const REST_BYTES_MAX: u64 = 64 << 10;

pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let id = session_id(&id)?;
    // Three bytes are four characters.
    let document_bytes_max = app.control.attachment_bytes_max().div_ceil(3) * 4 + REST_BYTES_MAX;
    let body = collect(&headers, body, document_bytes_max).await?;
    let request: CreateAttachment = json(&body)?;
    let operation = format!("POST /api/sessions/{id}/attachments");
    let once = Once::of(&caller, &headers, &operation, &body)?;
    drop(body);
    let content = STANDARD.decode(request.content.as_bytes());
    let content = content.map_err(|error| bad("content", format!("it is not base64: {error}")))?;
    let new = NewAttachment {
        filename: request.filename,
        content: content.into(),
        mime_type: request.mime_type,
        message: request.message_id,
    };
    let control = app.control.clone();
    let work = async move {
        let attachment = control.attach(&caller, id, new).await?;
        Ok(AttachmentEnvelope { attachment })
    };
    once.created(&app, work).await
}

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.attachments(&caller, session_id(&id)?).await?).into_response())
}

pub(super) async fn read(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let (filename, file) = app.control.read_attachment(&caller, attachment_id(&id)?).await?;
    Ok(raw(&filename, file))
}

pub(super) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    app.control.detach(&caller, attachment_id(&id)?).await?;
    Ok(axum::Json(Deleted { deleted: true }).into_response())
}
