//! The sweeps and the soak: programs of the testkit that disturb the program as it is built, which must be built before.
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

/// Builds the program and the soak, as a release but for its slice in the gate, and runs it.
pub(super) fn soak(top: &Path, arguments: &[&str]) -> anyhow::Result<ExitCode> {
    let quick = arguments.contains(&"--quick");
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(top).args(["build", "--quiet", "--package", "devicedrop", "--package", "devicedrop-testkit"]);
    build.args(["--bin", "devicedrop", "--bin", "soak"]);
    if !quick {
        build.arg("--release");
    }
    if !build.status().context("can't run cargo")?.success() {
        return Ok(ExitCode::FAILURE);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top.join("target"), PathBuf::from);
    let folder = target.join(if quick { "debug" } else { "release" });
    let status = Command::new(folder.join("soak")).arg(folder.join("devicedrop")).args(arguments).status();
    Ok(if status.context("can't run the soak")?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
