//! The model API as an address and a pool of connections to it.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::Service;

use super::EgressLimits;
use super::answer::Failure;
use super::exchange::Upload;

/// Idle connections that are kept: a turn with parallel agents uses a handful per session.
const IDLE_CONNECTIONS_MAX: usize = 256;

/// When and how often a silent connection is asked whether the other side still lives: about a
/// minute until a cut line is noticed, long before the silence of a thinking model counts.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;

/// Why the proxy cannot work at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EgressError {
    #[error("the address of the model API has to start with `http://` or `https://`")]
    Scheme,
    #[error("the address of the model API has to be `http(s)://host[:port][/path]`")]
    Shape,
    #[error("the certificate authorities of this machine cannot be read")]
    Authorities { source: io::Error },
}

/// Where requests go.
pub(super) struct Upstream {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at the end; empty for none.
    prefix: String,
    client: Client<Connector, Upload>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

impl Upstream {
    pub(super) fn new(base: &Uri, limits: EgressLimits) -> Result<Self, EgressError> {
        let scheme = base.scheme().ok_or(EgressError::Scheme)?.clone();
        let secure = match scheme.as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(EgressError::Scheme),
        };
        // A password in an address would end up in logs; a query has no place before ours.
        let authority = base.authority().ok_or(EgressError::Shape)?.clone();
        if authority.as_str().contains('@') || base.query().is_some() {
            return Err(EgressError::Shape);
        }
        let connector = Connector::new(secure, limits.upstream_connect_max)?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits.upstream_idle_max)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        let prefix = base.path().trim_end_matches('/').to_owned();
        Ok(Self { scheme, authority, prefix, client })
    }

    /// The address upstream of what a sandbox asked for.
    pub(super) fn locate(&self, target: &Uri) -> Option<Uri> {
        let path = target.path_and_query().map_or("/", PathAndQuery::as_str);
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.prefix))
            .build()
            .ok()
    }

    /// Sends a request over a connection of the pool, or a new one.
    pub(super) async fn send(
        &self,
        request: Request<Upload>,
    ) -> Result<Response<Incoming>, Failure> {
        self.client.request(request).await.map_err(|error| {
            if let Some(upload) = cause(&error) {
                return Failure::of_upload(upload);
            }
            if error.is_connect() {
                Failure::Unreachable { source: error.into() }
            } else {
                Failure::Broken { source: error.into() }
            }
        })
    }
}

/// The error of type `T` below `error`.
pub(super) fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |error| (*error).source())
        .find_map(|error| error.downcast_ref())
}

type BoxError = Box<dyn Error + Send + Sync>;
type UpstreamStream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Connects within a time limit, which holds for name, TCP and TLS together.
#[derive(Clone)]
struct Connector {
    way: Way,
    connect_max: Duration,
}

#[derive(Clone)]
enum Way {
    Plain(HttpConnector),
    Secure(HttpsConnector<HttpConnector>),
}

impl Connector {
    fn new(secure: bool, connect_max: Duration) -> Result<Self, EgressError> {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        tcp.set_keepalive(Some(KEEPALIVE_IDLE));
        tcp.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        // Not for a plain upstream: a machine without certificates may have a gateway in front.
        let way = if secure {
            let tls = HttpsConnectorBuilder::new()
                .with_native_roots()
                .map_err(|source| EgressError::Authorities { source })?;
            Way::Secure(tls.https_only().enable_http1().wrap_connector(tcp))
        } else {
            Way::Plain(tcp)
        };
        Ok(Self { way, connect_max })
    }
}

impl Service<Uri> for Connector {
    type Response = UpstreamStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<UpstreamStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.way {
            Way::Plain(tcp) => tcp.poll_ready(context).map_err(Into::into),
            Way::Secure(tls) => tls.poll_ready(context),
        }
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connect_max = self.connect_max;
        match &mut self.way {
            Way::Plain(tcp) => {
                let connected = tcp.call(uri);
                Box::pin(async move {
                    Ok(MaybeHttpsStream::Http(timeout(connect_max, connected).await??))
                })
            }
            Way::Secure(tls) => {
                let connected = tls.call(uri);
                Box::pin(async move { timeout(connect_max, connected).await? })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(base: &str) -> Result<Upstream, EgressError> {
        Upstream::new(&base.parse().unwrap(), EgressLimits::default())
    }

    #[test]
    fn a_target_is_found_below_the_base_address() {
        for (base, expected) in [
            ("http://gateway:8080", "http://gateway:8080/v1/messages?beta=true"),
            ("http://gateway/", "http://gateway/v1/messages?beta=true"),
            ("http://gateway/anthropic/", "http://gateway/anthropic/v1/messages?beta=true"),
            ("http://[::1]:9/a/b", "http://[::1]:9/a/b/v1/messages?beta=true"),
        ] {
            let upstream = upstream(base).unwrap();
            for target in ["/v1/messages?beta=true", "http://api.ash.invalid/v1/messages?beta=true"]
            {
                let located = upstream.locate(&target.parse().unwrap()).unwrap();
                assert_eq!(located.to_string(), expected, "{base}");
            }
        }
    }

    #[test]
    fn a_secure_upstream_needs_the_authorities_of_the_machine_and_nothing_else() {
        // A machine without any is told so; in no case does the choice of a TLS library fail.
        match upstream("https://api.anthropic.com") {
            Ok(upstream) => assert!(matches!(
                upstream.locate(&"/v1/models".parse().unwrap()),
                Some(uri) if uri == "https://api.anthropic.com/v1/models"
            )),
            Err(error) => assert!(matches!(error, EgressError::Authorities { .. }), "{error}"),
        }
    }

    #[test]
    fn an_address_that_is_not_one_is_refused() {
        for base in ["/v1", "gateway:8080", "ftp://gateway"] {
            assert!(matches!(upstream(base), Err(EgressError::Scheme)), "{base}");
        }
        for base in ["http://user:secret@gateway", "http://gateway/?a=b"] {
            assert!(matches!(upstream(base), Err(EgressError::Shape)), "{base}");
        }
    }
}
