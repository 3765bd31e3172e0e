//! How providers are reached: with the HTTP and TLS that Ash has already.

use std::pin::Pin;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::TokioExecutor;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};

/// Longest wait for a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// Longest wait for the head of an answer: a part of an object has been sent by then.
const ANSWER_DEADLINE: Duration = Duration::from_mins(2);

#[derive(Debug, Clone, Copy)]
pub(super) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_DEADLINE));
        let tls = HttpsConnectorBuilder::new().with_native_roots().map_err(|source| {
            object_store::Error::Generic { store: "certificates", source: source.into() }
        })?;
        // A provider of one's own may speak plain HTTP in its own network: the URL says so.
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        let client = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(HttpClient::new(Service(client)))
    }
}

#[derive(Debug)]
struct Service(legacy::Client<HttpsConnector<Tcp>, HttpRequestBody>);

type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Service {
    fn call<'a, 'b>(&'a self, request: HttpRequest) -> Answer<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let answer = tokio::time::timeout(ANSWER_DEADLINE, self.0.request(request)).await;
            let answer =
                answer.map_err(|elapsed| HttpError::new(HttpErrorKind::Timeout, elapsed))?;
            let answer = answer.map_err(|error| {
                let connects = error.is_connect();
                let kind = if connects { HttpErrorKind::Connect } else { HttpErrorKind::Request };
                HttpError::new(kind, error)
            })?;
            let (head, body) = answer.into_parts();
            let body = body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error));
            Ok(HttpResponse::from_parts(head, HttpResponseBody::new(body)))
        })
    }
}
