//! What administrators ask of the daemon itself.

use tokio::sync::oneshot;

use super::{Control, Refusal};
use crate::wire::config::{Configuration, Reloaded};

/// Reloads that may wait: each takes milliseconds.
pub(crate) const RELOADS_MAX: usize = 8;

/// Somebody wants the configuration to be read again; the daemon does it, one at a time.
#[derive(Debug)]
pub(crate) struct ReloadRequest {
    /// Why it was refused, in words.
    pub(crate) answer: oneshot::Sender<Result<Reloaded, String>>,
}

impl Control {
    pub(crate) fn configuration(&self) -> Configuration {
        self.settings().configuration.clone()
    }

    pub(crate) async fn reload(&self) -> Result<Reloaded, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.reloads.send(ReloadRequest { answer }).await.map_err(|_leaves| Refusal::Leaving)?;
        let reloaded = answered.await.map_err(|_leaves| Refusal::Leaving)?;
        reloaded.map_err(|reason| Refusal::Configuration { reason })
    }
}
