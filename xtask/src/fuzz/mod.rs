//! `cargo xtask fuzz`: builds the fuzz targets of fuzz/ once and runs each for a slice of time, or for so many
//! executions, beginning with the bad files of the tests. Prints a table and fails on a finding, and also where a
//! target didn't run.
//!
//! The targets themselves, and what each holds, are in fuzz/fuzz_targets/. How they are built is in `build`, what an
//! input begins with in `seeds`, and what all runs came to in `totals`.

#![expect(clippy::disallowed_methods, reason = "writes below target/ what nothing of the product reads")]

mod build;
mod seeds;
mod totals;

use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use totals::{Total, Totals};

/// A target, and the longest input that is tried on it: longer ones find little more and take their time.
struct Target {
    name: &'static str,
    longest: u32,
}

const fn target(name: &'static str, longest: u32) -> Target {
    Target { name, longest }
}

const TARGETS: [Target; 11] = [
    target("sheet", 384),
    target("result", 384),
    target("order_file", 256),
    target("config", 1024),
    target("control", 512),
    target("names", 128),
    target("answers", 256),
    target("hardware_hash", 256),
    target("record", 512),
    target("proof", 8192),
    target("ledger", 128),
];

/// A single input that takes longer, in seconds, hangs.
const HANGS: u32 = 20;

/// More memory than this, in MiB, is a finding.
const MEMORY: u32 = 1024;

/// What to run, and for how long.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    targets: Vec<String>,
    slice: Slice,
    jobs: usize,
    work: Work,
}

/// What is to be done with the targets.
#[derive(Debug, PartialEq, Eq)]
enum Work {
    /// Build and run them.
    Run,
    /// Only build them.
    Build,
    /// Only tell what all runs came to so far.
    Totals,
}

/// How much of each target.
#[derive(Debug, PartialEq, Eq)]
enum Slice {
    Seconds(u64),
    Executions(u64),
}

impl Plan {
    fn parse(arguments: &[&str]) -> Result<Self> {
        let mut plan = Self { targets: Vec::new(), slice: Slice::Seconds(30), jobs: 1, work: Work::Run };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match *word {
                "--totals" => plan.work = Work::Totals,
                "--build" => plan.work = Work::Build,
                _ => plan.set(word, words.next().with_context(|| format!("{word} needs a value"))?)?,
            }
        }
        let known = |name: &str| TARGETS.iter().any(|target| target.name == name);
        if let Some(unknown) = plan.targets.iter().find(|name| !known(name)) {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            bail!("{unknown} is not a target; those are {}", names.join(", "));
        }
        Ok(plan)
    }

    fn set(&mut self, word: &str, value: &str) -> Result<()> {
        let number = || value.parse().ok().filter(|number| *number > 0).context("expected a number above 0");
        match word {
            "--target" => self.targets.push(value.to_owned()),
            "--seconds" => self.slice = Slice::Seconds(number()?),
            "--executions" => self.slice = Slice::Executions(number()?),
            "--jobs" => self.jobs = usize::try_from(number()?)?,
            _ => bail!("{word} is none of --target, --seconds, --executions, --jobs, --build, --totals"),
        }
        Ok(())
    }

    fn wants(&self, target: &Target) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|name| name == target.name)
    }
}

/// Where things lie, all below the build folder.
struct Places {
    build: PathBuf,
    seeds: PathBuf,
    /// Seeds that were written by hand, with the findings of old among them.
    kept: PathBuf,
    corpus: PathBuf,
    findings: PathBuf,
    totals: PathBuf,
}

impl Places {
    fn of(top: &Path) -> Self {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top.join("target"), PathBuf::from);
        let fuzz = target.join("fuzz");
        Self {
            build: fuzz.join("build"),
            seeds: fuzz.join("seeds"),
            kept: top.join("fuzz/seeds"),
            corpus: fuzz.join("corpus"),
            findings: fuzz.join("findings"),
            totals: fuzz.join("totals"),
        }
    }
}

/// What came of one target.
struct Ran {
    name: &'static str,
    executions: u64,
    seconds: f64,
    /// Whether libFuzzer saw what its inputs reach.
    guided: bool,
    /// What ended it before its time; nothing when it ran to its end.
    finding: Option<String>,
}

impl Ran {
    fn total(&self) -> Total {
        let seconds = Duration::try_from_secs_f64(self.seconds).unwrap_or_default().as_secs();
        Total { executions: self.executions, seconds, findings: u64::from(self.finding.is_some()) }
    }

    /// Why it counts for nothing, if it does.
    fn failure(&self) -> Option<String> {
        if let Some(finding) = &self.finding {
            return Some(finding.clone());
        }
        match (self.executions, self.guided) {
            (0, _) => Some("didn't run".to_owned()),
            (_, false) => Some("ran without its instrumentation".to_owned()),
            _ => None,
        }
    }
}

pub(crate) fn run(top: &Path, arguments: &[&str], out: &mut impl Write) -> Result<ExitCode> {
    let plan = Plan::parse(arguments)?;
    let places = Places::of(top);
    let totals = Totals::read(places.totals.clone())?;
    let names = || TARGETS.iter().map(|target| target.name);
    if plan.work == Work::Totals {
        totals.tell(names(), out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let binaries = build::build(top, &places.build)?;
    if plan.work == Work::Build {
        return Ok(ExitCode::SUCCESS);
    }
    let made = seeds::make(top, &places.seeds)?;
    writeln!(out, "{made} inputs to begin with, in {}", places.seeds.display())?;
    let wanted: Vec<&Target> = TARGETS.iter().filter(|target| plan.wants(target)).collect();
    let queue: Mutex<VecDeque<&Target>> = Mutex::new(wanted.iter().copied().collect());
    let next = || queue.lock().ok().and_then(|mut queue| queue.pop_front());
    let totals = Mutex::new(totals);
    let work = || {
        let mut ran = Vec::new();
        while let Some(target) = next() {
            let one = run_one(target, &plan.slice, &binaries, &places)?;
            let mut totals = totals.lock().map_err(|_| anyhow::anyhow!("a worker panicked"))?;
            totals.add(one.name, one.total())?;
            ran.push(one);
        }
        Ok::<_, anyhow::Error>(ran)
    };
    let mut ran = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.jobs).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            ran.extend(worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??);
        }
        Ok::<_, anyhow::Error>(())
    })?;
    let place = |one: &Ran| TARGETS.iter().position(|target| target.name == one.name);
    ran.sort_by_key(place);
    let well = table(&ran, out)?;
    // Each that was asked for is in the table, or it isn't known whether it would have found anything.
    Ok(if well && ran.len() == wanted.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_one(target: &Target, slice: &Slice, binaries: &Path, places: &Places) -> Result<Ran> {
    let (corpus, findings) = (places.corpus.join(target.name), places.findings.join(target.name));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&findings)?;
    let seeds = [&places.seeds, &places.kept].map(|folder| folder.join(target.name));
    let limit = match slice {
        Slice::Seconds(seconds) => format!("-max_total_time={seconds}"),
        Slice::Executions(executions) => format!("-runs={executions}"),
    };
    let began = Instant::now();
    let output = Command::new(binaries.join(target.name))
        .arg(&corpus)
        .args(seeds.iter().filter(|folder| folder.is_dir()))
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .arg(limit)
        .arg(format!("-max_len={}", target.longest))
        .arg(format!("-timeout={HANGS}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .arg("-print_final_stats=1")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't run the target {}", target.name))?;
    let seconds = began.elapsed().as_secs_f64();
    let log = findings.join("last.log");
    fs::write(&log, &output.stderr)?;
    let told = String::from_utf8_lossy(&output.stderr);
    let ended =
        (!output.status.success()).then(|| finding(&told).unwrap_or_else(|| format!("see {}", log.display())));
    let executions = executions(&told).unwrap_or(0);
    Ok(Ran { name: target.name, executions, seconds, guided: guided(&told), finding: ended })
}

/// How many inputs were tried, as libFuzzer's last words say.
fn executions(told: &str) -> Option<u64> {
    let line = told.lines().rev().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?;
    line.trim().parse().ok()
}

/// Whether it was told what to look at.
fn guided(told: &str) -> bool {
    told.lines().any(|line| line.contains(" inline 8-bit counters)"))
}

/// What was found and in which file the input is.
fn finding(told: &str) -> Option<String> {
    let input = told.lines().rev().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path)?;
    let panic = told.lines().find(|line| line.contains(" panicked at ") || line.starts_with("==")).unwrap_or("");
    Some(format!("{}: {}", input.trim(), panic.trim()))
}

/// Prints what came of each, and says whether all is well.
fn table(ran: &[Ran], out: &mut impl Write) -> Result<bool> {
    writeln!(out, "{:<14} {:>12} {:>10} {:>9}", "target", "executions", "per s", "findings")?;
    for one in ran {
        // Whole executions in a second are as exact as this gets.
        let rate = format!("{:.0}", f64::from(u32::try_from(one.executions).unwrap_or(u32::MAX)) / one.seconds);
        let findings = one.total().findings;
        writeln!(out, "{:<14} {:>12} {rate:>10} {findings:>9}", one.name, one.executions)?;
    }
    let all: u64 = ran.iter().map(|one| one.executions).sum();
    writeln!(out, "{:<14} {all:>12}", "all")?;
    let mut well = !ran.is_empty();
    for one in ran {
        if let Some(failure) = one.failure() {
            well = false;
            writeln!(out, "{}: {failure}", one.name)?;
        }
    }
    Ok(well)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_there_is_is_run() {
        let top = crate::top().expect("the top folder");
        let found = fs::read_dir(top.join("fuzz/fuzz_targets")).expect("targets");
        let mut found: Vec<String> =
            found.map(|entry| entry.expect("an entry").file_name().to_string_lossy().replace(".rs", "")).collect();
        let mut known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        found.sort_unstable();
        known.sort_unstable();
        assert_eq!(found, known);
    }

    #[test]
    fn words_become_a_plan() {
        let plan = Plan::parse(&["--target", "sheet", "--executions", "9", "--jobs", "2"]).expect("a plan");
        assert_eq!(
            plan,
            Plan { targets: vec!["sheet".into()], slice: Slice::Executions(9), jobs: 2, work: Work::Run }
        );
        assert_eq!(Plan::parse(&["--totals"]).expect("a plan").work, Work::Totals);
        assert!(plan.wants(&TARGETS[0]) && !plan.wants(&TARGETS[1]));
        for wrong in [&["--target", "shed"][..], &["--seconds"], &["--seconds", "0"], &["--jobs", "x"], &["-x", "1"]]
        {
            assert!(Plan::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_last_words_of_a_run_are_understood() {
        let told = "#9 NEW\nthread '<unnamed>' (1) panicked at fuzz_targets/names.rs:9:5:\nboom\n\
            artifact_prefix='x/'; Test unit written to x/crash-1\nstat::number_of_executed_units: 12\n";
        assert_eq!(executions(told), Some(12));
        let told_of = finding(told).expect("a finding");
        assert_eq!(told_of, "x/crash-1: thread '<unnamed>' (1) panicked at fuzz_targets/names.rs:9:5:");
        assert_eq!((executions(""), finding("")), (None, None));
    }

    #[test]
    fn a_finding_or_a_target_that_did_not_run_is_a_failure() {
        let ran = |executions, guided, finding: Option<&str>| Ran {
            name: "sheet",
            executions,
            seconds: 2.0,
            guided,
            finding: finding.map(str::to_owned),
        };
        let told = |ran: &[Ran]| {
            let mut out = Vec::new();
            let well = table(ran, &mut out).expect("a table");
            (well, String::from_utf8(out).expect("text"))
        };
        assert!(told(&[ran(10, true, None)]).0);
        assert!(!told(&[]).0);
        for (one, words) in [
            (ran(0, true, None), "sheet: didn't run\n"),
            (ran(10, false, None), "sheet: ran without its instrumentation\n"),
            (ran(10, true, Some("x/crash-1: boom")), "sheet: x/crash-1: boom\n"),
        ] {
            let (well, told) = told(&[one, ran(4, true, None)]);
            assert!(!well && told.ends_with(words), "{told}");
        }
    }

    #[test]
    fn a_target_without_instrumentation_shows() {
        assert!(guided("INFO: Loaded 1 modules   (94 inline 8-bit counters): 94 [0x1, 0x2),\n"));
        assert!(!guided(
            "WARNING: no interesting inputs were found so far. Is the code instrumented for coverage?\n"
        ));
    }
}
