//! Which web pages may ask: none, until the configuration lists their origins.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::telemetry::TRACE_PARENT;
use crate::wire::turns::TURN_ID;

/// How long a browser need not ask again.
const PREFLIGHT_LIFE: Duration = Duration::from_mins(10);

/// What a page may read of an answer, beside its body.
const SHOWN: [HeaderName; 9] = [
    header::CONTENT_DISPOSITION,
    header::ETAG,
    header::RETRY_AFTER,
    HeaderName::from_static(TURN_ID),
    HeaderName::from_static(TRACE_PARENT),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-ash-source"),
    HeaderName::from_static("x-request-id"),
];

/// Lets pages of these origins ask. They show an API key: there are no cookies to be abused.
pub(super) fn allow(router: Router, origins: &[String]) -> Router {
    if origins.is_empty() {
        return router;
    }
    let origin = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    router.layer(
        CorsLayer::new()
            .allow_origin(origin)
            .allow_methods(methods)
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(SHOWN)
            .max_age(PREFLIGHT_LIFE),
    )
}
