//! Sends spans to a collector: together what waits, each report a few times, and then no more.

use std::path::PathBuf;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Request};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Span;
use crate::chain::chain;
use crate::metrics::COUNTS;
use crate::web::client::{Client, ClientError, Patience, full};

/// Spans in one report.
const REPORT_SPANS_MAX: usize = 256;

/// How long the first span of a report waits for others.
const GATHER: Duration = Duration::from_secs(1);

/// Times that a report is sent, and the pause before it is sent again.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// How long a collector may take for a report.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How long it may take for all that waits when ashd leaves: a collector that is away holds nobody up.
const LEAVING_MAX: Duration = Duration::from_secs(2);

/// Largest answer of a collector, in bytes; nothing in it is looked at.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Begins an endpoint that is a socket of this host.
const UNIX: &str = "unix:";

/// Where spans go.
#[derive(Debug, Clone)]
pub(crate) struct CollectorSettings {
    /// Without the `/v1/traces` at its end; or `unix:` and the path of a socket.
    pub(crate) endpoint: String,
    /// Of each report; they may hold a key.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

pub(super) struct Exporter {
    client: Client,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why a report was not taken.
#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error("the collector cannot be asked")]
    Client(#[from] ClientError),
    #[error("the collector took longer than {} s", ANSWER_MAX.as_secs())]
    TimedOut,
    #[error("the collector answers {status}")]
    Refused { status: http::StatusCode },
}

impl ReportError {
    /// The protocol names what is worth another try.
    fn may_pass(&self) -> bool {
        match self {
            Self::Client(_) | Self::TimedOut => true,
            Self::Refused { status } => matches!(status.as_u16(), 429 | 502..=504),
        }
    }
}

impl Exporter {
    pub(super) fn new(settings: &CollectorSettings) -> Result<Self, ClientError> {
        let client = match settings.endpoint.strip_prefix(UNIX) {
            Some(path) => Client::unix(PathBuf::from(path.trim_start_matches("//"))),
            None => Client::tcp(&settings.endpoint, None)?,
        };
        Ok(Self { client, headers: settings.headers.clone() })
    }

    pub(super) async fn run(self, mut waiting: mpsc::Receiver<Span>, stop: CancellationToken) {
        let mut is_failing = false;
        loop {
            let first = tokio::select! {
                first = waiting.recv() => first,
                () = stop.cancelled() => break,
            };
            let Some(first) = first else { return };
            let _gathered_or_leaving = timeout(GATHER, stop.cancelled()).await;
            let spans = gather(first, &mut waiting);
            let sent = self.report(&spans, &stop).await;
            // Once, and not for each report.
            if let Err(error) = &sent
                && !is_failing
            {
                let place = self.client.place();
                tracing::warn!(place, error = chain(error), "spans are not taken");
            }
            is_failing = sent.is_err();
        }
        waiting.close();
        let rest = async {
            while let Some(first) = waiting.recv().await {
                let spans = gather(first, &mut waiting);
                let _counted = self.report(&spans, &stop).await;
            }
        };
        let _sent_or_given_up = timeout(LEAVING_MAX, rest).await;
    }

    /// Sends it, and counts what became of it.
    async fn report(&self, spans: &[Span], stop: &CancellationToken) -> Result<(), ReportError> {
        let count = spans.len() as u64;
        let spans: Vec<_> = spans.iter().map(Span::json).collect();
        let text =
            |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
        let version = env!("CARGO_PKG_VERSION");
        let report = json!({ "resourceSpans": [{
            "resource": { "attributes": [text("service.name", "ashd"), text("service.version", version)] },
            "scopeSpans": [{ "scope": { "name": "ash", "version": version }, "spans": spans }],
        }] })
        .to_string();
        let mut tries = 1;
        loop {
            match self.send(report.clone()).await {
                Ok(()) => {
                    COUNTS.spans_sent.add(count);
                    return Ok(());
                }
                Err(error) if error.may_pass() && tries < TRIES && !stop.is_cancelled() => {}
                Err(error) => {
                    COUNTS.spans_dropped.add(count);
                    return Err(error);
                }
            }
            tries += 1;
            let _paused_or_leaving = timeout(PAUSE, stop.cancelled()).await;
        }
    }

    async fn send(&self, report: String) -> Result<(), ReportError> {
        let mut request = Request::new(full(report));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = http::Uri::from_static("/v1/traces");
        for (name, value) in &self.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        let answered = async {
            let answer = self.client.send(request, Patience::Answer).await?;
            let status = answer.status;
            // Read to its end, so that the connection serves the next one.
            answer.bytes(ANSWER_BYTES_MAX).await?;
            if status.is_success() { Ok(()) } else { Err(ReportError::Refused { status }) }
        };
        timeout(ANSWER_MAX, answered).await.map_err(|_elapsed| ReportError::TimedOut)?
    }
}

fn gather(first: Span, waiting: &mut mpsc::Receiver<Span>) -> Vec<Span> {
    let mut spans = vec![first];
    while spans.len() < REPORT_SPANS_MAX
        && let Ok(span) = waiting.try_recv()
    {
        spans.push(span);
    }
    spans
}
