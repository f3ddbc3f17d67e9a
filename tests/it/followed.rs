//! A registrar that takes requests and tells later what became of them: it is asked until it is done, by the process that
//! sent them or the next one, and what it took is never sent again.

use anyhow::{Result, ensure};
use devicedrop_core::state::ErrorCode;
use devicedrop_testkit::checker;
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;
use devicedrop_testkit::scripted::{Mode, Reply, Rule, Script, What, read_journal};
use devicedrop_testkit::under_test::journal;
use serde_json::Value;

use crate::scene::{CONTOSO, csv, env, rows, stop, wait_for_rows};

const ATTEMPTS: &str = "SELECT serial_number, number, outcome, error, tracking_id IS NOT NULL FROM audit_attempts
                        ORDER BY attempt_id";

const FINAL: &str = "SELECT count(*) FROM audit_results WHERE final = 1";

fn start(env: &TestEnv, script: &Script) -> Result<Daemon> {
    let mut daemon = crate::daemon()?.scripted(env, script, None)?;
    daemon.wait_for_message("ready")?;
    Ok(daemon)
}

fn count(env: &TestEnv, what: What) -> Result<usize> {
    Ok(read_journal(&journal(env))?.iter().filter(|entry| entry.what == what).count())
}

fn queue(env: &TestEnv) -> Result<Value> {
    let status = env.run(&["status", "--json"])?;
    ensure!(status.code == Some(0), "{status:?}");
    Ok(status.json()?["queue"].clone())
}

#[test]
fn what_is_told_later_is_told_in_the_end() -> Result<()> {
    let env = env()?;
    let refuse = |error| Reply::Refuse { error, detail: None };
    let script = Script::of([
        Rule::serial("2", refuse(ErrorCode::DeviceNotFound)),
        Rule::serial("3", refuse(ErrorCode::DeviceAlreadyRegistered)),
        Rule::serial("4", Reply::Busy { retry_after_ms: None }).times(1),
    ]);
    let mut daemon = start(&env, &script.later(3))?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1", "2", "3", "4"]))?;
    let expected = [
        "1|1|registered||1",
        "2|1|failed|device_not_found|1",
        "3|1|already_registered|device_already_registered|1",
        "4|1|deferred|unexpected_error|0",
        "4|2|registered||1",
    ];
    wait_for_rows(&env, &mut daemon, ATTEMPTS, &expected)?;
    wait_for_rows(&env, &mut daemon, FINAL, &["1"])?;
    stop(daemon)?;
    assert_eq!(count(&env, What::Accepted)?, 4);
    checker::at_the_end(&env, Mode::Keyed)
}

#[test]
fn what_was_taken_is_followed_over_a_restart_and_never_sent_again() -> Result<()> {
    let env = env()?;
    // It can't be asked by anything but the tracking ID, and a second request would be a second effect.
    let never = Script::default().mode(Mode::None).later(u64::MAX);
    let mut daemon = start(&env, &never)?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1", "2"]))?;
    let open = "SELECT count(*) FROM audit_attempts WHERE outcome IS NULL AND tracking_id IS NOT NULL";
    wait_for_rows(&env, &mut daemon, open, &["2"])?;
    let asked = daemon.wait_until("asked twice", || Ok((count(&env, What::Inquired)? >= 4).then_some(())));
    asked?;
    let told = queue(&env)?;
    assert_eq!((&told["under_way"], &told["in_doubt"]), (&2.into(), &0.into()), "{told}");
    daemon.kill()?;
    let mut daemon = start(&env, &Script { later: Some(1), ..never })?;
    wait_for_rows(&env, &mut daemon, ATTEMPTS, &["1|1|registered||1", "2|1|registered||1"])?;
    wait_for_rows(&env, &mut daemon, FINAL, &["1"])?;
    stop(daemon)?;
    assert_eq!(count(&env, What::Registered)?, 2);
    assert_eq!(rows(&env, "SELECT state FROM audit_registrations")?, ["ready_for_user"; 2]);
    checker::at_the_end(&env, Mode::None)
}

#[test]
fn a_single_run_waits_for_what_was_taken() -> Result<()> {
    let env = env()?;
    env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let daemon = crate::daemon()?.scripted_once(&env, &Script::default().later(5))?;
    let (code, _) = daemon.wait()?;
    assert_eq!(code, 0);
    assert_eq!(rows(&env, ATTEMPTS)?, ["1|1|registered||1"]);
    Ok(())
}
