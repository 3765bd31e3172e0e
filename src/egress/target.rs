//! Which requests may go to the model API: what a conversation needs, spelled one way.
//!
//! Not message batches, although they live below `/v1/messages`: a batch outlives its session,
//! and one session could read or cancel another's.

use http::{Method, Uri};

use super::SANDBOX_BASE_URL;
use super::answer::Failure;

/// Longest name of a model in a path; the real ones have about 30 bytes.
const MODEL_BYTES_MAX: usize = 128;

/// Judges method and target. The query is the upstream's business.
pub(super) fn judge(method: &Method, uri: &Uri) -> Result<(), Failure> {
    if method == Method::CONNECT || !is_ours(uri) {
        return Err(Failure::OtherHost);
    }
    let allowed = match uri.path() {
        "/v1/messages" | "/v1/messages/count_tokens" => Method::POST,
        "/" => Method::HEAD,
        path if is_models(path) => Method::GET,
        _ => return Err(Failure::UnknownPath),
    };
    if *method == allowed { Ok(()) } else { Err(Failure::WrongMethod { allowed }) }
}

/// Whether it asks the model for an answer, which costs money.
pub(super) fn is_message(method: &Method, uri: &Uri) -> bool {
    method == Method::POST && uri.path() == "/v1/messages"
}

/// Whether a request line without a host, or with the one that sandboxes are told.
fn is_ours(uri: &Uri) -> bool {
    match (uri.scheme_str(), uri.authority()) {
        (None, None) => true,
        (Some(scheme), Some(authority)) => SANDBOX_BASE_URL
            .split_once("://")
            .is_some_and(|ours| ours == (scheme, authority.as_str())),
        _ => false,
    }
}

fn is_models(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/v1/models") else { return false };
    let Some(model) = rest.strip_prefix('/') else { return rest.is_empty() };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:@".contains(&byte);
    (1..=MODEL_BYTES_MAX).contains(&model.len())
        && model.bytes().all(plain)
        && !model.bytes().all(|byte| byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &str, uri: &str) -> u16 {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        judge(&method, &uri.parse().unwrap())
            .map_or_else(|failure| failure.status().as_u16(), |()| 200)
    }

    #[test]
    fn what_a_conversation_needs_may_pass() {
        for (method, uri) in [
            ("POST", "/v1/messages"),
            ("POST", "/v1/messages?beta=true"),
            ("POST", "/v1/messages/count_tokens?beta=true"),
            ("GET", "/v1/models"),
            ("GET", "/v1/models?limit=1000"),
            ("GET", "/v1/models/claude-opus-4-5-20251101"),
            ("HEAD", "/"),
            ("POST", "http://api.ash.invalid/v1/messages"),
        ] {
            assert_eq!(status(method, uri), 200, "{method} {uri}");
        }
    }

    #[test]
    fn another_path_is_not_found() {
        for uri in [
            "/v1/messages/",
            "/v1/messages/batches",
            "/v1/messages/../files",
            "/v1/messages%2fbatches",
            "/v1//messages",
            "//v1/messages",
            "/V1/messages",
            "/v1/messagesx",
            "/v1/models/",
            "/v1/models/..",
            "/v1/models/../files",
            "/v1/models/a/b",
            "/v1/models/%2e%2e",
            "/v1/modelsx",
            "/v1/files",
            "/v1/organizations/api_keys",
            "/v1/complete",
            "/api/oauth/profile",
        ] {
            for method in ["POST", "GET", "HEAD", "DELETE"] {
                assert_eq!(status(method, uri), 404, "{method} {uri}");
            }
        }
        assert_eq!(status("GET", &format!("/v1/models/{}", "m".repeat(129))), 404);
    }

    #[test]
    fn another_method_or_host_is_forbidden() {
        for (method, uri) in [
            ("GET", "/v1/messages"),
            ("DELETE", "/v1/messages"),
            ("OPTIONS", "/v1/messages"),
            ("BREW", "/v1/messages"),
            ("GET", "/v1/messages/count_tokens"),
            ("POST", "/v1/models"),
            ("DELETE", "/v1/models/claude"),
            ("GET", "/"),
            ("POST", "/"),
            ("OPTIONS", "*"),
            ("CONNECT", "api.anthropic.com:443"),
            ("CONNECT", "api.ash.invalid:80"),
            ("POST", "http://api.anthropic.com/v1/messages"),
            ("POST", "https://api.ash.invalid/v1/messages"),
            ("POST", "http://api.ash.invalid:8080/v1/messages"),
            ("POST", "http://user@api.ash.invalid/v1/messages"),
            ("GET", "http://169.254.169.254/v1/models"),
        ] {
            let expected = if uri == "*" { 404 } else { 403 };
            assert_eq!(status(method, uri), expected, "{method} {uri}");
        }
    }
}
