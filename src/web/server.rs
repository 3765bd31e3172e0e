//! The accept loop under every door: TCP or a unix socket, HTTP/1.1, within limits.
//!
//! Not `axum::serve` and not hyperlocal's server: the first knows no header timeout and no cap
//! on connections, the second serves one connection at a time.
//!
//! Nothing is held back on the way out: hyper writes and flushes each piece of a body when it
//! comes, and `TCP_NODELAY` is set, so a server-sent event leaves at once.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt as _};

use crate::os::peer::PeerCredentials;

/// Wait after the machine had no descriptor or memory for a connection, unless one of ours ends
/// first: the shortage may be another program's, and then nothing tells us of its end.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(200);

/// A TCP peer that acknowledges nothing for so long, or reads nothing although bytes wait, is
/// gone. Events carry a heartbeat, so this finds dead listeners too.
const TCP_STALL_MAX: Duration = Duration::from_mins(1);

/// Idle time after which a silent TCP peer is asked whether it still lives.
const TCP_KEEPALIVE_IDLE: Duration = Duration::from_mins(1);

/// Least time between two warnings about full places: who fills them decides how often it
/// happens, and must not decide how fast the journal grows.
const WARNING_PAUSE: Duration = Duration::from_secs(10);

/// What a door allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerLimits {
    /// Connections at one time; the next waits in the kernel's queue.
    pub(crate) connections_max: usize,
    /// Connections of one uid on a unix socket, above which a new one is closed at once, so that
    /// one sandbox cannot take the places of all. This program's own uid is exempt: without
    /// root every sandbox has it.
    pub(crate) connections_per_uid_max: usize,
    /// From the first wait for a request to its last header. As an idle connection waits for its
    /// next request, it is closed after this time as well; longer than the 60 seconds for which
    /// common reverse proxies keep theirs, lest they use one that is just closing.
    pub(crate) header_read_max: Duration,
    /// Request line and headers.
    pub(crate) header_bytes_max: usize,
    /// From the shutdown to the moment the connections left are dropped.
    pub(crate) drain_max: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            connections_per_uid_max: 64,
            header_read_max: Duration::from_secs(75),
            header_bytes_max: 64 << 10,
            drain_max: Duration::from_secs(10),
        }
    }
}

/// Where connections come from.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Who is at the other end; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    Unix(PeerCredentials),
}

impl Peer {
    fn uid(self) -> Option<u32> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(credentials) => Some(credentials.uid),
        }
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                stream.set_nodelay(true)?;
                setsockopt(&stream, sockopt::KeepAlive, &true)?;
                setsockopt(&stream, sockopt::TcpKeepIdle, &seconds(TCP_KEEPALIVE_IDLE))?;
                setsockopt(&stream, sockopt::TcpUserTimeout, &milliseconds(TCP_STALL_MAX))?;
                Ok((Stream::Tcp(stream), Peer::Tcp(address)))
            }
            Self::Unix(listener) => {
                let (stream, _address) = listener.accept().await?;
                let peer = Peer::Unix(PeerCredentials::of(&stream)?);
                Ok((Stream::Unix(stream), peer))
            }
        }
    }
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// The machine is out of something that every connection needs: trying again at once would only
/// spin.
fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM)
    )
}

/// Serves until `shutdown`; then accepts nothing more, lets each connection finish its request,
/// and drops those that are still there after [`ServerLimits::drain_max`].
///
/// A response that never ends by itself (server-sent events) has to watch `shutdown` too, or it
/// is cut at the end of that time.
pub(crate) async fn serve<S, B>(
    listener: Listener,
    service: S,
    limits: ServerLimits,
    shutdown: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    serve_exempting(nix::unistd::geteuid().as_raw(), listener, service, limits, shutdown).await;
}

async fn serve_exempting<S, B>(
    exempt_uid: u32,
    listener: Listener,
    service: S,
    limits: ServerLimits,
    shutdown: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut connections = Connections::default();
    let mut shortage_until: Option<Instant> = None;
    let mut warnings = Warnings::default();
    loop {
        let room = connections.tasks.len() < limits.connections_max;
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            () = connections.one_ended() => {
                shortage_until = None;
                continue;
            }
            () = until(shortage_until) => {
                shortage_until = None;
                continue;
            }
            accepted = listener.accept(), if room && shortage_until.is_none() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(connection) => connection,
            Err(error) if is_shortage(&error) => {
                tracing::warn!(%error, "no room for another connection; trying again soon");
                shortage_until = Some(Instant::now() + SHORTAGE_PAUSE);
                continue;
            }
            // The client went away between its call and our answer.
            Err(error) => {
                tracing::debug!(%error, "a connection was lost before it was served");
                continue;
            }
        };
        let uid = peer.uid().filter(|uid| *uid != exempt_uid);
        if uid.is_some_and(|uid| connections.of(uid) >= limits.connections_per_uid_max) {
            if warnings.allow() {
                tracing::warn!(uid, "refused a connection: this user has too many");
            }
            continue;
        }
        let (service, shutdown) = (service.clone(), shutdown.clone());
        let task = match stream {
            Stream::Tcp(stream) => {
                connections.tasks.spawn(converse(stream, peer, service, limits, shutdown))
            }
            Stream::Unix(stream) => {
                connections.tasks.spawn(converse(stream, peer, service, limits, shutdown))
            }
        };
        if let Some(uid) = uid {
            connections.uids.insert(task.id(), uid);
        }
        if connections.tasks.len() == limits.connections_max && warnings.allow() {
            tracing::warn!(
                connections = limits.connections_max,
                "every connection is in use; the next one waits"
            );
        }
    }
    // Closed before the wait: who comes now is told so by the kernel.
    drop(listener);
    if timeout(limits.drain_max, connections.all_ended()).await.is_err() {
        tracing::info!(connections = connections.tasks.len(), "dropping what is not finished");
        connections.tasks.shutdown().await;
    }
}

/// The tasks of one door, and whose they are.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    uids: HashMap<Id, u32>,
}

impl Connections {
    fn of(&self, uid: u32) -> usize {
        self.uids.values().filter(|other| **other == uid).count()
    }

    /// Ready when a connection has ended; never if there is none.
    async fn one_ended(&mut self) {
        let Some(ended) = self.tasks.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(%error, "a connection's task failed");
                error.id()
            }
        };
        self.uids.remove(&id);
    }

    async fn all_ended(&mut self) {
        while !self.tasks.is_empty() {
            self.one_ended().await;
        }
    }
}

/// Lets a warning through every [`WARNING_PAUSE`].
#[derive(Default)]
struct Warnings {
    next: Option<Instant>,
}

impl Warnings {
    fn allow(&mut self) -> bool {
        let now = Instant::now();
        let allowed = self.next.is_none_or(|next| next <= now);
        if allowed {
            self.next = Some(now + WARNING_PAUSE);
        }
        allowed
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// One connection, from its first request to its last.
async fn converse<T, S, B>(
    stream: T,
    peer: Peer,
    service: S,
    limits: ServerLimits,
    shutdown: CancellationToken,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        service.clone().oneshot(request)
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_read_max)
            .max_header_size(limits.header_bytes_max)
            .serve_connection(TokioIo::new(stream), service)
            // An answer may hand the connection over (CONNECT); then it is no longer one of ours.
            .with_upgrades()
    );
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, ?peer, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;
    use std::path::PathBuf;
    use std::process::Command;

    use axum::Router;
    use axum::extract::Extension;
    use axum::routing::get;
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
    use nix::sys::time::TimeValLike as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::mpsc;
    use tokio::task::JoinHandle;

    use super::*;

    const LIMITS: ServerLimits = ServerLimits {
        connections_max: 8,
        connections_per_uid_max: 8,
        header_read_max: Duration::from_secs(20),
        header_bytes_max: 16 << 10,
        drain_max: Duration::from_secs(20),
    };

    /// Longest a test waits for what must happen.
    const SOON: Duration = Duration::from_secs(10);

    /// A door on a unix socket in a directory of its own.
    struct Door {
        scratch: tempfile::TempDir,
        shutdown: CancellationToken,
        task: JoinHandle<()>,
    }

    impl Door {
        fn open(router: Router, limits: ServerLimits) -> Self {
            let scratch = tempfile::tempdir().unwrap();
            let listener = UnixListener::bind(scratch.path().join("s")).unwrap();
            let shutdown = CancellationToken::new();
            let serving = serve(Listener::Unix(listener), router, limits, shutdown.clone());
            Self { scratch, shutdown, task: tokio::spawn(serving) }
        }

        fn path(&self) -> PathBuf {
            self.scratch.path().join("s")
        }

        async fn connect(&self) -> UnixStream {
            UnixStream::connect(self.path()).await.unwrap()
        }
    }

    fn hello() -> Router {
        Router::new().route("/", get(async || "hello"))
    }

    /// A route that streams what comes out of `pieces`.
    fn streaming(pieces: mpsc::Receiver<&'static str>) -> Router {
        let body = stream::unfold(pieces, async |mut pieces| {
            let piece = pieces.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(piece.as_bytes()))), pieces))
        });
        let body = std::sync::Mutex::new(Some(axum::body::Body::new(StreamBody::new(body))));
        let body = std::sync::Arc::new(body);
        Router::new().route("/", get(async move || body.lock().unwrap().take().unwrap()))
    }

    async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    }

    /// Reads until `end` has come.
    async fn read_to(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while !text.contains(end) {
            let read = timeout(SOON, stream.read(&mut buffer)).await;
            let count = read.expect("the answer comes").unwrap();
            assert_ne!(count, 0, "closed after {text:?}");
            text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        text
    }

    /// Everything up to the end of the connection.
    async fn read_end(stream: &mut (impl AsyncRead + Unpin)) -> String {
        let mut text = Vec::new();
        timeout(SOON, stream.read_to_end(&mut text)).await.expect("closed in time").unwrap();
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn a_request_knows_its_peer() {
        let router = Router::new()
            .route("/", get(async |Extension(peer): Extension<Peer>| format!("{peer:?}")));
        let door = Door::open(router.clone(), LIMITS);
        let mut stream = door.connect().await;
        ask(&mut stream).await;
        let uid = nix::unistd::geteuid();
        read_to(&mut stream, &format!("Unix(PeerCredentials {{ uid: {uid},")).await;

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        tokio::spawn(serve(Listener::Tcp(listener), router, LIMITS, shutdown.clone()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let own = stream.local_addr().unwrap();
        ask(&mut stream).await;
        read_to(&mut stream, &format!("Tcp({own})")).await;
        shutdown.cancel();
    }

    #[tokio::test]
    async fn pieces_leave_as_they_come() {
        let (pieces, receiver) = mpsc::channel(1);
        let door = Door::open(streaming(receiver), LIMITS);
        let mut stream = door.connect().await;
        ask(&mut stream).await;
        for piece in ["data: one\n\n", "data: two\n\n"] {
            pieces.send(piece).await.unwrap();
            read_to(&mut stream, piece).await;
        }
    }

    #[tokio::test]
    async fn a_client_that_never_finishes_its_headers_is_cut_off() {
        let limits = ServerLimits { header_read_max: Duration::from_millis(100), ..LIMITS };
        let door = Door::open(hello(), limits);
        let mut slow = door.connect().await;
        slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
        assert!(!read_end(&mut slow).await.contains("200 OK"));
        let mut silent = door.connect().await;
        assert_eq!(read_end(&mut silent).await, "");
    }

    #[tokio::test]
    async fn headers_over_the_limit_are_answered_431() {
        let door = Door::open(hello(), LIMITS);
        let mut stream = door.connect().await;
        let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(17 << 10));
        stream.write_all(long.as_bytes()).await.unwrap();
        read_to(&mut stream, "431").await;
    }

    #[tokio::test]
    async fn a_connection_over_the_cap_waits_for_a_place() {
        let door = Door::open(hello(), ServerLimits { connections_max: 1, ..LIMITS });
        let mut first = door.connect().await;
        ask(&mut first).await;
        read_to(&mut first, "hello").await;
        let mut second = door.connect().await;
        ask(&mut second).await;
        let waiting = timeout(Duration::from_millis(100), second.read_u8()).await;
        assert!(waiting.is_err(), "the only place is taken: {waiting:?}");
        drop(first);
        read_to(&mut second, "ello").await;
    }

    #[tokio::test]
    async fn one_user_cannot_take_every_place() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("s");
        let limits = ServerLimits { connections_per_uid_max: 1, ..LIMITS };
        let listener = Listener::Unix(UnixListener::bind(&path).unwrap());
        let (shutdown, somebody_else) = (CancellationToken::new(), u32::MAX);
        tokio::spawn(serve_exempting(somebody_else, listener, hello(), limits, shutdown.clone()));
        let mut first = UnixStream::connect(&path).await.unwrap();
        ask(&mut first).await;
        read_to(&mut first, "hello").await;
        let mut second = UnixStream::connect(&path).await.unwrap();
        assert_eq!(read_end(&mut second).await, "");
        // The place comes back; not at once, as the server has to see the end first.
        drop(first);
        let again = async {
            loop {
                let mut stream = UnixStream::connect(&path).await.unwrap();
                if stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.is_ok()
                    && stream.read_u8().await.is_ok()
                {
                    break;
                }
            }
        };
        timeout(SOON, again).await.expect("the place is free again");
        shutdown.cancel();
    }

    #[tokio::test]
    async fn a_shutdown_closes_what_is_idle_and_finishes_what_is_not() {
        let (pieces, receiver) = mpsc::channel(1);
        let door = Door::open(streaming(receiver), LIMITS);
        let mut idle = door.connect().await;
        let mut busy = door.connect().await;
        ask(&mut busy).await;
        read_to(&mut busy, "\r\n\r\n").await;
        door.shutdown.cancel();
        assert_eq!(read_end(&mut idle).await, "");
        assert!(UnixStream::connect(door.path()).await.is_err(), "nobody listens any more");
        pieces.send("the rest").await.unwrap();
        drop(pieces);
        assert!(read_end(&mut busy).await.ends_with("8\r\nthe rest\r\n0\r\n\r\n"));
        timeout(SOON, door.task).await.expect("the door is closed").unwrap();
    }

    #[tokio::test]
    async fn a_kept_alive_connection_ends_with_the_shutdown() {
        let door = Door::open(hello(), LIMITS);
        let mut idle = door.connect().await;
        ask(&mut idle).await;
        read_to(&mut idle, "hello").await;
        door.shutdown.cancel();
        timeout(SOON, door.task).await.expect("the door is closed").unwrap();
        assert_eq!(read_end(&mut idle).await, "");
    }

    #[tokio::test]
    async fn what_does_not_finish_in_time_is_dropped() {
        let (_pieces, receiver) = mpsc::channel(1);
        let limits = ServerLimits { drain_max: Duration::from_millis(100), ..LIMITS };
        let door = Door::open(streaming(receiver), limits);
        let mut stream = door.connect().await;
        ask(&mut stream).await;
        read_to(&mut stream, "\r\n\r\n").await;
        door.shutdown.cancel();
        timeout(SOON, door.task).await.expect("the door is closed").unwrap();
        assert_eq!(read_end(&mut stream).await, "");
    }

    #[tokio::test]
    async fn a_client_that_leaves_frees_its_place_in_the_middle_of_a_response() {
        let (pieces, receiver) = mpsc::channel(1);
        let door = Door::open(streaming(receiver), LIMITS);
        let mut stream = door.connect().await;
        ask(&mut stream).await;
        read_to(&mut stream, "\r\n\r\n").await;
        drop(stream);
        timeout(SOON, pieces.closed()).await.expect("the response was dropped");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test starts itself, with nothing to hide")]
    fn a_full_descriptor_table_is_waited_out_without_spinning() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "web::server::tests::descriptors_run_out", "--ignored"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[tokio::test]
    #[ignore = "fills the descriptor table, so it runs in a process of its own, started above"]
    async fn descriptors_run_out() {
        let door = Door::open(hello(), LIMITS);
        // Created now and connected later: connecting takes no new descriptor on this side.
        let client =
            socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        connect(client.as_raw_fd(), &UnixAddr::new(&door.path()).unwrap()).unwrap();
        let before = getrusage(UsageWho::RUSAGE_SELF).unwrap();
        tokio::time::sleep(5 * SHORTAGE_PAUSE).await;
        let after = getrusage(UsageWho::RUSAGE_SELF).unwrap();
        let used =
            (after.user_time() + after.system_time()) - (before.user_time() + before.system_time());
        assert!(used.num_milliseconds() < 100, "{used:?} of a second is spinning");
        drop(files);
        let client = std::os::unix::net::UnixStream::from(client);
        client.set_nonblocking(true).unwrap();
        let mut client = UnixStream::from_std(client).unwrap();
        ask(&mut client).await;
        read_to(&mut client, "hello").await;
    }
}
