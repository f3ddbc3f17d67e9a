//! Plants known bugs into a copy of the tree, one after the other, and looks whether the guard that claims to notice
//! each does. A guard that has never failed may be one that can't.
//!
//! The copy lies below `target/`, with a target folder of its own; which bugs there are is in `bugs`.
#![allow(clippy::disallowed_methods, reason = "a chore copies and compares files that only developers have")]

mod bugs;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use self::bugs::{ALL, Bug, Guard, second_guard};
use crate::programs;

/// Does what its arguments say: all bugs, only one, or a look whether each can still be planted.
pub(super) fn run(top: &Path, arguments: &[&str], out: &mut impl Write) -> Result<ExitCode> {
    match arguments {
        ["--check"] => check(top, out),
        [] => plant_all(top, &ALL, out),
        ["--only", number] => {
            let only: Vec<Bug> = ALL.into_iter().filter(|bug| bug.number == *number).collect();
            ensure!(!only.is_empty(), "there is no planted bug {number}; there are M1 to M{}", ALL.len());
            plant_all(top, &only, out)
        }
        _ => bail!("usage: cargo xtask planted [--only M4 | --check]"),
    }
}

/// Whether each patch applies to the tree as it is. Whether its guard still notices it takes a build for each.
fn check(top: &Path, out: &mut impl Write) -> Result<ExitCode> {
    for bug in ALL {
        git_apply(top, &patch(top, &bug), &["--check"])
            .with_context(|| format!("{} can't be planted any more: make its patch anew", bug.number))?;
    }
    writeln!(out, "all {} bugs can be planted", ALL.len())?;
    Ok(ExitCode::SUCCESS)
}

fn plant_all(top: &Path, bugs: &[Bug], out: &mut impl Write) -> Result<ExitCode> {
    let place = Place {
        tree: top.join("target/planted/tree"),
        target: top.join("target/planted/target"),
        leavings: tempfile::Builder::new().prefix("devicedrop-planted-").tempdir()?,
    };
    copy(top, &place.tree)?;
    let mut missed = 0;
    for bug in bugs {
        let began = Instant::now();
        let patch = patch(top, bug);
        git_apply(&place.tree, &patch, &[]).with_context(|| format!("{} can't be planted", bug.number))?;
        let guards = [Some(bug.guard), second_guard(bug)];
        let caught: Result<Vec<bool>> = guards.into_iter().flatten().map(|guard| place.guard_fails(guard)).collect();
        git_apply(&place.tree, &patch, &["--reverse"])?;
        let caught = caught.with_context(|| bug.number.to_owned())?.into_iter().all(|caught| caught);
        missed += usize::from(!caught);
        let word = if caught { "caught" } else { "NOT CAUGHT" };
        let seconds = began.elapsed().as_secs();
        writeln!(out, "| {} | {} | {} | {word} | {seconds} s |", bug.number, bug.what, shown(bug.guard))?;
    }
    writeln!(out, "{} of {} caught", bugs.len() - missed, bugs.len())?;
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn patch(top: &Path, bug: &Bug) -> PathBuf {
    top.join("crates/testkit/planted").join(format!("{}.patch", bug.patch))
}

fn shown(guard: Guard) -> String {
    match guard {
        Guard::Test(package, _, name) => format!("`cargo test -p {package} {name}`"),
        Guard::Chore(words, _) => format!("`cargo xtask {}`", words.join(" ")),
    }
}

/// The copy, what is built of it, and where it leaves what a person would look at.
struct Place {
    tree: PathBuf,
    target: PathBuf,
    leavings: tempfile::TempDir,
}

impl Place {
    /// Whether the guard, which is fine without the bug, says what is wrong with it.
    fn guard_fails(&self, guard: Guard) -> Result<bool> {
        match guard {
            Guard::Test(package, binary, name) => {
                let tests = [&["test", "--quiet", "--package", package], binary].concat();
                self.builds(&[&tests[..], &["--no-run"]].concat())?;
                let said = self.cargo(&[&tests[..], &[name]].concat())?;
                let printed = text_of(&said);
                ensure!(!printed.contains("running 0 tests"), "there is no test {name} any more");
                Ok(!said.status.success() && printed.contains("test result: FAILED"))
            }
            Guard::Chore(words, finding) => {
                self.builds(&["build", "--quiet", "--workspace", "--bins"])?;
                let said = self.cargo(&[&["run", "--quiet", "--package", "xtask", "--"], words].concat())?;
                Ok(!said.status.success() && text_of(&said).contains(finding))
            }
        }
    }

    /// A bug that doesn't compile shows nothing.
    fn builds(&self, arguments: &[&str]) -> Result<()> {
        let said = self.cargo(arguments)?;
        ensure!(said.status.success(), "with the bug in it, it doesn't build: {}", text_of(&said));
        Ok(())
    }

    fn cargo(&self, arguments: &[&str]) -> Result<Output> {
        programs::cargo(&self.tree)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("TMPDIR", self.leavings.path())
            .env("PROPTEST_RNG_SEED", "1")
            .env_remove("RUST_BACKTRACE")
            .args(arguments)
            .output()
            .context("can't run cargo")
    }
}

fn text_of(said: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr))
}

/// Applies a patch to a tree, which needn't be git's.
fn git_apply(tree: &Path, patch: &Path, how: &[&str]) -> Result<()> {
    let said = Command::new("git")
        .current_dir(tree)
        .env("GIT_CEILING_DIRECTORIES", tree.parent().unwrap_or(tree))
        .arg("apply")
        .args(how)
        .arg(patch)
        .output()
        .context("can't run git")?;
    ensure!(said.status.success(), "{}: {}", patch.display(), String::from_utf8_lossy(&said.stderr).trim());
    Ok(())
}

/// Makes the copy the same as the tree, and touches nothing in it that is the same already, or all is built anew.
fn copy(top: &Path, tree: &Path) -> Result<()> {
    let said = Command::new("git")
        .current_dir(top)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("can't run git")?;
    ensure!(said.status.success(), "git doesn't say which files are ours");
    let names: Vec<&str> = std::str::from_utf8(&said.stdout)?.split('\0').filter(|name| !name.is_empty()).collect();
    for name in &names {
        let (from, to) = (top.join(name), tree.join(name));
        // Deleted and not yet committed.
        let Ok(bytes) = fs::read(&from) else { continue };
        if fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        fs::create_dir_all(to.parent().context("a file's folder")?)?;
        fs::write(&to, bytes).with_context(|| format!("can't write {}", to.display()))?;
    }
    remove_others(tree, tree, &names.iter().map(Path::new).collect())
}

/// What was ours when the copy was made before, and isn't any more.
fn remove_others(tree: &Path, folder: &Path, ours: &std::collections::HashSet<&Path>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(tree, &path, ours)?;
        } else if !ours.contains(path.strip_prefix(tree)?) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bug_has_its_patch_and_each_patch_its_bug() -> Result<()> {
        let top = crate::top()?;
        let mut there: Vec<_> = fs::read_dir(top.join("crates/testkit/planted"))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        there.sort();
        let named: Vec<_> = ALL.iter().map(|bug| patch(&top, bug)).collect();
        assert_eq!(there, named);
        Ok(())
    }
}
