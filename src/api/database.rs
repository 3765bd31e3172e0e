//! Care for the database, over the admin socket: a copy of it has everything that every session
//! said.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use tokio_util::io::ReaderStream;

use super::App;
use super::answer::Refused;
use crate::control::Refusal;

/// Bytes read of the copy at once: few of them cost much, many of them memory.
const CHUNK_BYTES: usize = 256 << 10;

pub(super) async fn backup(State(app): State<App>) -> Result<Response, Refused> {
    let file = tokio::fs::File::from_std(app.control.back_up().await?);
    let length = file.metadata().await.map_err(|_unreadable| Refusal::Worker)?.len();
    let body = Body::from_stream(ReaderStream::with_capacity(file, CHUNK_BYTES));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/vnd.sqlite3");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

pub(super) async fn check(State(app): State<App>) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.check_database().await?).into_response())
}
