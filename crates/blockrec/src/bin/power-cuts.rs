//! `cargo xtask power-cuts`: cuts the power under the built daemon, again and again.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use devicedrop_blockrec::campaign::PowerCuts;
use devicedrop_blockrec::campaign::planted::Planted;
use devicedrop_blockrec::server::serve_if_told;

const USAGE: &str = "usage: cargo xtask power-cuts [--points N] [--seed S] [--restart-every N] [--planted M1|M2|M3]";

fn main() -> Result<ExitCode> {
    if serve_if_told()? {
        return Ok(ExitCode::SUCCESS);
    }
    let mut arguments = std::env::args().skip(1);
    let program = PathBuf::from(arguments.next().context("the program to be tried comes first")?).canonicalize()?;
    let cuts = power_cuts(program, arguments)?;
    ensure!(rustix::process::geteuid().is_root(), "power cuts need root: they mount file systems");
    let summary = cuts.run(&mut std::io::stdout().lock())?;
    // A planted bug that isn't noticed is what is wrong then.
    let as_it_must_be = (summary.violations() > 0) == cuts.planted.is_some();
    Ok(if as_it_must_be { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn power_cuts(program: PathBuf, mut arguments: impl Iterator<Item = String>) -> Result<PowerCuts> {
    let mut cuts = PowerCuts { program, points: 1_500, seed: 1, restart_every: 25, planted: None };
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a value; {USAGE}"))?;
        let number = || value.parse().with_context(|| format!("{name} {value}: not a number"));
        match name.as_str() {
            "--points" => cuts.points = number()?,
            "--seed" => cuts.seed = number()?,
            "--restart-every" => cuts.restart_every = number()?,
            "--planted" => cuts.planted = Some(Planted::numbered(&value)?),
            _ => bail!("{USAGE}"),
        }
    }
    Ok(cuts)
}
