//! The one way out of a sandbox: a proxy to the model API that holds the key, and to the hosts
//! that are listed for the sandbox's agent.
//!
//! ```text
//!  claude ── unix socket, placeholder ──▶ egress ── pooled TLS, the real key ──▶ model API
//!  git ───── CONNECT host:443 ──────────▶ egress ── TCP, the client's own TLS ─▶ a listed host
//! ```
//!
//! A sandbox has no network, only this socket, and instead of the key a random placeholder that
//! is worth nothing elsewhere. Each request is identified ([`admissions`]), judged ([`target`]),
//! cleaned ([`headers`]) and streamed through ([`forward`]). A tunnel is identified in the same
//! way, its host judged ([`hosts`], [`address`]), dialled ([`dial`]) and watched ([`tunnel`]).
//!
//! *Invariant:* the model key goes to the configured upstream and nowhere else: not into a
//! sandbox, an error, a response header or the log.
//!
//! Nothing here knows the rest of Ash beyond a session's id: it is a program of its own,
//! `ash-egress`, told by ashd who may pass ([`control`]); or a task of ashd. [`Gate`] is either.

mod account;
mod address;
mod admissions;
mod answer;
mod audit;
mod control;
mod dial;
mod exchange;
mod forward;
mod frames;
#[cfg(feature = "testing")]
mod fuzzing;
mod gate;
mod headers;
mod hello;
mod hosts;
mod ledger;
mod meter;
mod post;
mod price;
mod receivers;
mod sealing;
mod secret;
mod signer;
mod target;
mod tunnel;
mod upstream;
mod usage;

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::Uri;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::id::SessionId;
use crate::web::server::{self, Listener, ServerLimits};

use admissions::Admissions;
use dial::Dialer;
use ledger::Ledger;
use meter::MeterReading;
use post::Poster;
use secret::PlaceholderDigest;
use tunnel::TunnelLimits;
use upstream::Upstream;

pub(crate) use account::{Budget, Used};
pub(crate) use admissions::{Lent, Terms};
pub(crate) use answer::fault_text;
pub(crate) use audit::{Decision, Subject, Verdict};
#[cfg(feature = "testing")]
pub(crate) use dial::{Guard, Stage};
#[cfg(feature = "testing")]
pub(crate) use fuzzing::{read_any_destination, read_any_greeting};
pub(crate) use gate::Gate;
pub(crate) use hosts::HostRules;
pub(crate) use ledger::Report;
pub(crate) use meter::{Denied, Spent};
pub(crate) use post::{Posted, Posting};
pub(crate) use price::{PRICE_MAX, Price, Prices, Tokens};
pub(crate) use receivers::{ReceiverError, Receivers};
pub(crate) use sealing::{
    OpeningKeys, SECRET_BYTES_MAX, Sealed, Sealing, SealingKeyError, TenantSecret, Use,
    WebhookSecret,
};
pub(crate) use secret::{KeyError, ModelKey, Placeholder};
pub(crate) use upstream::EgressError;

/// What a sandboxed CLI takes for the address of the model API. The name resolves nowhere: the
/// CLI reaches it through `ANTHROPIC_UNIX_SOCKET`, or not at all.
pub(crate) const SANDBOX_BASE_URL: &str = "http://api.ash.invalid";

/// Largest request body: twice what the Messages API accepts, so that its own answer is seen.
const REQUEST_BYTES_MAX: u64 = 64 << 20;

/// Longest silence inside a request body. The CLI writes a request in one go.
const REQUEST_SILENCE_MAX: Duration = Duration::from_mins(2);

/// Longest silence of the upstream, before its answer and within it. There is no limit on the
/// whole: a turn may think for many minutes. A streamed answer pings every few seconds, but one
/// that is not streamed is silent until it is complete, for which clients wait ten minutes.
const UPSTREAM_SILENCE_MAX: Duration = Duration::from_mins(15);

/// Longest time to connect to the upstream: name, TCP and TLS together.
const UPSTREAM_CONNECT_MAX: Duration = Duration::from_secs(15);

/// How long an upstream connection is kept for the next request: longer than a person takes to
/// write the next message, since a new one costs two or three round trips.
const UPSTREAM_IDLE_MAX: Duration = Duration::from_mins(5);

/// Limits of the proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EgressLimits {
    pub(crate) server: ServerLimits,
    pub(crate) request_bytes_max: u64,
    pub(crate) request_silence_max: Duration,
    pub(crate) upstream_silence_max: Duration,
    pub(crate) upstream_connect_max: Duration,
    pub(crate) upstream_idle_max: Duration,
    pub(crate) tunnel: TunnelLimits,
}

impl Default for EgressLimits {
    fn default() -> Self {
        Self {
            server: ServerLimits::default(),
            request_bytes_max: REQUEST_BYTES_MAX,
            request_silence_max: REQUEST_SILENCE_MAX,
            upstream_silence_max: UPSTREAM_SILENCE_MAX,
            upstream_connect_max: UPSTREAM_CONNECT_MAX,
            upstream_idle_max: UPSTREAM_IDLE_MAX,
            tunnel: TunnelLimits::default(),
        }
    }
}

/// What the proxy is told once.
#[derive(Debug)]
pub(crate) struct EgressSettings {
    /// `http` or `https`, a host, and perhaps the path below which the API lives.
    pub(crate) upstream: Uri,
    /// Without one, every request is answered with what to set.
    pub(crate) key: Option<ModelKey>,
    /// They open the credentials of tenants.
    pub(crate) opening: OpeningKeys,
    /// Other model APIs that those may be for.
    pub(crate) upstreams: Vec<Uri>,
    /// Hosts that agents may name; a tunnel to another one is refused whoever asks.
    pub(crate) hosts: HostRules,
    /// Whom webhooks may tell something.
    pub(crate) receivers: Receivers,
    pub(crate) prices: Prices,
    pub(crate) limits: EgressLimits,
}

/// The proxy; clones are the same one.
#[derive(Clone)]
pub(crate) struct Egress(Arc<Shared>);

struct Shared {
    admissions: RwLock<Admissions>,
    upstream: Arc<Upstream>,
    key: Option<ModelKey>,
    opening: OpeningKeys,
    /// By the address as it is configured.
    upstreams: HashMap<String, Arc<Upstream>>,
    hosts: HostRules,
    prices: Arc<Prices>,
    dialer: Arc<Dialer>,
    poster: Poster,
    ledger: Arc<Ledger>,
    limits: EgressLimits,
    tunnels: TaskTracker,
    /// Cancelled when it stops serving: tunnels end.
    closing: CancellationToken,
    /// Whether it is known who may pass. Until then requests wait.
    open: watch::Sender<bool>,
}

impl Shared {
    async fn opened(&self) {
        // It cannot be dropped while it is asked.
        drop(self.open.subscribe().wait_for(|open| *open).await);
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("upstream", &self.0.upstream).finish_non_exhaustive()
    }
}

impl Egress {
    /// Reads the machine's certificate authorities if the upstream is `https`, so: at the start.
    pub(crate) fn new(settings: EgressSettings) -> Result<Self, EgressError> {
        Self::with(settings, Dialer::new())
    }

    /// The same with names of a test, and perhaps without a guard.
    #[cfg(feature = "testing")]
    pub(crate) fn staged(settings: EgressSettings, stage: Stage) -> Result<Self, EgressError> {
        Self::with(settings, Dialer::staged(stage))
    }

    fn with(settings: EgressSettings, dialer: Dialer) -> Result<Self, EgressError> {
        let EgressSettings { upstream, key, opening, upstreams, hosts, receivers, prices, limits } =
            settings;
        let dialer = Arc::new(dialer);
        let upstreams = upstreams.iter().map(|base| {
            Ok((signer::address(&base.to_string()), Arc::new(Upstream::new(base, limits)?)))
        });
        Ok(Self(Arc::new(Shared {
            admissions: RwLock::default(),
            upstream: Arc::new(Upstream::new(&upstream, limits)?),
            key,
            opening,
            upstreams: upstreams.collect::<Result<_, EgressError>>()?,
            hosts,
            prices: Arc::new(prices),
            poster: Poster::new(receivers, &dialer),
            dialer,
            ledger: Arc::default(),
            limits,
            tunnels: TaskTracker::new(),
            closing: CancellationToken::new(),
            open: watch::channel(false).0,
        })))
    }

    /// From now on `placeholder` stands for `session`, on these terms. A former placeholder of the
    /// session loses its worth, its meter goes on.
    pub(crate) fn admit(&self, session: SessionId, placeholder: &Placeholder, terms: Terms) {
        self.admit_digest(session, placeholder.digest(), terms);
    }

    fn admit_digest(&self, session: SessionId, placeholder: PlaceholderDigest, terms: Terms) {
        let signer = self.0.signer(session, &terms);
        let mut admissions = self.0.admissions.write().unwrap_or_else(PoisonError::into_inner);
        admissions.admit(session, placeholder, terms, signer);
    }

    /// To what credentials of tenants are sealed.
    pub(crate) fn sealing(&self) -> Sealing {
        self.0.opening.sealing()
    }

    /// Everybody who may pass has been named; nobody else does any more.
    fn complete(&self, named: &HashSet<SessionId>) {
        self.0.admissions.write().unwrap_or_else(PoisonError::into_inner).retain(named);
        self.open();
    }

    /// Everybody who may pass has been admitted: requests wait no more.
    pub(crate) fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Listens on `listener` to the ashd of the user `peer`, until `stop`.
    pub(crate) async fn obey(&self, listener: UnixListener, peer: u32, stop: CancellationToken) {
        control::serve(self.clone(), listener, peer, stop).await;
    }

    /// Tells the receiver of a webhook something.
    pub(crate) async fn post(&self, posting: &Posting) -> Posted {
        self.0.poster.post(posting, &self.0.opening).await
    }

    /// What was decided and is not stored yet.
    fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// Nothing of `session` passes any more; what is under way is cut. Answers what it used.
    pub(crate) fn revoke(&self, session: SessionId) -> Option<MeterReading> {
        let mut admissions = self.0.admissions.write().unwrap_or_else(PoisonError::into_inner);
        admissions.revoke(session).map(|meter| meter.read())
    }

    /// What the sessions of `tenant` may use together, and have used at least.
    pub(crate) fn allow_tenant(&self, tenant: &str, budget: Budget, used: &Used) {
        let mut admissions = self.0.admissions.write().unwrap_or_else(PoisonError::into_inner);
        admissions.allow_tenant(tenant.to_owned(), budget, used);
    }

    /// Why requests of `session` were refused since the last question.
    pub(crate) fn take_refusal(&self, session: SessionId) -> Option<Denied> {
        let admissions = self.0.admissions.read().unwrap_or_else(PoisonError::into_inner);
        admissions.meter(session).and_then(|meter| meter.take_refusal())
    }

    /// The running totals of a session that may pass.
    #[cfg(test)]
    pub(crate) fn meter(&self, session: SessionId) -> Option<Arc<meter::Meter>> {
        self.0.admissions.read().unwrap_or_else(PoisonError::into_inner).meter(session)
    }

    #[cfg(test)]
    fn pass(&self, placeholder: &Placeholder) -> Option<admissions::Pass> {
        let admissions = self.0.admissions.read().unwrap_or_else(PoisonError::into_inner);
        admissions.recognize(placeholder, Some(7)).ok()
    }

    #[cfg(test)]
    fn recognizes(&self, placeholder: &Placeholder, uid: Option<u32>) -> bool {
        let admissions = self.0.admissions.read().unwrap_or_else(PoisonError::into_inner);
        admissions.recognize(placeholder, uid).is_ok()
    }

    #[cfg(test)]
    async fn opened(&self) {
        self.0.opened().await;
    }

    #[cfg(test)]
    fn is_open(&self) -> bool {
        *self.0.open.borrow()
    }

    /// Serves the sandboxes that connect to `listener` until `shutdown`.
    pub(crate) async fn serve(&self, listener: UnixListener, shutdown: CancellationToken) {
        let egress = self.clone();
        let service = tower::service_fn(move |request| {
            let egress = egress.clone();
            async move { Ok::<_, Infallible>(egress.0.answer(request).await) }
        });
        server::serve(Listener::Unix(listener), service, self.0.limits.server, shutdown).await;
        self.0.closing.cancel();
        self.0.tunnels.close();
        self.0.tunnels.wait().await;
    }
}

#[cfg(test)]
mod tests;
