//! A server that answers from a script: over a unix socket and over TCP, with whatever the test
//! wants it to say, when the test wants it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Longest wait for a request that a test relies on. Only a test that fails waits for so long.
const WAIT: Duration = Duration::from_secs(20);

/// The turn of [`Reply::Turn`].
pub(crate) const TURN: &str = "0198c8a0-1111-4111-8111-111111111111";

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method and target, as in `GET /health`.
    pub(crate) line: String,
    pub(crate) headers: http::HeaderMap,
    /// As far as it came.
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its end.
    pub(crate) complete: bool,
}

impl Seen {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What is answered to a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A whole body with its status.
    Whole(u16, String),
    /// The events of a turn.
    Events(Vec<Step>),
    /// The same, of a turn that can be come back to; its events are numbered behind this.
    Turn(u64, Vec<Step>),
    /// The connection is cut off without an answer.
    Cut,
}

/// A step of an answer in parts.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Any bytes.
    Bytes(&'static str),
    /// A server-sent event with the next id.
    Event(&'static str, String),
    /// Nothing until a request with this line has come.
    Until(&'static str),
    /// The connection is cut off.
    Cut,
}

/// A success with this JSON.
pub(crate) fn json(text: impl Into<String>) -> Reply {
    Reply::Whole(200, text.into())
}

/// A problem document with this code.
pub(crate) fn problem(status: u16, code: &str, text: &str) -> Reply {
    let document = serde_json::json!({
        "code": code, "error": text, "message": text, "detail": text, "status": status, "statusCode": status,
    });
    Reply::Whole(status, document.to_string())
}

/// An event of a turn.
pub(crate) fn event(name: &'static str, data: impl Into<String>) -> Step {
    Step::Event(name, data.into())
}

/// A running server.
pub(crate) struct Scripted {
    pub(crate) socket: PathBuf,
    pub(crate) address: SocketAddr,
    seen: watch::Receiver<Vec<Seen>>,
    /// Holds the socket.
    _folder: tempfile::TempDir,
    runtime: Runtime,
}

type Script = dyn Fn(&Seen) -> Reply + Send + Sync;

impl Scripted {
    /// A server that answers by `script`.
    pub(crate) fn new(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("admin.sock");
        let runtime = Runtime::new().unwrap();
        let (sender, seen) = watch::channel(Vec::new());
        let script: Arc<Script> = Arc::new(script);
        let sender = Arc::new(sender);
        let address = runtime.block_on(async {
            let unix = UnixListener::bind(&socket).unwrap();
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = tcp.local_addr().unwrap();
            let (unix_script, unix_sender) = (Arc::clone(&script), Arc::clone(&sender));
            tokio::spawn(async move {
                while let Ok((stream, _)) = unix.accept().await {
                    tokio::spawn(serve(
                        TokioIo::new(stream),
                        Arc::clone(&unix_script),
                        Arc::clone(&unix_sender),
                    ));
                }
            });
            tokio::spawn(async move {
                while let Ok((stream, _)) = tcp.accept().await {
                    tokio::spawn(serve(
                        TokioIo::new(stream),
                        Arc::clone(&script),
                        Arc::clone(&sender),
                    ));
                }
            });
            address
        });
        Self { socket, address, seen, _folder: folder, runtime }
    }

    /// A server that knows one answer.
    pub(crate) fn answering(line: &str, reply: Reply) -> Self {
        let line = line.to_owned();
        Self::new(move |seen| {
            if seen.line == line {
                reply.clone()
            } else {
                problem(500, "internal", &format!("unexpected: {}", seen.line))
            }
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// The lines of the requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    /// Waits for a request with this line.
    pub(crate) fn wait_for(&self, line: &str) {
        let mut seen = self.seen.clone();
        self.runtime.block_on(wait_for(&mut seen, line));
    }
}

async fn wait_for(seen: &mut watch::Receiver<Vec<Seen>>, line: &str) {
    let came = seen.wait_for(|seen| seen.iter().any(|seen| seen.line == line));
    let came = tokio::time::timeout(WAIT, came).await;
    assert!(came.is_ok(), "no `{line}` within {WAIT:?}");
}

async fn serve<S>(stream: TokioIo<S>, script: Arc<Script>, seen: Arc<watch::Sender<Vec<Seen>>>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let service = service_fn(|request| answer(request, Arc::clone(&script), Arc::clone(&seen)));
    // A client that leaves early is the subject of some tests.
    let _ended = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
}

async fn answer(
    request: Request<Incoming>,
    script: Arc<Script>,
    sender: Arc<watch::Sender<Vec<Seen>>>,
) -> Result<Response<UnsyncBoxBody<Bytes, io::Error>>, io::Error> {
    let (head, mut body) = request.into_parts();
    let mut seen = Seen {
        line: format!("{} {}", head.method, head.uri),
        headers: head.headers,
        body: vec![],
        complete: true,
    };
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => seen.body.extend_from_slice(frame.data_ref().unwrap()),
            Err(_cut_off) => {
                seen.complete = false;
                break;
            }
        }
    }
    let reply = script(&seen);
    sender.send_modify(|all| all.push(seen));
    let mut response = Response::builder();
    let (status, kind, before, steps) = match reply {
        Reply::Cut => return Err(io::Error::other("as scripted")),
        Reply::Whole(status, text) => {
            let body = http_body_util::Full::new(Bytes::from(text))
                .map_err(|never: Infallible| match never {});
            return Ok(Response::builder().status(status).body(body.boxed_unsync()).unwrap());
        }
        Reply::Events(steps) => (200, "text/event-stream", 0, steps),
        Reply::Turn(before, steps) => {
            response = response.header("ash-turn-id", TURN);
            (200, "text/event-stream", before, steps)
        }
    };
    let seen = sender.subscribe();
    let chunks =
        futures_util::stream::iter((before + 1..).zip(steps)).then(move |(number, step)| {
            let mut seen = seen.clone();
            async move {
                match step {
                    Step::Bytes(text) => Ok(Frame::data(Bytes::from(text))),
                    Step::Event(name, data) => {
                        let text = format!("id: {number}\nevent: {name}\ndata: {data}\n\n");
                        Ok(Frame::data(Bytes::from(text)))
                    }
                    Step::Until(line) => {
                        wait_for(&mut seen, line).await;
                        Ok(Frame::data(Bytes::from_static(b": waited\n\n")))
                    }
                    Step::Cut => {
                        // What was said before must be on its way.
                        tokio::task::yield_now().await;
                        Err(io::Error::other("as scripted"))
                    }
                }
            }
        });
    let response = response.status(status).header("content-type", kind);
    Ok(response.body(StreamBody::new(chunks).boxed_unsync()).unwrap())
}
