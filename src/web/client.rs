//! The client side of HTTP: one code path for the unix socket, `http` and `https`.
//!
//! A request goes out with an optional streaming body; the answer comes back whole (with a cap),
//! in chunks, or as server-sent events. Nothing here waits for ever, and each way to fail is a
//! variant of [`ClientError`].

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use http::header::{AUTHORIZATION, EXPECT, HOST};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyDataStream, BodyExt as _, Empty, Full, StreamBody};
use hyper::body::Incoming;
use hyper::ext::on_informational;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use hyperlocal::UnixConnector;
use sse_stream::{Sse, SseByteStream};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::tunnel::Tunnel;

/// Longest wait for a TCP connection, in seconds: a packet lost twice is sent again after 1 and
/// 3 seconds, so a living server answers well within it.
const CONNECT_SECONDS_MAX: u64 = 10;

/// Longest wait for the head of an answer, in seconds. Creating a session is the slowest thing
/// the server does before it answers, and takes far less than a second.
const ANSWER_SECONDS_MAX: u64 = 60;

/// Longest upload, in seconds: 50 MB over a line of 128 kbit/s.
const UPLOAD_SECONDS_MAX: u64 = 3600;

/// Longest wait for an answer that wants much work, in seconds: reading a database of 100 GB from a
/// slow disk.
const WORK_SECONDS_MAX: u64 = 3600;

/// Longest wait for the server to ask for an upload, in seconds, as `curl` waits: not every server
/// knows how to ask.
const CONTINUE_SECONDS_MAX: u64 = 1;

/// Longest silence within an answer, in seconds. A stream of events has a heartbeat every 15 s,
/// so that four were lost.
const SILENCE_SECONDS_MAX: u64 = 60;

/// What a request carries.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// No body.
pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is known whole.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body that is made while it is sent. An error in it cuts the request off, so that the server
/// cannot take the part for the whole.
pub(crate) fn streamed(chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(chunks.map_ok(Frame::data)).boxed_unsync()
}

/// How long the head of an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// [`ANSWER_SECONDS_MAX`].
    Answer,
    /// [`UPLOAD_SECONDS_MAX`]: the answer comes when the body has been sent. The body waits until
    /// the server asks for it: a refusal that meets a body on its way can be lost with the
    /// connection.
    Upload,
    /// [`WORK_SECONDS_MAX`]: the server reads all that it has before it answers.
    Work,
}

/// The longest waits of a client.
#[derive(Debug, Clone, Copy)]
struct Waits {
    answer: Duration,
    upload: Duration,
    work: Duration,
    silence: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(ANSWER_SECONDS_MAX),
            upload: Duration::from_secs(UPLOAD_SECONDS_MAX),
            work: Duration::from_secs(WORK_SECONDS_MAX),
            silence: Duration::from_secs(SILENCE_SECONDS_MAX),
        }
    }
}

/// Why there is no answer, or not the whole of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("the answer of {place} has more than {bytes_max} bytes")]
    AnswerTooLarge { place: String, bytes_max: usize },
    #[error("{place} cannot be reached")]
    Connect { place: String, source: legacy::Error },
    #[error("{place} did not take the connection within {CONNECT_SECONDS_MAX} seconds")]
    ConnectTimeout { place: String },
    #[error("no permission to use {place}")]
    Denied { place: String },
    #[error("the connection to {place} was lost")]
    Lost { place: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("nothing listens on {place}")]
    NobodyListens { place: String },
    #[error("{place} did not answer within {} seconds", wait.as_secs_f32())]
    NoAnswer { place: String, wait: Duration },
    #[error("the certificates that this machine trusts cannot be read")]
    Roots { source: io::Error },
    #[error("{place} has been silent for {} seconds", wait.as_secs_f32())]
    Silent { place: String, wait: Duration },
    #[error("no trusted TLS connection to {place}")]
    Tls { place: String, source: legacy::Error },
    #[error("`{url}` is not the address of a server: {reason}")]
    Url { url: String, reason: &'static str },
}

/// A server to talk to. Cheap to make: it connects with the first request.
pub(crate) struct Client {
    connections: Connections,
    /// How messages name the server: the socket's path, or the URL that all requests go below,
    /// without a `/` at its end.
    place: String,
    /// Value of the `Authorization` header.
    bearer: Option<HeaderValue>,
    waits: Waits,
}

enum Connections {
    Unix(PathBuf, legacy::Client<UnixConnector, Body>),
    Plain(legacy::Client<HttpConnector, Body>),
    Tls(legacy::Client<HttpsConnector<HttpConnector>, Body>),
    Tunnel(legacy::Client<Tunnel, Body>),
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the key.
        f.debug_struct("Client").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Client {
    /// A server that listens on a unix socket.
    pub(crate) fn unix(path: PathBuf) -> Self {
        let place = path.display().to_string();
        let client = legacy::Client::builder(TokioExecutor::new()).build(UnixConnector);
        Self {
            connections: Connections::Unix(path, client),
            place,
            bearer: None,
            waits: Waits::default(),
        }
    }

    /// The daemon of another host, behind a program that `place` names.
    pub(crate) fn tunnel(tunnel: Tunnel, place: String) -> Self {
        let client = legacy::Client::builder(TokioExecutor::new()).build(tunnel);
        let (connections, waits) = (Connections::Tunnel(client), Waits::default());
        Self { connections, place, bearer: None, waits }
    }

    /// A server at an `http` or `https` address, which may have a path that all requests go
    /// below.
    pub(crate) fn tcp(url: &str, bearer: Option<HeaderValue>) -> Result<Self, ClientError> {
        let refused = |reason| ClientError::Url { url: url.to_owned(), reason };
        let uri: Uri = url.parse().map_err(|_uri| refused("it is not a URL"))?;
        let authority = uri.authority().ok_or_else(|| refused("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refused("it carries a user; a key belongs into a file"));
        }
        if uri.query().is_some() {
            return Err(refused("it has a query"));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(CONNECT_SECONDS_MAX)));
        let builder = legacy::Client::builder(TokioExecutor::new());
        let connections = match uri.scheme_str() {
            Some("http") => Connections::Plain(builder.build(connector)),
            Some("https") => {
                connector.enforce_http(false);
                let connector = HttpsConnectorBuilder::new()
                    .with_native_roots()
                    .map_err(|source| ClientError::Roots { source })?
                    .https_only()
                    .enable_http1()
                    .wrap_connector(connector);
                Connections::Tls(builder.build(connector))
            }
            _ => return Err(refused("it starts with neither `http://` nor `https://`")),
        };
        let place = url.trim_end_matches('/').to_owned();
        Ok(Self { connections, place, bearer, waits: Waits::default() })
    }

    /// How messages name the server.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Sends `request`, whose URI is a path with an optional query, and waits for the head of
    /// the answer, whatever its status.
    pub(crate) async fn send(
        &self,
        mut request: Request<Body>,
        patience: Patience,
    ) -> Result<Answer, ClientError> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        if let Connections::Tunnel(_) = &self.connections {
            let url = format!("http://localhost{target}");
            *request.uri_mut() =
                url.parse().map_err(|_uri| ClientError::Url { url, reason: "it is too long" })?;
        } else if let Connections::Unix(path, _) = &self.connections {
            *request.uri_mut() = hyperlocal::Uri::new(path, target).into();
            // The authority is the path in hexadecimal, which is nobody's host.
            request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
        } else {
            let url = format!("{}{target}", self.place);
            *request.uri_mut() =
                url.parse().map_err(|_uri| ClientError::Url { url, reason: "it is too long" })?;
        }
        if let Some(bearer) = &self.bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        if patience == Patience::Upload {
            hold_back(&mut request);
        }
        let response = match &self.connections {
            Connections::Unix(_, client) => client.request(request),
            Connections::Plain(client) => client.request(request),
            Connections::Tls(client) => client.request(request),
            Connections::Tunnel(client) => client.request(request),
        };
        let wait = match patience {
            Patience::Answer => self.waits.answer,
            Patience::Upload => self.waits.upload,
            Patience::Work => self.waits.work,
        };
        let response = timeout(wait, response)
            .await
            .map_err(|_elapsed| ClientError::NoAnswer { place: self.place.clone(), wait })?
            .map_err(|source| self.failed(source))?;
        let (head, body) = response.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            place: self.place.clone(),
            silence: self.waits.silence,
        })
    }

    /// Finds out what `source` is about.
    fn failed(&self, source: legacy::Error) -> ClientError {
        let place = self.place.clone();
        if !source.is_connect() {
            return ClientError::Lost { place, source: Box::new(source) };
        }
        let secure = matches!(self.connections, Connections::Tls(_));
        match io_kind(&source) {
            Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                ClientError::NobodyListens { place }
            }
            Some(io::ErrorKind::PermissionDenied) => ClientError::Denied { place },
            Some(io::ErrorKind::TimedOut) => ClientError::ConnectTimeout { place },
            // rustls reports a certificate it does not trust, and gibberish, as invalid data; a
            // server that hangs up on TLS is an early end.
            Some(io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) if secure => {
                ClientError::Tls { place, source }
            }
            _ => ClientError::Connect { place, source },
        }
    }
}

/// Holds the body of `request` back until the server asks for it (`Expect: 100-continue`).
fn hold_back(request: &mut Request<Body>) {
    let asked = Arc::new(Notify::new());
    let asks = Arc::clone(&asked);
    on_informational(request, move |response| {
        if response.status() == StatusCode::CONTINUE {
            asks.notify_one();
        }
    });
    request.headers_mut().insert(EXPECT, HeaderValue::from_static("100-continue"));
    let chunks = BodyDataStream::new(std::mem::replace(request.body_mut(), empty()));
    let held = futures_util::stream::once(async move {
        let wait = Duration::from_secs(CONTINUE_SECONDS_MAX);
        let _asked_or_not = timeout(wait, asked.notified()).await;
        chunks
    });
    *request.body_mut() = streamed(held.flatten());
}

/// The kind of the innermost I/O error that `error` was caused by.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    std::iter::successors(Some(error), |error| {
        // An `io::Error` does not name the error it wraps as its source.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &(dyn std::error::Error + 'static)),
            None => error.source(),
        }
    })
    .filter_map(|error| error.downcast_ref::<io::Error>())
    .map(io::Error::kind)
    .last()
}

/// The head of an answer, and its body to come.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    place: String,
    silence: Duration,
}

impl Answer {
    /// The next part of the body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let wait = self.silence;
            let frame = timeout(wait, self.body.frame())
                .await
                .map_err(|_elapsed| ClientError::Silent { place: self.place.clone(), wait })?;
            match frame {
                None => return Ok(None),
                Some(Err(source)) => {
                    let place = self.place.clone();
                    return Err(ClientError::Lost { place, source: Box::new(source) });
                }
                Some(Ok(frame)) => {
                    if let Ok(chunk) = frame.into_data() {
                        return Ok(Some(chunk));
                    }
                }
            }
        }
    }

    /// The whole body.
    pub(crate) async fn bytes(mut self, bytes_max: usize) -> Result<Bytes, ClientError> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > bytes_max {
                return Err(ClientError::AnswerTooLarge { place: self.place, bytes_max });
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// The body as server-sent events.
    pub(crate) fn events(self) -> Events {
        let place = self.place.clone();
        let chunks = futures_util::stream::try_unfold(self, |mut answer| async move {
            Ok(answer.chunk().await?.map(|chunk| (chunk, answer)))
        });
        Events { events: SseByteStream::new(chunks.boxed()), place }
    }
}

/// Server-sent events as they come.
pub(crate) struct Events {
    events: SseByteStream<BoxStream<'static, Result<Bytes, ClientError>>>,
    place: String,
}

impl Events {
    /// The next event that has data; `None` when the server has ended the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Sse>, ClientError> {
        loop {
            match self.events.next().await {
                None => return Ok(None),
                Some(Ok(event)) if event.data.is_some() => return Ok(Some(event)),
                Some(Ok(_metadata)) => {}
                Some(Err(sse_stream::Error::Body(source))) => {
                    return Err(match source.downcast::<ClientError>() {
                        Ok(error) => *error,
                        Err(source) => ClientError::Lost { place: self.place.clone(), source },
                    });
                }
                Some(Err(source)) => {
                    let place = self.place.clone();
                    return Err(ClientError::Lost { place, source: Box::new(source) });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(20);

    /// A client of a server that answers with `answer` and then holds the connection.
    async fn client(answer: &'static str, waits: Waits) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _head = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        });
        Client { waits, ..Client::tcp(&url, None).unwrap() }
    }

    fn waits() -> Waits {
        Waits { answer: LONG, upload: LONG, work: LONG, silence: LONG }
    }

    fn request() -> Request<Body> {
        Request::get("/x").body(empty()).unwrap()
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_given_up() {
        let client = client("", Waits { answer: SHORT, ..waits() }).await;
        let error = client.send(request(), Patience::Answer).await.unwrap_err();
        assert!(matches!(error, ClientError::NoAnswer { .. }), "{error}");
    }

    #[tokio::test]
    async fn an_upload_may_take_longer() {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        let client = client(head, Waits { answer: Duration::ZERO, ..waits() }).await;
        assert_eq!(client.send(request(), Patience::Upload).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn an_upload_waits_until_it_is_asked_for() {
        let refusal = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
        for (answer, asked) in [(refusal, false), ("HTTP/1.1 100 Continue\r\n\r\n", true)] {
            let client = client(answer, Waits { upload: LONG, ..waits() }).await;
            let (sender, mut sent) = tokio::sync::oneshot::channel();
            let body = streamed(futures_util::stream::once(async {
                let _nobody_waits = sender.send(());
                Ok(Bytes::from_static(b"body"))
            }));
            let request = Request::put("/x").body(body).unwrap();
            tokio::select! {
                answer = client.send(request, Patience::Upload) => {
                    assert_eq!((answer.unwrap().status.as_u16(), asked), (401, false));
                    assert!(sent.try_recv().is_err());
                }
                sent = &mut sent => assert!(sent.is_ok() && asked),
            }
        }
    }

    #[tokio::test]
    async fn an_answer_that_falls_silent_is_given_up() {
        let part = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart";
        let client = client(part, Waits { silence: SHORT, ..waits() }).await;
        let mut answer = client.send(request(), Patience::Answer).await.unwrap();
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "part");
        let error = answer.chunk().await.unwrap_err();
        assert!(matches!(error, ClientError::Silent { .. }), "{error}");
    }

    #[tokio::test]
    async fn events_that_fall_silent_are_given_up() {
        let part = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: x\n\n\r\n";
        let client = client(part, Waits { silence: SHORT, ..waits() }).await;
        let mut events = client.send(request(), Patience::Answer).await.unwrap().events();
        assert_eq!(events.next().await.unwrap().unwrap().data.as_deref(), Some("x"));
        let error = events.next().await.unwrap_err();
        assert!(matches!(error, ClientError::Silent { .. }), "{error}");
    }

    #[tokio::test]
    async fn an_answer_has_a_largest_size() {
        for (bytes_max, fits) in [(4, true), (3, false)] {
            let whole = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody";
            let answer = client(whole, waits()).await.send(request(), Patience::Answer).await;
            let bytes = answer.unwrap().bytes(bytes_max).await;
            match bytes {
                Ok(bytes) => assert!(fits && bytes == "body"),
                Err(error) => {
                    assert!(
                        !fits && matches!(error, ClientError::AnswerTooLarge { .. }),
                        "{error}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_client_does_not_print_its_key() {
        let key = HeaderValue::from_static("Bearer ash_secret");
        let client = Client::tcp("http://localhost:4100/", Some(key)).unwrap();
        assert_eq!(format!("{client:?}"), r#"Client { place: "http://localhost:4100", .. }"#);
    }
}
