//! A soak: the built program for a long time under load, with faults mixed in, and whether it needs no more at the
//! end than at the beginning.
//!
//! It lives several times. The long lives are measured, each for itself and against those before; between them lie
//! short ones that end by a kill. Every other life has a registrar with moods in the place of the embedded one alone,
//! and is this very program, which brings the same daemon along.

mod ground;
mod moody;
mod people;
mod samples;
mod senders;
mod verdict;
mod weather;

pub use moody::{Mood, Moody};

use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::campaign::Chance;
use crate::checker;
use crate::env::TestEnv;
use crate::process::Daemon;
use crate::under_test::UnderTest;
use ground::Ground;
use samples::Sample;
use verdict::Life;
use weather::{Mounted, Weather};

const BUSY: [&str; 3] = ["adatum", "contoso", "fabrikam"];
const QUIET: &str = "quiet";
const CRAMPED: &str = "cramped";
const HOSTILE: &str = "hostile";

/// How long what comes at the end may take: all that is on record is read again, on a machine that may do much else.
const PATIENCE: Duration = Duration::from_mins(20);

/// Where the registrar's mood stands.
fn mood_file(env: &TestEnv) -> PathBuf {
    env.path("mood")
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soak {
    /// The program as it is built.
    pub program: PathBuf,
    /// How long, all in all.
    pub time: Duration,
    /// Where the chances begin.
    pub seed: u64,
    /// A slice of it: half a minute, and bounds that leave room for a start.
    pub quick: bool,
}

/// How a life is lived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    long: Duration,
    moody: bool,
    measured: bool,
}

impl Soak {
    /// Runs it, prints what was measured, and fails if anything grew or was lost.
    pub fn run(&self, daemon: &UnderTest, out: &mut dyn Write) -> Result<()> {
        let (env, disks) = self.place(out)?;
        let ground = Ground::new(env, if self.quick { 500 } else { 4_000 }, if self.quick { 300 } else { 900 });
        let ended = self.on(&ground, daemon, !disks.is_empty(), out);
        if let Err(error) = ended {
            // Left mounted, for somebody to look at.
            std::mem::forget(disks);
            let kept = ground.env.keep();
            return Err(error.context(format!("seed {}; everything is kept in {}", self.seed, kept.display())));
        }
        // Before the place is removed, which they lie in.
        drop(disks);
        Ok(())
    }

    /// The place, and the disks of its own that lie in it where they can be mounted.
    fn place(&self, out: &mut dyn Write) -> Result<(TestEnv, Vec<Mounted>)> {
        let mut env = TestEnv::new(&self.program)?;
        env.set("locale", "\"code\"")?.set("drop.settle", "\"200ms\"")?.set("drop.rescan", "\"1s\"")?;
        env.set("drop.reserve", "\"16MiB\"")?.set("results.refresh", "\"1s\"")?.set("results.receipts", "true")?;
        env.set("lifecycle.poll", "\"2s\"")?.set("ledger.checkpoint_every", "\"1m\"")?;
        env.set_variable("DEVICEDROP_LOG", "info");
        for customer in BUSY.into_iter().chain([QUIET, CRAMPED, HOSTILE]) {
            std::fs::create_dir(env.root().join(customer))?;
        }
        if !rustix::process::geteuid().is_root() {
            ensure!(std::env::var_os("CI").is_none(), "the gate must run this as root");
            writeln!(out, "SKIPPED, not root: disks that fill up and turn read-only")?;
            return Ok((env, Vec::new()));
        }
        let megabytes = if self.quick { 200 } else { 16_000 };
        let state = Mounted::ext4(&env.path("state"), &env.path("state.img"), megabytes)?;
        std::fs::set_permissions(env.path("state"), std::os::unix::fs::PermissionsExt::from_mode(0o750))?;
        let cramped = Mounted::tmpfs(&env.root().join(CRAMPED), "size=256k")?;
        Ok((env, vec![cramped, state]))
    }

    /// Three long lives, and between them short ones that end by a kill.
    fn lives(&self) -> Vec<Plan> {
        let (long, short, between) =
            if self.quick { (self.time / 4, self.time / 12, 1) } else { (self.time / 4, self.time / 40, 5) };
        let mut lives = Vec::new();
        for round in 0..3 {
            lives.push(Plan { long, moody: round == 1, measured: true });
            for kill in 0..if round == 2 { 0 } else { between } {
                lives.push(Plan { long: short, moody: kill % 2 == 0, measured: false });
            }
        }
        lives
    }

    fn on(&self, ground: &Ground, daemon: &UnderTest, mounted: bool, out: &mut dyn Write) -> Result<()> {
        let failed = Mutex::new(None);
        let mut lives = Vec::new();
        thread::scope(|scope| -> Result<()> {
            let sender = |work: &(dyn Fn(&Ground, Chance) -> Result<()> + Sync), number: u64| {
                ground.sender_begins();
                if let Err(error) = work(ground, Chance::new(self.seed ^ (number << 32))) {
                    failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
                    ground.give_up();
                }
                ground.sender_ended();
            };
            for (number, customer) in (0_u64..).zip(BUSY) {
                scope
                    .spawn(move || sender(&|ground, chance| senders::busy(ground, customer, number, chance), number));
            }
            scope.spawn(move || sender(&|ground, chance| senders::quiet(ground, QUIET, chance), 10));
            scope.spawn(move || sender(&|ground, chance| senders::cramped(ground, CRAMPED, chance), 11));
            scope.spawn(move || senders::hostile(ground, HOSTILE, Chance::new(!self.seed)));
            scope.spawn(move || sender(&|ground, chance| people::at_work(ground, BUSY, chance), 13));
            let all = self.all_lives(ground, daemon, mounted, &mut lives, out);
            if all.is_err() {
                ground.give_up();
            }
            all
        })?;
        if let Some(error) = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            return Err(error.context("a sender isn't served"));
        }
        Self::end(ground, out)?;
        verdict::pronounce(&lives, self.quick, out)
    }

    fn all_lives(
        &self,
        ground: &Ground,
        daemon: &UnderTest,
        mounted: bool,
        lives: &mut Vec<Life>,
        out: &mut dyn Write,
    ) -> Result<()> {
        let mut chance = Chance::new(self.seed);
        let plans = self.lives();
        let last = plans.len() - 1;
        for (number, plan) in plans.into_iter().enumerate() {
            if !ground.goes_on() {
                return Ok(());
            }
            let door = ground.at_the_door();
            let mut running = if plan.moody {
                daemon.moody(&ground.env, &mood_file(&ground.env))?
            } else {
                ground.env.start(&[])?
            };
            running.wait_for_message("ready")?;
            drop(door);
            let life = self.live(ground, &mut running, plan, mounted, &mut chance)?;
            writeln!(out, "{}", life.line(number + 1))?;
            out.flush()?;
            lives.push(life);
            ground.weather_turns(true);
            if number == last {
                // The senders still wait for their last answers.
                ground.stop();
                Self::settle(ground, &mut running)?;
            }
            let _door = ground.at_the_door();
            if plan.measured {
                ensure!(running.terminate()?.0 == 0, "it stops in order");
            } else {
                running.kill()?;
            }
        }
        Ok(())
    }

    /// Looks at a daemon again and again while it lives, under whatever weather there is.
    fn live(
        &self,
        ground: &Ground,
        daemon: &mut Daemon,
        plan: Plan,
        mounted: bool,
        chance: &mut Chance,
    ) -> Result<Life> {
        let tick = Duration::from_millis(if self.quick { 100 } else { 500 });
        let longest = if self.quick { 500 } else { 8_000 };
        let mut weather = Weather::new(ground, daemon.pid(), plan.moody, mounted, longest)?;
        let (began, before) = (Instant::now(), ground.done());
        drop(ground.waits());
        ground.weather_turns(false);
        let mut samples = Vec::new();
        while began.elapsed() < plan.long && ground.goes_on() {
            daemon.live_for(tick);
            match Sample::of(daemon.pid(), &ground.env, began.elapsed()) {
                Ok(sample) => samples.push(sample),
                Err(error) => bail!("{error:#}; its log:\n{}", daemon.last_lines(40)),
            }
            weather.turn(chance)?;
        }
        weather.clear()?;
        let (rows, files) = ground.done();
        Ok(Life {
            moody: plan.moody,
            measured: plan.measured,
            long: began.elapsed(),
            rows: rows - before.0,
            files: files - before.1,
            samples,
            waits: ground.waits(),
            faults: weather.faults,
        })
    }

    /// Waits until every sender has his last answer, and nothing is pending.
    fn settle(ground: &Ground, daemon: &mut Daemon) -> Result<()> {
        let pending = "SELECT count(*) FROM audit_submissions WHERE pending > 0";
        let began = Instant::now();
        loop {
            daemon.live_for(Duration::from_millis(200));
            let left = ground.env.query(pending)?.into_iter().flatten().next().and_then(|it| it.as_u64());
            if left == Some(0) && !ground.has_senders() {
                return Ok(());
            }
            ensure!(began.elapsed() < Duration::from_mins(5), "{left:?} submissions are still pending");
        }
    }

    /// Ends what is left by a single run, and looks whether all of it is as it must be.
    fn end(ground: &Ground, out: &mut dyn Write) -> Result<()> {
        let env = &ground.env;
        let single = env.run_within(PATIENCE, &["run", "--once"])?;
        ensure!(matches!(single.code, Some(0 | 1)), "the last run: {single:?}");
        let began = Instant::now();
        let verified = env.run_within(PATIENCE, &["ledger", "verify"])?;
        ensure!(verified.code == Some(0), "ledger verify: {verified:?}");
        write!(out, "{}", verified.stdout)?;
        checker::embedded::when_files_were_taken_away(env).context("checked from outside")?;
        let (rows, files) = ground.done();
        let size = |name: &str| std::fs::metadata(env.path(name)).map_or(0, |file| file.len() >> 20);
        writeln!(
            out,
            "{files} answers with {rows} rows came as they must; the record is whole, and the registrar has the devices \
             that the ledger has (checked in {} s); grown, as it may: ledger {} MiB, registry {} MiB",
            began.elapsed().as_secs(),
            size("state/ledger.db"),
            size("state/registry.db")
        )?;
        Ok(())
    }
}
