//! Every way in which a file comes to lie in a drop folder: taken once, answered, and on record as it was.
//!
//! Each scenario runs twice, with file events and by scanning alone: nothing but speed may depend on events.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Result, ensure};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;

use crate::scene::{
    CONTOSO, all_ready, csv, env, fence, rows, start, stop, wait_for_answer, wait_for_rows, wait_for_verdict,
};

/// Makes two tests of each scenario.
macro_rules! with_events_and_without {
    ($($scenario:ident),* $(,)?) => {$(
        mod $scenario {
            #[test]
            fn with_file_events() -> anyhow::Result<()> {
                super::$scenario(&mut super::env()?)
            }

            #[test]
            fn by_scanning_alone() -> anyhow::Result<()> {
                let mut env = super::env()?;
                env.set_variable("DEVICEDROP_FILE_EVENTS", "off");
                super::$scenario(&mut env)
            }
        }
    )*};
}

with_events_and_without!(
    created_and_written,
    written_slowly_while_held_open,
    renamed_into_place,
    sized_before_it_is_filled,
    a_burst,
    in_a_new_order_folder,
    in_an_order_folder_that_is_moved_in,
    while_the_daemon_is_down,
    in_a_root_that_vanishes_and_comes_back,
    renamed_and_moved_afterwards,
    kept_open_by_its_writer,
    written_again_with_the_same_bytes,
    another_content_and_then_the_first_again,
    touched_and_nothing_else,
    deleted_afterwards,
);

const DELIVERIES: &str = "SELECT customer, file, kind FROM audit_deliveries ORDER BY seq";
const SUBMISSIONS: &str = "SELECT customer, file, coalesce(order_id, '-'), outcome, rows, ready FROM audit_submissions ORDER BY received_at";

/// That what is on record is this, and that every row was sent to the registrar exactly once.
fn on_record(env: &TestEnv, deliveries: &[&str], submissions: &[&str]) -> Result<()> {
    assert_eq!(rows(env, DELIVERIES)?, deliveries);
    assert_eq!(rows(env, SUBMISSIONS)?, submissions);
    let twice = "SELECT serial_number, count(*) FROM audit_attempts GROUP BY 1 HAVING count(*) > 1";
    assert_eq!(rows(env, twice)?, [""; 0]);
    Ok(())
}

fn answered(env: &TestEnv, daemon: &mut Daemon, file: &str, serials: &[&str]) -> Result<()> {
    let path = env.root().join(CONTOSO).join(format!("{file}.result.csv"));
    wait_for_answer(daemon, &path, &all_ready(serials))
}

fn created_and_written(env: &mut TestEnv) -> Result<()> {
    let mut daemon = start(env)?;
    env.write_file(CONTOSO, "a.csv", csv(&["1", "2"]))?;
    answered(env, &mut daemon, "a", &["1", "2"])?;
    stop(daemon)?;
    on_record(env, &["contoso|a.csv|new"], &["contoso|a.csv|-|accepted|2|2"])
}

fn written_slowly_while_held_open(env: &mut TestEnv) -> Result<()> {
    env.set("drop.settle_open", "\"1h\"")?;
    let path = env.write_file(CONTOSO, "a.csv", "")?;
    let mut file = fs::File::options().append(true).open(&path)?;
    let mut daemon = start(env)?;
    let whole = csv(&["1", "2", "3", "4"]);
    for line in whole.split_inclusive('\n') {
        // Half a row, and whole ones: neither is taken while somebody writes.
        let (half, other) = line.split_at(line.len() / 2);
        for part in [half, other] {
            file.write_all(part.as_bytes())?;
            wait_for_verdict(env, &mut daemon, &path, "settling", "open")?;
        }
    }
    assert_eq!(rows(env, DELIVERIES)?, [""; 0]);
    drop(file);
    answered(env, &mut daemon, "a", &["1", "2", "3", "4"])?;
    stop(daemon)?;
    on_record(env, &["contoso|a.csv|new"], &["contoso|a.csv|-|accepted|4|4"])
}

fn renamed_into_place(env: &mut TestEnv) -> Result<()> {
    let mut daemon = start(env)?;
    fs::create_dir(env.root().join(CONTOSO))?;
    for (name, serial) in [("a.csv.part", "1"), ("b.csv.filepart", "2"), (".c.csv", "3"), ("~d.csv", "4")] {
        env.write_file(CONTOSO, name, csv(&[serial]))?;
    }
    fence(env, &mut daemon, CONTOSO, "fence")?;
    let at = |name: &str| env.root().join(CONTOSO).join(name);
    for (name, last) in [("a.csv.part", "a.csv"), ("b.csv.filepart", "b.csv"), (".c.csv", "c.csv")] {
        fs::rename(at(name), at(last))?;
    }
    for (name, serial) in [("a", "1"), ("b", "2"), ("c", "3")] {
        answered(env, &mut daemon, name, &[serial])?;
    }
    stop(daemon)?;
    let mut taken = rows(env, DELIVERIES)?;
    taken.sort();
    assert_eq!(taken, ["contoso|a.csv|new", "contoso|b.csv|new", "contoso|c.csv|new", "contoso|fence.csv|new"]);
    Ok(())
}

fn sized_before_it_is_filled(env: &mut TestEnv) -> Result<()> {
    env.set("drop.settle_open", "\"1h\"")?;
    let whole = csv(&["1", "2", "3"]);
    let path = env.write_file(CONTOSO, "a.csv", "")?;
    let mut file = fs::File::options().write(true).open(&path)?;
    file.set_len(u64::try_from(whole.len())?)?;
    let mut daemon = start(env)?;
    wait_for_verdict(env, &mut daemon, &path, "settling", "open")?;
    let (first, second) = whole.split_at(40);
    file.write_all(first.as_bytes())?;
    wait_for_verdict(env, &mut daemon, &path, "settling", "open")?;
    file.write_all(second.as_bytes())?;
    drop(file);
    answered(env, &mut daemon, "a", &["1", "2", "3"])?;
    stop(daemon)?;
    on_record(env, &["contoso|a.csv|new"], &["contoso|a.csv|-|accepted|3|3"])
}

fn a_burst(env: &mut TestEnv) -> Result<()> {
    const FILES: usize = 2_000;
    let mut daemon = start(env)?;
    for number in 0..FILES {
        env.write_file(CONTOSO, &format!("{number}.csv"), csv(&[&number.to_string()]))?;
    }
    // Each line is waited for anew: how long all of them take is nobody's business here.
    for _ in 0..FILES {
        daemon.wait_for("a final result", |line| line.message() == "result written" && line.has("last", "true"))?;
    }
    stop(daemon)?;
    let counts = "SELECT count(*), count(DISTINCT file), sum(ready) FROM audit_submissions";
    assert_eq!(rows(env, counts)?, [format!("{FILES}|{FILES}|{FILES}")]);
    assert_eq!(rows(env, "SELECT count(*) FROM audit_deliveries")?, [FILES.to_string()]);
    assert_eq!(rows(env, "SELECT count(*) FROM audit_attempts")?, [FILES.to_string()]);
    for number in 0..FILES {
        let result = env.root().join(CONTOSO).join(format!("{number}.result.csv"));
        ensure!(fs::read_to_string(&result)? == all_ready(&[&number.to_string()]), "{}", result.display());
    }
    Ok(())
}

fn in_a_new_order_folder(env: &mut TestEnv) -> Result<()> {
    let mut daemon = start(env)?;
    fence(env, &mut daemon, CONTOSO, "fence")?;
    env.write_file(CONTOSO, "PO-4711/a.csv", csv(&["1"]))?;
    answered(env, &mut daemon, "PO-4711/a", &["1"])?;
    // The folder is known by now, and what comes later is seen as well.
    env.write_file(CONTOSO, "PO-4711/b.csv", csv(&["2"]))?;
    answered(env, &mut daemon, "PO-4711/b", &["2"])?;
    stop(daemon)?;
    on_record(
        env,
        &["contoso|fence.csv|new", "contoso|PO-4711/a.csv|new", "contoso|PO-4711/b.csv|new"],
        &[
            "contoso|fence.csv|-|accepted|1|1",
            "contoso|PO-4711/a.csv|PO-4711|accepted|1|1",
            "contoso|PO-4711/b.csv|PO-4711|accepted|1|1",
        ],
    )
}

fn in_an_order_folder_that_is_moved_in(env: &mut TestEnv) -> Result<()> {
    let mut daemon = start(env)?;
    fence(env, &mut daemon, CONTOSO, "fence")?;
    fs::create_dir(env.path("outside"))?;
    fs::write(env.path("outside/a.csv"), csv(&["1"]))?;
    fs::rename(env.path("outside"), env.root().join(CONTOSO).join("PO 1"))?;
    answered(env, &mut daemon, "PO 1/a", &["1"])?;
    env.write_file(CONTOSO, "PO 1/b.csv", csv(&["2"]))?;
    answered(env, &mut daemon, "PO 1/b", &["2"])?;
    stop(daemon)?;
    on_record(
        env,
        &["contoso|fence.csv|new", "contoso|PO 1/a.csv|new", "contoso|PO 1/b.csv|new"],
        &[
            "contoso|fence.csv|-|accepted|1|1",
            "contoso|PO 1/a.csv|PO 1|accepted|1|1",
            "contoso|PO 1/b.csv|PO 1|accepted|1|1",
        ],
    )
}

fn while_the_daemon_is_down(env: &mut TestEnv) -> Result<()> {
    let mut daemon = start(env)?;
    let kept = env.write_file(CONTOSO, "kept.csv", csv(&["1"]))?;
    env.write_file(CONTOSO, "changed.csv", csv(&["2"]))?;
    answered(env, &mut daemon, "kept", &["1"])?;
    answered(env, &mut daemon, "changed", &["2"])?;
    stop(daemon)?;
    env.write_file(CONTOSO, "changed.csv", csv(&["3"]))?;
    env.write_file(CONTOSO, "new.csv", csv(&["4"]))?;
    env.write_file("fabrikam", "PO-1/new.csv", csv(&["5"]))?;
    fs::rename(&kept, kept.with_file_name("moved.csv"))?;
    let mut daemon = start(env)?;
    answered(env, &mut daemon, "changed", &["3"])?;
    answered(env, &mut daemon, "new", &["4"])?;
    answered(env, &mut daemon, "moved", &["1"])?;
    answered(env, &mut daemon, "../fabrikam/PO-1/new", &["5"])?;
    stop(daemon)?;
    let mut kinds =
        rows(env, "SELECT customer, file, kind FROM audit_deliveries WHERE kind != 'new' OR file LIKE '%new%'")?;
    kinds.sort();
    assert_eq!(kinds, ["contoso|moved.csv|moved", "contoso|new.csv|new", "fabrikam|PO-1/new.csv|new"]);
    // A third start finds nothing to do.
    let before = rows(env, DELIVERIES)?;
    let mut daemon = start(env)?;
    fence(env, &mut daemon, CONTOSO, "fence")?;
    stop(daemon)?;
    assert_eq!(rows(env, DELIVERIES)?, [before, vec!["contoso|fence.csv|new".to_owned()]].concat());
    Ok(())
}

fn in_a_root_that_vanishes_and_comes_back(env: &mut TestEnv) -> Result<()> {
    let mut daemon = start(env)?;
    fence(env, &mut daemon, CONTOSO, "one")?;
    let away = env.path("away");
    fs::rename(env.root(), &away)?;
    daemon.wait_for_message("drop folder offline")?;
    fs::write(away.join(CONTOSO).join("two.csv"), csv(&["two"]))?;
    fs::rename(&away, env.root())?;
    daemon.wait_for_message("drop folder online again")?;
    answered(env, &mut daemon, "two", &["two"])?;
    fence(env, &mut daemon, CONTOSO, "three")?;
    stop(daemon)?;
    on_record(
        env,
        &["contoso|one.csv|new", "contoso|two.csv|new", "contoso|three.csv|new"],
        &["contoso|one.csv|-|accepted|1|1", "contoso|two.csv|-|accepted|1|1", "contoso|three.csv|-|accepted|1|1"],
    )
}

fn renamed_and_moved_afterwards(env: &mut TestEnv) -> Result<()> {
    let mut daemon = start(env)?;
    let a = env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    answered(env, &mut daemon, "a", &["1"])?;
    let b = a.with_file_name("b.csv");
    fs::rename(&a, &b)?;
    answered(env, &mut daemon, "b", &["1"])?;
    fs::create_dir(env.root().join("contoso/PO-9"))?;
    fs::rename(&b, env.root().join("contoso/PO-9/c.csv"))?;
    answered(env, &mut daemon, "PO-9/c", &["1"])?;
    fence(env, &mut daemon, CONTOSO, "fence")?;
    stop(daemon)?;
    on_record(
        env,
        &["contoso|a.csv|new", "contoso|b.csv|moved", "contoso|PO-9/c.csv|moved", "contoso|fence.csv|new"],
        &["contoso|a.csv|-|accepted|1|1", "contoso|fence.csv|-|accepted|1|1"],
    )
}

fn kept_open_by_its_writer(env: &mut TestEnv) -> Result<()> {
    let mut daemon = start(env)?;
    let path = env.write_file(CONTOSO, "a.csv", "")?;
    let mut file = fs::File::options().write(true).open(&path)?;
    file.write_all(csv(&["1", "2"]).as_bytes())?;
    answered(env, &mut daemon, "a", &["1", "2"])?;
    drop(file);
    fence(env, &mut daemon, CONTOSO, "fence")?;
    stop(daemon)?;
    on_record(
        env,
        &["contoso|a.csv|new", "contoso|fence.csv|new"],
        &["contoso|a.csv|-|accepted|2|2", "contoso|fence.csv|-|accepted|1|1"],
    )
}

fn written_again_with_the_same_bytes(env: &mut TestEnv) -> Result<()> {
    let mut daemon = start(env)?;
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    answered(env, &mut daemon, "a", &["1"])?;
    // Overwritten in place, and replaced by another file of the same content.
    env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    wait_for_rows(env, &mut daemon, DELIVERIES, &["contoso|a.csv|new", "contoso|a.csv|again"])?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let again = ["contoso|a.csv|new", "contoso|a.csv|again", "contoso|a.csv|again", "contoso|a.csv|again"];
    wait_for_rows(env, &mut daemon, DELIVERIES, &again[..3])?;
    // What was written for the sender is owed again, also after somebody cleared it away.
    fs::remove_file(path.with_file_name("a.result.csv"))?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    wait_for_rows(env, &mut daemon, DELIVERIES, &again)?;
    answered(env, &mut daemon, "a", &["1"])?;
    stop(daemon)?;
    on_record(env, &again, &["contoso|a.csv|-|accepted|1|1"])
}

fn another_content_and_then_the_first_again(env: &mut TestEnv) -> Result<()> {
    let mut daemon = start(env)?;
    let with_a_bad_row = |serials: &[&str]| csv(serials) + "SpiralOrbit,ContosoABC,\n";
    let result = env.root().join("contoso/a.result.csv");
    for serials in [["1", "2"], ["3", "4"], ["1", "2"]] {
        env.write_file(CONTOSO, "a.csv", with_a_bad_row(&serials))?;
        daemon.wait_for_file(&result, |text| text.starts_with(&all_ready(&serials)))?;
    }
    stop(daemon)?;
    on_record(
        env,
        &["contoso|a.csv|new", "contoso|a.csv|new", "contoso|a.csv|again"],
        &["contoso|a.csv|-|accepted|3|2", "contoso|a.csv|-|accepted|3|2"],
    )?;
    // Only what failed can be superseded: of the content that no longer lies there.
    let failed = "SELECT line, error, superseded FROM audit_registrations WHERE state = 'registration_failed' ORDER BY registration_id";
    assert_eq!(rows(env, failed)?, ["4|row_not_valid|0", "4|row_not_valid|1"]);
    Ok(())
}

fn touched_and_nothing_else(env: &mut TestEnv) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut daemon = start(env)?;
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    answered(env, &mut daemon, "a", &["1"])?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
    fence(env, &mut daemon, CONTOSO, "one")?;
    stop(daemon)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    let mut daemon = start(env)?;
    fence(env, &mut daemon, CONTOSO, "two")?;
    stop(daemon)?;
    assert_eq!(rows(env, DELIVERIES)?, ["contoso|a.csv|new", "contoso|one.csv|new", "contoso|two.csv|new"]);
    Ok(())
}

fn deleted_afterwards(env: &mut TestEnv) -> Result<()> {
    let mut daemon = start(env)?;
    let path = env.write_file(CONTOSO, "a.csv", csv(&["1"]))?;
    answered(env, &mut daemon, "a", &["1"])?;
    fs::remove_file(&path)?;
    fence(env, &mut daemon, CONTOSO, "fence")?;
    answered(env, &mut daemon, "a", &["1"])?;
    stop(daemon)?;
    on_record(
        env,
        &["contoso|a.csv|new", "contoso|fence.csv|new"],
        &["contoso|a.csv|-|accepted|1|1", "contoso|fence.csv|-|accepted|1|1"],
    )
}

/// What is being written aside in a customer's folder, and how much of it is there.
fn aside(folder: &Path) -> Result<Option<u64>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(".devicedrop-") {
            // It may get its name this moment.
            return Ok(entry.metadata().ok().map(|found| found.len()));
        }
    }
    Ok(None)
}

#[test]
fn a_stop_leaves_no_half_of_a_long_result_behind() -> Result<()> {
    const ROWS: usize = 60_000;
    let env = env()?;
    let mut text = csv(&[]);
    for row in 0..ROWS {
        text.extend(["SpiralOrbit,ContosoABC,", &row.to_string(), "\n"]);
    }
    // Every row is refused at once, so that the first writing is the last one and as long as it can be.
    let path = env.write_file(CONTOSO, "a.csv", text.replace("ContosoABC", ""))?;
    let folder = env.root().join(CONTOSO);
    let mut daemon = start(&env)?;
    daemon.wait_until("the result's beginning", || Ok(aside(&folder)?.filter(|bytes| *bytes > 0)))?;
    stop(daemon)?;
    assert_eq!(aside(&folder)?, None, "nothing of it is left");
    assert!(!path.with_file_name("a.result.csv").exists(), "it was too long to be ended");
    let mut daemon = start(&env)?;
    let said = daemon.wait_for_result(&path.with_file_name("a.result.csv"))?;
    assert_eq!(said.lines().count(), ROWS + 1);
    stop(daemon)
}
