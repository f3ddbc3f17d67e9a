//! `cargo xtask simulate --seed S --seeds N --steps K`: the daemon under a clock of its own, by the chances of a seed.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use devicedrop_testkit::simulate::{Simulation, run_if_told};

fn main() -> Result<ExitCode> {
    run_if_told();
    simulation(std::env::args().skip(1))?.run(&[], &mut std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

fn simulation(mut arguments: impl Iterator<Item = String>) -> Result<Simulation> {
    let mut simulation = Simulation::default();
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
        let number = || value.parse().with_context(|| format!("{name} {value}: not a number"));
        match name.as_str() {
            "--seed" => simulation.seed = number()?,
            "--seeds" => simulation.seeds = number()?,
            "--steps" => simulation.steps = number()?,
            "--trace" => simulation.trace = Some(value.into()),
            _ => bail!("usage: cargo xtask simulate [--seed S] [--seeds N] [--steps K] [--trace FILE]"),
        }
    }
    Ok(simulation)
}
