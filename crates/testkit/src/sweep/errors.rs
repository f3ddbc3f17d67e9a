//! Each call that the program's data hang on fails once, with each error that a disk has for it: what the run makes of
//! it, and what the next start does.
//!
//! What is expected of whose trouble: a write to the ledger that fails ends the process, and everything else is tried
//! again or told. Nothing is lost and nothing is done twice in any case, and no error is answered by a panic.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use nix::errno::Errno;

use crate::checker::embedded;
use crate::tracer::{Call, Deed, End, Kind};

use super::{Ending, Scene, is_ours, log, sample, with_all_hands};

/// A call that isn't made again is tried so often.
const TRIES: u32 = 4;

/// What to do.
#[derive(Debug, Clone)]
pub struct ErrorSweep {
    /// The built program.
    pub program: PathBuf,
    /// How many failures, evenly spread; none: all of them.
    pub points: Option<usize>,
}

/// One call and what happens in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Point {
    call: Call,
    deed: Deed,
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.deed {
            Deed::Fail(errno) => format!("{errno:?}"),
            Deed::Shorten(bytes) => format!("{bytes} bytes only"),
            Deed::Let | Deed::Kill | Deed::Delay(_) => format!("{:?}", self.deed),
        };
        write!(f, "{}: {what}", self.call)
    }
}

/// What the run itself made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    /// It went on by itself, to its proper end.
    WentOn,
    /// It ended with rows in doubt or a result owed, and said so by its code.
    Left,
    /// It ended because the ledger couldn't be written.
    LedgerFailed,
    /// It couldn't begin, or a part of it gave up, and it said so.
    Unable,
    /// It took the ledger for damaged, and a person would have to look.
    Untrusted,
    /// No run made that call again.
    NeverMade,
}

impl Told {
    fn words(self) -> &'static str {
        match self {
            Self::WentOn => "went on by themselves to the same end",
            Self::Left => "ended with 1 and left a result or an answer owed; the next start came to the same end",
            Self::LedgerFailed => "ended with 3, a failed write to the ledger; the next start came to the same end",
            Self::Unable => "ended with 2 and a message; the next start came to the same end",
            Self::Untrusted => "ended with 4, the ledger can't be trusted; the next start came to the same end",
            Self::NeverMade => "were never made again",
        }
    }
}

/// What can happen in the place of a call.
fn deeds(call: &Call) -> Vec<Deed> {
    let errors: &[Errno] = match call.name {
        "fsync" | "fdatasync" | "write" | "pwrite64" => &[Errno::EIO, Errno::ENOSPC, Errno::EDQUOT],
        "rename" | "renameat" | "renameat2" | "linkat" => &[Errno::EIO, Errno::ENOSPC, Errno::EROFS],
        "open" | "openat" | "openat2" => &[Errno::EIO, Errno::EMFILE, Errno::ENOSPC, Errno::EROFS],
        "ftruncate" | "mkdir" | "mkdirat" => &[Errno::EIO, Errno::ENOSPC],
        "read" | "pread64" | "unlink" | "unlinkat" | "fchmod" => &[Errno::EIO],
        _ => &[],
    };
    let short = matches!(call.name, "write" | "pwrite64").then_some(Deed::Shorten(3));
    errors.iter().copied().map(Deed::Fail).chain(short).collect()
}

/// Whether a failure here is one of writing to the ledger: its log is what is durable, what is copied from there into
/// the file is there twice.
fn writes_the_ledger(call: &Call) -> bool {
    call.place == "state/ledger.db-wal" && (call.kind == Kind::Syncs || call.name == "pwrite64")
}

impl ErrorSweep {
    /// Runs it and says how it went.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let scene = Scene::new(self.program.clone());
        let (ending, calls, always) = scene.undisturbed()?;
        let all: Vec<Point> = calls
            .iter()
            .filter(|call| is_ours(call) && always.contains(*call))
            .flat_map(|call| deeds(call).into_iter().map(|deed| Point { call: call.clone(), deed }))
            .collect();
        // At the close the log is copied into the file; if its sync fails then, all of it is still there.
        let at_the_close = calls.iter().rfind(|call| writes_the_ledger(call) && call.kind == Kind::Syncs).cloned();
        let points = self.points.map_or_else(|| all.clone(), |count| sample(&all, count));
        writeln!(out, "{} failures to be tried of {}", points.len(), all.len())?;
        let told = with_all_hands(&points, |point| failed_at(&scene, &ending, point, at_the_close.as_ref()))?;
        let mut counts: BTreeMap<Told, usize> = BTreeMap::new();
        for one in told {
            *counts.entry(one).or_default() += 1;
        }
        for (told, count) in &counts {
            writeln!(out, "{count} {}", told.words())?;
        }
        let out_of_reach = counts.get(&Told::NeverMade).copied().unwrap_or(0);
        ensure!(out_of_reach * 10 <= points.len(), "{out_of_reach} of {} calls weren't made again", points.len());
        Ok(())
    }
}

fn failed_at(scene: &Scene, ending: &Ending, point: &Point, at_the_close: Option<&Call>) -> Result<Told> {
    for _ in 0..TRIES {
        let env = scene.place()?;
        let mut fired = false;
        let end = Scene::run(&env, &mut |call| {
            if !fired && *call == point.call {
                fired = true;
                return point.deed;
            }
            Deed::Let
        })?;
        if !fired {
            ensure!(end == End::Code(1), "{point} wasn't made, and it ended with {end:?}: {}", log(&env));
            continue;
        }
        let checked = (|| {
            let mut told = what_it_made(point, end, at_the_close)?;
            let text = log(&env);
            ensure!(!text.contains("panicked"), "it panicked");
            embedded::at_any_moment(&env, &scene.dropped).context("right after its end")?;
            if told == Told::WentOn && end == End::Code(1) && embedded::at_the_end(&env, &scene.dropped).is_err() {
                told = Told::Left;
            }
            if told == Told::WentOn {
                let here = scene.ending(&env).context("at its own end")?;
                ensure!(here == *ending, "it ends otherwise by itself:\n{here:#?}\nand not like\n{ending:#?}");
            }
            scene.go_on(&env)?;
            let here = scene.ending(&env)?;
            ensure!(here == *ending, "it ends otherwise:\n{here:#?}\nand not like\n{ending:#?}");
            Ok(told)
        })();
        return checked.map_err(|error: anyhow::Error| {
            let last: Vec<String> = log(&env).lines().rev().take(6).map(ToOwned::to_owned).collect();
            let kept = env.keep();
            error.context(format!(
                "{point}; ended with {end:?}; kept in {}; its log, backwards:\n  {}",
                kept.display(),
                last.join("\n  ")
            ))
        });
    }
    Ok(Told::NeverMade)
}

fn what_it_made(point: &Point, end: End, at_the_close: Option<&Call>) -> Result<Told> {
    let told = match end {
        End::Code(0 | 1) => Told::WentOn,
        End::Code(2) => Told::Unable,
        End::Code(3) => Told::LedgerFailed,
        End::Code(4) => Told::Untrusted,
        End::Code(_) | End::Signal(_) | End::Hung => anyhow::bail!("no way to end: {end:?}"),
    };
    let fails = matches!(point.deed, Deed::Fail(_)) && at_the_close != Some(&point.call);
    ensure!(
        !fails || !writes_the_ledger(&point.call) || told != Told::WentOn,
        "a write to the ledger failed, and the process went on"
    );
    Ok(told)
}
