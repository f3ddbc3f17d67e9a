//! What an auditor does with the built program: verification, checkpoints, keys.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use devicedrop_testkit::env::TestEnv;
use serde_json::Value;

use crate::scene::{CONTOSO, csv, env, run_once};

/// A place where one file was taken and answered.
fn settled() -> Result<TestEnv> {
    let env = env()?;
    env.drop_file(CONTOSO, "devices.csv", csv(&["1", "2"]))?;
    run_once(&env)?;
    Ok(env)
}

fn verified(env: &TestEnv, words: &[&str]) -> Result<(Option<i32>, Value)> {
    let told = env.run(&[&["ledger", "verify", "--json"], words].concat())?;
    let report = serde_json::from_str(&told.stdout).with_context(|| format!("{told:?}"))?;
    Ok((told.code, report))
}

/// The archived copy of the one file, which its name gives away.
fn copy_of_the_file(env: &TestEnv) -> Result<PathBuf> {
    let sha256 = env.query("SELECT sha256 FROM audit_submissions")?;
    let sha256 = sha256.first().and_then(|row| row.first()).and_then(Value::as_str).context("a hash")?.to_owned();
    Ok(env.ledger().with_file_name("originals").join(sha256.get(..2).context("a hash")?).join(sha256))
}

#[test]
fn an_untouched_ledger_is_sound_and_says_what_it_cannot_tell() -> Result<()> {
    let env = settled()?;
    let told = env.run(&["ledger", "verify"])?;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.contains("Nothing was found that isn't as it was."), "{told:?}");
    assert!(told.stdout.contains("Without a checkpoint that was kept elsewhere"), "{told:?}");
    let (code, report) = verified(&env, &[])?;
    assert_eq!((code, &report["sound"], &report["originals"]), (Some(0), &Value::Bool(true), &Value::from(1)));
    Ok(())
}

#[test]
fn originals_are_read_again_by_the_headings_of_their_time() -> Result<()> {
    let mut env = settled()?;
    let theirs = r#"{ "Manufacturer" = "Hersteller", "Model" = "Modell", "Serial Number" = "Nummer" }"#;
    env.set("customers.contoso.columns", theirs)?;
    env.drop_file(
        CONTOSO,
        "erp.csv",
        "Nummer;Modell;Hersteller\n7;ContosoABC;SpiralOrbit\n;ContosoABC;SpiralOrbit\n",
    )?;
    run_once(&env)?;
    env.unset("customers.contoso.columns")?;
    env.drop_file(CONTOSO, "later.csv", csv(&["3"]))?;
    run_once(&env)?;
    let actions = "SELECT subject, reason FROM audit_actions WHERE action = 'use_columns' ORDER BY seq";
    let actions = crate::scene::rows(&env, actions)?;
    let mapping = r#"{"Manufacturer":"Hersteller","Model":"Modell","Serial Number":"Nummer"}"#;
    assert_eq!(actions, [format!("customer contoso|{mapping}"), "customer contoso|{}".to_owned()]);
    let (code, report) = verified(&env, &["--originals"])?;
    assert_eq!((code, &report["rows_read_again"]), (Some(0), &Value::from(5)), "{report}");
    Ok(())
}

#[test]
fn a_changed_or_missing_original_is_named() -> Result<()> {
    let env = settled()?;
    let copy = copy_of_the_file(&env)?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600))?;
    fs::write(&copy, "Manufacturer,Model,Serial Number\nSpiralOrbit,ContosoABC,3\n")?;
    let (code, report) = verified(&env, &[])?;
    assert_eq!(code, Some(1));
    assert!(report["found"][0].as_str().is_some_and(|found| found.ends_with("was changed")), "{report}");
    fs::remove_file(&copy)?;
    let (code, report) = verified(&env, &[])?;
    assert_eq!(code, Some(1));
    assert!(report["found"][0].as_str().is_some_and(|found| found.contains("is gone")), "{report}");
    Ok(())
}

#[test]
fn an_original_that_was_given_up_as_the_record_says_is_not_missed() -> Result<()> {
    let mut env = env()?;
    env.set("ledger.keep_originals", "false")?;
    env.drop_file(CONTOSO, "devices.csv", csv(&["1"]))?;
    run_once(&env)?;
    assert!(!copy_of_the_file(&env)?.exists());
    let (code, report) = verified(&env, &[])?;
    assert_eq!((code, &report["originals_removed"]), (Some(0), &Value::from(1)), "{report}");
    Ok(())
}

#[test]
fn a_shortened_ledger_shows_against_a_signed_checkpoint_that_was_kept() -> Result<()> {
    let mut env = settled()?;
    let key = env.path("ledger.key").display().to_string();
    let public = env.run(&["ledger", "keygen", &key, "--name", "example.com/ledger"])?;
    assert_eq!(public.code, Some(0), "{public:?}");
    assert_eq!(fs::metadata(&key)?.permissions().mode() & 0o777, 0o400);
    let again = env.run(&["ledger", "keygen", &key, "--name", "example.com/ledger"])?;
    assert_eq!(again.code, Some(2), "a key is never replaced");
    env.set("ledger.signing_key_file", &format!("{key:?}"))?;

    let older = fs::read(env.ledger())?;
    env.drop_file(CONTOSO, "later.csv", csv(&["3"]))?;
    run_once(&env)?;
    let kept = env.path("kept.checkpoint");
    fs::write(&kept, env.run(&["ledger", "checkpoint"])?.stdout)?;
    let kept = kept.display().to_string();
    let with_key = ["--checkpoint", &kept, "--key", public.stdout.trim_end()];
    let (code, report) = verified(&env, &with_key)?;
    assert_eq!((code, &report["checkpoints"]), (Some(0), &Value::from(1)), "{report}");

    fs::write(env.ledger(), older)?;
    for suffix in ["-wal", "-shm"] {
        let beside = PathBuf::from(format!("{}{suffix}", env.ledger().display()));
        fs::remove_file(beside).unwrap_or_default();
    }
    // Whoever cuts the record off takes what lies beside it away too.
    fs::remove_dir_all(env.path("state/checkpoints"))?;
    assert_eq!(verified(&env, &[])?.0, Some(0), "in itself it is sound");
    let (code, report) = verified(&env, &with_key)?;
    assert_eq!(code, Some(1));
    assert!(report["found"][0].as_str().is_some_and(|found| found.contains("its end was cut off")), "{report}");
    Ok(())
}

#[test]
fn a_checkpoint_that_the_key_did_not_sign_is_not_believed() -> Result<()> {
    let mut env = settled()?;
    let key = env.path("a.key").display().to_string();
    let ours = env.run(&["ledger", "keygen", &key, "--name", "a"])?;
    assert_eq!(ours.code, Some(0), "{ours:?}");
    let other = env.run(&["ledger", "keygen", &env.path("b.key").display().to_string(), "--name", "a"])?;
    env.set("ledger.signing_key_file", &format!("{key:?}"))?;
    let kept = env.path("kept.checkpoint");
    fs::write(&kept, env.run(&["ledger", "checkpoint"])?.stdout)?;
    let told = env.run(&[
        "ledger",
        "verify",
        "--checkpoint",
        &kept.display().to_string(),
        "--key",
        other.stdout.trim_end(),
    ])?;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.stderr.contains("none of the keys given has signed it"), "{told:?}");
    assert!(!told.stderr.contains("PRIVATE"), "{told:?}");
    Ok(())
}

/// The checkpoints that lie beside the ledger.
fn kept_here(env: &TestEnv) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(env.path("state/checkpoints"))?.map(|entry| Ok(entry?.path()));
    let mut paths = listed.collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[test]
fn a_checkpoint_is_kept_at_each_orderly_stop_and_compared() -> Result<()> {
    let mut env = settled()?;
    let key = env.path("ledger.key").display().to_string();
    ensure!(env.run(&["ledger", "keygen", &key, "--name", "example.com/ledger"])?.code == Some(0), "a key");
    env.set("ledger.signing_key_file", &format!("{key:?}"))?;
    run_once(&env)?;
    let kept = kept_here(&env)?;
    ensure!(kept.len() == 2, "{kept:?}");
    ensure!(fs::metadata(&kept[0])?.permissions().mode() & 0o777 == 0o640, "closed to others");
    let said = env.run(&["ledger", "checkpoint"])?.stdout;
    let stable = |text: &str| text.lines().take(5).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(stable(&fs::read_to_string(&kept[1])?), stable(&said), "it saw all there is, the stop too");
    let told = env.run(&["ledger", "verify"])?;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.contains("; of those kept on this machine 2"), "{told:?}");
    assert!(told.stdout.contains("Without a checkpoint that was kept elsewhere"), "{told:?}");
    assert!(told.stdout.contains("Those kept on this machine prove little"), "{told:?}");

    // One that isn't what the key signed.
    let text = fs::read_to_string(&kept[1])?;
    fs::write(&kept[1], text.replace("\nepoch 1\n", "\nepoch 2\n"))?;
    let (code, report) = verified(&env, &[])?;
    assert_eq!(code, Some(1), "{report}");
    let found: Vec<&str> = report["found"].as_array().context("found")?.iter().filter_map(Value::as_str).collect();
    assert!(found[0].contains("says 2 for the epoch; the record gives 1"), "{report}");
    assert!(found[1].ends_with("has a signature that isn't by the key that it names"), "{report}");
    fs::write(&kept[1], "nonsense\n")?;
    let (code, report) = verified(&env, &[])?;
    assert_eq!(code, Some(1), "{report}");
    fs::remove_dir_all(env.path("state/checkpoints"))?;
    let (code, report) = verified(&env, &[])?;
    assert_eq!((code, &report["checkpoints_here"]), (Some(0), &Value::from(0)), "{report}");
    Ok(())
}

#[test]
fn a_record_that_was_cut_off_is_shorter_than_the_checkpoint_beside_it() -> Result<()> {
    let env = settled()?;
    let older = fs::read(env.ledger())?;
    run_once(&env)?;
    fs::write(env.ledger(), older)?;
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(format!("{}{suffix}", env.ledger().display())).unwrap_or_default();
    }
    let (code, report) = verified(&env, &[])?;
    assert_eq!(code, Some(1), "{report}");
    Ok(())
}

#[test]
fn checkpoints_are_made_while_the_record_grows_and_told_in_the_log() -> Result<()> {
    let mut env = env()?;
    env.set("ledger.checkpoint_every", "\"1s\"")?;
    let mut daemon = crate::scene::start(&env)?;
    let first = daemon.wait_for_message("checkpoint")?;
    let (blocks, path) = (first.field("blocks").cloned(), first.field("path").and_then(Value::as_str));
    let kept = fs::read_to_string(path.context("its path")?)?;
    let mut lines = kept.lines().skip(1).map(str::to_owned);
    assert_eq!(lines.next(), blocks.map(|blocks| blocks.to_string()));
    assert_eq!(lines.next().as_deref(), first.field("root").and_then(Value::as_str));
    env.drop_file(CONTOSO, "devices.csv", csv(&["1"]))?;
    daemon.wait_for("a later checkpoint", |line| {
        line.message() == "checkpoint" && line.field("blocks") != first.field("blocks")
    })?;
    crate::scene::stop(daemon)
}
