//! What the program needs for a file: the daemon that takes it, and `check`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::{Case, Size};
use crate::env::TestEnv;
use crate::process::Daemon;

/// Runs a command under a limit on its memory, and prints its exit code and the most memory that it had, in KiB. Only
/// who waits for a process learns that, and only by a call that no safe crate offers.
const WRAPPER: &str = "
import resource, subprocess, sys
limit = int(sys.argv[1])
held = lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
done = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=held)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
";

/// Memory that nothing may take, in KiB; some of the big cases are bigger, in each size.
pub const MEMORY: u64 = 64 * 1024;

/// What a process may write to of its own (heap, stacks of threads), in bytes: whoever asks for more isn't given it,
/// and ends.
const LIMIT: u64 = MEMORY * 1024;

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

/// From now on the kernel gives a daemon no more memory than nothing may take.
pub fn limit_memory(daemon: &Daemon) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(daemon.pid())?).context("a process")?;
    let limit = Rlimit { current: Some(LIMIT), maximum: Some(LIMIT) };
    prlimit(Some(pid), Resource::Data, limit).context("the kernel sets no limit")?;
    Ok(())
}

/// Drops a case into a running daemon, waits for the answer, and then has the file checked, under a limit of memory.
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
    let (code, peak) = limited(env, Command::new(program.get_program()).arg("check").arg(path))?;
    ensure!(matches!(code, 0 | 1), "check ended with {code} where it may take {MEMORY} KiB");
    Ok(peak)
}

/// Runs a command under the limit: its exit code, or less than 0 for a signal, and its peak of memory.
fn limited(env: &TestEnv, command: &Command) -> Result<(i32, u64)> {
    let mut wrapped = env.command_of(python()?);
    wrapped.args(["-c", WRAPPER, &LIMIT.to_string()]).arg(command.get_program()).args(command.get_args());
    let output = wrapped.output()?;
    ensure!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout)?;
    let (code, peak) = told.trim().split_once(' ').context("two numbers")?;
    Ok((code.parse()?, peak.parse()?))
}

/// Python itself, where the name in `PATH` may be a script that needs its surroundings.
pub(super) fn python() -> Result<PathBuf> {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let output = output.context("python3 is needed")?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_more_than_the_limit_fails() {
        let env = TestEnv::new("/bin/false").expect("a place");
        let taking = |mib: u32| {
            let script = format!("taken = bytearray({mib} << 20)");
            limited(&env, Command::new(python().expect("Python")).args(["-c", &script])).expect("it ran")
        };
        let (code, peak) = taking(30);
        assert!(code == 0 && peak > 30 * 1024, "{code}, {peak} KiB");
        assert_ne!(taking(80).0, 0);
    }
}
