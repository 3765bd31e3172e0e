//! `ash-egress`: the way to the model, which holds its key. It knows no session but by what ashd
//! tells it, so that either may be restarted without the other.

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::failure::Failure;
use super::wire_up::{self, EGRESS_FOLDER};
use super::{data, listen, program};
use crate::config::Settings;
use crate::systemd::activation::{Passed, Wanted, passed};
use crate::systemd::notify;

const PROGRAM: &str = "ash-egress";

/// The `FileDescriptorName=` of its units: sandboxes come to the one, ashd to the other.
const MODEL: &str = "model";
const CONTROL: &str = "control";

/// The control socket that it makes itself, in the runtime folder, and its mode: its owner's.
const CONTROL_SOCKET: &str = "egress-control.sock";
const CONTROL_MODE: u32 = 0o600;

/// Threads: it passes bytes on, and encrypts them.
const WORKERS_MAX: usize = 4;

const ABOUT: &str =
    "Passes requests of sandboxes on to the model API, with the key that they do not have";

/// The program.
pub fn main() -> ExitCode {
    program::run(PROGRAM, ABOUT, WORKERS_MAX, serve)
}

async fn serve(settings: &Settings) -> Result<(), Failure> {
    let (mut model, mut control) = (None, None);
    let known = [(MODEL, Wanted::Unix), (CONTROL, Wanted::Unix)];
    for (name, socket) in passed(settings.socket_names.as_deref(), &known)? {
        if let Passed::Unix(listener) = socket {
            *(if name == MODEL { &mut model } else { &mut control }) = Some(listener);
        }
    }
    let model = if let Some(listener) = model {
        listener
    } else {
        data::folder(&settings.runtime.join(EGRESS_FOLDER), 0o755)?;
        wire_up::model_socket(settings)?
    };
    let control = if let Some(listener) = control {
        listener
    } else {
        let path = settings.egress.clone();
        let path = path.unwrap_or_else(|| settings.runtime.join(CONTROL_SOCKET));
        listen::bind(&path, CONTROL_MODE)?
    };
    let peer = listen::owner(&control)?;
    let egress = wire_up::egress(settings)?;
    let (model, control) = (listen::serving(model)?, listen::serving(control)?);
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    tasks.spawn({
        let (egress, stop) = (egress.clone(), stop.clone());
        async move { egress.obey(control, peer, stop).await }
    });
    tasks.spawn({
        let stop = stop.clone();
        async move { egress.serve(model, stop).await }
    });
    tasks.close();
    notify::ready("serving sandboxes");
    tracing::info!(version = env!("CARGO_PKG_VERSION"), peer, "ash-egress serves");
    program::stopped(&stop).await.map_err(Failure::Runtime)?;
    notify::stopping("ending requests");
    stop.cancel();
    if tokio::time::timeout(settings.drain, tasks.wait()).await.is_err() {
        tracing::warn!("some requests were still open and were cut off");
    }
    Ok(())
}
