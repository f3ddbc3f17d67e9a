//! The gate before the registrar: closed while it asked to be left alone, can't be used, or refuses our credentials.
//!
//! It closes the moment an answer says so, before that answer is on record: what is told by one call holds for all.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use devicedrop_core::registrar::Trouble;
use devicedrop_core::time::Timestamp;

use crate::control::protocol::Health;

use super::answers;
use super::shared::{AskError, Shared};

/// Whether anything may be sent now.
#[derive(Default)]
pub struct Gate {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: Option<Closed>,
    /// How often in a row the registrar as a whole had trouble.
    troubles: u32,
}

/// Closed until then, by the monotonic clock.
#[derive(Debug, Clone, Copy)]
struct Closed {
    until: Duration,
    /// The registrar asked for it itself: then no person opens the gate.
    asked: bool,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it stays closed; none while it is open.
    pub fn closed_for(&self, elapsed: Duration) -> Option<Duration> {
        let mut state = self.lock();
        let left = state.closed.and_then(|closed| closed.until.checked_sub(elapsed)).filter(|left| !left.is_zero());
        if left.is_none() {
            state.closed = None;
        }
        left
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

    /// A person did something that may have mended the registrar.
    pub fn mended(&self) {
        let mut state = self.lock();
        state.closed = state.closed.filter(|closed| closed.asked);
    }

    /// So many times in a row, this one included, the registrar as a whole had trouble.
    fn troubled(&self, troubled: bool) -> u32 {
        let mut state = self.lock();
        state.troubles = if troubled { state.troubles.saturating_add(1) } else { 0 };
        state.troubles
    }
}

/// The topic of the note that says until when a registrar asked to be left alone.
const LEFT_ALONE: &str = "left_alone";

/// A wait that was noted before a start isn't believed to be longer than this: the clock may have been set since.
const LONGEST_KEPT: Duration = Duration::from_hours(24);

/// Notes until when the registrar asked to be left alone: it holds over a restart, too. Not waited for: the answer that
/// said so is put on record behind it.
fn keep(shared: &Shared, wait: Duration) {
    let until = shared.steady().plus(wait).unix_ms().to_string();
    drop(shared.writer.note(None, LEFT_ALONE.to_owned(), shared.registrar.target().to_owned(), Some(until)));
}

/// Closes the gate for as long as the registrar asked to be left alone before this start.
pub(super) fn remember(shared: &Shared) -> Result<(), AskError> {
    let noted = shared.readers.ask(|reader| reader.note(None, LEFT_ALONE, shared.registrar.target()))?;
    let Some(until) = noted.and_then(|text| text.parse().ok()).map(Timestamp::from_unix_ms) else { return Ok(()) };
    let now = shared.steady();
    let left = until.since(now).min(LONGEST_KEPT);
    if until > now && shared.gate.close(shared.clock.elapsed().saturating_add(left), true) {
        let why = "it asked to be left alone for a while, before this start".to_owned();
        shared.board.registrar(Health::Throttled, Some(why), now);
    }
    Ok(())
}

/// What a call heard of the registrar as a whole: closes the gate, and says so.
pub fn heard(shared: &Shared, trouble: Option<&Trouble>, leave_alone: Option<Duration>) {
    let troubles = shared.gate.troubled(trouble.is_some());
    let (health, why, wait) = match (trouble, leave_alone) {
        // Nobody but a person can tell when that is over.
        (Some(Trouble::Broken(why)), _) => (Health::Broken, Some(why.clone()), Some(Duration::MAX)),
        (Some(Trouble::Unavailable(why)), _) => {
            let wait = answers::policy(shared).delay(troubles, answers::jitter());
            (Health::Unavailable, Some(why.clone()), Some(wait))
        }
        (None, Some(wait)) => {
            (Health::Throttled, Some("it asked to be left alone for a while".to_owned()), Some(wait))
        }
        (None, None) => (Health::Working, None, None),
    };
    let elapsed = shared.clock.elapsed();
    if let (None, Some(wait)) = (trouble, leave_alone) {
        keep(shared, wait);
    }
    let news = match wait {
        Some(wait) => shared.gate.close(elapsed.saturating_add(wait), trouble.is_none()),
        // While it is closed, an answer to an earlier call says nothing against that.
        None => shared.gate.closed_for(elapsed).is_none(),
    };
    if !news || !shared.board.registrar(health, why.clone(), shared.clock.now()) {
        return;
    }
    if let Some(why) = why {
        tracing::warn!(registrar = shared.registrar.kind(), health = ?health, why = %why, "registrar");
    } else {
        tracing::info!(registrar = shared.registrar.kind(), health = ?health, "registrar");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

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
        let gate = Gate::default();
        gate.close(Duration::MAX, false);
        gate.mended();
        assert_eq!(gate.closed_for(SECOND), None);
        gate.close(10 * SECOND, true);
        gate.mended();
        assert_eq!(gate.closed_for(SECOND), Some(9 * SECOND));
    }
}
