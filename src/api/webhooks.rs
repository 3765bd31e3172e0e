//! Webhooks over REST.

use axum::body::Body;
use axum::extract::{Extension, OriginalUri, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;
use super::once::Once;
use super::params::{Query, bad, collect, json, webhook_id};
use crate::control::Caller;
use crate::control::webhooks::DeliveryFilter;
use crate::session::webhook::DeliveryStatus;
use crate::wire::Deleted;
use crate::wire::webhooks::{ChangeWebhook, CreateWebhook, DeliveryEnvelope, WebhookEnvelope};

/// Largest request: an address, a label and a few words.
const BODY_BYTES_MAX: u64 = 16 << 10;

/// Deliveries in a list.
const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 500;

pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = collect(&headers, body, BODY_BYTES_MAX).await?;
    let request = json::<CreateWebhook>(&body)?;
    let once = Once::of(&caller, &headers, "POST /api/webhooks", &body)?;
    let control = app.control.clone();
    let work = async move { control.create_webhook(&caller, request).await };
    once.created(&app, work).await
}

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Refused> {
    let of_all = Query::parse(&uri)?.flag("allTenants")?.unwrap_or(false);
    Ok(axum::Json(app.control.webhooks(&caller, of_all).await?).into_response())
}

pub(super) async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let webhook = app.control.webhook(&caller, webhook_id(&id)?).await?;
    Ok(axum::Json(WebhookEnvelope { webhook }).into_response())
}

pub(super) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let request: ChangeWebhook = json(&collect(&headers, body, BODY_BYTES_MAX).await?)?;
    let webhook = app.control.change_webhook(&caller, webhook_id(&id)?, request).await?;
    Ok(axum::Json(WebhookEnvelope { webhook }).into_response())
}

pub(super) async fn remove(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    app.control.delete_webhook(&caller, webhook_id(&id)?).await?;
    Ok(axum::Json(Deleted { deleted: true }).into_response())
}

pub(super) async fn deliveries(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let status = match query.text("status") {
        None => None,
        Some(text) => Some(DeliveryStatus::parse(text).ok_or_else(|| {
            let words = DeliveryStatus::ALL.map(DeliveryStatus::as_str).join(", ");
            bad("status", format!("`status` is one of {words}"))
        })?),
    };
    let limit = query.number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let filter = DeliveryFilter { status, limit };
    Ok(axum::Json(app.control.deliveries(&caller, webhook_id(&id)?, filter).await?).into_response())
}

pub(super) async fn test(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let id = webhook_id(&id)?;
    let once = Once::of(&caller, &headers, &format!("POST /api/webhooks/{id}/test"), b"")?;
    let control = app.control.clone();
    let work = async move {
        let delivery = control.test_webhook(&caller, id).await?;
        Ok(DeliveryEnvelope { delivery })
    };
    once.created(&app, work).await
}
