//! The board: what the daemon's tasks last said of themselves. Held in memory, shown by `status` and `explain`.
//!
//! Nothing is decided from it but the end of a single run. What must survive a restart is in the ledger.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use devicedrop_core::ids::{AttemptId, CustomerKey};
use devicedrop_core::time::Timestamp;

use crate::control::protocol::Health;
use crate::inbox::{DropPath, Refusal, Waiting};

use super::notices::Cause;
use super::recovery::Doubts;

/// What the tasks last said.
pub struct Board {
    state: Mutex<State>,
}

/// Whether it was found out who is a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RosterState {
    /// Not yet since the start.
    Unknown,
    /// It was, when last asked.
    Known,
    /// The root couldn't be listed when last asked, for this reason: there may be more customers.
    Unlisted(String),
}

/// All that stands on the board.
#[derive(Debug, Clone)]
pub struct State {
    /// When the daemon started.
    pub started_at: Timestamp,
    /// When the configuration in force was loaded.
    pub loaded_at: Timestamp,
    /// Why a newer configuration isn't in force.
    pub reload_refused: Vec<String>,
    /// Whether it was found out who is a customer.
    pub roster: RosterState,
    /// Each customer's lane.
    pub customers: BTreeMap<CustomerKey, Lane>,
    /// Folders in the root that belong to no customer, and why.
    pub strangers: BTreeMap<String, String>,
    /// How the registrar is, by its targets.
    pub registrar: BTreeMap<String, RegistrarHealth>,
    /// Calls under way.
    pub calls: u64,
    /// Attempts whose calls are under way in this process, and so aren't in doubt.
    pub under_way: HashSet<AttemptId>,
    /// Whether the registrar was asked about attempts in doubt since the start, in vain or not.
    pub doubts_asked: bool,
    /// Whether the dispatcher found nothing to do when it last looked.
    pub dispatcher_idle: bool,
    /// What time-driven changes wait for, if they do.
    pub clock_held: Option<String>,
    /// Since when the ledger's disk doesn't come back from a write, if it doesn't.
    pub stalled: Option<Timestamp>,
    /// What is lacking on which disk, and since when.
    pub space: Option<(String, Timestamp)>,
    /// Who makes the ledger's log grow by reading, and since when.
    pub held: Option<(String, Timestamp)>,
    /// What the start found and mended, in sentences.
    pub recovery: Vec<String>,
    /// The attempts in doubt that it found.
    pub doubts: Doubts,
}

/// A customer's lane.
#[derive(Debug, Clone, Default)]
pub struct Lane {
    /// Whether its folder was looked at since the start.
    pub looked: bool,
    /// Why its folder can't be looked into, and since when.
    pub offline: Option<(String, Timestamp)>,
    /// When its lane began, by the monotonic clock.
    pub began: Duration,
    /// When its folder was last looked through, by both clocks.
    pub scanned: Option<(Timestamp, Duration)>,
    /// Whether the last look hangs.
    pub hangs: bool,
    /// Files that wait, and why; a flood is cut.
    pub waiting: Vec<Waiting>,
    /// How many wait in all.
    pub waiting_total: u64,
    /// Files that were refused.
    pub refused: HashMap<DropPath, (Refusal, Timestamp)>,
    /// Files that get an answer without being taken.
    pub(super) notices: HashMap<DropPath, Told>,
    /// Those of the two above that weren't there any more at the last look.
    gone: HashSet<DropPath>,
    /// Results that couldn't be written, and why.
    pub unpaid: BTreeMap<String, String>,
    /// Whether no result can be written now that is owed.
    pub results_idle: bool,
    /// When anything last happened.
    pub last_activity: Option<Timestamp>,
}

/// What a sender is told of a file that isn't taken.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// Why.
    cause: Cause,
    /// Whether the answer is in place.
    done: bool,
    /// Why it couldn't be written, and since when.
    pub(super) unwritten: Option<(String, Timestamp)>,
    /// How often that was so.
    vain: u32,
    /// It isn't tried again before this time of the monotonic clock.
    not_before: Duration,
}

/// An answer that couldn't be written is tried again after a second, and then after twice the time, up to this.
const TRY_LONGEST: Duration = Duration::from_mins(1);

/// One for which no name is free waits so long: whoever filled a folder with such names is in no hurry, and to look at
/// each of them takes its time.
const TRY_NO_NAME: Duration = Duration::from_mins(15);

/// How the registrar is.
#[derive(Debug, Clone)]
pub struct RegistrarHealth {
    /// In one word.
    pub health: Health,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Why, or what it last said.
    pub why: Option<String>,
    /// Since when, by the monotonic clock.
    pub changed: Option<Duration>,
}

impl RegistrarHealth {
    /// Of one that nothing was asked of.
    pub const UNKNOWN: Self = Self { health: Health::Unknown, since: None, why: None, changed: None };
}

impl Lane {
    /// The files whose senders couldn't be told why they aren't taken; why not, and since when.
    pub(super) fn answers_owed(&self) -> impl Iterator<Item = (&DropPath, &str, Timestamp)> {
        let owed = self.notices.iter().filter_map(|(path, told)| Some((path, told.unwritten.as_ref()?)));
        owed.map(|(path, (why, since))| (path, why.as_str(), *since))
    }
}

impl Board {
    /// An empty board.
    pub fn new(started_at: Timestamp) -> Self {
        Self {
            state: Mutex::new(State {
                started_at,
                loaded_at: started_at,
                reload_refused: Vec::new(),
                roster: RosterState::Unknown,
                customers: BTreeMap::new(),
                strangers: BTreeMap::new(),
                registrar: BTreeMap::new(),
                calls: 0,
                under_way: HashSet::new(),
                doubts_asked: false,
                dispatcher_idle: false,
                clock_held: None,
                stalled: None,
                space: None,
                held: None,
                recovery: Vec::new(),
                doubts: Doubts::default(),
            }),
        }
    }

    /// The board, to be read or written on; held for moments only.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of all of it.
    pub fn read(&self) -> State {
        self.lock().clone()
    }

    /// Changes what is said of a customer's lane.
    pub fn lane(&self, customer: &CustomerKey, change: impl FnOnce(&mut Lane)) {
        change(self.lock().customers.entry(customer.clone()).or_default());
    }

    /// Something happened to a customer.
    pub fn happened(&self, customer: &CustomerKey, at: Timestamp) {
        self.lane(customer, |lane| {
            lane.last_activity = Some(at);
            lane.results_idle = false;
        });
    }

    /// A path of a customer was refused.
    pub fn refused(&self, customer: &CustomerKey, path: &DropPath, refusal: Refusal, at: Timestamp) {
        self.lane(customer, |lane| {
            lane.refused.insert(path.clone(), (refusal.clone(), at));
        });
        self.to_be_answered(customer, path, Cause::Refused(refusal));
    }

    /// A path of a customer isn't refused any more, though it isn't taken either.
    pub(super) fn no_longer_refused(&self, customer: &CustomerKey, path: &DropPath) {
        self.lane(customer, |lane| {
            lane.refused.remove(path);
            if matches!(lane.notices.get(path), Some(Told { cause: Cause::Refused(_), .. })) {
                lane.notices.remove(path);
            }
        });
    }

    /// A path of a customer is to be answered without being taken; once for each cause. Says whether that is new.
    pub(super) fn to_be_answered(&self, customer: &CustomerKey, path: &DropPath, cause: Cause) -> bool {
        let mut state = self.lock();
        let notices = &mut state.customers.entry(customer.clone()).or_default().notices;
        let new = notices.get(path).is_none_or(|told| told.cause != cause);
        if new {
            let told = Told { cause, done: false, unwritten: None, vain: 0, not_before: Duration::ZERO };
            notices.insert(path.clone(), told);
        }
        new
    }

    /// The paths of a customer that have to be answered now, by the monotonic clock.
    pub(super) fn unanswered(&self, customer: &CustomerKey, elapsed: Duration) -> Vec<(DropPath, Cause)> {
        let state = self.lock();
        let notices = state.customers.get(customer).into_iter().flat_map(|lane| &lane.notices);
        let due = |told: &Told| !told.done && told.not_before <= elapsed;
        notices.filter(|(_, told)| due(told)).map(|(path, told)| (path.clone(), told.cause.clone())).collect()
    }

    /// Whether what is said of the file that lies at a path now is why it isn't taken: then that stands at its result's
    /// name, and nothing of what lay there before.
    pub(super) fn is_told_otherwise(&self, customer: &CustomerKey, path: &DropPath) -> bool {
        self.lock().customers.get(customer).is_some_and(|lane| lane.notices.contains_key(path))
    }

    /// The answer to a path is in place.
    pub(super) fn answered(&self, customer: &CustomerKey, path: &DropPath) {
        self.lane(customer, |lane| {
            if let Some(told) = lane.notices.get_mut(path) {
                told.done = true;
                told.unwritten = None;
            }
        });
    }

    /// The answer to a path couldn't be written, at this time of both clocks. Says whether that is news.
    pub(super) fn unwritten(
        &self,
        customer: &CustomerKey,
        path: &DropPath,
        why: &str,
        no_name: bool,
        (at, elapsed): (Timestamp, Duration),
    ) -> bool {
        let mut state = self.lock();
        let told = state.customers.get_mut(customer).and_then(|lane| lane.notices.get_mut(path));
        let Some(told) = told else { return false };
        let since = told.unwritten.as_ref().map_or(at, |(_, since)| *since);
        let wait = Duration::from_secs(1).saturating_mul(1 << told.vain.min(10)).min(TRY_LONGEST);
        told.not_before = elapsed.saturating_add(if no_name { TRY_NO_NAME } else { wait });
        told.vain = told.vain.saturating_add(1);
        let before = told.unwritten.replace((why.to_owned(), since));
        before.is_none_or(|(before, _)| before != why)
    }

    /// A path was taken after all: nothing of what was said of it before holds.
    pub(super) fn taken(&self, customer: &CustomerKey, path: &DropPath) {
        self.lane(customer, |lane| {
            lane.refused.remove(path);
            lane.notices.remove(path);
        });
    }

    /// The paths of a customer of which anything was said other than that they were taken.
    pub(super) fn told(&self, customer: &CustomerKey) -> HashSet<DropPath> {
        let state = self.lock();
        let lane = state.customers.get(customer);
        lane.into_iter().flat_map(|lane| lane.refused.keys().chain(lane.notices.keys())).cloned().collect()
    }

    /// These of the paths told of aren't there now. What is gone at two looks, and the folder online between them,
    /// is forgotten: that a share went away shows only when the first of the looks is over.
    pub(super) fn gone(&self, customer: &CustomerKey, gone: HashSet<DropPath>) {
        self.lane(customer, |lane| {
            if lane.offline.is_some() || !lane.looked {
                lane.gone.clear();
                return;
            }
            for path in gone.intersection(&lane.gone) {
                lane.refused.remove(path);
                lane.notices.remove(path);
            }
            lane.gone = gone;
        });
    }

    /// Since when a file has waited, if it did at the last look.
    pub(super) fn waited_since(&self, customer: &CustomerKey, path: &DropPath) -> Option<Timestamp> {
        let state = self.lock();
        let waiting = &state.customers.get(customer)?.waiting;
        waiting.iter().find(|waiting| waiting.path == *path).map(|waiting| waiting.since)
    }

    /// The health of one of the registrar's targets, as last met, at this time of both clocks. Returns whether that is a
    /// change.
    pub fn registrar(
        &self,
        target: &str,
        health: Health,
        why: Option<String>,
        (at, elapsed): (Timestamp, Duration),
    ) -> bool {
        let mut state = self.lock();
        let met = state.registrar.entry(target.to_owned()).or_insert(RegistrarHealth::UNKNOWN);
        let changed = met.health != health;
        if changed {
            met.since = Some(at);
            met.changed = Some(elapsed);
        }
        met.health = health;
        met.why = why;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_file_that_is_gone_is_forgotten_unless_its_share_is_gone() {
        let (board, now) = (Board::new(Timestamp::from_unix_ms(0)), Timestamp::from_unix_ms(1));
        let customer: CustomerKey = "contoso".parse().unwrap();
        let path = DropPath::file(b"a.xlsx");
        board.refused(&customer, &path, Refusal::NotACsv, now);
        let look = |gone: &[&DropPath], offline: bool| {
            board.gone(&customer, gone.iter().map(|path| (*path).clone()).collect());
            board.lane(&customer, |lane| {
                lane.looked = true;
                lane.offline = offline.then(|| ("its share isn't mounted".to_owned(), now));
            });
            board.told(&customer).contains(&path)
        };
        assert!(look(&[], false));
        // The share goes away and comes back.
        assert!(look(&[&path], true));
        assert!(look(&[&path], true));
        assert!(look(&[], false));
        // Somebody else saves it anew, which takes it away for a moment.
        assert!(look(&[&path], false));
        assert!(look(&[], false));
        assert!(look(&[&path], false));
        assert!(!look(&[&path], false));
        assert!(board.unanswered(&customer, Duration::MAX).is_empty());
    }

    #[test]
    fn an_answer_that_cannot_be_written_is_tried_less_and_less_often() {
        let (board, now) = (Board::new(Timestamp::from_unix_ms(0)), Timestamp::from_unix_ms(1));
        let customer: CustomerKey = "contoso".parse().unwrap();
        let path = DropPath::file(b"a.xlsx");
        board.refused(&customer, &path, Refusal::NotACsv, now);
        let mut elapsed = Duration::ZERO;
        let mut waits = Vec::new();
        for try_number in 0..8 {
            assert_eq!(board.unanswered(&customer, elapsed).len(), 1);
            assert_eq!(board.unwritten(&customer, &path, "full", false, (now, elapsed)), try_number == 0);
            let next = (0..=60).find(|seconds| {
                let later = elapsed + Duration::from_secs(*seconds);
                !board.unanswered(&customer, later).is_empty()
            });
            waits.push(next.unwrap());
            elapsed += Duration::from_secs(next.unwrap());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
