//! The zoo of file contents: a program of the testkit, which brings the table along.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

/// Runs what is asked for: the big files in full size or not, LibreOffice, or the writing of what is made of the table.
pub(super) fn run(top: &Path, arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        ["--write"] => return write(top),
        ["--libreoffice"] => return program(top, &["--libreoffice"]),
        [] | ["--quick"] => {}
        _ => bail!("usage: cargo xtask zoo [--quick | --libreoffice | --write]"),
    }
    let release = crate::scale::build(top)?;
    let release = release.to_str().context("a path in UTF-8")?;
    program(top, &[&["--program", release], arguments].concat())
}

fn program(top: &Path, arguments: &[&str]) -> Result<ExitCode> {
    cargo(top, &[&["run", "--package", "devicedrop-testkit", "--bin", "zoo", "--"], arguments].concat(), None)
}

/// The tests compare what is made of the table, or write it.
fn write(top: &Path) -> Result<ExitCode> {
    let test = ["test", "--package", "devicedrop-testkit", "--lib", "zoo::tests::every_case"];
    cargo(top, &test, Some(("DEVICEDROP_BLESS", "1")))
}

fn cargo(top: &Path, arguments: &[&str], variable: Option<(&str, &str)>) -> Result<ExitCode> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(top).args(arguments.first()).arg("--quiet").args(arguments.iter().skip(1)).envs(variable);
    let status = command.status().context("can't run cargo")?;
    ensure!(status.success(), "cargo {} failed", arguments.join(" "));
    Ok(ExitCode::SUCCESS)
}
