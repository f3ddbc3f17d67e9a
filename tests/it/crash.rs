//! The daemon killed at every named step: what it does after the next start ends like a run that nobody disturbed.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;

use anyhow::{Context, Result, ensure};
use devicedrop::step::Step;
use devicedrop_core::state::ErrorCode;
use devicedrop_testkit::checker;
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;
use devicedrop_testkit::scripted::{Mode, Reply, Rule, Script, What, read_journal};
use devicedrop_testkit::under_test::{KillAt, journal};
use serde_json::Value;

const HEADINGS: &str = "Manufacturer,Model,Serial Number\n";

/// What is dropped, and how the registrar goes about it.
struct Scene {
    script: Script,
    files: Vec<(&'static str, &'static str, String)>,
}

impl Scene {
    /// Two customers, rows that end in several ways, and several calls for each file.
    fn small(mode: Mode) -> Self {
        let refused = Reply::Refuse { error: ErrorCode::DeviceNotFound, detail: None };
        let mut rules =
            vec![Rule::serial("A3", refused), Rule::serial("A5", Reply::Busy { retry_after_ms: None }).times(1)];
        // Their devices would be registered twice by a registrar that remembers nothing.
        let mut twice = "";
        if mode != Mode::None {
            rules.push(Rule::serial("A6", Reply::DisconnectAfter).times(1));
            rules.push(Rule::serial("B2", Reply::Timeout).times(1));
            twice = "Contoso,Book,A1\n";
        }
        let script = Script { batch: two(), concurrency: NonZeroUsize::MIN, ..Script::of(rules).mode(mode) };
        let first = format!(
            "{HEADINGS}Contoso,Book,A1\nContoso,Book,A2\nContoso,Book,A3\nContoso,Book,\nContoso,Book,A5\n\
             Contoso,Book,A6\n{twice}"
        );
        let second = format!("{HEADINGS}Fabrikam,Slate,B1\nFabrikam,Slate,B2\nFabrikam,Slate,B3\n");
        Self { script, files: vec![("contoso", "devices.csv", first), ("fabrikam", "PO-7/more.csv", second)] }
    }

    /// One file so long that its rows go on record in several transactions; nearly all of them are refused unsent.
    fn long() -> Self {
        let mut text = HEADINGS.to_owned();
        for row in 0..25_000 {
            let serial = if row % 5_000 == 0 { format!("L{row}") } else { String::new() };
            text.extend(["Contoso,Book,", &serial, "\n"]);
        }
        let script = Script { batch: two(), ..Script::default() };
        Self { script, files: vec![("contoso", "long.csv", text)] }
    }

    fn drop(&self, env: &TestEnv) -> Result<()> {
        for (customer, name, text) in &self.files {
            env.drop_file(customer, name, text)?;
        }
        Ok(())
    }

    fn is_done(&self, env: &TestEnv) -> Result<bool> {
        let sql = "SELECT count(*) FROM audit_submissions s WHERE s.outcome = 'accepted' AND s.pending = 0 AND EXISTS
                     (SELECT 1 FROM audit_results r WHERE r.submission_id = s.submission_id AND r.final = 1)";
        Ok(count(env, sql)? == i64::try_from(self.files.len())?)
    }
}

fn two() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(1)
}

fn count(env: &TestEnv, sql: &str) -> Result<i64> {
    env.query(sql)?.first().and_then(|row| row.first()).and_then(Value::as_i64).context("a number")
}

/// What a run came to, without what may differ: request IDs.
#[derive(Debug, PartialEq, Eq)]
struct Ending {
    results: BTreeMap<String, String>,
    rows: Vec<Vec<Value>>,
    devices: Vec<Vec<Value>>,
}

impl Ending {
    fn of(env: &TestEnv, scene: &Scene) -> Result<Self> {
        checker::at_the_end(env, scene.script.mode)?;
        let mut files = Vec::new();
        checker::walk(&env.root(), &mut files)?;
        let mut results = BTreeMap::new();
        for path in files {
            let name = path.strip_prefix(env.root())?.display().to_string();
            results.insert(name, without_request_ids(&fs::read_to_string(&path)?));
        }
        let rows = env.query(
            "SELECT customer, file, line, serial_number, state, error FROM audit_registrations
             ORDER BY customer, file, line",
        )?;
        let devices =
            env.query("SELECT customer, serial_number, state FROM audit_devices ORDER BY customer, serial_number")?;
        Ok(Self { results, rows, devices })
    }
}

/// Without the last column, the request ID, and without dates: a run may see midnight.
fn without_request_ids(text: &str) -> String {
    const DATED: &str = "It was registered on ";
    let undated: String = text
        .split_inclusive(DATED)
        .map(|part| match part.get(..10).filter(|date| date.bytes().filter(|byte| *byte == b'-').count() == 2) {
            Some(date) => part.replacen(date, "a day", 1),
            None => part.to_owned(),
        })
        .collect();
    undated
        .lines()
        .map(|line| match line.rsplit_once(',') {
            Some((rest, last)) if last.starts_with("req-") || last.starts_with("dd-") => format!("{rest},\n"),
            _ => format!("{line}\n"),
        })
        .collect()
}

fn wait_until_done(env: &TestEnv, scene: &Scene, daemon: &mut Daemon) -> Result<()> {
    daemon.wait_until("everything done", || Ok(scene.is_done(env)?.then_some(())))
}

/// How it ends when nobody disturbs it.
fn undisturbed(scene: &Scene) -> Result<Ending> {
    let env = crate::scene::env()?;
    scene.drop(&env)?;
    let mut daemon = crate::daemon()?.scripted(&env, &scene.script, None)?;
    daemon.wait_for_message("ready")?;
    wait_until_done(&env, scene, &mut daemon)?;
    ensure!(daemon.terminate()?.0 == 0, "an undisturbed run stops in order");
    Ending::of(&env, scene)
}

/// Attempts without an outcome, and their registrations.
fn open_attempts(env: &TestEnv) -> Result<BTreeMap<i64, i64>> {
    let rows = env.query("SELECT attempt_id, registration_id FROM audit_attempts WHERE outcome IS NULL")?;
    rows.iter()
        .map(|row| match row.as_slice() {
            [attempt, registration] => {
                Ok((attempt.as_i64().context("an attempt")?, registration.as_i64().context("a registration")?))
            }
            _ => anyhow::bail!("two columns"),
        })
        .collect()
}

/// Kills the daemon at a step, starts it again, and looks whether it ends like `expected`.
fn killed_at(scene: &Scene, expected: &Ending, step: Step, passing: u64) -> Result<()> {
    let env = crate::scene::env()?;
    scene.drop(&env)?;
    crate::daemon()?.scripted(&env, &scene.script, Some(KillAt { step, passing }))?.killed()?;
    checker::at_any_moment(&env, scene.script.mode)?;
    let cut_off = open_attempts(&env)?;
    ensure!(
        !matches!(step, Step::Intended | Step::Answered) || !cut_off.is_empty(),
        "a kill between intent and outcome leaves attempts open"
    );
    let mut daemon = crate::daemon()?.scripted(&env, &scene.script, None)?;
    daemon.wait_for_message("ready")?;
    if scene.script.mode == Mode::None && !cut_off.is_empty() {
        a_person_decides(&env, &mut daemon, &cut_off)?;
    }
    wait_until_done(&env, scene, &mut daemon)?;
    let (code, _) = daemon.terminate()?;
    ensure!(code == 0, "it stops in order, not with {code}");
    for attempt in cut_off.keys() {
        let row = env.query(&format!("SELECT outcome FROM audit_attempts WHERE attempt_id = {attempt}"))?;
        ensure!(row.iter().flatten().all(Value::is_string), "attempt {attempt} has an outcome by now");
    }
    let ending = Ending::of(&env, scene)?;
    ensure!(ending == *expected, "ends otherwise:\n{ending:#?}\nand not like\n{expected:#?}");
    Ok(())
}

/// With a registrar that can't be asked, nothing happens to rows in doubt until a person looked what became of them.
fn a_person_decides(env: &TestEnv, daemon: &mut Daemon, cut_off: &BTreeMap<i64, i64>) -> Result<()> {
    let pending = "SELECT count(*) FROM audit_registrations WHERE state = 'registration_pending'";
    let doubts = i64::try_from(cut_off.len())?;
    daemon.wait_until("only rows in doubt left", || Ok((count(env, pending)? == doubts).then_some(())))?;
    ensure!(open_attempts(env)? == *cut_off, "they are still in doubt, and nothing else is");
    let entries = if journal(env).exists() { read_journal(&journal(env))? } else { Vec::new() };
    for (attempt, registration) in cut_off {
        let sent = entries.iter().filter(|entry| entry.attempt == *attempt && entry.what == What::Received).count();
        let done = entries.iter().any(|entry| entry.attempt == *attempt && entry.what == What::Registered);
        ensure!(sent <= 1, "attempt {attempt} was sent {sent} times");
        let decision = if done { "--registered" } else { "--retry" };
        let said = env.run(&["resolve", &registration.to_string(), "--reason", "looked it up", decision])?;
        ensure!(said.code == Some(0), "{said:?}");
    }
    Ok(())
}

fn sweep(mode: Mode, steps: &[(Step, u64)]) {
    let scene = Scene::small(mode);
    let expected = undisturbed(&scene).unwrap();
    for (step, passings) in steps {
        for passing in 1..=*passings {
            killed_at(&scene, &expected, *step, passing)
                .with_context(|| format!("{mode:?}: killed at {} {passing}", step.name()))
                .unwrap();
        }
    }
}

#[test]
fn killed_on_the_way_into_the_ledger() {
    sweep(Mode::Keyed, &[(Step::Claimed, 2), (Step::Accepted, 2)]);
}

#[test]
fn killed_while_rows_go_on_record() {
    let scene = Scene::long();
    let expected = undisturbed(&scene).unwrap();
    for passing in 1..=3 {
        killed_at(&scene, &expected, Step::MidAcceptance, passing).unwrap();
    }
}

#[test]
fn killed_while_rows_go_on_record_and_started_with_another_mapping() -> Result<()> {
    let mut env = crate::scene::env()?;
    let mut scene = Scene::long();
    for (_, _, text) in &mut scene.files {
        *text = text.replacen("Manufacturer", "Hersteller", 1);
    }
    env.set("customers.contoso.columns", "{ \"Manufacturer\" = \"Hersteller\" }")?;
    scene.drop(&env)?;
    let kill = KillAt { step: Step::MidAcceptance, passing: 1 };
    crate::daemon()?.scripted(&env, &scene.script, Some(kill))?.killed()?;
    env.set("customers.contoso.columns", "{ \"Manufacturer\" = \"Maker\" }")?;
    let mut daemon = crate::daemon()?.scripted(&env, &scene.script, None)?;
    daemon.wait_for_message("ready")?;
    wait_until_done(&env, &scene, &mut daemon)?;
    ensure!(daemon.terminate()?.0 == 0, "it stops in order");
    let ready =
        "SELECT count(*) FROM audit_registrations WHERE manufacturer = 'Contoso' AND state = 'ready_for_user'";
    assert_eq!(count(&env, ready)?, 5);
    let result = fs::read_to_string(env.root().join("contoso/long.result.csv"))?;
    ensure!(result.starts_with("Hersteller,Model,Serial Number,State,"), "{:?}", result.lines().next());
    checker::at_the_end(&env, scene.script.mode)
}

#[test]
fn killed_before_the_request() {
    sweep(Mode::Keyed, &[(Step::Intended, 4)]);
}

#[test]
fn killed_after_the_answer() {
    sweep(Mode::Keyed, &[(Step::Answered, 4)]);
}

#[test]
fn killed_after_the_outcomes() {
    sweep(Mode::Keyed, &[(Step::Recorded, 4)]);
}

#[test]
fn killed_around_the_result() {
    sweep(Mode::Keyed, &[(Step::ResultReady, 2), (Step::ResultInPlace, 2), (Step::ResultRecorded, 2)]);
}

#[test]
fn killed_with_a_registrar_that_knows_devices_only() {
    sweep(Mode::Natural, &[(Step::Intended, 4), (Step::Answered, 4), (Step::Recorded, 2)]);
}

#[test]
fn killed_with_a_registrar_that_knows_nothing() {
    sweep(Mode::None, &[(Step::Intended, 3), (Step::Answered, 3), (Step::Recorded, 2)]);
}
