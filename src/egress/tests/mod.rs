//! The proxy as a whole: a real unix socket on one side, an upstream of our own on the other.

use std::collections::HashSet;
use std::io;
use std::sync::Mutex;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::web::server::Peer;

mod answers;
mod budgets;
mod credentials;
mod malformed;
mod mutated;
mod posts;
mod requests;
mod tunnels;

const KEY: &str = "sk-ant-api03-the-real-key";

/// Longest a test waits for what must happen.
const SOON: Duration = Duration::from_secs(10);

fn limits() -> EgressLimits {
    EgressLimits {
        server: ServerLimits { drain_max: Duration::from_millis(100), ..ServerLimits::default() },
        ..EgressLimits::default()
    }
}

pub(in crate::egress) fn opening_keys() -> OpeningKeys {
    OpeningKeys::parse(&OpeningKeys::random_text()).unwrap()
}

/// A proxy with one session admitted, and a sandbox's end of it.
struct Rig {
    egress: Egress,
    session: SessionId,
    placeholder: Placeholder,
    scratch: tempfile::TempDir,
    _serving: AbortOnDropHandle<()>,
}

impl Rig {
    fn new(upstream: &str, key: Option<ModelKey>, limits: EgressLimits) -> Self {
        let upstream = upstream.parse().unwrap();
        let hosts = HostRules::default();
        let (opening, upstreams) = (opening_keys(), Vec::new());
        let receivers = Receivers::default();
        let prices = Prices::default();
        let settings =
            EgressSettings { upstream, key, opening, upstreams, hosts, receivers, prices, limits };
        let egress = Egress::new(settings).unwrap();
        Self::serving(egress, HostRules::default())
    }

    /// With one session admitted that may reach `hosts`.
    fn serving(egress: Egress, hosts: HostRules) -> Self {
        let (session, placeholder) = (SessionId::new(), Placeholder::random());
        egress.open();
        let uid = Some(nix::unistd::geteuid().as_raw());
        egress.admit(session, &placeholder, Terms { uid, hosts, ..Terms::default() });
        let scratch = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(scratch.path().join("s")).unwrap();
        let serving = {
            let egress = egress.clone();
            tokio::spawn(async move { egress.serve(listener, CancellationToken::new()).await })
        };
        let serving = AbortOnDropHandle::new(serving);
        Self { egress, session, placeholder, scratch, _serving: serving }
    }

    /// In front of `upstream`, with the key and ordinary limits.
    fn before(upstream: &Upstream) -> Self {
        Self::new(&upstream.base, Some(ModelKey::api_key(KEY).unwrap()), limits())
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.scratch.path().join("s")).await.unwrap()
    }

    async fn client(&self) -> SendRequest<Full<Bytes>> {
        let (client, connection) = handshake(TokioIo::new(self.connect().await)).await.unwrap();
        tokio::spawn(connection);
        client
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "api.ash.invalid")
            .header("x-api-key", self.placeholder.expose())
    }

    /// Status, headers and body of the answer to a message.
    async fn message(&self, text: &'static str) -> (StatusCode, HeaderMap, String) {
        let request = self.request("POST", "/v1/messages?beta=true");
        self.exchange(request.body(Full::from(text)).unwrap()).await
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> (StatusCode, HeaderMap, String) {
        let mut client = self.client().await;
        let response = timeout(SOON, client.send_request(request)).await.unwrap().unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Sends `text` as it is and reads what comes back until the end, or `end`.
    async fn raw(&self, text: &str, end: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        read_to(&mut stream, end).await
    }
}

async fn read_to(stream: &mut UnixStream, end: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(end) {
        let read = timeout(SOON, stream.read(&mut buffer)).await.expect("the answer comes");
        match read.unwrap() {
            0 => break,
            count => text.push_str(std::str::from_utf8(&buffer[..count]).unwrap()),
        }
    }
    text
}

/// A model API of our own.
struct Upstream {
    base: String,
    /// What reached it: head and body.
    seen: Arc<Mutex<Vec<(http::request::Parts, Bytes)>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Upstream {
    /// Answers every request with `answer`.
    async fn start(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let router = {
            let seen = Arc::clone(&seen);
            Router::new().fallback(async move |request: Request| {
                let (head, body) = request.into_parts();
                let Ok(body) = body.collect().await else {
                    return StatusCode::BAD_REQUEST.into_response();
                };
                seen.lock().unwrap().push((head, body.to_bytes()));
                answer()
            })
        };
        let limits = ServerLimits::default();
        let shutdown = CancellationToken::new();
        let serving = server::serve(Listener::Tcp(listener), router, limits, shutdown);
        Self { base, seen, _serving: AbortOnDropHandle::new(tokio::spawn(serving)) }
    }

    async fn ok() -> Self {
        Self::start(|| "{}".into_response()).await
    }

    /// Answers with the pieces that are sent; an `Err` breaks the connection.
    async fn streaming() -> (Self, mpsc::Sender<io::Result<&'static str>>) {
        let (pieces, receiver) = mpsc::channel(1);
        let receiver = Arc::new(Mutex::new(Some(receiver)));
        let upstream = Self::start(move || {
            let receiver = receiver.lock().unwrap().take().unwrap();
            let pieces = stream::unfold(
                receiver,
                async |mut receiver: mpsc::Receiver<io::Result<&'static str>>| {
                    Some((receiver.recv().await?, receiver))
                },
            );
            ([("content-type", "text/event-stream")], Body::from_stream(pieces)).into_response()
        })
        .await;
        (upstream, pieces)
    }

    fn seen(&self) -> Vec<(http::request::Parts, Bytes)> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

/// Type and message of an error in the Messages API's shape.
fn error_of(body: &str) -> (String, String) {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["type"], "error");
    let text = |name: &str| body["error"][name].as_str().unwrap().to_owned();
    (text("type"), text("message"))
}
