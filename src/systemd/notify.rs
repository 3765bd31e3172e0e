//! What ashd tells systemd of itself; nothing where systemd does not listen.

use std::time::Duration;

use sd_notify::NotifyState;

/// Ready to serve.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Reading the configuration again; [`ready`] follows.
pub(crate) fn reloading() {
    let mut state = vec![NotifyState::Reloading];
    // Without it systemd (253 and later) cannot tell this reload from the one before.
    state.extend(NotifyState::monotonic_usec_now().ok());
    tell(&state);
}

/// Leaving.
pub(crate) fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// Alive.
pub(crate) fn watchdog() {
    tell(&[NotifyState::Watchdog]);
}

/// How often systemd wants to hear that ashd is alive: half of `WatchdogSec=`.
pub(crate) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "could not notify systemd");
    }
}
