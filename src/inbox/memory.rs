//! What an inbox remembers from one pass to the next. All of it can be lost: it is found anew.
//!
//! A customer may leave a million files lying, so those that are done with take sixteen bytes each: a hash of the
//! path and one of the state. The hashes are keyed, so that nobody can choose names that collide.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

use devicedrop_core::name::{Side, folded_csv, side_where_order_is_required};
use devicedrop_core::settle::{Settling, Stamp};

use super::drop_path::DropPath;
use super::why::Refusal;

/// So many files can wait at once and be told apart; further ones are looked at when some of these are done.
const MOST_TRACKED: usize = 20_000;

/// So many files are remembered as done with; further ones are asked for on each pass.
const MOST_REMEMBERED: usize = 2_000_000;

/// A file that isn't done with.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) settling: Settling,
    /// The refusal that it waits for, and since when.
    pub(super) blocked: Option<(Refusal, Duration)>,
    /// Its attributes changed, and it was found that its content did so too.
    pub(super) differs: bool,
    /// It was read and found to be nothing that is on record, so that it needs all that a new file needs.
    pub(super) is_new: bool,
    /// Whether it has another content than the one that was last taken here, once that was looked at.
    pub(super) is_other: Option<bool>,
    /// A refusal was told that holds no more. What was written of it still stands.
    pub(super) was_told: bool,
    /// Its marker, while that settles itself.
    pub(super) marker: Option<Settling>,
    /// A marker that named another content than the file's, and the file then.
    pub(super) wrong_marker: Option<(Stamp, Stamp)>,
    pass: u64,
}

impl Tracked {
    fn new(stamp: Stamp, now: Duration) -> Self {
        Self {
            settling: Settling::new(stamp, now),
            blocked: None,
            differs: false,
            is_new: false,
            is_other: None,
            was_told: false,
            marker: None,
            wrong_marker: None,
            pass: 0,
        }
    }

    /// The file was seen again. What was found out by reading it holds for as long as it stays as it is.
    pub(super) fn seen(&mut self, stamp: Stamp, now: Duration) {
        if stamp != self.settling.stamp() {
            self.differs = false;
            self.is_new = false;
            self.is_other = None;
            self.settling.seen(stamp, now);
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    tracked: HashMap<DropPath, Tracked>,
    /// Files that are done with, in the state in which they are.
    remembered: HashMap<u64, u64>,
    /// Refusals that were told, for the state in which the files are.
    told: HashMap<u64, u64>,
    /// What the last pass saw, and this one, that is or was meant to be a marker or an order file: for which CSV.
    sides: [HashSet<u64>; 2],
    keys: RandomState,
    pass: u64,
    hits: usize,
}

impl Memory {
    pub(super) fn begin_pass(&mut self) {
        self.pass = self.pass.wrapping_add(1);
        self.hits = 0;
        let [last, this] = &mut self.sides;
        std::mem::swap(last, this);
        this.clear();
    }

    /// Forgets what wasn't there any more in the pass that ends, which saw everything.
    pub(super) fn end_pass(&mut self) {
        let pass = self.pass;
        self.tracked.retain(|_, tracked| tracked.pass == pass);
        // Gone files leave their hashes behind; once they are most of them, all are learned anew.
        if self.remembered.len().saturating_add(self.told.len()) > self.hits.saturating_mul(2).saturating_add(1_000) {
            self.remembered = HashMap::new();
            self.told = HashMap::new();
        }
    }

    /// Takes out what is known of a waiting file, or begins with it; `None` when too many wait.
    pub(super) fn take(&mut self, path: &DropPath, stamp: Stamp, now: Duration) -> Option<Tracked> {
        if let Some(tracked) = self.tracked.remove(path) {
            return Some(tracked);
        }
        (self.tracked.len() < MOST_TRACKED).then(|| Tracked::new(stamp, now))
    }

    /// Puts a waiting file back.
    pub(super) fn put_back(&mut self, path: &DropPath, mut tracked: Tracked) {
        tracked.pass = self.pass;
        self.tracked.insert(path.clone(), tracked);
    }

    /// The file is done with for as long as it stays in this state.
    pub(super) fn remember(&mut self, path: &DropPath, stamp: &Stamp) {
        let (key, value) = (self.hash(path), self.hash(stamp));
        self.hits = self.hits.saturating_add(1);
        if self.remembered.len() < MOST_REMEMBERED || self.remembered.contains_key(&key) {
            self.remembered.insert(key, value);
        }
    }

    pub(super) fn is_remembered(&mut self, path: &DropPath, stamp: &Stamp) -> bool {
        let found = self.remembered.get(&self.hash(path)) == Some(&self.hash(stamp));
        self.hits = self.hits.saturating_add(usize::from(found));
        found
    }

    /// The refusal was told; it isn't told again for as long as the file stays in this state.
    pub(super) fn tell(&mut self, path: &DropPath, stamp: &Stamp, refusal: &Refusal) {
        let (key, value) = (self.hash(path), self.hash((stamp, refusal)));
        if self.told.len() < MOST_REMEMBERED || self.told.contains_key(&key) {
            self.told.insert(key, value);
        }
    }

    /// Whether a refusal of the file was told since it was last done with.
    pub(super) fn was_told(&self, path: &DropPath) -> bool {
        self.told.contains_key(&self.hash(path)) || self.tracked.get(path).is_some_and(|tracked| tracked.was_told)
    }

    /// What was told of the file doesn't hold any more. Says whether anything was.
    pub(super) fn untell(&mut self, path: &DropPath) -> bool {
        self.told.remove(&self.hash(path)).is_some()
    }

    /// A file lies there that is, or was meant to be, something beside a CSV.
    pub(super) fn side_seen(&mut self, path: &DropPath) {
        let Some((side, csv)) = side_where_order_is_required(path.name()) else { return };
        let hash = self.hash((side, path.beside(&csv)));
        let [_, this] = &mut self.sides;
        if this.len() < MOST_REMEMBERED {
            this.insert(hash);
        }
    }

    /// Whether a file was seen that is, or was meant to be, this beside the CSV.
    pub(super) fn has_side(&self, side: Side, csv: &DropPath) -> bool {
        let hash = self.hash((side, csv.beside(&folded_csv(csv.name()))));
        self.sides.iter().any(|seen| seen.contains(&hash))
    }

    /// Everything that was done with is looked at anew.
    pub(super) fn forget_remembered(&mut self) {
        self.remembered = HashMap::new();
    }

    pub(super) fn is_told(&mut self, path: &DropPath, stamp: &Stamp, refusal: &Refusal) -> bool {
        let found = self.told.get(&self.hash(path)) == Some(&self.hash((stamp, refusal)));
        self.hits = self.hits.saturating_add(usize::from(found));
        found
    }

    fn hash(&self, what: impl Hash) -> u64 {
        self.keys.hash_one(what)
    }
}
