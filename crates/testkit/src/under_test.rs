//! The real daemon in a process of its own, over the scripted registrar or the embedded one, which kills itself at the
//! N-th passing of a named step.
//!
//! The process is the binary that asks for it: it runs itself again with a variable in its environment and then calls
//! [`run_if_told`]. So no second binary has to be built before it can be found, whatever way the tests are run.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use devicedrop::actor::Actor;
use devicedrop::clock::{Clock, SystemClock};
use devicedrop::config::Lookup;
use devicedrop::config::environment::Environment;
use devicedrop::daemon::{self, End, Parts};
use devicedrop::registrar::Registrar;
use devicedrop::registrar::embedded::Embedded;
use devicedrop::step::Step;
use devicedrop_core::ids::SubmissionId;
use devicedrop_core::time::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::env::{TestEnv, WATCHDOG};
use crate::meddle::{self, Holder, Meddler};
use crate::process::Daemon;
use crate::scripted::{Script, Scripted};
use crate::soak::Moody;

/// Set in the environment of a process that is to be the daemon; its value names the registrar.
const REGISTRAR: &str = "DEVICEDROP_UNDER_TEST";
const SCRIPT: &str = "DEVICEDROP_UNDER_TEST_SCRIPT";
const MOOD: &str = "DEVICEDROP_UNDER_TEST_MOOD";
const JOURNAL: &str = "DEVICEDROP_UNDER_TEST_JOURNAL";
const KILL_AT: &str = "DEVICEDROP_UNDER_TEST_KILL_AT";
pub(crate) const CLOCK: &str = "DEVICEDROP_UNDER_TEST_CLOCK";
const CLOCK_FILE: &str = "clock";
const ONCE: &str = "DEVICEDROP_UNDER_TEST_ONCE";

/// Where a daemon kills itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KillAt {
    /// At which step.
    pub step: Step,
    /// At its how-manieth passing, from 1.
    pub passing: u64,
}

/// A daemon to be started.
#[derive(Debug, Clone)]
pub struct UnderTest {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl UnderTest {
    /// This very binary, which calls [`run_if_told`] when it is run with these arguments.
    pub fn this_binary(arguments: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("this binary has no path")?;
        Ok(Self { program, arguments: arguments.iter().map(OsString::from).collect() })
    }

    /// Starts the daemon in `env` over the embedded registrar.
    pub fn embedded(&self, env: &TestEnv, kill: Option<KillAt>) -> Result<Daemon> {
        start(env, self.command(env, "embedded", kill))
    }

    /// Starts the daemon in `env` over the embedded registrar, with clocks that [`put_forward`] moves.
    pub fn with_a_clock_to_move(&self, env: &TestEnv) -> Result<Daemon> {
        let mut command = self.command(env, "embedded", None);
        command.env(CLOCK, env.path(CLOCK_FILE));
        start(env, command)
    }

    /// Starts the daemon in `env` over the embedded registrar, in whatever mood this file says.
    pub fn moody(&self, env: &TestEnv, mood: &Path) -> Result<Daemon> {
        let mut command = self.command(env, "moody", None);
        command.env(MOOD, mood);
        start(env, command)
    }

    /// Starts the daemon in `env` over the embedded registrar, to be meddled with.
    pub fn meddled(&self, env: &TestEnv, meddler: &Meddler) -> Result<Daemon> {
        let mut command = self.command(env, "embedded", None);
        meddler.tell(&mut command);
        start(env, command)
    }

    /// Starts the daemon in `env` over the scripted registrar, whose memory is [`journal`] of the same place.
    pub fn scripted(&self, env: &TestEnv, script: &Script, kill: Option<KillAt>) -> Result<Daemon> {
        start(env, self.scripted_command(env, script, kill)?)
    }

    /// The same with clocks that [`set_wall`] moves.
    pub fn scripted_with_a_clock_to_move(&self, env: &TestEnv, script: &Script) -> Result<Daemon> {
        let mut command = self.scripted_command(env, script, None)?;
        command.env(CLOCK, env.path(CLOCK_FILE));
        start(env, command)
    }

    /// The same as a single run: it ends when only deferred rows and rows in doubt are left.
    pub fn scripted_once(&self, env: &TestEnv, script: &Script) -> Result<Daemon> {
        let mut command = self.scripted_command(env, script, None)?;
        command.env(ONCE, "1");
        start(env, command)
    }

    fn scripted_command(&self, env: &TestEnv, script: &Script, kill: Option<KillAt>) -> Result<Command> {
        let file = env.path("script.json");
        fs::write(&file, serde_json::to_vec(script)?)?;
        let mut command = self.command(env, "scripted", kill);
        command.env(SCRIPT, file).env(JOURNAL, journal(env));
        Ok(command)
    }

    fn command(&self, env: &TestEnv, registrar: &str, kill: Option<KillAt>) -> Command {
        let mut command = env.command_of(&self.program);
        command.args(&self.arguments).env(REGISTRAR, registrar);
        if let Some(KillAt { step, passing }) = kill {
            command.env(KILL_AT, format!("{}:{passing}", step.name()));
        }
        command
    }
}

fn start(env: &TestEnv, mut command: Command) -> Result<Daemon> {
    let stdout = fs::File::options().create(true).append(true).open(env.path("daemon.stdout"))?;
    Daemon::start(command.stdout(stdout), WATCHDOG)
}

/// Where the scripted registrar of a place keeps its journal.
pub fn journal(env: &TestEnv) -> PathBuf {
    env.path("registrar.jsonl")
}

/// Is the daemon, and never returns, if the environment says so; does nothing otherwise.
pub fn run_if_told() {
    let Some(registrar) = std::env::var_os(REGISTRAR) else { return };
    let code = match run(&registrar.to_string_lossy()) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!(error = %format!("{error:#}"), "the daemon under test can't run");
            70
        }
    };
    #[expect(clippy::exit, reason = "this process is the daemon and nothing else")]
    std::process::exit(code);
}

fn run(registrar: &str) -> Result<i32> {
    meddle::become_user()?;
    let environment = Environment::of_this_process();
    let kill = std::env::var(KILL_AT).ok().map(|text| Killer::told(&text)).transpose()?;
    let filter: tracing_subscriber::EnvFilter =
        environment.log.as_deref().unwrap_or("info").parse().context("the log's filter")?;
    let log = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(kill).with(Holder::if_told()).with(log.with_filter(filter)).init();
    let lookup = Lookup::of_this_process(None, &environment);
    let config = lookup.load()?;
    let clock = clock();
    let registrar: (Arc<dyn Registrar>, Option<Arc<Embedded>>) = match registrar {
        "scripted" => (Arc::new(scripted()?), None),
        "embedded" => {
            let embedded = daemon::embedded_of(&config, &clock)?;
            (embedded.clone(), Some(embedded))
        }
        "moody" => {
            let embedded = daemon::embedded_of(&config, &clock)?;
            let mood = std::env::var_os(MOOD).with_context(|| format!("{MOOD} isn't set"))?;
            (Arc::new(Moody::new(Arc::clone(&embedded), mood.into())), Some(embedded))
        }
        other => bail!("there is no registrar {other}"),
    };
    let parts = Parts {
        config: Arc::new(config),
        lookup,
        clock,
        registrar: Some(registrar),
        stop: CancellationToken::new(),
        once: std::env::var_os(ONCE).is_some(),
        actor: Actor::named("tester"),
        file_events: !environment.no_file_events,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let end = runtime.block_on(daemon::run(parts, None));
    runtime.shutdown_background();
    Ok(match end? {
        End::Stopped | End::Done { all_well: true } => 0,
        End::Done { all_well: false } => 1,
        End::LedgerFailed => 3,
        End::LedgerUntrusted => 4,
        End::TaskFailed => 2,
    })
}

fn clock() -> Arc<dyn Clock> {
    match std::env::var_os(CLOCK) {
        Some(file) => Arc::new(ShiftedClock(file.into())),
        None => Arc::new(SystemClock),
    }
}

/// The system's clocks, put forward by the milliseconds that a file holds, and the wall clock alone moved by those that
/// may stand behind them. A test moves them by [`put_forward`] and [`set_wall`].
#[derive(Debug)]
struct ShiftedClock(PathBuf);

impl ShiftedClock {
    /// How far both clocks are put forward, and the wall clock alone, which may be back.
    fn shifts(&self) -> (Duration, i64) {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let (both, wall) = text.trim().split_once(' ').unwrap_or((text.trim(), "0"));
        (Duration::from_millis(both.parse().unwrap_or(0)), wall.parse().unwrap_or(0))
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        let (both, wall) = self.shifts();
        Timestamp::from_unix_ms(SystemClock.now().plus(both).unix_ms().saturating_add(wall))
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed().saturating_add(self.shifts().0)
    }

    fn new_submission_id(&self) -> SubmissionId {
        SystemClock.new_submission_id()
    }
}

/// Puts the clocks of the daemons in a place forward, all in all by this time. For daemons with
/// [`UnderTest::with_a_clock_to_move`].
pub fn put_forward(env: &TestEnv, by: Duration) -> Result<()> {
    shift(&env.path(CLOCK_FILE), by)
}

/// Sets the wall clocks of the daemons in a place, and no other clock of theirs, forward by this many milliseconds, or
/// back. For daemons with [`UnderTest::with_a_clock_to_move`].
pub fn set_wall(env: &TestEnv, by: i64) -> Result<()> {
    write_clock(&env.path(CLOCK_FILE), &format!("0 {by}"))
}

/// Writes the file whose milliseconds a daemon's clocks are put forward by.
pub(crate) fn shift(file: &Path, by: Duration) -> Result<()> {
    write_clock(file, &by.as_millis().to_string())
}

fn write_clock(file: &Path, text: &str) -> Result<()> {
    let aside = file.with_extension("new");
    fs::write(&aside, text)?;
    Ok(fs::rename(aside, file)?)
}

fn scripted() -> Result<Scripted> {
    let path = |name| std::env::var_os(name).map(PathBuf::from).with_context(|| format!("{name} isn't set"));
    let (script, journal): (PathBuf, PathBuf) = (path(SCRIPT)?, path(JOURNAL)?);
    Scripted::from_file(Path::new(&script), Path::new(&journal))
}

/// Kills this process at a step, as nobody can catch it.
struct Killer {
    step: &'static str,
    passing: u64,
    passed: AtomicU64,
}

impl Killer {
    fn told(text: &str) -> Result<Self> {
        let (name, passing) = text.split_once(':').context("a step and a number")?;
        let step = Step::ALL.iter().find(|step| step.name() == name).with_context(|| format!("no step {name}"))?;
        Ok(Self { step: step.name(), passing: passing.parse()?, passed: AtomicU64::new(0) })
    }
}

impl<S: tracing::Subscriber> Layer<S> for Killer {
    fn on_event(&self, event: &tracing::Event<'_>, _: LayerContext<'_, S>) {
        if event.metadata().target() != "devicedrop::step" {
            return;
        }
        let mut is_it = Names { step: self.step, found: false };
        event.record(&mut is_it);
        if is_it.found && self.passed.fetch_add(1, Ordering::SeqCst) + 1 == self.passing {
            // A process doesn't come back from that; if it does, the test sees that it lives.
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
                .unwrap_or_default();
        }
    }
}

/// Whether an event names this step.
struct Names {
    step: &'static str,
    found: bool,
}

impl Visit for Names {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.found |= field.name() == "step" && value == self.step;
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
