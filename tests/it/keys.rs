//! Signing keys that follow one another: what goes on record of it, and which checkpoints are believed then.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use devicedrop_core::signed_note::{Note, Signer};
use devicedrop_testkit::env::TestEnv;
use serde_json::Value;

use crate::scene::{CONTOSO, csv, env, rows, run_once};

/// Makes a key; returns its file and its public half.
fn keygen(env: &TestEnv, name: &str) -> Result<(PathBuf, String)> {
    let file = env.path(format!("{name}.key"));
    let told = env.run(&["ledger", "keygen", &file.display().to_string(), "--name", "example.com/ledger"])?;
    ensure!(told.code == Some(0), "{told:?}");
    Ok((file, told.stdout.trim_end().to_owned()))
}

fn configure(env: &mut TestEnv, file: &PathBuf) -> Result<()> {
    env.set("ledger.signing_key_file", &format!("{file:?}"))?;
    Ok(())
}

/// A ledger that was signed by one key and is by another now, both with their public halves.
fn replaced() -> Result<(TestEnv, [(PathBuf, String); 2])> {
    let mut env = env()?;
    let older = keygen(&env, "older")?;
    configure(&mut env, &older.0)?;
    env.drop_file(CONTOSO, "devices.csv", csv(&["1", "2"]))?;
    run_once(&env)?;
    let newer = keygen(&env, "newer")?;
    configure(&mut env, &newer.0)?;
    Ok((env, [older, newer]))
}

fn signer(file: &PathBuf) -> Result<Signer> {
    let text = fs::read_to_string(file)?;
    text.lines().next().and_then(|line| line.parse().ok()).context("a signing key")
}

/// The head of the record as it is printed, in a file.
fn checkpoint(env: &TestEnv, name: &str) -> Result<String> {
    let told = env.run(&["ledger", "checkpoint"])?;
    ensure!(told.code == Some(0), "{told:?}");
    let file = env.path(name);
    fs::write(&file, told.stdout)?;
    Ok(file.display().to_string())
}

/// The checkpoint as it would be had another key signed it.
fn signed_anew(file: &str, by: &Signer) -> Result<()> {
    let mut note: Note = fs::read_to_string(file)?.parse()?;
    note.signatures.clear();
    by.sign(&mut note);
    Ok(fs::write(file, note.to_string())?)
}

/// How verification ends, what it found first, and what it says of the keys.
fn verified(env: &TestEnv, words: &[&str]) -> Result<(Option<i32>, String, Vec<String>)> {
    let told = env.run(&[&["ledger", "verify", "--json"], words].concat())?;
    let report: Value = serde_json::from_str(&told.stdout).with_context(|| format!("{told:?}"))?;
    let keys = report["keys"].as_array().context("keys")?.iter().filter_map(Value::as_str).map(str::to_owned);
    Ok((told.code, report["found"][0].as_str().unwrap_or_default().to_owned(), keys.collect()))
}

#[test]
fn a_key_that_is_replaced_says_so_itself_and_both_are_on_record() -> Result<()> {
    let (env, [older, newer]) = replaced()?;
    let before = checkpoint_is_refused(&env)?;
    assert!(before.contains("restart the daemon"), "{before}");
    run_once(&env)?;
    let said = rows(&env, "SELECT subject, reason FROM audit_actions WHERE action = 'use_signing_key' ORDER BY seq")?;
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[0], format!("{}|", older.1));
    assert!(said[1].starts_with(&format!("{}|after {}, signed ", newer.1, older.1)), "{said:?}");
    run_once(&env)?;
    let (code, found, keys) = verified(&env, &[])?;
    assert_eq!(
        (code, found.as_str(), keys.len()),
        (Some(0), "", 2),
        "a start with the same key adds nothing: {keys:?}"
    );
    assert!(keys[1].starts_with(&newer.1) && keys[1].ends_with(", signed by the one before it"), "{keys:?}");
    // Whoever knows the older key is led to the newer one.
    let kept = checkpoint(&env, "kept.checkpoint")?;
    assert_eq!(verified(&env, &["--checkpoint", &kept, "--key", &older.1])?.0, Some(0));
    assert_eq!(verified(&env, &["--checkpoint", &kept, "--key", &newer.1])?.0, Some(0));
    assert_eq!(verified(&env, &["--checkpoint", &kept])?.0, Some(0));
    Ok(())
}

/// What is said where a new key isn't on record yet.
fn checkpoint_is_refused(env: &TestEnv) -> Result<String> {
    let told = env.run(&["ledger", "checkpoint"])?;
    ensure!(told.code == Some(2) && told.stdout.is_empty(), "{told:?}");
    Ok(told.stderr)
}

#[test]
fn a_key_that_was_replaced_signs_no_later_checkpoint() -> Result<()> {
    let (mut env, [older, newer]) = replaced()?;
    configure(&mut env, &older.0)?;
    let early = checkpoint(&env, "early.checkpoint")?;
    configure(&mut env, &newer.0)?;
    run_once(&env)?;
    let late = checkpoint(&env, "late.checkpoint")?;
    assert_eq!(verified(&env, &["--checkpoint", &early, "--key", &older.1])?.0, Some(0), "it was in force then");
    signed_anew(&late, &signer(&older.0)?)?;
    for words in [&["--checkpoint", &late][..], &["--checkpoint", &late, "--key", &older.1]] {
        let (code, found, _) = verified(&env, words)?;
        assert_eq!(code, Some(1), "{words:?}");
        assert!(found.contains("which had been replaced by another one before block"), "{found}");
    }
    Ok(())
}

#[test]
fn a_key_that_the_record_does_not_name_is_told() -> Result<()> {
    let (env, _) = replaced()?;
    run_once(&env)?;
    let kept = checkpoint(&env, "kept.checkpoint")?;
    let other = Signer::from_seed("example.com/ledger", &[7; 32])?;
    signed_anew(&kept, &other)?;
    let (code, found, _) = verified(&env, &["--checkpoint", &kept])?;
    assert_eq!(code, Some(1));
    assert!(found.ends_with("is signed by none of the keys that the record names"), "{found}");
    Ok(())
}

#[test]
fn a_key_that_is_lost_is_replaced_without_its_word() -> Result<()> {
    let (mut env, [older, _]) = replaced()?;
    env.unset("ledger.signing_key_file")?;
    run_once(&env)?;
    let third = keygen(&env, "third")?;
    configure(&mut env, &third.0)?;
    run_once(&env)?;
    let (code, found, keys) = verified(&env, &[])?;
    assert_eq!((code, found.as_str(), keys.len()), (Some(0), "", 3), "{keys:?}");
    assert!(keys[1].starts_with("none since "), "{keys:?}");
    let kept = checkpoint(&env, "kept.checkpoint")?;
    let told = env.run(&["ledger", "verify", "--checkpoint", &kept, "--key", &older.1])?;
    assert_eq!(told.code, Some(1), "nothing leads from the older key to this one: {told:?}");
    assert!(told.stderr.contains("none of the keys given has signed it"), "{told:?}");
    Ok(())
}

#[test]
fn a_configured_key_that_cannot_be_used_is_no_reason_to_go_on_without_its_word() -> Result<()> {
    let (mut env, [older, _]) = replaced()?;
    configure(&mut env, &older.0)?;
    fs::remove_file(&older.0)?;
    fs::write(&older.0, "no key\n")?;
    let file = env.path("third.key");
    let told = env.run(&["ledger", "keygen", &file.display().to_string(), "--name", "a"])?;
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.stderr.contains("has to sign that it is replaced") && !file.exists(), "{told:?}");
    Ok(())
}
