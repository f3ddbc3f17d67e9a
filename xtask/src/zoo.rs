//! The zoo of file contents: a program of the testkit, which brings the table along.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::programs;

/// Runs what is asked for: the big files in full size or not, LibreOffice, or the writing of what is made of the table.
pub(super) fn run(top: &Path, arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        ["--write"] => return write(top),
        ["--libreoffice"] => return programs::run(top, "zoo", &["--libreoffice"]),
        [] | ["--quick"] => {}
        _ => bail!("usage: cargo xtask zoo [--quick | --libreoffice | --write]"),
    }
    let release = programs::release(top)?;
    let release = release.to_str().context("a path in UTF-8")?;
    programs::run(top, "zoo", &[&["--program", release], arguments].concat())
}

/// The tests compare what is made of the table, or write it.
fn write(top: &Path) -> Result<ExitCode> {
    let test = ["test", "--quiet", "--package", "devicedrop-testkit", "--lib", "zoo::tests::every_case"];
    programs::ran(programs::cargo(top).args(test).env("DEVICEDROP_BLESS", "1"))
}
