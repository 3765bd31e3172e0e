//! Which requests may go to the model API: what a conversation needs, spelled one way.
//!
//! Not message batches, although they live below `/v1/messages`: a batch outlives its session,
//! and one session could read or cancel another's.

use http::{Method, Uri};

use super::SANDBOX_BASE_URL;
use super::answer::Failure;

/// Longest name of a model in a path; the real ones have about 30 bytes.
const MODEL_BYTES_MAX: usize = 128;

/// Longest name of a model of Bedrock: an ARN has up to 2,048 bytes, half of it at most is ever used.
const ARN_BYTES_MAX: usize = 1_024;

/// Which API a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// The model API in its usual shape.
    Model,
    Bedrock,
    /// What a credential for tools is for.
    Tools,
}

/// What requests of tools begin with; it does not go upstream.
const TOOLS: &str = "/tools";

impl Api {
    pub(super) fn of(uri: &Uri) -> Self {
        let path = uri.path();
        if path.starts_with("/model/") {
            Self::Bedrock
        } else if path
            .strip_prefix(TOOLS)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        {
            Self::Tools
        } else {
            Self::Model
        }
    }
}

/// Judges method and target. The query is the upstream's business.
pub(super) fn judge(method: &Method, uri: &Uri) -> Result<Api, Failure> {
    if method == Method::CONNECT {
        return Err(Failure::OtherHost);
    }
    let api = Api::of(uri);
    // Tools have it as an address of their own loopback, of any spelling.
    if api != Api::Tools && !is_ours(uri) || api == Api::Tools && uri.scheme().is_some() {
        return Err(Failure::OtherHost);
    }
    let allowed = match (api, uri.path()) {
        (Api::Tools, path) if stays_below(path) => return Ok(api),
        (Api::Tools, _) => return Err(Failure::UnknownPath),
        (Api::Bedrock, path) if is_invocation(path) => Method::POST,
        (Api::Bedrock, _) => return Err(Failure::UnknownPath),
        (Api::Model, path) => of_model(path)?,
    };
    if *method == allowed { Ok(api) } else { Err(Failure::WrongMethod { allowed }) }
}

fn of_model(path: &str) -> Result<Method, Failure> {
    Ok(match path {
        "/v1/messages" | "/v1/messages/count_tokens" => Method::POST,
        "/" => Method::HEAD,
        path if is_models(path) => Method::GET,
        _ => return Err(Failure::UnknownPath),
    })
}

/// Whether it asks the model for an answer, which costs money.
pub(super) fn is_message(method: &Method, uri: &Uri) -> bool {
    method == Method::POST && (uri.path() == "/v1/messages" || is_invocation(uri.path()))
}

/// What goes upstream of a request for tools: path and query behind the prefix.
pub(super) fn of_tools(uri: &Uri) -> Option<Uri> {
    let target = uri.path_and_query()?.as_str().strip_prefix(TOOLS)?;
    let slash = if target.starts_with('/') { "" } else { "/" };
    format!("{slash}{target}").parse().ok()
}

/// Whether no step of the path leads out of the address that it goes below, however it is written.
fn stays_below(path: &str) -> bool {
    let plain =
        path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\");
    !plain.contains('\\') && !plain.split('/').any(|step| step == ".." || step == ".")
}

/// A request for an answer of a model of Bedrock, whole or as a stream.
fn is_invocation(path: &str) -> bool {
    let Some((model, verb)) = path.strip_prefix("/model/").and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    // Of an ARN the slashes come as `%2F`.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:@%".contains(&byte);
    matches!(verb, "invoke" | "invoke-with-response-stream")
        && (1..=ARN_BYTES_MAX).contains(&model.len())
        && model.bytes().all(plain)
        && stays_below(&format!("/{model}"))
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
            .map_or_else(|failure| failure.status().as_u16(), |_api| 200)
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
    fn a_model_of_bedrock_is_asked_for_answers_and_nothing_else() {
        for path in [
            "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1:0/invoke",
            "/model/us.anthropic.claude-opus-5/invoke-with-response-stream",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/invoke",
        ] {
            assert_eq!((status("POST", path), status("GET", path)), (200, 403), "{path}");
            assert!(is_message(&Method::POST, &path.parse().unwrap()), "{path}");
        }
        for path in [
            "/model/a/converse",
            "/model/../invoke",
            "/model/%2e%2e/invoke",
            "/model/a%2F..%2Fb/invoke",
            "/model//invoke",
            "/model/a/b/invoke",
            "/model/a/invoke/",
        ] {
            assert_eq!(status("POST", path), 404, "{path}");
        }
    }

    #[test]
    fn tools_go_below_their_address_and_nowhere_else() {
        let upstream = |path: &str| of_tools(&path.parse().unwrap()).unwrap().to_string();
        for (path, goes_to) in [
            ("/tools/chat/completions", "/chat/completions"),
            ("/tools/models?limit=1", "/models?limit=1"),
            ("/tools", "/"),
            ("/tools?a=b", "/?a=b"),
        ] {
            for method in ["GET", "POST", "DELETE"] {
                assert_eq!(status(method, path), 200, "{path}");
            }
            assert_eq!(upstream(path), goes_to);
        }
        for path in [
            "/tools/../v1/messages",
            "/tools/a/%2E%2e/b",
            "/tools/a/..",
            "/tools/.%2f..",
            "/tools/a%5c..",
        ] {
            assert_eq!(status("GET", path), 404, "{path}");
        }
        assert_eq!(status("GET", "/toolsx"), 404);
        assert_eq!(status("GET", "http://evil.example/tools/x"), 403);
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
