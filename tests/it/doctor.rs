//! `doctor` in places where one thing is broken each.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::{TestEnv, WATCHDOG};
use devicedrop_testkit::meddle::NOBODY;
use devicedrop_testkit::process::Output;
use serde_json::Value;

use crate::disks::{Mounted, may_mount};
use crate::scene::{CONTOSO, csv, env, run_once, start, stop};

/// A place in which a file was registered, as it is meant to be.
fn place() -> Result<TestEnv> {
    let env = env()?;
    env.drop_file(CONTOSO, "a.csv", csv(&["A1"]))?;
    mode(&env.root(), 0o755)?;
    mode(&contoso(&env), 0o2770)?;
    run_once(&env)?;
    Ok(env)
}

fn contoso(env: &TestEnv) -> PathBuf {
    env.root().join(CONTOSO)
}

fn mode(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

/// What it finds, each as `rank subject: found`.
fn findings(output: &Output) -> Result<Vec<String>> {
    let found = |line: &str| -> Result<String> {
        let finding: Value = serde_json::from_str(line)?;
        let text = |key: &str| finding[key].as_str().map(str::to_owned).with_context(|| format!("{key} in {line}"));
        let rank = if finding["looked"] == true { text("rank")? } else { "unseen".to_owned() };
        ensure!(rank == "good" || finding.get("remedy").is_some(), "{line}");
        Ok(format!("{rank} {}: {}", text("subject")?, text("found")?))
    };
    output.stdout.lines().map(found).collect()
}

/// Expects that it finds this, which begins and ends so, and ends with this code.
fn expect(output: &Output, code: i32, begins: &str, holds: &str) -> Result<()> {
    let found = findings(output)?;
    let seen = found.iter().any(|finding| finding.starts_with(begins) && finding.contains(holds));
    ensure!(seen, "{begins} ... {holds} isn't among:\n{}\n{}", found.join("\n"), output.stderr);
    ensure!(output.code == Some(code), "it ended with {:?}:\n{}", output.code, found.join("\n"));
    Ok(())
}

fn doctor(env: &TestEnv) -> Result<Output> {
    env.run(&["doctor", "--json"])
}

#[test]
fn a_sound_place_is_told_to_be_one_with_a_daemon_and_without_and_nothing_is_left_in_it() -> Result<()> {
    let env = place()?;
    let before = fs::read_dir(contoso(&env))?.count();
    let output = doctor(&env)?;
    expect(&output, 0, "care daemon: it doesn't run", "")?;
    expect(&output, 0, "good ledger: ", "opens: schema ")?;
    expect(&output, 0, "good registrar: embedded: registry: ", "opens")?;
    let daemon = start(&env)?;
    let output = doctor(&env)?;
    expect(&output, 0, "good daemon: version", &format!("process {}", daemon.pid()))?;
    expect(&output, 0, "good drop folder: ", "mode 2770")?;
    let told = env.run(&["doctor"])?;
    ensure!(told.code == Some(0) && told.stdout.contains("\nnothing hurts"), "{}", told.stdout);
    stop(daemon)?;
    assert_eq!(fs::read_dir(contoso(&env))?.count(), before);
    Ok(())
}

#[test]
fn a_place_without_a_ledger_is_looked_at_all_the_same() -> Result<()> {
    let env = env()?;
    fs::create_dir(contoso(&env))?;
    mode(&env.root(), 0o755)?;
    let output = doctor(&env)?;
    expect(&output, 0, "care ledger: there is none yet", "")?;
    ensure!(!env.ledger().exists(), "it made one");
    Ok(())
}

#[test]
fn folders_that_are_links_or_open_to_all_are_named() -> Result<()> {
    let mut env = place()?;
    mode(&env.root(), 0o777)?;
    expect(&doctor(&env)?, 1, "bad root: ", "everybody may write there")?;
    mode(&env.root(), 0o755)?;
    env.set("drop.customers", "\"configured\"")?.set("customers.contoso.name", "\"Contoso\"")?;
    fs::create_dir(env.root().join("old"))?;
    expect(&doctor(&env)?, 0, "care stranger: the folder old ", "belongs to no customer")?;
    fs::rename(contoso(&env), env.path("elsewhere"))?;
    expect(&doctor(&env)?, 1, "bad drop folder: ", "isn't there")?;
    symlink(env.path("elsewhere"), contoso(&env))?;
    expect(&doctor(&env)?, 1, "bad drop folder: ", "is a link or no folder")
}

#[test]
fn a_record_in_memory_or_a_folder_that_cannot_be_written_to_is_named() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let env = env()?;
    fs::create_dir(contoso(&env))?;
    mode(&env.root(), 0o755)?;
    let disk = Mounted::tmpfs(&env.path("state"), "size=80m,mode=0750")?;
    run_once(&env)?;
    expect(&doctor(&env)?, 1, "bad ledger's folder: ", "lies in memory (tmpfs)")?;
    drop(disk);
    let drop_folder = Mounted::tmpfs(&contoso(&env), "size=1m,mode=0770,ro")?;
    let output = doctor(&env)?;
    expect(&output, 1, "bad drop folder: ", "mounted for reading only")?;
    expect(&output, 1, "care drop folder: ", "lies in memory")?;
    drop(drop_folder);
    let drop_folder = Mounted::tmpfs(&contoso(&env), "size=1m,nr_inodes=1,mode=0770")?;
    expect(&doctor(&env)?, 1, "bad drop folder: ", "can't make, rename and remove a file")?;
    drop(drop_folder);
    Ok(())
}

#[test]
fn limits_space_keys_and_schemas_that_would_hurt_are_named() -> Result<()> {
    let mut env = place()?;
    let program = env!("CARGO_BIN_EXE_devicedrop");
    let limited = Output::of(env.command_of("prlimit").args(["--nofile=64", program, "doctor", "--json"]), WATCHDOG)?;
    expect(&limited, 1, "bad open files: 64 ", "")?;
    env.set("drop.reserve", "\"900TiB\"")?;
    expect(&doctor(&env)?, 1, "bad space: ", " free")?;
    env.set("drop.reserve", "\"1MiB\"")?;
    let key = env.path("key");
    env.set("ledger.signing_key_file", &format!("{key:?}"))?;
    expect(&doctor(&env)?, 1, "bad signing key: ", "isn't there")?;
    fs::write(&key, "nonsense\n")?;
    mode(&key, 0o644)?;
    let output = doctor(&env)?;
    expect(&output, 1, "bad signing key: ", "has the mode 0644")?;
    expect(&output, 1, "bad signing key: ", "holds no signing key")?;
    env.unset("ledger.signing_key_file")?;
    mode(&env.ledger(), 0o644)?;
    expect(&doctor(&env)?, 0, "care ledger: ", "has the mode 0644")?;
    rusqlite::Connection::open(env.ledger())?.execute_batch("PRAGMA user_version = 99")?;
    expect(&doctor(&env)?, 1, "bad ledger: ", "doesn't open")?;
    fs::rename(env.ledger(), env.path("state/other.db"))?;
    symlink(env.path("state/other.db"), env.ledger())?;
    expect(&doctor(&env)?, 1, "bad ledger: ", "is a link")
}

#[test]
fn a_clock_behind_the_record_is_named() -> Result<()> {
    let env = place()?;
    let ledger = rusqlite::Connection::open(env.ledger())?;
    // What no tool may do: the last block says that it was made in ten years.
    let guards: Vec<String> = ledger
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'block'")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for guard in guards {
        ledger.execute_batch(&format!("DROP TRIGGER \"{guard}\""))?;
    }
    ledger.execute_batch("UPDATE block SET at = at + 315360000000 WHERE number = (SELECT max(number) FROM block)")?;
    drop(ledger);
    expect(&doctor(&env)?, 1, "bad clock: it shows ", "and the last entry on record is of ")
}

/// The program where everybody may run it, whatever is above the folder that it was built in.
fn for_all(env: &TestEnv) -> Result<PathBuf> {
    let program = env.path("program");
    fs::copy(env!("CARGO_BIN_EXE_devicedrop"), &program)?;
    mode(&program, 0o755)?;
    mode(&env.path(""), 0o755)?;
    Ok(program)
}

fn give(path: &Path, user: u32) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), user)?;
        }
    }
    Ok(lchown(path, Some(user), Some(user))?)
}

#[test]
fn root_looks_as_the_ledgers_owner_and_sees_what_he_may_not_do() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let env = place()?;
    let program = for_all(&env)?;
    give(&env.path("state"), NOBODY)?;
    mode(&env.path("state"), 0o750)?;
    let look = || Output::of(env.command_of(&program).args(["doctor", "--json"]), WATCHDOG);
    mode(&contoso(&env), 0o755)?;
    let output = look()?;
    expect(&output, 1, "good user: looked as nobody", "")?;
    expect(&output, 1, "bad drop folder: nobody can't make, rename and remove a file in ", "Permission denied")?;
    mode(&contoso(&env), 0o700)?;
    expect(&look()?, 1, "bad drop folder: ", "may not be looked into")?;
    lchown(contoso(&env), Some(NOBODY), Some(NOBODY))?;
    expect(&look()?, 0, "good drop folder: ", "mode 0700")?;
    expect(&look()?, 0, "care leases: ", "of its own files alone")
}

#[test]
fn a_stranger_is_told_what_could_not_be_looked_at() -> Result<()> {
    if !may_mount() {
        return Ok(());
    }
    let env = place()?;
    let program = for_all(&env)?;
    let user = NOBODY.to_string();
    let mut command = env.command_of("setpriv");
    command.args(["--reuid", &user, "--regid", &user, "--clear-groups", "--"]).arg(program);
    lchown(contoso(&env), Some(NOBODY), Some(NOBODY))?;
    expect(&Output::of(command.args(["doctor", "--json"]), WATCHDOG)?, 2, "unseen ledger: ", "may not be read")
}
