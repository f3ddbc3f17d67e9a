//! What a campaign found, in numbers and, for the first of the findings, in words.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::check::{Finding, Kind};
use super::planted::Planted;
use super::workload::Recording;
use crate::cut::{Cut, Loss};

/// So many findings are told in words.
const TOLD: usize = 5;

/// What one thread found.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// For each loss, points and violations.
    losses: BTreeMap<Loss, (u64, u64)>,
    restarts: u64,
    kinds: BTreeMap<Kind, u64>,
    told: Vec<String>,
}

impl Tally {
    /// Counts one point.
    pub(super) fn add(&mut self, cut: Cut, restart: bool, findings: Vec<Finding>, kept: Option<PathBuf>) {
        let (points, violations) = self.losses.entry(cut.loss).or_default();
        *points += 1;
        *violations += u64::from(!findings.is_empty());
        self.restarts += u64::from(restart);
        let mut kinds: Vec<_> = findings.iter().map(|finding| finding.kind).collect();
        kinds.dedup();
        for kind in kinds {
            *self.kinds.entry(kind).or_default() += 1;
        }
        if self.told.len() < TOLD {
            let disks = kept.map_or_else(String::new, |kept| format!("; the disks are kept in {}", kept.display()));
            self.told.extend(findings.into_iter().map(|Finding { kind, what }| {
                format!("after event {}, {}: {}: {what}{disks}", cut.at, cut.loss.name(), kind.name())
            }));
        }
    }
}

/// Tells of a workload that was carried out.
pub(super) fn recorded(recording: &Recording, took: Duration, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "recorded in {:.1} s: {} files dropped, {} writes and {} flushes, {} entries acknowledged",
        took.as_secs_f64(),
        recording.drops,
        recording.events - recording.flushes,
        recording.flushes,
        recording.facts.len()
    )?;
    Ok(())
}

/// What was found altogether.
#[derive(Debug)]
pub struct Summary {
    planted: Option<Planted>,
    tally: Tally,
    looking: Duration,
}

impl Summary {
    pub(super) fn new(planted: Option<Planted>) -> Self {
        Self { planted, tally: Tally::default(), looking: Duration::ZERO }
    }

    /// The points at which something was wrong.
    pub fn violations(&self) -> u64 {
        self.tally.losses.values().map(|(_, violations)| violations).sum()
    }

    pub(super) fn add(&mut self, tally: Tally) {
        for (loss, (points, violations)) in tally.losses {
            let sum = self.tally.losses.entry(loss).or_default();
            *sum = (sum.0 + points, sum.1 + violations);
        }
        for (kind, count) in tally.kinds {
            *self.tally.kinds.entry(kind).or_default() += count;
        }
        self.tally.restarts += tally.restarts;
        self.tally.told.extend(tally.told);
    }

    /// Tells of cuts that were looked into.
    pub(super) fn looked(&mut self, count: u64, took: Duration, out: &mut dyn Write) -> Result<()> {
        self.looking += took;
        let (seconds, violations) = (took.as_secs_f64(), self.violations());
        writeln!(out, "{count} cuts looked into in {seconds:.1} s; {violations} points with violations so far")?;
        Ok(())
    }

    pub(super) fn tell(&self, out: &mut dyn Write) -> Result<()> {
        let points: u64 = self.tally.losses.values().map(|(points, _)| points).sum();
        if let Some(planted) = self.planted {
            writeln!(out, "planted {}", planted.name())?;
        }
        writeln!(out, "{:<28} {:>7} {:>10}", "power cut", "points", "violations")?;
        for (loss, (points, violations)) in &self.tally.losses {
            writeln!(out, "{:<28} {points:>7} {violations:>10}", loss.name())?;
        }
        writeln!(out, "{:<28} {points:>7} {:>10}", "all", self.violations())?;
        for (kind, count) in &self.tally.kinds {
            writeln!(out, "  at {count} points: {}", kind.name())?;
        }
        let seconds = self.looking.as_secs_f64();
        let points = f64::from(u32::try_from(points)?);
        let restarts = self.tally.restarts;
        writeln!(out, "{seconds:.1} s, {:.0} points a second; {restarts} restarts among them", points / seconds)?;
        for told in self.tally.told.iter().take(TOLD) {
            writeln!(out, "- {told}")?;
        }
        Ok(())
    }
}
