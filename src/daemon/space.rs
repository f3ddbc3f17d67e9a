//! Whether there is room: on the disks of the record, and within a customer's limits for the day.
//!
//! Below the reserve nothing new is taken or sent, and `status` says so; what was sent is recorded all the same, in the
//! space that the ledger holds back (`ledger::room`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::shown::shown;
use devicedrop_core::time::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, SystemClock};
use crate::config::{Config, RegistrarKind};
use crate::inbox::Hold;
use crate::ledger::rows::Totals;
use crate::ledger::{ReadError, Reader};

use super::lanes::pause;
use super::shared::{AskError, Shared};
use super::signals;

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
    Ok(if is_over_the_day(&config, today, bytes) { Err(Hold::DayLimit) } else { Ok(()) })
}

/// Whether a file of `bytes` is more than a customer may still deliver on a day on which this much came.
fn is_over_the_day(config: &Config, today: &Totals, bytes: u64) -> bool {
    let over = today.bytes.saturating_add(bytes) > config.drop.per_customer_bytes_per_day
        || today.rows >= config.drop.per_customer_rows_per_day;
    // What is larger than a whole day's limit would wait for ever: it goes alone.
    let alone = today.files == 0;
    over && !alone
}

/// What a customer delivered today, if a file of `bytes` would be more than may still come.
pub(crate) fn over_the_day(
    config: &Config,
    reader: &Reader,
    customer: &CustomerKey,
    bytes: u64,
) -> Result<Option<Totals>, ReadError> {
    let today = reader.totals(customer, midnight(SystemClock.now()))?;
    Ok(is_over_the_day(config, &today, bytes).then_some(today))
}

/// Whether the disks of ledger, archive and registry have `bytes` beyond what is held back.
pub(super) fn has_reserve(shared: &Shared, bytes: u64) -> bool {
    let config = shared.config();
    let needed = config.drop.reserve.saturating_add(bytes);
    disks(&config, shared.embedded.is_some())
        .iter()
        .all(|folder| free_bytes(folder).is_none_or(|free| free >= needed))
}

/// How often the disks are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// With less than this a start can't put on record that it is one, and what it found.
const TO_START: u64 = 1024 * 1024;

/// Says when the room gets too little and when there is enough again, once for each change, and wakes whoever waited.
pub(super) async fn watch(shared: Arc<Shared>) {
    while !shared.stop.is_cancelled() {
        let asked = Arc::clone(&shared);
        // A disk that hangs holds up this thread, and nobody else.
        let lack = crate::blocking::run(move || lack(&asked)).await.ok().flatten();
        let change = {
            let mut board = shared.board.lock();
            let change = board.space.is_some() != lack.is_some();
            let since = board.space.take().map_or(shared.clock.now(), |(_, since)| since);
            board.space = lack.clone().map(|why| (why, since));
            change
        };
        match lack {
            Some(why) if change => tracing::warn!(why = %why, "too little space: nothing new is taken or sent"),
            None if change => {
                tracing::info!("enough space again: files are taken and rows are sent");
                shared.bells.ring_all();
            }
            _ => {}
        }
        tokio::select! {
            () = pause(LOOK) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

/// What is lacking where, in a sentence.
fn lack(shared: &Shared) -> Option<String> {
    let config = shared.config();
    let reserve = config.drop.reserve;
    let (folder, free) = disks(&config, shared.embedded.is_some()).into_iter().find_map(|folder| {
        let free = free_bytes(&folder).filter(|free| *free < reserve)?;
        Some((folder, free))
    })?;
    Some(format!(
        "the disk of {} has {} MiB left, less than drop.reserve ({} MiB)",
        shown(&folder.display().to_string()),
        free >> 20,
        reserve >> 20
    ))
}

/// The folders whose disks must have room.
fn disks(config: &Config, embedded: bool) -> Vec<PathBuf> {
    let registry = config.registrar.embedded.path.parent().filter(|_| embedded);
    let folders = [config.ledger.path.parent(), Some(config.ledger.originals.as_path()), registry];
    folders.into_iter().flatten().map(Path::to_owned).collect()
}

/// Waits, at a start on a full disk, until there is room to put anything on record; first of all gives up the space
/// that the last run held back. Blocks.
pub(super) fn wait_for_room(config: &Config, stop: &CancellationToken) {
    let lacking = || {
        let full = |folder: &PathBuf| free_bytes(folder).is_some_and(|free| free < TO_START);
        disks(config, config.registrar.kind == RegistrarKind::Embedded).into_iter().find(full)
    };
    if lacking().is_none() {
        return;
    }
    if let Err(error) = crate::ledger::room::give_up_for(&config.ledger.path) {
        tracing::warn!(error = %error, "the space that was held back can't be given up");
    }
    let mut said = false;
    while let Some(folder) = lacking().filter(|_| !stop.is_cancelled()) {
        if !said {
            tracing::error!(folder = %folder.display(), "the disk is full: the start waits until there is room");
            said = true;
        }
        signals::notify_waiting(LOOK);
        let (_never, alarm) = std::sync::mpsc::sync_channel::<()>(1);
        alarm.recv_timeout(LOOK).unwrap_or_default();
    }
    if said && !stop.is_cancelled() {
        tracing::info!("there is room: the start goes on");
    }
}

/// Free bytes for us on the file system of `folder`; none where it can't be told.
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Midnight of the day of `now`, UTC.
fn midnight(now: Timestamp) -> Timestamp {
    now.minus(Duration::from_millis(u64::try_from(now.unix_ms().rem_euclid(DAY_MS)).unwrap_or(0)))
}
