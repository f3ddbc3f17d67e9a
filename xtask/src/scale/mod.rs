//! `cargo xtask scale`: the release build under load, as a partner would load it. One long file, then many short ones
//! in many folders; everything is checked, and the figures that docs/performance.md speaks of are printed.
//!
//! What is dropped and what must come of it is made in `data`; the program under load is held by `process`.

#![expect(
    clippy::disallowed_methods,
    reason = "this plays senders and an auditor, who use none of the product's ways"
)]

mod check;
mod data;
mod look;
mod meanwhile;
mod process;

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use self::data::{Drop, Sizes};
use self::process::{Program, Reading};
use crate::programs;

/// Quiet time before a file is taken; the product's default. Told apart in the figures, for it is none of the work.
const SETTLE: Duration = Duration::from_secs(1);

/// More memory than this is a failure.
const MEMORY_MAX_KIB: u64 = 256 * 1024;

/// More memory than this for the verification of a ledger of any length is a failure.
const VERIFYING_MAX_KIB: u64 = 48 * 1024;

/// With twice the rows, memory may grow by less than this part of it.
const GROWTH_MAX_PERCENT: u64 = 20;

/// Below so many rows in one file, memory does grow with them: batches aren't full.
const FLAT_FROM: u64 = 50_000;

/// How often the ledger is asked how far things are.
const LOOK: Duration = Duration::from_millis(100);

/// A campaign that gets nowhere for so long is over.
const PATIENCE: Duration = Duration::from_mins(5);

pub(crate) fn run(top: &Path, arguments: &[&str], out: &mut impl Write) -> Result<ExitCode> {
    if let ["--look", ledger] = arguments {
        look::look(Path::new(ledger), out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let sizes = Sizes::parse(arguments)?;
    let binary = programs::release(top)?;
    writeln!(out, "{sizes}; {}", machine())?;
    let once = campaign(&binary, &sizes, out)?;
    writeln!(out, "twice the rows, while one snapshot after the other is taken:")?;
    let twice = campaign(&binary, &Sizes { rows: sizes.rows * 2, files: 0, snapshots: true, ..sizes }, out)?;
    let allowed = once.long + once.long * GROWTH_MAX_PERCENT / 100;
    // What the registrar holds of its inventory grows by design; everything else must not.
    let grown = twice.long.saturating_sub(twice.idle.saturating_sub(once.idle));
    writeln!(
        out,
        "memory with twice the rows, less what the inventory takes: {} MiB after {} MiB, {} MiB allowed",
        grown / 1024,
        once.long / 1024,
        allowed / 1024
    )?;
    if sizes.rows < FLAT_FROM {
        writeln!(
            out,
            "SKIPPED: whether memory grows with the rows, which shows from {FLAT_FROM} rows in one file on"
        )?;
    } else {
        ensure!(grown < allowed, "memory grows with the rows");
    }
    // It holds a piece of the ledger at a time, however long the ledger is.
    ensure!(
        once.verifying.max(twice.verifying) <= VERIFYING_MAX_KIB,
        "ledger verify took {} MiB, and {} of twice the rows",
        once.verifying / 1024,
        twice.verifying / 1024
    );
    for peak in [once.long, once.short, twice.long] {
        ensure!(peak <= MEMORY_MAX_KIB, "{} MiB of memory, {} allowed", peak / 1024, MEMORY_MAX_KIB / 1024);
    }
    writeln!(out, "scale: all there and right")?;
    Ok(ExitCode::SUCCESS)
}

/// The peaks of one campaign's phases, in KiB.
struct Peaks {
    idle: u64,
    long: u64,
    short: u64,
    /// Of the verification behind them.
    verifying: u64,
}

fn campaign(binary: &Path, sizes: &Sizes, out: &mut impl Write) -> Result<Peaks> {
    let folder = tempfile::Builder::new().prefix("devicedrop-scale-").tempdir()?;
    match in_folder(folder.path(), binary, sizes, out) {
        Ok(peaks) => {
            if sizes.keep {
                writeln!(out, "  kept in {}", folder.keep().display())?;
            }
            Ok(peaks)
        }
        Err(error) => {
            let kept = folder.keep();
            Err(error.context(format!("what was found lies in {}", kept.display())))
        }
    }
}

fn in_folder(folder: &Path, binary: &Path, sizes: &Sizes, out: &mut impl Write) -> Result<Peaks> {
    let made = data::make(folder, sizes)?;
    let program = Program::start(folder, binary)?;
    program.command(&["registry", "import"], &[&made.inventory])?;
    let claimed = phase(&program, &made.claimed, false)?;
    check::results(&made.claimed)?;
    program.stop()?;
    // Begun anew, so that neither the import nor the rival's claims count.
    let program = Program::start(folder, binary)?;
    let idle = program.reading()?;
    writeln!(out, "  idle:        {idle}")?;
    let mut seen = claimed.last;
    let mut peaks = Peaks { idle: idle.peak, long: 0, short: 0, verifying: 0 };
    for (name, drop, peak) in
        [("one file", &made.long, &mut peaks.long), ("many files", &made.short, &mut peaks.short)]
    {
        if drop.files.is_empty() {
            continue;
        }
        let phase = phase(&program, drop, sizes.snapshots)?;
        check::results(drop)?;
        check::counts(&program.ledger(), seen, &drop.expected)?;
        seen = phase.last;
        *peak = phase.reading.peak;
        writeln!(out, "  {name:12} {phase}")?;
    }
    let ledger = program.ledger();
    let (rate, verifying) = program.stop_and_verify()?;
    writeln!(out, "  ledger verify: {rate} entries a second, peak memory {} MiB", verifying.div_ceil(1024))?;
    peaks.verifying = verifying;
    look::look(&ledger, out)?;
    Ok(peaks)
}

/// What one phase took.
struct Phase {
    files: u64,
    rows: u64,
    took: Duration,
    cpu: Duration,
    /// The longest time from an acceptance to the file's first result.
    first_result: Duration,
    ledger_grown: u64,
    /// The longest time between two commits.
    pause: Duration,
    /// How many snapshots were taken meanwhile, and how long the longest took.
    snapshots: Option<(u32, Duration)>,
    reading: Reading,
    /// The last entry of the record.
    last: i64,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let work = self.took.saturating_sub(SETTLE).as_millis().max(1);
        let a_second = |count: u64| u128::from(count) * 1_000 / work;
        write!(
            f,
            "{} rows in {} files, all final after {:.2} s ({:.2} s settling, {:.2} s work): {} rows/s, {} files/s, \
             {:.2} s cpu\n               first result at most {:.2} s after the acceptance; ledger {} bytes a row; {}\n               \
             longest time between two commits {:.3} s",
            self.rows,
            self.files,
            self.took.as_secs_f64(),
            SETTLE.as_secs_f64(),
            self.took.saturating_sub(SETTLE).as_secs_f64(),
            a_second(self.rows),
            a_second(self.files),
            self.cpu.as_secs_f64(),
            self.first_result.as_secs_f64(),
            self.ledger_grown.checked_div(self.rows).unwrap_or(0),
            self.reading,
            self.pause.as_secs_f64()
        )?;
        self.snapshots.map_or(Ok(()), |(count, longest)| {
            write!(f, "; snapshots taken {count}, each in at most {:.2} s", longest.as_secs_f64())
        })
    }
}

/// Drops files and waits until the last of them has its final result, with snapshots taken meanwhile or without.
fn phase(program: &Program, drop: &Drop, snapshots: bool) -> Result<Phase> {
    let stop = AtomicBool::new(false);
    let ledger = program.ledger();
    std::thread::scope(|scope| {
        let pause = scope.spawn(|| meanwhile::longest_pause(&ledger, &stop));
        let taken = snapshots.then(|| scope.spawn(|| meanwhile::snapshots(program, &stop)));
        let phase = work(program, drop);
        stop.store(true, Ordering::Relaxed);
        let ended = || anyhow::anyhow!("a thread of the campaign panicked");
        let pause = pause.join().map_err(|_| ended())??;
        let snapshots = taken.map(|taken| taken.join().map_err(|_| ended())?).transpose()?;
        Ok(Phase { pause, snapshots, ..phase? })
    })
}

fn work(program: &Program, drop: &Drop) -> Result<Phase> {
    let ledger = check::open(&program.ledger())?;
    let before = check::last_entry(&ledger)?;
    let size_before = check::size(&ledger)?;
    program.forget_peak()?;
    let cpu_before = program.cpu()?;
    let began = Instant::now();
    for (aside, place, _) in &drop.files {
        fs::rename(aside, place).with_context(|| format!("can't drop {}", place.display()))?;
    }
    let (mut seen, mut done, mut moved) = (before, 0, Instant::now());
    let wanted = drop.files.len();
    let mut reading = program.reading()?;
    let took = loop {
        let (last, more) = check::final_results(&ledger, seen)?;
        done += more;
        reading = reading.max(&program.reading()?);
        if done >= wanted {
            // Under load a file may get its final result twice.
            done = check::answered(&ledger, before)?;
            if done >= wanted {
                break began.elapsed();
            }
        }
        if last > seen {
            (seen, moved) = (last, Instant::now());
        }
        ensure!(moved.elapsed() < PATIENCE, "{done} of {wanted} final results, and none for minutes");
        std::thread::sleep(LOOK);
    };
    let cpu = program.cpu()?.saturating_sub(cpu_before);
    Ok(Phase {
        files: u64::try_from(wanted)?,
        rows: drop.expected.rows,
        took,
        cpu,
        first_result: check::longest_wait(&ledger, before)?,
        ledger_grown: check::size(&ledger)?.saturating_sub(size_before),
        pause: Duration::ZERO,
        snapshots: None,
        reading: reading.max(&program.reading()?),
        last: check::last_entry(&ledger)?,
    })
}

/// What the figures were taken on.
fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |it| it.1);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cpus} CPUs ({model}), Linux {}", kernel.trim())
}
