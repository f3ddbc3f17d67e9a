//! Whatever somebody changes who can write to the file, verification finds and names it.

use devicedrop_core::checkpoint::Checkpoint;
use devicedrop_core::state::Outcome;

use super::super::command::{NewAction, NewResult, Resolution};
use super::super::verify::{Finding, Verification, Verifier};
use super::super::{LedgerLock, copy};
use super::*;

/// A ledger in which everything happened that a ledger can tell of.
pub(super) fn full() -> Trial {
    let trial = Trial::new();
    let writer = trial.writer();
    let entry = trial.accept("a.csv", vec![row(2, "A2"), bad_row(3), row(4, "A4"), row(5, "A5"), row(6, "A6")]);
    let due = trial.reader().next_due(&key("contoso"), at(2), 9, &[]).expect("due");
    let ids: Vec<_> = due.iter().map(|due| due.registration).collect();
    trial.attempt(&ids[..1], 10, Outcome::Registered);
    trial.attempt(&ids[1..2], 12, Outcome::Failed);
    trial.attempt(&ids[2..3], 14, Outcome::Deferred);
    writer.start_call(call(16), vec![ids[3]]).wait().expect("it starts");
    writer.resolve(ids[3], Resolution::Retry, "asked".into(), "ann".into(), at(17)).wait().expect("resolved");
    writer.seen(vec![(ids[0], at(20))], at(21)).wait().expect("seen");
    let sha256 = Sha256::of(b"result");
    let result = NewResult { at: at(22), submission: entry, file: "a.result.csv".into(), sha256, last: true };
    writer.result_written(result).wait().expect("on record");
    writer.refuse(key("contoso"), "a.xlsx".into(), "not a CSV".into(), at(23)).wait().expect("on record");
    trial.accept("b.csv", vec![bad_row(2)]);
    trial.accept("a.csv", vec![row(2, "A2")]);
    let rejected = submission("c.csv", "c", 0);
    writer.reject(rejected, "no headings".into(), delivery("c.csv", 30), known("c.csv")).wait().expect("rejected");
    writer.release(key("contoso"), device("A2"), "ann".into(), at(31)).wait().expect("given up");
    let act = NewAction { at: at(40), actor: "ann".into(), action: "stop".into(), subject: None, reason: None };
    writer.act(act).wait().expect("on record");
    trial
}

pub(super) fn verified(trial: &Trial, checkpoints: &[Checkpoint]) -> Verification {
    let mut verifier = Verifier::open(&trial.path()).expect("it opens for reading");
    verifier.verify(checkpoints, &mut |_| true).expect("it can be read").expect("nobody stopped it")
}

pub(super) fn checkpoint(trial: &Trial) -> Checkpoint {
    let told = verified(trial, &[]);
    let head = told.head.expect("a head");
    Checkpoint {
        ledger: head.ledger,
        blocks: head.blocks,
        root: told.root,
        epoch: head.epoch,
        entries: head.entries,
        at: head.at,
    }
}

/// As whoever may write to the file would: away with the triggers, then the change.
pub(super) fn tampered(trial: &mut Trial, change: &str) {
    trial.close();
    let tool = trial.foreign();
    let guards = show(&tool, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name");
    let sql: Vec<String> = tool
        .prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut all| all.query_map([], |row| row.get(0))?.collect())
        .expect("the triggers");
    for guard in guards.lines().filter_map(|line| line.split_once(" | ")) {
        if guard.1.starts_with("CREATE TRIGGER") {
            tool.execute_batch(&format!("DROP TRIGGER {}", guard.0)).expect("anyone can");
        }
    }
    tool.execute_batch(&format!("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; {change}"))
        .expect(change);
    // And back, so that nothing but the change shows.
    for sql in sql {
        tool.execute_batch(&sql).expect("anyone can");
    }
}

fn found_after(change: &str) -> Vec<String> {
    let mut trial = full();
    tampered(&mut trial, change);
    verified(&trial, &[]).found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_ledger_that_nobody_touched_is_sound() {
    let trial = full();
    let told = verified(&trial, &[checkpoint(&trial)]);
    assert_eq!(told.found, []);
    assert_eq!(told.registrations, 7);
    assert_eq!(told.epochs.len(), 1);
    assert_eq!(found_after("SELECT 1"), Vec::<String>::new(), "and removing the guards leaves no trace by itself");
}

#[test]
fn a_changed_entry_is_named() {
    insta::assert_snapshot!(found_after("UPDATE registration SET serial_number = 'A9' WHERE line = 4").join("\n"), @"entry 5 of the ledger (its kind: registration; its block: 2) isn't as it was written");
    insta::assert_snapshot!(found_after("DELETE FROM refusal").join("\n"), @"entry 25 of block 13 is missing from the ledger");
}

#[test]
fn what_is_kept_beside_the_record_is_compared_with_it() {
    for (change, said) in [
        ("UPDATE present SET state = 3 WHERE state = 2 AND error = 1", "state is kept as ready_for_user"),
        ("UPDATE present SET error = 5 WHERE error = 1", "error is kept as 5"),
        ("UPDATE present SET entry = entry - 1 WHERE state = 2", "last entry is kept as"),
        ("UPDATE present SET attempts = 9 WHERE attempts = 1", "number of attempts is kept as 9"),
        ("UPDATE present SET generation = 1 WHERE generation = 2", "generation is kept as 1"),
        ("UPDATE present SET last_seen = 5 WHERE last_seen IS NOT NULL", "last time in use is kept as 5"),
        ("UPDATE present SET released = NULL", "release is kept as nothing"),
        ("UPDATE present SET released = 1 WHERE state = 2", "release is kept as entry 1"),
        ("DELETE FROM present WHERE state = 4", "state is kept as nothing, and its record gives active"),
        ("DELETE FROM present WHERE state = 1 AND attempts = 1", "state is kept as nothing"),
        (
            "INSERT INTO present SELECT 999, customer, state, error, entry, attempts, 1, NULL, NULL, NULL FROM present LIMIT 1",
            "registration 999",
        ),
        ("UPDATE range SET last = last - 1 WHERE submission = 2", "place among its submission's is kept as 0"),
        ("UPDATE range SET first = 3 WHERE submission > 20", "rows of other submissions is kept as"),
        ("UPDATE tally SET failed = failed - 1, ready = ready + 1 WHERE failed > 0", "ready is kept as"),
        ("UPDATE tally SET already = 1 WHERE ready > 0", "already is kept as 1"),
        ("UPDATE tally SET completed_at = completed_at + 1", "time of completion is kept as"),
        ("UPDATE tally SET path = 'x' || char(27) || '.csv' WHERE submission = 2", r"path is kept as x\u{1b}.csv"),
        ("UPDATE tally SET superseded_by = NULL", "newer content at its path is kept as nothing"),
        ("DELETE FROM tally WHERE submission = 2", "acceptance is kept as nothing"),
        ("DELETE FROM cursor", "turn is kept as nothing"),
        ("UPDATE cursor SET next = 1", "next row is kept as registration 1, and its record gives another"),
        (
            "INSERT INTO open_call SELECT max(id), 1, 1, NULL FROM call",
            "open attempts are kept as 1 of 1, and its record gives 0 of 1",
        ),
        (
            "INSERT INTO acceptance SELECT id, customer, 0, 0 FROM submission WHERE id = 2",
            "acceptance under way is kept as rows 0",
        ),
        ("UPDATE error_text SET text = CAST(x'ff' AS TEXT)", "words for codes were changed: error_text"),
        ("UPDATE error_text SET text = 'All is well.'", "words for codes were changed: error_text"),
        ("UPDATE state_word SET word = 'fine' WHERE number = 2", "words for codes were changed: state_word"),
    ] {
        let found = found_after(change);
        assert!(found.iter().any(|finding| finding.contains(said)), "{change}: {found:#?}");
    }
}

#[test]
fn an_attempt_under_way_that_nobody_would_wait_for_is_named() {
    let mut trial = full();
    let due = trial.reader().next_due(&key("contoso"), at(60), 9, &[]).expect("due");
    trial.writer().start_call(call(61), vec![due[0].registration]).wait().expect("it starts");
    assert_eq!(verified(&trial, &[]).found, []);
    tampered(&mut trial, "DELETE FROM open_call");
    let found = verified(&trial, &[]).found;
    let [Finding::Work { what: "open attempts", .. }] = found.as_slice() else { panic!("{found:?}") };
}

#[test]
fn an_index_that_hides_a_row_is_found() {
    let mut trial = full();
    tampered(
        &mut trial,
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = sql || ' WHERE line <> 4' WHERE name = 'registration_serial';
         PRAGMA writable_schema = RESET; REINDEX registration_serial; PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, ' WHERE line <> 4', '') WHERE name = 'registration_serial';
         PRAGMA writable_schema = RESET",
    );
    let found = verified(&trial, &[]).found;
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["the ledger's file is damaged: wrong # of entries in index registration_serial"]
    );
}

#[test]
fn a_changed_schema_is_named() {
    for (change, said) in [
        ("DROP VIEW audit_results", "the view audit_results of the ledger's schema is gone"),
        (
            "DROP VIEW audit_refusals; CREATE VIEW audit_refusals AS SELECT 1 AS seq",
            "the view audit_refusals of the ledger's schema was changed",
        ),
        ("CREATE TABLE mine(x)", "the table mine of the ledger's schema was added by somebody"),
        ("DROP INDEX attempt_registration", "the index attempt_registration of the ledger's schema is gone"),
    ] {
        assert_eq!(found_after(change), [said], "{change}");
    }
    let mut trial = full();
    trial.close();
    trial.foreign().execute_batch("DROP TRIGGER outcome_kept_update").expect("anyone can");
    let found: Vec<_> = verified(&trial, &[]).found.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["the trigger outcome_kept_update of the ledger's schema is gone"]);
}

/// Writes the whole chain anew over what stands there, as somebody would who knows how.
pub(super) fn rechained(trial: &mut Trial, change: &str) {
    tampered(trial, change);
    let db = trial.foreign();
    let off = rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER;
    db.set_db_config(off, false).expect("as the daemon's own connection");
    let mut previous = [0; 32];
    for number in 1.. {
        let Some((header, marks)) = super::super::check::forged(&db, number, previous) else { break };
        previous = header.hash();
        let forge = "UPDATE block SET root = ?2, hash = ?3, marks = ?4 WHERE number = ?1";
        db.execute(forge, rusqlite::params![number, header.root, previous, marks]).expect("whoever may write can");
    }
}

#[test]
fn a_history_written_anew_shows_only_against_a_checkpoint() {
    let mut trial = full();
    let kept = checkpoint(&trial);
    rechained(&mut trial, "UPDATE registration SET serial_number = 'A9' WHERE line = 4");
    assert_eq!(verified(&trial, &[]).found, [], "it is sound in itself");
    assert_eq!(verified(&trial, &[kept]).found, [Finding::Rewritten(kept)]);
}

#[test]
fn a_shortened_record_shows_only_against_a_checkpoint() {
    let mut trial = full();
    let kept = checkpoint(&trial);
    tampered(
        &mut trial,
        "DELETE FROM action WHERE id = (SELECT max(id) FROM action);
         DELETE FROM block WHERE number = (SELECT max(number) FROM block)",
    );
    assert_eq!(verified(&trial, &[]).found, [], "it is sound in itself");
    let found = verified(&trial, &[kept]).found;
    assert_eq!(found, [Finding::Shorter { checkpoint: kept, blocks: kept.blocks - 1 }]);
}

#[test]
fn a_checkpoint_of_another_ledger_is_told_apart() {
    let (trial, other) = (full(), full());
    let kept = checkpoint(&other);
    assert_eq!(verified(&trial, &[kept]).found, [Finding::OtherLedger(kept)]);
}

#[test]
fn an_older_checkpoint_still_holds() {
    let trial = full();
    let kept = checkpoint(&trial);
    trial.accept("later.csv", vec![row(2, "L1")]);
    assert_eq!(verified(&trial, &[kept, checkpoint(&trial)]).found, []);
}

#[test]
fn verification_can_be_stopped() {
    let trial = full();
    let mut verifier = Verifier::open(&trial.path()).expect("it opens");
    assert_eq!(verifier.verify(&[], &mut |_| false).expect("read"), None);
}

#[test]
fn a_restore_is_an_epoch_of_its_own_and_tells_what_it_left_behind() {
    let mut trial = full();
    let before = checkpoint(&trial);
    trial.close();
    let lock = LedgerLock::take(&trial.path()).expect("nobody has it");
    let epoch = copy::open_epoch(&trial.path(), &lock, at(50), "ann", "a trial").expect("opened");
    assert_eq!(epoch, 2);
    let told = verified(&trial, &[before, checkpoint(&trial)]);
    assert_eq!(told.found, []);
    let epochs: Vec<_> = told.epochs.iter().map(|epoch| (epoch.number, epoch.blocks_before)).collect();
    assert_eq!(epochs, [(1, 0), (2, before.blocks)]);

    // What the lost end of the first epoch was seen to have.
    let saw_more = Checkpoint { blocks: before.blocks + 5, entries: before.entries + 9, ..before };
    let told = verified(&trial, &[saw_more]);
    assert!(
        matches!(told.found.as_slice(), [Finding::Lost(lost)] if lost.epoch == 2 && lost.blocks == before.blocks)
    );
    let mut verifier = Verifier::open(&trial.path()).expect("it opens for reading");
    verifier.accept_epochs(2);
    let told = verifier.verify(&[saw_more], &mut |_| true).expect("it can be read").expect("nobody stopped it");
    assert_eq!((told.found, told.lost.len()), (Vec::new(), 1));
}

#[test]
fn each_line_of_a_checkpoint_is_compared() {
    let trial = full();
    let early = checkpoint(&trial);
    let act = NewAction { at: at(50), actor: "ann".into(), action: "stop".into(), subject: None, reason: None };
    trial.writer().act(act).wait().expect("on record");
    let late = checkpoint(&trial);
    let minutes = |minutes: i64, at: Timestamp| Timestamp::from_unix_ms(at.unix_ms() + minutes * 60_000);
    assert_eq!(verified(&trial, &[early, late]).found, [], "they are right as they are");
    for (changed, said) in [
        (Checkpoint { entries: early.entries + 1, ..early }, "for the number of entries"),
        (Checkpoint { entries: late.entries - 1, ..late }, "for the number of entries"),
        (Checkpoint { epoch: 2, ..early }, "for the epoch"),
        (Checkpoint { epoch: 3, ..late }, "for the epoch"),
        (Checkpoint { at: minutes(-6, early.at), ..early }, "for the time"),
        (Checkpoint { at: minutes(60, early.at), ..early }, "for the time"),
        (Checkpoint { at: minutes(-6, late.at), ..late }, "for the time"),
        (Checkpoint { ledger: [7; 16], ..late }, "is of another ledger"),
        (Checkpoint { root: [7; 32], ..late }, "was written anew"),
        (Checkpoint { blocks: late.blocks + 1, ..late }, "its end was cut off"),
        (Checkpoint { blocks: late.blocks - 1, ..late }, "was written anew"),
    ] {
        let found = verified(&trial, &[changed]).found;
        assert!(found.len() == 1 && found[0].to_string().contains(said), "{said}: {found:?}");
    }
    let later = Checkpoint { at: minutes(60 * 24 * 365, late.at), ..late };
    assert_eq!(verified(&trial, &[later]).found, [], "no block behind it says when it was made at the latest");
}
