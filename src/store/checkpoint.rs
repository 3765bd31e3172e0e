//! Copies the write-ahead log into the database, beside the writer: a checkpoint syncs twice and
//! takes milliseconds, which no caller should wait for.

use std::ffi::c_int;
use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use super::StoreError;
use super::connection::open_checkpointer;

/// Pages of 4 KiB in the log from which it is copied, 16 MiB: a page that changes with every turn is
/// then copied once for hundreds of turns.
const PAGES_DUE: c_int = 4_000;

/// Pages in the log from which the writer copies it itself and its callers wait: the thread
/// cannot keep pace, and the log must not eat the disk. 64 MiB.
const PAGES_MAX: c_int = 16_384;

/// Starts the thread that copies the log of `writer`'s commits; it ends when `writer` is closed.
pub(super) fn attend(
    writer: &mut Connection,
    path: &Path,
) -> Result<thread::JoinHandle<()>, StoreError> {
    let own = open_checkpointer(path)?;
    // One place: to be told twice is to be told.
    let (due, told) = sync_channel(1);
    writer.wal_hook(Some(move |wal: &mut Wal, pages| {
        after_commit(wal, pages, &due);
        // An error would make the commit look failed.
        Ok(())
    }))?;
    thread::Builder::new()
        .name("store-checkpoint".to_owned())
        .spawn(move || {
            while told.recv().is_ok() {
                let copied: rusqlite::Result<i64> =
                    own.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(0));
                log_failure(copied.err());
            }
        })
        .map_err(|error| StoreError::opening(path, error))
}

fn after_commit(wal: &mut Wal, pages: c_int, due: &SyncSender<()>) {
    if pages >= PAGES_MAX {
        log_failure(wal.checkpoint().err());
    } else if pages >= PAGES_DUE
        && let Err(TrySendError::Disconnected(())) = due.try_send(())
    {
        tracing::error!("the thread that copies the write-ahead log has ended");
    }
}

/// A failure costs nothing yet: the log holds all, and the next commit tries again.
fn log_failure(error: Option<rusqlite::Error>) {
    let Some(error) = error else { return };
    if !matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy)) {
        tracing::warn!(%error, "the write-ahead log could not be copied into the database");
    }
}
