//! Backups made of the built program at work, and put back elsewhere: nothing is lost that was in them, nothing is
//! registered twice, and what was cut off in the middle never looks whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::scripted::{Mode, Reply, Rule, Script, What, read_journal};
use devicedrop_testkit::tracer::{self, Call, Deed, End, Errno, Kind, Signal};
use devicedrop_testkit::under_test::journal;
use serde_json::Value;

use crate::scene::{CONTOSO, all_ready, csv, env, rows, start, stop, wait_for_answer, wait_for_rows};

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

/// What a command printed.
#[derive(Debug)]
struct Told {
    stdout: String,
    stderr: String,
}

/// Runs a command that must end with this code.
fn run(env: &TestEnv, code: i32, words: &[&str]) -> Result<Told> {
    let output = env.run(words)?;
    ensure!(output.code == Some(code), "{words:?}: {output:?}");
    Ok(Told { stdout: output.stdout, stderr: output.stderr })
}

fn back_up(env: &TestEnv, name: &str) -> Result<PathBuf> {
    let dir = env.path(name);
    run(env, 0, &["backup", text(&dir)?])?;
    Ok(dir)
}

/// The state folder as it was, moved aside, and an empty one in its place.
fn lose_the_state(env: &TestEnv, aside: &str) -> Result<PathBuf> {
    let aside = env.path(aside);
    fs::rename(env.path("state"), &aside)?;
    Ok(aside)
}

fn many(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("S{number}")).collect()
}

fn csv_of(serials: &[String]) -> String {
    csv(&serials.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Each device of the registry with how often it was claimed.
fn claims(env: &TestEnv) -> Result<BTreeMap<String, i64>> {
    let sql = "SELECT d.serial_number, count(*) FROM claim c JOIN device d ON d.id = c.device GROUP BY 1";
    let rows = env.query_file(&env.path("state/registry.db"), sql)?;
    rows.into_iter()
        .map(|row| match row.as_slice() {
            [Value::String(serial), count] => Ok((serial.clone(), count.as_i64().context("a number")?)),
            other => anyhow::bail!("{other:?}"),
        })
        .collect()
}

/// A place where one file was taken and answered, and no daemon runs.
fn settled() -> Result<TestEnv> {
    let env = env()?;
    env.drop_file(CONTOSO, "devices.csv", csv(&["1", "2"]))?;
    run(&env, 0, &["run", "--once"])?;
    Ok(env)
}

#[test]
fn a_backup_under_load_is_put_back_and_every_device_is_registered_once() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    let first = many(0, 1_000);
    env.drop_file(CONTOSO, "first.csv", csv_of(&first))?;
    let done = "SELECT count(*) FROM audit_registrations WHERE state = 'ready_for_user'";
    wait_for_rows(&env, &mut daemon, done, &["1000"])?;
    // Rows come in while the copy is made.
    for file in 0..6 {
        env.drop_file(
            CONTOSO,
            &format!("load-{file}.csv"),
            csv_of(&many(1_000 + file * 1_000, 2_000 + file * 1_000)),
        )?;
    }
    let report: Value =
        serde_json::from_str(&run(&env, 0, &["backup", "--json", text(&env.path("backup"))?])?.stdout)?;
    ensure!(report["sound"] == Value::Bool(true) && report["entries"].as_u64() > Some(1_000), "{report}");
    // What comes and is answered after the copy.
    let late = env.drop_file(CONTOSO, "late.csv", csv(&["L1", "L2"]))?;
    wait_for_answer(&mut daemon, &late.with_file_name("late.result.csv"), &all_ready(&["L1", "L2"]))?;
    wait_for_rows(&env, &mut daemon, done, &["7002"])?;
    stop(daemon)?;

    let old = lose_the_state(&env, "state.old")?;
    let told = run(&env, 0, &["restore", text(&env.path("backup"))?, "--reason", "the disk failed"])?;
    ensure!(told.stdout.contains("epoch 2 begins"), "{told:?}");
    let mut daemon = start(&env)?;
    wait_for_rows(&env, &mut daemon, done, &["7002"])?;
    let again = late.with_file_name("late.result-2.csv");
    wait_for_answer(&mut daemon, &again, &all_ready(&["L1", "L2"]))?;
    assert_eq!(fs::read_to_string(late.with_file_name("late.result.csv"))?, all_ready(&["L1", "L2"]), "left alone");
    stop(daemon)?;
    let claims = claims(&env)?;
    assert_eq!((claims.len(), claims.values().max()), (7_002, Some(&1)));
    run(&env, 0, &["ledger", "verify"])?;
    let epochs = rows(&env, "SELECT action, subject, reason FROM audit_actions WHERE action = 'restore'")?;
    ensure!(
        epochs.len() == 1 && epochs[0].starts_with("restore|epoch 2|the disk failed; from the backup"),
        "{epochs:?}"
    );
    fs::remove_dir_all(old)?;
    Ok(())
}

#[test]
fn what_was_registered_after_the_copy_is_found_in_the_registry_that_is_newer() -> Result<()> {
    let env = settled()?;
    let backup = back_up(&env, "backup")?;
    let late = env.drop_file(CONTOSO, "late.csv", csv(&["3", "4"]))?;
    run(&env, 0, &["run", "--once"])?;
    let newer = lose_the_state(&env, "state.old")?;
    run(&env, 0, &["restore", text(&backup)?])?;
    // Only the ledger was lost: the registry knows what it was asked after the copy.
    for suffix in ["", "-wal", "-shm"] {
        let name = format!("registry.db{suffix}");
        fs::remove_file(env.path("state").join(&name)).unwrap_or_default();
        if newer.join(&name).exists() {
            fs::copy(newer.join(&name), env.path("state").join(&name))?;
        }
    }
    run(&env, 0, &["run", "--once"])?;
    assert_eq!(fs::read_to_string(late.with_file_name("late.result-2.csv"))?, all_ready(&["3", "4"]));
    assert_eq!(claims(&env)?.into_values().collect::<Vec<_>>(), [1, 1, 1, 1]);
    let attempts =
        rows(&env, "SELECT serial_number, outcome FROM audit_attempts WHERE serial_number > '2' ORDER BY 1")?;
    assert_eq!(attempts, ["3|registered", "4|registered"]);
    Ok(())
}

#[test]
fn a_registrar_that_knows_nothing_is_never_sent_anything_blindly_after_a_restore() -> Result<()> {
    let env = settled()?;
    let busy = vec![Rule::serial("P1", Reply::Busy { retry_after_ms: None })];
    let script = Script::of(busy).mode(Mode::None);
    env.drop_file(CONTOSO, "pending.csv", csv(&["P1"]))?;
    let mut daemon = crate::daemon()?.scripted(&env, &script, None)?;
    let deferred = "SELECT count(*) > 0 FROM audit_attempts WHERE serial_number = 'P1' AND outcome = 'deferred'";
    wait_for_rows(&env, &mut daemon, deferred, &["1"])?;
    let backup = back_up(&env, "backup")?;
    stop(daemon)?;
    // Both are registered after the copy.
    let script = Script::default().mode(Mode::None);
    env.drop_file(CONTOSO, "late.csv", csv(&["P2"]))?;
    let mut daemon = crate::daemon()?.scripted(&env, &script, None)?;
    let ready = "SELECT serial_number FROM audit_registrations WHERE state = 'ready_for_user' AND serial_number > 'P' ORDER BY 1";
    wait_for_rows(&env, &mut daemon, ready, &["P1", "P2"])?;
    stop(daemon)?;
    lose_the_state(&env, "state.old")?;
    run(&env, 0, &["restore", text(&backup)?])?;
    let mut daemon = crate::daemon()?.scripted(&env, &script, None)?;
    let open = "SELECT serial_number FROM audit_attempts WHERE outcome IS NULL ORDER BY 1";
    wait_for_rows(&env, &mut daemon, open, &["P1", "P2"])?;
    // What comes after the restore is nobody's repetition.
    let path = env.drop_file(CONTOSO, "new.csv", csv(&["P3"]))?;
    daemon.wait_for_file(&path.with_file_name("new.result.csv"), |text| text.contains("P3,Ready for user,"))?;
    let told = run(&env, 1, &["status", "--problems"])?;
    ensure!(told.stdout.contains("in doubt") && told.stdout.contains("devicedrop resolve"), "{told:?}");
    let number = rows(&env, "SELECT registration_id FROM audit_registrations WHERE serial_number = 'P1'")?;
    run(&env, 0, &["resolve", &number[0], "--registered", "--reason", "seen in the portal"])?;
    stop(daemon)?;
    let mut effects = BTreeMap::new();
    for entry in read_journal(&journal(&env))? {
        if matches!(entry.what, What::Registered) {
            *effects.entry(entry.serial_number.clone()).or_insert(0) += 1;
        }
    }
    assert_eq!(effects, BTreeMap::from(["P1", "P2", "P3"].map(|serial| (serial.to_owned(), 1))));
    Ok(())
}

#[test]
fn an_honest_restore_is_told_from_a_record_that_was_cut_off() -> Result<()> {
    let env = settled()?;
    let checkpoint = |name: &str| -> Result<String> {
        let path = env.path(name);
        fs::write(&path, run(&env, 0, &["ledger", "checkpoint"])?.stdout)?;
        Ok(text(&path)?.to_owned())
    };
    let before = checkpoint("before")?;
    let backup = back_up(&env, "backup")?;
    env.drop_file(CONTOSO, "late.csv", csv(&["3"]))?;
    run(&env, 0, &["run", "--once"])?;
    let after = checkpoint("after")?;
    lose_the_state(&env, "state.old")?;
    run(&env, 0, &["restore", text(&backup)?, "--reason", "trial"])?;

    // What the copy holds is as every older checkpoint saw it.
    run(&env, 0, &["ledger", "verify", "--checkpoint", &before])?;
    let told = run(&env, 1, &["ledger", "verify", "--checkpoint", &after])?;
    ensure!(told.stdout.contains("epoch 2, opened on") && told.stdout.contains("--accept-epoch 2"), "{told:?}");
    let told = run(&env, 0, &["ledger", "verify", "--checkpoint", &after, "--accept-epoch", "2"])?;
    ensure!(told.stdout.contains("the end of that epoch is missing, which was accepted"), "{told:?}");
    // Of its own epoch a checkpoint is held to the letter, whatever is accepted.
    let now = checkpoint("now")?;
    run(&env, 0, &["ledger", "verify", "--checkpoint", &now])?;
    for suffix in ["-wal", "-shm", ""] {
        fs::remove_file(format!("{}{suffix}", env.ledger().display())).unwrap_or_default();
    }
    fs::copy(backup.join("ledger.db"), env.ledger())?;
    let told = run(&env, 1, &["ledger", "verify", "--checkpoint", &now, "--accept-epoch", "2"])?;
    ensure!(told.stdout.contains("its end was cut off"), "{told:?}");
    Ok(())
}

#[test]
fn who_made_a_backup_is_on_record_with_a_daemon_and_without() -> Result<()> {
    let env = settled()?;
    let made = "SELECT actor, subject, reason FROM audit_actions WHERE action = 'backup' ORDER BY seq";
    let alone = back_up(&env, "alone")?;
    let head = |backup: &Path| -> Result<String> {
        let list: Value = serde_json::from_str(&fs::read_to_string(backup.join("backup.json"))?)?;
        Ok(format!("ends with block {} ({})", list["blocks"], list["head"].as_str().context("a hash")?))
    };
    let user = rows(&env, "SELECT actor FROM audit_actions WHERE action = 'start' LIMIT 1")?.remove(0);
    let first = format!("{user}|{}|{}", text(&alone)?, head(&alone)?);
    assert_eq!(rows(&env, made)?, std::slice::from_ref(&first));
    let daemon = start(&env)?;
    let beside = back_up(&env, "beside")?;
    assert_eq!(rows(&env, made)?, [first, format!("{user}|{}|{}", text(&beside)?, head(&beside)?)]);
    stop(daemon)?;
    run(&env, 0, &["ledger", "verify"])?;
    Ok(())
}

#[test]
fn nothing_is_replaced() -> Result<()> {
    let env = settled()?;
    let backup = back_up(&env, "backup")?;
    let list = fs::read(backup.join("backup.json"))?;
    let told = run(&env, 2, &["backup", text(&backup)?])?;
    ensure!(told.stderr.contains("is there already"), "{told:?}");
    assert_eq!(fs::read(backup.join("backup.json"))?, list);
    let told = run(&env, 2, &["backup", text(&env.root().join(CONTOSO).join("backup"))?])?;
    ensure!(told.stderr.contains("lies in"), "{told:?}");
    let told = run(&env, 2, &["restore", text(&backup)?])?;
    ensure!(told.stderr.contains("is there already") && told.stderr.contains("move the old state aside"), "{told:?}");
    let daemon = start(&env)?;
    let told = run(&env, 2, &["restore", text(&backup)?])?;
    ensure!(told.stderr.contains("stop the daemon first"), "{told:?}");
    stop(daemon)
}

#[test]
fn a_backup_that_is_not_as_it_was_made_is_not_put_back() -> Result<()> {
    let env = settled()?;
    let backup = back_up(&env, "backup")?;
    lose_the_state(&env, "state.old")?;
    let refused = |code: i32, words: &str| -> Result<()> {
        let told = run(&env, code, &["restore", text(&backup)?])?;
        ensure!(told.stderr.contains(words), "{told:?}");
        ensure!(!env.ledger().exists(), "nothing was put anywhere");
        Ok(())
    };
    let list = fs::read(backup.join("backup.json"))?;
    fs::remove_file(backup.join("backup.json"))?;
    refused(2, "is no whole backup")?;
    fs::write(backup.join("backup.json"), &list)?;
    let registry = fs::read(backup.join("registry.db"))?;
    fs::write(backup.join("registry.db"), registry.get(..4096).context("some pages")?)?;
    refused(2, "isn't the file that was copied")?;
    fs::write(backup.join("registry.db"), registry)?;
    let sha256 = rows_of(&env, &backup, "SELECT sha256 FROM audit_submissions")?;
    let original = backup.join("originals").join(sha256.get(..2).context("a hash")?).join(&sha256);
    let content = fs::read(&original)?;
    fs::remove_file(&original)?;
    refused(4, "is gone, and the record doesn't say that it was removed")?;
    fs::write(&original, content)?;
    run(&env, 0, &["restore", text(&backup)?])?;
    Ok(())
}

fn rows_of(env: &TestEnv, backup: &Path, sql: &str) -> Result<String> {
    let rows = env.query_file(&backup.join("ledger.db"), sql)?;
    rows.first().and_then(|row| row.first()).and_then(Value::as_str).map(str::to_owned).context("a row")
}

#[test]
fn a_new_machine_gets_the_configuration_too_and_the_key_only_when_asked_for() -> Result<()> {
    let mut env = settled()?;
    let key = env.path("ledger.key");
    run(&env, 0, &["ledger", "keygen", text(&key)?, "--name", "example.com"])?;
    env.set("ledger.signing_key_file", &format!("{:?}", text(&key)?))?;
    let without = back_up(&env, "without")?;
    ensure!(!without.join("signing.key").exists());
    let told = run(&env, 0, &["backup", "--with-key", text(&env.path("with"))?])?;
    ensure!(told.stdout.contains("signing key    in it"), "{told:?}");
    let (config, secret) = (fs::read_to_string(env.config())?, fs::read_to_string(&key)?);
    ensure!(!told.stdout.contains(secret.trim()), "the key is never shown");
    lose_the_state(&env, "state.old")?;
    fs::remove_file(env.config())?;
    fs::remove_file(&key)?;
    run(&env, 0, &["restore", text(&env.path("with"))?])?;
    assert_eq!((fs::read_to_string(env.config())?, fs::read_to_string(&key)?), (config, secret));
    run(&env, 0, &["ledger", "verify"])?;
    run(&env, 0, &["run", "--once"])?;
    Ok(())
}

#[test]
fn a_full_disk_leaves_no_half_backup() -> Result<()> {
    let env = settled()?;
    for place in ["full/b.unfinished/ledger.db", "full/b.unfinished/originals", "full/b.unfinished/backup.json"] {
        fs::create_dir_all(env.path("full"))?;
        let end = traced(&env, &["backup", text(&env.path("full/b"))?], &mut |call| {
            let full = matches!(call.name, "write" | "pwrite64") && call.place.starts_with(place);
            if full { Deed::Fail(Errno::ENOSPC) } else { Deed::Let }
        })?;
        let left: Vec<_> = fs::read_dir(env.path("full"))?.collect::<Result<_, _>>()?;
        ensure!(end == End::Code(2) && left.is_empty(), "{place}: {end:?}, {left:?}");
        let log = fs::read_to_string(env.path("log"))?;
        ensure!(log.contains("full") || log.contains("No space left"), "{log}");
        fs::remove_file(env.path("log"))?;
    }
    Ok(())
}

/// A command, each of its calls asked about.
fn traced(env: &TestEnv, words: &[&str], ask: &mut dyn FnMut(&Call) -> Deed) -> Result<End> {
    let log = fs::File::options().create(true).append(true).open(env.path("log"))?;
    let mut command = env.command();
    command.args(words);
    tracer::run(&command, &env.path(""), log, ask)
}

/// Kills a command in front of its calls, at every `step`th, and looks what it left each time. Ends when it wasn't
/// killed any more. Returns how often it was.
fn killed_everywhere(
    env: &TestEnv,
    words: &[&str],
    step: usize,
    mut look: impl FnMut() -> Result<()>,
) -> Result<usize> {
    for kills in 0.. {
        let mut calls = 0;
        let end = traced(env, words, &mut |call| {
            if call.kind == Kind::Looks {
                return Deed::Let;
            }
            calls += 1;
            if calls > kills * step { Deed::Kill } else { Deed::Let }
        })?;
        match end {
            End::Code(0) => return Ok(kills),
            End::Signal(Signal::SIGKILL) => look().with_context(|| format!("killed at change {calls}"))?,
            other => {
                anyhow::bail!("it ended with {other:?} at change {calls}: {}", fs::read_to_string(env.path("log"))?)
            }
        }
    }
    Ok(0)
}

#[test]
fn a_backup_that_is_killed_anywhere_is_whole_or_not_there() -> Result<()> {
    let env = settled()?;
    let dir = env.path("backup");
    let kills = killed_everywhere(&env, &["backup", text(&dir)?], 3, || {
        if !dir.exists() {
            return Ok(());
        }
        // The last call was the name's own sync: it is whole, and the next try is refused for it.
        ensure!(dir.join("backup.json").exists() && !dir.join("unfinished.lock").exists());
        fs::remove_dir_all(&dir)?;
        Ok(())
    })?;
    ensure!(kills > 10, "killed {kills} times only");
    let left: Vec<String> = fs::read_dir(env.path(""))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    ensure!(!left.iter().any(|name| name.contains("unfinished")), "{left:?}");
    lose_the_state(&env, "state.old")?;
    run(&env, 0, &["restore", text(&dir)?])?;
    Ok(())
}

const RESTORES: &str = "SELECT count(*) FROM audit_actions WHERE action = 'restore'";

#[test]
fn a_restore_that_is_killed_anywhere_is_no_ledger_until_it_is_done_again() -> Result<()> {
    let env = settled()?;
    let backup = back_up(&env, "backup")?;
    lose_the_state(&env, "state.old")?;
    let mut refused = 0;
    let kills = killed_everywhere(&env, &["restore", text(&backup)?], 3, || {
        if env.path("state/ledger.restoring").exists() {
            let told = run(&env, 2, &["run", "--once"])?;
            ensure!(told.stderr.contains("was cut off"), "{told:?}");
            run(&env, 2, &["status"])?;
            refused += 1;
        } else if env.ledger().exists() {
            // The last call was the sync of the mark's removal.
            run(&env, 0, &["ledger", "verify"])?;
            assert_eq!(rows(&env, RESTORES)?, ["1"]);
            fs::remove_dir_all(env.path("state"))?;
        } else {
            ensure!(!env.path("state/registry.db").exists());
        }
        Ok(())
    })?;
    ensure!(kills > 10 && refused > 5, "killed {kills} times, refused {refused} times");
    run(&env, 0, &["ledger", "verify"])?;
    assert_eq!(rows(&env, RESTORES)?, ["1"]);
    env.drop_file(CONTOSO, "more.csv", csv(&["5"]))?;
    run(&env, 0, &["run", "--once"])?;
    Ok(())
}

/// The commands of the operator's guide, in its order.
fn guide() -> Result<Vec<String>> {
    let guide = include_str!("../../docs/operating.md");
    let (_, backup) = guide.split_once("\n## Backup\n").context("a chapter on backups")?;
    let blocks = backup.split("```\n").skip(1).step_by(2);
    Ok(blocks.flat_map(str::lines).map(str::to_owned).collect())
}

#[test]
fn the_procedure_of_the_guide_works_as_it_stands_there() -> Result<()> {
    let env = settled()?;
    let user = std::process::Command::new("id").arg("-un").output()?.stdout;
    let user = String::from_utf8(user)?.trim().to_owned();
    let here = env.path("").display().to_string();
    fs::create_dir(env.path("backup"))?;
    let daemon = start(&env)?;
    let commands = guide()?;
    ensure!(commands.len() == 5, "{commands:?}");
    let mut daemon = Some(daemon);
    for command in commands {
        // Its folders are the system's; ours lie here. The daemon is stopped where the guide says so.
        if command.starts_with("mv ") {
            stop(daemon.take().context("one stop")?)?;
            fs::remove_file(env.config())?;
        }
        let line = command
            .replace("/var/lib/devicedrop", &format!("{here}state"))
            .replace("/etc/devicedrop/", &here)
            .replace("/backup/", &format!("{here}backup/"))
            .replace("$(date +%F)", "2026-11-22")
            .replace("-o devicedrop -g devicedrop", &format!("-o {user}"));
        let mut shell = env.command_of("/bin/sh");
        let bin = Path::new(env!("CARGO_BIN_EXE_devicedrop")).parent().context("a folder")?;
        shell.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        let output = shell.args(["-ec", &line]).output()?;
        ensure!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    run(&env, 0, &["run", "--once"])?;
    assert_eq!(rows(&env, RESTORES)?, ["1"]);
    Ok(())
}
