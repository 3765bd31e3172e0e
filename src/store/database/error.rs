//! What a database says when it does not do what it was asked.

#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum Error {
    /// Of SQLite, or of a value that is not of the type that was asked for.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

pub(in crate::store) type Result<T, E = Error> = std::result::Result<T, E>;

impl From<rusqlite::types::FromSqlError> for Error {
    fn from(error: rusqlite::types::FromSqlError) -> Self {
        Self::Sqlite(error.into())
    }
}

/// An answer that may be missing.
pub(in crate::store) trait Optional<T> {
    fn optional(self) -> Result<Option<T>>;
}

impl<T> Optional<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::Sqlite(rusqlite::Error::QueryReturnedNoRows)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
