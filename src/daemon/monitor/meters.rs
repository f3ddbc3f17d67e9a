//! What is counted while the daemon works. Counts begin at nothing with each start, as Prometheus expects; sums over the
//! whole record are asked of the ledger.

use std::sync::Mutex;
use std::time::Duration;

use devicedrop_core::state::Outcome;
use devicedrop_core::time::Timestamp;

use crate::metrics::meter::{Counter, Histogram};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its rows are taken.
    Accepted,
    /// None of its rows is.
    Rejected,
    /// It is on record, and came again.
    Again,
    /// It is on record, and came from another path.
    Moved,
    /// It wasn't taken, for a reason that went on record.
    Refused,
}

impl Fate {
    /// Each, in order.
    pub const ALL: [Self; 5] = [Self::Accepted, Self::Rejected, Self::Again, Self::Moved, Self::Refused];

    /// The word for it in a label.
    pub fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Again => "again",
            Self::Moved => "moved",
            Self::Refused => "refused",
        }
    }
}

/// From a thousandth of a second to some minutes: writes, scans.
const SHORT: [Duration; 10] = [
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_mins(1),
];

/// From a tenth of a second to an hour: senders and services.
const LONG: [Duration; 10] = [
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_hours(1),
];

/// All of it.
#[derive(Debug)]
pub struct Meters {
    files: [Counter; Fate::ALL.len()],
    /// Rows of accepted files that are to be registered, and those that aren't by their own form.
    pub(super) rows: [Counter; 2],
    pub(super) attempts: Vec<(Outcome, Counter)>,
    /// How often a registrar asked to be left alone.
    pub throttled: Counter,
    /// Results written.
    pub results: Counter,
    /// From when a file was seen to wait until it was taken.
    pub settle: Histogram,
    /// Calls to the registrar.
    pub call: Histogram,
    /// Looks through a drop folder.
    pub scan: Histogram,
    /// Transactions of the ledger.
    pub write: Histogram,
    checkpoint: Mutex<Option<Timestamp>>,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            files: Default::default(),
            rows: Default::default(),
            attempts: Outcome::ALL.iter().map(|outcome| (*outcome, Counter::default())).collect(),
            throttled: Counter::default(),
            results: Counter::default(),
            settle: Histogram::new(&LONG),
            call: Histogram::new(&LONG),
            scan: Histogram::new(&SHORT),
            write: Histogram::new(&SHORT),
            checkpoint: Mutex::default(),
        }
    }
}

impl Meters {
    /// This became of a file.
    pub fn file(&self, fate: Fate) {
        if let Some((_, counter)) = Fate::ALL.iter().zip(&self.files).find(|(one, _)| **one == fate) {
            counter.add(1);
        }
    }

    /// How many files came to each end.
    pub(super) fn files(&self) -> impl Iterator<Item = (Fate, u64)> {
        Fate::ALL.into_iter().zip(&self.files).map(|(fate, counter)| (fate, counter.read()))
    }

    /// A file was accepted with so many rows, of which so many aren't to be registered.
    pub fn accepted(&self, rows: u64, refused: u64) {
        self.file(Fate::Accepted);
        let [taken, not_valid] = &self.rows;
        taken.add(rows.saturating_sub(refused));
        not_valid.add(refused);
    }

    /// An attempt ended so.
    pub fn attempt(&self, outcome: Outcome) {
        if let Some((_, counter)) = self.attempts.iter().find(|(one, _)| *one == outcome) {
            counter.add(1);
        }
    }

    /// A checkpoint was made, or the newest had seen all there is.
    pub fn checkpointed(&self, at: Timestamp) {
        *self.checkpoint.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(at);
    }

    /// When a checkpoint last held all there was, since the start.
    pub(super) fn checkpoint(&self) -> Option<Timestamp> {
        *self.checkpoint.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
