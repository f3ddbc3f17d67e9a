//! What can't be looked up, and how that is told.

use super::*;

fn told(failure: &Failure) -> String {
    let Failure { exit, refusal } = failure;
    let hint = refusal.hint.as_deref().unwrap_or("-");
    format!("{} | {} | {} | {hint}\n", exit.code(), refusal.message, refusal.because.join(", "))
}

fn not_opened(config: &Config, folder: &Path) -> String {
    told(&LedgerLookups::open(config).unwrap_err()).replace(&folder.display().to_string(), "TMP")
}

#[test]
fn without_a_ledger_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "");
    assert_snapshot!(not_opened(&config, folder.path()), @"2 | there is no ledger at TMP/state/ledger.db |  | only `devicedrop run` and `devicedrop demo` make one");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_ledger_that_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "");
    std::fs::create_dir_all(config.state_folder()).unwrap();
    std::fs::write(&config.ledger.path, "not a database, but long enough to be looked at".repeat(100)).unwrap();
    assert_snapshot!(not_opened(&config, folder.path()), @"4 | TMP/state/ledger.db: SQLite can't open it | file is not a database, Error code 26: file is not a database | `devicedrop ledger verify` tells what isn't as it was, `devicedrop restore` brings a backup back");
    std::fs::remove_file(&config.ledger.path).unwrap();
    let db = rusqlite::Connection::open(&config.ledger.path).unwrap();
    db.execute_batch("CREATE TABLE t(x); PRAGMA application_id = 1684304496; PRAGMA user_version = 99").unwrap();
    assert_snapshot!(not_opened(&config, folder.path()), @"2 | the ledger has schema 99, this devicedrop knows up to 1; use the newer program |  | -");
}

#[test]
fn filters_and_keys_that_do_not_apply_are_refused() {
    let scene = Scene::new();
    let refused = |subject: Subject, filters: Filters, after: Option<&str>| {
        told(&scene.look(&Look { subject, filters, limit: 9, after: after.map(Into::into) }).unwrap_err())
    };
    let history = || Subject::History { serial_number: "A1".into() };
    let text = || Subject::Find { text: "A1".into() };
    let then = || Subject::Devices { at: Some(at(9)) };
    let mut all = String::new();
    all += &refused(history(), in_state(State::Ready), None);
    all += &refused(text(), with_error(ErrorCode::DeviceNotFound), None);
    all += &refused(then(), with_error(ErrorCode::DeviceNotFound), None);
    all += &refused(then(), in_state(State::Failed), None);
    all += &refused(Subject::Inventory, in_state(State::Ready), None);
    all += &refused(Subject::Inventory, Filters::default(), None)
        .replace(&scene.folder.path().display().to_string(), "TMP");
    all += &refused(Subject::Submissions, Filters::default(), Some("4"));
    all += &refused(Subject::Attempts, Filters::default(), Some("x"));
    all += &refused(text(), Filters::default(), Some("serial.x"));
    assert_snapshot!(all, @r#"
    2 | a history can't be asked for by state or error |  | what can be asked for: customer and since
    2 | what a text finds can't be asked for by state or error |  | what can be asked for: customer and since
    2 | the devices of a time can't be asked for by error |  | what can be asked for: customer, state and since
    2 | the devices of a time can't be asked for by a state that isn't ready, active or inactive |  | what can be asked for: those three
    2 | the inventory can't be asked for by state or error |  | what can be asked for: customer and since (claimed since then)
    2 | there is no registry at TMP/state/registry.db |  | `devicedrop run` makes one, `devicedrop registry import` fills it
    2 | "4" isn't a key of this list |  | --after takes what the list before ended with, as it is
    2 | "x" isn't a key of this list |  | --after takes what the list before ended with, as it is
    2 | "serial.x" isn't a key of this list |  | --after takes what the list before ended with, as it is
    "#);
}
