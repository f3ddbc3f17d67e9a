//! What the daemon does without, and what it tells of it: a full disk while it works and at its start, writes that fail
//! before it is at work, a run that was cut off.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use devicedrop::step::Step;
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::meddle::Meddler;
use devicedrop_testkit::process::Daemon;
use devicedrop_testkit::tracer::{self, Call, Deed, End, Errno, Kind};
use serde_json::Value;

use crate::disks::{Mounted, may_mount};
use crate::scene::{
    CONTOSO, all_ready, csv, env, rows, start, stop, wait_for_answer, wait_for_rows, wait_for_verdict,
};

const READY: &str = "SELECT count(*) FROM audit_registrations WHERE state = 'ready_for_user'";

fn many(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("S{number}")).collect()
}

fn csv_of(serials: &[String]) -> String {
    csv(&serials.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What `status` says of the daemon's start.
fn recovery(env: &TestEnv) -> Result<Vec<String>> {
    let status = env.run(&["status", "--json"])?.json()?;
    let told = status["daemon"]["recovery"].as_array().cloned().unwrap_or_default();
    Ok(told.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// A disk of its own under the state, with a tenth of it held back.
fn on_a_small_disk() -> Result<(TestEnv, Mounted)> {
    let mut env = env()?;
    env.set("drop.reserve", "\"16MiB\"")?;
    let disk = Mounted::tmpfs(&env.path("state"), "size=80m,mode=0750")?;
    Ok((env, disk))
}

/// Fills the disk once nothing but the held call's outcomes is left to be recorded: what is given up for a write in
/// the middle of it would be filled as well.
fn fill_at_rest(env: &TestEnv, daemon: &mut Daemon, disk: &Mounted) -> Result<PathBuf> {
    wait_for_rows(env, daemon, "SELECT count(*) FROM audit_results", &["1"])?;
    disk.fill()
}

#[test]
fn outcomes_are_recorded_on_a_disk_that_was_filled_to_the_last_byte() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let (env, disk) = on_a_small_disk()?;
    let meddler = Meddler::new(&env)?;
    let mut daemon = crate::daemon()?.meddled(&env, &meddler)?;
    daemon.wait_for_message("ready")?;
    meddler.hold_at(Step::Answered)?;
    env.drop_file(CONTOSO, "a.csv", csv_of(&many(1_500)))?;
    let held = meddler.held(&mut daemon)?;
    let ballast = fill_at_rest(&env, &mut daemon, &disk)?;
    drop(held);
    wait_for_rows(&env, &mut daemon, READY, &["1500"])?;
    let path = env.drop_file(CONTOSO, "b.csv", csv(&["B1"]))?;
    wait_for_verdict(&env, &mut daemon, &path, "waiting", "the disk is too full to take anything")?;
    daemon.wait_until("what lacks in status", || {
        let told = env.run(&["status", "--problems"])?;
        Ok((told.code == Some(1) && told.stdout.contains("less than drop.reserve")).then_some(()))
    })?;
    fs::remove_file(ballast)?;
    wait_for_answer(&mut daemon, &path.with_file_name("b.result.csv"), &all_ready(&["B1"]))?;
    daemon.wait_for_message("enough space again: files are taken and rows are sent")?;
    let (code, log) = daemon.terminate()?;
    assert_eq!(code, 0);
    // One line for each change, in whichever order the two of them saw it.
    for message in [
        "the ledger's disk is full; the space that was held back is used now",
        "too little space: nothing new is taken or sent",
        "enough space again: files are taken and rows are sent",
    ] {
        assert_eq!(log.iter().filter(|line| line.message() == message).count(), 1, "{message}");
    }
    assert_eq!(env.run(&["ledger", "verify"])?.code, Some(0));
    Ok(())
}

#[test]
fn a_start_on_a_full_disk_records_what_it_learns_and_waits() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let (env, disk) = on_a_small_disk()?;
    let meddler = Meddler::new(&env)?;
    let mut daemon = crate::daemon()?.meddled(&env, &meddler)?;
    daemon.wait_for_message("ready")?;
    meddler.hold_at(Step::Answered)?;
    env.drop_file(CONTOSO, "a.csv", csv_of(&many(100)))?;
    let held = meddler.held(&mut daemon)?;
    let ballast = fill_at_rest(&env, &mut daemon, &disk)?;
    daemon.kill()?;
    drop(held);
    let mut daemon = start(&env)?;
    wait_for_rows(&env, &mut daemon, READY, &["100"])?;
    let told = daemon.wait_until("what the start found", || {
        Ok(Some(recovery(&env)?).filter(|told| told.iter().any(|line| line.ends_with("registered 100"))))
    })?;
    ensure!(told.iter().any(|line| line.contains("did not stop in order")), "{told:?}");
    let path = env.drop_file(CONTOSO, "b.csv", csv(&["B1"]))?;
    wait_for_verdict(&env, &mut daemon, &path, "waiting", "the disk is too full to take anything")?;
    fs::remove_file(ballast)?;
    wait_for_answer(&mut daemon, &path.with_file_name("b.result.csv"), &all_ready(&["B1"]))?;
    stop(daemon)
}

#[test]
fn a_start_without_any_room_waits_for_it_and_says_so() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let mut env = env()?;
    env.set("drop.reserve", "0")?;
    let disk = Mounted::tmpfs(&env.path("state"), "size=16m,mode=0750")?;
    let ballast = disk.fill()?;
    let mut daemon = env.start(&[])?;
    daemon.wait_for_message("the disk is full: the start waits until there is room")?;
    fs::remove_file(ballast)?;
    daemon.wait_for_message("ready")?;
    stop(daemon)
}

/// A single run, each of its calls asked about.
fn traced(env: &TestEnv, ask: &mut dyn FnMut(&Call) -> Deed) -> Result<End> {
    let log = fs::File::options().create(true).append(true).open(env.path("log"))?;
    let mut command = env.command();
    command.args(["run", "--once"]);
    tracer::run(&command, &env.path(""), log, ask)
}

#[test]
fn a_write_that_fails_at_the_start_ends_with_3_and_the_next_start_goes_on() -> Result<()> {
    let env = env()?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let run = env.run(&["run", "--once"])?;
    ensure!(run.code == Some(0), "{run:?}");
    // The mark that the ledger is open, the start's entry, the configuration's.
    for nth in 1..=3 {
        for (kind, errno) in [(Kind::Changes, Errno::ENOSPC), (Kind::Syncs, Errno::EIO)] {
            let mut seen = 0;
            let end = traced(&env, &mut |call| {
                let written = call.kind == Kind::Syncs || call.name == "pwrite64";
                if call.place != "state/ledger.db-wal" || call.kind != kind || !written {
                    return Deed::Let;
                }
                seen += 1;
                if seen == nth { Deed::Fail(errno) } else { Deed::Let }
            })?;
            let log = fs::read_to_string(env.path("log"))?;
            ensure!(end == End::Code(3), "{kind:?} {nth}: {end:?}\n{log}");
            ensure!(log.contains("a write to the ledger failed while the daemon started"), "{log}");
            fs::remove_file(env.path("log"))?;
        }
    }
    let run = env.run(&["run", "--once"])?;
    ensure!(run.code == Some(0), "{run:?}");
    Ok(())
}

#[test]
fn a_run_that_was_killed_is_on_record_and_told_and_one_that_stopped_is_not() -> Result<()> {
    let env = env()?;
    let daemon = start(&env)?;
    ensure!(recovery(&env)?.is_empty(), "a new ledger");
    daemon.kill()?;
    let daemon = start(&env)?;
    let told = recovery(&env)?;
    ensure!(
        told == ["the run before this one did not stop in order; the ledger was checked and is as it was written"],
        "{told:?}"
    );
    let screen = env.run(&["status"])?;
    ensure!(screen.stdout.contains("at its start   the run before this one did not stop in order"), "{screen:?}");
    stop(daemon)?;
    let daemon = start(&env)?;
    ensure!(recovery(&env)?.is_empty(), "{:?}", recovery(&env)?);
    stop(daemon)?;
    let starts = rows(&env, "SELECT coalesce(reason, '') FROM audit_actions WHERE action = 'start' ORDER BY seq")?;
    assert_eq!(starts, ["", "the run before this one did not stop in order", ""]);
    Ok(())
}
