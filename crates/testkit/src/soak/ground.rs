//! What all threads of a soak share: the place, what is measured, and whether it goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::env::TestEnv;

/// How often an answer is looked for.
const GLANCE: Duration = Duration::from_millis(20);

/// The place of one soak.
pub(super) struct Ground {
    pub(super) env: TestEnv,
    /// The most rows of a long file, above a thousand.
    pub(super) most_rows: u64,
    /// The longest that a sender rests between two files, in milliseconds.
    pub(super) pause: u64,
    stopped: AtomicBool,
    given_up: AtomicBool,
    senders: AtomicU64,
    resting: (Mutex<()>, Condvar),
    /// Rises at each beginning and each end of a fault: odd while there is one.
    faults: AtomicU64,
    rows: AtomicU64,
    files: AtomicU64,
    waits: Mutex<Vec<Duration>>,
    /// Held by whoever starts or ends the daemon, or runs a command that asks it.
    pub(super) door: Mutex<()>,
}

impl Ground {
    pub(super) fn new(env: TestEnv, most_rows: u64, pause: u64) -> Self {
        Self {
            env,
            most_rows,
            pause,
            stopped: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            senders: AtomicU64::new(0),
            resting: (Mutex::new(()), Condvar::new()),
            faults: AtomicU64::new(1),
            rows: AtomicU64::new(0),
            files: AtomicU64::new(0),
            waits: Mutex::new(Vec::new()),
            door: Mutex::new(()),
        }
    }

    pub(super) fn goes_on(&self) -> bool {
        !self.stopped.load(Ordering::SeqCst)
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.resting.1.notify_all();
    }

    /// Stops without waiting for what can't come any more.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
        self.stop();
    }

    pub(super) fn has_given_up(&self) -> bool {
        self.given_up.load(Ordering::SeqCst)
    }

    /// A sender goes to work; [`sender_ended`](Self::sender_ended) is its end.
    pub(super) fn sender_begins(&self) {
        self.senders.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn sender_ended(&self) {
        self.senders.fetch_sub(1, Ordering::SeqCst);
    }

    pub(super) fn has_senders(&self) -> bool {
        self.senders.load(Ordering::SeqCst) > 0
    }

    /// Does nothing for so long, or until everything is to stop.
    pub(super) fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut held = locked(&self.resting.0);
        while self.goes_on() && Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            held = self.resting.1.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits before it is looked again whether something came.
    pub(super) fn until_the_next_look(&self) {
        drop(self.resting.1.wait_timeout(locked(&self.resting.0), GLANCE));
    }

    /// A fault begins, or the last one ends.
    pub(super) fn weather_turns(&self, bad: bool) {
        let is_bad = self.faults.load(Ordering::SeqCst) % 2 == 1;
        if is_bad != bad {
            self.faults.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// What [`waited`](Self::waited) is told, taken before the wait.
    pub(super) fn weather(&self) -> u64 {
        self.faults.load(Ordering::SeqCst)
    }

    /// An answer of so many rows came.
    pub(super) fn answered(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::SeqCst);
        self.files.fetch_add(1, Ordering::SeqCst);
    }

    /// The quiet customer waited so long. It counts where no fault was under way from the beginning to the end.
    pub(super) fn waited(&self, time: Duration, weather: u64) {
        if weather.is_multiple_of(2) && self.weather() == weather {
            locked(&self.waits).push(time);
        }
    }

    /// All waits since this was last asked.
    pub(super) fn waits(&self) -> Vec<Duration> {
        std::mem::take(&mut *locked(&self.waits))
    }

    /// Rows and files that were answered so far.
    pub(super) fn done(&self) -> (u64, u64) {
        (self.rows.load(Ordering::SeqCst), self.files.load(Ordering::SeqCst))
    }

    /// Keeps commands away from a daemon that starts or ends.
    pub(super) fn at_the_door(&self) -> MutexGuard<'_, ()> {
        locked(&self.door)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
