//! Entity tags: whether a client has what it would get, and whether it changes what it has seen.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::answer::Refused;
use crate::wire::problem::{Code, Problem};

/// Bytes of the digest in a tag: nobody has an interest in two answers with one tag.
const TAG_BYTES: usize = 12;

/// The answer with its tag; 304 without a body if the client has it.
pub(super) fn tagged(headers: &HeaderMap, body: &impl Serialize) -> Response {
    let (bytes, tag) = bytes_and_tag(body);
    let mut response = if names(headers, &header::IF_NONE_MATCH, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, kind)], bytes).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Refuses a change of what is not any more as the client has seen it.
pub(super) fn unchanged(headers: &HeaderMap, body: &impl Serialize) -> Result<(), Refused> {
    if names(headers, &header::IF_MATCH, &bytes_and_tag(body).1) {
        return Ok(());
    }
    Err(Problem::new(
        Code::ChangedMeanwhile,
        "it has changed since; `If-Match` names another state",
    )
    .hint("read it again, and repeat the change if it is still wanted")
    .into())
}

fn bytes_and_tag(body: &impl Serialize) -> (Vec<u8>, String) {
    let bytes = serde_json::to_vec(body).expect("the types of the wire have a JSON form");
    let mut tag = "\"".to_owned();
    for byte in &Sha256::digest(&bytes)[..TAG_BYTES] {
        write!(tag, "{byte:02x}").expect("a text takes what is written");
    }
    tag.push('"');
    (bytes, tag)
}

/// Whether the header lists the tag, or `*`. A proxy that compresses makes tags weak.
fn names(headers: &HeaderMap, name: &header::HeaderName, tag: &str) -> bool {
    let listed = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut tags = listed.flat_map(|value| value.split(','));
    tags.any(|listed| {
        let listed = listed.trim();
        listed == "*" || listed.strip_prefix("W/").unwrap_or(listed) == tag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_not() {
        let (_, tag) = bytes_and_tag(&"x");
        let has = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            tagged(&headers, &"x").status() == StatusCode::NOT_MODIFIED
        };
        assert!(has(&tag) && has("*") && has(&format!("\"a\", W/{tag}")));
        assert!(!has("\"a\"") && tagged(&HeaderMap::new(), &"x").headers()["etag"] == *tag);
    }
}
