//! The programs that the chores run, built before they run. What is built for development is always all of the
//! workspace: a part of it alone would have other features of the same dependencies, and everything be compiled anew.

#![allow(clippy::disallowed_methods, reason = "a chore asks the environment where things are built")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

/// Builds all programs, the daemon, its testkit's and the chores, and says in which folder they lie.
pub(crate) fn built(top: &Path) -> Result<PathBuf> {
    build(top, &["--workspace", "--bins"])?;
    Ok(target(top).join("debug"))
}

/// Builds the program as it is shipped, and says where it lies.
pub(crate) fn release(top: &Path) -> Result<PathBuf> {
    build(top, &["--release"])?;
    Ok(target(top).join("release/devicedrop"))
}

/// Builds programs of the testkit in the way of a release, too, and says in which folder they and the daemon lie.
pub(crate) fn release_with(top: &Path, name: &str) -> Result<PathBuf> {
    let packages = ["--package", "devicedrop", "--package", "devicedrop-testkit"];
    build(top, &[&packages[..], &["--bin", "devicedrop", "--bin", name, "--release"]].concat())?;
    Ok(target(top).join("release"))
}

/// Builds, and runs one of the programs that aren't shipped.
pub(crate) fn run(top: &Path, name: &str, arguments: &[&str]) -> Result<ExitCode> {
    ran(Command::new(built(top)?.join(name)).current_dir(top).args(arguments))
}

/// Runs what was built, and ends as it ended.
pub(crate) fn ran(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().with_context(|| format!("can't run {}", command.get_program().display()))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Cargo, as a person would run it: what the one that runs this chore says of its package is taken away. Build scripts
/// of dependencies look at that, and with other values they and all above them would be built anew.
pub(crate) fn cargo(top: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(top);
    let said = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(said) {
            command.env_remove(name);
        }
    }
    command
}

fn build(top: &Path, what: &[&str]) -> Result<()> {
    let words = [&["build", "--quiet"], what].concat();
    let status = cargo(top).args(&words).status().context("can't run cargo")?;
    ensure!(status.success(), "cargo {} failed", words.join(" "));
    Ok(())
}

fn target(top: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top.join("target"), PathBuf::from)
}
