//! The gates before the registrar, one for each of its targets: closed while that one asked to be left alone, can't be
//! used, or refuses our credentials; and narrow while it is slow to forgive.
//!
//! A gate closes the moment an answer says so, before that answer is on record: what is told by one call holds for all
//! to the same target, and for no other one's. After trouble a single call goes through first, and the others behind
//! its answer. Where a person must act, one row is sent now and then to see whether somebody did.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use devicedrop_core::registrar::{Capacity, Rate, Trouble};
use devicedrop_core::shown::shown;
use devicedrop_core::time::Timestamp;

use crate::control::protocol::Health;

use super::answers;
use super::shared::{AskError, Shared};

/// Between two calls to a registrar that asked for less lies at least this, and with each further time twice as much.
const FIRST_PACE: Duration = Duration::from_millis(250);

/// But never more than this: a registrar that wants longer says for how long it is to be left alone.
const SLOWEST_PACE: Duration = Duration::from_secs(30);

/// All gates.
#[derive(Default)]
pub struct Gates {
    gates: Mutex<HashMap<String, Arc<Gate>>>,
}

impl Gates {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Gate>>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The gate before a target.
    pub fn of(&self, target: &str) -> Arc<Gate> {
        let mut gates = self.lock();
        if let Some(gate) = gates.get(target) {
            return Arc::clone(gate);
        }
        Arc::clone(gates.entry(target.to_owned()).or_default())
    }

    /// A person did something that may have mended the registrar.
    pub fn mended(&self) {
        for gate in self.lock().values() {
            gate.mended();
        }
    }

    /// How long the longest of them stays closed.
    pub fn longest(&self, elapsed: Duration) -> Duration {
        self.lock().values().filter_map(|gate| gate.closed_for(elapsed)).max().unwrap_or_default()
    }
}

/// Whether anything may be sent to one target now.
#[derive(Default)]
pub struct Gate {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: Option<Closed>,
    /// How often in a row the target as a whole had trouble.
    troubles: u32,
    /// Calls that went through and haven't come back.
    under_way: usize,
    /// Between two calls lies at least this.
    pace: Duration,
    /// Before then the next call doesn't go, by the monotonic clock.
    next: Duration,
    /// Whether the target said last that a person must act: then one row at a time asks whether somebody did.
    broken: bool,
    /// When it last said so.
    broken_at: Option<Timestamp>,
}

/// Closed until then, by the monotonic clock.
#[derive(Debug, Clone, Copy)]
struct Closed {
    until: Duration,
    /// The registrar asked for it itself: then no person opens the gate.
    asked: bool,
}

impl State {
    fn closed_for(&mut self, elapsed: Duration) -> Option<Duration> {
        let left = self.closed.and_then(|closed| closed.until.checked_sub(elapsed)).filter(|left| !left.is_zero());
        if left.is_none() {
            self.closed = None;
        }
        left
    }
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it stays closed; none while it is open.
    pub fn closed_for(&self, elapsed: Duration) -> Option<Duration> {
        self.lock().closed_for(elapsed)
    }

    /// Closes it until then, or for as long as it was to be closed before. Returns whether that is news.
    pub fn close(&self, until: Duration, asked: bool) -> bool {
        let mut state = self.lock();
        let news = state.closed.is_none_or(|closed| closed.until < until);
        if news {
            state.closed = Some(Closed { until, asked });
        }
        news
    }

    /// Whether a call may go through now; if not, how long until one may, if that is a matter of time.
    pub fn room(&self, elapsed: Duration, capacity: Capacity) -> Result<(), Option<Duration>> {
        let mut state = self.lock();
        if let Some(left) = state.closed_for(elapsed) {
            return Err(Some(left));
        }
        let at_once = if state.troubles > 0 { 1 } else { capacity.concurrency };
        if state.under_way >= at_once {
            return Err(None);
        }
        match state.next.checked_sub(elapsed).filter(|left| !left.is_zero()) {
            Some(left) => Err(Some(left)),
            None => Ok(()),
        }
    }

    /// How many rows the next call may carry.
    pub fn batch(&self, capacity: Capacity) -> usize {
        if self.lock().broken { 1 } else { capacity.batch }
    }

    /// Whether it is closed until a person acted, or the next look whether one did.
    pub fn waits_for_a_person(&self, elapsed: Duration) -> bool {
        let mut state = self.lock();
        state.broken && state.closed_for(elapsed).is_some()
    }

    /// When the target last said that a person must act. Rows that waited for that aren't to blame for the time.
    pub fn broken_at(&self) -> Option<Timestamp> {
        self.lock().broken_at
    }

    fn was_broken(&self, at: Timestamp) {
        self.lock().broken_at = Some(at);
    }

    /// A call goes through.
    pub fn went(&self, elapsed: Duration, rate: Option<Rate>) {
        let mut state = self.lock();
        state.under_way = state.under_way.saturating_add(1);
        let apart = state.pace.max(rate.map(Rate::interval).unwrap_or_default());
        state.next = elapsed.saturating_add(apart);
    }

    /// A call that went through is over.
    pub fn came_back(&self) {
        let mut state = self.lock();
        state.under_way = state.under_way.saturating_sub(1);
    }

    /// A person did something that may have mended the registrar.
    fn mended(&self) {
        let mut state = self.lock();
        state.closed = state.closed.filter(|closed| closed.asked);
    }

    /// So many times in a row, this one included, the target as a whole had trouble.
    fn troubled(&self, trouble: Option<&Trouble>) -> u32 {
        let mut state = self.lock();
        state.troubles = if trouble.is_some() { state.troubles.saturating_add(1) } else { 0 };
        state.broken = matches!(trouble, Some(Trouble::Broken(_)));
        state.troubles
    }

    /// Goes slower after the target asked for that, and with each call that it takes without complaint a little faster.
    fn adapt(&self, throttled: bool) {
        let mut state = self.lock();
        state.pace = if throttled {
            state.pace.saturating_mul(2).clamp(FIRST_PACE, SLOWEST_PACE)
        } else {
            let faster = state.pace.saturating_sub(state.pace / 8);
            if faster < FIRST_PACE / 8 { Duration::ZERO } else { faster }
        };
    }
}

/// The topic of the note that says until when a registrar asked to be left alone.
const LEFT_ALONE: &str = "left_alone";

/// The topic of the note that says when a registrar was last found to need a person.
const BROKEN_AT: &str = "broken_at";

/// A wait that was noted before a start isn't believed to be longer than this: the clock may have been set since.
const LONGEST_KEPT: Duration = Duration::from_hours(24);

/// Notes until when the registrar asked to be left alone: it holds over a restart, too. Not waited for: the answer that
/// said so is put on record behind it.
fn keep(shared: &Shared, target: &str, wait: Duration) {
    let until = shared.steady().plus(wait).unix_ms().to_string();
    drop(shared.writer.note(None, LEFT_ALONE.to_owned(), target.to_owned(), Some(until)));
}

/// Notes that a person must act, likewise.
fn keep_broken(shared: &Shared, target: &str) {
    let now = shared.clock.now();
    shared.gates.of(target).was_broken(now);
    drop(shared.writer.note(None, BROKEN_AT.to_owned(), target.to_owned(), Some(now.unix_ms().to_string())));
}

/// Closes the gates for as long as the registrar asked to be left alone before this start.
pub(super) fn remember(shared: &Shared) -> Result<(), AskError> {
    let config = shared.config();
    let tenants = config.customers.keys().map(|customer| shared.registrar.target_of(customer));
    let targets: BTreeSet<String> = tenants.chain([shared.registrar.target().to_owned()]).collect();
    for target in targets {
        let noted = |topic| -> Result<Option<Timestamp>, AskError> {
            let noted = shared.readers.ask(|reader| reader.note(None, topic, &target))?;
            Ok(noted.and_then(|text| text.parse().ok()).map(Timestamp::from_unix_ms))
        };
        if let Some(at) = noted(BROKEN_AT)? {
            shared.gates.of(&target).was_broken(at);
        }
        let Some(until) = noted(LEFT_ALONE)? else { continue };
        let now = shared.steady();
        let left = until.since(now).min(LONGEST_KEPT);
        if until > now && shared.gates.of(&target).close(shared.clock.elapsed().saturating_add(left), true) {
            let why = "it asked to be left alone for a while, before this start".to_owned();
            shared.board.registrar(&target, Health::Throttled, Some(why), (now, shared.clock.elapsed()));
        }
    }
    Ok(())
}

/// What a call heard of its target as a whole: closes its gate, and says so.
pub fn heard(shared: &Shared, target: &str, trouble: Option<&Trouble>, leave_alone: Option<Duration>) {
    let gate = shared.gates.of(target);
    let throttled = matches!(trouble, Some(Trouble::Throttled { .. })) || trouble.is_none() && leave_alone.is_some();
    let troubles = gate.troubled(trouble);
    if trouble.is_none() || throttled {
        gate.adapt(throttled);
    }
    let delay = || answers::policy(shared).delay(troubles, answers::jitter());
    if throttled {
        shared.meters.throttled.add(1);
    }
    let (health, why, wait, asked) = match (trouble, leave_alone) {
        // When that is over only a person can tell, or the next look.
        (Some(Trouble::Broken(why)), _) => {
            (Health::Broken, Some(why.clone()), Some(answers::policy(shared).longest), false)
        }
        (Some(Trouble::Unavailable(why)), _) => (Health::Unavailable, Some(why.clone()), Some(delay()), false),
        (Some(Trouble::Throttled { why, retry_after }), _) => {
            (Health::Throttled, Some(why.clone()), Some(retry_after.unwrap_or_else(delay)), retry_after.is_some())
        }
        (None, Some(wait)) => {
            (Health::Throttled, Some("it asked to be left alone for a while".to_owned()), Some(wait), true)
        }
        (None, None) => (Health::Working, None, None, false),
    };
    let elapsed = shared.clock.elapsed();
    if let (true, Some(wait)) = (asked, wait) {
        keep(shared, target, wait);
    }
    if health == Health::Broken {
        keep_broken(shared, target);
    }
    let news = match wait {
        Some(wait) => gate.close(elapsed.saturating_add(wait), asked),
        // While it is closed, an answer to an earlier call says nothing against that.
        None => gate.closed_for(elapsed).is_none(),
    };
    if !news || !shared.board.registrar(target, health, why.clone(), (shared.clock.now(), elapsed)) {
        return;
    }
    let registrar = shared.registrar.kind();
    if let Some(why) = why {
        tracing::warn!(registrar, at = %shown(target), health = ?health, why = %why, "registrar");
    } else {
        tracing::info!(registrar, at = %shown(target), health = ?health, "registrar");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const CAPACITY: Capacity =
        Capacity { batch: 1, concurrency: 2, idempotent: true, distinct_serials: false, rate: None };

    #[test]
    fn a_longer_wait_holds_against_a_shorter_one() {
        let gate = Gate::default();
        assert!(gate.close(10 * SECOND, true));
        assert!(!gate.close(5 * SECOND, true));
        assert_eq!(gate.closed_for(4 * SECOND), Some(6 * SECOND));
        assert_eq!(gate.closed_for(10 * SECOND), None);
    }

    #[test]
    fn a_person_opens_it_unless_the_registrar_asked_for_quiet() {
        let gates = Gates::default();
        let gate = gates.of("a");
        gate.close(Duration::MAX, false);
        gates.mended();
        assert_eq!(gate.closed_for(SECOND), None);
        gate.close(10 * SECOND, true);
        gates.mended();
        assert_eq!(gate.closed_for(SECOND), Some(9 * SECOND));
        assert_eq!(gates.of("b").closed_for(SECOND), None, "it is another one's affair");
        assert_eq!(gates.longest(SECOND), 9 * SECOND);
    }

    #[test]
    fn as_many_go_through_as_the_target_takes_and_after_trouble_one() {
        let gate = Gate::default();
        for _ in 0..2 {
            assert_eq!(gate.room(SECOND, CAPACITY), Ok(()));
            gate.went(SECOND, None);
        }
        assert_eq!(gate.room(SECOND, CAPACITY), Err(None), "time alone makes no room");
        gate.came_back();
        assert_eq!(gate.room(SECOND, CAPACITY), Ok(()));
        gate.came_back();
        assert_eq!(gate.troubled(Some(&Trouble::Unavailable("away".to_owned()))), 1);
        gate.close(3 * SECOND, false);
        assert_eq!(gate.room(SECOND, CAPACITY), Err(Some(2 * SECOND)));
        assert_eq!(gate.room(3 * SECOND, CAPACITY), Ok(()));
        gate.went(3 * SECOND, None);
        assert_eq!(gate.room(3 * SECOND, CAPACITY), Err(None), "the others go behind the answer to the first");
        assert_eq!(gate.troubled(None), 0);
        assert_eq!(gate.room(3 * SECOND, CAPACITY), Ok(()));
    }

    #[test]
    fn whether_a_person_acted_is_asked_with_one_row() {
        let gate = Gate::default();
        let capacity = Capacity { batch: 500, ..CAPACITY };
        assert_eq!(gate.batch(capacity), 500);
        gate.troubled(Some(&Trouble::Broken("sign in".to_owned())));
        gate.close(5 * SECOND, false);
        assert!(gate.waits_for_a_person(4 * SECOND) && !gate.waits_for_a_person(5 * SECOND));
        assert_eq!((gate.batch(capacity), gate.room(5 * SECOND, capacity)), (1, Ok(())));
        gate.troubled(None);
        assert_eq!(gate.batch(capacity), 500);
    }

    #[test]
    fn calls_come_evenly_and_slower_after_each_complaint() {
        let gate = Gate::default();
        let rate = Some(Rate { calls: 100, per: 20 * SECOND });
        gate.went(SECOND, rate);
        assert_eq!(gate.room(SECOND, CAPACITY), Err(Some(Duration::from_millis(200))));
        let apart = |throttled| {
            gate.adapt(throttled);
            gate.came_back();
            gate.went(SECOND, rate);
            gate.room(SECOND, CAPACITY).unwrap_err().unwrap()
        };
        assert_eq!([apart(true), apart(true)], [FIRST_PACE, FIRST_PACE * 2]);
        let faster: Vec<Duration> = (0..40).map(|_| apart(false)).collect();
        assert!(faster.is_sorted_by(|one, next| one >= next), "{faster:?}");
        assert_eq!(faster.last(), Some(&Duration::from_millis(200)), "and never faster than the rate that is known");
        assert!((0..20).map(|_| apart(true)).max() == Some(SLOWEST_PACE));
    }
}
