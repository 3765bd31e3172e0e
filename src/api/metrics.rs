//! `/metrics`: what ashd counts of itself, as Prometheus reads it.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use super::{App, observe};
use crate::metrics::Page;

/// Version 0.0.4 of the format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(State(app): State<App>) -> Response {
    let mut page = Page::default();
    app.control.metrics(&mut page).await;
    observe::write(&mut page);
    let mut response = page.finish().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}
