//! Calls to which no answer came and of which the registrar knows nothing: the very same rows are sent again with the
//! same request ID, so that a registrar that keeps requests apart by it can tell that it is the same one.
//!
//! Held in memory: the ID of a call that a stop comes between is not used again, which is harmless, since a registrar is
//! asked before anything is sent again. After an answer of any kind, a new ID is due (Partner Center REST headers,
//! `MS-RequestId`).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use devicedrop_core::ids::{CallId, RegistrationId};

/// What is to be sent again as it was.
#[derive(Default)]
pub struct CutOff {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Calls that got an answer, though not one that says what became of their rows.
    answered: HashSet<CallId>,
    /// The calls that are to be sent again: their request IDs and their rows.
    calls: HashMap<CallId, (String, BTreeSet<RegistrationId>)>,
    /// The call that each row belongs to.
    rows: HashMap<RegistrationId, CallId>,
}

impl CutOff {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer came to this call, though it doesn't say what became of its rows.
    pub fn was_answered(&self, call: CallId) {
        self.lock().answered.insert(call);
    }

    /// The registrar knows nothing of these rows, which are all that this call carried.
    pub fn cut_off(&self, call: CallId, request_id: &str, rows: BTreeSet<RegistrationId>) {
        let mut state = self.lock();
        if state.answered.remove(&call) {
            return;
        }
        for row in &rows {
            state.rows.insert(*row, call);
        }
        state.calls.insert(call, (request_id.to_owned(), rows));
    }

    /// The call that a row was cut off with.
    pub fn call_of(&self, row: RegistrationId) -> Option<CallId> {
        self.lock().rows.get(&row).copied()
    }

    /// These rows are sent. Returns the request ID to send them with, if they are just those of a call that was cut off.
    pub fn take(&self, rows: &[RegistrationId]) -> Option<String> {
        let mut state = self.lock();
        let calls: HashSet<CallId> = rows.iter().filter_map(|row| state.rows.get(row).copied()).collect();
        let mut same = None;
        for call in calls {
            let Some((request_id, of)) = state.calls.remove(&call) else { continue };
            for row in &of {
                state.rows.remove(row);
            }
            same = Some(request_id).filter(|_| of.len() == rows.len() && rows.iter().all(|row| of.contains(row)));
        }
        same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: i64) -> RegistrationId {
        RegistrationId::new(number).unwrap()
    }

    #[test]
    fn the_very_same_rows_get_their_id_again_once() {
        let cut_off = CutOff::default();
        let call = CallId::new(1).unwrap();
        let all = || BTreeSet::from([row(2), row(3)]);
        cut_off.cut_off(call, "one", all());
        assert_eq!(cut_off.call_of(row(3)), Some(call));
        assert_eq!(cut_off.take(&[row(3), row(2)]).as_deref(), Some("one"));
        assert_eq!((cut_off.take(&[row(3), row(2)]), cut_off.call_of(row(3))), (None, None));

        cut_off.cut_off(call, "one", all());
        assert_eq!(cut_off.take(&[row(2)]), None, "not with less");
        assert_eq!(cut_off.call_of(row(3)), None, "and the rest goes by itself, too");
        cut_off.cut_off(call, "one", all());
        assert_eq!(cut_off.take(&[row(2), row(3), row(4)]), None, "nor with more");
    }

    #[test]
    fn a_call_that_was_answered_gets_a_new_id() {
        let cut_off = CutOff::default();
        let call = CallId::new(1).unwrap();
        cut_off.was_answered(call);
        cut_off.cut_off(call, "one", BTreeSet::from([row(2)]));
        assert_eq!(cut_off.take(&[row(2)]), None);
    }
}
