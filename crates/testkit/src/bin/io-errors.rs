//! `cargo xtask io-errors`: has each call that data hang on fail once, in the built program.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use devicedrop_testkit::sweep::errors::ErrorSweep;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let program = PathBuf::from(arguments.next().context("the program's path comes first")?);
    let mut sweep = ErrorSweep { program, points: None };
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} needs a number"))?;
        match name.as_str() {
            "--points" => sweep.points = Some(value.parse().with_context(|| format!("{value}: not a number"))?),
            _ => bail!("usage: cargo xtask io-errors [--points N]"),
        }
    }
    sweep.run(&mut std::io::stdout().lock())
}
