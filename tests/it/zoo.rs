//! The zoo of file contents, dropped into a real daemon: `tests/corpus/*.toml` says what must come of each, in English
//! and Dutch; and Python reads the sender's cells back. That memory stays flat over the big ones shows `cargo xtask zoo`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use devicedrop_core::locale::Locale;
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::zoo::{Case, Outcome, Reading, RowOutcome, Size, random_files, table};
use serde_json::{Value, json};

use crate::scene::{CONTOSO, env, rows};

/// The small cases.
fn cases() -> Result<Vec<Case>> {
    Ok(table()?.into_iter().filter(|group| !group.big).flat_map(|group| group.cases).collect())
}

#[test]
fn every_case_in_english() -> Result<()> {
    every_case(Locale::En)
}

#[test]
fn every_case_in_dutch() -> Result<()> {
    every_case(Locale::Nl)
}

fn every_case(locale: Locale) -> Result<()> {
    let mut env = env()?;
    env.set("locale", &format!("{:?}", locale.code()))?;
    let cases = cases()?;
    ensure!(cases.len() > 100, "only {} cases", cases.len());
    for case in &cases {
        env.drop_file(CONTOSO, &format!("{}.csv", case.name), case.bytes())?;
    }
    let output = env.run(&["run", "--once"])?;
    ensure!(output.code == Some(1), "not every row is ready: {output:?}");
    let record = on_record(&env, locale)?;
    let mut wrong = Vec::new();
    for case in &cases {
        if let Err(error) = compare(&env, case, locale, &record) {
            wrong.push(format!("{}: {error:#}", case.name));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let accepted = cases.iter().filter(|case| case.outcome == Outcome::Accepted).map(|case| case.name.as_str());
    python_agrees(&env, accepted)
}

/// What the ledger says.
struct OnRecord {
    /// Each file's outcome with its encoding and delimiter.
    files: BTreeMap<String, String>,
    /// The states of its rows.
    states: BTreeMap<String, Vec<RowOutcome>>,
}

fn on_record(env: &TestEnv, locale: Locale) -> Result<OnRecord> {
    let mut files = BTreeMap::new();
    for row in rows(env, "SELECT file, outcome, encoding, delimiter FROM audit_submissions")? {
        let (file, rest) = row.split_once(".csv|").context("a file")?;
        files.insert(file.to_owned(), rest.to_owned());
    }
    let mut states: BTreeMap<String, Vec<RowOutcome>> = BTreeMap::new();
    for row in rows(env, "SELECT file, state, error FROM audit_registrations ORDER BY file, line")? {
        let (file, rest) = row.split_once(".csv|").context("a file")?;
        let outcome = match rest {
            "ready_for_user|" => RowOutcome::Ready,
            "ready_for_user|device_already_registered" => RowOutcome::Already,
            "registration_failed|row_not_valid" => RowOutcome::Refused,
            other => anyhow::bail!("{file}: {other}, in {}", locale.code()),
        };
        states.entry(file.to_owned()).or_default().push(outcome);
    }
    Ok(OnRecord { files, states })
}

fn compare(env: &TestEnv, case: &Case, locale: Locale, record: &OnRecord) -> Result<()> {
    let reading = Reading::of_case(case, Size::Quick);
    let told = record.files.get(&case.name).context("not on record")?;
    let outcome = told.split('|').next() == Some("accepted");
    ensure!(outcome == (case.outcome == Outcome::Accepted), "on record: {told}");
    if let Ok(sheet) = &reading.verdict {
        let encoding = reading.encoding.context("an encoding")?.code();
        let expected = format!("accepted|{encoding}|{}", sheet.head.dialect.delimiter.code());
        ensure!(*told == expected, "on record: {told}");
    }
    let states = record.states.get(&case.name).cloned().unwrap_or_default();
    ensure!(states == case.rows, "on record: {states:?}");
    let path = env.root().join(CONTOSO).join(format!("{}.result.csv", case.name));
    let answer = std::fs::read(&path).context("no result file")?;
    if let Some(expected) = reading.result(locale) {
        ensure!(answer == expected, "expected\n{}\nfound\n{}", expected.escape_ascii(), answer.escape_ascii());
    }
    Ok(())
}

/// Python's `csv` gets the sender's cells back from these files' results.
fn python_agrees<'a>(env: &TestEnv, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut told = BTreeMap::new();
    for row in env.query("SELECT file, encoding, delimiter FROM audit_submissions WHERE outcome = 'accepted'")? {
        if let [Value::String(file), encoding, delimiter] = row.as_slice() {
            told.insert(file.trim_end_matches(".csv").to_owned(), (encoding.clone(), delimiter.clone()));
        }
    }
    let folder = env.root().join(CONTOSO);
    let mut files = Vec::new();
    for name in names {
        let (encoding, delimiter) = told.get(name).with_context(|| format!("{name} wasn't accepted"))?;
        let path = |ending: &str| folder.join(format!("{name}{ending}")).display().to_string();
        files.push(json!({
            "original": path(".csv"), "result": path(".result.csv"), "encoding": encoding, "delimiter": delimiter,
        }));
    }
    ensure!(files.len() > 10, "only {} files", files.len());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/same_cells.py");
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("python3 is needed")?;
    python.stdin.take().context("no input")?.write_all(Value::from(files).to_string().as_bytes())?;
    let output = python.wait_with_output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

#[test]
fn whatever_was_sent_comes_back_to_python() -> Result<()> {
    let env = env()?;
    let mut names = Vec::new();
    for (number, file) in random_files(100)?.into_iter().enumerate() {
        names.push(format!("random-{number}"));
        env.drop_file(CONTOSO, &format!("random-{number}.csv"), file)?;
    }
    let output = env.run(&["run", "--once"])?;
    ensure!(matches!(output.code, Some(0 | 1)), "{output:?}");
    python_agrees(&env, names.iter().map(String::as_str))
}
