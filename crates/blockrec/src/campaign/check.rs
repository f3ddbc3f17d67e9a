//! What must be so on the disks that a power cut left, seen from outside before any daemon starts, and after one did.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use devicedrop::ledger::Reader;
use devicedrop_core::device::Sha256;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::time::Timestamp;
use devicedrop_testkit::checker;
use devicedrop_testkit::env::{TestEnv, rows};
use devicedrop_testkit::scripted::Mode;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::facts::on_record;
use super::workload::Recording;

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A database or its record is damaged.
    Damaged,
    /// Something that was on record isn't any more.
    Lost,
    /// A result file that is on record is gone, torn, or not what the ledger says.
    Result,
    /// An original that the ledger names is gone or torn.
    Original,
    /// The registrar and the ledger don't say the same.
    Claims,
    /// The next start doesn't bring it to its end.
    Restart,
}

impl Kind {
    /// In words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Damaged => "database or record damaged",
            Self::Lost => "acknowledged entries lost",
            Self::Result => "result file gone or torn",
            Self::Original => "original gone or torn",
            Self::Claims => "registrar and ledger differ",
            Self::Restart => "no good end after the next start",
        }
    }
}

/// Something that is wrong.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) kind: Kind,
    pub(super) what: String,
}

/// How much of the ledger is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// All of it, to the letter.
    Whole,
    /// The last blocks of its chain, and whether the end that was seen last is in it: its hash depends on every entry
    /// before it.
    End,
}

/// So many blocks are the end of the chain.
const END: u64 = 20;

const PENDING: &str = "SELECT 1 FROM audit_registrations WHERE state = 'registration_pending'";

/// When rows are due, by their numbers.
type Due = BTreeMap<i64, Timestamp>;

/// A file system that the system itself can't make sense of.
pub(super) fn damaged(error: &anyhow::Error) -> Finding {
    Finding { kind: Kind::Damaged, what: format!("{error:#}") }
}

/// All that is wrong on disks that were cut after the event `at`, before anything starts there.
pub(super) fn at_rest(env: &TestEnv, recording: &Recording, at: usize, depth: Depth) -> Vec<Finding> {
    let ledger = match Ledger::open(env) {
        Ok(ledger) => ledger,
        Err(error) => return vec![damaged(&error)],
    };
    let registry = Registry::open(env, depth);
    let mut checks: Vec<(Kind, Result<()>)> = vec![(Kind::Claims, imports_are_there(&registry, recording, at))];
    if let Some(ledger) = ledger {
        checks.push((Kind::Damaged, ledger.is_whole(env, depth)));
        checks.push((Kind::Lost, ledger.has_lost_nothing(env, recording, at, depth)));
        checks.push((Kind::Result, results_are_whole(env, &ledger)));
        checks.push((Kind::Original, originals_are_whole(env, &ledger)));
        checks.push((Kind::Claims, claims_are_on_record(&ledger, &registry)));
    } else {
        checks.push((Kind::Lost, nothing_was_acknowledged(recording, at)));
    }
    findings(checks)
}

/// All that is wrong after a daemon was started there and ended by itself.
pub(super) fn after_a_run(env: &TestEnv, recording: &Recording, at: usize) -> Vec<Finding> {
    findings(vec![(Kind::Restart, ends_well(env, recording, at))])
}

fn findings(checks: Vec<(Kind, Result<()>)>) -> Vec<Finding> {
    let wrong =
        |(kind, checked): (Kind, Result<()>)| checked.err().map(|error| Finding { kind, what: format!("{error:#}") });
    checks.into_iter().filter_map(wrong).collect()
}

fn required(recording: &Recording, at: usize) -> impl Iterator<Item = &super::facts::Fact> {
    recording.facts.iter().filter(move |(_, since)| **since <= at).map(|(fact, _)| fact)
}

fn nothing_was_acknowledged(recording: &Recording, at: usize) -> Result<()> {
    match required(recording, at).next() {
        None => Ok(()),
        Some((view, row)) => bail!("there is no ledger, and on record was the {view} {row}"),
    }
}

/// A ledger with something in it, opened once for all questions.
struct Ledger {
    reader: Reader,
    db: Connection,
}

impl Ledger {
    /// None before it is made. While it is, a rollback journal lies beside it, which only who may write can roll back.
    fn open(env: &TestEnv) -> Result<Option<Self>> {
        let size = |path: PathBuf| fs::metadata(path).map_or(0, |about| about.len());
        if size(env.ledger()) == 0 || size(env.ledger().with_extension("db-journal")) > 0 {
            return Ok(None);
        }
        let db = Connection::open_with_flags(env.ledger(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(Duration::from_secs(5))?;
        let views = rows(&db, "SELECT count(*) FROM sqlite_schema WHERE name = 'audit_actions'")?;
        if views.into_iter().flatten().next() == Some(Value::from(0)) {
            return Ok(None);
        }
        Ok(Some(Self { reader: Reader::open(&env.ledger())?, db }))
    }

    fn ask(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        rows(&self.db, sql)
    }

    /// Rows that aren't due yet, and when they are.
    fn waiting(&self) -> Result<Due> {
        let waiting = self.reader.waiting()?;
        Ok(waiting.into_iter().map(|later| (later.registration.get(), later.due)).collect())
    }

    /// What a single run may leave: rows that the registrar deferred, rows whose attempt is in doubt, and rows of the
    /// same device behind them. And rows that already waited before it for a time that hasn't come.
    fn leaves_only_what_waits(&self, before: &Due) -> Result<()> {
        let waiting = self.waiting()?;
        let due = self.ask(
            "SELECT r.registration_id FROM audit_registrations r WHERE r.state = 'registration_pending'
               AND NOT EXISTS (SELECT 1 FROM audit_registrations e WHERE e.state = 'registration_pending'
                 AND e.customer = r.customer AND e.manufacturer = r.manufacturer AND e.model = r.model
                 AND e.serial_number = r.serial_number AND e.registration_id < r.registration_id)
               AND coalesce((SELECT coalesce(a.outcome, 'open') FROM audit_attempts a
                 WHERE a.registration_id = r.registration_id ORDER BY a.attempt_id DESC LIMIT 1), 'none')
                 NOT IN ('deferred', 'open')",
        )?;
        let left: Vec<i64> = due.into_iter().flatten().filter_map(|row| row.as_i64()).collect();
        let early = left.iter().find(|row| waiting.get(row) != before.get(row) || !before.contains_key(row));
        ensure!(early.is_none(), "a single run ended, and nothing held row {early:?} back");
        Ok(())
    }

    fn is_whole(&self, env: &TestEnv, depth: Depth) -> Result<()> {
        let check = if depth == Depth::Whole { "PRAGMA integrity_check" } else { "PRAGMA quick_check" };
        let said = self.ask(check)?;
        ensure!(said == [[Value::from("ok")]], "the ledger: {said:?}");
        if depth == Depth::Whole {
            return checker::at_any_moment(env, Mode::Keyed);
        }
        // None between the making of the schema and the first entry.
        let Some(head) = self.reader.head()? else { return Ok(()) };
        for number in head.blocks.saturating_sub(END).max(1)..=head.blocks {
            self.reader.check_block(number).with_context(|| format!("block {number} of {}", head.blocks))?;
        }
        Ok(())
    }

    fn has_lost_nothing(&self, env: &TestEnv, recording: &Recording, at: usize, depth: Depth) -> Result<()> {
        if depth == Depth::End {
            return self.has_the_end_that_was_seen(recording, at);
        }
        let found = on_record(env)?;
        let lost: Vec<_> = required(recording, at).filter(|fact| !found.contains(*fact)).collect();
        match lost.first() {
            None => Ok(()),
            Some((view, row)) => bail!("{} entries lost; the first: {view} {row}", lost.len()),
        }
    }

    fn has_the_end_that_was_seen(&self, recording: &Recording, at: usize) -> Result<()> {
        let Some(end) = recording.ends.iter().rfind(|end| end.seen <= at) else { return Ok(()) };
        let mut hashes = Vec::new();
        self.reader.block_hashes(&mut |hash| hashes.push(hash))?;
        let there = usize::try_from(end.blocks)?.checked_sub(1).and_then(|last| hashes.get(last));
        let there = there.with_context(|| format!("{} blocks were on record, {} are", end.blocks, hashes.len()))?;
        ensure!(there == end.hash.as_bytes(), "block {} is another than the one that was on record", end.blocks);
        Ok(())
    }
}

/// Each result file is whole: it is what the ledger says was written there last, or was about to be. Each that is on
/// record is there.
fn results_are_whole(env: &TestEnv, ledger: &Ledger) -> Result<()> {
    let mut last: BTreeMap<(String, String), String> = BTreeMap::new();
    for row in ledger.ask("SELECT customer, file, sha256 FROM audit_results ORDER BY seq")? {
        if let [Value::String(customer), Value::String(file), Value::String(sha256)] = row.as_slice() {
            last.insert((customer.clone(), file.clone()), sha256.clone());
        }
    }
    let there = result_files(env)?;
    if let Some((customer, file)) = last.keys().find(|path| !there.contains(*path)) {
        bail!("{customer}/{file} is on record, and it is gone");
    }
    for (customer, file) in there {
        let path = env.root().join(&customer).join(&file);
        let found = Sha256::of(&fs::read(&path)?);
        let key = CustomerKey::parse(&customer)?;
        let mut may_be = Vec::from_iter(last.get(&(customer.clone(), file.clone())).cloned());
        for topic in ["written", "writing"] {
            // The hash stands first, and behind it what tells the file by a look.
            let note = ledger.reader.note(Some(&key), topic, &file)?;
            may_be.extend(note.and_then(|note| note.split(' ').next().map(str::to_owned)));
        }
        let size = fs::metadata(&path)?.len();
        ensure!(
            may_be.contains(&found.to_string()),
            "{customer}/{file}: its {size} bytes aren't those of any writing on record"
        );
    }
    Ok(())
}

fn result_files(env: &TestEnv) -> Result<BTreeSet<(String, String)>> {
    Ok(files(env)?.into_iter().filter(|(_, file)| file.ends_with(".result.csv")).collect())
}

/// Customer and path of every CSV.
fn files(env: &TestEnv) -> Result<BTreeSet<(String, String)>> {
    let mut paths = Vec::new();
    checker::walk(&env.root(), &mut paths)?;
    let named = |path: &PathBuf| {
        let (customer, file) = path.strip_prefix(env.root()).ok()?.to_str()?.split_once('/')?;
        path.extension().is_some_and(|extension| extension == "csv").then(|| (customer.to_owned(), file.to_owned()))
    };
    Ok(paths.iter().filter(|path| !is_aside(path)).filter_map(named).collect())
}

fn is_aside(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn originals_are_whole(env: &TestEnv, ledger: &Ledger) -> Result<()> {
    for row in ledger.ask("SELECT DISTINCT sha256 FROM audit_submissions WHERE sha256 IS NOT NULL")? {
        let [Value::String(sha256)] = row.as_slice() else { bail!("not a hash: {row:?}") };
        let (folder, _) = sha256.split_at_checked(2).context("a hash")?;
        let path = env.path("state/originals").join(folder).join(sha256);
        let bytes = fs::read(&path).with_context(|| format!("the original {sha256}"))?;
        ensure!(Sha256::of(&bytes).to_string() == *sha256, "the original {sha256} has {} other bytes", bytes.len());
    }
    Ok(())
}

type Claim = (String, String);

/// Everything that is registered, as the registrar has it: customer and serial number. None while it is being made.
struct Registry {
    db: Connection,
}

impl Registry {
    fn open(env: &TestEnv, depth: Depth) -> Result<Option<Self>> {
        let path = env.path("state/registry.db");
        let size = |path: &Path| fs::metadata(path).map_or(0, |about| about.len());
        if size(&path) == 0 || size(&path.with_extension("db-journal")) > 0 {
            return Ok(None);
        }
        let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(Duration::from_secs(5))?;
        let check = if depth == Depth::Whole { "PRAGMA integrity_check" } else { "PRAGMA quick_check" };
        let said: String = db.query_row(check, [], |row| row.get(0))?;
        ensure!(said == "ok", "the registry: {said}");
        let tables: i64 =
            db.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'claim'", [], |row| row.get(0))?;
        Ok((tables > 0).then_some(Self { db }))
    }

    fn claims(&self) -> Result<Vec<Claim>> {
        let mut claims = self.db.prepare(
            "SELECT k.key, d.serial_number FROM claim c JOIN customer k ON k.id = c.customer
             JOIN device d ON d.id = c.device",
        )?;
        let claims = claims.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(claims.collect::<Result<_, _>>()?)
    }

    fn inventory(&self) -> Result<i64> {
        Ok(self.db.query_row("SELECT count(*) FROM device WHERE source IS NOT NULL", [], |row| row.get(0))?)
    }
}

/// What the registry said, or why it couldn't be asked.
type Asked = Result<Option<Registry>>;

fn registry_of(asked: &Asked) -> Result<Option<&Registry>> {
    asked.as_ref().map(Option::as_ref).map_err(|error| anyhow!("{error:#}"))
}

fn imports_are_there(asked: &Asked, recording: &Recording, at: usize) -> Result<()> {
    let imported = recording.imports.iter().filter(|(since, _)| *since <= at).map(|(_, devices)| *devices).max();
    let Some(imported) = imported else { return Ok(()) };
    let registry = registry_of(asked)?.context("the registry is gone")?;
    let found = registry.inventory()?;
    ensure!(found >= imported, "{imported} devices were imported, and {found} are there");
    Ok(())
}

fn pairs(rows: Vec<Vec<Value>>) -> BTreeSet<Claim> {
    let pair = |row: Vec<Value>| match row.as_slice() {
        [Value::String(customer), Value::String(serial)] => Some((customer.clone(), serial.clone())),
        _ => None,
    };
    rows.into_iter().filter_map(pair).collect()
}

/// The registrar has each device once, did nothing that no attempt on record asked for, and still knows all that the
/// ledger says it did.
fn claims_are_on_record(ledger: &Ledger, asked: &Asked) -> Result<()> {
    let claims = registry_of(asked)?.map_or_else(|| Ok(Vec::new()), Registry::claims)?;
    let mut claimed = BTreeSet::new();
    for claim in claims {
        let (_, serial) = &claim;
        ensure!(claimed.iter().all(|(_, other)| other != serial), "{serial} was claimed twice");
        claimed.insert(claim);
    }
    let asked = pairs(ledger.ask("SELECT DISTINCT customer, serial_number FROM audit_attempts")?);
    if let Some(unasked) = claimed.difference(&asked).next() {
        bail!("{unasked:?} was claimed, and no attempt is on record");
    }
    let devices = pairs(ledger.ask("SELECT customer, serial_number FROM audit_devices")?);
    if let Some(forgotten) = devices.difference(&claimed).next() {
        bail!("{forgotten:?} is on record as registered, and the registrar doesn't know it");
    }
    Ok(())
}

/// Runs the daemon to its end; then all is as if nobody had pulled the plug.
fn ends_well(env: &TestEnv, recording: &Recording, at: usize) -> Result<()> {
    let waited = Ledger::open(env)?.map_or_else(|| Ok(BTreeMap::new()), |ledger| ledger.waiting())?;
    let said = env.run(&["run", "--once"])?;
    ensure!(matches!(said.code, Some(0 | 1)), "it ended with {:?}: {}", said.code, said.stderr);
    let ledger = Ledger::open(env)?.context("there is no ledger")?;
    if !ledger.ask(PENDING)?.is_empty() {
        ensure!(said.code == Some(1), "it ended with 0, and rows are pending");
        ledger.leaves_only_what_waits(&waited)?;
        // Its time comes.
        let mut daemon = env.start(&[])?;
        daemon.wait_until("no row pending", || Ok(env.query(PENDING)?.is_empty().then_some(())))?;
        ensure!(daemon.terminate()?.0 == 0, "it stops in order");
        ensure!(matches!(env.run(&["run", "--once"])?.code, Some(0 | 1)), "a last single run");
    }
    drop(ledger);
    checker::at_the_end(env, Mode::Keyed)?;
    let ledger = Ledger::open(env)?.context("there is no ledger")?;
    let asked = Registry::open(env, Depth::Whole);
    claims_are_on_record(&ledger, &asked)?;
    let claims: BTreeSet<_> =
        registry_of(&asked)?.map_or_else(|| Ok(Vec::new()), Registry::claims)?.into_iter().collect();
    let devices = pairs(ledger.ask("SELECT customer, serial_number FROM audit_devices")?);
    ensure!(claims == devices, "claims and registered devices differ: {claims:?}, {devices:?}");
    results_are_whole(env, &ledger)?;
    originals_are_whole(env, &ledger)?;
    ledger.has_lost_nothing(env, recording, at, Depth::Whole)?;
    each_file_is_answered(env)
}

/// Each file that lies there, with the content that it has, is on record and has its final result.
fn each_file_is_answered(env: &TestEnv) -> Result<()> {
    let results = result_files(env)?;
    for (customer, file) in files(env)?.difference(&results) {
        let path = env.root().join(customer).join(file);
        let sha256 = Sha256::of(&fs::read(&path)?);
        let sql = format!(
            "SELECT 1 FROM audit_submissions s JOIN audit_results r ON r.submission_id = s.submission_id AND r.final = 1
             WHERE s.customer = '{customer}' AND s.file = '{file}' AND s.sha256 = '{sha256}'"
        );
        ensure!(!env.query(&sql)?.is_empty(), "{customer}/{file} was never answered");
    }
    Ok(())
}
