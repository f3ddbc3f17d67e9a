//! The whole daemon in one process, on one thread and under a clock that goes as fast as it is asked to: the true code,
//! the true ledger, the true files, and around them senders, a registrar, a disk and kills by the chances of a seed.
//!
//! The same seed gives the very same trace. For that each simulation has a process of its own, whose random bytes come
//! from the seed (`seeded.c`), too; this module starts those processes and tells what came of them. What is simulated
//! and what isn't is said in `docs/reliability.md`.

mod clock;
mod crowd;
mod driver;
mod life;
mod model;
mod registrar;
#[cfg(test)]
mod tests;
mod trace;
mod world;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crowd::Crowd;

/// Set in the environment of a process that is a simulation: what it is to do.
const TASK: &str = "DEVICEDROP_SIMULATED_TASK";
/// The seed of its random bytes.
const SEED: &str = "DEVICEDROP_SIMULATED_SEED";

/// Seconds of the machine's work after which a simulation is taken to go in circles: the system ends it then. Those
/// of the wall clock would hang on what else the machine does.
const PATIENCE: &str = "ulimit -t 300; exec \"$@\"";

/// Where the temporary folders lie, if it is there: a simulation cares for the order of writes, not for disks.
const IN_MEMORY: &str = "/dev/shm";

/// What to simulate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// The first seed.
    pub seed: u64,
    /// How many seeds, from that one on.
    pub seeds: u64,
    /// Steps of each.
    pub steps: u64,
    /// Where the whole trace of the last seed is written.
    pub trace: Option<PathBuf>,
}

impl Default for Simulation {
    fn default() -> Self {
        Self { seed: 1, seeds: 1, steps: 120, trace: None }
    }
}

/// What one process is to simulate.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    seed: u64,
    steps: u64,
    trace: Option<PathBuf>,
    /// Whether few rows are to wait behind many, and nothing else to happen.
    #[serde(default)]
    crowd: Option<Crowd>,
}

/// What came of one seed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The seed.
    pub seed: u64,
    /// Its steps.
    pub steps: u64,
    /// How many times a daemon was started.
    pub lives: u64,
    /// How many of those were killed.
    pub kills: u64,
    /// How many ended since a commit was made to fail.
    pub failed_writes: u64,
    /// Seconds that passed by the simulation's clock.
    pub seconds: u64,
    /// Rows on record.
    pub rows: u64,
    /// Calls of the registrar.
    pub calls: u64,
    /// Moments at which a kill could have taken effect.
    pub moments: u64,
    /// Lines of the trace.
    pub lines: u64,
    /// The digest of the trace.
    pub digest: String,
}

/// Is a simulation, and never returns, if the environment says so; does nothing otherwise.
pub fn run_if_told() {
    let Some(task) = std::env::var_os(TASK) else { return };
    let told =
        serde_json::from_str(&task.to_string_lossy()).map_err(anyhow::Error::from).and_then(|task: Task| match task
            .crowd
        {
            Some(crowd) => crowd::run(crowd),
            None => life::run(task.seed, task.steps, task.trace.as_deref()),
        });
    let (text, code) = match told.and_then(|told| Ok(serde_json::to_string(&told)?)) {
        Ok(text) => (text, 0),
        Err(error) => (format!("{error:#}"), 1),
    };
    // Whoever started this process sees by the code, too, what came of it.
    drop(writeln!(std::io::stdout(), "{text}"));
    #[expect(clippy::exit, reason = "this process is the simulation and nothing else")]
    std::process::exit(code);
}

impl Simulation {
    /// Runs it in processes of this very binary, which calls [`run_if_told`] when it is run with these arguments. Says
    /// how it goes, a line for each seed.
    pub fn run(&self, arguments: &[&str], out: &mut dyn Write) -> Result<()> {
        let folder = tempfile::Builder::new().prefix("devicedrop-simulate-").tempdir()?;
        let shim = Shim { file: seeded(folder.path())?, arguments };
        let mut all = Told::default();
        for seed in (self.seed..).take(usize::try_from(self.seeds)?) {
            let task = Task { seed, steps: self.steps, trace: self.trace.clone(), crowd: None };
            match simulate(&shim, &task)? {
                Ok(told) => {
                    tell(&told, out)?;
                    all.add(&told);
                }
                Err(what) => {
                    writeln!(out, "seed {seed}: {what}")?;
                    let steps = self.shrunk(&shim, seed)?;
                    bail!("a violation; again: cargo xtask simulate --seed {seed} --steps {steps} --trace FILE");
                }
            }
        }
        writeln!(
            out,
            "{} seeds, {} steps, {} lives, {} kills, {} failed writes, {} rows, {} calls, {} moments, \
             {} simulated hours: no violation",
            self.seeds,
            all.steps,
            all.lives,
            all.kills,
            all.failed_writes,
            all.rows,
            all.calls,
            all.moments,
            all.seconds / 3_600
        )?;
        Ok(())
    }

    /// The fewest steps with which a seed still shows a violation, as far as halving finds them.
    fn shrunk(&self, shim: &Shim<'_>, seed: u64) -> Result<u64> {
        let (mut holds, mut fails) = (0, self.steps);
        while fails - holds > 1 {
            let steps = holds + (fails - holds) / 2;
            match simulate(shim, &Task { seed, steps, trace: None, crowd: None })? {
                Ok(_) => holds = steps,
                Err(_) => fails = steps,
            }
        }
        Ok(fails)
    }
}

impl Told {
    fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.lives += other.lives;
        self.kills += other.kills;
        self.failed_writes += other.failed_writes;
        self.seconds += other.seconds;
        self.rows += other.rows;
        self.calls += other.calls;
        self.moments += other.moments;
    }
}

fn tell(told: &Told, out: &mut dyn Write) -> Result<()> {
    let hours = told.seconds / 3_600;
    let digest = told.digest.get(..16).unwrap_or_default();
    writeln!(
        out,
        "seed {}: {} steps, {} lives, {} kills, {} failed writes, {} rows, {} calls, {hours} h, trace {digest} of {} lines",
        told.seed, told.steps, told.lives, told.kills, told.failed_writes, told.rows, told.calls, told.lines
    )?;
    Ok(())
}

/// How a process becomes a simulation.
struct Shim<'a> {
    /// What is loaded in front of the system's library.
    file: PathBuf,
    arguments: &'a [&'a str],
}

/// Runs one simulation in a process of its own: what came of it, or what it found.
fn simulate(shim: &Shim<'_>, task: &Task) -> Result<Result<Told, String>> {
    let mut command = Command::new("sh");
    command.args(["-c", PATIENCE, "sh"]).arg(std::env::current_exe()?).args(shim.arguments);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TZ", "UTC")
        .env("LD_PRELOAD", &shim.file)
        .env(SEED, task.seed.to_string())
        .env(TASK, serde_json::to_string(task)?)
        .stdin(Stdio::null());
    let in_memory = Path::new(IN_MEMORY);
    command.env("TMPDIR", if in_memory.is_dir() { in_memory.to_owned() } else { std::env::temp_dir() });
    let Output { status, stdout, stderr } = command.output().context("no shell `sh`")?;
    let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if status.success() {
        let last = said.lines().last().unwrap_or_default();
        return Ok(Ok(serde_json::from_str(last).with_context(|| format!("{said}{complained}"))?));
    }
    Ok(Err(format!("{said}{complained}({status})")))
}

/// Compiles what makes random bytes come from a seed.
fn seeded(folder: &Path) -> Result<PathBuf> {
    let (source, shim) = (folder.join("seeded.c"), folder.join("seeded.so"));
    fs::write(&source, include_str!("seeded.c"))?;
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&shim, &source])
        .status()
        .context("no C compiler `cc`")?;
    ensure!(compiled.success(), "seeded.c can't be compiled");
    Ok(shim)
}
