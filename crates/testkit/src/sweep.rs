//! One small but complete run of the built program, from drop to result, disturbed at one call and then let go on.
//!
//! What the sweeps have in common: the scene, its undisturbed ending, and what a disturbed one is held against. What
//! disturbs it is in [`kills`] and [`errors`].

pub mod errors;
pub mod kills;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::checker::embedded::{self, Dropped};
use crate::checker::walk;
use crate::env::TestEnv;
use crate::tracer::{self, Call, Deed, End};

/// What a single run is let do: the same each time, with the embedded registrar and in a folder of its own.
#[derive(Debug, Clone)]
pub struct Scene {
    program: PathBuf,
    dropped: Vec<Dropped>,
}

/// What a run came to, without what differs in each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    results: BTreeMap<String, String>,
    rows: Vec<Vec<Value>>,
    devices: Vec<Vec<Value>>,
}

impl Scene {
    /// Three rows: two devices, and one that is refused unsent.
    pub fn new(program: PathBuf) -> Self {
        let text = "Manufacturer,Model,Serial Number\nContoso,Book,A1\nContoso,Book,\nContoso,Book,A2\n".to_owned();
        Self { program, dropped: vec![Dropped { customer: "contoso".into(), file: "devices.csv".into(), text }] }
    }

    fn place(&self) -> Result<TestEnv> {
        let mut env = TestEnv::new(&self.program)?;
        // Codes can be held against the ledger's.
        env.set("locale", "\"code\"")?;
        for one in &self.dropped {
            env.drop_file(&one.customer, &one.file, &one.text)?;
        }
        Ok(env)
    }

    /// One run in a place to its end, each of its calls asked about.
    fn run(env: &TestEnv, ask: &mut dyn FnMut(&Call) -> Deed) -> Result<End> {
        let log = fs::File::options().create(true).append(true).open(env.path("log"))?;
        let mut command = env.command();
        command.args(["run", "--once"]);
        tracer::run(&command, &env.path(""), log, ask)
    }

    /// A run that nobody disturbs, to its end.
    fn go_on(&self, env: &TestEnv) -> Result<()> {
        let output = env.run(&["run", "--once"])?;
        // One of its rows is refused, which it says only if it did that itself.
        ensure!(matches!(output.code, Some(0 | 1)), "the run after it ended with {output:?}");
        embedded::at_the_end(env, &self.dropped)
    }

    fn ending(&self, env: &TestEnv) -> Result<Ending> {
        embedded::at_the_end(env, &self.dropped)?;
        let mut files = Vec::new();
        walk(&env.root(), &mut files)?;
        let mut results = BTreeMap::new();
        for path in files {
            let name = path.strip_prefix(env.root())?.display().to_string();
            results.insert(name, fs::read_to_string(&path)?);
        }
        let rows = env.query(
            "SELECT customer, file, line, serial_number, state, error FROM audit_registrations
             ORDER BY customer, file, line",
        )?;
        let devices =
            env.query("SELECT customer, serial_number, state FROM audit_devices ORDER BY customer, serial_number")?;
        Ok(Ending { results, rows, devices })
    }

    /// How it ends when nobody disturbs it, and which calls it makes on the way: those of several runs, since threads
    /// come in another order each time. The second of two lists holds those that every run made.
    fn undisturbed(&self) -> Result<(Ending, Vec<Call>, BTreeSet<Call>)> {
        let mut ending = None;
        let mut calls: Vec<Call> = Vec::new();
        let mut always: Option<BTreeSet<Call>> = None;
        for _ in 0..3 {
            let env = self.place()?;
            let mut made = Vec::new();
            let end = Self::run(&env, &mut |call| {
                made.push(call.clone());
                Deed::Let
            })?;
            ensure!(end == End::Code(1), "an undisturbed run ends with 1, not {end:?}: {}", log(&env));
            let here = self.ending(&env)?;
            let same = ending.get_or_insert_with(|| here.clone());
            ensure!(*same == here, "two undisturbed runs end differently:\n{same:#?}\n{here:#?}");
            let made_here: BTreeSet<Call> = made.iter().cloned().collect();
            always = Some(always.map_or(made_here.clone(), |before| &before & &made_here));
            if calls.is_empty() {
                calls = made;
            }
        }
        Ok((ending.context("no run")?, calls, always.unwrap_or_default()))
    }
}

fn log(env: &TestEnv) -> String {
    fs::read_to_string(env.path("log")).unwrap_or_default()
}

/// Whether a call is about the ledger, the registry, the archive, the drop folders, or what lies in them. Others are
/// those that the program's loader makes, the system's own files (`/proc`, `/etc`), sockets, pipes and the log: who is
/// killed there leaves what he leaves at the next call that is ours, and how often they are made changes with the
/// threads' order.
fn is_ours(call: &Call) -> bool {
    let folder = call.place.split('/').next();
    folder == Some("state") || folder == Some("drop")
}

/// So many of them, evenly spread; all where there are fewer.
fn sample<T: Clone>(all: &[T], count: usize) -> Vec<T> {
    let count = count.min(all.len());
    (0..count).filter_map(|number| all.get(number * all.len() / count)).cloned().collect()
}

/// After so many failures nothing more is tried.
const FAILURES: usize = 10;

/// Does `work` on each of `points` with as many hands as there are processors. Fails with all failures there were.
fn with_all_hands<P: Sync, R: Send>(points: &[P], work: impl Fn(&P) -> Result<R> + Sync) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let failed = Mutex::new(Vec::new());
    let hands = std::thread::available_parallelism().map_or(1, usize::from);
    let hand = || {
        while let Some(point) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
            match work(point) {
                Ok(result) => done.lock().unwrap_or_else(PoisonError::into_inner).push(result),
                Err(error) => {
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.push(format!("{error:#}"));
                    if failed.len() >= FAILURES {
                        next.store(points.len(), Ordering::SeqCst);
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..hands {
            scope.spawn(hand);
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(failed.is_empty(), "{} went wrong:\n- {}", failed.len(), failed.join("\n- "));
    Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::sample;

    #[test]
    fn a_sample_is_spread_evenly_and_has_as_many_as_were_asked_for() {
        let all: Vec<u32> = (0..10).collect();
        assert_eq!(sample(&all, 4), [0, 2, 5, 7]);
        assert_eq!(sample(&all, 20), all);
        assert!(sample(&all, 0).is_empty());
        assert!(sample::<u32>(&[], 3).is_empty());
    }
}
