//! What must hold after every fault, checked from outside: by the registrar's own journal, the ledger's views, and
//! what lies in the folders. Nothing here believes a word of the daemon's.

pub mod embedded;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use devicedrop::ledger::verify::Verifier;
use devicedrop_core::device::Sha256;
use serde_json::Value;

use crate::env::TestEnv;
use crate::scripted::{Entry, Mode, What, read_journal};
use crate::under_test::journal;

/// What holds at any moment, right after a kill too: no request without an attempt on record before it, no device
/// registered twice, no request repeated whose fate is unknown, the record unbroken.
pub fn at_any_moment(env: &TestEnv, mode: Mode) -> Result<()> {
    let entries = if journal(env).exists() { read_journal(&journal(env))? } else { Vec::new() };
    if !ledger_is_there(env)? {
        ensure!(entries.is_empty(), "there are requests and no ledger");
        return Ok(());
    }
    every_request_is_on_record(env, &entries)?;
    one_effect_for_each_device(&entries)?;
    one_key_for_each_row(env, &entries)?;
    if mode == Mode::None {
        nothing_unknown_is_repeated(&entries)?;
    }
    record_is_whole(&env.ledger())?;
    sums(env)
}

/// What holds once everything is done: all of the above, every attempt has its outcome, every submission its final
/// result as it is on record, and nothing of ours lies about half done.
pub fn at_the_end(env: &TestEnv, mode: Mode) -> Result<()> {
    at_any_moment(env, mode)?;
    let open = env.query("SELECT attempt_id FROM audit_attempts WHERE outcome IS NULL")?;
    ensure!(open.is_empty(), "attempts without an outcome: {open:?}");
    let pending = env.query("SELECT file, line FROM audit_registrations WHERE state = 'registration_pending'")?;
    ensure!(pending.is_empty(), "rows that are still pending: {pending:?}");
    results_are_on_record(env)?;
    nothing_lies_about(env)
}

/// Whether there is a ledger. A kill may come before it is made, or while it is: then a rollback journal lies beside it,
/// which only who may write can roll back.
fn ledger_is_there(env: &TestEnv) -> Result<bool> {
    let tables = "SELECT count(*) FROM sqlite_master WHERE name = 'audit_attempts'";
    let half_made = env.ledger().with_extension("db-journal").exists();
    Ok(env.ledger().exists() && !half_made && env.query(tables)?.into_iter().flatten().next() != Some(Value::from(0)))
}

fn every_request_is_on_record(env: &TestEnv, journal: &[Entry]) -> Result<()> {
    let attempts: BTreeMap<i64, (String, String)> = env
        .query("SELECT attempt_id, customer, serial_number FROM audit_attempts")?
        .into_iter()
        .filter_map(|row| match row.as_slice() {
            [Value::Number(id), Value::String(customer), Value::String(serial)] => {
                Some((id.as_i64()?, (customer.clone(), serial.clone())))
            }
            _ => None,
        })
        .collect();
    for entry in journal {
        let of = attempts.get(&entry.attempt);
        let it = (entry.customer.to_string(), entry.serial_number.clone());
        ensure!(of == Some(&it), "a request without an attempt on record: {entry:?}, attempt {of:?}");
    }
    Ok(())
}

fn one_effect_for_each_device(journal: &[Entry]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for entry in journal.iter().filter(|entry| entry.what == What::Registered) {
        let device = (&entry.manufacturer, &entry.model, &entry.serial_number);
        ensure!(seen.insert(device), "registered twice: {entry:?}");
    }
    Ok(())
}

/// All requests of one row have one key, over retries and restarts; only a person's decision brings another.
fn one_key_for_each_row(env: &TestEnv, journal: &[Entry]) -> Result<()> {
    let decided = env.query("SELECT 1 FROM audit_attempts WHERE outcome = 'resolved' LIMIT 1")?;
    if !decided.is_empty() {
        return Ok(());
    }
    let rows: BTreeMap<i64, i64> = env
        .query("SELECT attempt_id, registration_id FROM audit_attempts")?
        .into_iter()
        .filter_map(|row| Some((row.first()?.as_i64()?, row.get(1)?.as_i64()?)))
        .collect();
    let mut keys = BTreeMap::new();
    for entry in journal {
        let Some(row) = rows.get(&entry.attempt) else { continue };
        let first = keys.entry(row).or_insert(&entry.key);
        ensure!(*first == &entry.key, "the row {row} was sent with another key before: {entry:?}");
    }
    Ok(())
}

/// A registrar that remembers nothing got each key once, unless it answered that surely nothing was done; a person's
/// decision brings another key.
fn nothing_unknown_is_repeated(journal: &[Entry]) -> Result<()> {
    let mut effects = BTreeSet::new();
    for entry in journal {
        match entry.what {
            What::Registered => drop(effects.insert(&entry.key)),
            What::Received | What::CutOff => {
                ensure!(!effects.contains(&entry.key), "sent again after its effect: {entry:?}");
            }
            What::Inquired | What::Accepted => {}
        }
    }
    Ok(())
}

/// Recomputes the record, and from it all that is kept beside it.
pub fn record_is_whole(ledger: &Path) -> Result<()> {
    let told = Verifier::open(ledger)?.verify(&[], &mut |_| true)?.context("nobody stopped it")?;
    ensure!(told.is_sound(), "{:#?}", told.found);
    Ok(())
}

fn sums(env: &TestEnv) -> Result<()> {
    let wrong = env.query(
        "SELECT submission_id, rows, pending, ready, failed FROM audit_submissions s
         WHERE outcome = 'accepted' AND (rows <> pending + ready + failed
            OR rows <> (SELECT count(*) FROM audit_registrations r WHERE r.submission_id = s.submission_id)
            OR pending <> (SELECT count(*) FROM audit_registrations r WHERE r.submission_id = s.submission_id
                           AND r.state = 'registration_pending'))",
    )?;
    ensure!(wrong.is_empty(), "rows that don't add up: {wrong:?}");
    Ok(())
}

fn results_are_on_record(env: &TestEnv) -> Result<()> {
    let finals = env.query(
        "SELECT r.customer, r.file, r.sha256 FROM audit_results r WHERE r.final = 1 AND r.seq =
           (SELECT max(x.seq) FROM audit_results x WHERE x.customer = r.customer AND x.file = r.file)",
    )?;
    for row in &finals {
        let [Value::String(customer), Value::String(file), Value::String(sha256)] = row.as_slice() else { continue };
        let path = env.root().join(customer).join(file);
        let bytes = fs::read(&path).with_context(|| format!("{} is on record", path.display()))?;
        ensure!(Sha256::of(&bytes).to_string() == *sha256, "{} isn't what is on record", path.display());
    }
    every_submission_is_answered(env)
}

fn every_submission_is_answered(env: &TestEnv) -> Result<()> {
    let without = env.query(
        "SELECT submission_id, customer, file FROM audit_submissions s WHERE NOT EXISTS
           (SELECT 1 FROM audit_results r WHERE r.submission_id = s.submission_id AND r.final = 1)",
    )?;
    ensure!(without.is_empty(), "submissions without a final result: {without:?}");
    Ok(())
}

/// No file aside of ours in the drop folders or the archive.
fn nothing_lies_about(env: &TestEnv) -> Result<()> {
    let mut files = Vec::new();
    walk(&env.root(), &mut files)?;
    walk(&env.path("state/originals"), &mut files)?;
    let left: Vec<_> = files
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')))
        .collect();
    ensure!(left.is_empty(), "left lying about: {left:?}");
    Ok(())
}

/// Every file below a folder.
pub fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(())
}
