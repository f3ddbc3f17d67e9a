//! A registrar where each customer has a tenant: what one of them meets is no other one's affair, what goes in one call
//! goes together, and a call that nobody answered goes again as it was.

use std::time::Duration;

use anyhow::{Context, Result};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;
use devicedrop_testkit::scripted::{Mode, Reply, Rule, Script};
use devicedrop_testkit::under_test::put_forward;
use insta::assert_snapshot;

use crate::scene::{CONTOSO, csv, env, rows, stop, wait_for_rows};

const FABRIKAM: &str = "fabrikam";

/// Each attempt with its row, its outcome, and which of the calls carried it, counted in their order.
const ATTEMPTS: &str = "SELECT serial_number, number, outcome, dense_rank() OVER (ORDER BY first), customer FROM
     (SELECT *, min(attempt_id) OVER (PARTITION BY correlation_id) AS first FROM audit_attempts) ORDER BY attempt_id";

fn place() -> Result<TestEnv> {
    let mut env = env()?;
    env.set("registrar.retry.first", "\"20ms\"")?;
    std::fs::create_dir_all(env.root().join(FABRIKAM))?;
    Ok(env)
}

fn start(env: &TestEnv, script: Script) -> Result<Daemon> {
    let mut daemon = crate::daemon()?.scripted_with_a_clock_to_move(env, &script.service())?;
    daemon.wait_for_message("ready")?;
    Ok(daemon)
}

fn of(customer: &str, reply: Reply) -> Rule {
    Rule { customer: customer.parse().ok(), ..Rule::always(reply) }
}

#[test]
fn one_tenants_trouble_and_waits_hold_up_no_other() -> Result<()> {
    let mut env = place()?;
    env.set("registrar.retry.longest", "\"5m\"")?;
    let busy = Reply::Busy { retry_after_ms: Some(3_600_000) };
    let mut daemon = start(&env, Script::of([of(CONTOSO, Reply::Broken), of("northwind", busy)]))?;
    for customer in [CONTOSO, "northwind", FABRIKAM] {
        env.drop_file(customer, "a.csv", csv(&["1", "2"]))?;
    }
    let ready = "SELECT count(*) FROM audit_registrations WHERE customer = 'fabrikam' AND state = 'ready_for_user'";
    wait_for_rows(&env, &mut daemon, ready, &["2"])?;
    let outcomes = "SELECT DISTINCT customer, number, outcome FROM audit_attempts ORDER BY customer, number";
    let expected = ["contoso|1|deferred", "fabrikam|1|registered", "northwind|1|deferred"];
    wait_for_rows(&env, &mut daemon, outcomes, &expected)?;
    let status = env.run(&["status", "--json"])?.json()?;
    assert_eq!(status["registrar"]["health"], "broken", "{status}");
    let told = |status: &serde_json::Value| {
        let text = |key: &str| status["registrar"][key].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("target"), text("why"))
    };
    assert_snapshot!(told(&status), @"script: 1 of 3 customers' tenants work; broken: contoso; throttled: northwind");
    let problems = env.run(&["status", "--problems"])?;
    assert_eq!(problems.code, Some(1), "{problems:?}");
    let since = problems.stdout.find(" (since ").context("a time")?;
    let until = problems.stdout.find(")\n").context("its end")?;
    let without_time = [&problems.stdout[..since], &problems.stdout[until + 1..]].concat();
    assert_snapshot!(without_time, @r"
    ! contoso: 401 invalid_client
      try: do what it says; the rows stay pending, and go on by themselves within 5 min of that. devicedrop registrar check --customer contoso tells at once whether it is mended
    ");
    let targets = "SELECT DISTINCT target FROM audit_attempts ORDER BY 1";
    assert_eq!(rows(&env, targets)?, ["script:contoso", "script:fabrikam", "script:northwind"]);
    stop(daemon)
}

#[test]
fn one_tenants_silence_about_what_it_took_holds_up_no_other() -> Result<()> {
    let env = place()?;
    let script = Script { inquiries_unanswered: Some(CONTOSO.parse()?), ..Script::default() };
    let mut daemon = start(&env, script.later(2))?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let asked = "SELECT count(*) FROM audit_attempts WHERE customer = 'contoso' AND tracking_id IS NOT NULL";
    wait_for_rows(&env, &mut daemon, asked, &["1"])?;
    for file in ["a", "b"] {
        env.drop_file(FABRIKAM, &format!("{file}.csv"), csv(&[file]))?;
        let ready = format!("SELECT state FROM audit_registrations WHERE serial_number = '{file}'");
        wait_for_rows(&env, &mut daemon, &ready, &["ready_for_user"])?;
    }
    let states = "SELECT customer, state FROM audit_registrations ORDER BY registration_id";
    assert_eq!(
        rows(&env, states)?,
        ["contoso|registration_pending", "fabrikam|ready_for_user", "fabrikam|ready_for_user"]
    );
    stop(daemon)
}

#[test]
fn what_goes_in_one_call_is_of_one_batch_and_has_each_serial_number_once() -> Result<()> {
    let env = place()?;
    let twice = "Manufacturer,Model,Serial Number\nContoso,A,1\nContoso,B,1\nContoso,A,2\n";
    env.write_file(CONTOSO, "PO-1/a.csv", twice)?;
    env.write_file(CONTOSO, "PO-2/a.csv", csv(&["3", "4"]))?;
    env.write_file(CONTOSO, "PO-1/b.csv", csv(&["5"]))?;
    let mut daemon = start(&env, Script::default())?;
    wait_for_rows(&env, &mut daemon, "SELECT count(*) FROM audit_attempts WHERE outcome = 'registered'", &["6"])?;
    let calls = "SELECT r.order_id, count(*), count(DISTINCT a.serial_number)
         FROM audit_attempts a JOIN audit_registrations r USING (registration_id) GROUP BY a.correlation_id";
    for call in rows(&env, calls)? {
        let [order, all, serials] = call.split('|').collect::<Vec<_>>()[..] else { anyhow::bail!("{call}") };
        assert!(order == "PO-1" || order == "PO-2", "{call}");
        assert_eq!(all, serials, "each serial number once in a call");
    }
    let mixed =
        "SELECT count(*) FROM (SELECT 1 FROM audit_attempts a JOIN audit_registrations r USING (registration_id)
         GROUP BY a.correlation_id HAVING count(DISTINCT r.order_id) > 1)";
    assert_eq!(rows(&env, mixed)?, ["0"]);
    stop(daemon)
}

#[test]
fn a_call_without_any_answer_goes_again_with_its_id_and_one_with_an_answer_does_not() -> Result<()> {
    for (reply, ids) in
        [(Reply::Timeout, "1"), (Reply::Garbage { text: "500 <html>".to_owned(), effect: false }, "2")]
    {
        let env = place()?;
        env.write_file(CONTOSO, "a.csv", csv(&["1", "2"]))?;
        let mut daemon = start(&env, Script::of([Rule::always(reply).times(2)]).mode(Mode::Natural))?;
        let expected = [
            "1|1|interrupted|1|contoso",
            "2|1|interrupted|1|contoso",
            "1|2|registered|2|contoso",
            "2|2|registered|2|contoso",
        ];
        wait_for_rows(&env, &mut daemon, ATTEMPTS, &expected)?;
        assert_eq!(rows(&env, "SELECT count(DISTINCT request_id) FROM audit_attempts")?, [ids]);
        stop(daemon)?;
    }
    Ok(())
}

#[test]
fn what_was_taken_and_never_ends_is_given_up() -> Result<()> {
    let env = place()?;
    env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let mut daemon = start(&env, Script::default().later(u64::MAX))?;
    let open = "SELECT count(*) FROM audit_attempts WHERE outcome IS NULL AND tracking_id IS NOT NULL";
    wait_for_rows(&env, &mut daemon, open, &["1"])?;
    put_forward(&env, Duration::from_hours(25))?;
    let fate = "SELECT state, r.error, a.outcome, a.tracking_id IS NOT NULL, r.error_details LIKE '%never said%'
         FROM audit_registrations r JOIN audit_attempts a USING (registration_id)";
    wait_for_rows(&env, &mut daemon, fate, &["registration_failed|unexpected_error|failed|1|1"])?;
    stop(daemon)
}
