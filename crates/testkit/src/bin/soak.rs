//! `cargo xtask soak --minutes N`: the built program for a long time under load, with faults; some of its lives are this
//! program, too, over a registrar with moods.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use devicedrop_testkit::soak::Soak;
use devicedrop_testkit::under_test::{UnderTest, run_if_told};

fn main() -> Result<ExitCode> {
    run_if_told();
    let mut arguments = std::env::args().skip(1);
    let program = PathBuf::from(arguments.next().context("the program's path comes first")?);
    let mut soak = Soak { program, time: Duration::from_hours(1), seed: 1, quick: false };
    while let Some(name) = arguments.next() {
        if name == "--quick" {
            (soak.quick, soak.time) = (true, Duration::from_secs(24));
            continue;
        }
        let value = arguments.next().with_context(|| format!("{name} needs a number"))?;
        let number = value.parse().with_context(|| format!("{name} {value}: not a number"))?;
        match name.as_str() {
            "--minutes" => soak.time = Duration::from_mins(number),
            "--seed" => soak.seed = number,
            _ => bail!("usage: cargo xtask soak [--minutes 60] [--seed 1] [--quick]"),
        }
    }
    soak.run(&UnderTest::this_binary(&[])?, &mut std::io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}
