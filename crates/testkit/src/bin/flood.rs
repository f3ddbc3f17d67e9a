//! `cargo xtask flood`: one customer floods, another one waits for an answer; the daemon is this program, too.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use devicedrop_testkit::flood::Flood;
use devicedrop_testkit::under_test::{UnderTest, run_if_told};

fn main() -> Result<ExitCode> {
    run_if_told();
    let mut flood = Flood { files: 10_000, rounds: 5, folders: 0, empty: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut number = || -> Result<u64> {
            let value = arguments.next().with_context(|| format!("{name} needs a number"))?;
            value.parse().with_context(|| format!("{name} {value}: not a number"))
        };
        match name.as_str() {
            "--files" => flood.files = number()?,
            "--rounds" => flood.rounds = number()?,
            "--folders" => flood.folders = number()?,
            "--empty" => flood.empty = true,
            _ => bail!("usage: cargo xtask flood [--files N] [--rounds N] [--folders N] [--empty]"),
        }
    }
    let (daemon, out) = (UnderTest::this_binary(&[])?, &mut std::io::stdout().lock());
    flood.in_order(&daemon, out)?;
    if flood.rounds > 0 {
        flood.run(&daemon, out)?;
    }
    Ok(ExitCode::SUCCESS)
}
