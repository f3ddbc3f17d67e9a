//! What all runs together came to, so that a campaign of many runs has a sum: a line for each target in one file
//! below the build folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The runs of one target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) executions: u64,
    pub(super) seconds: u64,
    pub(super) findings: u64,
}

/// The runs of each target that ran.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    file: PathBuf,
    by_name: BTreeMap<String, Total>,
}

impl Totals {
    /// What runs came to so far; nothing if there was none.
    pub(super) fn read(file: PathBuf) -> Result<Self> {
        let text = if file.exists() { fs::read_to_string(&file)? } else { String::new() };
        let mut by_name = BTreeMap::new();
        for line in text.lines() {
            let (name, total) = parse(line).with_context(|| format!("{}: {line:?}", file.display()))?;
            by_name.insert(name, total);
        }
        Ok(Self { file, by_name })
    }

    /// Adds a run, and keeps the sum.
    pub(super) fn add(&mut self, name: &str, run: Total) -> Result<()> {
        let total = self.by_name.entry(name.to_owned()).or_default();
        total.executions += run.executions;
        total.seconds += run.seconds;
        total.findings += run.findings;
        let line = |(name, total): (&String, &Total)| {
            format!("{name} {} {} {}\n", total.executions, total.seconds, total.findings)
        };
        write_whole(&self.file, &self.by_name.iter().map(line).collect::<String>())
    }

    /// Prints the sums, the targets in this order.
    pub(super) fn tell<'a>(&self, names: impl Iterator<Item = &'a str>, out: &mut impl Write) -> Result<()> {
        writeln!(out, "{:<14} {:>13} {:>9} {:>9}", "all runs", "executions", "minutes", "findings")?;
        let mut all = Total::default();
        for name in names {
            let total = self.by_name.get(name).copied().unwrap_or_default();
            tell(name, total, out)?;
            all.executions += total.executions;
            all.seconds += total.seconds;
            all.findings += total.findings;
        }
        tell("all", all, out)
    }
}

fn tell(name: &str, total: Total, out: &mut impl Write) -> Result<()> {
    let Total { executions, seconds, findings } = total;
    Ok(writeln!(out, "{name:<14} {executions:>13} {:>9} {findings:>9}", seconds.div_ceil(60))?)
}

fn parse(line: &str) -> Option<(String, Total)> {
    let mut words = line.split(' ');
    let name = words.next()?.to_owned();
    let mut number = || words.next()?.parse().ok();
    Some((name, Total { executions: number()?, seconds: number()?, findings: number()? }))
}

/// A run that is stopped leaves the sum that was there or the next one.
fn write_whole(file: &Path, text: &str) -> Result<()> {
    let aside = file.with_extension("new");
    fs::create_dir_all(file.parent().context("a folder")?)?;
    fs::write(&aside, text)?;
    Ok(fs::rename(aside, file)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_add_up_over_processes() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = || Totals::read(folder.path().join("fuzz/totals")).expect("the sums");
        let run = |executions, findings| Total { executions, seconds: 61, findings };
        read().add("sheet", run(1_000, 0)).expect("added");
        read().add("names", run(5, 0)).expect("added");
        read().add("sheet", run(3, 1)).expect("added");
        let mut out = Vec::new();
        read().tell(["sheet", "names", "ledger"].into_iter(), &mut out).expect("told");
        let told = String::from_utf8(out).expect("text");
        let cells: Vec<Vec<&str>> = told.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            cells,
            [
                ["sheet", "1003", "3", "1"],
                ["names", "5", "2", "0"],
                ["ledger", "0", "0", "0"],
                ["all", "1008", "4", "1"]
            ]
        );
    }
}
