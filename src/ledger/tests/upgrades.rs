//! Ledgers of earlier schemas: each that was ever released is kept in `tests/ledgers/` and means the same for ever; a
//! migration that is cut off anywhere leaves the ledger as it was.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;

use super::super::OpenError;
use super::super::schema::{LATEST, STEPS, Step, migrate_by, version};
use super::super::verify::Verifier;
use super::super::views::View;
use super::verify::full;
use super::*;

/// What the next schema may bring: a column, a table, a row and a view made anew.
const NEXT: [Step; 2] = [
    STEPS[0],
    &[
        "ALTER TABLE submission ADD COLUMN note TEXT",
        "CREATE TABLE later(id INTEGER PRIMARY KEY, text TEXT) STRICT; INSERT INTO later SELECT id, 'x' FROM registration",
        "DROP VIEW audit_refusals; CREATE VIEW audit_refusals AS SELECT id AS seq, reason FROM refusal",
    ],
];

fn kept(version: i64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/ledgers/schema-{version}.db"))
}

/// All that the views tell.
fn told(db: &Connection) -> String {
    let all =
        View::ALL.iter().map(|view| show(db, &format!("SELECT * FROM {} ORDER BY {}", view.name(), view.key())));
    all.collect::<Vec<_>>().join("\n")
}

#[expect(clippy::disallowed_methods, reason = "a ledger of a test's own, with all that the writer is told left out")]
fn opened(path: &Path) -> Connection {
    let db = Connection::open(path).expect("it opens");
    db.pragma_update(None, "journal_mode", "wal").expect("as a ledger has it");
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).expect("as the writer has it");
    db
}

/// A ledger of the newest schema that isn't open, in a folder of its own.
fn closed() -> Trial {
    let mut trial = full();
    trial.close();
    trial
}

/// Writes `tests/ledgers/schema-N.db` for the schema that is the newest now, if it isn't there yet: run with
/// `DEVICEDROP_KEEP_LEDGER=1 cargo test --lib upgrades`, once, before a release that brings a schema. One whose schema was never released may be deleted and kept anew.
#[test]
fn a_ledger_of_the_newest_schema_is_kept() {
    let file = kept(LATEST);
    if std::env::var_os("DEVICEDROP_KEEP_LEDGER").is_some() && !file.exists() {
        let trial = closed();
        let db = trial.foreign();
        // Pages of the smallest size, for it lies in the repository.
        db.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM").expect("made small");
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::copy(trial.path(), &file).expect("kept");
        fs::write(file.with_extension("txt"), told(&db)).expect("kept, too");
    }
    assert!(file.exists(), "keep one: DEVICEDROP_KEEP_LEDGER=1 cargo test --lib upgrades");
}

#[test]
fn every_kept_ledger_opens_verifies_and_means_the_same() {
    for version in 1..=LATEST {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.db");
        fs::copy(kept(version), &path).expect("it is kept");
        let expected = fs::read_to_string(kept(version).with_extension("txt")).expect("and what it means");
        let ledger = Ledger::open(&path, false, Timestamp::from_unix_ms(0), "tester").expect("it opens");
        assert_eq!(show(&opened_to_read(&path), "PRAGMA user_version"), format!("{LATEST}\n"));
        assert_eq!(told(&opened_to_read(&path)), expected, "schema {version}");
        let verified = Verifier::open(&path).expect("it opens").verify(&[], &mut |_| true);
        assert_eq!(verified.expect("read").expect("to its end").found, [], "schema {version}");
        ledger.close().expect("it closes");
    }
}

#[expect(clippy::disallowed_methods, reason = "as any tool reads it")]
fn opened_to_read(path: &Path) -> Connection {
    Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).expect("any tool opens it")
}

#[test]
fn a_migration_keeps_a_checked_copy_and_what_the_views_tell() {
    let trial = closed();
    let before = told(&trial.foreign());
    let mut db = opened(&trial.path());
    migrate_by(&NEXT, &mut db, &trial.path(), &mut || {}).expect("it works");
    assert_eq!(version(&db).expect("a version"), 2);
    let copy = opened_to_read(&trial.path().with_file_name("ledger.db.schema-1"));
    assert_eq!((told(&copy), version(&copy).expect("a version")), (before, 1));
    let refused = Ledger::open(&trial.path(), false, Timestamp::from_unix_ms(0), "tester");
    assert!(matches!(refused, Err(OpenError::Newer { found: 2, known: 1 })), "{refused:?}");
}

/// What lies in the ledger's folder at this moment is what a process leaves that is killed there.
#[test]
fn a_migration_that_is_cut_off_anywhere_leaves_the_ledger_as_it_was() {
    let trial = closed();
    let path = trial.path();
    let before = told(&trial.foreign());
    let left = tempfile::tempdir().expect("a folder");
    let mut moments: Vec<PathBuf> = Vec::new();
    let mut db = opened(&path);
    // Small enough that pages reach the log before the end.
    db.pragma_update(None, "cache_size", 1).expect("a small cache");
    migrate_by(&NEXT, &mut db, &path, &mut || {
        let moment = left.path().join(moments.len().to_string());
        fs::create_dir(&moment).expect("a folder");
        for file in fs::read_dir(path.parent().expect("a folder")).expect("listed") {
            let file = file.expect("a file");
            // The memory that processes share is gone with them.
            if file.file_type().expect("a type").is_file() && !file.file_name().to_string_lossy().ends_with("-shm") {
                fs::copy(file.path(), moment.join(file.file_name())).expect("copied");
            }
        }
        moments.push(moment);
    })
    .expect("it works");
    assert_eq!(
        moments.len(),
        7,
        "behind the copy's writing, its naming, each of three statements, the version, the end"
    );
    for (number, moment) in moments.iter().enumerate() {
        let path = moment.join("ledger.db");
        let mut db = opened(&path);
        let (expected, is_last) = (i64::from(number + 1 == moments.len()) + 1, number + 1 == moments.len());
        assert_eq!(version(&db).expect("a version"), expected, "moment {number}");
        if !is_last {
            assert_eq!(told(&db), before, "moment {number}");
        }
        assert_eq!(moment.join("ledger.db.schema-1").exists(), number > 0, "moment {number}");
        // Begun again, it comes to its end, and leaves nothing aside.
        migrate_by(&NEXT, &mut db, &path, &mut || {}).expect("it works");
        assert_eq!(version(&db).expect("a version"), 2, "moment {number}");
        let names: BTreeSet<String> = fs::read_dir(moment)
            .expect("listed")
            .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with('.'))
            .collect();
        assert_eq!(names, BTreeSet::new(), "moment {number}");
        assert_eq!(told(&opened_to_read(&moment.join("ledger.db.schema-1"))), before, "moment {number}");
    }
}
