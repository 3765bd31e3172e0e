//! Files of an agent over REST.

use std::io::Read as _;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use tokio_util::io::ReaderStream;

use super::App;
use super::agents::DEPLOY_BYTES_MAX;
use super::answer::Refused;
use super::files::{attachment, text};
use super::params::{Query, bad, collect, json};
use crate::control::files::{JSON_BYTES_MAX, RAW_BYTES_MAX};
use crate::control::{AgentFileContent, Caller, Refusal};
use crate::wire::agents::{
    AgentFileText, AgentFiles, DeletedAgentFile, WriteAgentFiles, WrittenAgentFiles,
};

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let files = app.control.agent_files(&caller, &name, query.text("version")).await?;
    Ok(axum::Json(AgentFiles { files }).into_response())
}

pub(super) async fn read(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, path)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let version = query.text("version");
    let control = &app.control;
    match query.text("format") {
        Some("raw") => {
            let opened =
                control.read_agent_file(&caller, &name, version, &path, RAW_BYTES_MAX).await?;
            let AgentFileContent { file, bytes } = opened;
            let stream = ReaderStream::new(tokio::fs::File::from_std(file));
            Ok(attachment(&path, bytes, Body::from_stream(stream)))
        }
        None | Some("json") => {
            let opened =
                control.read_agent_file(&caller, &name, version, &path, JSON_BYTES_MAX).await?;
            let AgentFileContent { mut file, bytes } = opened;
            let read = tokio::task::spawn_blocking(move || {
                let mut content = Vec::new();
                file.read_to_end(&mut content).map(|_bytes| content)
            });
            let content = read.await.map_err(|_panicked| Refusal::Worker)?;
            let content = text(content.map_err(|_failed| Refusal::Worker)?)?;
            Ok(axum::Json(AgentFileText { path, content, size: bytes }).into_response())
        }
        Some(_) => Err(bad("format", "`format` is `raw` or `json`".to_owned())),
    }
}

pub(super) async fn write(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let request: WriteAgentFiles = json(&collect(&headers, body, DEPLOY_BYTES_MAX).await?)?;
    let (written, agent) = app.control.write_agent_files(&caller, &name, &request.files).await?;
    let written = written as u64;
    Ok(axum::Json(WrittenAgentFiles { written, agent }).into_response())
}

pub(super) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, path)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let agent = app.control.delete_agent_file(&caller, &name, &path).await?;
    Ok(axum::Json(DeletedAgentFile { path, deleted: true, agent }).into_response())
}
