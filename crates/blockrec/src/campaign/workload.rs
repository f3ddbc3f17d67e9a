//! What happens while the disks are recorded: two customers, good and bad rows, second deliveries, a retry, a stop, a
//! kill, and starts between them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::campaign::Chance;
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;
use serde_json::Value;

use super::facts::{End, Fact, Seen};
use super::planted::Planted;
use super::stage::{Stage, format};
use crate::log::Event;
use crate::server::{Server, read};

/// The customers of every workload.
pub(super) const CUSTOMERS: [&str; 2] = ["contoso", "fabrikam"];

/// The folder of each that is an order.
pub(super) const ORDER: &str = "PO-4711";

const HEADINGS: &str = "Manufacturer,Model,Serial Number\n";

/// Devices in the inventory at first, and those that come later.
const EARLY: u64 = 120;
const LATE: u64 = 40;

/// A workload that was carried out, and all that was written meanwhile.
#[derive(Debug)]
pub(super) struct Recording {
    /// The disks at its start.
    pub(super) images: Vec<PathBuf>,
    /// What was written to them.
    pub(super) log: PathBuf,
    /// How many events that were.
    pub(super) events: usize,
    /// How many of them flushes.
    pub(super) flushes: usize,
    /// What was seen in the ledger, and after which event first.
    pub(super) facts: BTreeMap<Fact, usize>,
    /// The ends that the record had: after which event seen first, how many blocks, the hash of the last.
    pub(super) ends: Vec<End>,
    /// Acknowledged imports: after which event, and how many devices the inventory held then.
    pub(super) imports: Vec<(usize, i64)>,
    /// How many files were dropped.
    pub(super) drops: u64,
    _folder: tempfile::TempDir,
}

/// Carries a workload out.
pub(super) fn record(program: &Path, planted: Option<Planted>, seed: u64) -> Result<Recording> {
    let folder = tempfile::Builder::new().prefix("devicedrop-record-").tempdir()?;
    let (images, log) = (format(folder.path())?, folder.path().join("log"));
    let disks = Server::start(&log, &images)?;
    let script = folder.path().join("planted");
    let files: Vec<_> = (0..images.len()).map(|number| disks.disk(number)).collect();
    let mut stage = Stage::new(if planted.is_some() { &script } else { program }, &files)?;
    stage.mount()?;
    prepare(&stage.env)?;
    if let Some(planted) = planted {
        planted.write(&script, &stage.env, program)?;
    }
    let noted = Seen::default();
    let (stop, stopped) = sync_channel::<()>(0);
    let mut work = Work { env: &stage.env, disks: &disks, chance: Chance::new(seed), drops: 0, imports: Vec::new() };
    let worked = thread::scope(|scope| {
        let (reader, env, disks) = (&noted, &stage.env, &disks);
        let looking = scope.spawn(move || reader.look_until(env, disks, &stopped));
        let worked = work.all();
        drop(stop);
        ensure!(looking.join().is_ok(), "the reader panicked");
        worked
    });
    let Work { drops, imports, .. } = work;
    worked?;
    noted.look(&stage.env, &disks).context("the ledger at the end")?;
    stage.unmount()?;
    disks.save()?;
    drop(stage);
    drop(disks);
    let events = read(&log)?;
    let (facts, ends) = noted.all();
    let flushes = events.iter().filter(|event| matches!(event, Event::Flush { .. })).count();
    Ok(Recording { images, log, events: events.len(), flushes, facts, ends, imports, drops, _folder: folder })
}

/// The folders that a share has before the daemon's first start. A file system's own folder in its root is no customer.
fn prepare(env: &TestEnv) -> Result<()> {
    fs::remove_dir(env.root().join("lost+found"))?;
    for customer in CUSTOMERS {
        fs::create_dir_all(env.root().join(customer).join(ORDER))?;
        sync(&env.root().join(customer))?;
    }
    sync(&env.root())
}

fn sync(path: &Path) -> Result<()> {
    File::open(path)?.sync_all().with_context(|| format!("can't sync {}", path.display()))
}

struct Work<'a> {
    env: &'a TestEnv,
    disks: &'a Server,
    chance: Chance,
    drops: u64,
    imports: Vec<(usize, i64)>,
}

impl Work<'_> {
    fn all(&mut self) -> Result<()> {
        let mut daemon = self.start()?;
        self.import(0, EARLY)?;
        for number in 0..8 {
            self.drop_new(number)?;
        }
        self.drop_file("contoso", "headings.csv", "Maker,Model,Serial\nContoso,Book,D-1\n")?;
        self.wait_until_done(&mut daemon)?;
        ensure!(daemon.terminate()?.0 == 0, "it stops in order");

        // From here on the ledger's log is written over in place, which syncs less along with it.
        let mut daemon = self.start()?;
        self.again("contoso", "file-0.csv")?;
        for number in 8..14 {
            self.drop_new(number)?;
            if number % 3 == 0 {
                self.wait_until_done(&mut daemon)?;
            }
        }
        self.import(EARLY, EARLY + LATE)?;
        self.command(&["retry", "--error", "device_not_found"])?;
        self.wait_until_done(&mut daemon)?;
        self.new_content("contoso", "file-0.csv")?;
        self.drop_new(14)?;
        daemon.live_for(std::time::Duration::from_millis(self.chance.below(120)));
        daemon.kill()?;

        let mut daemon = self.start()?;
        for number in 15..22 {
            self.drop_new(number)?;
            self.wait_until_done(&mut daemon)?;
        }
        ensure!(daemon.terminate()?.0 == 0, "it stops in order");
        Ok(())
    }

    fn start(&self) -> Result<Daemon> {
        let mut daemon = self.env.start(&[])?;
        daemon.wait_for_message("ready")?;
        Ok(daemon)
    }

    fn command(&self, arguments: &[&str]) -> Result<()> {
        let said = self.env.run(arguments)?;
        ensure!(said.code == Some(0), "{arguments:?}: {said:?}");
        Ok(())
    }

    fn import(&mut self, from: u64, to: u64) -> Result<()> {
        let mut text = HEADINGS.to_owned();
        (from..to).for_each(|number| text.extend(["Contoso,Book,", &serial(number), "\n"]));
        let file = self.env.path("inventory.csv");
        fs::write(&file, text)?;
        self.command(&["registry", "import", file.to_str().context("a path in UTF-8")?])?;
        self.imports.push((self.disks.position()?, i64::try_from(to)?));
        Ok(())
    }

    fn drop_new(&mut self, number: u64) -> Result<()> {
        let customer = if number % 3 == 2 { "fabrikam" } else { "contoso" };
        let folder = if self.chance.below(4) == 0 { format!("{ORDER}/") } else { String::new() };
        let name = if number == 0 { "file-0.csv".to_owned() } else { format!("{folder}file-{number}.csv") };
        let text = self.rows(number);
        self.drop_file(customer, &name, &text)
    }

    /// Rows of many kinds; each file has at least one that no other file has.
    fn rows(&mut self, number: u64) -> String {
        let mut text = format!("{HEADINGS}Contoso,Book,{}\n", serial(EARLY - 1 - number));
        for _ in 0..self.chance.below(9) {
            match self.chance.below(10) {
                0 => text.push_str("Contoso,,\n"),
                1 => text.extend(["Contoso,Book,X-", &self.chance.below(50).to_string(), "\n"]),
                // Few enough that a device comes again, also from the other customer.
                _ => text.extend(["Contoso,Book,", &serial(self.chance.below(EARLY + LATE)), "\n"]),
            }
        }
        text
    }

    fn again(&mut self, customer: &str, name: &str) -> Result<()> {
        let text = fs::read_to_string(self.env.root().join(customer).join(name))?;
        self.drop_file(customer, name, &text)
    }

    fn new_content(&mut self, customer: &str, name: &str) -> Result<()> {
        let text = self.rows(60);
        self.drop_file(customer, name, &text)
    }

    /// As a careful sender does it: whole and durable before it has its name, and its name durable before he goes.
    fn drop_file(&mut self, customer: &str, name: &str, text: &str) -> Result<()> {
        let path = self.env.root().join(customer).join(name);
        let aside = path.with_extension("csv.part");
        let mut file = File::create(&aside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, &path)?;
        sync(path.parent().context("a folder")?)?;
        self.drops += 1;
        Ok(())
    }

    /// Waits until each delivery is answered: no row pending, and a final result younger than all that befell it.
    fn wait_until_done(&self, daemon: &mut Daemon) -> Result<()> {
        let unanswered = "SELECT count(*) FROM audit_submissions s WHERE coalesce(s.pending, 0) > 0 OR NOT EXISTS
            (SELECT 1 FROM audit_results r WHERE r.submission_id = s.submission_id AND r.final = 1
               AND r.seq > (SELECT max(d.seq) FROM audit_deliveries d WHERE d.submission_id = s.submission_id)
               AND r.seq > (SELECT coalesce(max(t.seq), 0) FROM audit_transitions t
                            WHERE t.submission_id = s.submission_id))";
        let deliveries = "SELECT count(*) FROM audit_deliveries";
        daemon.wait_until("everything answered", || {
            let all_there = number(self.env, deliveries)? >= i64::try_from(self.drops)?;
            Ok((all_there && number(self.env, unanswered)? == 0).then_some(()))
        })
    }
}

fn serial(number: u64) -> String {
    format!("D-{number:04}")
}

fn number(env: &TestEnv, sql: &str) -> Result<i64> {
    env.query(sql)?.into_iter().flatten().next().as_ref().and_then(Value::as_i64).context("a number")
}
