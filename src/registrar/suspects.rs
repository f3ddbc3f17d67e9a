//! Calls that a service refused as a whole, without saying which row is to blame. Their rows are sent again in calls of
//! half the size, down to one, so that one bad row spoils no others for good. Forgotten when the process ends; then it
//! is found out again.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use devicedrop_core::registrar::{IdempotencyKey, Request};

/// So many rows are remembered. More than that in calls that are refused means that it isn't the rows.
const MOST: usize = 10_000;

/// The rows, and how many go into one call because of them.
#[derive(Debug, Default)]
pub(super) struct Suspects(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    rows: HashSet<IdempotencyKey>,
    batch: usize,
}

impl Suspects {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many rows go into a call now that has at most `most`.
    pub(super) fn batch(&self, most: usize) -> usize {
        let held = self.held();
        if held.rows.is_empty() { most } else { held.batch.clamp(1, most) }
    }

    /// A call with these rows was refused.
    pub(super) fn refused<'a>(&self, rows: impl ExactSizeIterator<Item = &'a Request>) {
        let mut held = self.held();
        let half = (rows.len() / 2).max(1);
        held.batch = if held.rows.is_empty() { half } else { held.batch.min(half) };
        if held.rows.len().saturating_add(rows.len()) > MOST {
            held.rows.clear();
        }
        held.rows.extend(rows.map(|row| row.key));
    }

    /// A call with these rows was taken, or its one row was refused for good.
    pub(super) fn cleared<'a>(&self, rows: impl Iterator<Item = &'a Request>) {
        let mut held = self.held();
        if !held.rows.is_empty() {
            for row in rows {
                held.rows.remove(&row.key);
            }
        }
    }
}
