//! What can go wrong in the store, in words that hold for any database.

use std::error::Error;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use super::database;

/// A cause that may belong to several writes of one commit.
pub(crate) type Cause = Arc<dyn Error + Send + Sync>;

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the database cannot be opened at `{}`", path.display())]
    Open { path: PathBuf, source: Cause },
    #[error("the file is not a database of ashd")]
    NotDatabase,
    #[error(
        "the database was written by a newer version: it has schema {found}, and {known} is the newest known here"
    )]
    Newer { found: i64, known: i64 },
    #[error("the schema of the database cannot be brought up to date")]
    Migration { source: Cause },
    #[error("the database is damaged")]
    Corrupt { source: Cause },
    #[error("the disk is full")]
    DiskFull,
    #[error("the database cannot be written")]
    ReadOnly { source: Cause },
    #[error("`{}` was removed or replaced while it was in use", path.display())]
    Moved { path: PathBuf },
    #[error("another process keeps the database locked")]
    Locked,
    #[error("the store is closed")]
    Closed,
    #[error("the session does not exist")]
    NoSuchSession,
    #[error("the session has ended")]
    SessionEnded,
    #[error("turn {ordinal} is neither queued nor running")]
    NoSuchTurn { ordinal: u64 },
    #[error("it exists already")]
    Exists,
    #[error("{series} {found} was offered where {expected} comes next")]
    Gap { series: Series, expected: u64, found: u64 },
    #[error("no uid of {}..{} is free", block.start, block.end)]
    NoFreeUid { block: Range<u32> },
    #[error("the database refuses the row")]
    Refused { source: Cause },
    #[error("the database failed")]
    Engine { source: Cause },
}

impl StoreError {
    /// The same write may succeed later, when the administrator has made room.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::DiskFull
                | Self::ReadOnly { .. }
                | Self::Locked
                | Self::Moved { .. }
                | Self::Engine { .. }
                | Self::Open { .. }
        )
    }

    pub(super) fn opening(path: &Path, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Open { path: path.to_owned(), source: Arc::new(source) }
    }
}

/// The gapless numbers of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Series {
    Frame,
    Message,
    Timeline,
    Turn,
}

impl std::fmt::Display for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Frame => "frame",
            Self::Message => "message",
            Self::Timeline => "timeline entry",
            Self::Turn => "turn",
        })
    }
}

impl From<database::Error> for StoreError {
    fn from(error: database::Error) -> Self {
        match error {
            database::Error::Sqlite(error) => error.into(),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        let (code, extended) = match &error {
            E::SqliteFailure(failure, _) => (failure.code, failure.extended_code),
            E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..) => return Self::Corrupt { source: Arc::new(error) },
            _ => return Self::Engine { source: Arc::new(error) },
        };
        match code {
            ErrorCode::DiskFull => Self::DiskFull,
            // The index of the log in shared memory could not grow.
            _ if extended == ffi::SQLITE_IOERR_SHMSIZE => Self::DiskFull,
            ErrorCode::ReadOnly => Self::ReadOnly { source: Arc::new(error) },
            ErrorCode::NotADatabase => Self::NotDatabase,
            ErrorCode::DatabaseCorrupt => Self::Corrupt { source: Arc::new(error) },
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Locked,
            ErrorCode::ConstraintViolation => match extended {
                ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => Self::Exists,
                _ => Self::Refused { source: Arc::new(error) },
            },
            _ => Self::Engine { source: Arc::new(error) },
        }
    }
}
