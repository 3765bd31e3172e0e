//! Sandboxes that are expected: their scopes are made before anybody waits for them, for systemd
//! takes ten milliseconds to move a process into one.
//!
//! What keeps such a scope is the `ash-launch` that becomes its bwrap. It holds nothing, is written
//! down nowhere, and ends with the connection of whoever expects the sandbox, or with this process.

use std::mem;
use std::sync::Arc;

use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::{Id, JoinHandle};

use super::launcher::{Inner, Launcher, Slot};
use super::placement::Placement;
use super::spec::{Limits, SandboxName, SandboxSpec};
use super::waiting::Ready;
use crate::os::process::{Process, ProcessId};

/// Most sandboxes that are expected at the same time: as many as there are requests at once. Each
/// is a process that waits.
const EXPECTED_MAX: usize = 64;

/// The work on a scope, and then the scope.
pub(super) type Preparing = JoinHandle<Option<Ready>>;

impl Launcher {
    /// Has the scope of a sandbox ready until it is launched, or until the other end of what this
    /// answers is closed. `None` where nothing can be prepared, or need not be.
    pub(crate) async fn expect(&self, name: &SandboxName, limits: &Limits) -> Option<UnixStream> {
        let inner = &self.inner;
        // What is left of a dead one is cleared away first, by whoever starts the next.
        if !matches!(inner.placement, Placement::Scope(_)) || inner.find(name).await.is_some() {
            return None;
        }
        let (ours, theirs) = UnixStream::pair().ok()?;
        let (id, waits) = inner.prepare(name, limits.clone())?;
        let (inner, name) = (Arc::clone(inner), name.clone());
        tokio::spawn(async move {
            let died = async {
                if let Ok(process) = waits.await
                    && let Ok(Some(waiting)) = Process::find(process)
                {
                    waiting.gone().await;
                }
            };
            tokio::select! {
                // Nothing is ever said on it: what can be read is its end.
                _ = ours.readable() => {}
                () = died => {}
            }
            inner.give_up(&name, Some(id)).await;
        });
        Some(theirs)
    }
}

impl Inner {
    /// Answers who makes it, and with the process that will wait in it.
    fn prepare(
        self: &Arc<Self>,
        name: &SandboxName,
        limits: Limits,
    ) -> Option<(Id, oneshot::Receiver<ProcessId>)> {
        let mut table = self.table();
        let is_expected = |slot: &&Slot| matches!(slot, Slot::Expected(_));
        if table.contains_key(name) || table.values().filter(is_expected).count() >= EXPECTED_MAX {
            return None;
        }
        let (inner, wanted) = (Arc::clone(self), name.clone());
        let (tell, waits) = oneshot::channel();
        let preparing: Preparing = tokio::spawn(async move {
            let Placement::Scope(manager) = &inner.placement else { return None };
            let ready = Ready::make(&inner.programs, manager, &wanted, limits).await?;
            let _unheard = tell.send(ready.waiting.id);
            Some(ready)
        });
        let id = preparing.id();
        table.insert(name.clone(), Slot::Expected(preparing));
        Some((id, waits))
    }

    /// What was prepared for a sandbox that starts now, with its limits.
    pub(super) async fn ready(&self, preparing: Preparing, spec: &SandboxSpec) -> Option<Ready> {
        let Placement::Scope(manager) = &self.placement else { return None };
        preparing.await.ok()??.fitted(manager, &spec.name, &spec.limits).await
    }

    /// Ends what was prepared for a sandbox that has not been started; of several of one name only
    /// `which`. Its name is taken until that is done: who launches it meanwhile waits for it.
    pub(super) async fn give_up(self: &Arc<Self>, name: &SandboxName, which: Option<Id>) {
        let (hand_over, preparing) = oneshot::channel::<Preparing>();
        let (done, ended) = oneshot::channel::<()>();
        let id = {
            let mut table = self.table();
            let Some(Slot::Expected(one)) = table.get_mut(name) else { return };
            if which.is_some_and(|id| one.id() != id) {
                return;
            }
            let (inner, name) = (Arc::clone(self), name.clone());
            let ending: Preparing = tokio::spawn(async move {
                let _done = done;
                let ready = preparing.await.ok()?.await.ok()??;
                if let Placement::Scope(manager) = &inner.placement {
                    ready.discard(manager, &name).await;
                }
                None
            });
            let id = ending.id();
            drop(hand_over.send(mem::replace(one, ending)));
            id
        };
        // It says nothing, and is dropped.
        drop(ended.await);
        let mut table = self.table();
        if matches!(table.get(name), Some(Slot::Expected(one)) if one.id() == id) {
            table.remove(name);
        }
    }
}
