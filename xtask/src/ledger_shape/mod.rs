//! `cargo xtask ledger-shape`: what the ledger's tables and indexes cost, and what else they could be. The figures of
//! docs/decisions/0010-the-shape-of-the-ledger.md come from here.
//!
//! It models the ledger with SQL of its own, since it measures what the ledger might be and isn't. `cargo xtask scale`
//! measures the program as it is.

#![expect(clippy::disallowed_methods, reason = "it measures SQLite itself, by the clock, in databases of its own")]

mod data;
mod load;
mod look;
mod tables;
mod variant;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use rusqlite::Connection;

use self::load::Cost;
use self::variant::Variant;

/// What is measured when nothing is named: the ledger against what was passed over.
const USUAL: [&str; 9] =
    ["late", "early", "only", "late+attempt", "late+outcome", "outcome-key", "expr18", "plain", "ledger"];

struct Settings {
    rows: u64,
    rounds: u64,
    /// Statements to run before the look-ups; `None` for no look-ups.
    after: Option<String>,
    variants: Vec<Variant>,
}

impl Settings {
    fn parse(arguments: &[&str]) -> Result<Self> {
        let mut settings = Self { rows: 500_000, rounds: 1, after: None, variants: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            if *flag == "--look" {
                settings.after.get_or_insert_default();
                continue;
            }
            let value = rest.next().with_context(|| format!("{flag} without a value"))?;
            match *flag {
                "--rows" => settings.rows = value.parse().context("--rows takes a number")?,
                "--rounds" => settings.rounds = value.parse().context("--rounds takes a number")?,
                "--after" => settings.after = Some((*value).to_owned()),
                "--variant" => settings.variants.push(Variant::parse(value)?),
                _ => bail!("unknown flag {flag}. Words for --variant, joined by +:\n{}", variant::words()),
            }
        }
        ensure!(settings.rows > 0 && settings.rounds > 0, "nothing to measure");
        if settings.variants.is_empty() {
            settings.variants = USUAL.into_iter().map(Variant::parse).collect::<Result<_>>()?;
        }
        Ok(settings)
    }
}

pub(crate) fn run(top: &Path, arguments: &[&str], out: &mut impl Write) -> Result<ExitCode> {
    let settings = Settings::parse(arguments)?;
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    if cfg!(debug_assertions) {
        writeln!(out, "a development build: for figures, cargo run --release -p xtask -- ledger-shape")?;
    }
    writeln!(out, "{} rows, SQLite {}, {cpus} CPUs; times in ns a row", settings.rows, rusqlite::version())?;
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); settings.variants.len()];
    for round in 1..=settings.rounds {
        writeln!(out, "round {round}")?;
        for (variant, costs) in settings.variants.iter().zip(&mut costs) {
            let last = round == settings.rounds;
            let cost = measure(top, &settings, variant, last, out)?;
            writeln!(
                out,
                "  {:24} cpu {:>5}; wall: accept {:>5}, call {:>5}; {}.{} bytes a row",
                variant.name,
                cost.cpu_ns,
                cost.accept_ns,
                cost.call_ns,
                cost.tenths_of_bytes / 10,
                cost.tenths_of_bytes % 10
            )?;
            out.flush()?;
            costs.push(cost);
        }
    }
    summary(&settings, &costs, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Loads one variant into a database that is gone afterwards. It lies in target/: a folder in memory would make
/// every commit free.
fn measure(top: &Path, settings: &Settings, variant: &Variant, last: bool, out: &mut impl Write) -> Result<Cost> {
    let target = top.join("target");
    std::fs::create_dir_all(&target)?;
    let folder = tempfile::Builder::new().prefix("ledger-shape-").tempdir_in(target)?;
    let path = folder.path().join("ledger.db");
    let db = Connection::open(&path)?;
    let cost = load::load(&db, variant, settings.rows, out)?;
    drop(db);
    if let (Some(after), true) = (&settings.after, last) {
        look::look(&path, settings.rows, after, out)?;
    }
    Ok(cost)
}

/// The median of each variant's rounds, and its ratio to the first variant's.
fn summary(settings: &Settings, costs: &[Vec<Cost>], out: &mut impl Write) -> Result<()> {
    let medians: Vec<u128> = costs.iter().map(|rounds| median(rounds)).collect();
    let first = medians.first().copied().unwrap_or_default().max(1);
    writeln!(out, "medians of {}, and ratio to the first", settings.rounds)?;
    for (variant, cpu) in settings.variants.iter().zip(medians) {
        let hundredths = (cpu * 100 + first / 2) / first;
        writeln!(out, "  {:24} cpu {cpu:>5}  {}.{:02}", variant.name, hundredths / 100, hundredths % 100)?;
    }
    Ok(())
}

fn median(rounds: &[Cost]) -> u128 {
    let mut all: Vec<u128> = rounds.iter().map(|cost| cost.cpu_ns).collect();
    all.sort_unstable();
    let middle = |index: usize| all.get(index).copied().unwrap_or_default();
    let half = all.len() / 2;
    if all.len() % 2 == 1 { middle(half) } else { u128::midpoint(middle(half.saturating_sub(1)), middle(half)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_variant_loads_and_is_looked_up_in() {
        let top = tempfile::tempdir().expect("a folder");
        for name in
            USUAL.into_iter().chain(["runs", "block+sorted", "stored3+guards+foreign-keys", "page4+early+first"])
        {
            let arguments = ["--rows", "2500", "--look", "--variant", name];
            let mut out = Vec::new();
            run(top.path(), &arguments, &mut out).expect(name);
            let text = String::from_utf8(out).expect("text");
            let line = text.lines().find(|line| line.starts_with("      serial number:")).expect("asked for");
            assert!(line.contains("200 found by 200"), "{name}: {line}");
        }
    }
}
