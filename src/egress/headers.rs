//! What crosses the proxy in the headers, and what stays behind.

use http::header::{
    ACCEPT_ENCODING, ALT_SVC, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED,
    HOST, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::secret::{API_KEY_HEADER, ModelKey};

/// What belongs to one connection and never crosses a proxy (RFC 9110 §7.6.1), beside what
/// `Connection` names.
const HOP_BY_HOP: [HeaderName; 6] =
    [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, HeaderName::from_static("keep-alive")];

/// What a sandbox may not tell the upstream: credentials, where a request came from, and what
/// hyper sets for the connection it uses.
const NOT_UPSTREAM: [HeaderName; 10] = [
    AUTHORIZATION,
    API_KEY_HEADER,
    COOKIE,
    HOST,
    EXPECT,
    CONTENT_LENGTH,
    FORWARDED,
    VIA,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("http2-settings"),
];

/// What the upstream says about its own connection and to its own clients.
const NOT_DOWNSTREAM: [HeaderName; 4] =
    [SET_COOKIE, ALT_SVC, STRICT_TRANSPORT_SECURITY, HeaderName::from_static("set-cookie2")];

/// Makes a sandbox's headers the host's: everything of the first list away, the real key in.
pub(super) fn for_upstream(headers: &mut HeaderMap, key: &ModelKey) {
    drop_hop_by_hop(headers);
    for name in NOT_UPSTREAM {
        headers.remove(name);
    }
    drop_where(headers, |name| name.starts_with("proxy-") || name.starts_with("x-forwarded-"));
    // Answers are read while they pass.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    key.sign(headers);
}

/// Takes from the upstream's headers what is not for a sandbox, the key before all.
pub(super) fn for_sandbox(headers: &mut HeaderMap, key: &ModelKey) {
    drop_hop_by_hop(headers);
    for name in NOT_DOWNSTREAM {
        headers.remove(name);
    }
    drop_where(headers, |name| name.starts_with("proxy-"));
    let leaks: Vec<_> = headers
        .iter()
        .filter(|(_, value)| key.is_in(value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in leaks {
        tracing::warn!(target: "ash::egress", %name, "the upstream sent the key back");
        headers.remove(name);
    }
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.into_iter().chain(named) {
        headers.remove(name);
    }
}

fn drop_where(headers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    let names: Vec<_> = headers.keys().filter(|name| unwanted(name.as_str())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn only_the_request_itself_and_the_real_key_go_upstream() {
        let key = ModelKey::api_key("sk-ant-api03-real-key").unwrap();
        let mut sent = headers(&[
            ("accept-encoding", "gzip"),
            ("anthropic-beta", "one"),
            ("anthropic-beta", "two"),
            ("authorization", "Bearer placeholder"),
            ("x-api-key", "placeholder"),
            ("x-api-key", "another"),
            ("cookie", "a=b"),
            ("host", "api.ash.invalid"),
            ("connection", "keep-alive, X-Private"),
            ("connection", "upgrade"),
            ("x-private", "hop"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("trailer", "x-sum"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABk"),
            ("expect", "100-continue"),
            ("content-length", "9"),
            ("proxy-authorization", "Basic x"),
            ("proxy-connection", "keep-alive"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-host", "evil"),
            ("forwarded", "for=10.0.0.1"),
            ("via", "1.1 evil"),
            ("x-real-ip", "10.0.0.1"),
            ("x-app", "cli"),
        ]);
        for_upstream(&mut sent, &key);
        assert_eq!(names(&sent), ["accept-encoding", "anthropic-beta", "x-api-key", "x-app"]);
        assert_eq!(sent["accept-encoding"], "identity");
        assert_eq!(sent.get_all("anthropic-beta").iter().count(), 2);
        let keys: Vec<_> = sent.get_all("x-api-key").iter().collect();
        assert_eq!(keys, ["sk-ant-api03-real-key"]);
    }

    #[test]
    fn an_answer_loses_what_is_not_for_a_sandbox() {
        let key = ModelKey::auth_token("sk-ant-oat-real-token").unwrap();
        let mut got = headers(&[
            ("content-type", "text/event-stream"),
            ("request-id", "req_1"),
            ("retry-after", "3"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "a=b"),
            ("set-cookie", "c=d"),
            ("alt-svc", "h3"),
            ("strict-transport-security", "max-age=1"),
            ("proxy-authenticate", "Basic"),
            ("x-echo", "Bearer sk-ant-oat-real-token"),
            ("www-authenticate", "Bearer error=\"sk-ant-oat-real-token is bad\""),
        ]);
        for_sandbox(&mut got, &key);
        assert_eq!(names(&got), ["content-type", "request-id", "retry-after"]);
    }
}
