//! The world that a simulated daemon runs in: when work gets its turn, what the disk says, and when the process is
//! killed, all by the chances of a seed.
//!
//! A kill takes effect between two moments: a piece of work begins or ends, a step is passed, the disk or the registrar
//! is about to be touched. What runs then is unwound, and whatever else belongs to that life never gets another turn.

use std::collections::BTreeSet;
use std::future::{Future, pending};
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use devicedrop::blocking::{Effect, Simulated};
use devicedrop::clock::Clock;
use tokio::sync::Notify;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::clock::{VirtualClock, wait};
use super::trace::{Line, Trace};
use crate::campaign::Chance;

/// Which effects a disk's trouble is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The ledger's commits: before, or after they are on the disk all the same.
    Commits,
    /// The originals and the results.
    Files,
}

/// The world.
#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Arc<VirtualClock>,
    pub(super) trace: Trace,
    /// Rung when the process is killed.
    pub(super) killed: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    chance: Chance,
    is_dead: bool,
    /// The kill comes in so many moments.
    kill_in: Option<u64>,
    /// The trouble comes in so many effects, and lasts for so many.
    trouble: Option<(Trouble, u64, u64)>,
    /// Whether a commit was made to fail in this life.
    failed_commit: bool,
    moments: u64,
    /// Whether all work gets its turn at once, and these folders hang.
    orderly: Option<BTreeSet<PathBuf>>,
}

/// How work gets its turn.
enum Pace {
    Now,
    Later(u64),
    At(Duration),
    Never,
}

impl World {
    pub(super) fn new(seed: u64, trace: Trace) -> Self {
        let state = State {
            chance: Chance::new(seed ^ 0x0077_6f72_6c64),
            is_dead: false,
            kill_in: None,
            trouble: None,
            failed_commit: false,
            moments: 0,
            orderly: None,
        };
        let (clock, killed) = (Arc::new(VirtualClock::new()), Notify::new());
        Self { clock, trace, killed, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to the trace, with the time.
    pub(super) fn say(&self, line: &str) {
        self.trace.say(&format!("{:>10} {line}", self.clock.elapsed().as_millis()));
    }

    /// Has the process killed in so many moments.
    pub(super) fn kill_in(&self, moments: u64) {
        self.lock().kill_in = Some(moments);
    }

    /// Has the disk refuse `times` effects after `effects` more.
    pub(super) fn trouble_in(&self, trouble: Trouble, effects: u64, times: u64) {
        self.lock().trouble = Some((trouble, effects, times));
    }

    /// Ends all trouble that was to come.
    pub(super) fn calm(&self) {
        let mut state = self.lock();
        (state.kill_in, state.trouble) = (None, None);
    }

    /// Begins another life. Returns whether the one before was killed, and whether a commit of it was made to fail.
    pub(super) fn revive(&self) -> (bool, bool) {
        let mut state = self.lock();
        let before = (state.is_dead, state.failed_commit);
        (state.is_dead, state.failed_commit, state.kill_in) = (false, false, None);
        if matches!(state.trouble, Some((Trouble::Commits, ..))) {
            state.trouble = None;
        }
        before
    }

    /// Has all work get its turn at once from here on, but for who looks into these folders: they hang.
    pub(super) fn be_orderly(&self, hung: BTreeSet<PathBuf>) {
        self.lock().orderly = Some(hung);
    }

    /// How many moments there were.
    pub(super) fn moments(&self) -> u64 {
        self.lock().moments
    }

    /// A moment passes. Returns whether the process lives.
    pub(super) fn lives_on(&self) -> bool {
        let mut state = self.lock();
        if state.is_dead {
            return false;
        }
        state.moments += 1;
        match &mut state.kill_in {
            Some(0) => {
                state.is_dead = true;
                drop(state);
                self.say("KILLED");
                self.killed.notify_one();
                false
            }
            Some(moments) => {
                *moments -= 1;
                true
            }
            None => true,
        }
    }

    /// The same where nothing can wait: what runs is unwound if the process is dead.
    fn live_or_unwind(&self) {
        if !self.lives_on() {
            resume_unwind(Box::new("killed"));
        }
    }

    fn pace(&self) -> Pace {
        if !self.lives_on() {
            return Pace::Never;
        }
        let mut state = self.lock();
        if state.orderly.is_some() {
            return Pace::Now;
        }
        let chance = &mut state.chance;
        match chance.below(20) {
            0..10 => Pace::Now,
            10..15 => Pace::Later(1 + chance.below(4)),
            15..19 => Pace::At(Duration::from_millis(chance.below(20))),
            _ => Pace::At(Duration::from_millis(chance.below(3_000))),
        }
    }

    /// What the disk says of an effect, if it is in trouble.
    fn trouble(&self, effect: Effect) -> io::Result<()> {
        let of = match effect {
            Effect::Commit | Effect::Committed => Trouble::Commits,
            Effect::Copy | Effect::Keep | Effect::Write | Effect::Place | Effect::SyncFolder => Trouble::Files,
        };
        let mut state = self.lock();
        match &mut state.trouble {
            Some((trouble, 0, times)) if *trouble == of && *times > 0 => *times -= 1,
            Some((trouble, effects, _)) if *trouble == of => {
                *effects = effects.saturating_sub(1);
                return Ok(());
            }
            _ => return Ok(()),
        }
        state.failed_commit |= of == Trouble::Commits;
        let error = if state.chance.below(2) == 0 { rustix::io::Errno::IO } else { rustix::io::Errno::NOSPC };
        drop(state);
        self.say(&format!("DISK {effect:?}: {error}"));
        Err(error.into())
    }
}

/// The world, as the daemon meets it.
pub(super) struct Stage(pub(super) Arc<World>);

impl Simulated for Stage {
    fn turn(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let world = Arc::clone(&self.0);
        Box::pin(async move {
            match world.pace() {
                Pace::Now => {}
                Pace::Later(turns) => {
                    for _ in 0..turns {
                        tokio::task::yield_now().await;
                    }
                }
                Pace::At(time) => wait(time).await,
                Pace::Never => pending().await,
            }
            if !world.lives_on() {
                pending::<()>().await;
            }
        })
    }

    fn meet(&self, effect: Effect) -> io::Result<()> {
        self.0.live_or_unwind();
        self.0.trouble(effect)
    }

    fn hangs(&self, folder: &Path) -> bool {
        self.0.lock().orderly.as_ref().is_some_and(|hung| hung.contains(folder))
    }
}

/// Puts what the daemon logs on the trace, and lets a kill take effect at the named steps.
pub(super) struct Listener(pub(super) Arc<World>);

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        let is_step = about.target() == "devicedrop::step";
        if !about.target().starts_with("devicedrop") || !is_step && *about.level() > Level::INFO {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        self.0.say(&format!("{}{}", about.level(), line.0));
        if is_step {
            self.0.live_or_unwind();
        }
    }
}
