//! What the program needs for a file: the daemon that takes it, and `check`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Case, Size};
use crate::env::TestEnv;
use crate::process::Daemon;

/// Runs a command and prints the most memory that it had, in KiB. Only who waits for a process learns that, and only
/// by a call that no safe crate offers.
const WRAPPER: &str = "
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
";

/// What a case took.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The file's size.
    pub bytes: u64,
    /// The daemon's most memory while it took the file and answered it, in KiB.
    pub daemon: u64,
    /// That of `check`.
    pub check: u64,
    /// The result file.
    pub answer: String,
}

/// Drops a case into a running daemon, waits for the answer, and then has the file checked.
pub fn measure(env: &TestEnv, daemon: &mut Daemon, customer: &str, case: &Case, size: Size) -> Result<Measured> {
    let folder = env.root().join(customer);
    fs::create_dir_all(&folder)?;
    let proc = PathBuf::from(format!("/proc/{}", daemon.pid()));
    // From here on, the peak is that of what follows.
    fs::write(proc.join("clear_refs"), "5").context("the kernel doesn't let go of the peak of memory")?;
    let (aside, path) = (folder.join(".big.part"), folder.join(format!("{}.csv", case.name)));
    let bytes = case.write_to(&aside, size)?;
    fs::rename(&aside, &path)?;
    let answer = daemon.wait_for_result(&folder.join(format!("{}.result.csv", case.name)))?;
    let measured = Measured { bytes, daemon: peak(&proc)?, check: check(env, &path)?, answer };
    fs::remove_file(&path)?;
    Ok(measured)
}

/// The most memory that a process had, in KiB.
fn peak(proc: &Path) -> Result<u64> {
    let status = fs::read_to_string(proc.join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn check(env: &TestEnv, path: &Path) -> Result<u64> {
    let program = env.command();
    let mut wrapped = env.command_of(python()?);
    let output = wrapped.args(["-c", WRAPPER]).arg(program.get_program()).arg("check").arg(path).output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Python itself, where the name in `PATH` may be a script that needs its surroundings.
pub(super) fn python() -> Result<PathBuf> {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let output = output.context("python3 is needed")?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?.trim().into())
}
