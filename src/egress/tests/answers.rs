//! How answers stream through, and what a sandbox is told when there is none.

use super::*;

#[tokio::test]
async fn an_answer_arrives_piece_by_piece_while_the_upstream_still_writes() {
    let (upstream, pieces) = Upstream::streaming().await;
    let rig = Rig::before(&upstream);
    let request = rig.request("POST", "/v1/messages").body(Full::from("{}")).unwrap();
    let response = rig.client().await.send_request(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    for piece in ["event: ping\n\n", "event: message_stop\n\n"] {
        pieces.send(Ok(piece)).await.unwrap();
        let frame = timeout(SOON, body.frame()).await.expect("not held back");
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), piece);
    }
    drop(pieces);
    assert!(timeout(SOON, body.frame()).await.unwrap().is_none());
    let reading = rig.egress.meter(rig.session).unwrap().read();
    assert_eq!(reading, MeterReading { requests: 1, request_bytes: 2, response_bytes: 34 });
}

#[tokio::test]
async fn an_upstream_that_breaks_off_breaks_the_answer_off() {
    let (upstream, pieces) = Upstream::streaming().await;
    let rig = Rig::before(&upstream);
    let request = rig.request("POST", "/v1/messages").body(Full::from("{}")).unwrap();
    let mut body = rig.client().await.send_request(request).await.unwrap().into_body();
    pieces.send(Ok("event: one\n\n")).await.unwrap();
    assert!(timeout(SOON, body.frame()).await.unwrap().unwrap().is_ok());
    pieces.send(Err(io::Error::other("the upstream dies"))).await.unwrap();
    let end = timeout(SOON, body.frame()).await.unwrap();
    assert!(matches!(end, Some(Err(_))), "it must not look complete: {end:?}");
}

#[tokio::test]
async fn an_upstream_that_falls_silent_is_given_up() {
    let (upstream, pieces) = Upstream::streaming().await;
    let key = Some(ModelKey::api_key(KEY).unwrap());
    let upstream_silence_max = Duration::from_millis(200);
    let rig = Rig::new(&upstream.base, key, EgressLimits { upstream_silence_max, ..limits() });
    let request = rig.request("POST", "/v1/messages").body(Full::from("{}")).unwrap();
    let mut body = rig.client().await.send_request(request).await.unwrap().into_body();
    pieces.send(Ok("event: one\n\n")).await.unwrap();
    assert!(timeout(SOON, body.frame()).await.unwrap().unwrap().is_ok());
    assert!(timeout(SOON, body.frame()).await.unwrap().unwrap().is_err());
}

#[tokio::test]
async fn an_upstream_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let key = Some(ModelKey::api_key(KEY).unwrap());
    let upstream_silence_max = Duration::from_millis(100);
    let rig = Rig::new(&base, key, EgressLimits { upstream_silence_max, ..limits() });
    let (status, _, body) = rig.message("{}").await;
    assert_eq!(
        (status, error_of(&body).0.as_str()),
        (StatusCode::GATEWAY_TIMEOUT, "timeout_error")
    );
}

#[tokio::test]
async fn an_upstream_that_is_down_is_named_with_what_to_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let rig = Rig::new(&base, Some(ModelKey::api_key(KEY).unwrap()), limits());
    let (status, headers, body) = rig.message("{}").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert_eq!(headers["x-should-retry"], "true");
    let (kind, message) = error_of(&body);
    assert_eq!(kind, "api_error");
    assert!(message.contains("cannot reach the model API: check the host's network"), "{message}");
    assert!(!message.contains("127.0.0.1"), "nothing of the host: {message}");
}

#[tokio::test]
async fn an_upstream_that_hangs_up_or_talks_nonsense_is_a_bad_gateway() {
    for answer in ["", "nonsense\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let rig = Rig::new(&base, Some(ModelKey::api_key(KEY).unwrap()), limits());
        let upstream = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _head = stream.read(&mut buffer).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let ((status, _, body), ()) = tokio::join!(rig.message("{}"), upstream);
        assert_eq!(status, StatusCode::BAD_GATEWAY, "{answer:?}");
        assert_eq!(error_of(&body).0, "api_error");
    }
}

#[tokio::test]
async fn without_a_key_the_answer_says_what_to_set() {
    let upstream = Upstream::ok().await;
    let rig = Rig::new(&upstream.base, None, limits());
    let (status, headers, body) = rig.message("{}").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(headers["x-should-retry"], "false");
    let (kind, message) = error_of(&body);
    assert_eq!(kind, "authentication_error");
    assert!(message.contains("ANTHROPIC_API_KEY"), "{message}");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_refusal_of_the_key_is_not_to_be_tried_again() {
    for (status, retry) in [(401, Some("false")), (403, Some("false")), (429, None), (529, None)] {
        let status = StatusCode::from_u16(status).unwrap();
        let upstream = Upstream::start(move || (status, "{}").into_response()).await;
        let (found, headers, _) = Rig::before(&upstream).message("{}").await;
        assert_eq!(found, status);
        let told = headers.get("x-should-retry").map(|value| value.to_str().unwrap());
        assert_eq!(told, retry, "{status}");
    }
}

#[tokio::test]
async fn an_answer_passes_with_its_own_headers_and_without_the_key() {
    let upstream = Upstream::start(|| {
        let headers = [
            ("request-id", "req_1"),
            ("retry-after", "7"),
            ("set-cookie", "a=b"),
            ("keep-alive", "timeout=5"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("x-echo", KEY),
        ];
        (StatusCode::TOO_MANY_REQUESTS, headers, "{\"type\":\"error\"}").into_response()
    })
    .await;
    let rig = Rig::before(&upstream);
    let (status, headers, body) = rig.message("{}").await;
    assert_eq!((status, body.as_str()), (StatusCode::TOO_MANY_REQUESTS, "{\"type\":\"error\"}"));
    let mut names: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let expected = ["content-length", "content-type", "date", "request-id", "retry-after"];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn requests_of_all_sandboxes_share_upstream_connections() {
    let upstream = Upstream::ok().await;
    let rig = Rig::before(&upstream);
    for _ in 0..5 {
        rig.message("{}").await;
    }
    let connections: HashSet<_> = upstream
        .seen()
        .iter()
        .map(|(head, _)| match head.extensions.get::<Peer>() {
            Some(Peer::Tcp(address)) => *address,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(connections.len(), 1);
}

#[tokio::test]
async fn an_upstream_connection_that_was_closed_meanwhile_is_replaced() {
    let upstream = Upstream::start(|| ([("connection", "close")], "{}").into_response()).await;
    let rig = Rig::before(&upstream);
    for _ in 0..3 {
        assert_eq!(rig.message("{}").await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_revoked_session_loses_what_is_under_way_and_what_comes() {
    let (upstream, pieces) = Upstream::streaming().await;
    let rig = Rig::before(&upstream);
    let request = rig.request("POST", "/v1/messages").body(Full::from("{}")).unwrap();
    let mut body = rig.client().await.send_request(request).await.unwrap().into_body();
    pieces.send(Ok("event: one\n\n")).await.unwrap();
    assert!(timeout(SOON, body.frame()).await.unwrap().unwrap().is_ok());
    let last = rig.egress.revoke(rig.session).unwrap();
    assert_eq!((last.requests, last.response_bytes), (1, 12));
    assert!(timeout(SOON, body.frame()).await.unwrap().unwrap().is_err());
    timeout(SOON, pieces.closed()).await.expect("the upstream is told");
    assert_eq!(rig.message("{}").await.0, StatusCode::UNAUTHORIZED);
    assert!(rig.egress.meter(rig.session).is_none());
}

#[tokio::test]
async fn a_sandbox_that_leaves_ends_its_request_upstream() {
    let (upstream, pieces) = Upstream::streaming().await;
    let rig = Rig::before(&upstream);
    let request = rig.request("POST", "/v1/messages").body(Full::from("{}")).unwrap();
    let mut client = rig.client().await;
    let response = client.send_request(request).await.unwrap();
    drop((client, response));
    timeout(SOON, pieces.closed()).await.expect("nobody pays for an answer nobody reads");
}
