//! Single faults of the machine around the built program, by name: what it makes of each, and what comes after it.
//!
//! The sweeps of the testkit disturb every call of one small run; here stands what takes more than one run, or a real
//! disk that is full. Which fault of our list has which test is in `docs/reliability.md`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use devicedrop::step::Step;
use devicedrop_testkit::checker;
use devicedrop_testkit::checker::embedded::{self, Dropped};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;
use devicedrop_testkit::scripted::{Mode, Reply, Rule, Script};
use devicedrop_testkit::tracer::{self, Call, Deed, End, Errno, Kind, Signal};
use devicedrop_testkit::under_test::{KillAt, set_wall};
use rusqlite::Connection;

use crate::scene::{CONTOSO, all_ready, csv, fence, rows, start, stop, wait_for_answer, wait_for_rows};

/// A place with one dropped file, its results in codes, as the checker needs them.
fn with_a_file() -> Result<(TestEnv, Vec<Dropped>)> {
    let mut env = crate::scene::env()?;
    env.set("locale", "\"code\"")?;
    let text = csv(&["1", "2", "3"]);
    env.drop_file(CONTOSO, "a.csv", &text)?;
    Ok((env, vec![Dropped { customer: CONTOSO.to_owned(), file: "a.csv".to_owned(), text }]))
}

/// A single run, each of its calls asked about.
fn traced(env: &TestEnv, ask: &mut dyn FnMut(&Call) -> Deed) -> Result<End> {
    let log = fs::File::options().create(true).append(true).open(env.path("log"))?;
    let mut command = env.command();
    command.args(["run", "--once"]);
    tracer::run(&command, &env.path(""), log, ask)
}

/// A single run that is killed in front of the first call that `is_it`.
fn killed(env: &TestEnv, mut is_it: impl FnMut(&Call) -> bool) -> Result<()> {
    let end = traced(env, &mut |call| if is_it(call) { Deed::Kill } else { Deed::Let })?;
    ensure!(end == End::Signal(Signal::SIGKILL), "not killed, but {end:?}");
    Ok(())
}

fn count(env: &TestEnv, sql: &str) -> Result<usize> {
    rows(env, sql)?.first().context("a number")?.parse().context("a number")
}

#[test]
fn killed_at_twenty_starts_in_a_row_it_still_comes_to_its_end() -> Result<()> {
    let (env, dropped) = with_a_file()?;
    // The attempts are on record and the registrar is at work.
    killed(&env, |call| {
        call.place == "state/registry.db-wal"
            && call.name == "pwrite64"
            && env.query(OPEN).is_ok_and(|open| !open.is_empty())
    })?;
    let attempts = "SELECT count(*) FROM audit_attempts";
    let first = count(&env, attempts)?;
    ensure!(first > 0, "attempts are in doubt");
    for start in 1..=20 {
        let commit = u32::try_from(1 + start % 4)?;
        killed(&env, |call| call.place == WAL && call.kind == Kind::Syncs && call.nth == commit)
            .with_context(|| format!("start {start}"))?;
        embedded::at_any_moment(&env, &dropped)?;
        let now = count(&env, attempts)?;
        ensure!(now <= first + 3 * start, "{now} attempts after {start} starts");
    }
    assert_eq!(traced(&env, &mut |_| Deed::Let)?, End::Code(0));
    embedded::at_the_end(&env, &dropped)
}

/// The ledger's log: what is durable there is on record.
const WAL: &str = "state/ledger.db-wal";

const OPEN: &str = "SELECT attempt_id FROM audit_attempts WHERE outcome IS NULL";

#[test]
fn a_configuration_that_was_half_kept_is_cleared_away() -> Result<()> {
    let (env, dropped) = with_a_file()?;
    killed(&env, |call| call.place.starts_with("state/originals/configurations/") && call.name == "fsync")?;
    assert_eq!(traced(&env, &mut |_| Deed::Let)?, End::Code(0));
    embedded::at_the_end(&env, &dropped)
}

#[test]
fn a_file_that_brought_the_process_down_three_times_is_refused_and_the_others_go_on() -> Result<()> {
    let env = crate::scene::env()?;
    let script = Script::default();
    let bad = env.drop_file(CONTOSO, "bad.csv", csv(&["1"]))?;
    for _ in 0..3 {
        let kill = KillAt { step: Step::Claimed, passing: 1 };
        crate::daemon()?.scripted(&env, &script, Some(kill))?.killed()?;
    }
    let good = env.drop_file(CONTOSO, "good.csv", csv(&["2"]))?;
    let mut daemon = crate::daemon()?.scripted(&env, &script, None)?;
    daemon.wait_for_file(&good.with_file_name("good.result.csv"), |text| text.contains("Ready for user"))?;
    let told = daemon.wait_for_file(&bad.with_file_name("bad.result.csv"), |text| text.contains("File not valid"))?;
    ensure!(told.contains("Reading this file stopped the service before"), "{told}");
    crate::scene::stop(daemon)?;
    let on_record =
        rows(&env, "SELECT file, outcome, coalesce(sha256, '') FROM audit_submissions WHERE file = 'bad.csv'")?;
    assert_eq!(on_record, ["bad.csv|rejected|"]);
    // Its sender mended it: it is tried anew.
    env.drop_file(CONTOSO, "bad.csv", csv(&["3"]))?;
    let mut daemon = crate::daemon()?.scripted(&env, &script, None)?;
    daemon.wait_for_file(&bad.with_file_name("bad.result.csv"), |text| text.contains("Ready for user"))?;
    crate::scene::stop(daemon)
}

#[test]
fn an_acceptance_that_cannot_be_ended_is_on_record_and_the_others_go_on() -> Result<()> {
    let env = crate::scene::env()?;
    let script = Script::default();
    let many: Vec<String> = (0..25_000).map(|number| format!("L{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let cut = env.drop_file(CONTOSO, "cut.csv", csv(&many))?;
    let kill = KillAt { step: Step::MidAcceptance, passing: 1 };
    crate::daemon()?.scripted(&env, &script, Some(kill))?.killed()?;
    // Its copy is gone, and so is the file.
    fs::remove_file(&cut)?;
    let mut copies = Vec::new();
    devicedrop_testkit::checker::walk(&env.path("state/originals"), &mut copies)?;
    for copy in copies.iter().filter(|copy| !copy.to_string_lossy().contains("configurations")) {
        fs::remove_file(copy)?;
    }
    let good = env.drop_file(CONTOSO, "good.csv", csv(&["1"]))?;
    let mut daemon = crate::daemon()?.scripted(&env, &script, None)?;
    daemon.wait_for_message("the acceptance was cut off and can't be ended")?;
    daemon.wait_for_file(&good.with_file_name("good.result.csv"), |text| text.contains("Ready for user"))?;
    assert_eq!(rows(&env, "SELECT file, reason FROM audit_refusals")?, ["cut.csv|acceptance_cut_off"]);
    // Its sender drops it again, and it goes on from where it was.
    env.drop_file(CONTOSO, "cut.csv", csv(&many))?;
    let accepted = "SELECT count(*) FROM audit_submissions WHERE outcome = 'accepted' AND file = 'cut.csv'";
    crate::scene::wait_for_rows(&env, &mut daemon, accepted, &["1"])?;
    crate::scene::stop(daemon)
}

#[test]
fn a_single_run_that_could_not_look_into_a_folder_does_not_say_that_all_is_well() -> Result<()> {
    for folder in ["drop/contoso", "drop"] {
        let (env, _) = with_a_file()?;
        let end = traced(&env, &mut |call| {
            if call.place == folder && matches!(call.name, "openat" | "openat2") {
                return Deed::Fail(Errno::EIO);
            }
            Deed::Let
        })?;
        assert!(matches!(end, End::Code(1 | 2)), "{folder}: {end:?}");
        assert_eq!(traced(&env, &mut |_| Deed::Let)?, End::Code(0));
    }
    Ok(())
}

#[test]
fn a_single_run_whose_archive_cannot_be_written_ends_all_the_same() -> Result<()> {
    let (env, dropped) = with_a_file()?;
    let end = traced(&env, &mut |call| {
        let copies = call.place.starts_with("state/originals/.claim-") && call.name == "openat";
        if copies { Deed::Fail(Errno::EMFILE) } else { Deed::Let }
    })?;
    assert_eq!(end, End::Code(1));
    assert_eq!(traced(&env, &mut |_| Deed::Let)?, End::Code(0));
    embedded::at_the_end(&env, &dropped)
}

#[test]
fn a_stop_that_cannot_be_written_says_so_by_its_code() -> Result<()> {
    let syncs_the_ledger = |call: &Call| call.place == WAL && call.kind == Kind::Syncs;
    let (env, _) = with_a_file()?;
    let mut syncs = 0;
    traced(&env, &mut |call| {
        syncs += u32::from(syncs_the_ledger(call));
        Deed::Let
    })?;
    let mut told = false;
    // The very last one may be that of the copying into the file, which no answer depends on.
    for back in 0..3 {
        let (env, dropped) = with_a_file()?;
        let end = traced(&env, &mut |call| {
            if syncs_the_ledger(call) && call.nth == syncs - back { Deed::Fail(Errno::EIO) } else { Deed::Let }
        })?;
        let log = fs::read_to_string(env.path("log"))?;
        let at_the_stop = ["the stop could not be recorded", "could not be closed in order"];
        if at_the_stop.iter().any(|message| log.contains(message)) && !log.contains("ended by itself") {
            assert_eq!(end, End::Code(3), "{log}");
            told = true;
        }
        ensure!(env.run(&["run", "--once"])?.code == Some(0), "the next start goes on");
        embedded::at_the_end(&env, &dropped)?;
    }
    ensure!(told, "none of the last three was at the stop");
    Ok(())
}

#[test]
fn a_full_device_for_its_output_changes_nothing() -> Result<()> {
    let (env, dropped) = with_a_file()?;
    let full = || fs::File::options().write(true).open("/dev/full");
    let status = env.command().args(["run", "--once"]).stdout(full()?).stderr(full()?).status()?;
    assert_eq!(status.code(), Some(0));
    embedded::at_the_end(&env, &dropped)
}

#[test]
fn with_few_open_files_it_goes_on_or_says_why_not() -> Result<()> {
    for limit in [16, 24, 28, 32, 40] {
        let (env, dropped) = with_a_file()?;
        let limited = format!("ulimit -n {limit}; exec \"$0\" run --once");
        let program = env!("CARGO_BIN_EXE_devicedrop");
        let output = env.command_of("/bin/sh").args(["-c", &limited, program]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(!said.contains("panicked"), "with {limit}: {said}");
        ensure!(matches!(output.status.code(), Some(0..=3)), "with {limit}: {:?} {said}", output.status);
        embedded::at_any_moment(&env, &dropped)?;
        ensure!(env.run(&["run", "--once"])?.code == Some(0), "with {limit}, and then without");
        embedded::at_the_end(&env, &dropped)?;
    }
    Ok(())
}

#[test]
fn where_the_system_has_no_watch_left_it_says_so_and_finds_every_file() -> Result<()> {
    for (limit, left) in [("max_inotify_watches", 2), ("max_inotify_instances", 0)] {
        let (env, dropped) = with_a_file()?;
        for customer in ["a", "b", "c", "d"] {
            fs::create_dir(env.root().join(customer))?;
        }
        // In a namespace of its own, so that nobody else lacks them.
        let limited = format!("echo {left} > /proc/sys/user/{limit} && exec \"$0\" run --once");
        let program = env!("CARGO_BIN_EXE_devicedrop");
        let mut command = env.command_of("unshare");
        let output = command.args(["--user", "--map-root-user", "/bin/sh", "-c", &limited, program]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.code() == Some(0), "{limit}: {:?} {said}", output.status);
        ensure!(said.contains("file events are not to be had for all folders; they are scanned"), "{limit}: {said}");
        embedded::at_the_end(&env, &dropped)?;
    }
    Ok(())
}

#[test]
fn a_limit_on_the_size_of_files_is_a_failed_write_and_no_sudden_death() -> Result<()> {
    // In units of 512 bytes: too small for the ledger's tables, for its log, for more than one commit.
    for blocks in [64, 256, 512, 1_024] {
        let (env, dropped) = with_a_file()?;
        let limited = format!("ulimit -f {blocks}; exec \"$0\" run --once");
        let program = env!("CARGO_BIN_EXE_devicedrop");
        let output = env.command_of("/bin/sh").args(["-c", &limited, program]).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(!said.contains("panicked"), "with {blocks}: {said}");
        ensure!(matches!(output.status.code(), Some(0..=3)), "with {blocks}: {:?} {said}", output.status);
        embedded::at_any_moment(&env, &dropped)?;
        ensure!(env.run(&["run", "--once"])?.code == Some(0), "with {blocks}, and then without");
        embedded::at_the_end(&env, &dropped)?;
    }
    Ok(())
}

#[test]
fn a_single_run_after_a_kill_leaves_no_row_whose_turn_it_is() -> Result<()> {
    let env = crate::scene::env()?;
    let script = Script::default();
    env.drop_file(CONTOSO, "a.csv", csv(&["1", "2"]))?;
    let kill = KillAt { step: Step::Intended, passing: 1 };
    crate::daemon()?.scripted(&env, &script, Some(kill))?.killed()?;
    // Rows of the same devices, behind those whose attempts are in doubt.
    env.drop_file(CONTOSO, "b.csv", csv(&["1", "2"]))?;
    let (code, log) = crate::daemon()?.scripted_once(&env, &script)?.wait()?;
    ensure!(code == 0, "it ended with {code}: {log:?}");
    checker::at_the_end(&env, Mode::Keyed)
}

#[test]
fn a_stopped_process_keeps_its_ledger_and_goes_on_where_it_was() -> Result<()> {
    let env = crate::scene::env()?;
    let script = Script { latency_ms: 300, ..Script::default() };
    let mut daemon = crate::daemon()?.scripted(&env, &script, None)?;
    daemon.wait_for_message("ready")?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1", "2"]))?;
    wait_for_rows(&env, &mut daemon, "SELECT count(*) FROM audit_attempts", &["2"])?;
    daemon.signal("STOP")?;
    // Meanwhile somebody starts another one, and a sender goes on sending.
    let second = env.run(&["run"])?;
    let later = env.drop_file(CONTOSO, "b.csv", csv(&["3"]))?;
    daemon.signal("CONT")?;
    ensure!(second.code == Some(2), "{second:?}");
    ensure!(second.stderr.contains(&format!("process {}", daemon.pid())), "{}", second.stderr);
    for (file, devices) in [(&path, 2), (&later, 1)] {
        let result = file.with_extension("result.csv");
        daemon.wait_for_file(&result, |text| text.matches("Ready for user").count() == devices)?;
    }
    assert_eq!(
        rows(&env, "SELECT serial_number, number, outcome FROM audit_attempts ORDER BY 1")?,
        ["1|1|registered", "2|1|registered", "3|1|registered"]
    );
    stop(daemon)?;
    checker::at_the_end(&env, Mode::Keyed)
}

const STATES: &str = "SELECT serial_number, state FROM audit_devices ORDER BY 1";

fn ready(env: &TestEnv) -> Result<Daemon> {
    let mut daemon = crate::daemon()?.with_a_clock_to_move(env)?;
    daemon.wait_for_message("ready")?;
    Ok(daemon)
}

/// A daemon registered a device, learned that it is in use, and was stopped.
fn with_a_device_in_use() -> Result<TestEnv> {
    let env = crate::scene::env()?;
    let mut daemon = ready(&env)?;
    fence(&env, &mut daemon, CONTOSO, "used")?;
    let device = ["--manufacturer", "SpiralOrbit", "--model", "ContosoABC", "--serial-number", "used"];
    ensure!(env.run(&[["registry", "check-in"].as_slice(), &device].concat())?.code == Some(0), "used");
    wait_for_rows(&env, &mut daemon, STATES, &["used|active"])?;
    stop(daemon)?;
    Ok(env)
}

#[test]
fn a_clock_that_is_years_off_at_a_start_stops_no_file_and_ends_nothing_by_time() -> Result<()> {
    let env = with_a_device_in_use()?;
    let mut names = vec!["used"];
    for (name, by) in [("past", -YEARS), ("right", 0), ("future", YEARS)] {
        set_wall(&env, by)?;
        let mut daemon = ready(&env)?;
        // That it is right again can't be told either: the last entry on record is years off.
        daemon.wait_until("the clock told of", || {
            let problems = env.run(&["status", "--problems"])?;
            Ok(problems.stdout.contains("restart devicedrop").then_some(()))
        })?;
        names.push(name);
        fence(&env, &mut daemon, CONTOSO, name)?;
        ensure!(rows(&env, STATES)?.contains(&"used|active".to_owned()), "time made it inactive: {name}");
        stop(daemon)?;
    }
    // In the order of their entries, whatever the clock said.
    assert_eq!(
        rows(&env, "SELECT file FROM audit_deliveries ORDER BY seq")?,
        names.iter().map(|name| format!("{name}.csv")).collect::<Vec<_>>()
    );
    checker::record_is_whole(&env.ledger())?;
    // The clock is right after all, says who starts it once more.
    let mut daemon = ready(&env)?;
    wait_for_rows(&env, &mut daemon, "SELECT state FROM audit_devices WHERE serial_number = 'used'", &["inactive"])?;
    stop(daemon)
}

#[test]
fn a_clock_that_does_not_fit_the_record_is_believed_once_a_person_accepts_it() -> Result<()> {
    let env = with_a_device_in_use()?;
    set_wall(&env, YEARS)?;
    let mut daemon = ready(&env)?;
    daemon.wait_until("the clock told of", || {
        let problems = env.run(&["status", "--problems"])?;
        Ok(problems.stdout.contains("devicedrop doctor --accept-clock").then_some(()))
    })?;
    let told = env.run(&["doctor", "--json"])?;
    ensure!(told.stdout.contains("the daemon doesn't believe it"), "{}", told.stdout);
    ensure!(rows(&env, STATES)? == ["used|active"], "time made it inactive");
    let accept = || env.run(&["doctor", "--accept-clock", "--reason", "looked at a watch"]);
    let accepted = accept()?;
    ensure!(accepted.code == Some(0) && accepted.stdout.contains("before: it started at"), "{accepted:?}");
    wait_for_rows(&env, &mut daemon, STATES, &["used|inactive"])?;
    ensure!(accept()?.stdout.contains("nothing spoke against it"), "it is believed by now");
    assert_eq!(
        rows(&env, "SELECT DISTINCT reason FROM audit_actions WHERE action = 'accept_clock'")?,
        ["looked at a watch"]
    );
    stop(daemon)?;
    checker::record_is_whole(&env.ledger())
}

const YEARS: i64 = 10 * 365 * 24 * 60 * 60 * 1_000;

#[test]
fn a_wall_clock_that_is_set_delays_no_try_and_gives_nothing_up() -> Result<()> {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    let mut env = crate::scene::env()?;
    env.set("registrar.retry.first", "\"50ms\"")?.set("registrar.retry.longest", "\"200ms\"")?;
    env.set("registrar.retry.give_up_after", "\"1h\"")?;
    let busy = Rule::serial("A", Reply::Busy { retry_after_ms: None }).times(16);
    let mut daemon = crate::daemon()?.scripted_with_a_clock_to_move(&env, &Script::of([busy]))?;
    daemon.wait_for_message("ready")?;
    env.drop_file(CONTOSO, "a.csv", csv(&["A"]))?;
    let tried = |daemon: &mut Daemon, times: usize| {
        daemon.wait_until("so many tries", || {
            Ok((rows(&env, "SELECT attempt_id FROM audit_attempts")?.len() >= times).then_some(()))
        })
    };
    tried(&mut daemon, 2)?;
    // Back: nothing waits until the clock shows again what it showed.
    set_wall(&env, -DAY)?;
    tried(&mut daemon, 6)?;
    // Years on, and tried more often than it takes to give up: no time passed.
    set_wall(&env, YEARS)?;
    tried(&mut daemon, 13)?;
    for step in 0..100 {
        set_wall(&env, if step % 2 == 0 { -DAY * step } else { DAY * step })?;
    }
    set_wall(&env, 0)?;
    wait_for_rows(&env, &mut daemon, "SELECT state FROM audit_registrations", &["ready_for_user"])?;
    stop(daemon)?;
    assert_eq!(rows(&env, "SELECT count(*) FROM audit_attempts")?, ["17"], "sixteen times busy, then registered");
    checker::record_is_whole(&env.ledger())
}

/// Has one row of another customer registered: by then the registrar was asked for all that was due before.
fn registered(env: &TestEnv, daemon: &mut Daemon, serial: &str) -> Result<()> {
    env.drop_file(CONTOSO, &format!("{serial}.csv"), csv(&[serial]))?;
    let state = format!("SELECT state FROM audit_registrations WHERE serial_number = '{serial}'");
    wait_for_rows(env, daemon, &state, &["ready_for_user"])
}

#[test]
fn a_wall_clock_that_jumps_ahead_ends_no_wait_before_its_time() -> Result<()> {
    let mut env = crate::scene::env()?;
    env.set("registrar.retry.first", "\"1h\"")?.set("registrar.retry.longest", "\"1h\"")?;
    let busy = Rule::serial("A", Reply::Busy { retry_after_ms: None });
    let once = Script::of([busy.clone().times(1)]);
    let mut daemon = crate::daemon()?.scripted_with_a_clock_to_move(&env, &once)?;
    daemon.wait_for_message("ready")?;
    env.drop_file("fabrikam", "a.csv", csv(&["A"]))?;
    let tries = "SELECT number, outcome FROM audit_attempts WHERE serial_number = 'A' ORDER BY number";
    wait_for_rows(&env, &mut daemon, tries, &["1|deferred"])?;
    for (name, by) in [("ahead", YEARS), ("behind", -YEARS), ("further", 2 * YEARS), ("right", 0)] {
        set_wall(&env, by)?;
        registered(&env, &mut daemon, name)?;
        assert_eq!(rows(&env, tries)?, ["1|deferred"], "{name}");
    }
    stop(daemon)?;
    // A run whose clock is years ahead from its start puts it off by years.
    set_wall(&env, YEARS)?;
    let again = Script::of([busy.times(2)]);
    let mut daemon = crate::daemon()?.scripted_with_a_clock_to_move(&env, &again)?;
    wait_for_rows(&env, &mut daemon, tries, &["1|deferred", "2|deferred"])?;
    stop(daemon)?;
    // The next one goes on from there, and the one behind it sees that nothing can have made it wait so long.
    set_wall(&env, 0)?;
    let mut daemon = crate::daemon()?.scripted_with_a_clock_to_move(&env, &again)?;
    registered(&env, &mut daemon, "next")?;
    stop(daemon)?;
    let mut daemon = crate::daemon()?.scripted_with_a_clock_to_move(&env, &again)?;
    wait_for_rows(&env, &mut daemon, tries, &["1|deferred", "2|deferred", "3|registered"])?;
    stop(daemon)
}

#[test]
fn syncs_that_are_slow_make_it_slow_and_send_nothing_twice() -> Result<()> {
    let (env, dropped) = with_a_file()?;
    let end = traced(&env, &mut |call| match call.kind {
        Kind::Syncs => Deed::Delay(Duration::from_millis(150)),
        _ => Deed::Let,
    })?;
    assert_eq!(end, End::Code(0));
    assert_eq!(rows(&env, "SELECT number, outcome FROM audit_attempts")?, ["1|registered"; 3]);
    embedded::at_the_end(&env, &dropped)
}

#[test]
fn who_reads_the_ledger_for_long_holds_nothing_up() -> Result<()> {
    let env = crate::scene::env()?;
    let mut daemon = start(&env)?;
    fence(&env, &mut daemon, CONTOSO, "first")?;
    let auditor = Connection::open(env.ledger())?;
    auditor.execute_batch("BEGIN")?;
    let count = || auditor.query_row("SELECT count(*) FROM audit_submissions", [], |row| row.get::<_, i64>(0));
    assert_eq!(count()?, 1);
    for name in ["second", "third"] {
        fence(&env, &mut daemon, CONTOSO, name)?;
    }
    assert_eq!(count()?, 1, "the auditor still sees what was there when the reading began");
    stop(daemon)?;
    auditor.execute_batch("COMMIT")?;
    assert_eq!(count()?, 3);
    checker::record_is_whole(&env.ledger())
}

#[test]
fn who_holds_the_ledger_for_writing_is_waited_for_and_told_of() -> Result<()> {
    let env = crate::scene::env()?;
    let mut daemon = start(&env)?;
    let other = Connection::open(env.ledger())?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    daemon.wait_for_message("another program holds the ledger; nothing is taken or sent until it lets go")?;
    ensure!(!path.with_file_name("a.result.csv").exists(), "nothing is on record, and nothing is answered");
    other.execute_batch("ROLLBACK")?;
    wait_for_answer(&mut daemon, &path.with_file_name("a.result.csv"), &all_ready(&["1"]))?;
    assert_eq!(rows(&env, "SELECT number, outcome FROM audit_attempts")?, ["1|registered"]);
    stop(daemon)
}
