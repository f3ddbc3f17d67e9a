//! When a registration is tried again, and when no longer.
//!
//! Delays are facts of the ledger, counted on over restarts; nothing here sleeps or looks at a clock.

use std::time::Duration;

/// How long to wait between two attempts, and for how long to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The longest wait after the first attempt; doubled after each further one.
    pub first: Duration,
    /// The longest wait of all.
    pub longest: Duration,
    /// How much running time must have gone by before giving up.
    pub give_up_after: Duration,
}

impl RetryPolicy {
    /// How many attempts there must have been before giving up: a registrar that was away for a day while we asked
    /// it twice is no reason to.
    pub const ATTEMPTS_MIN: u32 = 10;

    /// The wait after attempt `number` (the first is 1), for a `jitter` from 0 to 1.
    ///
    /// Between half the doubled wait and all of it: enough to spread rows that failed together, and never at once.
    pub fn delay(&self, number: u32, jitter: f64) -> Duration {
        let doubled = self.first.saturating_mul(2u32.saturating_pow(number.saturating_sub(1)));
        let half = doubled.min(self.longest) / 2;
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
        let more = Duration::try_from_secs_f64(half.as_secs_f64() * jitter).unwrap_or(half).min(half);
        half.saturating_add(more)
    }

    /// Whether a registration with so many `attempts` over so much `running` time is given up.
    pub fn gives_up(&self, attempts: u32, running: Duration) -> bool {
        attempts >= Self::ATTEMPTS_MIN && running >= self.give_up_after
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            longest: Duration::from_mins(5),
            give_up_after: Duration::from_hours(24),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let policy = RetryPolicy::default();
        let waits: Vec<u64> = (1..=10).map(|number| policy.delay(number, 1.0).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(policy.delay(1, 0.0), Duration::from_secs(1));
        assert_eq!(policy.delay(2, 0.5), Duration::from_secs(3));
    }

    #[test]
    fn giving_up_takes_both_time_and_attempts() {
        let policy = RetryPolicy::default();
        let day = Duration::from_hours(24);
        assert!(!policy.gives_up(9, day * 30));
        assert!(!policy.gives_up(1_000, Duration::from_hours(23)));
        assert!(policy.gives_up(10, day));
    }

    proptest! {
        /// Whatever it is asked, the wait is at most the longest and at least half of what it would be.
        #[test]
        fn the_wait_is_bounded(first: Duration, longest: Duration, number: u32, jitter: f64) {
            let policy = RetryPolicy { first, longest, give_up_after: Duration::ZERO };
            let wait = policy.delay(number, jitter);
            prop_assert!(wait <= longest);
            prop_assert!(wait >= first.min(longest) / 2);
        }
    }
}
