//! The present epoch, where a restore opened it.

use devicedrop_core::ids::RegistrationId;
use devicedrop_core::time::Timestamp;
use rusqlite::params;

use super::{Reader, count, one, time};
use crate::ledger::error::ReadError;

/// A restore that opened the present epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// The epoch.
    pub epoch: u64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// Why, and from which copy.
    pub reason: String,
    /// How often a daemon was started since.
    pub starts: u64,
    /// The epoch's own entry: what has a greater number came after the restore.
    pub entry: i64,
}

impl Reader {
    /// Whether any of these rows may have been sent after the copy that was restored: it wasn't attempted since, and it
    /// was on record in the copy, or its file lay there before the restore.
    pub fn may_have_been_sent(&self, restore: &Restore, rows: &[RegistrationId]) -> Result<bool, ReadError> {
        for row in rows {
            let found = one(
                &self.db,
                "SELECT NOT EXISTS (SELECT 1 FROM attempt a WHERE a.registration = r.id AND a.id > ?2)
                   AND (r.id < ?2 OR EXISTS (SELECT 1 FROM delivery d WHERE d.submission = r.submission
                                             AND coalesce(d.modified_at, 0) <= ?3))
                 FROM registration r WHERE r.id = ?1",
                params![row.get(), restore.entry, restore.at.unix_ms()],
                |row| row.get(0),
            )?;
            if found == Some(true) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The restore that opened the present epoch; none in a ledger that was never restored.
    pub fn last_restore(&self) -> Result<Option<Restore>, ReadError> {
        one(
            &self.db,
            "SELECT e.number, e.at, e.actor, coalesce(e.reason, ''), e.id,
               (SELECT count(*) FROM action a WHERE a.id > e.id AND a.action = 'start')
             FROM epoch e WHERE e.number = (SELECT max(number) FROM epoch) AND e.number > 1",
            [],
            |row| {
                Ok(Restore {
                    epoch: count(row, 0)?,
                    at: time(row, 1)?,
                    actor: row.get(2)?,
                    reason: row.get(3)?,
                    entry: row.get(4)?,
                    starts: count(row, 5)?,
                })
            },
        )
    }
}
