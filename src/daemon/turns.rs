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

use crate::ledger::rows::{Due, InDoubt, Later};

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
    /// The same, and on record it isn't due before some time: whoever gives it its turn says that it is due.
    PutOff,
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
    /// These are to be put off until then, and then [said to be](Turns::put_off): they wait for a row that isn't about
    /// to end.
    pub later: Vec<(Key, RegistrationId, Timestamp)>,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a start finds: rows that wait for their time, and attempts without an outcome, all of which are in doubt.
    /// Returns the rows whose turn it is though they were put off: what they waited for ended, and the process before
    /// didn't come to say so. They are due.
    #[must_use = "the rows that are returned are due"]
    pub fn load(&self, waiting: Vec<Later>, in_doubt: &[InDoubt]) -> Vec<RegistrationId> {
        let mut state = self.lock();
        let mut put_off = Vec::new();
        for Later { registration, customer, device, due, tried } in waiting {
            let key = (customer, device);
            if !tried {
                put_off.push(key.clone());
            }
            state.place(&key, registration, if tried { Place::Until(due) } else { Place::PutOff });
        }
        for doubt in in_doubt {
            let request = &doubt.request;
            let key = (request.customer.clone(), request.device.clone());
            state.place(&key, request.registration, Place::InDoubt);
            state.doubts.insert(request.attempt, (request.registration, key));
        }
        put_off.iter().filter_map(|key| state.next(key)).collect()
    }

    /// Chooses whose turn it is among rows that are due.
    pub fn choose(&self, due: Vec<Due>, now: Timestamp) -> Choice {
        let mut state = self.lock();
        let mut choice = Choice::default();
        for row in due {
            let key = (row.customer.clone(), row.device.clone());
            let line = state.lines.entry(key.clone()).or_default();
            if line.values().any(|place| *place == Place::UnderWay)
                || line.get(&row.registration) == Some(&Place::InDoubt)
            {
                // Its end is near, and whoever waits for it is looked at again then. A row in doubt isn't due: what
                // became of it is on record already, and will be said here in a moment.
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
            choice.later.push((key, row.registration, until));
        }
        choice
    }

    /// These rows aren't due on record until their time. Returns those whose turn came meanwhile: they are due.
    pub fn put_off(&self, later: &[(Key, RegistrationId, Timestamp)]) -> Vec<RegistrationId> {
        let mut state = self.lock();
        for (key, row, _) in later {
            let place = state.lines.entry(key.clone()).or_default().entry(*row).or_insert(Place::Waits);
            // It was due: what it waited for before is over.
            if matches!(place, Place::Waits | Place::Until(_)) {
                *place = Place::PutOff;
            }
        }
        later.iter().filter_map(|(key, ..)| state.next(key)).collect()
    }

    /// A row got its end. Returns whose turn it is now, if that row was put off: it is due.
    #[must_use = "the row that is returned is due"]
    pub fn ended(&self, key: &Key, row: RegistrationId, attempt: AttemptId) -> Option<RegistrationId> {
        let mut state = self.lock();
        state.doubts.remove(&attempt);
        state.leave(key, row);
        state.next(key)
    }

    /// A row is to be tried again, at once or at a time; those behind it go on waiting. Returns whose turn it is now, if
    /// that row was put off: it is due.
    #[must_use = "the row that is returned is due"]
    pub fn again(
        &self,
        key: &Key,
        row: RegistrationId,
        attempt: AttemptId,
        due: Option<Timestamp>,
    ) -> Option<RegistrationId> {
        let mut state = self.lock();
        state.doubts.remove(&attempt);
        state.place(key, row, due.map_or(Place::Waits, Place::Until));
        state.next(key)
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

    /// A person decided what became of a row in doubt; `ended` if that was its end. Returns whose turn it is now, if
    /// that row was put off: it is due.
    #[must_use = "the row that is returned is due"]
    pub fn resolved(&self, row: RegistrationId, ended: bool) -> Option<RegistrationId> {
        let mut state = self.lock();
        let (attempt, key) =
            state.doubts.iter().find(|(_, (of, _))| *of == row).map(|(attempt, (_, key))| (*attempt, key.clone()))?;
        state.doubts.remove(&attempt);
        if ended {
            state.leave(&key, row);
        } else {
            state.place(&key, row, Place::Waits);
        }
        state.next(&key)
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

    /// Whose turn it is, if that row was put off. It isn't any more.
    fn next(&mut self, key: &Key) -> Option<RegistrationId> {
        let line = self.lines.get_mut(key)?;
        if line.values().any(|place| matches!(place, Place::UnderWay | Place::InDoubt)) {
            return None;
        }
        let (row, place) = line.iter_mut().next().filter(|(_, place)| **place == Place::PutOff)?;
        *place = Place::Waits;
        Some(*row)
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
    use devicedrop_core::ids::SubmissionId;

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
            submission: SubmissionId::from_bytes([1; 16]),
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

    fn later(id: i64, tried: bool) -> Later {
        let (customer, device) = key("A");
        Later { registration: row(id), customer, device, due: now().minus(Duration::from_secs(1)), tried }
    }

    /// Whose turn it is, and who is put off and for how many seconds.
    fn choose(turns: &Turns, rows: &[(i64, &str)]) -> (Vec<i64>, Vec<(i64, u64)>) {
        let Choice { go, later } = turns.choose(rows.iter().map(|(id, serial)| due(*id, serial)).collect(), now());
        (
            go.iter().map(|due| due.registration.get()).collect(),
            later.iter().map(|(_, row, until)| (row.get(), until.since(now()).as_secs())).collect(),
        )
    }

    #[test]
    fn of_two_rows_of_one_device_the_later_waits() {
        let turns = Turns::default();
        assert_eq!(choose(&turns, &[(5, "A"), (6, "B"), (7, "A"), (8, "A")]), (vec![5, 6], vec![]));
        assert_eq!(turns.ended(&key("A"), row(5), attempt(1)), None, "7 is due anyway");
        assert_eq!(choose(&turns, &[(8, "A")]), (vec![], vec![(8, 2)]), "7 was there before");
        assert_eq!(choose(&turns, &[(8, "A"), (7, "A")]).0, [7]);
    }

    #[test]
    fn a_deferred_row_holds_the_later_ones_back_and_goes_itself() {
        let turns = Turns::default();
        assert_eq!(choose(&turns, &[(5, "A")]).0, [5]);
        assert_eq!(turns.again(&key("A"), row(5), attempt(1), Some(now().plus(Duration::from_mins(1)))), None);
        assert_eq!(choose(&turns, &[(9, "A")]), (vec![], vec![(9, 60)]));
        assert_eq!(choose(&turns, &[(5, "A"), (9, "A")]).0, [5]);
        assert_eq!(turns.ended(&key("A"), row(5), attempt(2)), None);
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
        assert_eq!(turns.resolved(row(5), true), None);
        assert_eq!(choose(&turns, &[(9, "A"), (3, "A")]).0, [3], "the earliest one is next");
    }

    /// As a row is put off: chosen so, on record, and then said.
    fn put_off(turns: &Turns, id: i64) -> Vec<RegistrationId> {
        let later = turns.choose(vec![due(id, "A")], now()).later;
        assert_eq!(later.len(), 1, "{id} must wait");
        turns.put_off(&later)
    }

    #[test]
    fn who_was_put_off_is_due_when_the_turn_comes() {
        let turns = Turns::default();
        assert_eq!(choose(&turns, &[(5, "A")]).0, [5]);
        turns.lost(&key("A"), row(5), attempt(1));
        assert_eq!((put_off(&turns, 3), put_off(&turns, 9)), (vec![], vec![]));
        let again = turns.again(&key("A"), row(5), attempt(1), None);
        assert_eq!(again, Some(row(3)), "the earliest one is next, and no other");
        assert_eq!(choose(&turns, &[(3, "A")]).0, [3]);
        assert_eq!(turns.ended(&key("A"), row(3), attempt(2)), None, "5 is due anyway");
        assert_eq!(choose(&turns, &[(5, "A")]).0, [5]);
        assert_eq!(turns.ended(&key("A"), row(5), attempt(3)), Some(row(9)));
        assert_eq!(choose(&turns, &[(9, "A")]).0, [9]);
    }

    #[test]
    fn a_row_that_was_due_at_the_start_is_due_again_when_its_turn_comes() {
        let turns = Turns::default();
        assert_eq!(turns.load(vec![later(9, true)], &[]), []);
        turns.lost(&key("A"), row(5), attempt(1));
        assert_eq!(put_off(&turns, 9), []);
        assert_eq!(turns.ended(&key("A"), row(5), attempt(1)), Some(row(9)));
    }

    #[test]
    fn who_was_put_off_before_the_start_waits_for_a_row_and_not_for_a_time() {
        let turns = Turns::default();
        assert_eq!(
            turns.load(vec![later(7, false), later(9, false)], &[]),
            [row(7)],
            "nothing is before it any more"
        );
        assert_eq!(choose(&turns, &[(7, "A")]).0, [7]);
        assert_eq!(turns.ended(&key("A"), row(7), attempt(1)), Some(row(9)));

        let turns = Turns::default();
        assert_eq!(turns.load(vec![later(5, true), later(9, false)], &[]), [], "5 was deferred and comes first");
        assert_eq!(choose(&turns, &[(5, "A")]).0, [5]);
        assert_eq!(turns.ended(&key("A"), row(5), attempt(1)), Some(row(9)));
    }

    #[test]
    fn whose_turn_comes_while_it_is_put_off_is_due() {
        let turns = Turns::default();
        assert_eq!(choose(&turns, &[(5, "A")]).0, [5]);
        turns.lost(&key("A"), row(5), attempt(1));
        let later = turns.choose(vec![due(9, "A")], now()).later;
        assert_eq!(turns.ended(&key("A"), row(5), attempt(1)), None, "9 isn't put off yet");
        assert_eq!(turns.put_off(&later), [row(9)]);
    }

    #[test]
    fn a_row_whose_doubt_ended_on_record_a_moment_ago_is_not_put_off() {
        let turns = Turns::default();
        assert_eq!(choose(&turns, &[(5, "A")]).0, [5]);
        turns.lost(&key("A"), row(5), attempt(1));
        // On record it is due again, and nobody said so here yet.
        assert_eq!(choose(&turns, &[(5, "A")]), (vec![], vec![]));
        assert_eq!(turns.again(&key("A"), row(5), attempt(1), None), None);
        assert_eq!(choose(&turns, &[(5, "A")]).0, [5]);
    }
}
