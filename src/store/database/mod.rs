//! The database under the verbs: connections, statements and rows, as much of them as the store uses.
//! The values are those of SQLite. The verbs say what they want in SQL once.

mod error;
mod params;
mod row;

pub(super) use error::{Error, Optional, Result};
pub(super) use params::Params;
pub(super) use row::{MappedRows, Row, Rows};
pub(super) use rusqlite::{ToSql, params};

/// One connection, used by one thread at a time.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(rusqlite::Connection),
}

/// A statement that is kept with its connection when it is dropped.
pub(super) enum Statement<'c> {
    Sqlite(rusqlite::CachedStatement<'c>),
}

/// A transaction that only reads; whatever is asked in it sees the same moment.
#[derive(Debug)]
pub(super) struct Moment<'c>(Option<&'c Connection>);

impl Connection {
    pub(super) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        match self {
            Self::Sqlite(connection) => Ok(Statement::Sqlite(connection.prepare_cached(sql)?)),
        }
    }

    pub(super) fn query_row<T>(
        &self,
        sql: &str,
        bound: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.prepare_cached(sql)?.query_row(bound, read)
    }

    /// Statements of which nothing is read.
    pub(super) fn execute_batch(&self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
        }
    }

    /// The connection below, for what only SQLite has.
    #[cfg(test)]
    pub(super) fn sqlite(&self) -> &rusqlite::Connection {
        match self {
            Self::Sqlite(connection) => connection,
        }
    }

    pub(super) fn is_in_transaction(&self) -> bool {
        match self {
            Self::Sqlite(connection) => !connection.is_autocommit(),
        }
    }

    pub(super) fn moment(&self) -> Result<Moment<'_>> {
        self.execute_batch("BEGIN")?;
        Ok(Moment(Some(self)))
    }
}

impl From<rusqlite::Connection> for Connection {
    fn from(connection: rusqlite::Connection) -> Self {
        Self::Sqlite(connection)
    }
}

impl Statement<'_> {
    /// Answers how many rows it changed.
    pub(super) fn execute(&mut self, bound: impl Params) -> Result<usize> {
        bound.with(|bound| match self {
            Self::Sqlite(statement) => Ok(statement.execute(bound)?),
        })
    }

    pub(super) fn query(&mut self, bound: impl Params) -> Result<Rows<'_>> {
        bound.with(|bound| match self {
            Self::Sqlite(statement) => Ok(Rows::Sqlite(statement.query(bound)?)),
        })
    }

    /// Reads the first row; that there is none is an error, which [`Optional`] takes for an answer.
    pub(super) fn query_row<T>(
        &mut self,
        bound: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut rows = self.query(bound)?;
        let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        read(&row)
    }

    pub(super) fn query_map<T, F>(
        &mut self,
        bound: impl Params,
        read: F,
    ) -> Result<MappedRows<'_, F>>
    where
        F: FnMut(&Row<'_>) -> Result<T>,
    {
        Ok(MappedRows::new(self.query(bound)?, read))
    }

    pub(super) fn exists(&mut self, bound: impl Params) -> Result<bool> {
        Ok(self.query(bound)?.next()?.is_some())
    }
}

impl Moment<'_> {
    pub(super) fn finish(mut self) -> Result<()> {
        self.0.take().map_or(Ok(()), |connection| connection.execute_batch("ROLLBACK"))
    }
}

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a reader's transaction could not be ended");
        }
    }
}
