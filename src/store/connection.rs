//! Opening the database: whose file it is, its settings, its schema.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// The migrations, compiled in.
mod embedded {
    refinery::embed_migrations!("src/store/migrations");
}

/// "ASHD" in the header of the file; the first migration writes it.
const APPLICATION_ID: i64 = 0x4153_4844;

/// How long to wait for a lock that somebody else has: a backup or a curious shell holds one for
/// moments only, and past this a client has given up.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Prepared statements kept per connection: more than the store has.
const STATEMENTS_CACHED: usize = 64;

/// Cache of a connection that only reads. A log is read once and in order, and the kernel has the
/// file in memory; what is read again are the few pages that lead to the rows.
const READER_CACHE_KIB: i64 = 512;

/// Only the service's own account may read what sessions said.
pub(super) const FILE_MODE: u32 = 0o600;

/// The write-ahead log is cut back to this once it has been copied into the database: a burst
/// does not keep the disk it needed.
const WAL_BYTES_KEPT: i64 = 64 << 20;

#[derive(Debug, thiserror::Error)]
#[error("the file system cannot hold a write-ahead log")]
struct NoWriteAheadLog;

/// Opens the one connection that writes, creating the database or bringing its schema up to date.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    // SQLite would make it readable to all.
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(FILE_MODE)
        .open(path)
        .map_err(|error| StoreError::opening(path, error))?;
    let mut connection = connect(path)?;
    check_owner(&connection)?;
    check_version(&connection)?;

    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::opening(path, NoWriteAheadLog));
    }
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// Opens the connection that copies the write-ahead log and does nothing else.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, StoreError> {
    connect(path)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    // No SQLITE_OPEN_URI: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|error| StoreError::opening(path, error))?;
    // A plan is made once, not again for each value that is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

/// Refuses the database of another program before anything in it is changed.
pub(super) fn check_owner(connection: &Connection) -> Result<(), StoreError> {
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    // The table of migrations is made a moment before the first of them: alone it is the trace
    // of a first start that was cut short.
    let foreign: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> 'refinery_schema_history'",
        [],
        |row| row.get(0),
    )?;
    if id == APPLICATION_ID || foreign == 0 { Ok(()) } else { Err(StoreError::NotDatabase) }
}

/// Refuses a schema that this version does not know.
pub(super) fn check_version(connection: &Connection) -> Result<(), StoreError> {
    if !connection.table_exists(None, "refinery_schema_history")? {
        return Ok(());
    }
    let found: i64 = connection.query_row(
        "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
        [],
        |row| row.get(0),
    )?;
    let known = newest_version();
    if found > known { Err(StoreError::Newer { found, known }) } else { Ok(()) }
}

pub(super) fn newest_version() -> i64 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(|migration| i64::from(migration.version()))
        .max()
        .expect("at least one migration is compiled in")
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let report = embedded::migrations::runner()
        // One transaction for a migration and the note that it was done: a crash leaves either
        // both or none.
        .set_grouped(true)
        .run(connection)
        .map_err(|error| StoreError::Migration { source: Arc::new(error) })?;
    for migration in report.applied_migrations() {
        tracing::info!(%migration, "the schema of the database was brought up to date");
    }
    // In the header of the file too, where the scripts of a package find it without SQLite: an
    // older package refuses to be installed over a newer schema.
    let noted: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if noted != newest_version() {
        connection.pragma_update(None, "user_version", newest_version())?;
        // Out of the log and into the file; a reader of the log, if there is one, delays it.
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_row| Ok(()))?;
    }
    Ok(())
}
