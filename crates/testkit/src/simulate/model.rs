//! The slow, obvious model of the product: which contents ever lay where, and what must come of each row of them.
//!
//! It knows nothing of ledgers, calls or restarts. What a registrar holds is read from the registrar's own journal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use devicedrop_core::device::Sha256;
use serde_json::Value;

use crate::campaign::Chance;
use crate::checker::walk;
use crate::env::TestEnv;
use crate::scripted::{What, read_journal};
use crate::under_test::journal;

/// The customers of a simulation.
pub(super) const CUSTOMERS: [&str; 3] = ["adatum", "contoso", "fabrikam"];

/// Serial numbers that every customer brings; the first one to register them has them.
const SHARED: u64 = 6;

/// Devices that the registrar doesn't know: those whose serial number ends like this.
pub(super) const UNKNOWN: &str = "-13";

/// One data row of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    line: i64,
    serial: String,
    is_valid: bool,
}

/// What a file held once.
#[derive(Debug, Clone)]
struct Content {
    rows: Vec<Row>,
    is_rejected: bool,
}

/// The model.
#[derive(Debug, Default)]
pub(super) struct Model {
    contents: BTreeMap<String, Content>,
    /// Every content that ever lay at a path.
    ever: BTreeSet<(String, String, String)>,
    /// What lies at a path now.
    pub(super) lying: BTreeMap<(String, String), String>,
}

/// A text to be dropped, and the places at which a slow sender may pause.
pub(super) struct Text {
    pub(super) bytes: String,
    pub(super) pauses: Vec<usize>,
}

impl Model {
    /// Makes a content up.
    pub(super) fn text(customer: &str, chance: &mut Chance) -> Text {
        let end = if chance.below(4) == 0 { "\r\n" } else { "\n" };
        let heading = if chance.below(12) == 0 { "Maker,Model,Serial" } else { "Manufacturer,Model,Serial Number" };
        let mut bytes = format!("{heading}{end}");
        let mut pauses = Vec::new();
        let most = if chance.below(8) == 0 { 120 } else { 12 };
        for _ in 0..chance.below(most) {
            pauses.push(bytes.len());
            let serial = match chance.below(10) {
                0 => format!("shared-{}", chance.below(SHARED)),
                _ => format!("{customer}-{}", chance.below(60)),
            };
            let row = if chance.below(15) == 0 { "Contoso,,".to_owned() } else { format!("Contoso,Book,{serial}") };
            bytes.extend([&row, end]);
        }
        Text { bytes, pauses }
    }

    /// A content lies at a path from now on.
    pub(super) fn lies(&mut self, customer: &str, file: &str, bytes: &str) {
        let sha256 = Sha256::of(bytes.as_bytes()).to_string();
        self.contents.entry(sha256.clone()).or_insert_with(|| read(bytes));
        self.ever.insert((customer.to_owned(), file.to_owned(), sha256.clone()));
        self.lying.insert((customer.to_owned(), file.to_owned()), sha256);
    }

    /// A file is somewhere else now.
    pub(super) fn moved(&mut self, customer: &str, from: &str, to: &str) {
        if let Some(sha256) = self.lying.remove(&(customer.to_owned(), from.to_owned())) {
            self.ever.insert((customer.to_owned(), to.to_owned(), sha256.clone()));
            self.lying.insert((customer.to_owned(), to.to_owned()), sha256);
        }
    }

    /// A file is gone.
    pub(super) fn gone(&mut self, customer: &str, file: &str) {
        self.lying.remove(&(customer.to_owned(), file.to_owned()));
    }

    /// What holds at any moment: only what lay there is on record, and each accepted content with all of its rows.
    pub(super) fn check(&self, env: &TestEnv) -> Result<()> {
        for submission in submissions(env)? {
            let Submission { id, customer, file, sha256, outcome, rows } = submission;
            let content = self.contents.get(&sha256);
            let place = (customer.clone(), file.clone(), sha256.clone());
            ensure!(self.ever.contains(&place), "{id} is of what never lay there: {place:?}");
            let content = content.with_context(|| format!("{id} is of an unknown content"))?;
            ensure!((outcome == "rejected") == content.is_rejected, "{id} of {customer}/{file} is {outcome}");
            if !content.is_rejected {
                let expected: Vec<_> = content.rows.iter().map(|row| (row.line, row.serial.clone())).collect();
                let found: Vec<_> = rows.iter().map(|row| (row.line, row.serial.clone())).collect();
                ensure!(found == expected, "the rows of {id}, {customer}/{file}: {found:?}, not {expected:?}");
            }
        }
        results_say_what_is_on_record(env)
    }

    /// What holds in the end: what lies there was taken, and every row has the end that it must have.
    pub(super) fn check_end(&self, env: &TestEnv) -> Result<()> {
        self.check(env)?;
        let holders: BTreeMap<String, String> = read_journal(&journal(env))
            .unwrap_or_default()
            .into_iter()
            .filter(|entry| entry.what == What::Registered)
            .map(|entry| (entry.serial_number, entry.customer.to_string()))
            .collect();
        let submissions = submissions(env)?;
        let taken: BTreeSet<Vec<String>> = env
            .query("SELECT customer, file, sha256 FROM audit_deliveries")?
            .iter()
            .map(|row| row.iter().map(text).collect())
            .collect();
        for ((customer, file), sha256) in &self.lying {
            ensure!(
                taken.contains(&Vec::from([customer, file, sha256].map(String::clone))),
                "{customer}/{file} with {sha256} lies there and was never taken"
            );
        }
        let mut firsts: BTreeMap<(String, String), u64> = BTreeMap::new();
        let mut wanted = BTreeSet::new();
        for submission in submissions.iter().filter(|one| one.outcome == "accepted") {
            let content = self.contents.get(&submission.sha256).context("an unknown content")?;
            for (row, told) in content.rows.iter().zip(&submission.rows) {
                let customer = &submission.customer;
                let expected = expected(row, customer, holders.get(&row.serial));
                let found = (told.state.as_str(), told.error.as_str());
                ensure!(
                    expected.contains(&found),
                    "{customer}/{} line {}, {}: {found:?}, not one of {expected:?}",
                    submission.file,
                    row.line,
                    row.serial
                );
                let device = (customer.clone(), row.serial.clone());
                if found.0 != "registration_failed" {
                    *firsts.entry(device.clone()).or_default() += u64::from(found.1.is_empty());
                    wanted.insert(row.serial.clone());
                }
            }
        }
        if let Some((device, count)) = firsts.iter().find(|(_, count)| **count != 1) {
            anyhow::bail!("{device:?} was registered by {count} rows, not by one");
        }
        let held: BTreeSet<_> = holders.into_keys().collect();
        ensure!(held == wanted, "the registrar has {held:?}, and it was asked for {wanted:?}");
        Ok(())
    }
}

/// A device that a result calls ready is ready on record. (Rows that failed may be tried again meanwhile.)
fn results_say_what_is_on_record(env: &TestEnv) -> Result<()> {
    let ready = "SELECT customer, serial_number FROM audit_registrations
                 WHERE state IN ('ready_for_user', 'active', 'inactive')";
    let ready: BTreeSet<Vec<String>> = env.query(ready)?.iter().map(|row| row.iter().map(text).collect()).collect();
    for customer in CUSTOMERS {
        let mut files = Vec::new();
        let folder = env.root().join(customer);
        if folder.is_dir() {
            walk(&folder, &mut files)?;
        }
        for file in files.iter().filter(|file| file.to_string_lossy().ends_with(".result.csv")) {
            let said = fs::read_to_string(file)?;
            ensure!(said.ends_with('\n'), "{} is cut off", file.display());
            for row in said.lines() {
                let cells: Vec<&str> = row.split(',').collect();
                let [_, _, serial, "Ready for user" | "Active" | "Inactive", ..] = cells.as_slice() else { continue };
                let device = Vec::from([customer.to_owned(), (*serial).to_owned()]);
                ensure!(ready.contains(&device), "{} says what isn't on record: {row}", file.display());
            }
        }
    }
    Ok(())
}

/// What a row may come to: its states and errors.
fn expected(row: &Row, customer: &str, holder: Option<&String>) -> Vec<(&'static str, &'static str)> {
    let failed = "registration_failed";
    if !row.is_valid {
        return vec![(failed, "row_not_valid")];
    }
    if row.serial.ends_with(UNKNOWN) {
        return vec![(failed, "device_not_found")];
    }
    if holder.is_some_and(|holder| holder != customer) {
        return vec![(failed, "device_claimed_by_another_organization")];
    }
    let states = ["ready_for_user", "active", "inactive"];
    states.into_iter().flat_map(|state| [(state, ""), (state, "device_already_registered")]).collect()
}

/// Reads a content as anybody would: these are simple ones.
fn read(bytes: &str) -> Content {
    let mut lines = bytes.lines();
    let is_known = lines.next() == Some("Manufacturer,Model,Serial Number");
    let rows: Vec<Row> = lines
        .zip(2..)
        .map(|(text, line)| {
            let serial = text.rsplit(',').next().unwrap_or_default().to_owned();
            Row { line, is_valid: !serial.is_empty(), serial }
        })
        .collect();
    Content { is_rejected: !is_known || rows.is_empty(), rows }
}

/// A submission as the ledger's views tell of it.
struct Submission {
    id: String,
    customer: String,
    file: String,
    sha256: String,
    outcome: String,
    rows: Vec<Told>,
}

/// A row as the ledger's views tell of it.
struct Told {
    line: i64,
    serial: String,
    state: String,
    error: String,
}

fn submissions(env: &TestEnv) -> Result<Vec<Submission>> {
    let mut rows: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    let registrations = "SELECT submission_id, line, serial_number, state, error FROM audit_registrations
                         ORDER BY registration_id";
    for row in env.query(registrations)? {
        let [id, line, serial, state, error] = row.as_slice() else { continue };
        let told = Told {
            line: line.as_i64().unwrap_or_default(),
            serial: text(serial),
            state: text(state),
            error: text(error),
        };
        rows.entry(text(id)).or_default().push(told);
    }
    let submissions = "SELECT submission_id, customer, file, sha256, outcome FROM audit_submissions";
    let listed = env.query(submissions)?.into_iter().filter_map(|row| {
        let [id, customer, file, sha256, outcome] = row.as_slice() else { return None };
        let id = text(id);
        let rows = rows.remove(&id).unwrap_or_default();
        let [customer, file, sha256, outcome] = [customer, file, sha256, outcome].map(text);
        Some(Submission { id, customer, file, sha256, outcome, rows })
    });
    Ok(listed.collect())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
