//! What devices do after they are registered: used, silent for long, used again.

use std::fs;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Output;

use crate::scene::{CONTOSO, all_ready, csv, env, rows, start, stop, wait_for_answer, wait_for_rows};

fn check_in(env: &TestEnv, serial: &str, at: Option<&str>) -> Result<Output> {
    let device = ["--manufacturer", "SpiralOrbit", "--model", "ContosoABC", "--serial-number", serial];
    let at = at.map(|at| vec!["--at", at]).unwrap_or_default();
    env.run(&[["registry", "check-in"].as_slice(), &device, &at].concat())
}

const STATES: &str = "SELECT serial_number, state FROM audit_devices ORDER BY 1";

#[test]
fn devices_are_active_while_used_and_inactive_when_silent() -> Result<()> {
    let env = env()?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1", "2", "3"]))?;
    let result = path.with_file_name("a.result.csv");
    let mut daemon = start(&env)?;
    wait_for_answer(&mut daemon, &result, &all_ready(&["1", "2", "3"]))?;
    wait_for_rows(&env, &mut daemon, STATES, &["1|ready_for_user", "2|ready_for_user", "3|ready_for_user"])?;

    let used = check_in(&env, "1", None)?;
    assert_eq!((used.code, used.stdout.as_str()), (Some(0), "the use of 1 device is recorded\n"));
    // Used, and then not for longer than `inactive_after`.
    ensure!(check_in(&env, "2", Some("2026-01-01"))?.code == Some(0), "long ago");
    wait_for_rows(&env, &mut daemon, STATES, &["1|active", "2|inactive", "3|ready_for_user"])?;
    ensure!(check_in(&env, "2", None)?.code == Some(0), "again");
    wait_for_rows(&env, &mut daemon, STATES, &["1|active", "2|active", "3|ready_for_user"])?;

    // Not written by itself, and written when asked for.
    assert_eq!(fs::read_to_string(&result)?, all_ready(&["1", "2", "3"]));
    ensure!(env.run(&["result", path.to_str().context("UTF-8")?])?.code == Some(0), "written anew");
    let states: Vec<String> = fs::read_to_string(&result)?.lines().map(str::to_owned).collect();
    assert_eq!(
        states.get(1..),
        Some(
            [
                "SpiralOrbit,ContosoABC,1,Active,,,",
                "SpiralOrbit,ContosoABC,2,Active,,,",
                "SpiralOrbit,ContosoABC,3,Ready for user,,,"
            ]
            .map(str::to_owned)
            .as_slice()
        )
    );
    stop(daemon)?;
    let told = "SELECT serial_number, coalesce(from_state, '-'), to_state, cause FROM audit_transitions
                WHERE serial_number = '2' ORDER BY seq";
    assert_eq!(
        rows(&env, told)?,
        [
            "2|-|registration_pending|received",
            "2|registration_pending|ready_for_user|attempt",
            "2|ready_for_user|active|activity",
            "2|active|inactive|activity",
            "2|inactive|active|activity",
        ]
    );
    Ok(())
}

#[test]
fn a_device_that_nobody_knows_is_told_of() -> Result<()> {
    let env = env()?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    ensure!(env.run(&["run", "--once"])?.code == Some(0), "registered");
    let used = check_in(&env, "9", None)?;
    assert_eq!(used.code, Some(1), "{used:?}");
    assert_eq!(
        used.stdout,
        "the use of 0 devices is recorded\nleft out: 1 device, which the registrar doesn't know\n"
    );
    Ok(())
}

#[test]
fn uses_come_from_a_file_too_and_are_taken_at_the_next_start() -> Result<()> {
    let env = env()?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1", "2"]))?;
    ensure!(env.run(&["run", "--once"])?.code == Some(0), "registered");
    let seen = env.path("seen.csv");
    fs::write(
        &seen,
        "Manufacturer,Model,Serial Number,Last Seen\n\
         SpiralOrbit,ContosoABC,1,\nSpiralOrbit,ContosoABC,2,2026-02-01T10:00:00Z\n",
    )?;
    let used = env.run(&["registry", "check-in", "--from", seen.to_str().context("UTF-8")?, "--json"])?;
    assert_eq!((used.code, used.stdout.as_str()), (Some(0), "{\"checked_in\":2,\"not_known\":0}\n"), "{used:?}");
    let mut daemon = start(&env)?;
    wait_for_rows(&env, &mut daemon, STATES, &["1|active", "2|inactive"])?;
    // A row of a device that is registered tells the state that the device has now.
    let again = env.drop_file(CONTOSO, "b.csv", csv(&["1", "2"]))?;
    let text = daemon.wait_for_file(&again.with_file_name("b.result.csv"), |text| !text.contains("pending"))?;
    stop(daemon)?;
    let states: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split(',').nth(3)).collect();
    assert_eq!(states, ["Active", "Inactive"]);
    Ok(())
}
