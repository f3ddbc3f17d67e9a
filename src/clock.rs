//! The only place that asks what time it is, and the stand-in for tests.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use devicedrop_core::ids::SubmissionId;
use devicedrop_core::time::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The wall clock: for people and the record. Decides no order and no completeness.
    fn now(&self) -> Timestamp;

    /// Time since some fixed point, never going back; runs on while the machine sleeps.
    fn elapsed(&self) -> Duration;

    /// A new submission's identifier.
    fn new_submission_id(&self) -> SubmissionId;

    /// A new identifier of something that leaves this machine, in the form of a GUID. Like a submission's, it is drawn
    /// from the clock's chance, so that a simulation can be repeated.
    fn new_guid(&self) -> String {
        self.new_submission_id().to_string()
    }
}

/// The system's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let time = clock_gettime(ClockId::Realtime);
        Timestamp::from_unix_ms(time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000))
    }

    fn elapsed(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }

    fn new_submission_id(&self) -> SubmissionId {
        let mut random = [0; 10];
        if getrandom::fill(&mut random).is_err() {
            // Doesn't fail on a machine that has started; unique within this machine's run is enough then.
            for (byte, tick) in random.iter_mut().zip(self.elapsed().as_nanos().to_le_bytes()) {
                *byte = tick;
            }
        }
        SubmissionId::from_parts(u64::try_from(self.now().unix_ms()).unwrap_or(0), random)
    }
}

/// A clock that stands still until it is moved, and counts its identifiers. For tests.
#[derive(Debug)]
pub struct ManualClock {
    state: Mutex<Manual>,
}

#[derive(Debug)]
struct Manual {
    start: Timestamp,
    elapsed: Duration,
    ids: u32,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { state: Mutex::new(Manual { start, elapsed: Duration::ZERO, ids: 0 }) }
    }

    /// Moves both clocks on.
    pub fn advance(&self, by: Duration) {
        self.with(|state| state.elapsed = state.elapsed.saturating_add(by));
    }

    /// Sets the wall clock alone, as a person or a time server does.
    pub fn set_wall(&self, to: Timestamp) {
        self.with(|state| state.start = to.minus(state.elapsed));
    }

    fn with<T>(&self, change: impl FnOnce(&mut Manual) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.with(|state| state.start.plus(state.elapsed))
    }

    fn elapsed(&self) -> Duration {
        self.with(|state| state.elapsed)
    }

    fn new_submission_id(&self) -> SubmissionId {
        let now = self.now();
        let count = self.with(|state| {
            state.ids = state.ids.saturating_add(1);
            state.ids
        });
        let [a, b, c, d] = count.to_be_bytes();
        SubmissionId::from_parts(u64::try_from(now.unix_ms()).unwrap_or(0), [0, 0, 0, a, b, c, d, 0, 0, 0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_goes_forward() {
        let clock = SystemClock;
        let (first, second) = (clock.elapsed(), clock.elapsed());
        assert!(second >= first);
        assert_ne!(clock.new_submission_id(), clock.new_submission_id());
    }

    #[test]
    fn the_wall_clock_can_be_set_without_moving_the_other() {
        let clock = ManualClock::new(Timestamp::from_unix_ms(1_000));
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now(), Timestamp::from_unix_ms(6_000));
        clock.set_wall(Timestamp::from_unix_ms(0));
        assert_eq!(clock.elapsed(), Duration::from_secs(5));
        assert_eq!(clock.now(), Timestamp::from_unix_ms(0));
        assert_ne!(clock.new_submission_id(), clock.new_submission_id());
    }
}
