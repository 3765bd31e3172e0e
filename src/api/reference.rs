//! The reference: the `OpenAPI` document and a page that shows it. All of it is in the program, so
//! it costs no memory until it is read, and none of the heap then.

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use super::answer::Refused;
use crate::wire::problem::{Code, Problem};
use crate::wire::reference::OPENAPI;

const PAGE: &str = include_str!("reference/page.html");
const SCRIPT: &str = include_str!("reference/page.js");
const STYLE: &str = include_str!("reference/page.css");

/// The page runs its own script and reads its own document; nothing else, and in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn page() -> Response {
    answer(PAGE, "text/html; charset=utf-8")
}

pub(super) async fn file(Path(name): Path<String>) -> Result<Response, Refused> {
    match name.as_str() {
        "json" | "openapi.json" => Ok(answer(OPENAPI, "application/json")),
        "page.js" => Ok(answer(SCRIPT, "text/javascript; charset=utf-8")),
        "page.css" => Ok(answer(STYLE, "text/css; charset=utf-8")),
        _ => Err(Problem::new(Code::NotFound, "the reference has no such file").into()),
    }
}

fn answer(text: &'static str, kind: &'static str) -> Response {
    const HEADERS: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Another version of ashd has another reference.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
