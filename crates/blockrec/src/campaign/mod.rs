//! The campaign: recordings of the daemon at work, thousands of cuts in each, and what was found.
//!
//! `workload` is what happens, `facts` what was acknowledged, `check` what must hold; `stage` puts a place and
//! its disks together, `planted` is what shows that all this would notice.

mod check;
mod facts;
pub mod planted;
mod report;
mod stage;
mod workload;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use devicedrop_testkit::campaign::Chance;

use self::check::{Depth, Finding};
use self::planted::Planted;
use self::report::Tally;
use self::stage::Stage;
use self::workload::Recording;
use crate::cut::{Cut, Loss, Replay};
use crate::log::Event;
use crate::mounts::Mount;
use crate::server::read;

pub use self::report::Summary;

/// Cuts in one recording, before another is made.
const CUTS_OF_ONE: u64 = 500;

/// Cuts are looked into by so many threads for each processor, each with its own disks: mounting and unmounting is
/// mostly waiting.
const WORKERS: usize = 2;

/// After one cut in so many the whole ledger is looked at, else its end.
const WHOLE_EVERY: usize = 10;

/// What to do.
#[derive(Debug, Clone)]
pub struct PowerCuts {
    /// The program.
    pub program: PathBuf,
    /// How many cuts.
    pub points: u64,
    /// Where the chances begin.
    pub seed: u64,
    /// After one cut in so many the daemon is started again; 0: after none.
    pub restart_every: u64,
    /// What is wrong with the daemon while it is recorded.
    pub planted: Option<Planted>,
}

impl PowerCuts {
    /// Does it, and tells what was found.
    pub fn run(&self, out: &mut dyn Write) -> Result<Summary> {
        let mut chance = Chance::new(self.seed);
        let mut summary = Summary::new(self.planted);
        let mut left = self.points;
        while left > 0 {
            let count = left.min(CUTS_OF_ONE);
            let began = Instant::now();
            let recording = workload::record(&self.program, self.planted, chance.below(u64::MAX))
                .context("the workload without any cut")?;
            report::recorded(&recording, began.elapsed(), out)?;
            let cuts = draw(&recording, count, self.restart_every, &mut chance)?;
            let began = Instant::now();
            for tally in self.look_into(&recording, &cuts)? {
                summary.add(tally);
            }
            summary.looked(count, began.elapsed(), out)?;
            left -= count;
        }
        summary.tell(out)?;
        Ok(summary)
    }

    fn look_into(&self, recording: &Recording, cuts: &[(Cut, bool)]) -> Result<Vec<Tally>> {
        let keep = AtomicBool::new(self.planted.is_none());
        let hands = WORKERS * thread::available_parallelism().map_or(1, usize::from);
        let events = Arc::new(read(&recording.log)?);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..hands)
                .map(|worker| {
                    let (keep, own) = (&keep, cuts.iter().copied().skip(worker).step_by(hands));
                    let events = Arc::clone(&events);
                    scope.spawn(move || Looker::new(&self.program, recording, events)?.all(own, keep))
                })
                .collect();
            let joined = workers.into_iter().map(|worker| match worker.join() {
                Ok(tally) => tally,
                Err(_) => bail!("a thread that looked into cuts panicked"),
            });
            joined.collect()
        })
    }
}

/// Cuts at random moments, in their order, and whether the daemon is started after each.
fn draw(recording: &Recording, count: u64, restart_every: u64, chance: &mut Chance) -> Result<Vec<(Cut, bool)>> {
    let moments = u64::try_from(recording.events)?;
    let mut cuts = Vec::new();
    for number in 0..count {
        let at = usize::try_from(chance.below(moments + 1))?;
        let which = usize::try_from(chance.below(5))?;
        let loss = *Loss::ALL.get(which).context("a kind of loss")?;
        let restart = restart_every > 0 && number % restart_every == 0;
        cuts.push((Cut { at, loss, seed: chance.below(u64::MAX) }, restart));
    }
    cuts.sort_unstable();
    Ok(cuts)
}

/// Disks to be cut, and a place for them.
///
/// Fields are dropped in their order: what stands on the files before the file system that holds them.
struct Looker<'a> {
    program: &'a Path,
    recording: &'a Recording,
    replay: Replay,
    stage: Stage,
    files: Vec<PathBuf>,
    _memory: Mount,
    _folder: tempfile::TempDir,
}

impl<'a> Looker<'a> {
    fn new(program: &'a Path, recording: &'a Recording, events: Arc<Vec<Event>>) -> Result<Self> {
        let images = recording.images.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
        let folder = tempfile::Builder::new().prefix("devicedrop-disks-").tempdir()?;
        let memory = Mount::memory(folder.path(), stage::DISKS.iter().map(|(_, size)| size).sum())?;
        let files: Vec<_> = stage::DISKS.iter().map(|(name, _)| folder.path().join(name)).collect();
        for (file, image) in files.iter().zip(&images) {
            File::create(file)?.set_len(u64::try_from(image.len())?)?;
        }
        let stage = Stage::new(program, &files)?;
        let replay = Replay::new(events, images);
        Ok(Self { program, recording, replay, stage, files, _memory: memory, _folder: folder })
    }

    fn all(mut self, cuts: impl Iterator<Item = (Cut, bool)>, keep: &AtomicBool) -> Result<Tally> {
        let mut tally = Tally::default();
        for (number, (cut, restart)) in cuts.enumerate() {
            let depth = if number % WHOLE_EVERY == 0 { Depth::Whole } else { Depth::End };
            let findings = self.look(cut, depth, restart).with_context(|| format!("{cut:?}"))?;
            let kept =
                if !findings.is_empty() && keep.swap(false, Ordering::SeqCst) { Some(self.keep(cut)?) } else { None };
            tally.add(cut, restart, findings, kept);
        }
        Ok(tally)
    }

    fn look(&mut self, cut: Cut, depth: Depth, restart: bool) -> Result<Vec<Finding>> {
        self.cut(cut, &self.files.clone())?;
        let mut findings = match self.stage.mount() {
            Ok(()) => check::at_rest(&self.stage.env, self.recording, cut.at, depth),
            Err(error) => vec![check::damaged(&error)],
        };
        if restart && findings.is_empty() {
            findings = check::after_a_run(&self.stage.env, self.recording, cut.at);
        }
        if let Err(error) = self.stage.unmount() {
            // It is still in use; the next cut needs disks that aren't.
            findings.push(check::damaged(&error));
            self.stage = Stage::new(self.program, &self.files)?;
        }
        Ok(findings)
    }

    /// Makes files of the disks as a cut leaves them. It must not lie before the last one.
    fn cut(&mut self, cut: Cut, files: &[PathBuf]) -> Result<()> {
        self.replay.cut(cut);
        for (disk, file) in self.replay.disks().iter().zip(files) {
            disk.write_to(&File::options().create(true).truncate(false).write(true).open(file)?)?;
        }
        Ok(())
    }

    /// Leaves the disks of a cut where a person can mount them.
    fn keep(&mut self, cut: Cut) -> Result<PathBuf> {
        let folder = tempfile::Builder::new().prefix("devicedrop-cut-").tempdir()?.keep();
        let files: Vec<_> = stage::DISKS.iter().map(|(name, _)| folder.join(format!("{name}.img"))).collect();
        self.cut(cut, &files)?;
        Ok(folder)
    }
}
