//! The daemon killed at random moments under load, again and again, and what must hold after each kill and in the end.
//!
//! A seed gives the same files, the same registrar and the same moments; the machine's own pace differs, so a failure
//! needn't come back at the first try, but its folder is kept.

use std::collections::BTreeSet;
use std::io::Write;
use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::checker;
use crate::env::TestEnv;
use crate::process::Daemon;
use crate::scripted::{Mode, Reply, Rule, Script, What, read_journal};
use crate::under_test::{UnderTest, journal};

/// Kills of one ledger, before everything is let come to its end and a new one is begun.
const KILLS_OF_ONE: u64 = 15;

/// The longest that a daemon lives.
const LIFE_MS: u64 = 700;

/// Far beyond any real wait: a registrar that throttles again and again is come to more and more slowly.
const PATIENCE: Duration = Duration::from_mins(10);

const CUSTOMERS: [&str; 3] = ["adatum", "contoso", "fabrikam"];

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Campaign {
    /// How many kills.
    pub kills: u64,
    /// Where the chances begin.
    pub seed: u64,
}

/// Chance, the same for the same seed (SplitMix64).
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// The chances of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 on, below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// One of these, if there is one.
    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let end = u64::try_from(of.len()).unwrap_or(u64::MAX);
        usize::try_from(self.below(end)).ok().and_then(|at| of.get(at))
    }
}

impl Campaign {
    /// Runs it with a daemon to be killed. Says how it goes, a line for each ledger.
    pub fn run(self, daemon: &UnderTest, out: &mut dyn Write) -> Result<()> {
        let mut chance = Chance(self.seed);
        let mut left = self.kills;
        let mut ledger = 0;
        while left > 0 {
            let kills = left.min(KILLS_OF_ONE);
            let mode = if ledger % 2 == 0 { Mode::Keyed } else { Mode::Natural };
            let mut trial = Trial::new(mode, &mut chance)?;
            if let Err(error) = trial.run(daemon, &mut chance, kills) {
                let kept = trial.env.keep();
                return Err(error.context(format!(
                    "seed {}, ledger {ledger}, {mode:?}; everything is kept in {}",
                    self.seed,
                    kept.display()
                )));
            }
            writeln!(
                out,
                "ledger {ledger}: {kills} kills, {} files, {} devices, {mode:?}: all as it must be",
                trial.files,
                trial.devices.len()
            )?;
            left -= kills;
            ledger += 1;
        }
        Ok(())
    }
}

/// One ledger and what befalls it.
struct Trial {
    env: TestEnv,
    script: Script,
    files: u64,
    devices: BTreeSet<(String, String)>,
}

impl Trial {
    fn new(mode: Mode, chance: &mut Chance) -> Result<Self> {
        let env = TestEnv::new("devicedrop")?;
        let rules: Vec<Rule> = (0..40)
            .map(|_| {
                let reply = match chance.below(7) {
                    0 => Reply::Busy { retry_after_ms: Some(chance.below(100)) },
                    1 => Reply::Busy { retry_after_ms: None },
                    2 => Reply::Timeout,
                    3 => Reply::DisconnectAfter,
                    4 => Reply::DisconnectBefore,
                    5 => Reply::Garbage { text: "<html>".to_owned(), effect: chance.below(2) == 0 },
                    _ => Reply::Unavailable,
                };
                Rule::row(chance.below(800), reply)
            })
            .collect();
        let script = Script {
            batch: NonZeroUsize::MIN.saturating_add(usize::try_from(chance.below(30))?),
            concurrency: NonZeroUsize::MIN.saturating_add(usize::try_from(chance.below(4))?),
            latency_ms: chance.below(20),
            inquiries_refused: chance.below(2),
            ..Script::of(rules).mode(mode)
        };
        Ok(Self { env, script, files: 0, devices: BTreeSet::new() })
    }

    fn run(&mut self, daemon: &UnderTest, chance: &mut Chance, kills: u64) -> Result<()> {
        for kill in 0..kills {
            let mut running = daemon.scripted(&self.env, &self.script, None)?;
            for _ in 0..chance.below(3) {
                self.drop_file(chance)?;
            }
            running.live_for(Duration::from_millis(chance.below(LIFE_MS)));
            running.kill()?;
            checker::at_any_moment(&self.env, self.script.mode).with_context(|| format!("after kill {kill}"))?;
        }
        self.drop_file(chance)?;
        self.end(daemon).context("after the last start")
    }

    fn drop_file(&mut self, chance: &mut Chance) -> Result<()> {
        let customer = CUSTOMERS.get(usize::try_from(chance.below(3))?).context("a customer")?;
        let mut text = "Manufacturer,Model,Serial Number\n".to_owned();
        for _ in 0..=chance.below(60) {
            // Few enough serial numbers that devices come again, within a file and in later ones.
            let serial = format!("{customer}-{}", chance.below(400));
            if chance.below(20) == 0 {
                text.push_str("Contoso,,\n");
            } else {
                text.extend(["Contoso,Book,", &serial, "\n"]);
                self.devices.insert(((*customer).to_owned(), serial));
            }
        }
        self.env.drop_file(customer, &format!("file-{}.csv", self.files), text)?;
        self.files += 1;
        Ok(())
    }

    /// Three kills while one and the same file was read look like that file's doing, and it is refused. Touched, as its
    /// sender would be told to, it is read again.
    fn touch_what_three_kills_hit(&self, running: &mut Daemon, done: &str) -> Result<()> {
        let refused = "SELECT customer, file FROM audit_submissions
                       WHERE rejection LIKE 'Reading this file stopped the service before%'";
        let refused = self.env.query(refused)?;
        for one in &refused {
            let [Value::String(customer), Value::String(file)] = one.as_slice() else { bail!("{one:?} is no file") };
            let file = std::fs::File::options().write(true).open(self.env.root().join(customer).join(file))?;
            file.set_modified(std::time::SystemTime::now())?;
        }
        let files = Value::from(self.files + u64::try_from(refused.len())?);
        running.wait_until("what was refused for three kills done, too", || {
            Ok((self.env.query(done)?.into_iter().flatten().next() == Some(files.clone())).then_some(()))
        })
    }

    /// Lets everything come to its end, and looks whether it is what was asked for.
    fn end(&self, daemon: &UnderTest) -> Result<()> {
        let mut running = daemon.scripted(&self.env, &self.script, None)?.with_watchdog(PATIENCE);
        running.wait_for_message("ready")?;
        let sql = "SELECT count(*) FROM audit_submissions s WHERE s.pending = 0 AND EXISTS
                     (SELECT 1 FROM audit_results r WHERE r.submission_id = s.submission_id AND r.final = 1)";
        let files = Value::from(self.files);
        running.wait_until("everything done", || {
            Ok((self.env.query(sql)?.into_iter().flatten().next() == Some(files.clone())).then_some(()))
        })?;
        self.touch_what_three_kills_hit(&mut running, sql)?;
        ensure!(running.terminate()?.0 == 0, "it stops in order");
        checker::at_the_end(&self.env, self.script.mode)?;
        let registered: BTreeSet<_> = read_journal(&journal(&self.env))?
            .into_iter()
            .filter(|entry| entry.what == What::Registered)
            .map(|entry| (entry.customer.to_string(), entry.serial_number))
            .collect();
        ensure!(registered == self.devices, "the registrar has what was dropped, no less and no more");
        let listed = self.env.query("SELECT customer, serial_number FROM audit_devices")?;
        let on_record: BTreeSet<_> = listed
            .iter()
            .filter_map(|row| match row.as_slice() {
                [Value::String(customer), Value::String(serial)] => Some((customer.clone(), serial.clone())),
                _ => None,
            })
            .collect();
        ensure!(on_record == self.devices && listed.len() == on_record.len(), "the ledger has each of them once");
        Ok(())
    }
}
