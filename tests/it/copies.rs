//! Snapshots and exports: what auditors take with them, made while the daemon works, and read without it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Output;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::scene::{CONTOSO, csv, env, run_once, start, stop, wait_for_rows};

/// A ledger with something in each view that matters here.
fn settled() -> Result<TestEnv> {
    let env = env()?;
    env.drop_file(CONTOSO, "devices.csv", csv(&["1", "2"]))?;
    env.drop_file(CONTOSO, "odd.csv", "Manufacturer,Model,Serial Number\n\"Say \"\"A\"\", Inc\",ü,3\n")?;
    run_once(&env)?;
    Ok(env)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

fn made(told: &Output) -> Result<Value> {
    ensure!(told.code == Some(0), "{told:?}");
    told.json()
}

fn refused(told: &Output, why: &str) -> Result<()> {
    ensure!(told.code == Some(2) && told.stderr.contains(why), "{told:?}");
    Ok(())
}

/// The names in a folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

#[test]
fn a_snapshot_made_while_the_daemon_works_is_one_file_that_anything_reads_and_that_verifies() -> Result<()> {
    let env = env()?;
    let mut daemon = start(&env)?;
    env.drop_file(CONTOSO, "devices.csv", csv(&["1", "2"]))?;
    let ready = "SELECT count(*) FROM audit_registrations WHERE state = 'ready_for_user'";
    wait_for_rows(&env, &mut daemon, ready, &["2"])?;
    let folder = env.path("elsewhere");
    fs::create_dir(&folder)?;
    let file = folder.join("auditor.db");
    let told = made(&env.run(&["ledger", "snapshot", text(&file)?, "--json"])?)?;
    assert_eq!(names(&folder)?, ["auditor.db"], "nothing else, neither a -wal nor what was written aside");
    assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o440);
    let sum = Command::new("sha256sum").arg(&file).output()?.stdout;
    ensure!(String::from_utf8(sum)?.starts_with(told["sha256"].as_str().context("a hash")?), "{told}");

    // A folder that nobody can write to, and a tool that knows nothing of us.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555))?;
    let db = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let one = |sql: &str| db.query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0));
    assert_eq!(one("PRAGMA journal_mode")?, "delete".to_owned().into());
    assert_eq!(one("PRAGMA integrity_check")?, "ok".to_owned().into());
    assert_eq!(one(ready)?, 2.into());
    assert_eq!(names(&folder)?, ["auditor.db"], "and reading leaves nothing behind");
    drop(db);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;

    stop(daemon)?;
    let kept = env.path("kept.checkpoint");
    fs::write(&kept, env.run(&["ledger", "checkpoint"])?.stdout)?;
    let told = env.run(&["ledger", "verify", "--snapshot", text(&file)?])?;
    assert_eq!(told.code, Some(0), "{told:?}");
    ensure!(told.stdout.contains("originals    left out"), "{told:?}");
    let told = env.run(&["ledger", "verify", "--snapshot", text(&file)?, "--checkpoint", text(&kept)?])?;
    assert_eq!(told.code, Some(1), "the snapshot is older than that checkpoint: {told:?}");
    Ok(())
}

#[test]
fn a_changed_snapshot_is_seen() -> Result<()> {
    let env = settled()?;
    let file = env.path("auditor.db");
    made(&env.run(&["ledger", "snapshot", text(&file)?, "--json"])?)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    Connection::open(&file)?.execute_batch(
        "DROP TRIGGER registration_kept_update; UPDATE registration SET serial_number = '9' WHERE serial_number = '1'",
    )?;
    let told = env.run(&["ledger", "verify", "--snapshot", text(&file)?])?;
    assert_eq!(told.code, Some(1), "{told:?}");
    ensure!(told.stdout.contains("registration"), "{told:?}");
    Ok(())
}

#[test]
fn a_snapshot_replaces_nothing_but_an_older_one_and_only_when_told() -> Result<()> {
    let env = settled()?;
    let file = env.path("auditor.db");
    let snapshot =
        |file: &Path, words: &[&str]| env.run(&[&["ledger", "snapshot", text(file)?, "--json"], words].concat());
    let first = made(&snapshot(&file, &[])?)?;
    refused(&snapshot(&file, &[])?, "is there already")?;
    run_once(&env)?;
    let second = made(&snapshot(&file, &["--replace"])?)?;
    ensure!(first["entries"].as_u64() < second["entries"].as_u64(), "{first} {second}");

    let before = fs::read(env.ledger())?;
    refused(&snapshot(&env.ledger(), &["--replace"])?, "is there already")?;
    assert_eq!(fs::read(env.ledger())?, before);
    let notes = env.path("notes.txt");
    fs::write(&notes, "mine")?;
    refused(&snapshot(&notes, &["--replace"])?, "no snapshot")?;
    let link = env.path("link.db");
    std::os::unix::fs::symlink(&file, &link)?;
    refused(&snapshot(&link, &["--replace"])?, "no snapshot")?;
    refused(&snapshot(&env.path("no/such/folder.db"), &[])?, "folder")?;
    let dropped = env.root().join(CONTOSO).join("auditor.db");
    refused(&snapshot(&dropped, &[])?, "lies in")?;
    refused(&env.run(&["ledger", "verify", "--snapshot", text(&env.ledger())?])?, "is no snapshot of a ledger")?;
    Ok(())
}

/// What Python's own readers make of an export, beside what the ledger's views say.
const COMPARE: &str = r#"
import csv, hashlib, json, sqlite3, sys
from pathlib import Path
folder, ledger = Path(sys.argv[1]), sqlite3.connect(f"file:{sys.argv[2]}?mode=ro", uri=True)
manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
for listed in manifest["files"]:
    content = (folder / listed["name"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == listed["sha256"] and len(content) == listed["bytes"], listed
views = sorted(name for (name,) in ledger.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'audit_%'"))
assert views == sorted({listed["view"] for listed in manifest["files"]}), views
for view in views:
    found = ledger.execute(f"SELECT * FROM {view}")
    columns = [column[0] for column in found.description]
    rows = sorted(found.fetchall(), key=repr)
    lines = [json.loads(line) for line in (folder / f"{view}.jsonl").read_text("utf-8").splitlines()]
    assert all(list(line) == columns for line in lines), view
    assert sorted((tuple(line.values()) for line in lines), key=repr) == rows, view
    with open(folder / f"{view}.csv", encoding="utf-8", newline="") as file:
        head, *records = csv.reader(file, strict=True)
    assert head == columns, view
    told = sorted(tuple("" if cell is None else str(cell) for cell in row) for row in rows)
    assert sorted(map(tuple, records)) == told, view
    assert {listed["rows"] for listed in manifest["files"] if listed["view"] == view} == {len(rows)}, view
print("same")
"#;

fn compare(export: &Path, ledger: &Path) -> Result<()> {
    let told = Command::new("python3").args(["-c", COMPARE]).args([export, ledger]).output()?;
    ensure!(String::from_utf8_lossy(&told.stdout).trim() == "same", "{told:?}");
    let sums = Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(export).output()?;
    ensure!(sums.status.success(), "{sums:?}");
    ensure!(String::from_utf8(sums.stdout)?.lines().count() == 19, "nine views, each twice, and the manifest");
    Ok(())
}

#[test]
fn an_export_holds_what_the_views_say_and_its_sums() -> Result<()> {
    let env = settled()?;
    let (dir, file) = (env.path("export"), env.path("auditor.db"));
    let told = made(&env.run(&["ledger", "export", text(&dir)?, "--json"])?)?;
    assert_eq!(told["files"].as_array().map(Vec::len), Some(18));
    compare(&dir, &env.ledger())?;

    // A snapshot's is the same, the manifest's time apart.
    made(&env.run(&["ledger", "snapshot", text(&file)?, "--json"])?)?;
    let other = env.path("of-a-snapshot");
    let of_snapshot = made(&env.run(&["ledger", "export", text(&other)?, "--snapshot", text(&file)?, "--json"])?)?;
    assert_eq!(told["files"], of_snapshot["files"]);
    compare(&other, &file)?;

    let mode = |path: PathBuf| -> Result<u32> { Ok(fs::metadata(path)?.permissions().mode() & 0o777) };
    assert_eq!((mode(dir.clone())? & 0o027, mode(dir.join("manifest.json"))? & 0o027), (0, 0), "closed to others");
    Ok(())
}

#[test]
fn an_export_replaces_nothing_and_leaves_nothing_when_it_fails() -> Result<()> {
    let env = settled()?;
    let dir = env.path("export");
    fs::create_dir(&dir)?;
    refused(&env.run(&["ledger", "export", text(&dir)?])?, "is there already")?;
    assert_eq!(names(&dir)?, Vec::<String>::new());
    let dropped = env.root().join(CONTOSO).join("export");
    refused(&env.run(&["ledger", "export", text(&dropped)?])?, "lies in")?;
    ensure!(!dropped.exists(), "its CSVs would have been taken");
    let none = env.path("none");
    refused(&env.run(&["ledger", "export", text(&none)?, "--snapshot", text(&env.ledger())?])?, "is no snapshot")?;
    ensure!(!none.exists(), "nothing was begun");
    Ok(())
}
