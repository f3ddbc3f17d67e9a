//! Questions to the ledger, each by a short read over a connection that can't write.
//!
//! What a row of an answer holds is in [`super::rows`]. Nothing is kept open between two questions: a reader that
//! holds a transaction stops the WAL from being taken back.

pub mod browse;
mod epoch;
mod export;
mod files;
pub mod find;
pub(super) mod keys;
pub mod known;
pub mod limit;
mod lookup;
pub mod past;
mod state;
mod work;

use std::path::Path;

use devicedrop_core::device::{Device, Format, Sha256};
use devicedrop_core::ids::{CustomerKey, EntryId, SubmissionEntry, SubmissionId};
use devicedrop_core::time::Timestamp;
use rusqlite::{Connection, Row};

use super::check;
use super::error::{OpenError, ReadError, Untrusted};
use super::open;
use super::rows::{Submission, Tally};
use super::schema;

pub use epoch::Restore;
pub use export::Moment;
#[cfg(test)]
pub(super) use export::sql as whole_view;
pub use keys::KeyEntry;

/// A reading connection. One for each thread; it can be sent to another, and not shared.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
}

impl Reader {
    /// Opens a ledger that is there, for reading alone.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        open::check_place(path)?;
        Ok(Self { db: open::reader(path)? })
    }

    /// Opens a copy that nobody writes to, as it lies in a backup.
    pub fn open_copy(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { db: open::copy_reader(path)? })
    }

    /// Its schema, and the newest one that this program knows.
    pub fn schema_version(&self) -> Result<(i64, i64), ReadError> {
        Ok((schema::version(&self.db)?, schema::LATEST))
    }

    /// Gives up the pages that it holds in memory; the next question reads its own again.
    pub fn forget_pages(&self) -> Result<(), ReadError> {
        Ok(self.db.release_memory()?)
    }

    /// Recomputes one block from its entries, and its place in the chain, and compares.
    pub fn check_block(&self, number: u64) -> Result<(), Untrusted> {
        check::block_numbered(&self.db, number).map(|_| ())
    }
}

/// A number that counts something.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// A time.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_unix_ms)
}

/// A time, where there is one.
fn time_or_none(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_unix_ms))
}

/// The number of an entry, as the identifier that `wrap` makes of it.
fn entry<T>(row: &Row<'_>, column: usize, wrap: impl Fn(EntryId) -> T) -> rusqlite::Result<T> {
    let number: i64 = row.get(column)?;
    EntryId::new(number).map(wrap).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// Text that must be a customer's key.
fn customer(row: &Row<'_>, column: usize) -> rusqlite::Result<CustomerKey> {
    let text: String = row.get(column)?;
    CustomerKey::parse(&text).map_err(|error| not_text(column, error))
}

fn not_text(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

/// A device out of three columns. Rows that lack one of them are never due, nor hold a device.
fn device(row: &Row<'_>, column: usize) -> rusqlite::Result<Device> {
    Ok(Device { manufacturer: row.get(column)?, model: row.get(column + 1)?, serial_number: row.get(column + 2)? })
}

/// The columns that [`submission`] reads.
const SUBMISSION: &str = "s.id, s.uuid, s.at, c.text, s.file, s.judging, s.order_id, s.purchase_id, s.format,
   s.encoding, s.delimiter, s.sha256, s.bytes, s.rejection, s.rows,
   y.path, y.superseded_by IS NOT NULL, y.rows, y.pending, y.ready, y.failed, y.already, y.completed_at";

/// The tables that they come from.
const SUBMISSIONS: &str =
    "submission s LEFT JOIN customer c ON c.number = s.customer LEFT JOIN tally y ON y.submission = s.id";

fn submission(row: &Row<'_>) -> rusqlite::Result<Submission> {
    let format: Option<String> = row.get(8)?;
    let path: Option<String> = row.get(15)?;
    let tally = match path {
        None => None,
        Some(path) => Some(Tally {
            path,
            superseded: row.get(16)?,
            rows: count(row, 17)?,
            pending: count(row, 18)?,
            ready: count(row, 19)?,
            failed: count(row, 20)?,
            already: count(row, 21)?,
            completed_at: time_or_none(row, 22)?,
        }),
    };
    Ok(Submission {
        entry: entry(row, 0, SubmissionEntry)?,
        id: SubmissionId::from_bytes(row.get(1)?),
        at: time(row, 2)?,
        customer: customer(row, 3)?,
        file: row.get(4)?,
        judging: count(row, 5)?,
        order_id: row.get(6)?,
        purchase_id: row.get(7)?,
        format: format.as_deref().and_then(Format::from_code),
        encoding: row.get(9)?,
        delimiter: row.get(10)?,
        sha256: row.get::<_, Option<[u8; 32]>>(11)?.map(Sha256::from_bytes),
        bytes: count(row, 12)?,
        rejection: row.get(13)?,
        rows: count(row, 14)?,
        tally,
    })
}

/// All rows of an answer.
pub(super) fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, ReadError> {
    Ok(db.prepare_cached(sql)?.query_map(params, read)?.collect::<Result<_, _>>()?)
}

/// The first row of an answer, if it has one.
pub(super) fn one<T>(
    db: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, ReadError> {
    use rusqlite::OptionalExtension as _;
    Ok(db.prepare_cached(sql)?.query_row(params, read).optional()?)
}

/// As SQLite takes a limit.
fn limited(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
