//! Signals that ask this process to go.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for the signals of a program; a task of another process has none.
#[derive(Debug)]
pub(super) struct Termination {
    signals: Option<Signals>,
}

#[derive(Debug)]
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Taken, so that it does nothing: a closed terminal is no reason to leave. It is not
    /// ignored, because the CLI would inherit that.
    _hang_up: Signal,
}

impl Termination {
    pub(super) fn of_program() -> io::Result<Self> {
        Ok(Self {
            signals: Some(Signals {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                _hang_up: signal(SignalKind::hangup())?,
            }),
        })
    }

    pub(super) fn never() -> Self {
        Self { signals: None }
    }

    /// Waits for such a signal. Cancel-safe.
    pub(super) async fn requested(&mut self) {
        let Some(signals) = &mut self.signals else { return std::future::pending().await };
        tokio::select! {
            _ = signals.terminate.recv() => {}
            _ = signals.interrupt.recv() => {}
        }
    }
}
