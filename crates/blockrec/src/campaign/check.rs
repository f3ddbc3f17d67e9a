//! What must be so on the disks that a power cut left, seen from outside before any daemon starts, and after one did.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use devicedrop::ledger::Reader;
use devicedrop_core::device::Sha256;
use devicedrop_core::ids::CustomerKey;
use devicedrop_testkit::checker;
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::scripted::Mode;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::facts::{counts, on_record};
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
    /// The last blocks of its chain, and how much there is: a chain whose end is right and whose entries are as many
    /// has lost nothing at its end, and that is where a cut takes from.
    End,
}

/// So many blocks are the end of the chain.
const END: u64 = 20;

/// A single run leaves rows that are to be tried again later; the next one tries them.
const RUNS: usize = 10;

/// All that is wrong on disks that were cut after the event `at`, before anything starts there.
pub(super) fn at_rest(env: &TestEnv, recording: &Recording, at: usize, depth: Depth) -> Vec<Finding> {
    let ledger_is_there = match ledger_is_there(env) {
        Ok(there) => there,
        Err(error) => return vec![Finding { kind: Kind::Damaged, what: format!("{error:#}") }],
    };
    let mut checks: Vec<(Kind, Result<()>)> = vec![(Kind::Claims, imports_are_there(env, recording, at))];
    if ledger_is_there {
        checks.push((Kind::Damaged, ledger_is_whole(env, depth)));
        checks.push((Kind::Lost, nothing_is_lost(env, recording, at, depth)));
        checks.push((Kind::Result, results_are_whole(env)));
        checks.push((Kind::Original, originals_are_whole(env)));
        checks.push((Kind::Claims, claims_are_on_record(env)));
    } else {
        checks.push((Kind::Lost, nothing_was_acknowledged(recording, at)));
    }
    findings(checks)
}

/// All that is wrong after a daemon was started there and ended by itself.
pub(super) fn after_a_run(env: &TestEnv, recording: &Recording, at: usize) -> Vec<Finding> {
    let ended = ends_well(env);
    findings(vec![(Kind::Restart, ended), (Kind::Restart, nothing_is_lost(env, recording, at, Depth::Whole))])
}

fn findings(checks: Vec<(Kind, Result<()>)>) -> Vec<Finding> {
    let wrong =
        |(kind, checked): (Kind, Result<()>)| checked.err().map(|error| Finding { kind, what: format!("{error:#}") });
    checks.into_iter().filter_map(wrong).collect()
}

/// Whether there is a ledger with something in it. While it is made, a rollback journal lies beside it, which only who
/// may write can roll back.
fn ledger_is_there(env: &TestEnv) -> Result<bool> {
    let size = |path: PathBuf| fs::metadata(path).map_or(0, |about| about.len());
    if size(env.ledger()) == 0 || size(env.ledger().with_extension("db-journal")) > 0 {
        return Ok(false);
    }
    let tables = env.query("SELECT count(*) FROM sqlite_master WHERE name = 'audit_actions'")?;
    Ok(tables.into_iter().flatten().next() != Some(Value::from(0)))
}

fn ledger_is_whole(env: &TestEnv, depth: Depth) -> Result<()> {
    let said = env.query("PRAGMA integrity_check")?;
    ensure!(said == [[Value::from("ok")]], "the ledger: {said:?}");
    if depth == Depth::Whole {
        return checker::at_any_moment(env, Mode::Keyed);
    }
    let reader = Reader::open(&env.ledger())?;
    // None between the making of the schema and the first entry.
    let Some(head) = reader.head()? else { return Ok(()) };
    for number in head.blocks.saturating_sub(END).max(1)..=head.blocks {
        reader.check_block(number).with_context(|| format!("block {number} of {}", head.blocks))?;
    }
    Ok(())
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

fn nothing_is_lost(env: &TestEnv, recording: &Recording, at: usize, depth: Depth) -> Result<()> {
    if depth == Depth::End {
        let mut wanted: BTreeMap<&str, usize> = BTreeMap::new();
        required(recording, at).for_each(|(view, _)| *wanted.entry(view).or_default() += 1);
        let there = counts(env)?;
        let fewer = wanted.iter().find(|(view, wanted)| there.get(*view).is_none_or(|there| there < *wanted));
        return match fewer {
            None => Ok(()),
            Some((view, wanted)) => bail!("{wanted} entries ({view}) were on record, {:?} are", there.get(view)),
        };
    }
    let found = on_record(env)?;
    let lost: Vec<_> = required(recording, at).filter(|fact| !found.contains(*fact)).collect();
    match lost.first() {
        None => Ok(()),
        Some((view, row)) => bail!("{} entries lost; the first: {view} {row}", lost.len()),
    }
}

/// Each result file is whole: it is what the ledger says was written there last, or was about to be. Each that is on
/// record is there.
fn results_are_whole(env: &TestEnv) -> Result<()> {
    let reader = Reader::open(&env.ledger())?;
    let mut last: BTreeMap<(String, String), String> = BTreeMap::new();
    for row in env.query("SELECT customer, file, sha256 FROM audit_results ORDER BY seq")? {
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
            let note = reader.note(Some(&key), topic, &file)?;
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

fn originals_are_whole(env: &TestEnv) -> Result<()> {
    for row in env.query("SELECT DISTINCT sha256 FROM audit_submissions WHERE sha256 IS NOT NULL")? {
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
    fn open(env: &TestEnv) -> Result<Option<Self>> {
        let path = env.path("state/registry.db");
        let size = |path: &Path| fs::metadata(path).map_or(0, |about| about.len());
        if size(&path) == 0 || size(&path.with_extension("db-journal")) > 0 {
            return Ok(None);
        }
        let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(Duration::from_secs(5))?;
        let said: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
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

fn imports_are_there(env: &TestEnv, recording: &Recording, at: usize) -> Result<()> {
    let imported = recording.imports.iter().filter(|(since, _)| *since <= at).map(|(_, devices)| *devices).max();
    let Some(imported) = imported else { return Ok(()) };
    let registry = Registry::open(env)?.context("the registry is gone")?;
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
fn claims_are_on_record(env: &TestEnv) -> Result<()> {
    let claims = Registry::open(env)?.map_or_else(|| Ok(Vec::new()), |registry| registry.claims())?;
    let mut claimed = BTreeSet::new();
    for claim in claims {
        let (_, serial) = &claim;
        ensure!(claimed.iter().all(|(_, other)| other != serial), "{serial} was claimed twice");
        claimed.insert(claim);
    }
    let asked = pairs(env.query("SELECT DISTINCT customer, serial_number FROM audit_attempts")?);
    if let Some(unasked) = claimed.difference(&asked).next() {
        bail!("{unasked:?} was claimed, and no attempt is on record");
    }
    let devices = pairs(env.query("SELECT customer, serial_number FROM audit_devices")?);
    if let Some(forgotten) = devices.difference(&claimed).next() {
        bail!("{forgotten:?} is on record as registered, and the registrar doesn't know it");
    }
    Ok(())
}

/// Runs the daemon to its end; then all is as if nobody had pulled the plug.
fn ends_well(env: &TestEnv) -> Result<()> {
    let pending = "SELECT 1 FROM audit_registrations WHERE state = 'registration_pending'";
    for _ in 0..RUNS {
        let said = env.run(&["run", "--once"])?;
        ensure!(matches!(said.code, Some(0 | 1)), "it ended with {:?}: {}", said.code, said.stderr);
        if env.query(pending)?.is_empty() {
            break;
        }
    }
    checker::at_the_end(env, Mode::Keyed)?;
    claims_are_on_record(env)?;
    let claims: BTreeSet<_> =
        Registry::open(env)?.map_or_else(|| Ok(Vec::new()), |registry| registry.claims())?.into_iter().collect();
    let devices = pairs(env.query("SELECT customer, serial_number FROM audit_devices")?);
    ensure!(claims == devices, "claims and registered devices differ: {claims:?}, {devices:?}");
    results_are_whole(env)?;
    originals_are_whole(env)?;
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
