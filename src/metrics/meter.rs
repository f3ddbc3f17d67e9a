//! Counters and histograms: a few atomic numbers each, recorded without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts up, from nothing at each start of the process.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// So many more.
    pub fn add(&self, many: u64) {
        self.0.fetch_add(many, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long things took: how many took up to each of some bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [Duration],
    /// For each bound, how many took longer than the one before and up to it; behind them, how many took longer.
    counts: Vec<AtomicU64>,
    nanoseconds: AtomicU64,
}

/// A histogram as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    /// For each bound how many took up to that; the shortest first.
    pub up_to: Vec<(Duration, u64)>,
    /// How many there were.
    pub count: u64,
    /// How long they took together.
    pub sum: Duration,
}

impl Histogram {
    /// An empty one with these bounds, the shortest first.
    pub fn new(bounds: &'static [Duration]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, nanoseconds: AtomicU64::new(0) }
    }

    /// Something took so long.
    pub fn observe(&self, took: Duration) {
        let place = self.bounds.partition_point(|bound| *bound < took);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// What was observed. While others record, the sum may be ahead of the counts by what they are at.
    pub fn read(&self) -> Buckets {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let mut so_far = 0_u64;
        let up_to = self
            .bounds
            .iter()
            .zip(&counts)
            .map(|(bound, count)| {
                so_far = so_far.saturating_add(*count);
                (*bound, so_far)
            })
            .collect();
        let count = counts.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
        Buckets { up_to, count, sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(1)];

    #[test]
    fn a_bound_holds_what_took_exactly_that_long() {
        let histogram = Histogram::new(&BOUNDS);
        for milliseconds in [0, 10, 11, 1_000, 1_001, 60_000] {
            histogram.observe(Duration::from_millis(milliseconds));
        }
        let read = histogram.read();
        assert_eq!(read.up_to, [(BOUNDS[0], 2), (BOUNDS[1], 4)]);
        assert_eq!((read.count, read.sum), (6, Duration::from_millis(62_022)));
    }

    #[test]
    fn threads_lose_nothing() {
        let (counter, histogram) = (Counter::default(), Histogram::new(&BOUNDS));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        counter.add(2);
                        histogram.observe(BOUNDS[0]);
                    }
                });
            }
        });
        assert_eq!((counter.read(), histogram.read().count), (8_000, 4_000));
    }
}
