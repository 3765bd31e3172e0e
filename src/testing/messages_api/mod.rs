//! A stand-in for the Messages API: what the CLI and the SDKs call, on loopback, answering from
//! a script in the user's own words ([`crate::simulation::Directive`]).
//!
//! It serves `POST /v1/messages`, `POST /v1/messages/count_tokens`, `GET /v1/models` and
//! `HEAD /`, and tells what it saw at `GET /__stand-in/requests` (`POST /__stand-in/reset`
//! forgets it).

mod answer;
mod ledger;
mod request;
mod routes;
mod stream;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

pub use ledger::{RequestRecord, Requests, monotonic_nanoseconds};
use routes::Service;

/// How a stand-in is started.
#[derive(Debug, Clone)]
pub struct MessagesApiSettings {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The one key it accepts, as `x-api-key` or as a bearer token. Without it, any.
    pub require_key: Option<String>,
}

impl Default for MessagesApiSettings {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), require_key: None }
    }
}

/// A running stand-in. It ends when this is dropped.
#[derive(Debug)]
pub struct MessagesApi {
    address: SocketAddr,
    service: Arc<Service>,
    accepting: JoinHandle<()>,
}

impl MessagesApi {
    /// Listens; requests are served from the moment this returns.
    pub async fn start(settings: MessagesApiSettings) -> std::io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let service = Arc::new(Service::new(settings.require_key));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&service)));
        Ok(Self { address, service, accepting })
    }

    /// What belongs into `ANTHROPIC_BASE_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked so far.
    pub fn requests(&self) -> Requests {
        self.service.requests()
    }

    /// Forgets what was asked, and starts `[[errorN:…]]` anew.
    pub fn reset(&self) {
        self.service.reset();
    }

    /// Serves until the task is ended from outside.
    pub(super) async fn serve(mut self) {
        let _ended = (&mut self.accepting).await;
    }
}

impl Drop for MessagesApi {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, service: Arc<Service>) {
    // Dropping the set ends the connections with the listener.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _peer)) => {
                    connections.spawn(converse(stream, Arc::clone(&service)));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // Out of file descriptors: one must be closed before the next can come.
                    if connections.join_next().await.is_none() {
                        return;
                    }
                }
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, service: Arc<Service>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot disable Nagle's algorithm");
    }
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { service.answer(request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), answer);
    if let Err(error) = connection.await {
        // Also the intended end of `[[drop]]` and `[[drop-midstream]]`.
        tracing::debug!(%error, "a connection ended early");
    }
}
