//! Who and what may pass, and what the upstream and the log see of it.

use super::*;

#[tokio::test]
async fn the_upstream_sees_the_key_and_never_the_placeholder() {
    let upstream = Upstream::ok().await;
    let rig = Rig::before(&upstream);
    let (status, _, body) = rig.message("{\"max_tokens\":1}").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "{}"));
    // The other place for a credential, and both at once, as `apiKeyHelper` does.
    let bearer = format!("Bearer {}", rig.placeholder.expose());
    for request in [
        Request::post("/v1/messages").header("authorization", &bearer),
        rig.request("POST", "/v1/messages").header("authorization", &bearer),
    ] {
        let (status, _, _) = rig.exchange(request.body(Full::from("{}")).unwrap()).await;
        assert_eq!(status, StatusCode::OK);
    }
    let seen = upstream.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].0.uri, "/v1/messages?beta=true");
    assert_eq!(seen[0].1, "{\"max_tokens\":1}");
    for (head, _) in seen {
        let keys: Vec<_> = head.headers.get_all("x-api-key").iter().collect();
        assert_eq!(keys, [KEY]);
        assert!(!head.headers.contains_key("authorization"));
        assert_eq!(head.headers["host"], upstream.base.strip_prefix("http://").unwrap());
        assert!(!format!("{head:?}").contains("sk-ant-ash-"));
    }
}

#[tokio::test]
async fn a_token_goes_upstream_as_a_bearer_and_below_the_base_path() {
    let upstream = Upstream::ok().await;
    let key = ModelKey::auth_token("a-gateway-token").unwrap();
    let rig = Rig::new(&format!("{}/anthropic/", upstream.base), Some(key), limits());
    rig.message("{}").await;
    let (head, _) = upstream.seen().remove(0);
    assert_eq!(head.headers["authorization"], "Bearer a-gateway-token");
    assert!(!head.headers.contains_key("x-api-key"));
    assert_eq!(head.uri, "/anthropic/v1/messages?beta=true");
}

#[tokio::test]
async fn a_stranger_is_refused_before_anything_reaches_the_upstream() {
    let upstream = Upstream::ok().await;
    let rig = Rig::before(&upstream);
    let foreign = Placeholder::random();
    for credential in ["", "sk-ant-placeholder", KEY, foreign.expose()] {
        let request = Request::post("/v1/messages").header("x-api-key", credential);
        let (status, headers, body) = rig.exchange(request.body(Full::from("{}")).unwrap()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(error_of(&body).0, "authentication_error");
        assert_eq!(headers["x-should-retry"], "false");
    }
    let nothing = Request::post("/v1/messages").body(Full::from("{}")).unwrap();
    assert_eq!(rig.exchange(nothing).await.0, StatusCode::UNAUTHORIZED);
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_placeholder_of_another_user_is_refused_like_a_wrong_one() {
    let upstream = Upstream::ok().await;
    let rig = Rig::before(&upstream);
    let (_, _, wrong) = {
        let request = Request::post("/v1/messages").header("x-api-key", "wrong");
        rig.exchange(request.body(Full::from("{}")).unwrap()).await
    };
    let other = nix::unistd::geteuid().as_raw() + 1;
    rig.egress.admit(rig.session, &rig.placeholder, Terms { uid: Some(other), ..Terms::default() });
    let (status, _, body) = rig.message("{}").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(body, wrong);
    assert!(upstream.seen().is_empty());
    // Without a uid, whoever has it may use it.
    rig.egress.admit(rig.session, &rig.placeholder, Terms::default());
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_for_a_sandbox_stays_closed() {
    let upstream = Upstream::ok().await;
    let rig = Rig::before(&upstream);
    for (line, expected, kind) in [
        ("GET /v1/messages", 403, "permission_error"),
        ("DELETE /v1/models/claude", 403, "permission_error"),
        ("POST /v1/messages/batches", 404, "not_found_error"),
        ("GET /v1/files", 404, "not_found_error"),
        ("GET /v1/models/../files", 404, "not_found_error"),
        ("CONNECT api.anthropic.com:443", 403, "permission_error"),
        ("POST http://evil.example/v1/messages", 403, "permission_error"),
    ] {
        let key = rig.placeholder.expose();
        let text = format!("{line} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n\r\n");
        let answer = rig.raw(&text, "}}").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{line}: {answer}");
        assert!(answer.contains(kind), "{line}: {answer}");
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn the_allowed_targets_reach_the_upstream() {
    let upstream = Upstream::ok().await;
    let rig = Rig::before(&upstream);
    for (method, path) in [
        ("POST", "/v1/messages/count_tokens?beta=true"),
        ("GET", "/v1/models?limit=1000"),
        ("GET", "/v1/models/claude-opus-4-5"),
        ("HEAD", "/"),
    ] {
        let request = rig.request(method, path).body(Full::default()).unwrap();
        assert_eq!(rig.exchange(request).await.0, StatusCode::OK, "{method} {path}");
        let (head, _) = upstream.seen().remove(0);
        assert_eq!((head.method.as_str(), head.uri.to_string().as_str()), (method, path));
    }
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_refused_at_once() {
    let upstream = Upstream::ok().await;
    let key = Some(ModelKey::api_key(KEY).unwrap());
    let rig = Rig::new(&upstream.base, key, EgressLimits { request_bytes_max: 1000, ..limits() });
    let text = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: 1001\r\n\r\n",
        rig.placeholder.expose()
    );
    let answer = rig.raw(&text, "}}").await;
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("request_too_large"),
        "{answer}"
    );
    assert_eq!(rig.message("{}").await.0, StatusCode::OK, "the next one is served");
}

#[tokio::test]
async fn an_undeclared_length_over_the_limit_is_cut_at_the_limit() {
    let upstream = Upstream::ok().await;
    let key = Some(ModelKey::api_key(KEY).unwrap());
    let rig = Rig::new(&upstream.base, key, EgressLimits { request_bytes_max: 1000, ..limits() });
    let text = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\n\
         transfer-encoding: chunked\r\n\r\n3e9\r\n{}\r\n",
        rig.placeholder.expose(),
        "x".repeat(1001)
    );
    let answer = rig.raw(&text, "}}").await;
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("request_too_large"),
        "{answer}"
    );
    assert!(upstream.seen().is_empty(), "no whole request came out");
}

#[tokio::test]
async fn a_request_that_stops_halfway_does_not_wait_forever() {
    let upstream = Upstream::ok().await;
    let key = Some(ModelKey::api_key(KEY).unwrap());
    let request_silence_max = Duration::from_millis(100);
    let rig = Rig::new(&upstream.base, key, EgressLimits { request_silence_max, ..limits() });
    let text = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {}\r\ncontent-length: 9\r\n\r\nhalf",
        rig.placeholder.expose(),
    );
    let answer = rig.raw(&text, "}}").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Everything, as soon as `count` requests are in it. A line is written when the last byte
    /// of an answer has left, maybe after it was read here.
    async fn of_egress(&self, count: usize) -> String {
        loop {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            if text.matches("INFO ash::egress").count() >= count {
                return text;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn each_request_is_one_line_in_the_log_without_any_secret() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    // This test's runtime has one thread, so the tasks it spawns log here too.
    let _default = tracing::subscriber::set_default(subscriber);

    let upstream = Upstream::start(|| ([("x-echo", KEY)], "{}").into_response()).await;
    let rig = Rig::before(&upstream);
    // Tests beside this one run without a subscriber, and may just have noted that nobody wants
    // the line; from the first one that arrives it is known that somebody does.
    let heard = async {
        loop {
            tracing::callsite::rebuild_interest_cache();
            rig.message("").await;
            if timeout(Duration::from_millis(50), lines.of_egress(1)).await.is_ok() {
                break;
            }
        }
    };
    timeout(SOON, heard).await.expect("lines arrive");
    lines.0.lock().unwrap().clear();

    rig.message("four").await;
    let stranger = Request::get("/a%0Ab?secret=query").body(Full::default()).unwrap();
    rig.exchange(stranger).await;

    let text = timeout(SOON, lines.of_egress(2)).await.expect("a line for each");
    assert!(!text.contains(KEY) && !text.contains(rig.placeholder.expose()), "{text}");
    let ours: Vec<_> = text.lines().filter(|line| line.contains("INFO ash::egress")).collect();
    let [passed, refused] = ours[..] else { panic!("two lines: {ours:#?}") };
    let expected = [
        format!("session={} method=POST path=/v1/messages status=200", rig.session),
        "request_bytes=4 response_bytes=2 milliseconds=".to_owned(),
        "outcome=Complete".to_owned(),
    ];
    for part in expected {
        assert!(passed.contains(&part), "{part} in {passed}");
    }
    assert!(refused.contains("method=GET path=/a%0Ab status=401"), "{refused}");
    assert!(!refused.contains("session") && !refused.contains("secret"), "{refused}");
}
