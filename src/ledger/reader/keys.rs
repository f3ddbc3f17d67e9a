//! The keys that signed checkpoints, one after the other, as the record tells them.
//!
//! What they are, and whether one handed over to the next, is for whoever has the signatures.

use devicedrop_core::handover::ACTION;
use devicedrop_core::time::Timestamp;
use rusqlite::Connection;

use super::{Reader, all, count, one, time};
use crate::ledger::error::ReadError;

/// An entry from which on another key signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// Its number.
    pub entry: u64,
    /// Its time.
    pub at: Timestamp,
    /// Its block.
    pub block: u64,
    /// Its epoch.
    pub epoch: u64,
    /// The key, as text; none: nothing is signed from here on.
    pub key: Option<String>,
    /// What the key before it says of that, as text.
    pub handover: Option<String>,
}

impl Reader {
    /// The key by which checkpoints are signed, as text, as far as the record tells.
    pub fn key_in_force(&self) -> Result<Option<String>, ReadError> {
        let newest = "SELECT subject FROM action WHERE action = ? ORDER BY id DESC LIMIT 1";
        Ok(one(&self.db, newest, [ACTION], |row| row.get(0))?.flatten())
    }
}

/// All of them, in the record's order.
pub(in crate::ledger) fn entries(db: &Connection) -> Result<Vec<KeyEntry>, ReadError> {
    all(
        db,
        "SELECT a.id, a.at, (SELECT max(number) FROM block WHERE first_entry <= a.id),
           (SELECT max(number) FROM epoch WHERE id <= a.id), a.subject, a.reason
         FROM action a WHERE a.action = ? ORDER BY a.id",
        [ACTION],
        |row| {
            Ok(KeyEntry {
                entry: count(row, 0)?,
                at: time(row, 1)?,
                block: row.get::<_, Option<i64>>(2)?.and_then(|block| u64::try_from(block).ok()).unwrap_or(0),
                epoch: row.get::<_, Option<i64>>(3)?.and_then(|epoch| u64::try_from(epoch).ok()).unwrap_or(0),
                key: row.get(4)?,
                handover: row.get(5)?,
            })
        },
    )
}
