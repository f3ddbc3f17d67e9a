//! What must hold over the embedded registrar: its own file is the journal here, read with SQLite as anyone could.
//!
//! Nothing here believes the daemon: what lies in the drop folders, what the registry holds, and what the ledger's
//! views say are held against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use devicedrop_core::device::Sha256;
use serde_json::Value;

use crate::env::TestEnv;

use super::{
    every_submission_is_answered, ledger_is_there, nothing_lies_about, record_is_whole, results_are_on_record, sums,
    walk,
};

/// A file as it was dropped.
#[derive(Debug, Clone)]
pub struct Dropped {
    /// Whose.
    pub customer: String,
    /// Its path inside the drop folder.
    pub file: String,
    /// Its content.
    pub text: String,
}

/// Our columns of a result, or a row's present state on record.
type Said = (String, String);

/// What holds at any moment, right after a kill too.
pub fn at_any_moment(env: &TestEnv, dropped: &[Dropped]) -> Result<()> {
    originals_are_untouched(env, dropped)?;
    let claims = claims(env)?;
    let results = results(env)?;
    if !ledger_is_there(env)? {
        ensure!(claims.is_empty(), "devices are claimed, and there is no ledger: {claims:?}");
        ensure!(results.is_empty(), "there are results and no ledger: {:?}", results.keys());
        return Ok(());
    }
    every_claim_is_on_record(env, &claims)?;
    record_is_whole(&env.ledger())?;
    sums(env)?;
    every_copy_is_there(env)?;
    for (path, text) in &results {
        result_says_what_is_on_record(env, dropped, path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// What holds once everything is done.
pub fn at_the_end(env: &TestEnv, dropped: &[Dropped]) -> Result<()> {
    at_any_moment(env, dropped)?;
    ensure!(ledger_is_there(env)?, "there is no ledger");
    everything_is_ended(env)?;
    for one in dropped {
        let times = env.query(&format!(
            "SELECT submission_id FROM audit_submissions WHERE customer = '{}' AND file = '{}'",
            one.customer, one.file
        ))?;
        ensure!(times.len() == 1, "{} of {} is on record {} times", one.file, one.customer, times.len());
    }
    results_are_on_record(env)?;
    nothing_lies_about(env)?;
    devices_are_the_registrars(env, claims(env)?)
}

/// The same where senders took files and results away once they had read them.
pub fn when_files_were_taken_away(env: &TestEnv) -> Result<()> {
    let claims = claims(env)?;
    every_claim_is_on_record(env, &claims)?;
    record_is_whole(&env.ledger())?;
    sums(env)?;
    every_copy_is_there(env)?;
    everything_is_ended(env)?;
    every_submission_is_answered(env)?;
    nothing_lies_about(env)?;
    devices_are_the_registrars(env, claims)
}

fn everything_is_ended(env: &TestEnv) -> Result<()> {
    let open = env.query("SELECT attempt_id FROM audit_attempts WHERE outcome IS NULL")?;
    ensure!(open.is_empty(), "attempts without an outcome: {open:?}");
    let pending = env.query("SELECT file, line FROM audit_registrations WHERE state = 'registration_pending'")?;
    ensure!(pending.is_empty(), "rows that are still pending: {pending:?}");
    Ok(())
}

fn devices_are_the_registrars(env: &TestEnv, claims: Vec<Claim>) -> Result<()> {
    let devices = pairs(&env.query("SELECT customer, serial_number FROM audit_devices")?);
    let held: Vec<_> = claims.into_iter().map(|claim| (claim.customer, claim.serial_number)).collect();
    let differ = devices.iter().zip(&held).find(|(one, other)| one != other);
    let (ours, theirs) = (devices.len(), held.len());
    ensure!(
        devices == held,
        "the ledger has {ours} devices, the registry {theirs}; the first that differ: {differ:?}"
    );
    Ok(())
}

/// One device that a customer has, as the registry itself says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    customer: String,
    serial_number: String,
    at: i64,
}

fn claims(env: &TestEnv) -> Result<Vec<Claim>> {
    let path = env.path("state/registry.db");
    // Not made yet, or killed while it is made: then SQLite's own journal lies beside it.
    if !path.exists() || path.with_extension("db-journal").exists() {
        return Ok(Vec::new());
    }
    let there = env.query_file(&path, "SELECT count(*) FROM sqlite_schema WHERE name = 'claim'")?;
    if there.into_iter().flatten().next() != Some(Value::from(1)) {
        return Ok(Vec::new());
    }
    let rows = env.query_file(
        &path,
        "SELECT c.key, d.serial_number, m.text, n.text, k.at FROM claim k JOIN customer c ON c.id = k.customer
           JOIN device d ON d.id = k.device JOIN name m ON m.id = d.manufacturer JOIN name n ON n.id = d.model
         WHERE NOT EXISTS (SELECT 1 FROM release r WHERE r.claim = k.id)",
    )?;
    let mut seen = BTreeSet::new();
    let mut claims = Vec::with_capacity(rows.len());
    for row in rows {
        let [Value::String(customer), Value::String(serial), Value::String(maker), Value::String(model), at] =
            row.as_slice()
        else {
            bail!("a claim that isn't one: {row:?}");
        };
        let device = (maker.clone(), model.clone(), serial.clone());
        ensure!(seen.insert(device), "claimed twice: {row:?}");
        let at = at.as_i64().context("the time of a claim")?;
        claims.push(Claim { customer: customer.clone(), serial_number: serial.clone(), at });
    }
    claims.sort();
    Ok(claims)
}

/// No device is claimed that no attempt was on record for, at the latest when it was claimed.
fn every_claim_is_on_record(env: &TestEnv, claims: &[Claim]) -> Result<()> {
    let started = "CAST(round((julianday(min(started_at)) - 2440587.5) * 86400000) AS INTEGER)";
    let rows = env.query(&format!(
        "SELECT customer, serial_number, {started} FROM audit_attempts GROUP BY customer, serial_number"
    ))?;
    let mut attempts = BTreeMap::new();
    for row in &rows {
        if let [Value::String(customer), Value::String(serial), at] = row.as_slice() {
            attempts.insert((customer.clone(), serial.clone()), at.as_i64().context("the time of an attempt")?);
        }
    }
    for claim in claims {
        let first = attempts.get(&(claim.customer.clone(), claim.serial_number.clone()));
        ensure!(first.is_some_and(|at| *at <= claim.at), "claimed without an attempt on record before: {claim:?}");
    }
    Ok(())
}

fn pairs(rows: &[Vec<Value>]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut pairs: Vec<_> = rows
        .iter()
        .filter_map(|row| match row.as_slice() {
            [one, other] => Some((text(one), text(other))),
            _ => None,
        })
        .collect();
    pairs.sort();
    pairs
}

fn originals_are_untouched(env: &TestEnv, dropped: &[Dropped]) -> Result<()> {
    for one in dropped {
        let path = env.root().join(&one.customer).join(&one.file);
        let text = fs::read_to_string(&path).with_context(|| format!("{} is gone", path.display()))?;
        ensure!(text == one.text, "{} was changed", path.display());
    }
    Ok(())
}

/// The copy that the ledger names was on the disk before it was named.
fn every_copy_is_there(env: &TestEnv) -> Result<()> {
    let named = env.query("SELECT sha256 FROM audit_submissions WHERE sha256 IS NOT NULL")?;
    let mut files = Vec::new();
    if env.path("state/originals").exists() {
        walk(&env.path("state/originals"), &mut files)?;
    }
    let by_name: BTreeMap<_, _> = files.iter().filter_map(|path| Some((path.file_name()?.to_str()?, path))).collect();
    for sha256 in named.iter().flatten().filter_map(Value::as_str) {
        let copy = by_name.get(sha256);
        let copy = copy.with_context(|| format!("no copy of {sha256}, which is on record"))?;
        ensure!(Sha256::of(&fs::read(copy)?).to_string() == sha256, "the copy of {sha256} is something else");
    }
    Ok(())
}

/// The result files that lie there, whole as they must be.
fn results(env: &TestEnv) -> Result<BTreeMap<PathBuf, String>> {
    let mut files = Vec::new();
    walk(&env.root(), &mut files)?;
    let is_result = |path: &PathBuf| path.to_string_lossy().ends_with(".result.csv");
    files
        .into_iter()
        .filter(is_result)
        .map(|path| {
            let text = fs::read_to_string(&path)?;
            ensure!(text.ends_with('\n'), "{} is cut off", path.display());
            Ok((path, text))
        })
        .collect()
}

/// Each row of a result has its row on record, and says no more than is on record of it: what it tells as decided was
/// decided durably before.
fn result_says_what_is_on_record(env: &TestEnv, dropped: &[Dropped], path: &Path, text: &str) -> Result<()> {
    let inside = path.strip_prefix(env.root())?.display().to_string().replace(".result.csv", ".csv");
    let original = dropped.iter().find(|one| format!("{}/{}", one.customer, one.file) == inside);
    let Some(original) = original else { bail!("a result of a file that nobody dropped") };
    let rows = env.query(&format!(
        "SELECT state, coalesce(error, '') FROM audit_registrations WHERE customer = '{}' AND file = '{}' ORDER BY line",
        original.customer, original.file
    ))?;
    let on_record: Vec<Said> = rows
        .iter()
        .filter_map(|row| match row.as_slice() {
            [Value::String(state), Value::String(error)] => Some((state.clone(), error.clone())),
            _ => None,
        })
        .collect();
    let said = said(text)?;
    let data_rows = original.text.lines().count() - 1;
    ensure!(said.len() == data_rows, "{} rows for {data_rows}", said.len());
    ensure!(on_record.len() == data_rows, "{} rows on record for {data_rows}", on_record.len());
    for (row, (said, recorded)) in said.iter().zip(&on_record).enumerate() {
        let agrees = said.0 == "registration_pending" || said == recorded;
        ensure!(agrees, "row {} says {said:?}, and on record is {recorded:?}", row + 1);
    }
    Ok(())
}

/// State and error of each row of a result that was written in codes.
fn said(text: &str) -> Result<Vec<Said>> {
    let mut lines = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let headings = lines.headers()?.clone();
    let column =
        |name: &str| headings.iter().position(|heading| heading == name).with_context(|| format!("no column {name}"));
    let (state, error) = (column("State")?, column("Error")?);
    lines
        .into_records()
        .map(|row| {
            let row = row?;
            let cell = |at: usize| row.get(at).map(ToOwned::to_owned).context("a row is too short");
            Ok((cell(state)?, cell(error)?))
        })
        .collect()
}
