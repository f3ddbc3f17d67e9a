//! One customer drops thousands of files, another one a single file: how long the one waits for its answer, with the
//! flood and without, in turn, in one run of the daemon; and whether it is answered before the flood is through.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::env::TestEnv;
use crate::process::Daemon;
use crate::under_test::UnderTest;

const NOISY: &str = "contoso";
const QUIET: &str = "fabrikam";

/// Answers measured in a row, without a flood and with one.
const SAMPLES: usize = 10;

/// For each file of a flood, so many that are gone again at once.
const GONE_AGAIN: u64 = 6;

/// Memory that no flood may take, in KiB.
const MEMORY_MAX_KIB: u64 = 512 * 1024;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flood {
    /// Files of one flood.
    pub files: u64,
    /// How many floods, one after another.
    pub rounds: u64,
    /// The order folders over which a flood's files are spread; none: they lie in the drop folder itself.
    pub folders: u64,
    /// Whether the flood's files are empty.
    pub empty: bool,
}

impl Flood {
    /// Has a flood lie there before the quiet customer's file does, and fails unless that is answered while most of
    /// the flood still waits: an order, whatever the time it takes.
    pub fn in_order(self, daemon: &UnderTest, out: &mut dyn Write) -> Result<()> {
        let env = two_customers()?;
        self.pour(0, &env.root().join(NOISY))?;
        let path = env.drop_file(QUIET, "quiet.csv", csv("quiet"))?;
        let mut daemon = daemon.embedded(&env, None)?;
        daemon.wait_for_result(&path.with_file_name("quiet.result.csv"))?;
        wait_for_its_end(&env, &mut daemon, self.files)?;
        let quiet = format!("SELECT min(seq) FROM audit_results WHERE final = 1 AND customer = '{QUIET}'");
        let before = answered(&env, &format!("customer = '{NOISY}' AND seq < ({quiet})"))?;
        writeln!(out, "in order: the quiet customer's file after {before} of {} of the flood", self.files)?;
        ensure!(before < self.files / 2, "most of the flood was answered first, though one customer delays no other");
        ensure!(daemon.terminate()?.0 == 0, "it stops in order");
        Ok(())
    }

    /// Runs it, and prints how long the quiet customer waited.
    pub fn run(self, daemon: &UnderTest, out: &mut dyn Write) -> Result<()> {
        let env = two_customers()?;
        let mut daemon = daemon.embedded(&env, None)?;
        daemon.wait_for_message("ready")?;
        let (mut alone, mut flooded) = (Vec::new(), Vec::new());
        for round in 0..self.rounds {
            alone.extend(samples(&env, &mut daemon, &format!("alone-{round}"), SAMPLES, || true)?);
            let (folder, flood) = (env.root().join(NOISY), self);
            let began = Instant::now();
            let pouring = thread::spawn(move || flood.pour(round, &folder));
            // One at least while files still come, the rest while the daemon has them to do.
            flooded.extend(samples(&env, &mut daemon, &format!("flooded-{round}"), SAMPLES, || true)?);
            flooded.extend(samples(&env, &mut daemon, &format!("pouring-{round}"), SAMPLES * 100, || {
                !pouring.is_finished()
            })?);
            pouring.join().map_err(|_| anyhow!("the flood panicked"))??;
            flooded.extend(samples(&env, &mut daemon, &format!("after-{round}"), SAMPLES, || true)?);
            let answered = wait_for_its_end(&env, &mut daemon, (round + 1) * self.files)?;
            let took = began.elapsed().as_secs();
            writeln!(out, "flood {}: {took} s until all {answered} files were dropped and answered", round + 1)?;
        }
        let memory = peak_memory(daemon.pid())?;
        tell(out, "alone", &mut alone)?;
        tell(out, "during a flood", &mut flooded)?;
        writeln!(out, "flood: {} MiB of memory at most", memory / 1024)?;
        ensure!(memory < MEMORY_MAX_KIB, "{} MiB are more than a flood may take", memory / 1024);
        ensure!(daemon.terminate()?.0 == 0, "it stops in order");
        Ok(())
    }

    fn pour(self, round: u64, folder: &Path) -> Result<()> {
        for file in 0..self.files {
            let text = if self.empty { String::new() } else { csv(&format!("{round}-{file}")) };
            let inside = match self.folders {
                0 => folder.to_owned(),
                folders => folder.join(format!("PO-{}", file % folders)),
            };
            fs::create_dir_all(&inside)?;
            fs::write(inside.join(format!("f-{round}-{file}.csv")), text)?;
            for gone in 0..GONE_AGAIN {
                let path = folder.join(format!("gone-{gone}.csv"));
                fs::write(&path, "")?;
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn two_customers() -> Result<TestEnv> {
    let mut env = TestEnv::new("/bin/false")?;
    env.set_variable("DEVICEDROP_LOG", "info");
    for customer in [NOISY, QUIET] {
        fs::create_dir(env.root().join(customer))?;
    }
    Ok(env)
}

/// As long as anything comes of the flood, it is waited for.
fn wait_for_its_end(env: &TestEnv, daemon: &mut Daemon, files: u64) -> Result<u64> {
    let mut last = (0, Instant::now());
    loop {
        daemon.live_for(Duration::from_millis(200));
        let answered = answered(env, &format!("customer = '{NOISY}' AND file LIKE '%f-%'"))?;
        if answered >= files {
            return Ok(answered);
        }
        if answered > last.0 {
            last = (answered, Instant::now());
        }
        ensure!(last.1.elapsed() < Duration::from_mins(1), "stuck at {answered} of {files} answers");
    }
}

/// How many submissions of this kind have their final result.
pub fn answered(env: &TestEnv, of: &str) -> Result<u64> {
    let rows = env.query(&format!("SELECT count(*) FROM audit_results WHERE final = 1 AND {of}"))?;
    rows.into_iter().flatten().next().and_then(|value| value.as_u64()).context("a number")
}

/// The most memory that a process had, in KiB.
pub fn peak_memory(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the peak of its memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn csv(serial: &str) -> String {
    format!("Manufacturer,Model,Serial Number\nContoso,Book,{serial}\n")
}

/// Files of the quiet customer, each dropped once the one before is answered; at most so many, while it is wanted.
fn samples(
    env: &TestEnv,
    daemon: &mut Daemon,
    name: &str,
    most: usize,
    wanted: impl Fn() -> bool,
) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    while took.len() < most && wanted() {
        let name = format!("{name}-{}", took.len());
        let began = Instant::now();
        let path = env.drop_file(QUIET, &format!("{name}.csv"), csv(&name))?;
        daemon.wait_for_result(&path.with_file_name(format!("{name}.result.csv")))?;
        took.push(began.elapsed());
    }
    Ok(took)
}

fn tell(out: &mut dyn Write, what: &str, took: &mut [Duration]) -> Result<()> {
    took.sort();
    let at = |percent: usize| took.get((took.len() - 1) * percent / 100).map_or(0, Duration::as_millis);
    ensure!(!took.is_empty(), "nothing was measured");
    writeln!(
        out,
        "the quiet customer's answer, {what}: half of {} within {} ms, 90 % within {} ms, 99 % within {} ms, all within {} ms",
        took.len(),
        at(50),
        at(90),
        at(99),
        at(100)
    )?;
    Ok(())
}
