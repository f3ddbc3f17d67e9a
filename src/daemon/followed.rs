//! Attempts that the registrar took and isn't done with, and when it is asked about each again.
//!
//! Held in memory. After a start the tracking IDs on record say which they are, and each is asked about at once. Who asks
//! is `doubts`.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use devicedrop_core::ids::AttemptId;

/// The attempts that are followed.
#[derive(Default)]
pub struct Followed {
    /// When each is asked about next, by the monotonic clock.
    next: Mutex<HashMap<AttemptId, Duration>>,
}

impl Followed {
    fn lock(&self) -> MutexGuard<'_, HashMap<AttemptId, Duration>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The registrar isn't done with this attempt and is asked about it again at `next`.
    pub fn follow(&self, attempt: AttemptId, next: Duration) {
        self.lock().insert(attempt, next);
    }

    /// This attempt isn't followed any more.
    pub fn leave(&self, attempt: AttemptId) {
        self.lock().remove(&attempt);
    }

    /// None but these are followed any more: a person decided on the others.
    pub fn keep(&self, those: &HashSet<AttemptId>) {
        self.lock().retain(|attempt, _| those.contains(attempt));
    }

    /// Whether it may be asked about now: nobody knows of a time before which it isn't to be.
    pub fn is_due(&self, attempt: AttemptId, elapsed: Duration) -> bool {
        self.lock().get(&attempt).is_none_or(|next| *next <= elapsed)
    }

    /// When the next one becomes due that isn't yet.
    pub fn next_after(&self, elapsed: Duration) -> Option<Duration> {
        self.lock().values().filter(|next| **next > elapsed).min().copied()
    }

    /// All of them.
    pub fn all(&self) -> HashSet<AttemptId> {
        self.lock().keys().copied().collect()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_due_at_its_time_and_what_is_unknown_at_once() {
        let followed = Followed::default();
        let [one, other] = [1, 2].map(|number| AttemptId::new(number).unwrap());
        let at = Duration::from_secs;
        assert!(followed.is_empty() && followed.next_after(at(0)).is_none() && followed.is_due(one, at(0)));
        followed.follow(one, at(9));
        followed.follow(other, at(5));
        assert_eq!(followed.next_after(at(0)), Some(at(5)));
        assert_eq!(followed.next_after(at(5)), Some(at(9)), "what is due needs no look");
        assert!(!followed.is_due(one, at(8)) && followed.is_due(one, at(9)));
        followed.leave(other);
        followed.follow(other, at(1));
        followed.keep(&HashSet::from([one]));
        assert!(followed.all() == HashSet::from([one]) && !followed.is_empty());
        assert_eq!(followed.next_after(at(0)), Some(at(9)));
    }
}
