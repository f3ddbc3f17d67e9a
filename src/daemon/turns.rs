//! Turns: of the rows of one device the later ones wait for the end of the earlier one, and nothing happens to a device
//! while the fate of a request for it is unknown.
//!
//! Held in memory, and made anew from the ledger at each start. Who may be asked about as in doubt is said here, too:
//! not by what the ledger shows, where a call that is under way looks just the same.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use devicedrop_core::device::Device;
use devicedrop_core::ids::{AttemptId, CustomerKey, RegistrationId};
use devicedrop_core::time::Timestamp;

use crate::ledger::rows::{Due, InDoubt};

/// A device, as rows of it are told from each other.
pub type Key = (CustomerKey, Device);

/// A row whose turn hasn't come is put off for so long beyond the time of the one it waits for, so that those behind it
/// come to their turn meanwhile.
const PUT_OFF: Duration = Duration::from_secs(2);

/// A row that waits for an attempt in doubt is looked at again after this time: only the registrar or a person can say
/// when that ends.
const PUT_OFF_DOUBT: Duration = Duration::from_secs(10);

/// Who waits for whom.
#[derive(Default)]
pub struct Turns {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lines: HashMap<Key, BTreeMap<RegistrationId, Place>>,
    doubts: HashMap<AttemptId, (RegistrationId, Key)>,
}

/// Where a row stands in the line of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It may go when its turn comes.
    Waits,
    /// It was deferred.
    Until(Timestamp),
    /// Its call is under way.
    UnderWay,
    /// What became of its attempt is unknown.
    InDoubt,
}

/// What was chosen from rows that are due.
#[derive(Debug, Default)]
pub struct Choice {
    /// These go now. They are under way from here on, until something else is said of them.
    pub go: Vec<Due>,
    /// These are to be put off until then: they wait for a row that isn't about to end.
    pub later: Vec<(RegistrationId, Timestamp)>,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a start finds: rows that wait for their time, and attempts without an outcome, all of which are in doubt.
    pub fn load(&self, waiting: Vec<(RegistrationId, CustomerKey, Device, Timestamp)>, in_doubt: &[InDoubt]) {
        let mut state = self.lock();
        for (registration, customer, device, due) in waiting {
            state.lines.entry((customer, device)).or_default().insert(registration, Place::Until(due));
        }
        for doubt in in_doubt {
            let request = &doubt.request;
            let key = (request.customer.clone(), request.device.clone());
            state.place(&key, request.registration, Place::InDoubt);
            state.doubts.insert(request.attempt, (request.registration, key));
        }
    }

    /// Chooses whose turn it is among rows that are due.
    pub fn choose(&self, due: Vec<Due>, now: Timestamp) -> Choice {
        let mut state = self.lock();
        let mut choice = Choice::default();
        for row in due {
            let key = (row.customer.clone(), row.device.clone());
            let line = state.lines.entry(key).or_default();
            if line.values().any(|place| *place == Place::UnderWay) {
                // Its end is near, and whoever waits for it is looked at again then.
                line.entry(row.registration).or_insert(Place::Waits);
                continue;
            }
            let in_doubt = line.values().any(|place| *place == Place::InDoubt);
            let earlier = line.range(..row.registration).next().map(|(_, place)| *place);
            let until = match (in_doubt, earlier) {
                (true, _) => now.plus(PUT_OFF_DOUBT),
                (false, Some(Place::Until(due))) => due.max(now.plus(PUT_OFF)),
                (false, Some(_)) => now.plus(PUT_OFF),
                (false, None) => {
                    line.insert(row.registration, Place::UnderWay);
                    choice.go.push(row);
                    continue;
                }
            };
            line.entry(row.registration).or_insert(Place::Waits);
            choice.later.push((row.registration, until));
        }
        choice
    }

    /// A row got its end: whoever waits for it may go.
    pub fn ended(&self, key: &Key, row: RegistrationId, attempt: AttemptId) {
        let mut state = self.lock();
        state.doubts.remove(&attempt);
        state.leave(key, row);
    }

    /// A row is to be tried again, at once or at a time; those behind it go on waiting.
    pub fn again(&self, key: &Key, row: RegistrationId, attempt: AttemptId, due: Option<Timestamp>) {
        let mut state = self.lock();
        state.doubts.remove(&attempt);
        state.place(key, row, due.map_or(Place::Waits, Place::Until));
    }

    /// A row that was chosen wasn't sent.
    pub fn not_sent(&self, key: &Key, row: RegistrationId) {
        self.lock().place(key, row, Place::Waits);
    }

    /// The answer to an attempt was lost.
    pub fn lost(&self, key: &Key, row: RegistrationId, attempt: AttemptId) {
        let mut state = self.lock();
        state.place(key, row, Place::InDoubt);
        state.doubts.insert(attempt, (row, key.clone()));
    }

    /// A person decided what became of a row in doubt; `ended` if that was its end.
    pub fn resolved(&self, row: RegistrationId, ended: bool) {
        let mut state = self.lock();
        let Some((attempt, key)) =
            state.doubts.iter().find(|(_, (of, _))| *of == row).map(|(attempt, (_, key))| (*attempt, key.clone()))
        else {
            return;
        };
        state.doubts.remove(&attempt);
        if ended {
            state.leave(&key, row);
        } else {
            state.place(&key, row, Place::Waits);
        }
    }

    /// The attempts in doubt: those that may be asked about.
    pub fn in_doubt(&self) -> HashSet<AttemptId> {
        self.lock().doubts.keys().copied().collect()
    }
}

impl State {
    fn place(&mut self, key: &Key, row: RegistrationId, place: Place) {
        self.lines.entry(key.clone()).or_default().insert(row, place);
    }

    fn leave(&mut self, key: &Key, row: RegistrationId) {
        if let Some(line) = self.lines.get_mut(key) {
            line.remove(&row);
            if line.is_empty() {
                self.lines.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use devicedrop_core::device::Sha256;
    use devicedrop_core::ids::SubmissionEntry;

    fn now() -> Timestamp {
        Timestamp::from_unix_ms(1_795_356_000_000)
    }

    fn key(serial: &str) -> Key {
        let device = Device { manufacturer: "C".into(), model: "B".into(), serial_number: serial.into() };
        (CustomerKey::parse("contoso").unwrap(), device)
    }

    fn row(id: i64) -> RegistrationId {
        RegistrationId::new(id).unwrap()
    }

    fn attempt(id: i64) -> AttemptId {
        AttemptId::new(id).unwrap()
    }

    fn due(id: i64, serial: &str) -> Due {
        let (customer, device) = key(serial);
        Due {
            registration: row(id),
            submission: SubmissionEntry::new(1).unwrap(),
            customer,
            device,
            hardware_hash: None,
            order_id: None,
            purchase_id: None,
            key: Sha256::of(b""),
            attempts: 0,
            tries: 0,
            since: now(),
        }
    }

    /// Whose turn it is, and who is put off and for how many seconds.
    fn choose(turns: &Turns, rows: &[(i64, &str)]) -> (Vec<i64>, Vec<(i64, u64)>) {
        let Choice { go, later } = turns.choose(rows.iter().map(|(id, serial)| due(*id, serial)).collect(), now());
        (
            go.iter().map(|due| due.registration.get()).collect(),
            later.iter().map(|(row, until)| (row.get(), until.since(now()).as_secs())).collect(),
        )
    }

    #[test]
    fn of_two_rows_of_one_device_the_later_waits() {
        let turns = Turns::default();
        assert_eq!(choose(&turns, &[(5, "A"), (6, "B"), (7, "A"), (8, "A")]), (vec![5, 6], vec![]));
        turns.ended(&key("A"), row(5), attempt(1));
        assert_eq!(choose(&turns, &[(8, "A")]), (vec![], vec![(8, 2)]), "7 was there before");
        assert_eq!(choose(&turns, &[(8, "A"), (7, "A")]).0, [7]);
    }

    #[test]
    fn a_deferred_row_holds_the_later_ones_back_and_goes_itself() {
        let turns = Turns::default();
        assert_eq!(choose(&turns, &[(5, "A")]).0, [5]);
        turns.again(&key("A"), row(5), attempt(1), Some(now().plus(Duration::from_mins(1))));
        assert_eq!(choose(&turns, &[(9, "A")]), (vec![], vec![(9, 60)]));
        assert_eq!(choose(&turns, &[(5, "A"), (9, "A")]).0, [5]);
        turns.ended(&key("A"), row(5), attempt(2));
        assert_eq!(choose(&turns, &[(9, "A")]).0, [9]);
    }

    #[test]
    fn nothing_goes_while_a_devices_fate_is_unknown() {
        let turns = Turns::default();
        assert_eq!(choose(&turns, &[(5, "A")]).0, [5]);
        assert!(turns.in_doubt().is_empty(), "under way isn't in doubt");
        turns.lost(&key("A"), row(5), attempt(1));
        assert_eq!(turns.in_doubt().len(), 1);
        assert_eq!(choose(&turns, &[(3, "A"), (9, "A")]), (vec![], vec![(3, 10), (9, 10)]));
        turns.resolved(row(5), true);
        assert_eq!(choose(&turns, &[(9, "A"), (3, "A")]).0, [3], "the earliest one is next");
    }
}
