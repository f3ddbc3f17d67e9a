//! Opening, closing, and the writer's promises: what is refused fails alone, what breaks ends everything.

use std::os::unix::fs::PermissionsExt as _;

use super::super::command::NewAction;
use super::super::error::{LedgerError, OpenError, Refusal};
use super::super::lock::LockError;
use super::super::{Writer, prepare};
use super::*;

fn action(text: &str) -> NewAction {
    NewAction { at: at(5), actor: "ann".into(), action: text.into(), subject: None, reason: None }
}

#[test]
fn a_ledger_is_made_closed_to_others_and_stays_readable() {
    let mut trial = Trial::new();
    let mode = |name: &str| {
        let about = std::fs::metadata(trial.path().with_file_name(name)).expect("it is there");
        about.permissions().mode() & 0o7777
    };
    // The umask may take more away, never give.
    assert_eq!(mode("ledger.db") & !0o640, 0);
    assert_eq!(mode("ledger.db-wal") & !0o640, 0);
    assert_eq!(mode("") & !0o750, 0);
    assert_eq!(
        trial.show("SELECT page_size, journal_mode FROM pragma_page_size, pragma_journal_mode"),
        "16384 | wal\n"
    );
    trial.writer().act(action("start")).wait().expect("on record");
    trial.close();
    assert!(trial.path().with_file_name("ledger.db-wal").exists(), "for readers that can't make one");
    assert_eq!(trial.show("SELECT action FROM audit_actions"), "start\n");
    let head = Reader::open(&trial.path()).expect("readable").head().expect("asked").expect("a head");
    assert_eq!((head.epoch, head.entries, head.blocks), (1, 2, 2));
    trial.open();
    assert!(trial.ledger().was_clean());
    trial.writer().act(action("again")).wait().expect("on record");
    let later = trial.reader().head().expect("asked").expect("a head");
    assert_eq!((later.entries, later.blocks, later.ledger), (3, 3, head.ledger));
}

#[test]
fn what_is_no_ledger_of_ours_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("ledger.db");
    let open = |create| Ledger::open(&path, create, at(0), "tester").map(|_| ()).expect_err("refused");
    assert!(matches!(open(false), OpenError::Missing(_)));
    assert!(!path.exists(), "looking makes nothing");

    Connection::open(&path).expect("a database").execute_batch("CREATE TABLE t(x)").expect("a table");
    assert!(matches!(open(true), OpenError::Foreign(_)));
    std::fs::write(&path, "not a database, but long enough to be looked at as one".repeat(40)).expect("written");
    assert!(open(true).is_untrusted());
    std::fs::remove_file(&path).expect("removed");
    std::os::unix::fs::symlink("elsewhere.db", &path).expect("linked");
    assert!(matches!(open(true), OpenError::Link(_)));

    let mut trial = Trial::new();
    let second = Ledger::open(&trial.path(), true, at(0), "tester").map(|_| ()).expect_err("refused");
    assert!(matches!(second, OpenError::Locked(LockError::Held { pid: Some(_), .. })), "{second}");
    trial.close();
    trial.foreign().execute_batch("PRAGMA user_version = 99").expect("set");
    for refused in
        [Ledger::open(&trial.path(), true, at(0), "tester").map(|_| ()), Reader::open(&trial.path()).map(|_| ())]
    {
        assert!(matches!(refused, Err(OpenError::Newer { found: 99, .. })), "{refused:?}");
    }
}

#[test]
fn a_making_that_was_cut_off_is_made_good() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("ledger.db");
    Connection::open(&path).expect("a database").execute_batch("PRAGMA journal_mode = WAL").expect("a header");
    Ledger::open(&path, true, at(0), "tester").expect("made").close().expect("closed");
    Ledger::open(&path, false, at(0), "tester").expect("there").close().expect("closed");
}

#[test]
fn the_log_beside_a_ledger_that_was_cut_down_is_left() {
    let mut trial = Trial::new();
    trial.writer().act(action("start")).wait().expect("on record");
    trial.close();
    let log = trial.path().with_file_name("ledger.db-wal");
    std::fs::write(&log, "all there is").expect("written");
    std::fs::write(trial.path(), "S").expect("cut");
    let refused = Reader::open(&trial.path()).map(drop).expect_err("refused");
    assert!(refused.is_untrusted(), "{refused}");
    let refused = Ledger::open(&trial.path(), true, at(0), "tester").map(drop).expect_err("refused");
    assert!(refused.is_untrusted(), "{refused}");
    assert_eq!(std::fs::read_to_string(&log).expect("still there"), "all there is");
}

#[test]
fn a_changed_end_isnt_opened() {
    let mut trial = Trial::new();
    trial.writer().act(action("start")).wait().expect("on record");
    trial.close();
    trial
        .foreign()
        .execute_batch("DROP TRIGGER action_kept_update; UPDATE action SET actor = 'bob'")
        .expect("changed");
    let refused = Ledger::open(&trial.path(), true, at(0), "tester").map(|_| ()).expect_err("refused");
    assert!(refused.is_untrusted(), "{refused}");
    insta::assert_snapshot!(refused, @"entry 2 of the ledger (its kind: action; its block: 2) isn't as it was written");
}

#[test]
fn statistics_that_analyze_spoilt_are_put_back() {
    let mut trial = Trial::new();
    trial.accept("a.csv", vec![row(2, "A2")]);
    trial.close();
    trial.foreign().execute_batch("ANALYZE").expect("anyone may");
    trial.open();
    assert_eq!(trial.show("SELECT tbl, stat FROM sqlite_stat1"), "registration | 10000000 100000 1\n");
}

#[test]
fn many_commands_share_a_block_and_a_refused_one_fails_alone() {
    let trial = Trial::new();
    let writer = trial.writer();
    let tool = trial.foreign();
    // While another tool holds the ledger, commands queue up; then they go in one transaction.
    tool.execute_batch("BEGIN IMMEDIATE").expect("held");
    let opened = writer.open_submission(submission("a.csv", "a", 1));
    let refused = writer.add_registrations(SubmissionEntry::new(999).expect("a number"), vec![row(2, "X")]);
    let wrong = vec![row(2, "W"), NewRegistration { line: 0, ..row(3, "V") }];
    let entry = SubmissionEntry::new(2).expect("the next number");
    let half = writer.add_registrations(entry, wrong);
    let added = writer.add_registrations(entry, vec![row(2, "A2")]);
    let closed = writer.close_submission(entry, delivery("a.csv", 1), known("a.csv"));
    tool.execute_batch("COMMIT").expect("let go");
    assert_eq!(opened.wait(), Ok(entry));
    assert!(matches!(refused.wait(), Err(LedgerError::Refused(Refusal::UnknownSubmission(_)))));
    assert!(matches!(half.wait(), Err(LedgerError::Refused(Refusal::Schema(_)))));
    assert_eq!(added.wait(), Ok(()));
    assert_eq!(closed.wait(), Ok(()));
    let head = trial.reader().head().expect("asked").expect("a head");
    assert_eq!(head.entries, 4, "what was taken back left no gap");
    assert!(head.blocks <= 3, "{} blocks for one file", head.blocks);
    assert_eq!(trial.show("SELECT line, serial_number, manufacturer FROM audit_registrations"), "2 | A2 | Contoso\n");
    (1..=head.blocks).for_each(|block| trial.reader().check_block(block).expect("as it was written"));
}

#[test]
fn a_write_that_fails_ends_everything() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("ledger.db");
    let (thread, lock, _) = prepare(&path, true, at(0), "tester").expect("made");
    let pages: i64 = thread.db.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("counted");
    thread.db.execute_batch(&format!("PRAGMA max_page_count = {}", pages + 1)).expect("a small disk");
    let writer = Writer::start(thread).expect("started");
    writer.act(action("start")).wait().expect("there is room for that");
    let rows: Vec<_> = (2..20_000).map(|line| row(line, &format!("A{line}"))).collect();
    let full = writer.accept_whole(submission("a.csv", "a", 19_998), rows, delivery("a.csv", 1), known("a.csv"));
    assert_eq!(full.wait(), Err(LedgerError::Stopped));
    assert_eq!(writer.act(action("after")).wait(), Err(LedgerError::Stopped));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let failure = runtime.block_on(writer.failed());
    assert!(writer.failure().is_some());
    insta::assert_snapshot!(failure, @"a write to the ledger failed");
    writer.join();
    drop((writer, lock));

    // The next start reads what is there, and goes on from it.
    let ledger = Ledger::open(&path, false, at(0), "tester").expect("opens");
    assert!(!ledger.was_clean());
    let reader = ledger.reader().expect("readable");
    assert_eq!(reader.counts(None).expect("counts").accepted, 0);
    assert_eq!(reader.head().expect("asked").expect("a head").entries, 2);
    ledger.close().expect("in order");
}
