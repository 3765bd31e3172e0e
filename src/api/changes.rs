//! Changes of a workspace's files over REST, and the workspace as a whole.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::BodyExt as _;

use super::App;
use super::answer::Refused;
use super::params::{Query, bad, check_length, collect, json, session_id, too_large};
use crate::control::changes::{self, ARCHIVE_BYTES_MAX, Packed, Upload, WRITE_BYTES_MAX};
use crate::control::{Caller, Refusal};
use crate::id::SessionId;
use crate::wire::problem::{Code, Problem};
use crate::wire::workspace::{
    DeletedFile, UnpackedWorkspace, UploadFiles, UploadedFile, UploadedFiles, WorkspaceBundle,
    WrittenFile,
};

/// Largest JSON document with files in it, which is in memory: what is larger comes as a body.
const DOCUMENT_BYTES_MAX: u64 = 96 << 20;

/// Files of one such document: the original's.
const FILES_MAX: usize = 500;

pub(super) async fn write(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((id, path)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let id = session_id(&id)?;
    let executable = Query::parse(&uri)?.flag("executable")?;
    check_length(&headers, WRITE_BYTES_MAX)?;
    let upload = app.control.write_file(&caller, id, &path, executable).await?;
    let written = fill(upload, body, WRITE_BYTES_MAX).await?;
    let answer = WrittenFile { path, written: true, size: written.bytes };
    Ok(axum::Json(answer).into_response())
}

pub(super) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((id, path)): Path<(String, String)>,
) -> Result<Response, Refused> {
    app.control.delete_file(&caller, session_id(&id)?, &path).await?;
    Ok(axum::Json(DeletedFile { path, deleted: true }).into_response())
}

/// Several files in one document, as the original takes them.
pub(super) async fn upload(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let id = session_id(&id)?;
    let request: UploadFiles = json(&collect(&headers, body, DOCUMENT_BYTES_MAX).await?)?;
    if request.files.is_empty() || request.files.len() > FILES_MAX {
        return Err(bad("files", format!("`files` has from 1 to {FILES_MAX} files")));
    }
    // Of a session that is not there no file fails, but the whole request.
    app.control.session(&caller, id).await?;
    let folder = request.target_path.as_deref().unwrap_or(".").trim_matches('/');
    let mut files = Vec::new();
    for file in request.files {
        let path = match folder {
            "" | "." => file.path.clone(),
            folder => format!("{folder}/{}", file.path),
        };
        let written = match STANDARD.decode(file.content.as_bytes()) {
            Ok(content) => one(&app, &caller, id, &path, content).await,
            Err(_) => Err(bad("content", "it is not base64".to_owned())),
        };
        // One by one, as the original answers.
        let (size, error) = match written {
            Ok(size) => (Some(size), None),
            Err(refused) => (None, Some(refused.text())),
        };
        files.push(UploadedFile { path: file.path, written: error.is_none(), size, error });
    }
    Ok(axum::Json(UploadedFiles { files }).into_response())
}

async fn one(
    app: &App,
    caller: &Caller,
    id: SessionId,
    path: &str,
    content: Vec<u8>,
) -> Result<u64, Refused> {
    let upload = app.control.write_file(caller, id, path, None).await?;
    Ok(fill(upload, Body::from(content), WRITE_BYTES_MAX).await?.bytes)
}

pub(super) async fn download(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let id = session_id(&id)?;
    let packed: Packed = app.control.pack(&caller, id).await?;
    let chunks = futures_util::stream::unfold(packed, |mut packed| async move {
        Some((packed.next().await?, packed))
    });
    let mut response = Body::from_stream(chunks).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let disposition = format!("attachment; filename=\"{id}.tar.gz\"");
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

pub(super) async fn replace(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let id = session_id(&id)?;
    let keep = Query::parse(&uri)?.flag("keep")?.unwrap_or(false);
    check_length(&headers, ARCHIVE_BYTES_MAX)?;
    let upload = app.control.unpack(&caller, id, keep).await?;
    let written = fill(upload, body, ARCHIVE_BYTES_MAX).await?;
    let answer = UnpackedWorkspace { message: None, files: written.files, bytes: written.bytes };
    Ok(axum::Json(answer).into_response())
}

/// The same with the archive in a document, as the original takes it.
pub(super) async fn restore(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let id = session_id(&id)?;
    let request: WorkspaceBundle = json(&collect(&headers, body, DOCUMENT_BYTES_MAX).await?)?;
    let archive = STANDARD.decode(request.bundle.as_bytes());
    let archive = archive.map_err(|error| bad("bundle", format!("it is not base64: {error}")))?;
    if archive.is_empty() {
        return Err(bad("bundle", "Empty bundle".to_owned()));
    }
    let upload = app.control.unpack(&caller, id, true).await?;
    let written = fill(upload, Body::from(archive), ARCHIVE_BYTES_MAX).await?;
    let message = Some("Workspace restored to live sandbox".to_owned());
    let answer = UnpackedWorkspace { message, files: written.files, bytes: written.bytes };
    Ok(axum::Json(answer).into_response())
}

/// Sends a body as it comes.
async fn fill(
    mut upload: Upload,
    mut body: Body,
    bytes_max: u64,
) -> Result<changes::Written, Refused> {
    let mut left = bytes_max;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Refused::from(Problem::new(
                Code::BadRequest,
                format!("the body did not arrive: {error}"),
            ))
        })?;
        let Ok(bytes): Result<Bytes, _> = frame.into_data() else { continue };
        left = left.checked_sub(bytes.len() as u64).ok_or_else(|| too_large(bytes_max))?;
        let sent = upload.send(bytes).await;
        sent.map_err(|error| -> Refusal { changes::too_large(error, bytes_max) })?;
    }
    Ok(upload.finish().await.map_err(|error| changes::too_large(error, bytes_max))?)
}
