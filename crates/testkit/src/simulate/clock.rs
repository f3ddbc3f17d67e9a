//! The clocks of a simulation: they go as tokio's halted clock is moved on, and last over the daemon's lives.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use devicedrop::clock::Clock;
use devicedrop_core::ids::SubmissionId;
use devicedrop_core::time::Timestamp;
use tokio::runtime::Handle;
use tokio::time::Instant;

/// When every simulation begins: 2026-11-22 14:00:00 UTC.
const BEGIN: Timestamp = Timestamp::from_unix_ms(1_795_356_000_000);

/// Lets simulated time pass, which takes none.
pub(super) async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}

/// The wall clock and the monotonic one.
pub(super) struct VirtualClock {
    state: Mutex<State>,
}

struct State {
    /// What had passed before this life of the daemon.
    before: Duration,
    /// When this life began, by tokio's clock.
    began: Option<Instant>,
    /// How far the wall clock was set, in milliseconds.
    wall: i64,
    ids: u64,
}

impl VirtualClock {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State { before: Duration::ZERO, began: None, wall: 0, ids: 0 }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A life begins, in the runtime that this is called in.
    pub(super) fn begin(&self) {
        self.lock().began = Some(Instant::now());
    }

    /// A life ended, in the runtime that this is called in.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        if let Some(began) = state.began.take() {
            state.before += began.elapsed();
        }
    }

    /// Time that passes while no daemon runs, or while the machine sleeps.
    pub(super) fn pass(&self, time: Duration) {
        self.lock().before += time;
    }

    /// Sets the wall clock alone, by so many milliseconds.
    pub(super) fn set_wall(&self, by: i64) {
        self.lock().wall += by;
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let wall = self.lock().wall;
        Timestamp::from_unix_ms(BEGIN.plus(self.elapsed()).unix_ms().saturating_add(wall))
    }

    fn elapsed(&self) -> Duration {
        let state = self.lock();
        // Outside of a runtime, tokio tells the machine's time.
        let began = state.began.filter(|_| Handle::try_current().is_ok());
        state.before + began.map_or(Duration::ZERO, |began| began.elapsed())
    }

    fn new_submission_id(&self) -> SubmissionId {
        let now = self.now();
        let mut state = self.lock();
        state.ids += 1;
        let mut random = [0; 10];
        let mixed = state.ids.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
        random.iter_mut().zip(mixed).for_each(|(to, byte)| *to = byte);
        SubmissionId::from_parts(u64::try_from(now.unix_ms()).unwrap_or(0), random)
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualClock").finish_non_exhaustive()
    }
}
