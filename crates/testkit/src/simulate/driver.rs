//! What befalls a simulated daemon: senders, time, the registrar's moods, trouble and kills, drawn by chance.
//!
//! A step is one thing that happens and the time before it. Steps go on while no daemon runs.

use std::fs;
use std::fs::{File, FileTimes};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use devicedrop::clock::Clock;
use devicedrop_core::device::Device;

use super::clock::wait;
use super::model::{CUSTOMERS, Model};
use super::registrar::Moody;
use super::world::{Trouble, World};
use crate::campaign::Chance;
use crate::checker;
use crate::env::TestEnv;
use crate::scripted::Mode;

/// In the end, everything must be done within this time: a registrar that answers and a disk that works are all it
/// takes.
const END: Duration = Duration::from_hours(8);

/// What a life of the daemon is to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is stopped in order, and goes on after this time.
    Restart(Duration),
    /// All steps are taken, and everything is done.
    Done,
}

/// A file that its sender hasn't written to its end.
struct Unfinished {
    customer: &'static str,
    file: String,
    whole: String,
}

/// Who makes things happen.
pub(super) struct Driver {
    pub(super) env: TestEnv,
    pub(super) mode: Mode,
    pub(super) model: Model,
    pub(super) registrar: Arc<Moody>,
    world: Arc<World>,
    chance: Chance,
    steps: u64,
    taken: u64,
    files: u64,
    stamps: u32,
    unfinished: Option<Unfinished>,
    /// Whether the clock was waited for before this step already.
    has_waited: bool,
    /// Whether all steps are taken, and nothing bad comes any more.
    is_calm: bool,
}

impl Driver {
    pub(super) fn new(
        env: TestEnv,
        mode: Mode,
        registrar: Arc<Moody>,
        world: Arc<World>,
        seed: u64,
        steps: u64,
    ) -> Self {
        let chance = Chance::new(seed);
        let (model, taken, files, stamps) = (Model::default(), 0, 0, 0);
        Self {
            env,
            mode,
            model,
            registrar,
            world,
            chance,
            steps,
            taken,
            files,
            stamps,
            unfinished: None,
            has_waited: false,
            is_calm: false,
        }
    }

    /// Lets things happen while a daemon runs.
    pub(super) async fn live(&mut self) -> Result<Fate> {
        while self.taken < self.steps {
            if !std::mem::replace(&mut self.has_waited, true) {
                let gap = self.gap();
                wait(gap).await;
            }
            self.has_waited = false;
            self.taken += 1;
            if let Some(fate) = self.step()? {
                return Ok(fate);
            }
            if self.taken.is_multiple_of(16) {
                self.check().with_context(|| format!("after step {}", self.taken))?;
            }
        }
        if !std::mem::replace(&mut self.is_calm, true) {
            self.calm()?;
            // A registrar that refused our credentials is asked again only once a person did something.
            return Ok(Fate::Restart(Duration::ZERO));
        }
        self.end().await
    }

    /// Lets things happen while none runs.
    pub(super) fn between(&mut self) -> Result<()> {
        let down = match self.chance.below(4) {
            0..3 => self.chance.below(30_000),
            _ => self.chance.below(7_200_000),
        };
        self.world.clock.pass(Duration::from_millis(down));
        for _ in 0..self.chance.below(3) {
            if self.taken < self.steps {
                self.taken += 1;
                self.send()?;
            }
        }
        Ok(())
    }

    /// What holds at any moment.
    pub(super) fn check(&self) -> Result<()> {
        checker::at_any_moment(&self.env, self.mode)?;
        if self.env.query("SELECT 1 FROM audit_submissions LIMIT 1").is_ok() {
            self.model.check(&self.env)?;
        }
        Ok(())
    }

    fn gap(&mut self) -> Duration {
        let longest = match self.chance.below(100) {
            0..40 => 2_000,
            40..85 => 60_000,
            85..98 => 1_800_000,
            _ => 14_400_000,
        };
        Duration::from_millis(self.chance.below(longest))
    }

    fn step(&mut self) -> Result<Option<Fate>> {
        match self.chance.below(100) {
            0..55 => self.send()?,
            55..60 => self.set_clock(),
            60..70 => {
                let bad = self.chance.one_of(&[0, 0, 10, 40, 100]).copied().unwrap_or(0);
                self.world.say(&format!("MOOD {bad}"));
                self.registrar.be(bad);
            }
            70..74 => self.use_device(),
            74..78 => {
                let (effects, times) = (self.chance.below(20), 1 + self.chance.below(12));
                self.world.say(&format!("TROUBLE with files in {effects}, {times} times"));
                self.world.trouble_in(Trouble::Files, effects, times);
            }
            78..82 => {
                let effects = self.chance.below(30);
                self.world.say(&format!("TROUBLE with commits in {effects}"));
                self.world.trouble_in(Trouble::Commits, effects, u64::MAX);
            }
            82..87 => {
                let down = Duration::from_secs(self.chance.below(600));
                self.world.say("STOP");
                return Ok(Some(Fate::Restart(down)));
            }
            _ => {
                let longest = self.chance.one_of(&[10, 100, 1_000]).copied().unwrap_or(1);
                self.world.kill_in(self.chance.below(longest));
            }
        }
        Ok(None)
    }

    /// Time and people play tricks on the clocks.
    fn set_clock(&mut self) {
        if self.chance.below(3) == 0 {
            let asleep = Duration::from_secs(self.chance.below(40_000));
            self.world.say(&format!("ASLEEP for {} s", asleep.as_secs()));
            self.world.clock.pass(asleep);
            return;
        }
        let by = i64::try_from(self.chance.below(7_200_000)).unwrap_or_default();
        let by = if self.chance.below(2) == 0 { by } else { -by };
        self.world.say(&format!("WALL set by {by} ms"));
        self.world.clock.set_wall(by);
    }

    fn use_device(&mut self) {
        let customer = self.customer();
        let device = Device {
            manufacturer: "Contoso".into(),
            model: "Book".into(),
            serial_number: format!("{customer}-{}", self.chance.below(60)),
        };
        self.registrar.inner.use_device(&device, self.world.clock.now());
    }

    fn customer(&mut self) -> &'static str {
        self.chance.one_of(&CUSTOMERS).copied().unwrap_or("contoso")
    }

    /// Something that a sender does.
    fn send(&mut self) -> Result<()> {
        if let Some(Unfinished { customer, file, whole }) = self.unfinished.take() {
            return self.put(customer, &file, &whole, true);
        }
        let customer = self.customer();
        let there: Vec<String> =
            self.model.lying.keys().filter(|(of, _)| of == customer).map(|(_, file)| file.clone()).collect();
        let known = self.chance.one_of(&there).cloned();
        match (self.chance.below(20), known) {
            (0..3, Some(file)) => self.deliver_again(customer, &file),
            (3..6, Some(file)) => {
                let text = Model::text(customer, &mut self.chance);
                let in_place = self.chance.below(2) == 0;
                self.put(customer, &file, &text.bytes, in_place)
            }
            (6, Some(file)) => self.rename(customer, &file),
            (7, Some(file)) => {
                self.world.say(&format!("DELETE {customer}/{file}"));
                fs::remove_file(self.env.root().join(customer).join(&file))?;
                self.model.gone(customer, &file);
                Ok(())
            }
            (8..10, _) => self.begin_slowly(customer),
            _ => {
                let file = self.new_name();
                let text = Model::text(customer, &mut self.chance);
                self.put(customer, &file, &text.bytes, false)
            }
        }
    }

    fn new_name(&mut self) -> String {
        self.files += 1;
        let folder = if self.chance.below(4) == 0 { "PO-1/" } else { "" };
        format!("{folder}file-{}.csv", self.files)
    }

    /// A file that is written in two parts.
    fn begin_slowly(&mut self, customer: &'static str) -> Result<()> {
        let text = Model::text(customer, &mut self.chance);
        let Some(at) = self.chance.one_of(&text.pauses) else {
            return Ok(());
        };
        let file = self.new_name();
        let half = text.bytes.get(..*at).unwrap_or_default().to_owned();
        self.put(customer, &file, &half, true)?;
        self.unfinished = Some(Unfinished { customer, file, whole: text.bytes });
        Ok(())
    }

    fn deliver_again(&mut self, customer: &str, file: &str) -> Result<()> {
        let text = fs::read_to_string(self.env.root().join(customer).join(file))?;
        let in_place = self.chance.below(2) == 0;
        self.put(customer, file, &text, in_place)
    }

    fn rename(&mut self, customer: &str, file: &str) -> Result<()> {
        let to = self.new_name();
        self.world.say(&format!("MOVE {customer}/{file} to {to}"));
        let (old, new) = (self.env.root().join(customer).join(file), self.env.root().join(customer).join(&to));
        if let Some(folder) = new.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(old, new)?;
        self.model.moved(customer, file, &to);
        Ok(())
    }

    fn put(&mut self, customer: &str, file: &str, text: &str, in_place: bool) -> Result<()> {
        self.world.say(&format!("DROP {customer}/{file} {} bytes", text.len()));
        let path = if in_place {
            self.env.write_file(customer, file, text)?
        } else {
            self.env.drop_file(customer, file, text)?
        };
        self.stamp(&path)?;
        self.model.lies(customer, file, text);
        Ok(())
    }

    /// Gives a file a time of writing by the simulation's clock, which no other file has.
    fn stamp(&mut self, path: &Path) -> Result<()> {
        self.stamps += 1;
        let now = u64::try_from(self.world.clock.now().unix_ms())?;
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(now) + Duration::from_nanos(self.stamps.into());
        Ok(File::options().write(true).open(path)?.set_times(FileTimes::new().set_modified(time))?)
    }

    /// From here on the registrar is in a good mood, the disk works, and nobody kills.
    fn calm(&mut self) -> Result<()> {
        self.world.say("CALM");
        self.world.calm();
        self.registrar.be(0);
        while let Some(Unfinished { customer, file, whole }) = self.unfinished.take() {
            self.put(customer, &file, &whole, true)?;
        }
        Ok(())
    }

    /// Lets everything come to its end.
    async fn end(&mut self) -> Result<Fate> {
        let began = self.world.clock.elapsed();
        loop {
            let waits = self.waits_for()?;
            if waits.is_empty() {
                return Ok(Fate::Done);
            }
            let passed = self.world.clock.elapsed().saturating_sub(began);
            anyhow::ensure!(passed < END, "not at an end after {} h: {waits}", passed.as_secs() / 3_600);
            wait(Duration::from_mins(10)).await;
        }
    }

    /// What isn't done yet, or nothing.
    fn waits_for(&self) -> Result<String> {
        let left = self.env.query(
            "SELECT 'pending', customer, file, count(*) FROM audit_submissions WHERE pending > 0 GROUP BY 2, 3
             UNION ALL SELECT 'open', customer, serial_number, attempt_id FROM audit_attempts WHERE outcome IS NULL
             UNION ALL SELECT 'result', customer, file, submission_id FROM audit_submissions s WHERE NOT EXISTS
               (SELECT 1 FROM audit_results r WHERE r.submission_id = s.submission_id AND r.final = 1)",
        )?;
        if !left.is_empty() {
            return Ok(format!("{left:?}"));
        }
        for ((customer, file), sha256) in &self.model.lying {
            let taken = self.env.query(&format!(
                "SELECT 1 FROM audit_deliveries WHERE customer = '{customer}' AND file = '{file}' AND sha256 = '{sha256}'"
            ))?;
            if taken.is_empty() {
                return Ok(format!("{customer}/{file} isn't taken"));
            }
        }
        Ok(String::new())
    }

    /// What holds in the end.
    pub(super) fn check_end(&self) -> Result<()> {
        checker::at_the_end(&self.env, self.mode)?;
        self.model.check_end(&self.env)
    }
}
