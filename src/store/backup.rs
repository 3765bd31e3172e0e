//! A copy of the whole database at one moment, made while it is written to.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::statvfs::statvfs;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use uuid::Uuid;

use super::connection::{FILE_MODE, open_reader};
use super::{Store, StoreError};

/// Pages of 4 KiB copied before it is looked whether anybody still waits: some milliseconds.
const STEP_PAGES: i32 = 2_048;

/// What must stay free beside the copy: a backup must not be what stops the turns.
const ROOM_LEFT_BYTES: u64 = 64 << 20;

/// What a copy is called while it is made, behind the name of the database.
const SUFFIX: &str = ".backup-";

impl Store {
    /// Copies the database as it is now into a file that is gone when it is closed. Writers are not
    /// held up. The copy is one file without a log beside it, and opens as a database of its own.
    pub(crate) async fn backup(&self) -> Result<File, StoreError> {
        let path = Arc::clone(&self.path);
        let guard = Abandoned::default();
        let abandoned = Arc::clone(&guard.0);
        tokio::task::spawn_blocking(move || copy(&path, &abandoned))
            .await
            .map_err(|_ended| StoreError::Closed)?
    }
}

/// Set when the one who waits for the copy is gone.
#[derive(Default)]
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Removes its file, however the copy ends.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let _gone = fs::remove_file(with_suffix(&self.0, suffix));
        }
    }
}

fn copy(path: &Path, abandoned: &AtomicBool) -> Result<File, StoreError> {
    let source = open_reader(path)?;
    // A snapshot: without it every write of the others would start the copy again.
    let moment = source.unchecked_transaction()?;
    let bytes: u64 = moment.query_row(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        [],
        |row| row.get(0),
    )?;
    has_room(path, bytes)?;
    let draft = Draft(with_suffix(path, &format!("{SUFFIX}{}", Uuid::new_v4())));
    let made = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&draft.0);
    drop(made.map_err(|error| StoreError::opening(&draft.0, error))?);
    let mut copied = Connection::open(&draft.0)?;
    // Nothing of it is kept if it fails, so nothing has to be undone.
    copied.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    {
        let backup = Backup::new(&moment, &mut copied)?;
        loop {
            if abandoned.load(Ordering::Relaxed) {
                return Err(StoreError::Closed);
            }
            match backup.step(STEP_PAGES)? {
                StepResult::Done => break,
                StepResult::More => {}
                // A reader has waited for that already.
                _ => return Err(StoreError::Locked),
            }
        }
    }
    moment.finish()?;
    // The pages say that there is a log beside them.
    copied.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    copied.close().map_err(|(_, error)| error)?;
    File::open(&draft.0).map_err(|error| StoreError::opening(&draft.0, error))
}

fn has_room(path: &Path, bytes: u64) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(path);
    let found = statvfs(folder).map_err(|error| StoreError::opening(folder, error))?;
    let free = found.blocks_available() * found.fragment_size();
    if free < bytes.saturating_add(ROOM_LEFT_BYTES) { Err(StoreError::DiskFull) } else { Ok(()) }
}

/// Removes copies that an earlier process was killed over.
pub(super) fn remove_drafts(path: &Path) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let mut start = name.to_owned();
    start.push(SUFFIX);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(start.as_encoded_bytes()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
