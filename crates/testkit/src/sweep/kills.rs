//! The process killed in front of each of its calls, one run for each, and what comes of it after the next start.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;

use crate::checker::embedded;
use crate::tracer::{Call, Deed, End, Kind};

use super::{Ending, Scene, is_ours, log, sample, with_all_hands};

/// A call that isn't made again is tried so often: threads that look whether there is work do so as often as they
/// come to it.
const TRIES: u32 = 4;

/// Of a hundred points so many must have been reached, or the sweep shows less than it says. A point is a call that
/// each undisturbed run made; whether a group of commits is one or two, and how often a thread looks, still differs.
const REACHED_PERCENT: usize = 90;

/// What to do.
#[derive(Debug, Clone)]
pub struct KillSweep {
    /// The built program.
    pub program: PathBuf,
    /// How many calls, evenly spread; none: all of them.
    pub points: Option<usize>,
}

/// How it went at one call.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Killed,
    NeverMade(Call),
}

impl KillSweep {
    /// Runs it and says how it went.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        let scene = Scene::new(self.program.clone());
        let (ending, calls, always) = scene.undisturbed()?;
        let calls: Vec<Call> = calls.into_iter().filter(is_ours).collect();
        let (steady, others): (Vec<Call>, Vec<Call>) = calls.into_iter().partition(|call| always.contains(call));
        let (looks, changes): (Vec<Call>, Vec<Call>) =
            steady.iter().cloned().partition(|call| call.kind == Kind::Looks);
        writeln!(
            out,
            "each undisturbed run makes {} calls on files of ours, {} of them to change or sync something; {} more are \
             made by some",
            steady.len(),
            changes.len(),
            others.len()
        )?;
        // Two kills between the same two changes leave the same behind, so a sample holds few that only look.
        let points: Vec<Call> = match self.points {
            None => steady,
            Some(points) => {
                let few = sample(&looks, points / 6);
                let mut chosen = sample(&changes, points.saturating_sub(few.len()));
                chosen.extend(few);
                chosen
            }
        };
        let told = with_all_hands(&points, |point| killed_at(&scene, &ending, point))?;
        let missed: Vec<&Call> = told
            .iter()
            .filter_map(|told| match told {
                Told::Killed => None,
                Told::NeverMade(call) => Some(call),
            })
            .collect();
        for call in &missed {
            writeln!(out, "not reached: no run of {TRIES} made it again: {call}")?;
        }
        let killed = told.len() - missed.len();
        writeln!(
            out,
            "{killed} kills, each in front of another call: after each, the next start ended like an undisturbed run; \
             {} points weren't reached",
            missed.len()
        )?;
        ensure!(
            killed * 100 >= points.len() * REACHED_PERCENT,
            "{killed} of {} points were reached; it must be {REACHED_PERCENT} in 100",
            points.len()
        );
        Ok(())
    }
}

fn killed_at(scene: &Scene, ending: &Ending, point: &Call) -> Result<Told> {
    for _ in 0..TRIES {
        let env = scene.place()?;
        let mut fired = false;
        let end = Scene::run(&env, &mut |call| {
            if !fired && call == point {
                fired = true;
                return Deed::Kill;
            }
            Deed::Let
        })?;
        if !fired {
            ensure!(end == End::Code(1), "{point} wasn't made, and it ended with {end:?}: {}", log(&env));
            continue;
        }
        let checked = (|| {
            ensure!(end == End::Signal(Signal::SIGKILL), "not killed, but {end:?}");
            embedded::at_any_moment(&env, &scene.dropped).context("right after the kill")?;
            scene.go_on(&env)?;
            let here = scene.ending(&env)?;
            ensure!(here == *ending, "it ends otherwise:\n{here:#?}\nand not like\n{ending:#?}");
            Ok(())
        })();
        if let Err(error) = checked {
            let kept = env.keep();
            return Err(error.context(format!("killed in front of {point}; all is kept in {}", kept.display())));
        }
        return Ok(Told::Killed);
    }
    Ok(Told::NeverMade(point.clone()))
}
