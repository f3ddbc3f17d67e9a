//! Proofs that leave the machine, checked by the program without a ledger, and by a checker that shares no line with it
//! (`contrib/verify.py`).

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use devicedrop::proof::{LogPiece, Proof, TreePiece};
use devicedrop_core::ids::EntryId;
use devicedrop_core::record::{Kind, Value, content, leaf, salt};
use devicedrop_testkit::env::TestEnv;

use crate::scene::{CONTOSO, csv, env, run_once};

const FABRIKAM: &str = "fabrikam";

/// A place where two customers' files were taken and answered; their rows share blocks.
fn settled() -> Result<TestEnv> {
    let env = env()?;
    env.drop_file(CONTOSO, "devices.csv", csv(&["C-0001", "C-0002"]))?;
    env.drop_file(FABRIKAM, "devices.csv", csv(&["F-0001", "F-0002", "F-0003"]))?;
    run_once(&env)?;
    Ok(env)
}

/// A signing key for the place, which signs from now on; returns its public half.
pub(crate) fn with_key(env: &mut TestEnv) -> Result<String> {
    let key = env.path("ledger.key").display().to_string();
    let public = env.run(&["ledger", "keygen", &key, "--name", "example.com/ledger"])?;
    ensure!(public.code == Some(0), "{public:?}");
    env.set("ledger.signing_key_file", &format!("{key:?}"))?;
    Ok(public.stdout.trim_end().to_owned())
}

fn proof_of_contoso(env: &TestEnv) -> Result<PathBuf> {
    let told = env.run(&["ledger", "prove", "--customer", CONTOSO])?;
    ensure!(told.code == Some(0), "{told:?}");
    let path = env.path("contoso.proof.json");
    fs::write(&path, told.stdout)?;
    Ok(path)
}

/// The other checker: whether it says that this holds, and its words.
pub(crate) fn checker(words: &[&str]) -> Result<(bool, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/verify.py");
    let python = env::var_os("DEVICEDROP_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let told = Command::new(python).arg(script).args(words).output().context("Python 3 is needed")?;
    let said = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned();
    ensure!(!said.contains("No module named"), "the package `cryptography` is needed: {said}");
    Ok((told.status.success(), said))
}

/// What somebody does who may write to the file.
fn tamper(env: &TestEnv, sql: &str) -> Result<()> {
    let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
    let told = Command::new("python3").args(["-c", script]).arg(env.ledger()).arg(sql).output()?;
    ensure!(told.status.success(), "{told:?}");
    Ok(())
}

/// What `ledger verify` says to a receipt where there is no ledger.
pub(crate) fn elsewhere(path: &Path, key: &str) -> Result<(Option<i32>, String)> {
    let elsewhere = env()?;
    let told = elsewhere.run(&["ledger", "verify", "--receipt", &path.display().to_string(), "--key", key])?;
    Ok((told.code, told.stdout + &told.stderr))
}

#[test]
fn a_customers_rows_are_proven_where_there_is_no_ledger() -> Result<()> {
    let mut env = settled()?;
    let key = with_key(&mut env)?;
    let path = proof_of_contoso(&env)?;
    let (code, said) = elsewhere(&path, &key)?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("there is no ledger here") && said.contains("receipts     checked 1"), "{said}");
    let (holds, said) = checker(&["proof", &path.display().to_string(), "--key", &key])?;
    assert!(holds, "{said}");

    let text = fs::read_to_string(&path)?;
    let rows: BTreeSet<&str> = ["C-0001", "C-0002"].into_iter().filter(|serial| text.contains(serial)).collect();
    assert_eq!(rows.len(), 2, "{text}");
    assert!(!text.contains("F-000") && !text.contains(FABRIKAM), "another customer's: {text}");
    Ok(())
}

#[test]
fn what_was_changed_in_a_proof_shows() -> Result<()> {
    let mut env = settled()?;
    let key = with_key(&mut env)?;
    let path = proof_of_contoso(&env)?;
    let text = fs::read_to_string(&path)?;
    for (from, to) in [("C-0002", "C-0003"), ("\\nepoch 1\\n", "\\nepoch 2\\n"), ("\"leaves\":1", "\"leaves\":2")] {
        let changed = text.replacen(from, to, 1);
        ensure!(changed != text, "{from:?} isn't in {text}");
        fs::write(&path, changed)?;
        let (code, said) = elsewhere(&path, &key)?;
        assert_eq!(code, Some(1), "{from:?}: {said}");
        let (holds, said) = checker(&["proof", &path.display().to_string(), "--key", &key])?;
        assert!(!holds, "{from:?}: {said}");
    }
    Ok(())
}

#[test]
fn another_key_and_no_signature_are_not_believed() -> Result<()> {
    let mut env = settled()?;
    let unsigned = proof_of_contoso(&env)?;
    let key = with_key(&mut env)?;
    let (code, said) = elsewhere(&unsigned, &key)?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("none of the keys given has signed it"), "{said}");
    let (holds, _) = checker(&["proof", &unsigned.display().to_string(), "--key", &key])?;
    assert!(!holds);
    let told = env.run(&["ledger", "verify", "--receipt", &unsigned.display().to_string()])?;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.contains("Not compared with a key: 1"), "{told:?}");
    Ok(())
}

#[test]
fn a_proof_shows_that_the_record_was_cut_off_later() -> Result<()> {
    let mut env = settled()?;
    let key = with_key(&mut env)?;
    let older = fs::read(env.ledger())?;
    env.drop_file(CONTOSO, "later.csv", csv(&["C-0003"]))?;
    run_once(&env)?;
    let path = proof_of_contoso(&env)?.display().to_string();
    fs::write(env.ledger(), older)?;
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(format!("{}{suffix}", env.ledger().display())).unwrap_or_default();
    }
    let told = env.run(&["ledger", "verify", "--receipt", &path, "--key", &key])?;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.stdout.contains("its end was cut off"), "{told:?}");
    Ok(())
}

#[test]
fn the_other_checker_recomputes_the_whole_ledger() -> Result<()> {
    let mut env = settled()?;
    let key = with_key(&mut env)?;
    let kept = env.path("kept.checkpoint").display().to_string();
    fs::write(&kept, env.run(&["ledger", "checkpoint"])?.stdout)?;
    let ledger = env.ledger().display().to_string();
    let words = ["ledger", &ledger, "--checkpoint", &kept, "--key", &key];
    let (holds, said) = checker(&words)?;
    assert!(holds, "{said}");
    tamper(
        &env,
        "DROP TRIGGER registration_kept_update;
         UPDATE registration SET serial_number = 'C-0009' WHERE serial_number = 'C-0001';",
    )?;
    let (holds, said) = checker(&words)?;
    assert!(!holds && said.contains("isn't as it was written"), "{said}");
    Ok(())
}

/// Whoever is shown a proof, and knows all of another customer's row but that it is there, can't find that out from
/// the hashes: not with any salt that the proof shows, nor without one.
#[test]
fn a_dictionary_of_serial_numbers_finds_nothing_in_a_proof() -> Result<()> {
    let env = settled()?;
    let proof: Proof = serde_json::from_str(&fs::read_to_string(proof_of_contoso(&env)?)?)?;
    let mut hashes = Vec::new();
    let mut salts = vec![[0; 16]];
    for piece in &proof.log {
        let LogPiece::Shown { block } = piece else { continue };
        for piece in &block.tree {
            match piece {
                TreePiece::Hidden(hidden) => hashes.push(hidden.root.0),
                TreePiece::Shown { entry } => salts.push(entry.salt.0),
            }
        }
    }
    let others = env.query(
        "SELECT r.id, r.submission, r.line, r.serial_number, b.number, hex(b.secret) FROM registration r
         JOIN submission s ON s.id = r.submission JOIN customer c ON c.number = s.customer AND c.text = 'fabrikam'
         JOIN block b ON r.id BETWEEN b.first_entry AND b.first_entry + b.entries - 1",
    )?;
    ensure!(others.len() == 3, "{others:?}");
    for row in &others {
        let number = |index: usize| row.get(index).and_then(serde_json::Value::as_i64).context("a number");
        let text = |index: usize| row.get(index).and_then(serde_json::Value::as_str).context("a text");
        let columns = [
            Value::Integer(number(0)?),
            Value::Integer(number(1)?),
            Value::Integer(number(2)?),
            Value::Text("SpiralOrbit"),
            Value::Text("ContosoABC"),
            Value::Text(text(3)?),
            Value::Null,
            Value::Null,
            Value::Null,
        ];
        let content = content(Kind::Registration, &columns);
        for salt in &salts {
            assert!(!hashes.contains(&leaf(salt, &content)), "{row:?} was guessed");
        }
        // That the guess was right but for the salt: with the secret that nobody is shown, it would have been found.
        let secret = (0..32).map(|at| u8::from_str_radix(&text(5)?[2 * at..2 * at + 2], 16).context("digits"));
        let secret: [u8; 32] = secret.collect::<Result<Vec<_>>>()?.try_into().ok().context("32 bytes")?;
        let true_leaf = leaf(&salt(&secret, EntryId::new(number(0)?).context("an entry")?), &content);
        assert!(marks_of(&env, number(4)?)?.contains(&true_leaf[..2].to_vec()), "the test guesses another content");
    }
    Ok(())
}

/// The marks of a block's leaves.
fn marks_of(env: &TestEnv, block: i64) -> Result<Vec<Vec<u8>>> {
    let marks = env.query(&format!("SELECT hex(marks) FROM block WHERE number = {block}"))?;
    let marks = marks.first().and_then(|row| row.first()).and_then(serde_json::Value::as_str).context("marks")?;
    let bytes = (0..marks.len() / 2).map(|at| u8::from_str_radix(&marks[2 * at..2 * at + 2], 16));
    Ok(bytes.collect::<Result<Vec<_>, _>>()?.chunks(2).map(<[u8]>::to_vec).collect())
}
