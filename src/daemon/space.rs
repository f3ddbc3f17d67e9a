//! Whether there is room: on the disks of the record, and within a customer's limits for the day.

use std::path::Path;
use std::time::Duration;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::time::Timestamp;

use crate::inbox::Hold;
use crate::ledger::rows::Totals;

use super::shared::{AskError, Shared};

/// A day in milliseconds; days begin at midnight UTC.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What a customer delivered today: read once a day, then kept up with, since it is asked for before each file.
#[derive(Debug, Default)]
pub(super) struct Today {
    since: Option<Timestamp>,
    totals: Totals,
}

impl Today {
    /// Another file was put on record.
    pub(super) fn add(&mut self, bytes: u64, rows: u64) {
        let Totals { files, bytes: so_far, rows: rows_so_far } = &mut self.totals;
        *files = files.saturating_add(1);
        *so_far = so_far.saturating_add(bytes);
        *rows_so_far = rows_so_far.saturating_add(rows);
    }

    fn totals(&mut self, shared: &Shared, customer: &CustomerKey) -> Result<&Totals, AskError> {
        let day = midnight(shared.clock.now());
        if self.since != Some(day) {
            self.totals = shared.readers.ask(|reader| reader.totals(customer, day))?;
            self.since = Some(day);
        }
        Ok(&self.totals)
    }
}

/// Whether a file of `bytes` may be taken from this customer now.
pub(super) fn may_take(
    shared: &Shared,
    customer: &CustomerKey,
    today: &mut Today,
    bytes: u64,
) -> Result<Result<(), Hold>, AskError> {
    if shared.stop.is_cancelled() || shared.writer.failure().is_some() {
        return Ok(Err(Hold::Closed));
    }
    if !has_reserve(shared, bytes) {
        return Ok(Err(Hold::Reserve));
    }
    let config = shared.config();
    let today = today.totals(shared, customer)?;
    let over = today.bytes.saturating_add(bytes) > config.drop.per_customer_bytes_per_day
        || today.rows >= config.drop.per_customer_rows_per_day;
    // What is larger than a whole day's limit would wait for ever: it goes alone.
    let alone = today.files == 0;
    Ok(if over && !alone { Err(Hold::DayLimit) } else { Ok(()) })
}

/// Whether the disks of ledger, archive and registry have `bytes` beyond what is held back.
pub(super) fn has_reserve(shared: &Shared, bytes: u64) -> bool {
    let config = shared.config();
    let needed = config.drop.reserve.saturating_add(bytes);
    let registry = shared.embedded.as_ref().and(config.registrar.embedded.path.parent());
    [config.ledger.path.parent(), Some(config.ledger.originals.as_path()), registry]
        .into_iter()
        .flatten()
        .all(|folder| free_bytes(folder).is_none_or(|free| free >= needed))
}

/// Free bytes for us on the file system of `folder`; none where it can't be told.
fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Midnight of the day of `now`, UTC.
fn midnight(now: Timestamp) -> Timestamp {
    now.minus(Duration::from_millis(u64::try_from(now.unix_ms().rem_euclid(DAY_MS)).unwrap_or(0)))
}
