//! What is wrong with the disk under the database, as writes and reads met it; and whether the files
//! are still the ones that were opened.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::database::params;
use super::writer::Terms;
use super::{Store, StoreError};
use crate::chain::chain;

/// Without a failure for so long, a write that succeeds says that it is over: while a large write is
/// refused each second for want of room, small ones beside it succeed.
const CALM: Duration = Duration::from_secs(2);

/// How long whoever asks waits for a write that is tried: a locked database answers late.
const TRIAL_WAIT: Duration = Duration::from_millis(250);

/// What is made and removed to see whether the file system takes writes.
const TRIED_FILE: &str = ".ash-writable";

/// Why the database cannot be used as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreProblem {
    pub(crate) kind: ProblemKind,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// No room.
    DiskFull,
    /// The file system does not take writes.
    ReadOnly,
    /// Another process keeps a lock.
    Locked,
    /// The files are not where they were opened.
    Moved,
    /// The disk fails in another way.
    Failing,
    /// What is stored cannot be understood. It stays until ashd opens another database.
    Damaged,
}

impl ProblemKind {
    /// As it stands on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::ReadOnly => "read_only",
            Self::Locked => "locked",
            Self::Moved => "moved",
            Self::Failing => "failing",
            Self::Damaged => "damaged",
        }
    }

    /// What to do about it.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::DiskFull => "free space below the data directory of ashd; it goes on by itself",
            Self::ReadOnly => {
                "the kernel's log says why the file system was made read-only (`dmesg`); ashd goes on when it can be written"
            }
            Self::Locked => "find who has the file open (`fuser -v ash.db`) and end that",
            Self::Moved => {
                "put the file back where it was; if it was removed, do not stop ashd before it is rescued (see docs/operations.md)"
            }
            Self::Failing => "the kernel's log says what is wrong with the disk (`dmesg`)",
            Self::Damaged => {
                "`ashctl db check` tells what is damaged; restore the last backup (see docs/operations.md)"
            }
        }
    }

    fn of(error: &StoreError, folder: &Path) -> Option<Self> {
        Some(match error {
            StoreError::DiskFull => Self::DiskFull,
            StoreError::ReadOnly { .. } => Self::ReadOnly,
            StoreError::Locked => Self::Locked,
            StoreError::Moved { .. } => Self::Moved,
            StoreError::Corrupt { .. } | StoreError::NotDatabase => Self::Damaged,
            // SQLite calls every failure of the disk the same.
            StoreError::Engine { .. } if is_read_only(folder) => Self::ReadOnly,
            StoreError::Engine { .. } | StoreError::Open { .. } => Self::Failing,
            _ => return None,
        })
    }
}

/// A file system that made itself read-only after an error does not always say so: it is tried.
fn is_read_only(folder: &Path) -> bool {
    let file = folder.join(TRIED_FILE);
    match fs::File::create(&file) {
        Ok(_made) => {
            let _gone = fs::remove_file(&file);
            false
        }
        Err(error) => error.kind() == io::ErrorKind::ReadOnlyFilesystem,
    }
}

/// Remembered until writes succeed again; damage for good. Said in the log when it begins and when
/// it is over, not each time it is met.
#[derive(Debug)]
pub(super) struct Trouble {
    folder: PathBuf,
    told: Mutex<Told>,
    /// A write is tried whose end nobody has seen.
    trying: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Told {
    passing: Option<(StoreProblem, Instant)>,
    damage: Option<StoreProblem>,
}

impl Trouble {
    pub(super) fn new(database: &Path) -> Self {
        let folder = database.parent().unwrap_or(database).to_owned();
        Self { folder, told: Mutex::default(), trying: Arc::default() }
    }

    /// Something was committed.
    pub(super) fn after_commit(&self) {
        let mut told = self.told();
        if told.passing.as_ref().is_some_and(|(_, met_at)| met_at.elapsed() >= CALM) {
            told.passing = None;
            tracing::info!("the database can be written again");
        }
    }

    /// A write or a read failed, perhaps for a reason that is not of the disk.
    pub(super) fn after_failure(&self, error: &StoreError) {
        let Some(kind) = ProblemKind::of(error, &self.folder) else { return };
        let problem = StoreProblem { kind, text: chain(error) };
        let mut told = self.told();
        let known = match kind {
            ProblemKind::Damaged => told.damage.as_ref(),
            _ => told.passing.as_ref().map(|(problem, _)| problem),
        };
        if known.is_none_or(|known| known.kind != kind) {
            let (code, hint) = (kind.as_str(), kind.hint());
            tracing::error!(code, error = problem.text, hint, "the database cannot be used");
        }
        match kind {
            ProblemKind::Damaged => _ = told.damage.get_or_insert(problem),
            _ => told.passing = Some((problem, Instant::now())),
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// At most one at a time: they would wait behind each other for a lock.
struct Trial(Arc<AtomicBool>);

impl Trial {
    fn begin(trying: &Arc<AtomicBool>) -> Option<Self> {
        (!trying.swap(true, Ordering::AcqRel)).then(|| Self(Arc::clone(trying)))
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Store {
    /// What is wrong, if anything is. Tries whether it still is, since perhaps nobody else writes.
    pub(crate) async fn problem(&self) -> Option<StoreProblem> {
        let in_trouble = self.trouble.told().passing.is_some();
        if in_trouble && let Some(trial) = Trial::begin(&self.trouble.trying) {
            let tried = self.write(Terms { durable: true, bytes: 0 }, move |connection| {
                let _until_answered = &trial;
                // A row that nobody reads, as it is.
                let sql = "UPDATE refinery_schema_history SET name = name WHERE version = 1";
                connection.prepare_cached(sql)?.execute(params![])?;
                Ok(())
            });
            let _the_writer_notes_it = tokio::time::timeout(TRIAL_WAIT, tried).await;
        }
        let told = self.trouble.told();
        let passing = told.passing.as_ref().map(|(problem, _)| problem);
        passing.or(told.damage.as_ref()).cloned()
    }
}

/// The files that were opened. SQLite goes on with files that have lost their names, and what it writes
/// to them is gone with the process.
#[derive(Debug)]
pub(super) struct Files {
    database: (PathBuf, Identity),
    log: PathBuf,
    /// Known from the first write on.
    log_identity: Option<Identity>,
}

/// Device and inode.
type Identity = (u64, u64);

impl Files {
    pub(super) fn opened(path: &Path) -> io::Result<Self> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Ok(Self {
            database: (path.to_owned(), identity(path)?),
            log: log.into(),
            log_identity: None,
        })
    }

    /// Refuses if another file, or none, has the name.
    pub(super) fn check(&mut self) -> Result<(), StoreError> {
        let (path, opened) = &self.database;
        if identity(path).ok().as_ref() != Some(opened) {
            return Err(StoreError::Moved { path: path.clone() });
        }
        match (self.log_identity, identity(&self.log).ok()) {
            (None, found) => self.log_identity = found,
            (opened, found) if opened == found => {}
            _ => return Err(StoreError::Moved { path: self.log.clone() }),
        }
        Ok(())
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
