//! The trial service's state in SQLite: each request is one transaction, on disk before it is answered.
//!
//! Opening and transactions are here; the statements stand beside it, by what they are about. What is decided over
//! the rows is decided elsewhere.

mod batches;
mod devices;
mod grants;
mod items;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

pub(super) use batches::{Batch, Job, NewJob};
pub(super) use devices::{Claim, Enrolled, JournalLine, Known};
pub(super) use grants::{DeviceCode, Remembered};
pub(super) use items::{Asked, Item};
/// What SQLite reports.
pub(super) use rusqlite::Error as Trouble;

/// "ddTR": tells SQLite files of ours from others'.
const APPLICATION_ID: i64 = 0x6464_5452;
/// The schema's version.
const VERSION: i64 = 1;
const SCHEMA: &str = include_str!("schema.sql");

/// Why the state can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// SQLite reports an error.
    #[error("the trial service's state {} can't be used", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The file is something else, or of another version.
    #[error("{} is no state of this trial service", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

/// The state.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    key: [u8; 32],
}

/// The state within one transaction.
#[derive(Debug)]
pub(super) struct Session<'a> {
    connection: &'a Connection,
}

impl Store {
    /// Opens the file, or makes it; without one, the state is in memory. `new_key` is for a new one.
    pub(super) fn open(path: Option<&Path>, new_key: [u8; 32]) -> Result<Self, StateError> {
        let name = path.unwrap_or(Path::new(":memory:"));
        let sqlite = |source: rusqlite::Error| match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StateError::Foreign { path: name.to_owned() },
            _ => StateError::Sqlite { path: name.to_owned(), source },
        };
        let mut connection = connect(path).map_err(sqlite)?;
        let kind = |connection: &Connection| -> rusqlite::Result<(i64, i64, i64)> {
            let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
            let objects = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            Ok((number("application_id")?, number("user_version")?, objects))
        };
        match kind(&connection).map_err(sqlite)? {
            (APPLICATION_ID, VERSION, _) => {}
            (0, 0, 0) => make(&mut connection, new_key).map_err(sqlite)?,
            _ => return Err(StateError::Foreign { path: name.to_owned() }),
        }
        let key = connection.query_row("SELECT key FROM service", [], |row| row.get(0)).map_err(sqlite)?;
        Ok(Self { connection, key })
    }

    /// The key that tokens are sealed with.
    pub(super) fn key(&self) -> [u8; 32] {
        self.key
    }

    /// Does `work` in one transaction; it is on disk when this returns.
    pub(super) fn write<T>(&mut self, work: impl FnOnce(&Session<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&Session { connection: &transaction })?;
        transaction.commit()?;
        Ok(done)
    }
}

fn connect(path: Option<&Path>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    #[expect(clippy::disallowed_methods, reason = "this is the one way into the trial service's state")]
    let connection = match path {
        Some(path) => Connection::open_with_flags(path, flags)?,
        None => Connection::open_in_memory_with_flags(flags)?,
    };
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // What was answered must hold after a power cut, as it would there.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn make(connection: &mut Connection, key: [u8; 32]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute("INSERT INTO service (one, key) VALUES (1, ?1)", [key])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// A time out of a column.
fn time(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<devicedrop_core::time::Timestamp> {
    row.get(index).map(devicedrop_core::time::Timestamp::from_unix_ms)
}
