//! A workspace's files over REST.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;

use super::App;
use super::answer::Refused;
use super::params::{Query, bad, session_id};
use crate::control::files::{FileStream, JSON_BYTES_MAX, RAW_BYTES_MAX};
use crate::control::{Caller, Refusal};
use crate::wire::workspace::WorkspaceFileContent;

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Refused> {
    let hidden = Query::parse(&uri)?.flag("includeHidden")?.unwrap_or(true);
    Ok(axum::Json(app.control.files(&caller, session_id(&id)?, hidden).await?).into_response())
}

pub(super) async fn read(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((id, path)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response, Refused> {
    let id = session_id(&id)?;
    match Query::parse(&uri)?.text("format") {
        None | Some("raw") => {
            let file = app.control.read_file(&caller, id, &path, RAW_BYTES_MAX).await?;
            Ok(raw(&path, file))
        }
        Some("json") => {
            let file = app.control.read_file(&caller, id, &path, JSON_BYTES_MAX).await?;
            whole(path, file).await
        }
        Some(_) => Err(bad("format", "`format` is `raw` or `json`".to_owned())),
    }
}

pub(super) fn raw(path: &str, file: FileStream) -> Response {
    let source = file.source;
    let mut response = attachment(path, file.size, Body::from_stream(file.chunks));
    response.headers_mut().insert("x-ash-source", HeaderValue::from_static(source));
    response
}

/// A file as it is.
pub(super) fn attachment(path: &str, size: u64, body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    // Never shown by a browser as a page of ours, whatever the agent wrote into it.
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    let name = path.rsplit('/').next().unwrap_or_default();
    let disposition = format!("attachment; filename*=UTF-8''{}", percent(name));
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

async fn whole(path: String, mut file: FileStream) -> Result<Response, Refused> {
    let mut content = Vec::new();
    while let Some(chunk) = file.chunks.next().await {
        content.extend_from_slice(&chunk.map_err(Refusal::Bridge)?);
    }
    let size = content.len() as u64;
    let content = text(content)?;
    let source = file.source.to_owned();
    Ok(axum::Json(WorkspaceFileContent { path, content, size, source }).into_response())
}

/// The content of a file in a JSON document.
pub(super) fn text(content: Vec<u8>) -> Result<String, Refused> {
    String::from_utf8(content).map_err(|_binary| {
        bad("format", "the file is not text; read it with `format=raw`".to_owned())
    })
}

/// Percent-encodes all but the characters of RFC 5987's `attr-char`.
fn percent(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn a_file_name_cannot_leave_its_header() {
        assert_eq!(percent("a b\"\r\n;é.txt"), "a%20b%22%0D%0A%3B%C3%A9.txt");
    }
}
