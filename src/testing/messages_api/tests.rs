//! Tests: the stand-in over its socket.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::{MessagesApi, MessagesApiSettings, monotonic_nanoseconds};

struct Caller {
    api: MessagesApi,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Caller {
    async fn new(require_key: Option<&str>) -> Self {
        let require_key = require_key.map(str::to_owned);
        let settings = MessagesApiSettings { require_key, ..MessagesApiSettings::default() };
        let api = MessagesApi::start(settings).await.unwrap();
        Self { api, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        header: Option<(&str, &str)>,
        body: String,
    ) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
        let mut request = Request::builder().method(method).uri(self.api.url() + path);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        self.client.request(request.body(Full::from(body)).unwrap()).await
    }

    async fn say(&self, text: &str, stream: bool) -> Response<Incoming> {
        let body = json!({"model": "claude-opus-5-5", "stream": stream, "max_tokens": 100,
                          "messages": [{"role": "user", "content": text}]});
        let path = "/v1/messages?beta=true";
        self.call(Method::POST, path, None, body.to_string()).await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let response = self.call(Method::GET, path, None, String::new()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        json_of(response).await
    }
}

async fn json_of(response: Response<Incoming>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

/// The events of a stream: name and data.
async fn events_of(response: Response<Incoming>) -> Vec<(String, Value)> {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec())
        .unwrap()
        .split_terminator("\n\n")
        .map(|event| {
            let (name, data) = event.split_once('\n').unwrap();
            let name = name.strip_prefix("event: ").unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(data["type"], name);
            (name.to_owned(), data)
        })
        .collect()
}

#[tokio::test]
async fn an_answer_streams_as_the_api_streams() {
    let caller = Caller::new(None).await;
    let response =
        caller.say(r#"[[think:hm]][[say:hello]][[tool:Read:{"a":1}]][[chunks:2:1]]"#, true).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    let events = events_of(response).await;
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["message_start", "content_block_start", "ping"]);
    assert_eq!(names[names.len() - 2..], ["message_delta", "message_stop"]);
    let blocks: Vec<&Value> =
        events.iter().map(|(_, data)| &data["content_block"]["type"]).collect();
    let blocks: Vec<&str> = blocks.iter().filter_map(|kind| kind.as_str()).collect();
    assert_eq!(blocks, ["thinking", "text", "tool_use"]);
    let gather = |member: &str| -> String {
        events.iter().filter_map(|(_, data)| data["delta"][member].as_str()).collect()
    };
    assert_eq!(gather("text"), "hello");
    assert_eq!(gather("thinking"), "hm");
    assert_eq!(gather("partial_json"), r#"{"a":1}"#);
    assert_eq!(gather("stop_reason"), "tool_use");
}

#[tokio::test]
async fn an_answer_without_streaming_is_one_document() {
    let caller = Caller::new(None).await;
    let answer = json_of(caller.say("[[say:hello]][[midstream-error]]", false).await).await;
    assert_eq!(answer["content"], json!([{"type": "text", "text": "hello"}]));
    assert_eq!(answer["stop_reason"], "end_turn");
    assert_eq!(answer["model"], "claude-opus-5-5");
    assert!(answer["usage"]["output_tokens"].as_u64() > Some(0));
}

#[tokio::test]
async fn a_delay_comes_before_the_first_event_and_pieces_come_apart() {
    let caller = Caller::new(None).await;
    let started = Instant::now();
    let response = caller.say("[[delay:60]][[chunks:3:40]]", true).await;
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(started.elapsed() >= Duration::from_millis(60));
    assert!(String::from_utf8_lossy(&first).contains("piece 1 of 3"), "{first:?}");
    assert!(!String::from_utf8_lossy(&first).contains("piece 2 of 3"), "{first:?}");
    body.collect().await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(140));
}

#[tokio::test]
async fn refusals_have_the_shape_of_the_api() {
    let caller = Caller::new(None).await;
    for (status, kind) in [
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ] {
        let response = caller.say(&format!("[[error:{status}]]"), true).await;
        assert_eq!(response.status(), status);
        let retry_after = response.headers().get("retry-after").cloned();
        assert_eq!(retry_after.is_some(), status == 429);
        let error = json_of(response).await;
        assert_eq!((&error["type"], &error["error"]["type"]), (&json!("error"), &json!(kind)));
    }
    for expected in [529, 529, 200, 200] {
        assert_eq!(caller.say("[[errorN:529:2]]", true).await.status(), expected);
    }
    caller.api.reset();
    assert_eq!(caller.say("[[errorN:529:2]]", true).await.status(), 529);
    let garbage = "{\"model\":1}".to_owned();
    let response = caller.call(Method::POST, "/v1/messages", None, garbage).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let response = caller.call(Method::GET, "/v1/wat", None, String::new()).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_stream_breaks_where_it_is_told_to() {
    let caller = Caller::new(None).await;
    let events = events_of(caller.say("[[say:half]][[midstream-error]]", true).await).await;
    assert_eq!(events.last().unwrap().1["error"]["type"], "overloaded_error");

    let response = caller.say("[[say:half]][[drop-midstream]]", true).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("half"));
    assert!(body.frame().await.unwrap().is_err());

    let body = json!({"model": "m", "messages": [{"role": "user", "content": "[[drop]]"}]});
    let dropped = caller.call(Method::POST, "/v1/messages", None, body.to_string()).await;
    assert!(dropped.is_err(), "{dropped:?}");
}

#[tokio::test]
async fn it_tells_who_asked_what_and_when() {
    let caller = Caller::new(None).await;
    let before = monotonic_nanoseconds();
    let body = json!({"model": "m", "messages": []}).to_string();
    let length = body.len();
    let count = "/v1/messages/count_tokens";
    let key = Some(("x-api-key", "sk-1"));
    let counted = json_of(caller.call(Method::POST, count, key, body).await.unwrap()).await;
    assert!(counted["input_tokens"].as_u64() > Some(0));
    let bearer = Some(("authorization", "Bearer t"));
    caller.call(Method::GET, "/v1/models", bearer, String::new()).await.unwrap();
    caller.call(Method::HEAD, "/", None, String::new()).await.unwrap();

    let told = caller.get("/__stand-in/requests").await;
    assert_eq!(told["count"], 3);
    let first = &told["requests"][0];
    assert_eq!(first["path"], count);
    assert_eq!(first["x_api_key"], "sk-1");
    assert_eq!(first["authorization"], Value::Null);
    assert_eq!(first["model"], "m");
    assert_eq!(first["bytes"], length);
    assert_eq!(told["requests"][1]["authorization"], "Bearer t");
    let instants: Vec<u64> =
        caller.api.requests().requests.iter().map(|seen| seen.monotonic_nanoseconds).collect();
    assert!(instants.is_sorted() && before <= instants[0]);
    assert!(instants[2] <= monotonic_nanoseconds());

    let reset = "/__stand-in/reset";
    caller.call(Method::POST, reset, None, String::new()).await.unwrap();
    assert_eq!(caller.get("/__stand-in/requests").await["count"], 0);
}

#[tokio::test]
async fn another_key_than_the_required_one_is_refused() {
    let caller = Caller::new(Some("sk-real")).await;
    for (header, expected) in [
        (None, 401),
        (Some(("x-api-key", "sk-placeholder")), 401),
        (Some(("authorization", "sk-real")), 401),
        (Some(("x-api-key", "sk-real")), 200),
        (Some(("authorization", "Bearer sk-real")), 200),
    ] {
        let models = caller.call(Method::GET, "/v1/models", header, String::new()).await.unwrap();
        assert_eq!(models.status(), expected, "{header:?}");
    }
    assert_eq!(caller.api.requests().count, 5, "refused requests count as well");
}

#[tokio::test]
async fn nobody_answers_after_it_was_dropped() {
    let caller = Caller::new(None).await;
    assert_eq!(caller.say("hi", false).await.status(), StatusCode::OK);
    let address = caller.api.address();
    drop(caller);
    let refused = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.unwrap();
}
