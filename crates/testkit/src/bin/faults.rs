//! `cargo xtask faults --kills N --seed S`: kills the daemon at random moments; the daemon is this program, too.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use devicedrop_testkit::campaign::Campaign;
use devicedrop_testkit::under_test::{UnderTest, run_if_told};

fn main() -> Result<ExitCode> {
    run_if_told();
    let campaign = campaign(std::env::args().skip(1))?;
    campaign.run(&UnderTest::this_binary(&[])?, &mut std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

fn campaign(mut arguments: impl Iterator<Item = String>) -> Result<Campaign> {
    let mut campaign = Campaign { kills: 100, seed: 1 };
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a number"))?;
        let number = value.parse().with_context(|| format!("{name} {value}: not a number"))?;
        match name.as_str() {
            "--kills" => campaign.kills = number,
            "--seed" => campaign.seed = number,
            _ => bail!("usage: cargo xtask faults [--kills N] [--seed S]"),
        }
    }
    Ok(campaign)
}
