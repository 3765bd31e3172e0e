//! Spans of what ashd does, sent to a collector in the OpenTelemetry protocol: JSON over HTTP. Off,
//! it costs a look at a value that is not there.
//!
//! A span is told once and never waited for: what the collector does not take in time is counted
//! and dropped, and nothing is slower for it.

mod context;
mod export;
mod span;

use std::sync::OnceLock;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) use context::{Context, TRACE_PARENT, carried, current, within};
pub(crate) use export::CollectorSettings;
pub(crate) use span::{Attribute, Kind, Span};

use crate::metrics::COUNTS;
use crate::web::client::ClientError;

/// Spans that wait for the collector: minutes of a busy host, at a kilobyte each.
const WAITING_MAX: usize = 2_048;

/// Where spans are told. There is one, as there is one process.
static WAITING: OnceLock<mpsc::Sender<Span>> = OnceLock::new();

/// Sends to the collector until `stop`, and then what still waits.
pub(crate) fn start(
    settings: &CollectorSettings,
    stop: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + use<>, ClientError> {
    let exporter = export::Exporter::new(settings)?;
    let (sender, waiting) = mpsc::channel(WAITING_MAX);
    // A second start would be another process's.
    let _first = WAITING.set(sender);
    Ok(exporter.run(waiting, stop))
}

/// Somebody collects spans.
pub(crate) fn is_on() -> bool {
    WAITING.get().is_some()
}

/// Tells a span that is over, if somebody collects and whoever began its trace records it.
pub(crate) fn tell(span: Span) {
    let Some(waiting) = WAITING.get().filter(|_| span.context.is_recorded()) else { return };
    if waiting.try_send(span).is_err() {
        COUNTS.spans_dropped.add(1);
    }
}
