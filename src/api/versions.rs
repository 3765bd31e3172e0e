//! Versions of an agent over REST.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;
use super::once::Once;
use super::params::{collect, json};
use crate::control::Caller;
use crate::wire::agents::{
    ActivatedVersion, AgentVersion, ChangeVersion, CreateVersion, DeletedVersion, VersionEnvelope,
};

/// Largest request: a system prompt of a megabyte, escaped, and notes.
const BYTES_MAX: u64 = 8 << 20;

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.agent_versions(&caller, &name).await?).into_response())
}

pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = collect(&headers, body, BYTES_MAX).await?;
    let request: CreateVersion = json(&body)?;
    let once = Once::of(&caller, &headers, &format!("POST /api/agents/{name}/versions"), &body)?;
    let control = app.control.clone();
    let work = async move {
        let version = control.create_version(&caller, &name, request).await?;
        Ok(VersionEnvelope { same: version.clone(), version })
    };
    once.created(&app, work).await
}

pub(super) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, Refused> {
    Ok(envelope(app.control.agent_version(&caller, &name, &version).await?).into_response())
}

pub(super) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let request: ChangeVersion = json(&collect(&headers, body, BYTES_MAX).await?)?;
    let changed = app.control.change_version(&caller, &name, &version, request).await?;
    Ok(envelope(changed).into_response())
}

pub(super) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, Refused> {
    app.control.delete_version(&caller, &name, &version).await?;
    Ok(axum::Json(DeletedVersion { deleted: true }).into_response())
}

pub(super) async fn activate(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let agent = app.control.activate_version(&caller, &name, &version).await?;
    let version_number = agent.version;
    Ok(axum::Json(ActivatedVersion { activated: true, version_number, agent }).into_response())
}

fn envelope(version: AgentVersion) -> axum::Json<VersionEnvelope> {
    axum::Json(VersionEnvelope { same: version.clone(), version })
}
