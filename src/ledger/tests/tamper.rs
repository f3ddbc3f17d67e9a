//! Tampering by somebody who knows how the record is made, and what verification names first.
//!
//! Changes of single columns, and what is missing, moved or said twice: `guards` and `verify`. Every bit of a small
//! ledger: the testkit's `tamper`.

use rusqlite::params;

use super::super::check::forged;
use super::verify::{checkpoint, full, rechained, tampered, verified};
use super::*;

fn found(trial: &Trial) -> String {
    let told = verified(trial, &[]);
    told.found.first().map_or_else(String::new, ToString::to_string)
}

fn found_after(change: &str) -> String {
    let mut trial = full();
    tampered(&mut trial, change);
    found(&trial)
}

/// Gives one block the root, hash and marks that its entries now have; what comes behind keeps its own.
fn rehashed(trial: &mut Trial, change: &str, number: i64) {
    tampered(trial, change);
    let db = trial.foreign();
    let off = rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER;
    db.set_db_config(off, false).expect("as the daemon's own connection");
    let before = "SELECT hash FROM block WHERE number = ?";
    let previous = db.query_row(before, [number - 1], |row| row.get(0)).expect("a block before");
    let (header, marks) = forged(&db, number, previous).expect("a block");
    let forge = "UPDATE block SET root = ?2, hash = ?3, marks = ?4 WHERE number = ?1";
    db.execute(forge, params![number, header.root, header.hash(), marks]).expect("whoever may write can");
}

#[test]
fn an_entry_that_was_changed_and_hashed_anew_breaks_the_chain_behind_it() {
    let mut trial = full();
    rehashed(&mut trial, "UPDATE registration SET serial_number = 'A9' WHERE line = 4", 2);
    assert_eq!(found(&trial), "block 3 of the ledger doesn't have the hash that its header gives");
}

#[test]
fn entries_deleted_from_the_middle_swapped_or_put_in_between_are_named() {
    for (change, said) in [
        (
            "DELETE FROM transition WHERE id = (SELECT min(id) FROM transition)",
            "entry 8 of block 2 is missing from the ledger",
        ),
        (
            "UPDATE registration SET id = -1 WHERE id = 3; UPDATE registration SET id = 3 WHERE id = 5;
             UPDATE registration SET id = 5 WHERE id = -1",
            "entry 3 of the ledger (its kind: registration; its block: 2) isn't as it was written",
        ),
        (
            "INSERT INTO registration SELECT 9, submission, 7, manufacturer, model, 'A7', NULL, NULL, NULL FROM registration WHERE id = 3",
            "the ledger holds two entries with the number 9 (block 2)",
        ),
        (
            "INSERT INTO action SELECT (SELECT max(first_entry + entries) FROM block), at, actor, 'start', NULL, NULL FROM action LIMIT 1",
            "the ledger holds entries behind its last block, from 37",
        ),
        (
            "UPDATE transition SET at = at + 1 WHERE id = (SELECT min(id) FROM transition)",
            "entry 8 of the ledger (its kind: transition; its block: 2) isn't as it was written",
        ),
        ("DELETE FROM block WHERE number = 5", "block 5 of the ledger doesn't follow the one before it"),
    ] {
        assert_eq!(found_after(change), said, "{change}");
    }
}

#[test]
fn two_ledgers_that_parted_after_a_checkpoint_are_told_apart_by_a_later_one() {
    let mut one = full();
    let early = checkpoint(&one);
    let mut other = Trial::new();
    one.close();
    other.close();
    std::fs::copy(one.path(), other.path()).expect("copied");
    for suffix in ["-wal", "-shm"] {
        let beside = |trial: &Trial| format!("{}{suffix}", trial.path().display());
        std::fs::copy(beside(&one), beside(&other)).expect("copied");
    }
    one.open();
    other.open();
    one.accept("one.csv", vec![row(2, "L1")]);
    other.accept("other.csv", vec![row(2, "L2")]);
    let kept = checkpoint(&one);
    assert_eq!(kept.blocks, checkpoint(&other).blocks, "they are of one length");
    assert_eq!(verified(&other, &[early]).found, [], "until then they are the same");
    let said = verified(&other, &[kept]).found[0].to_string();
    assert!(said.ends_with("the record was written anew"), "{said}");
}

#[test]
fn a_forged_history_has_to_be_forged_up_to_each_checkpoint_that_was_kept() {
    let mut trial = full();
    let kept = checkpoint(&trial);
    rechained(&mut trial, "UPDATE action SET actor = 'bob'");
    trial.open();
    trial.accept("later.csv", vec![row(2, "L1")]);
    let later = checkpoint(&trial);
    assert_eq!(verified(&trial, &[later]).found, [], "it is sound for whoever comes later");
    let said = verified(&trial, &[later, kept]).found[0].to_string();
    assert!(said.contains("the record was written anew"), "{said}");
}

/// Takes STRICT away, changes something, and puts it back: SQLite itself allows no other way.
fn loosely(change: &str) -> String {
    let mut trial = full();
    tampered(&mut trial, "SELECT 1");
    let db = trial.foreign();
    let off = rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER;
    db.set_db_config(off, false).expect("as the daemon's own connection");
    let sql: String = db
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'registration'", [], |row| row.get(0))
        .expect("the table");
    let set = |sql: &str| {
        db.execute_batch("PRAGMA writable_schema = ON").expect("anyone can");
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'registration'", [sql]).expect("anyone can");
        db.execute_batch("PRAGMA writable_schema = RESET").expect("anyone can");
    };
    set(&sql.replace(") STRICT", ")"));
    db.execute_batch(change).expect(change);
    set(&sql);
    drop(db);
    found(&trial)
}

#[test]
fn the_same_value_in_another_type_is_another_value() {
    let said = "entry 3 of the ledger (its kind: registration; its block: 2) isn't as it was written";
    for change in [
        "UPDATE registration SET serial_number = CAST(serial_number AS BLOB) WHERE id = 3",
        "UPDATE registration SET line = 2.5 WHERE id = 3",
        "UPDATE registration SET hardware_hash = '' WHERE id = 3",
    ] {
        assert_eq!(loosely(change), said, "{change}");
    }
}
