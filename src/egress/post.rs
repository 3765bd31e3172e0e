//! Tells the receivers of webhooks something: one signed POST, of whose answer nothing but the
//! status is looked at.
//!
//! *Invariant:* a receiver is one that the configuration lists; of a public one only public addresses
//! are dialled, as they were judged. No redirect is followed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ring::hmac;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower::Service;

use super::dial::{DialError, Dialer};
use super::hosts::HostName;
use super::receivers::Receivers;
use super::sealing::{OpeningKeys, Sealed, WebhookSecret};
use super::upstream::cause;
use crate::chain::chain;
use crate::clock::Timestamp;
use crate::id::{DeliveryId, WebhookId};

/// Posts at one time; others wait for a place.
const POSTS_MAX: usize = 32;

/// Longest post: name, connection, request and the head of the answer. A receiver that has more to
/// do does it later.
pub(super) const POST_MAX: Duration = Duration::from_secs(20);

/// How long a connection waits for the next post, and how many do for one receiver.
const IDLE_MAX: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS_MAX: usize = 4;

/// The headers of Standard Webhooks.
const ID_HEADER: &str = "webhook-id";
const TIMESTAMP_HEADER: &str = "webhook-timestamp";
const SIGNATURE_HEADER: &str = "webhook-signature";

/// One thing that a receiver is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Posting {
    pub(crate) id: DeliveryId,
    pub(crate) webhook: WebhookId,
    pub(crate) tenant: String,
    pub(crate) url: String,
    /// What signs it.
    pub(crate) sealed: Sealed,
    /// JSON.
    pub(crate) body: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Posted {
    /// With this HTTP status.
    Answered(u16),
    /// For the tenant to read.
    Failed(String),
}

type Posts = Client<HttpsConnector<Way>, Full<Bytes>>;

/// Posts to receivers.
#[derive(Debug)]
pub(super) struct Poster {
    receivers: Receivers,
    places: Semaphore,
    /// To public receivers, and to those of the list; `None` without one, or if the certificate
    /// authorities of this machine cannot be read.
    clients: Option<(Posts, Posts)>,
}

impl Poster {
    pub(super) fn new(receivers: Receivers, dialer: &Arc<Dialer>) -> Self {
        let clients = if receivers.is_empty() { None } else { clients(dialer) };
        Self { receivers, places: Semaphore::new(POSTS_MAX), clients }
    }

    pub(super) async fn post(&self, posting: &Posting, keys: &OpeningKeys) -> Posted {
        let done = async {
            let _place = self.places.acquire().await.map_err(|error| error.to_string())?;
            self.try_post(posting, keys).await
        };
        let outcome = match timeout(POST_MAX, done).await {
            Ok(outcome) => outcome,
            Err(_late) => Err(format!("it did not answer within {} seconds", POST_MAX.as_secs())),
        };
        let (status, error) = (outcome.as_ref().ok(), outcome.as_ref().err());
        tracing::info!(
            target: "ash::egress",
            webhook = %posting.webhook, delivery = %posting.id, status, error, "posted"
        );
        outcome.map_or_else(Posted::Failed, Posted::Answered)
    }

    async fn try_post(&self, posting: &Posting, keys: &OpeningKeys) -> Result<u16, String> {
        let Posting { id, webhook, tenant, url, sealed, body } = posting;
        let receiver = self.receivers.judge(url).map_err(|error| error.to_string())?;
        let secret = keys.open_webhook(tenant, *webhook, url, sealed).ok_or(
            "its secret cannot be opened with the keys of this host; add the webhook again",
        )?;
        let (public, listed) = self
            .clients
            .as_ref()
            .ok_or("the certificate authorities of this host cannot be read")?;
        let seconds = Timestamp::now().as_millis() / 1000;
        let request = Request::builder()
            .method(Method::POST)
            .uri(receiver.uri)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("ash/", env!("CARGO_PKG_VERSION")))
            .header(ID_HEADER, id.to_string())
            .header(TIMESTAMP_HEADER, seconds)
            .header(SIGNATURE_HEADER, signature(&secret, *id, seconds, body))
            .body(Full::from(body.clone()))
            .map_err(|error| error.to_string())?;
        let client = if receiver.is_internal { listed } else { public };
        match client.request(request).await {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) => Err(match cause::<DialError>(&error) {
                Some(error) => chain(error),
                None => chain(&error),
            }),
        }
    }
}

/// As Standard Webhooks has it: of the id, the seconds and the body, with a dot between them.
fn signature(secret: &WebhookSecret, id: DeliveryId, seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

fn clients(dialer: &Arc<Dialer>) -> Option<(Posts, Posts)> {
    let client = |is_listed: bool| {
        let tls = HttpsConnectorBuilder::new().with_native_roots()?;
        let tls = if is_listed { tls.https_or_http() } else { tls.https_only() };
        let way = Way { dialer: Arc::clone(dialer), is_listed };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(tls.enable_http1().wrap_connector(way));
        Ok::<_, std::io::Error>(client)
    };
    match client(false).and_then(|public| Ok((public, client(true)?))) {
        Ok(clients) => Some(clients),
        Err(error) => {
            tracing::error!(%error, "no webhook is delivered: the certificate authorities of this machine cannot be read");
            None
        }
    }
}

/// How a receiver is dialled.
#[derive(Debug, Clone)]
struct Way {
    dialer: Arc<Dialer>,
    /// Root has listed it, so that it may be anywhere.
    is_listed: bool,
}

impl Service<Uri> for Way {
    type Response = TokioIo<TcpStream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { dialer, is_listed } = self.clone();
        Box::pin(async move {
            let port = uri.port_u16();
            let port =
                port.unwrap_or_else(|| if uri.scheme_str() == Some("http") { 80 } else { 443 });
            let host = uri.host().unwrap_or_default();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let stream = if is_listed {
                dialer.dial_listed(host, port).await
            } else {
                let unknown = |error| DialError::Unknown { source: std::io::Error::other(error) };
                let name: HostName = host.parse().map_err(unknown)?;
                dialer.dial(&name, port).await
            };
            stream.map(TokioIo::new)
        })
    }
}
