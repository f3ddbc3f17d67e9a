//! `cargo xtask services`: rows over the service for trials, which misbehaves, while either side is killed.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use devicedrop_testkit::services::Campaign;

fn main() -> Result<ExitCode> {
    let mut campaign = Campaign {
        graph: false,
        rows: 10_000,
        seed: 1,
        latency_ms: 1_000,
        fail_percent: 5,
        rate: 10,
        kill_every_ms: 4_000,
    };
    let mut program = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        if name == "--graph" {
            campaign.graph = true;
            continue;
        }
        let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
        let number = || -> Result<u64> { value.parse().with_context(|| format!("{name} {value}: not a number")) };
        match name.as_str() {
            "--program" => program = Some(PathBuf::from(&value)),
            "--rows" => campaign.rows = number()?,
            "--seed" => campaign.seed = number()?,
            "--latency-ms" => campaign.latency_ms = number()?,
            "--fail-percent" => campaign.fail_percent = number()?,
            "--rate" => campaign.rate = number()?,
            "--kill-every-ms" => campaign.kill_every_ms = number()?.max(1),
            _ => bail!(
                "usage: cargo xtask services [--graph] [--rows 10000] [--seed 1] [--latency-ms 1000] [--fail-percent 5] [--rate 10] [--kill-every-ms 4000]"
            ),
        }
    }
    campaign.run(&program.context("--program is missing")?, &mut std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}
