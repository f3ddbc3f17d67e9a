//! `cargo xtask tamper`: flips bits of a small ledger, one after the other, and has each verified.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use devicedrop_testkit::tamper::Campaign;

fn main() -> Result<ExitCode> {
    let mut campaign = Campaign { stride: 1, seed: 0, jobs: std::thread::available_parallelism()?.get() };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a number"))?;
        let number = value.parse().with_context(|| format!("{name} {value}: not a number"))?;
        match name.as_str() {
            "--stride" => campaign.stride = number,
            "--seed" => campaign.seed = number,
            "--jobs" => campaign.jobs = number,
            _ => bail!("usage: cargo xtask tamper [--stride N] [--seed N] [--jobs N]"),
        }
    }
    let told = campaign.run()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "mutants                               {:>8}", told.mutants)?;
    for (said, count) in &told.found {
        writeln!(out, "found: {said:31}{count:>8}")?;
    }
    writeln!(out, "nothing differs: unused bytes         {:>8}", told.unused)?;
    for (table, count) in &told.beside {
        writeln!(out, "not on record: {table:23}{count:>8}")?;
    }
    writeln!(out, "missed                                {:>8}", told.missed.len())?;
    for missed in told.missed.iter().take(50) {
        writeln!(out, "  {missed}")?;
    }
    Ok(if told.missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
