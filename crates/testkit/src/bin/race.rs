//! `cargo xtask race --swaps N`: swaps files and folders for links under the daemon, which is this program, too.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use devicedrop_testkit::race::Race;
use devicedrop_testkit::under_test::{UnderTest, run_if_told};

fn main() -> Result<ExitCode> {
    run_if_told();
    let mut race = Race { swaps: 400_000 };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--swaps" => {
                let value = arguments.next().context("--swaps needs a number")?;
                race.swaps = value.parse().with_context(|| format!("--swaps {value}: not a number"))?;
            }
            _ => bail!("usage: cargo xtask race [--swaps N]"),
        }
    }
    race.run(&UnderTest::this_binary(&[])?, &mut std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}
