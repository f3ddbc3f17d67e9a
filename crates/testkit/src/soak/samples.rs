//! What is measured of a daemon while it lives, and whether it stays flat.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::env::TestEnv;

/// One look at a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    /// How long it had lived.
    pub(super) age: Duration,
    /// What it holds in memory of its own (`RssAnon`), in KiB.
    pub(super) memory: u64,
    /// What a limit on its data would count (`VmData`: heap and stacks, touched or not), in KiB.
    pub(super) data: u64,
    /// Open files.
    pub(super) files: u64,
    /// Threads.
    pub(super) threads: u64,
    /// The ledger's write-ahead log, in KiB.
    pub(super) log: u64,
}

impl Sample {
    /// Looks at a process.
    pub(super) fn of(process: u32, env: &TestEnv, age: Duration) -> Result<Self> {
        let proc = Path::new("/proc").join(process.to_string());
        let status = fs::read_to_string(proc.join("status")).context("the daemon is gone")?;
        let number = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| name.to_owned())?;
            Ok(line.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?)
        };
        let files = fs::read_dir(proc.join("fd")).context("the daemon is gone")?.count();
        let log = fs::metadata(env.ledger().with_extension("db-wal")).map_or(0, |log| log.len() / 1024);
        Ok(Self {
            age,
            memory: number("RssAnon")?,
            data: number("VmData")?,
            files: u64::try_from(files)?,
            threads: number("Threads")?,
            log,
        })
    }
}

/// How a series must be flat: its last third may lie above its first by so much and no more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// What it is called in the table.
    pub(super) name: &'static str,
    /// What it is counted in.
    pub(super) unit: &'static str,
    /// By a share of the first third: so many percent.
    pub(super) percent: u64,
    /// And so much on top.
    pub(super) more: u64,
    /// Below this it is flat whatever it does.
    pub(super) floor: u64,
}

/// The medians of a series' first and last third.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Thirds {
    /// Of the first.
    pub(super) first: u64,
    /// Of the last.
    pub(super) last: u64,
    /// The highest of all.
    pub(super) highest: u64,
}

impl Thirds {
    /// Of a series in its order; none if it is too short to tell anything.
    pub(super) fn of(series: &[u64]) -> Option<Self> {
        let third = series.len() / 3;
        let (first, last) = (series.get(..third)?, series.get(series.len() - third..)?);
        Some(Self { first: median(first)?, last: median(last)?, highest: *series.iter().max()? })
    }

    /// Whether it stayed within a bound.
    pub(super) fn keeps(&self, bound: &Bound) -> bool {
        self.last <= bound.floor.max(self.first + self.first * bound.percent / 100 + bound.more)
    }
}

impl fmt::Display for Thirds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7} {:>7} {:>7}", self.first, self.last, self.highest)
    }
}

fn median(series: &[u64]) -> Option<u64> {
    let mut sorted = series.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Bound = Bound { name: "memory", unit: "KiB", percent: 10, more: 5, floor: 0 };

    #[test]
    fn what_grows_is_noticed_and_noise_is_not() {
        let noise = |at: u64| at * 7_919 % 31;
        let flat: Vec<u64> = (0..90).map(|at| 1_000 + noise(at)).collect();
        let steady: Vec<u64> = (0..90).map(|at| 1_000 + noise(at) + at * 3).collect();
        let peaks: Vec<u64> =
            flat.iter().enumerate().map(|(at, it)| if at % 9 == 8 { it * 50 } else { *it }).collect();
        let keeps = |series: &[u64]| Thirds::of(series).unwrap().keeps(&BOUND);
        assert!(keeps(&flat) && keeps(&peaks));
        assert!(!keeps(&steady));
        let steady = Thirds::of(&steady).unwrap();
        assert!(steady.keeps(&Bound { floor: 10_000, ..BOUND }) && !steady.keeps(&Bound { floor: 1_000, ..BOUND }));
    }

    #[test]
    fn too_few_tell_nothing() {
        assert_eq!(Thirds::of(&[]), None);
        assert_eq!(Thirds::of(&[1, 2]), None);
        assert_eq!(Thirds::of(&[1, 2, 3]), Some(Thirds { first: 1, last: 3, highest: 3 }));
    }
}
