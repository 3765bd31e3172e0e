//! Sandboxes: bwrap around a bridge, under a user and (with systemd) in a control group of its
//! own.
//!
//! In reading order: [`spec`] (what one is to be), [`mounts`] (bwrap's arguments, pure),
//! [`seccomp`] (the filter of system calls), [`order`] and [`entry`] (the program `ash-launch`),
//! [`start`], [`disk`], [`live`] (what can be done to one, and its end), [`freezing`], [`record`] (what a
//! successor of this process finds), [`launcher`] (the way
//! in).

mod cli;
mod copy;
mod disk;
mod entry;
mod environment;
mod errand;
mod error;
mod freezing;
mod isolation;
mod launcher;
#[cfg(feature = "testing")]
mod layers;
mod live;
mod mounts;
mod moving;
mod order;
mod placement;
mod probe;
mod record;
mod report;
mod scope;
mod seccomp;
mod spec;
mod stage;
mod start;
mod stream;
mod tail;
mod wishes;

#[cfg(test)]
mod tests;

pub(crate) use cli::{CliError, CliFinder};
pub(crate) use copy::CopyError;
pub(crate) use disk::Wanted as WantedRoom;
pub use entry::main;
pub(crate) use error::LauncherError;
pub(crate) use freezing::FreezeError;
pub(crate) use isolation::{Isolation, Level, WALLS};
pub(crate) use launcher::{Launcher, LauncherSettings};
#[cfg(feature = "testing")]
pub use layers::Layer;
pub(crate) use moving::{Folders, Moved, pack_into};
pub(crate) use placement::Wanted as PlacementChoice;
pub(crate) use report::{EndCause, EndReport};
pub(crate) use spec::{Limits, SandboxName, SandboxSpec};
pub(crate) use stream::BridgeStream;
pub(crate) use wishes::Wishes;

/// The bridge's socket, in the sandbox's state directory.
const BRIDGE_SOCKET: &str = "bridge.sock";

/// Runs what may wait for a disk where waiting hurts nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going away, and the caller with it.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}
