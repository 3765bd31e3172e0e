//! CONNECT: a tunnel to a host that is on the lists, and to no other.
//!
//! A tunnel is opened if both lists have the host: the one of the session's agent and the one of
//! this host. Its name is looked up once and leads to a public address. On port 443 the first
//! words must be TLS and for that very host. Time, silence and bytes are limited.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::PROXY_AUTHENTICATE;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::id::SessionId;

use super::Shared;
use super::admissions::Pass;
use super::answer::Failure;
use super::audit::{TunnelLine, Verdict};
use super::dial::{DialError, Guard};
use super::exchange::Answer;
use super::hello::{HANDSHAKE_BYTE, Hello, HelloError, UNRECOGNIZED_NAME};
use super::hosts::{HostName, NameError, destination};
use super::ledger::Ledger;

/// Tells a client why a tunnel was refused, as RFC 9209 spells it: clients do not show bodies.
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Where TLS is expected.
const TLS_PORT: u16 = 443;

/// Read at once in each direction of a tunnel.
const PIECE_BYTES: usize = 16 << 10;

/// Longest part of a destination in the log: a sandbox chooses it.
const SHOWN_CHARACTERS_MAX: usize = 260;

/// What a tunnel may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TunnelLimits {
    /// From the answer to a greeting of TLS.
    pub(crate) hello_max: Duration,
    /// Longest silence of both sides.
    pub(crate) idle_max: Duration,
    /// Longest life.
    pub(crate) life_max: Duration,
    /// Most bytes in each direction.
    pub(crate) bytes_max: u64,
}

impl Default for TunnelLimits {
    fn default() -> Self {
        Self {
            // A client sends it at once.
            hello_max: Duration::from_secs(10),
            // Longer than servers keep idle connections.
            idle_max: Duration::from_mins(5),
            // The longest clone or download that is still one request.
            life_max: Duration::from_hours(4),
            // More than any package or repository that fits on the disk of an agent.
            bytes_max: 16 << 30,
        }
    }
}

/// Tunnels of one session at one time: what a package manager opens, twice.
pub(super) const TUNNELS_MAX: usize = 32;

/// Why there is no tunnel. The texts go to the sandbox.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("a tunnel takes the credentials of the session, as they stand in HTTPS_PROXY")]
    Stranger,
    #[error("this is not the name of a host with a port: {0}")]
    Name(#[from] NameError),
    #[error("{host}:{port} is not among the hosts of this session's agent")]
    NotOfAgent { host: HostName, port: u16 },
    #[error("{host}:{port} is not among the hosts that the configuration of this machine allows")]
    NotOfHost { host: HostName, port: u16 },
    #[error("{TUNNELS_MAX} tunnels of this session are open, and that is the most")]
    TooMany,
    #[error("{host} is not reached: {source}")]
    Dial { host: String, source: DialError },
}

impl Refused {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Stranger => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            Self::Name(_) | Self::NotOfAgent { .. } | Self::NotOfHost { .. } => {
                StatusCode::FORBIDDEN
            }
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Dial { source, .. } => match source {
                DialError::NotPublic { .. } => StatusCode::FORBIDDEN,
                DialError::Unknown { .. } | DialError::Unreachable { .. } => {
                    StatusCode::BAD_GATEWAY
                }
            },
        }
    }

    /// A word that stays.
    fn reason(&self) -> &'static str {
        match self {
            Self::Stranger => "no_session",
            Self::Name(_) => "not_a_host_name",
            Self::NotOfAgent { .. } => "not_listed_for_the_agent",
            Self::NotOfHost { .. } => "not_listed_for_the_host",
            Self::TooMany => "too_many_tunnels",
            Self::Dial { source, .. } => match source {
                DialError::NotPublic { .. } => "address_not_public",
                DialError::Unknown { .. } => "name_unknown",
                DialError::Unreachable { .. } => "unreachable",
            },
        }
    }

    /// The error type of RFC 9209.
    fn proxy_error(&self) -> &'static str {
        match self {
            Self::Stranger | Self::Name(_) | Self::NotOfAgent { .. } | Self::NotOfHost { .. } => {
                "http_request_denied"
            }
            Self::TooMany => "connection_limit_reached",
            Self::Dial { source, .. } => match source {
                DialError::NotPublic { .. } => "destination_ip_prohibited",
                DialError::Unknown { .. } => "dns_error",
                DialError::Unreachable { .. } => "destination_unavailable",
            },
        }
    }
}

impl HelloError {
    fn reason(self) -> &'static str {
        match self {
            Self::NotTls => "not_tls",
            Self::NoName => "no_server_name",
            Self::OtherName => "other_server_name",
        }
    }
}

/// A tunnel that may be opened.
struct Opening {
    pass: Pass,
    host: String,
    /// In its one form, unless a test has taken that away.
    name: Option<HostName>,
    port: u16,
    server: TcpStream,
    permit: OwnedSemaphorePermit,
}

impl Shared {
    /// Answers CONNECT. The tunnel lives on as a task of its own.
    pub(super) async fn connect(&self, mut request: Request<Incoming>) -> Response<Answer> {
        let upgrade = hyper::upgrade::on(&mut request);
        let known = if self.wait_until_open().await {
            self.recognize(&request).map_err(|_stranger| Refused::Stranger)
        } else {
            return Failure::TooEarly.response().map(Answer::bare);
        };
        let authority = request.uri().authority().map_or("", |authority| authority.as_str());
        let session = known.as_ref().ok().map(|pass| pass.session);
        let opened = match known {
            Ok(pass) => self.judge_tunnel(authority, pass).await,
            Err(refused) => Err(refused),
        };
        match opened {
            Ok(opening) => {
                let tunnel = Tunnel::new(opening, self);
                tunnel.tell(Verdict::Allowed, "listed");
                let checks = !self.dialer.lacks(Guard::ServerName);
                self.tunnels.spawn(tunnel.run(upgrade, checks));
                Response::new(Answer::bare(Full::default()))
            }
            Err(refused) => {
                let (host, port) = shown(authority);
                let reason = refused.reason();
                let verdict = Verdict::Refused;
                let host = host.as_str();
                TunnelLine { session, host, port, verdict, reason, sent: 0, received: 0 }
                    .tell(&self.ledger);
                answer(refused)
            }
        }
    }

    async fn judge_tunnel(&self, authority: &str, pass: Pass) -> Result<Opening, Refused> {
        let listed = !self.dialer.lacks(Guard::HostList);
        let (host, name, port) = match destination(authority) {
            Ok((name, port)) => (name.to_string(), Some(name), port),
            Err(error) if listed => return Err(error.into()),
            Err(_any) => {
                let (host, port) = shown(authority);
                (host, None, port)
            }
        };
        if let Some(host) = name.clone().filter(|_| listed) {
            if !pass.hosts.allow(&host, port) {
                return Err(Refused::NotOfAgent { host, port });
            }
            if !self.hosts.allow(&host, port) {
                return Err(Refused::NotOfHost { host, port });
            }
        }
        let tunnels = Arc::clone(&pass.tunnels);
        let permit = tunnels.try_acquire_owned().map_err(|_none_left| Refused::TooMany)?;
        let dialled = async {
            match &name {
                Some(name) => self.dialer.dial(name, port).await,
                None => self.dialer.dial_text(&host, port).await,
            }
        };
        let server = tokio::select! {
            dialled = dialled => dialled,
            () = pass.revoked.cancelled() => return Err(Refused::Stranger),
        };
        match server {
            Ok(server) => Ok(Opening { pass, host, name, port, server, permit }),
            Err(source) => Err(Refused::Dial { host, source }),
        }
    }
}

fn answer(refused: Refused) -> Response<Answer> {
    let text = refused.to_string().replace(['"', '\\'], "'");
    let status = format!("ash; error={}; details=\"{text}\"", refused.proxy_error());
    let asks = matches!(refused, Refused::Stranger);
    let mut response = Failure::Tunnel(refused).response().map(Answer::bare);
    let headers = response.headers_mut();
    if let Ok(status) = HeaderValue::from_str(&status) {
        headers.insert(PROXY_STATUS, status);
    }
    if asks {
        headers.insert(PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"ash\""));
    }
    response
}

/// A destination for the log, whatever a sandbox wrote.
fn shown(authority: &str) -> (String, u16) {
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    let host = host.trim_matches(['[', ']']).escape_default().take(SHOWN_CHARACTERS_MAX).collect();
    (host, port.parse().unwrap_or_default())
}

/// How a tunnel ended: a word that stays.
type End = &'static str;

struct Tunnel {
    pass: Pass,
    session: SessionId,
    host: String,
    name: Option<HostName>,
    port: u16,
    server: Option<TcpStream>,
    limits: TunnelLimits,
    closing: CancellationToken,
    ledger: Arc<Ledger>,
    counts: Counts,
    _permit: OwnedSemaphorePermit,
}

/// What went through, and when last.
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
    began: Instant,
    /// Milliseconds after the beginning.
    last: AtomicU64,
}

impl Counts {
    fn add(&self, to: &AtomicU64, bytes: usize) -> u64 {
        let passed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(passed, Ordering::Relaxed);
        let bytes = bytes as u64;
        to.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    /// Returns when nothing has gone through for so long.
    async fn silence(&self, idle_max: Duration) {
        loop {
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
            let until = self.began + last + idle_max;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}

impl Tunnel {
    fn new(opening: Opening, shared: &Shared) -> Self {
        let Opening { pass, host, name, port, server, permit } = opening;
        Self {
            session: pass.session,
            pass,
            host,
            name,
            port,
            server: Some(server),
            limits: shared.limits.tunnel,
            closing: shared.closing.clone(),
            ledger: Arc::clone(&shared.ledger),
            counts: Counts {
                sent: AtomicU64::new(0),
                received: AtomicU64::new(0),
                began: Instant::now(),
                last: AtomicU64::new(0),
            },
            _permit: permit,
        }
    }

    fn tell(&self, verdict: Verdict, reason: &'static str) {
        TunnelLine {
            session: Some(self.session),
            host: &self.host,
            port: self.port,
            verdict,
            reason,
            sent: self.counts.sent.load(Ordering::Relaxed),
            received: self.counts.received.load(Ordering::Relaxed),
        }
        .tell(&self.ledger);
    }

    /// Relays until one of the ends.
    async fn run(mut self, upgrade: OnUpgrade, checks: bool) {
        let Some(server) = self.server.take() else { return };
        let end = match timeout(self.limits.hello_max, upgrade).await {
            Ok(Ok(client)) => {
                let through = self.relay(TokioIo::new(client), server, checks);
                tokio::select! {
                    end = through => end,
                    () = self.pass.revoked.cancelled() => "session_revoked",
                    () = self.closing.cancelled() => "egress_stops",
                    () = sleep(self.limits.life_max) => "life_limit",
                    () = self.counts.silence(self.limits.idle_max) => "idle_limit",
                }
            }
            Ok(Err(_)) | Err(_) => "client_left",
        };
        self.tell(Verdict::Closed, end);
    }

    async fn relay<C>(&self, mut client: C, server: TcpStream, checks: bool) -> End
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let name = self.name.as_ref().filter(|_| checks);
        let (from_server, mut to_server) = server.into_split();
        if let Some(name) = name.filter(|_| self.port == TLS_PORT) {
            match timeout(self.limits.hello_max, greeting(&mut client, name)).await {
                Ok(Ok(Some(bytes))) => {
                    self.counts.add(&self.counts.sent, bytes.len());
                    if to_server.write_all(&bytes).await.is_err() {
                        return "server_left";
                    }
                }
                Ok(Ok(None)) => return "client_left",
                Ok(Err(error)) => {
                    // It may have left; then nobody is told.
                    drop(client.write_all(&UNRECOGNIZED_NAME).await);
                    drop(client.shutdown().await);
                    self.tell(Verdict::Refused, error.reason());
                    return error.reason();
                }
                Err(_elapsed) => return "hello_limit",
            }
        }
        let (from_client, to_client) = tokio::io::split(client);
        // On other ports anything may be spoken; but a greeting of TLS is still for the host.
        let watched = name.filter(|_| self.port != TLS_PORT);
        let bytes_max = self.limits.bytes_max;
        let out = pump(from_client, to_server, &self.counts, &self.counts.sent, bytes_max, watched);
        let back =
            pump(from_server, to_client, &self.counts, &self.counts.received, bytes_max, None);
        match tokio::try_join!(out, back) {
            Ok(((), ())) => "complete",
            Err(end) => {
                if HELLO_ENDS.contains(&end) {
                    self.tell(Verdict::Refused, end);
                }
                end
            }
        }
    }
}

const HELLO_ENDS: [End; 3] = ["not_tls", "no_server_name", "other_server_name"];

/// The greeting of a client, for `host`; `None` if the client leaves before it.
async fn greeting<C>(client: &mut C, host: &HostName) -> Result<Option<Vec<u8>>, HelloError>
where
    C: AsyncRead + Unpin,
{
    let mut hello = Hello::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match client.read(&mut piece).await {
            Ok(0) | Err(_) => return Ok(None),
            Ok(count) => {
                if let Some(bytes) = hello.read(&piece[..count], host)? {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// One direction, to its end.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    counts: &Counts,
    count: &AtomicU64,
    bytes_max: u64,
    watched: Option<&HostName>,
) -> Result<(), End> {
    let left = |_error: io::Error| "broken";
    let mut piece = vec![0; PIECE_BYTES];
    let mut hello = None;
    let mut first = true;
    loop {
        let read = from.read(&mut piece).await.map_err(left)?;
        if read == 0 {
            // One side may be done while the other goes on.
            return to.shutdown().await.map_err(left);
        }
        if counts.add(count, read) > bytes_max {
            return Err("byte_limit");
        }
        if std::mem::take(&mut first) && piece[0] == HANDSHAKE_BYTE {
            hello = watched.map(|host| (Hello::new(), host));
        }
        if let Some((reading, host)) = &mut hello {
            if let Some(bytes) = reading.read(&piece[..read], host).map_err(HelloError::reason)? {
                to.write_all(&bytes).await.map_err(left)?;
                hello = None;
            }
            continue;
        }
        to.write_all(&piece[..read]).await.map_err(left)?;
    }
}
