//! Receipts: that they come with the results, hold without the ledger, and are owed like them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use devicedrop::proof::receipt::Receipt;
use devicedrop::step::Step;
use devicedrop_core::device::Sha256;
use devicedrop_testkit::env::TestEnv;
use devicedrop_testkit::process::Daemon;
use devicedrop_testkit::under_test::KillAt;

use crate::proofs::{checker, elsewhere, with_key};
use crate::scene::{CONTOSO, csv, env, rows, start, stop, wait_for_rows};

const RESULTS: &str = "SELECT final FROM audit_results ORDER BY seq";

/// A place where receipts are written.
fn receipted() -> Result<TestEnv> {
    let mut env = env()?;
    env.set("results.receipts", "true")?;
    Ok(env)
}

fn once(env: &TestEnv) -> Result<()> {
    let run = env.run(&["run", "--once"])?;
    ensure!(matches!(run.code, Some(0 | 1)), "{run:?}");
    Ok(())
}

fn receipt(path: &Path) -> Result<Receipt> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let receipt: Receipt = serde_json::from_str(&text)?;
    receipt.check()?;
    Ok(receipt)
}

/// That a receipt names what lies in the drop folder now.
fn names_what_lies_there(env: &TestEnv, receipt: &Receipt) -> Result<()> {
    let folder = env.root().join(&receipt.customer);
    let hash = |name: &str| -> Result<String> { Ok(Sha256::of(&fs::read(folder.join(name))?).to_string()) };
    assert_eq!(receipt.result_sha256, hash(&receipt.result)?);
    assert_eq!(receipt.sha256, Some(hash(&receipt.file)?));
    Ok(())
}

#[test]
fn every_result_gets_a_receipt_that_holds_elsewhere() -> Result<()> {
    let mut env = receipted()?;
    let key = with_key(&mut env)?;
    env.set("results.mode", "\"0640\"")?;
    let two = csv(&["1", "2"]) + "SpiralOrbit,ContosoABC,\nSpiralOrbit,ContosoABC,1\n";
    env.drop_file(CONTOSO, "PO-1/A.CSV", two)?;
    env.drop_file("fabrikam", "rejected.csv", "Name,Street\nAnn,Lane 1\n")?;
    once(&env)?;
    let paths = ["contoso/PO-1/A.receipt.json", "fabrikam/rejected.receipt.json"].map(|name| env.root().join(name));
    for path in &paths {
        names_what_lies_there(&env, &receipt(path)?)?;
        assert_eq!(fs::metadata(path)?.mode() & 0o777, 0o640);
        let (code, said) = elsewhere(path, &key)?;
        assert_eq!(code, Some(0), "{said}");
        let (holds, said) = checker(&["proof", &path.display().to_string(), "--key", &key])?;
        assert!(holds, "{said}");
        let here = env.run(&["ledger", "verify", "--receipt", &path.display().to_string(), "--key", &key])?;
        assert_eq!(here.code, Some(0), "{here:?}");
    }
    let accepted = receipt(&paths[0])?;
    assert_eq!((accepted.customer.as_str(), accepted.file.as_str()), (CONTOSO, "PO-1/A.CSV"));
    assert_eq!((accepted.result.as_str(), accepted.order_id.as_deref()), ("PO-1/A.result.CSV", Some("PO-1")));
    let Receipt { rows: all, pending, ready, failed, already, is_final, .. } = accepted;
    assert_eq!((all, pending, ready, failed, already, is_final), (4, 0, 3, 1, 1, true));
    let ranges = "SELECT min(registration_id), max(registration_id) FROM audit_registrations";
    let ranges = rows(&env, ranges)?;
    assert_eq!(
        accepted.registrations.iter().map(|[first, last]| format!("{first}|{last}")).collect::<Vec<_>>(),
        ranges
    );
    let rejected = receipt(&paths[1])?;
    assert_eq!((rejected.rows, rejected.failed, rejected.is_final), (0, 0, true));
    Ok(())
}

#[test]
fn a_result_that_was_changed_is_found_by_its_receipt() -> Result<()> {
    let mut env = receipted()?;
    let key = with_key(&mut env)?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    once(&env)?;
    let result = path.with_file_name("a.result.csv");
    let text = fs::read_to_string(&result)?;
    fs::write(&result, text.replace("Ready for user", "Registration failed"))?;
    let (code, said) = elsewhere(&path.with_file_name("a.receipt.json"), &key)?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("a.result.csv beside it isn't the result file that it names"), "{said}");
    Ok(())
}

#[test]
fn killed_between_result_and_receipt() -> Result<()> {
    let env = receipted()?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let kill = KillAt { step: Step::ReceiptDue, passing: 1 };
    crate::daemon()?.embedded(&env, Some(kill))?.killed()?;
    let receipt_path = path.with_file_name("a.receipt.json");
    ensure!(path.with_file_name("a.result.csv").exists() && !receipt_path.exists(), "killed between the two");
    ensure!(rows(&env, RESULTS)? == ["1"], "the result is on record");
    once(&env)?;
    names_what_lies_there(&env, &receipt(&receipt_path)?)
}

/// A daemon whose registrar can't be reached until what is returned with it is dropped.
fn out_of_reach(env: &TestEnv) -> Result<(Daemon, rusqlite::Connection)> {
    once(env)?;
    let blocker = rusqlite::Connection::open(env.path("state/registry.db"))?;
    blocker.execute_batch("BEGIN IMMEDIATE")?;
    Ok((start(env)?, blocker))
}

#[test]
fn while_rows_are_pending_it_says_so() -> Result<()> {
    let env = receipted()?;
    let (mut daemon, blocker) = out_of_reach(&env)?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1", "2"]))?.with_file_name("a.receipt.json");
    let first = daemon.wait_until("a first receipt", || Ok(receipt(&path).ok()))?;
    assert_eq!((first.rows, first.pending, first.ready, first.is_final), (2, 2, 0, false));
    drop(blocker);
    let last = daemon.wait_until("the final one", || Ok(receipt(&path).ok().filter(|receipt| receipt.is_final)))?;
    assert_eq!((last.pending, last.ready), (0, 2));
    names_what_lies_there(&env, &last)?;
    assert_eq!(rows(&env, RESULTS)?, ["0", "1"]);
    assert_eq!(names_of_receipts(&env.root().join(CONTOSO))?, ["a.receipt.json"]);
    stop(daemon)
}

/// The same for a content that lies there no longer; its receipt and its result have one name but for their ends.
fn names_its_result(env: &TestEnv, name: &str) -> Result<()> {
    let folder = env.root().join(CONTOSO);
    let receipt = receipt(&folder.join(name))?;
    assert_eq!(receipt.result.replace(".result.csv", ".receipt.json"), name);
    assert_eq!(receipt.result_sha256, Sha256::of(&fs::read(folder.join(&receipt.result))?).to_string());
    Ok(())
}

fn names_of_receipts(folder: &Path) -> Result<Vec<String>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: Vec<String> = names.collect::<Result<_>>()?;
    let mut names: Vec<String> = names.into_iter().filter(|name| name.contains("receipt")).collect();
    names.sort();
    Ok(names)
}

#[test]
fn what_is_not_ours_at_its_name_is_left_alone() -> Result<()> {
    let env = receipted()?;
    let theirs = env.write_file(CONTOSO, "a.receipt.json", "the sender's own\n")?;
    let target = env.path("somebody's file");
    fs::write(&target, "theirs\n")?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let linked = env.drop_file(CONTOSO, "b.csv", csv(&["2"]))?.with_file_name("b.receipt.json");
    symlink(&target, &linked)?;
    for name in ["same.csv", "same.CSV"] {
        env.drop_file(CONTOSO, name, csv(&[name]))?;
    }
    let long = format!("{}.csv", "x".repeat(245));
    env.drop_file("long", &long, csv(&["long"]))?;
    once(&env)?;
    assert_eq!(fs::read_to_string(theirs)?, "the sender's own\n");
    assert_eq!((fs::read_to_string(&target)?, fs::read_link(&linked)?), ("theirs\n".to_owned(), target));
    let folder = env.root().join(CONTOSO);
    let names = names_of_receipts(&folder)?;
    let expected = [
        "a.receipt-2.json",
        "a.receipt.json",
        "b.receipt-2.json",
        "b.receipt.json",
        "same.receipt-2.json",
        "same.receipt.json",
    ];
    assert_eq!(names, expected);
    for name in ["a.receipt-2.json", "b.receipt-2.json", "same.receipt-2.json", "same.receipt.json"] {
        names_what_lies_there(&env, &receipt(&folder.join(name))?)?;
    }
    let names = names_of_receipts(&env.root().join("long"))?;
    ensure!(matches!(names.as_slice(), [name] if name.len() == 200 + 9 + 13 && name.starts_with("xxx")), "{names:?}");
    Ok(())
}

#[test]
fn one_that_cannot_be_written_is_owed_and_the_record_does_not_grow_by_that() -> Result<()> {
    let env = receipted()?;
    let taken: Vec<PathBuf> = (1..=99)
        .map(|number| match number {
            1 => env.write_file(CONTOSO, "a.receipt.json", "theirs"),
            number => env.write_file(CONTOSO, &format!("a.receipt-{number}.json"), "theirs"),
        })
        .collect::<Result<_>>()?;
    env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    let mut daemon = start(&env)?;
    let result = env.root().join(CONTOSO).join("a.result.csv");
    let mut written = BTreeSet::new();
    daemon.wait_until("the result written anew with each try", || {
        written.extend(fs::metadata(&result).ok().map(|result| (result.mtime(), result.mtime_nsec())));
        Ok((written.len() >= 3).then_some(()))
    })?;
    let owed = env.run(&["status"])?.stdout;
    ensure!(owed.contains("a.receipt-99.json is taken"), "{owed}");
    ensure!(rows(&env, RESULTS)? == ["1"], "the result is on record once");
    fs::remove_file(&taken[6])?;
    wait_for_rows(&env, &mut daemon, "SELECT count(*) FROM owed", &["0"])?;
    names_what_lies_there(&env, &receipt(&taken[6])?)?;
    ensure!(rows(&env, RESULTS)? == ["1"], "the result is on record once");
    stop(daemon)
}

#[test]
fn a_result_that_is_asked_for_gets_one_too() -> Result<()> {
    let mut env = env()?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    once(&env)?;
    ensure!(names_of_receipts(&env.root().join(CONTOSO))?.is_empty(), "nobody asked for receipts");
    env.set("results.receipts", "true")?;
    let told = env.run(&["result", &path.display().to_string()])?;
    ensure!(told.code == Some(0), "{told:?}");
    names_what_lies_there(&env, &receipt(&path.with_file_name("a.receipt.json"))?)
}

#[test]
fn a_content_that_was_replaced_gets_one_under_its_own_name() -> Result<()> {
    let env = receipted()?;
    let (mut daemon, blocker) = out_of_reach(&env)?;
    let path = env.drop_file(CONTOSO, "a.csv", csv(&["1"]))?;
    daemon.wait_until("a first receipt", || Ok(receipt(&path.with_file_name("a.receipt.json")).ok()))?;
    env.drop_file(CONTOSO, "a.csv", csv(&["2"]))?;
    wait_for_rows(&env, &mut daemon, "SELECT count(*) FROM audit_submissions", &["2"])?;
    drop(blocker);
    let sql = "SELECT count(*) FROM audit_results WHERE final = 1";
    wait_for_rows(&env, &mut daemon, sql, &["2"])?;
    wait_for_rows(&env, &mut daemon, "SELECT count(*) FROM owed", &["0"])?;
    let names = names_of_receipts(&env.root().join(CONTOSO))?;
    let [older, newest] = names.as_slice() else { anyhow::bail!("{names:?}") };
    assert_eq!(newest, "a.receipt.json");
    names_its_result(&env, older)?;
    names_what_lies_there(&env, &receipt(&path.with_file_name(newest))?)?;
    stop(daemon)
}

#[test]
fn one_that_was_moved_with_its_file_is_ours_there_too() -> Result<()> {
    let env = receipted()?;
    env.drop_file(CONTOSO, "before/a.csv", csv(&["1"]))?;
    once(&env)?;
    let folder = env.root().join(CONTOSO);
    fs::rename(folder.join("before"), folder.join("after"))?;
    once(&env)?;
    assert_eq!(names_of_receipts(&folder.join("after"))?, ["a.receipt.json"]);
    let moved = receipt(&folder.join("after/a.receipt.json"))?;
    assert_eq!((moved.file.as_str(), moved.result.as_str()), ("after/a.csv", "after/a.result.csv"));
    names_what_lies_there(&env, &moved)
}

#[test]
fn without_its_signing_key_it_does_not_start() -> Result<()> {
    let mut env = env()?;
    for (text, why) in [(None, "No such file"), (Some("no key\n"), "it holds no signing key")] {
        let key = env.path("ledger.key");
        if let Some(text) = text {
            fs::write(&key, text)?;
        }
        env.set("ledger.signing_key_file", &format!("{:?}", key.display().to_string()))?;
        let run = env.run(&["run", "--once"])?;
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains("the signing key") && run.stderr.contains(why), "{run:?}");
        assert!(!run.stderr.contains("no key"), "what is in it isn't told: {run:?}");
    }
    Ok(())
}
