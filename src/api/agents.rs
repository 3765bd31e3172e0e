//! Agents over REST.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::TryStreamExt as _;
use http_body_util::{BodyExt as _, Limited};
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::App;
use super::answer::Refused;
use super::once::Once;
use super::params::{bad, check_length, collect, json};
use super::validator::tagged;
use crate::control::{About, Caller};
use crate::wire::Done;
use crate::wire::agents::{
    AgentEnvelope, ChangeAgent, ConfigEnvelope, DeployAgent, ENVIRONMENT_HEADER, HOSTS_HEADER,
    LIMITS_HEADER,
};

/// Largest JSON document of a deploy. Its files are held in memory, twice for a moment: what is
/// larger comes as an archive, which is streamed.
pub(super) const DEPLOY_BYTES_MAX: u64 = 96 << 20;

/// Largest change: a preset has a system prompt of a megabyte, escaped, and servers.
const CHANGE_BYTES_MAX: u64 = 16 << 20;

/// What an archive may have on top of its files: headers of 512 bytes and padding for each.
const ARCHIVE_FILE_OVERHEAD_BYTES: u64 = 3 * 512;

pub(super) async fn deploy(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = collect(&headers, body, DEPLOY_BYTES_MAX).await?;
    let request: DeployAgent = json(&body)?;
    let once = Once::of(&caller, &headers, "POST /api/agents", &body)?;
    drop(body);
    let control = app.control.clone();
    let work = async move {
        let agent = control.deploy(&caller, request).await?;
        Ok(AgentEnvelope { agent })
    };
    once.created(&app, work).await
}

pub(super) async fn upload(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let limits = app.control.agent_limits();
    let bytes_max = limits.bytes_max + limits.files_max as u64 * ARCHIVE_FILE_OVERHEAD_BYTES;
    check_length(&headers, bytes_max)?;
    let about = About {
        environment: environment(&headers)?,
        hosts: hosts(&headers)?,
        limits: limits_of(&headers)?,
        config: None,
    };
    let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let stream = Limited::new(body, limit).into_data_stream().map_err(std::io::Error::other);
    let archive = SyncIoBridge::new(StreamReader::new(Box::pin(stream)));
    let said = [ENVIRONMENT_HEADER, HOSTS_HEADER, LIMITS_HEADER].map(|name| headers.get(name));
    let once = Once::of(&caller, &headers, &format!("PUT /api/agents/{name}/bundle"), b"")?;
    let work = async |archive| {
        let agent = app.control.deploy_archive(&caller, &name, about, archive).await?;
        Ok(AgentEnvelope { agent })
    };
    once.uploaded(&app, format!("{said:?}").as_bytes(), archive, work).await
}

fn environment(headers: &HeaderMap) -> Result<Option<BTreeMap<String, String>>, Refused> {
    let Some(value) = headers.get(ENVIRONMENT_HEADER) else { return Ok(None) };
    let parsed = URL_SAFE_NO_PAD
        .decode(value.as_bytes())
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok());
    parsed.map(Some).ok_or_else(|| {
        let text = format!("`{ENVIRONMENT_HEADER}` is base64 (URL alphabet, no padding) of a JSON object of strings");
        bad(ENVIRONMENT_HEADER, text)
    })
}

fn hosts(headers: &HeaderMap) -> Result<Option<Vec<String>>, Refused> {
    let Some(value) = headers.get(HOSTS_HEADER) else { return Ok(None) };
    let text = value.to_str().map_err(|_not_ascii| {
        bad(HOSTS_HEADER, format!("`{HOSTS_HEADER}` is names of hosts with commas between"))
    })?;
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    Ok(Some(names.map(str::to_owned).collect()))
}

fn limits_of(headers: &HeaderMap) -> Result<Option<BTreeMap<String, u64>>, Refused> {
    let Some(value) = headers.get(LIMITS_HEADER) else { return Ok(None) };
    let pair = |text: &str| {
        let (name, number) = text.split_once('=')?;
        Some((name.trim().to_owned(), number.trim().parse().ok()?))
    };
    let text = value.to_str().ok();
    let parsed = text.and_then(|text| {
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        pairs.map(pair).collect::<Option<_>>()
    });
    parsed.map(Some).ok_or_else(|| {
        let text = format!("`{LIMITS_HEADER}` is `name=number`, with commas between");
        bad(LIMITS_HEADER, text)
    })
}

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.agents(&caller).await?).into_response())
}

pub(super) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let agent = app.control.agent(&caller, &name).await?;
    Ok(tagged(&headers, &AgentEnvelope { agent }))
}

pub(super) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let request: ChangeAgent = json(&collect(&headers, body, CHANGE_BYTES_MAX).await?)?;
    let agent = app.control.change_agent(&caller, &name, request).await?;
    Ok(axum::Json(AgentEnvelope { agent }).into_response())
}

pub(super) async fn config(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    let config = app.control.agent(&caller, &name).await?.config;
    Ok(axum::Json(ConfigEnvelope { config }).into_response())
}

pub(super) async fn change_config(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let config = json(&collect(&headers, body, CHANGE_BYTES_MAX).await?)?;
    let request = ChangeAgent { config: Some(config), ..ChangeAgent::default() };
    let changed = app.control.change_agent(&caller, &name, request).await;
    // Here the configuration is the whole body.
    let config =
        changed.map_err(|refusal| Refused::from(refusal).without_field_prefix("config."))?.config;
    Ok(axum::Json(ConfigEnvelope { config }).into_response())
}

pub(super) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    app.control.delete_agent(&caller, &name).await?;
    Ok(axum::Json(Done { ok: true }).into_response())
}
