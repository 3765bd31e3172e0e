//! Brings to the disk what no commit waited for: a power cut then takes back a second at most, however
//! long a turn is.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// What is committed is on the disk so soon: one sync then serves all commits of a busy second.
const LAG_MAX: Duration = Duration::from_secs(1);

/// The writer's end; when it is dropped, the rest is synced and the thread ends.
#[derive(Debug)]
pub(super) struct Syncer {
    due: SyncSender<()>,
    behind: Arc<AtomicBool>,
}

impl Syncer {
    /// Starts the thread that syncs the write-ahead log of the database at `path`.
    pub(super) fn start(
        path: &Path,
        synced: impl Fn() + Send + 'static,
    ) -> io::Result<(Self, thread::JoinHandle<()>)> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let log = PathBuf::from(log);
        // One place: to be told twice is to be told.
        let (due, told) = sync_channel(1);
        let behind = Arc::new(AtomicBool::new(false));
        let known = Arc::clone(&behind);
        let thread = thread::Builder::new().name("store-sync".to_owned()).spawn(move || {
            while told.recv().is_ok() {
                let goes_on = wait(&told);
                if known.swap(false, Ordering::AcqRel) {
                    match File::open(&log).and_then(|log| log.sync_data()) {
                        Ok(()) => synced(),
                        // The writer meets the same, and says it.
                        Err(error) => tracing::debug!(%error, "the write-ahead log was not synced"),
                    }
                }
                if !goes_on {
                    return;
                }
            }
        })?;
        Ok((Self { due, behind }, thread))
    }

    /// Something was committed; `durable` if it and all before it are on the disk.
    pub(super) fn after_commit(&self, durable: bool) {
        self.behind.store(!durable, Ordering::Release);
        if !durable {
            // Full: it wakes anyway.
            let _full_or_over = self.due.try_send(());
        }
    }
}

/// Waits for the lag to pass; `false` if the writer is gone.
fn wait(told: &Receiver<()>) -> bool {
    let end = Instant::now() + LAG_MAX;
    loop {
        match told.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}
