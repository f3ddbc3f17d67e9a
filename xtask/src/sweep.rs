//! The sweeps: programs of the testkit that disturb the program as it is built, which must be built before.
#![allow(clippy::disallowed_methods, reason = "a chore asks the environment where things are built")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context;

use super::of_the_testkit;

/// Builds the program, and runs one of the sweeps with it.
pub(super) fn run(top: &Path, name: &str, arguments: &[&str]) -> anyhow::Result<ExitCode> {
    let cargo = ["build", "--quiet", "--package", "devicedrop"];
    let status = Command::new(env!("CARGO")).current_dir(top).args(cargo).status().context("can't run cargo")?;
    if !status.success() {
        return Ok(ExitCode::FAILURE);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top.join("target"), PathBuf::from);
    let program = target.join("debug/devicedrop");
    let program = program.to_str().context("the path of the program isn't UTF-8")?;
    of_the_testkit(top, name, &[&[program], arguments].concat())
}
