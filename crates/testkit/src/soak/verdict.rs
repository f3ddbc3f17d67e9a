//! The lives of a soak side by side, and whether they stayed flat.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::samples::{Bound, Sample, Thirds};
use super::weather::Kind;

/// One life of a daemon.
pub(super) struct Life {
    pub(super) moody: bool,
    pub(super) measured: bool,
    pub(super) long: Duration,
    pub(super) rows: u64,
    pub(super) files: u64,
    pub(super) samples: Vec<Sample>,
    /// How long the quiet customer waited where no fault was under way.
    pub(super) waits: Vec<Duration>,
    pub(super) faults: Vec<Kind>,
}

/// Something that is measured, and how flat it must be.
type Series = (Bound, fn(&Life) -> Vec<u64>);

const fn bound(name: &'static str, unit: &'static str, percent: u64, more: u64, floor: u64) -> Bound {
    Bound { name, unit, percent, more, floor }
}

fn of_samples(life: &Life, what: fn(&Sample) -> u64) -> Vec<u64> {
    // The first fifth fills caches: SQLite's, the allocator's, the threads'.
    let warm = life.long / 5;
    life.samples.iter().filter(|sample| sample.age > warm).map(what).collect()
}

const WAIT: &str = "quiet wait";

/// What the program holds once all that it keeps by design is full, in KiB: some 20 MiB that it begins with; SQLite's
/// pages (the writer's 16 MB, four readers' 2 each, the proofs' 4, the registry's 8: 36 MB) and statements; and as much
/// again as was freed among them since memory was given back last. Below that, caches that fill can't be told from growth:
/// in the first life the ledger is smaller than they are.
const CACHES: u64 = 80 * 1024;

const SERIES: [Series; 6] = [
    (bound("memory", "KiB", 10, 8 * 1024, CACHES), |life| of_samples(life, |it| it.memory)),
    (bound("data limit", "KiB", 25, 64 * 1024, 0), |life| of_samples(life, |it| it.data)),
    (bound("open files", "", 10, 8, 0), |life| of_samples(life, |it| it.files)),
    (bound("threads", "", 10, 8, 0), |life| of_samples(life, |it| it.threads)),
    // SQLite keeps the file for what comes next; up to the limit that the ledger sets it may have any size.
    (bound("WAL", "KiB", 0, 0, 64 * 1024), |life| of_samples(life, |it| it.log)),
    (bound(WAIT, "ms", 100, 250, 0), |life| {
        life.waits.iter().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)).collect()
    }),
];

impl Life {
    /// What is told of it as soon as it ended.
    pub(super) fn line(&self, number: usize) -> String {
        let mut faults = BTreeMap::new();
        for kind in &self.faults {
            *faults.entry(kind).or_insert(0_u64) += 1;
        }
        let faults: Vec<_> = faults.iter().map(|(kind, times)| format!("{times} x {kind}")).collect();
        format!(
            "life {number}: {} s, {}, {} files, {} rows, {}; {}",
            self.long.as_secs(),
            if self.moody { "a registrar with moods" } else { "the program as it is built" },
            self.files,
            self.rows,
            if self.measured { "stopped in order" } else { "killed" },
            if faults.is_empty() { "no other fault".to_owned() } else { faults.join(", ") }
        )
    }
}

/// Prints the medians, and fails where a life, or the long lives one after another, grew.
pub(super) fn pronounce(lives: &[Life], quick: bool, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "\n{:<12} {:>4}  {:>7} {:>7} {:>7}  {:<4} may grow by",
        "", "life", "first", "last", "highest", ""
    )?;
    let mut grown = Vec::new();
    // In a slice there are too few answers to tell anything by their waits.
    let judged = SERIES.into_iter().filter(|(bound, _)| !quick || bound.name != WAIT);
    for (mut bound, series) in judged {
        if quick {
            // Seconds are no time to warm up in.
            bound.more *= 2;
            // Nor to fill SQLite's caches.
            bound.floor = if bound.floor == CACHES { CACHES / 2 } else { bound.floor };
        }
        let mut first: Option<Thirds> = None;
        for (number, life) in lives.iter().enumerate().filter(|(_, life)| life.measured) {
            let Some(thirds) = Thirds::of(&series(life)) else {
                grown.push(format!("{} of life {} wasn't measured", bound.name, number + 1));
                continue;
            };
            let Bound { name, unit, percent, more, floor } = bound;
            let allowed = if floor > 0 { format!("up to {floor}") } else { format!("{percent} % + {more}") };
            writeln!(out, "{name:<12} {:>4}  {thirds}  {unit:<4} {allowed}", number + 1)?;
            if !thirds.keeps(&bound) {
                grown.push(format!("{name} grew in life {}", number + 1));
            }
            let began = first.get_or_insert(thirds).first;
            if !(Thirds { first: began, ..thirds }).keeps(&bound) {
                grown.push(format!("{name} in life {} is above that of the first", number + 1));
            }
        }
    }
    ensure!(grown.is_empty(), "not flat: {}", grown.join("; "));
    writeln!(
        out,
        "flat: the median of each life's last third lies within its bound over that of its first third, and of the first \
         life's"
    )?;
    Ok(())
}
