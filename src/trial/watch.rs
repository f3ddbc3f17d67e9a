//! What is watched over all requests, in memory: faults still to come, the rate, clients' manners.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::faults::{Fault, Faults, RetryAfter, Script};
use super::manners::{Manners, Surface};
use super::settings::Settings;
use super::wire::Request;

/// What is watched.
#[derive(Debug)]
pub(super) struct Watch(Mutex<Inside>);

#[derive(Debug)]
struct Inside {
    faults: Faults,
    manners: Manners,
    bucket: Option<Bucket>,
}

impl Watch {
    pub(super) fn new(settings: &Settings) -> Self {
        Self(Mutex::new(Inside {
            faults: Faults::new(settings.script.clone(), settings.fail_rate, settings.seed),
            manners: Manners::default(),
            bucket: settings.rate.map(Bucket::new),
        }))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has come at a time of the monotonic clock. Says what goes wrong with it.
    pub(super) fn meet(&self, surface: Surface, request: &Request, now: Duration) -> Option<Fault> {
        let mut inside = self.inside();
        inside.manners.met(surface, request, now);
        if surface == Surface::Trial {
            return None;
        }
        let over = inside.bucket.as_mut().and_then(|bucket| bucket.take(now));
        let fault = match over {
            Some(seconds) => Some(Fault::Throttle(RetryAfter { seconds, as_date: false })),
            None => inside.faults.of(request),
        };
        if let Some(Fault::Throttle(RetryAfter { seconds, .. }) | Fault::Unavailable(RetryAfter { seconds, .. })) =
            fault
        {
            inside.manners.told_to_wait(surface, seconds, now);
        }
        fault
    }

    /// Why this device is refused, if the script says so.
    pub(super) fn of_device(&self, serial_number: &str) -> Option<(i64, String)> {
        self.inside().faults.of_device(serial_number)
    }

    /// Adds lines to the fault script.
    pub(super) fn add(&self, more: Script) {
        self.inside().faults.add(more);
    }

    /// What was seen of the clients.
    pub(super) fn manners(&self) -> Value {
        self.inside().manners.told()
    }
}

/// So many requests a second, and as many at once.
#[derive(Debug)]
struct Bucket {
    rate: f64,
    left: f64,
    at: Option<Duration>,
}

impl Bucket {
    fn new(rate: u32) -> Self {
        let rate = f64::from(rate.max(1));
        Self { rate, left: rate, at: None }
    }

    /// Takes one; where none is left, says after how many seconds there is.
    fn take(&mut self, now: Duration) -> Option<u64> {
        let since = now.saturating_sub(self.at.unwrap_or(now));
        self.at = Some(now);
        self.left = (self.left + since.as_secs_f64() * self.rate).min(self.rate);
        if self.left >= 1.0 {
            self.left -= 1.0;
            return None;
        }
        let wait = Duration::try_from_secs_f64((1.0 - self.left) / self.rate).unwrap_or(Duration::from_secs(1));
        Some(wait.as_secs() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_faster_than_the_rate_is_told_when_to_come_again() {
        let mut bucket = Bucket::new(2);
        let at = Duration::from_millis;
        let taken: Vec<_> = [0, 0, 0, 400, 1_400, 1_400, 1_400].map(|now| bucket.take(at(now))).into();
        assert_eq!(taken, [None, None, Some(1), Some(1), None, None, Some(1)]);
    }
}
