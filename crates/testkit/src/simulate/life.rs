//! The simulated process: one seed, and life after life of the daemon until everything is done.

use std::fs::File;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use devicedrop::actor::Actor;
use devicedrop::blocking;
use devicedrop::clock::Clock;
use devicedrop::config::Lookup;
use devicedrop::config::environment::Environment;
use devicedrop::daemon::{self, End, Parts, StartError};
use devicedrop::registrar::Registrar;
use devicedrop_core::state::ErrorCode;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::Told;
use super::clock::VirtualClock;
use super::driver::{Driver, Fate};
use super::model::UNKNOWN;
use super::registrar::Moody;
use super::trace::Trace;
use super::world::{Listener, Stage, World};
use crate::campaign::Chance;
use crate::env::TestEnv;
use crate::scripted::{Mode, Reply, Rule, Script, Scripted};
use crate::under_test::journal;

/// Lives of a daemon in one simulation, beyond which something is wrong.
const LIVES: u64 = 10_000;

/// How a life ended.
enum Ending {
    Killed,
    Ended(Result<End, StartError>),
    Chosen(Fate, Result<End, StartError>),
    Failed(anyhow::Error),
}

/// Runs one simulation in this process, which is good for no other one after that.
pub(super) fn run(seed: u64, steps: u64, whole: Option<&Path>) -> Result<Told> {
    let mut chance = Chance::new(seed ^ 0x6c69_6665);
    let env = place(&mut chance)?;
    let folder = env.path("").display().to_string();
    let whole = whole.map(File::create).transpose()?;
    let world = Arc::new(World::new(seed, Trace::new(folder.trim_end_matches('/').to_owned(), whole)));
    ensure!(blocking::simulate(Arc::new(Stage(Arc::clone(&world)))), "something is simulated here already");
    tracing_subscriber::registry().with(Listener(Arc::clone(&world))).init();
    let mode = if chance.below(2) == 0 { Mode::Keyed } else { Mode::Natural };
    let inner = Scripted::open(script(mode, &mut chance)?, &journal(&env))?;
    let registrar = Arc::new(Moody::new(inner, Arc::clone(&world), seed, mode == Mode::Keyed));
    let mut driver = Driver::new(env, mode, Arc::clone(&registrar), Arc::clone(&world), seed, steps);
    let mut told = Told::default();
    let done = lives(&world, &registrar, &mut driver, &mut told);
    if let Err(error) = done {
        let kept = driver.env.keep();
        bail!("{error:#}\nthe end of the trace:\n{}everything is kept in {}", world.trace.end(), kept.display());
    }
    for row in driver.env.query(
        "SELECT at, customer, file, line, serial_number, to_state, error, cause FROM audit_transitions ORDER BY seq",
    )? {
        world.trace.say(&format!("{row:?}"));
    }
    let (digest, lines) = world.trace.digest();
    let rows = driver.env.query("SELECT count(*) FROM audit_registrations")?;
    told.seed = seed;
    told.steps = steps;
    told.seconds = world.clock.elapsed().as_secs();
    told.rows = rows.first().and_then(|row| row.first()?.as_u64()).unwrap_or_default();
    told.calls = registrar.calls();
    told.moments = world.moments();
    told.lines = lines;
    told.digest = digest.to_string();
    Ok(told)
}

/// A place with the settings that people have.
fn place(chance: &mut Chance) -> Result<TestEnv> {
    let mut env = TestEnv::new("devicedrop")?;
    for key in ["drop.settle", "drop.settle_open", "drop.settle_unsure", "results.refresh"] {
        env.unset(key)?;
    }
    for key in ["registrar.retry.first", "registrar.retry.longest"] {
        env.unset(key)?;
    }
    let rescan = ["\"2s\"", "\"10s\"", "\"60s\"", "\"120s\""];
    env.set("drop.rescan", chance.one_of(&rescan).copied().unwrap_or("\"10s\""))?;
    env.set("registrar.retry.give_up_after", "\"8760h\"")?;
    env.set("results.receipts", if chance.below(2) == 0 { "true" } else { "false" })?;
    env.set("results.when", if chance.below(4) == 0 { "\"final\"" } else { "\"always\"" })?;
    Ok(env)
}

fn script(mode: Mode, chance: &mut Chance) -> Result<Script> {
    let unknown = ["adatum", "contoso", "fabrikam"].map(|customer| {
        let reply = Reply::Refuse { error: ErrorCode::DeviceNotFound, detail: None };
        Rule::serial(&format!("{customer}{UNKNOWN}"), reply)
    });
    let mut script = Script::of(unknown).mode(mode);
    script.batch = NonZeroUsize::MIN.saturating_add(usize::try_from(chance.below(100))?);
    script.concurrency = NonZeroUsize::MIN.saturating_add(usize::try_from(chance.below(4))?);
    script.patience_ms = Some(60_000);
    Ok(script)
}

/// Life after life, until everything is done and as it must be.
fn lives(world: &Arc<World>, registrar: &Arc<Moody>, driver: &mut Driver, told: &mut Told) -> Result<()> {
    for life in 1..LIVES {
        told.lives = life;
        let ending = live(world, registrar, driver)?;
        let (was_killed, commit_failed) = world.revive();
        match ending {
            Ending::Killed => told.kills += 1,
            Ending::Failed(error) => return Err(error),
            Ending::Ended(_) if was_killed => told.kills += 1,
            Ending::Ended(Ok(End::LedgerFailed)) if commit_failed => told.failed_writes += 1,
            Ending::Ended(Err(error)) if commit_failed && error.is_failed_write() => told.failed_writes += 1,
            Ending::Chosen(fate, end) => {
                let in_order = matches!(end, Ok(End::Stopped)) || was_killed || commit_failed;
                ensure!(in_order, "the stop came to {}", said(&end));
                match fate {
                    Fate::Restart(down) => world.clock.pass(down),
                    Fate::Done => return driver.check_end(),
                }
            }
            Ending::Ended(end) => bail!("the daemon ended by itself: {}", said(&end)),
        }
        driver.check().with_context(|| format!("after life {life}"))?;
        driver.between()?;
    }
    bail!("it never comes to an end")
}

fn said(end: &Result<End, StartError>) -> String {
    match end {
        Ok(end) => format!("{end:?}"),
        Err(error) => format!("{:#}", anyhow::anyhow!("{error:?}")),
    }
}

/// One life of the daemon, on a runtime of its own whose clock is halted and moved on by whoever waits.
fn live(world: &Arc<World>, registrar: &Arc<Moody>, driver: &mut Driver) -> Result<Ending> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    let entered = runtime.enter();
    world.clock.begin();
    drop(entered);
    world.say("LIFE");
    let stop = CancellationToken::new();
    let given: Arc<dyn Registrar> = Arc::<Moody>::clone(registrar);
    let parts = parts(world, given, &stop, &driver.env)?;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let daemon = daemon::run(parts, None);
            tokio::pin!(daemon);
            let chosen = tokio::select! {
                biased;
                () = world.killed.notified() => return Ending::Killed,
                end = &mut daemon => return Ending::Ended(end),
                chosen = driver.live() => chosen,
            };
            let fate = match chosen {
                Ok(fate) => fate,
                Err(error) => return Ending::Failed(error),
            };
            stop.cancel();
            tokio::select! {
                biased;
                () = world.killed.notified() => Ending::Killed,
                end = &mut daemon => Ending::Chosen(fate, end),
            }
        })
    }));
    let entered = runtime.enter();
    world.clock.end();
    drop(entered);
    drop(runtime);
    ended.map_err(|_| anyhow::anyhow!("the daemon panicked"))
}

/// What a simulated daemon is made of.
pub(super) fn parts(
    world: &Arc<World>,
    registrar: Arc<dyn Registrar>,
    stop: &CancellationToken,
    env: &TestEnv,
) -> Result<Parts> {
    let environment = Environment { config: Some(env.config()), ..Environment::default() };
    let lookup = Lookup::of_this_process(None, &environment);
    Ok(Parts {
        config: Arc::new(lookup.load()?),
        lookup,
        clock: Arc::<VirtualClock>::clone(&world.clock),
        registrar: Some((registrar, None)),
        stop: stop.clone(),
        once: false,
        actor: Actor::named("tester"),
        file_events: false,
    })
}
