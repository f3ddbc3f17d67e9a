//! The whole daemon over a registrar that answers as a test tells it: what is tried again, when, and what isn't.

use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use devicedrop_core::state::ErrorCode;
use devicedrop_testkit::checker;
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;
use devicedrop_testkit::scripted::{Entry, Mode, Reply, Rule, Script, What, read_journal};
use devicedrop_testkit::under_test::{journal, put_forward};
use serde_json::{Value, json};

const HEADINGS: &str = "Manufacturer,Model,Serial Number\n";

fn rows(serials: &[&str]) -> String {
    serials.iter().fold(HEADINGS.to_owned(), |text, serial| format!("{text}Contoso,Book,{serial}\n"))
}

fn start(env: &TestEnv, script: &Script) -> Result<Daemon> {
    let mut daemon = crate::daemon()?.scripted(env, script, None)?;
    daemon.wait_for_message("ready")?;
    Ok(daemon)
}

/// Waits until a query gives this.
fn wait_for(env: &TestEnv, daemon: &mut Daemon, sql: &str, expected: &Value) -> Result<()> {
    let mut last = Value::Null;
    daemon
        .wait_until(sql, || {
            last = json!(env.query(sql)?);
            Ok((last == *expected).then_some(()))
        })
        .with_context(|| format!("{sql} gave {last} at last, not {expected}"))
}

const STATES: &str = "SELECT serial_number, state, error FROM audit_registrations ORDER BY registration_id";
const PENDING: &str = "SELECT count(*) FROM audit_registrations WHERE state = 'registration_pending'";
const FINAL: &str = "SELECT count(DISTINCT submission_id) FROM audit_results WHERE final = 1";

/// Waits until as many submissions as that have their final result, stops the daemon, and checks everything.
fn finish(env: &TestEnv, mut daemon: Daemon, mode: Mode, submissions: u64) -> Result<()> {
    wait_for(env, &mut daemon, PENDING, &json!([[0]]))?;
    wait_for(env, &mut daemon, FINAL, &json!([[submissions]]))?;
    let (code, _) = daemon.terminate()?;
    ensure!(code == 0, "it stops in order, not with {code}");
    checker::at_the_end(env, mode)
}

fn requests(env: &TestEnv) -> Result<Vec<Entry>> {
    let mut entries = if journal(env).exists() { read_journal(&journal(env))? } else { Vec::new() };
    entries.retain(|entry| matches!(entry.what, What::Received | What::CutOff));
    Ok(entries)
}

/// Serial numbers in the order in which they were asked for.
fn asked(env: &TestEnv) -> Result<Vec<String>> {
    Ok(requests(env)?.into_iter().map(|entry| entry.serial_number).collect())
}

fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

/// Outcomes of one device's attempts, in their order.
fn outcomes(env: &TestEnv, serial: &str) -> Result<Value> {
    Ok(json!(env.query(&format!(
        "SELECT number, outcome, error FROM audit_attempts WHERE serial_number = '{serial}' ORDER BY attempt_id"
    ))?))
}

#[test]
fn every_answer_leads_where_it_should() -> Result<()> {
    let refuse = |error| Reply::Refuse { error, detail: None };
    let garbage = |effect| Reply::Garbage { text: "<html>".to_owned(), effect };
    let script = Script::of([
        Rule::serial("NOTFOUND", refuse(ErrorCode::DeviceNotFound)),
        Rule::serial("HASH", refuse(ErrorCode::HardwareHashNotValid)),
        Rule::serial("OTHERS", refuse(ErrorCode::DeviceClaimedByAnotherOrganization)),
        Rule::serial("STRANGE", refuse(ErrorCode::UnexpectedError)),
        Rule::serial("HAVE", refuse(ErrorCode::DeviceAlreadyRegistered)),
        Rule::serial("BUSY", Reply::Busy { retry_after_ms: None }).times(2),
        Rule::serial("TIMEOUT", Reply::Timeout).times(1),
        Rule::serial("AFTER", Reply::DisconnectAfter).times(1),
        Rule::serial("BEFORE", Reply::DisconnectBefore).times(1),
        Rule::serial("GARBAGE", garbage(false)).times(1),
        Rule::serial("GARBAGE2", garbage(true)).times(1),
    ]);
    let serials = [
        "GOOD", "NOTFOUND", "HASH", "OTHERS", "STRANGE", "HAVE", "BUSY", "TIMEOUT", "AFTER", "BEFORE", "GARBAGE",
        "GARBAGE2",
    ];
    for mode in [Mode::Keyed, Mode::Natural] {
        let env = crate::scene::env()?;
        env.drop_file("contoso", "devices.csv", rows(&serials))?;
        let daemon = start(&env, &script.clone().mode(mode))?;
        finish(&env, daemon, mode, 1)?;
        let ready = "ready_for_user";
        let failed = "registration_failed";
        assert_eq!(
            json!(env.query(STATES)?),
            json!([
                ["GOOD", ready, null],
                ["NOTFOUND", failed, "device_not_found"],
                ["HASH", failed, "hardware_hash_not_valid"],
                ["OTHERS", failed, "device_claimed_by_another_organization"],
                ["STRANGE", failed, "unexpected_error"],
                ["HAVE", ready, "device_already_registered"],
                ["BUSY", ready, null],
                ["TIMEOUT", ready, null],
                ["AFTER", ready, null],
                ["BEFORE", ready, null],
                ["GARBAGE", ready, null],
                ["GARBAGE2", ready, null],
            ]),
            "{mode:?}"
        );
        let busy = json!([
            [1, "deferred", "unexpected_error"],
            [2, "deferred", "unexpected_error"],
            [3, "registered", null]
        ]);
        assert_eq!(outcomes(&env, "BUSY")?, busy);
        assert_eq!(outcomes(&env, "AFTER")?, json!([[1, "registered", null]]), "the registrar knew of it");
        assert_eq!(outcomes(&env, "TIMEOUT")?, json!([[1, "interrupted", null], [2, "registered", null]]));
    }
    Ok(())
}

#[test]
fn a_retry_after_holds_for_the_whole_registrar() -> Result<()> {
    let env = crate::scene::env()?;
    let busy = Reply::Busy { retry_after_ms: Some(1_500) };
    // Four calls at a time: those that were under way when the busy one was answered don't end the wait.
    let script = Script { batch: one(), latency_ms: 30, ..Script::of([Rule::row(1, busy)]) };
    let serials: Vec<String> = (0..20).map(|number| format!("S{number}")).collect();
    let serials: Vec<&str> = serials.iter().map(String::as_str).collect();
    env.drop_file("contoso", "devices.csv", rows(&serials))?;
    let daemon = start(&env, &script)?;
    finish(&env, daemon, Mode::Keyed, 1)?;
    let sql = "SELECT count(*) FROM audit_attempts, (SELECT finished_at AS told FROM audit_attempts
                 WHERE outcome = 'deferred') WHERE
                 unixepoch(started_at, 'subsec') BETWEEN unixepoch(told, 'subsec') + 0.7
                   AND unixepoch(told, 'subsec') + 1.45";
    // What was chosen before the answer was heard may still leave; by then it has.
    assert_eq!(json!(env.query(sql)?), json!([[0]]), "nothing is sent while it wants to be left alone");
    Ok(())
}

#[test]
fn a_device_that_is_held_names_its_holder() -> Result<()> {
    let env = crate::scene::env()?;
    env.drop_file("contoso", "first.csv", rows(&["A", "B"]))?;
    let mut daemon = start(&env, &Script::default())?;
    wait_for(&env, &mut daemon, FINAL, &json!([[1]]))?;
    let second = env.drop_file("contoso", "second.csv", rows(&["C", "B"]))?;
    finish(&env, daemon, Mode::Keyed, 2)?;
    let result = std::fs::read_to_string(second.with_file_name("second.result.csv"))?;
    let line = result.lines().find(|line| line.contains(",B,")).context("the row of B")?;
    assert!(line.contains("Device already registered") && line.contains("first.csv"), "{line}");
    assert!(line.contains("Ready for user"), "{line}");
    Ok(())
}

#[test]
fn rows_stay_pending_while_credentials_are_refused_and_go_on_once_a_person_says_so() -> Result<()> {
    let mut env = crate::scene::env()?;
    env.set("registrar.retry.give_up_after", "\"1ms\"")?;
    env.set("registrar.retry.longest", "\"1h\"")?; // until when nothing is tried by itself
    let script = Script { concurrency: one(), ..Script::of([Rule::always(Reply::Broken).times(2)]) };
    env.drop_file("contoso", "devices.csv", rows(&["A", "B"]))?;
    let mut daemon = start(&env, &script)?;
    let broken =
        |line: &devicedrop_testkit::process::Line| line.message() == "registrar" && line.has("health", "Broken");
    daemon.wait_for("broken credentials", broken)?;
    let status = env.run(&["status", "--json"])?;
    assert!(status.stdout.contains("broken"), "{status:?}");
    assert_eq!(json!(env.query(PENDING)?), json!([[2]]));
    // What comes in meanwhile isn't sent: it would only be refused, too.
    env.drop_file("fabrikam", "devices.csv", rows(&["C"]))?;
    wait_for(&env, &mut daemon, PENDING, &json!([[3]]))?;
    assert_eq!(asked(&env)?, ["A", "B"]);
    let retried = env.run(&["retry"])?;
    ensure!(retried.code == Some(0), "{retried:?}");
    finish(&env, daemon, Mode::Keyed, 2)
}

#[test]
fn whether_a_person_mended_the_registrar_is_asked_now_and_then_with_one_row() -> Result<()> {
    let mut env = crate::scene::env()?;
    env.set("registrar.retry.first", "\"1ms\"")?.set("registrar.retry.longest", "\"100ms\"")?;
    let script = Script { concurrency: one(), ..Script::of([Rule::always(Reply::Broken).times(5)]) };
    env.drop_file("contoso", "devices.csv", rows(&["A", "B", "C"]))?;
    let daemon = start(&env, &script)?;
    finish(&env, daemon, Mode::Keyed, 1)?;
    let attempts = "SELECT outcome, count(*) FROM audit_attempts GROUP BY 1 ORDER BY 1";
    // All three in the first call, one in each of the next two, and nobody acted but the registrar.
    assert_eq!(json!(env.query(attempts)?), json!([["deferred", 5], ["registered", 3]]));
    Ok(())
}

#[test]
fn the_time_in_which_a_registrar_waited_for_a_person_makes_no_row_fail() -> Result<()> {
    let mut env = crate::scene::env()?;
    env.set("registrar.retry.first", "\"1ms\"")?;
    let script = Script::of([Rule::always(Reply::Broken).times(12), Rule::always(Reply::Unavailable).times(1)]);
    env.drop_file("contoso", "devices.csv", rows(&["A"]))?;
    let mut daemon = crate::daemon()?.scripted_with_a_clock_to_move(&env, &script)?;
    daemon.wait_for_message("ready")?;
    let tried = |daemon: &mut Daemon, times: u64| {
        let sql = "SELECT count(*) FROM audit_attempts WHERE outcome = 'deferred'";
        wait_for(&env, daemon, sql, &json!([[times]]))?;
        let said = env.run(&["retry"])?;
        ensure!(said.code == Some(0), "{said:?}");
        Ok(())
    };
    for times in 1..12 {
        if times == 11 {
            put_forward(&env, Duration::from_hours(25))?;
        }
        tried(&mut daemon, times)?;
    }
    tried(&mut daemon, 12)?;
    put_forward(&env, Duration::from_hours(26))?;
    tried(&mut daemon, 13)?;
    finish(&env, daemon, Mode::Keyed, 1)?;
    assert_eq!(json!(env.query(STATES)?), json!([["A", "ready_for_user", null]]));
    Ok(())
}

#[test]
fn a_single_run_ends_where_a_person_must_act() -> Result<()> {
    let mut env = crate::scene::env()?;
    env.set("registrar.retry.first", "\"1ms\"")?;
    let script = Script { batch: one(), ..Script::of([Rule::always(Reply::Broken)]) };
    env.drop_file("contoso", "devices.csv", rows(&["A", "B", "C", "D", "E", "F"]))?;
    let daemon = crate::daemon()?.scripted_once(&env, &script)?;
    let (code, _) = daemon.wait()?;
    assert_eq!((code, json!(env.query(PENDING)?)), (1, json!([[6]])));
    Ok(())
}

#[test]
fn an_unavailable_registrar_is_tried_again_by_itself() -> Result<()> {
    let env = crate::scene::env()?;
    env.drop_file("contoso", "devices.csv", rows(&["A", "B"]))?;
    let daemon = start(&env, &Script::of([Rule::always(Reply::Unavailable).times(4)]))?;
    finish(&env, daemon, Mode::Keyed, 1)?;
    assert_eq!(json!(env.query(STATES)?), json!([["A", "ready_for_user", null], ["B", "ready_for_user", null]]));
    Ok(())
}

#[test]
fn after_ten_attempts_and_its_time_a_row_is_given_up_and_holds_nobody_back() -> Result<()> {
    let mut env = crate::scene::env()?;
    env.set("registrar.retry.give_up_after", "\"1ms\"")?;
    env.set("registrar.retry.first", "\"1ms\"")?;
    env.set("registrar.retry.longest", "\"10ms\"")?;
    let busy = Reply::Busy { retry_after_ms: None };
    env.drop_file("contoso", "devices.csv", rows(&["A", "A"]))?;
    let mut daemon = start(&env, &Script::of([Rule::serial("A", busy).times(10)]))?;
    let done = json!([["A", "registration_failed", "unexpected_error"], ["A", "ready_for_user", null]]);
    wait_for(&env, &mut daemon, STATES, &done)?;
    let first = env.query("SELECT attempts FROM audit_registrations ORDER BY registration_id")?;
    assert_eq!(json!(first), json!([[10], [1]]));
    let causes = env.query("SELECT cause FROM audit_transitions WHERE to_state = 'registration_failed'")?;
    assert_eq!(json!(causes), json!([["gave_up"]]));
    let retried = env.run(&["retry"])?;
    ensure!(retried.code == Some(0), "{retried:?}");
    let already = json!([["A", "ready_for_user", "device_already_registered"], ["A", "ready_for_user", null]]);
    wait_for(&env, &mut daemon, STATES, &already)?;
    finish(&env, daemon, Mode::Keyed, 1)
}

#[test]
fn a_deferred_row_is_tried_again_after_a_restart_before_the_later_ones_of_its_device() -> Result<()> {
    let mut env = crate::scene::env()?;
    env.set("registrar.retry.first", "\"1s\"")?;
    env.set("registrar.retry.longest", "\"1s\"")?;
    let script = Script::of([Rule::serial("A", Reply::Busy { retry_after_ms: None }).times(1)]);
    env.drop_file("contoso", "devices.csv", rows(&["A", "B", "A"]))?;
    let mut daemon = start(&env, &script)?;
    wait_for(&env, &mut daemon, "SELECT count(*) FROM audit_attempts WHERE outcome = 'deferred'", &json!([[1]]))?;
    ensure!(daemon.terminate()?.0 == 0, "it stops in order");
    env.drop_file("contoso", "later.csv", rows(&["A", "C"]))?;
    let daemon = start(&env, &script)?;
    finish(&env, daemon, Mode::Keyed, 2)?;
    let already = "device_already_registered";
    assert_eq!(
        json!(env.query(STATES)?),
        json!([
            ["A", "ready_for_user", null],
            ["B", "ready_for_user", null],
            ["A", "ready_for_user", already],
            ["A", "ready_for_user", already],
            ["C", "ready_for_user", null],
        ])
    );
    let order = "SELECT r.file, r.line FROM audit_attempts a JOIN audit_registrations r USING (registration_id)
                 WHERE a.serial_number = 'A' ORDER BY a.attempt_id";
    let expected = json!([["devices.csv", 2], ["devices.csv", 2], ["devices.csv", 4], ["later.csv", 2]]);
    assert_eq!(json!(env.query(order)?), expected);
    Ok(())
}

#[test]
fn a_row_in_doubt_holds_back_its_device_and_nobody_else_until_a_person_decides() -> Result<()> {
    let env = crate::scene::env()?;
    let script = Script::of([Rule::serial("A", Reply::DisconnectAfter).times(1)]).mode(Mode::None);
    env.drop_file("contoso", "devices.csv", rows(&["A", "B"]))?;
    let mut daemon = start(&env, &script)?;
    wait_for(&env, &mut daemon, PENDING, &json!([[1]]))?;
    env.drop_file("contoso", "later.csv", rows(&["A", "C"]))?;
    let only_a = json!([
        ["A", "registration_pending", null],
        ["B", "ready_for_user", null],
        ["A", "registration_pending", null],
        ["C", "ready_for_user", null],
    ]);
    wait_for(&env, &mut daemon, STATES, &only_a)?;
    // Not after a restart either.
    ensure!(daemon.terminate()?.0 == 0, "it stops in order");
    let mut daemon = crate::daemon()?.scripted_once(&env, &script)?;
    daemon.wait_for_message("ready")?;
    ensure!(daemon.wait()?.0 == 1, "a single run ends although a row is in doubt, and says that not all is well");
    assert_eq!(asked(&env)?.iter().filter(|serial| *serial == "A").count(), 1);
    let mut daemon = start(&env, &script)?;
    let id = env.query("SELECT registration_id FROM audit_registrations ORDER BY 1 LIMIT 1")?;
    let id = id.first().and_then(|row| row.first()).map(Value::to_string).context("an ID")?;
    let said = env.run(&["resolve", &id, "--registered", "--reason", "seen in the portal"])?;
    ensure!(said.code == Some(0), "{said:?}");
    // The later row is then asked for; this registrar would register it a second time, which is its own affair.
    wait_for(&env, &mut daemon, PENDING, &json!([[0]]))?;
    ensure!(daemon.terminate()?.0 == 0, "it stops in order");
    Ok(())
}

#[test]
fn a_customer_with_many_rows_delays_another_by_a_few_calls() -> Result<()> {
    let env = crate::scene::env()?;
    let many = (0..20_000).fold(HEADINGS.to_owned(), |text, number| format!("{text}Contoso,Book,M{number}\n"));
    env.drop_file("contoso", "many.csv", many)?;
    let script = Script { latency_ms: 20, ..Script::default() };
    let mut daemon = start(&env, &script)?;
    daemon.wait_until("the first calls", || Ok((requests(&env)?.len() > 200).then_some(())))?;
    let few: Vec<String> = (0..10).map(|number| format!("F{number}")).collect();
    env.drop_file("fabrikam", "few.csv", rows(&few.iter().map(String::as_str).collect::<Vec<_>>()))?;
    let done = "SELECT count(*) FROM audit_submissions WHERE customer = 'fabrikam' AND pending = 0";
    wait_for(&env, &mut daemon, done, &json!([[1]]))?;
    let accepted = "SELECT seq FROM audit_deliveries WHERE customer = 'fabrikam'";
    let between = format!(
        "SELECT count(DISTINCT started_at) FROM audit_attempts WHERE customer = 'contoso' AND attempt_id > ({accepted})
           AND attempt_id < (SELECT max(attempt_id) FROM audit_attempts WHERE customer = 'fabrikam')"
    );
    let calls = env.query(&between)?.first().and_then(|row| row.first()).and_then(Value::as_i64);
    assert!(calls.is_some_and(|calls| calls <= 8), "{calls:?} calls of the other customer came between");
    daemon.terminate()?;
    checker::at_any_moment(&env, Mode::Keyed)
}

#[test]
fn a_call_that_hangs_is_abandoned_at_a_stop_and_asked_about_at_the_next_start() -> Result<()> {
    let env = crate::scene::env()?;
    env.drop_file("contoso", "devices.csv", rows(&["A"]))?;
    let hangs = Script { latency_ms: 3_600_000, ..Script::default() };
    let mut daemon = start(&env, &hangs)?;
    daemon.wait_until("the request", || Ok((!requests(&env)?.is_empty()).then_some(())))?;
    let before = std::time::Instant::now();
    ensure!(daemon.terminate()?.0 == 0, "it stops in order");
    ensure!(before.elapsed() < std::time::Duration::from_secs(10), "within the time that a stop has");
    let open = env.query("SELECT count(*) FROM audit_attempts WHERE outcome IS NULL")?;
    assert_eq!(json!(open), json!([[1]]), "in doubt, on record");
    let daemon = start(&env, &Script::default())?;
    finish(&env, daemon, Mode::Keyed, 1)?;
    assert_eq!(outcomes(&env, "A")?, json!([[1, "registered", null]]));
    assert_eq!(asked(&env)?, ["A"], "not sent again");
    Ok(())
}

#[test]
fn a_call_that_hangs_is_asked_about_when_patience_is_over() -> Result<()> {
    let env = crate::scene::env()?;
    env.drop_file("contoso", "devices.csv", rows(&["A"]))?;
    let hangs = Script { latency_ms: 3_600_000, patience_ms: Some(200), ..Script::default() };
    let daemon = start(&env, &hangs)?;
    finish(&env, daemon, Mode::Keyed, 1)?;
    assert_eq!(outcomes(&env, "A")?, json!([[1, "registered", null]]));
    assert_eq!(asked(&env)?, ["A"], "not sent again");
    Ok(())
}

#[test]
fn a_registrar_that_asked_to_be_left_alone_is_left_alone_over_a_restart() -> Result<()> {
    let env = crate::scene::env()?;
    env.drop_file("contoso", "a.csv", rows(&["A"]))?;
    let hour = Reply::Busy { retry_after_ms: Some(3_600_000) };
    let script = Script::of([Rule::always(hour).times(1)]);
    let mut daemon = start(&env, &script)?;
    let deferred = "SELECT count(*) FROM audit_attempts WHERE outcome = 'deferred'";
    wait_for(&env, &mut daemon, deferred, &json!([[1]]))?;
    daemon.kill()?;
    env.drop_file("contoso", "b.csv", rows(&["B"]))?;
    let mut daemon = start(&env, &script)?;
    let accepted = "SELECT count(*) FROM audit_submissions WHERE outcome = 'accepted'";
    wait_for(&env, &mut daemon, accepted, &json!([[2]]))?;
    let status = env.run(&["status", "--json"])?.json()?;
    assert_eq!(status["registrar"]["health"], json!("throttled"), "{status:#}");
    assert_eq!(asked(&env)?, ["A"], "the others wait, too");
    ensure!(daemon.terminate()?.0 == 0, "it stops in order");
    Ok(())
}

#[test]
fn a_rejected_content_that_came_again_is_judged_anew_by_any_of_its_names() -> Result<()> {
    let mut env = crate::scene::env()?;
    let bad = "Hersteller,Model,Serial Number\nSpiralOrbit,ContosoABC,1\n";
    let path = env.drop_file(crate::scene::CONTOSO, "a.csv", bad)?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(1));
    let id =
        crate::scene::rows(&env, "SELECT submission_id FROM audit_submissions")?.pop().context("a submission")?;
    env.drop_file(crate::scene::CONTOSO, "a.csv", bad)?;
    assert_eq!(env.run(&["run", "--once"])?.code, Some(1));
    assert_eq!(crate::scene::rows(&env, "SELECT outcome FROM audit_submissions")?, ["rejected"; 2]);
    env.set("customers.contoso.columns", "{ \"Manufacturer\" = \"Hersteller\" }")?;
    let mut daemon = crate::scene::start(&env)?;
    let retried = env.run(&["retry", "--submission", &id])?;
    ensure!(retried.code == Some(0) && retried.stdout.contains("1 rejected submission judged anew"), "{retried:?}");
    daemon.wait_for_file(&path.with_file_name("a.result.csv"), |text| text.contains("1,Ready for user"))?;
    // Not a second time: it would be accepted twice.
    let again = env.run(&["retry", "--submission", &id])?;
    crate::scene::stop(daemon)?;
    assert_eq!(again.code, Some(2), "{again:?}");
    ensure!(again.stderr.contains("has been accepted since"), "{again:?}");
    assert_eq!(
        crate::scene::rows(&env, "SELECT outcome FROM audit_submissions")?,
        ["rejected", "rejected", "accepted"]
    );
    Ok(())
}

#[test]
fn a_row_that_was_put_off_goes_when_its_turn_comes_over_a_kill_too() -> Result<()> {
    let env = TestEnv::new("devicedrop")?;
    // What became of the first row isn't heard, and can't be asked in this life: the second must wait.
    let deaf = Script { inquiries_refused: u64::MAX, ..Script::of([Rule::row(1, Reply::Timeout)]) };
    let mut daemon = start(&env, &deaf)?;
    env.drop_file("contoso", "a.csv", rows(&["A"]))?;
    wait_for(&env, &mut daemon, "SELECT count(*) FROM audit_attempts", &json!([[1]]))?;
    env.drop_file("contoso", "b.csv", rows(&["A"]))?;
    wait_for(&env, &mut daemon, "SELECT count(*) FROM present WHERE due IS NOT NULL", &json!([[1]]))?;
    daemon.kill()?;
    let (code, _) = crate::daemon()?.scripted_once(&env, &Script { inquiries_refused: 0, ..deaf })?.wait()?;
    let already = "device_already_registered";
    let ready = "ready_for_user";
    assert_eq!(json!(env.query(STATES)?), json!([["A", ready, null], ["A", ready, already]]));
    ensure!(code == 0, "every row was registered, and yet it ended with {code}");
    checker::at_the_end(&env, Mode::Keyed)
}
