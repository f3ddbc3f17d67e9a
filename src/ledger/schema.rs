//! The schema's steps, from nothing to the newest; all of it is in the `.sql` files beside.

use std::os::fd::AsFd as _;
use std::path::Path;

use devicedrop_core::state::{Cause, ErrorCode, Outcome, State};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::durable;

use super::error::{OpenError, Untrusted};
use super::open::APPLICATION;

/// The newest schema, which `PRAGMA user_version` names.
pub(super) const LATEST: i64 = 1;

/// What leads from each schema to the next.
pub(super) const STEPS: [Step; 1] =
    [&[include_str!("schema/0001.sql"), include_str!("schema/views.sql"), include_str!("schema/guards.sql")]];

const STATISTICS: &str = include_str!("schema/statistics.sql");

/// The schema of this ledger.
pub(super) fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// What leads from one schema to the next: statements, in files of them.
pub(super) type Step = &'static [&'static str];

/// Brings the schema up to date, all steps in one transaction; a checked copy of an older ledger is written beside it
/// first.
pub(super) fn migrate(db: &mut Connection, path: &Path) -> Result<(), OpenError> {
    migrate_by(&STEPS, db, path, &mut || {})
}

/// The same by any steps; `done` is called behind each thing that is done, so that a test can end it there.
pub(super) fn migrate_by(
    steps: &[Step],
    db: &mut Connection,
    path: &Path,
    done: &mut dyn FnMut(),
) -> Result<(), OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let found = version(db).map_err(sqlite)?;
    if found >= latest(steps) {
        return Ok(());
    }
    if found > 0 {
        copy(db, path, found, done)?;
        done();
    }
    step(steps, db, found, done).map_err(sqlite)
}

/// The schema to which these steps lead.
fn latest(steps: &[Step]) -> i64 {
    i64::try_from(steps.len()).unwrap_or(i64::MAX)
}

/// The schema alone, in memory: what a ledger that nobody changed looks like.
pub(super) fn made_anew() -> rusqlite::Result<Connection> {
    let mut db = Connection::open_in_memory()?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    step(&STEPS, &mut db, 0, &mut || {})?;
    Ok(db)
}

fn step(steps: &[Step], db: &mut Connection, found: i64, done: &mut dyn FnMut()) -> rusqlite::Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (number, statements) in (1..).zip(steps) {
        if number > found {
            for sql in *statements {
                transaction.execute_batch(sql)?;
                done();
            }
        }
    }
    fill_words(&transaction)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", latest(steps))?;
    done();
    transaction.commit()?;
    done();
    Ok(())
}

/// Writes the copy that a migration can be taken back to: `ledger.db.schema-1`. It has that name only when it is whole,
/// was checked and is on the disk. One that a migration left that was cut off is replaced: the ledger was still what it
/// was then, and may have grown since.
#[expect(clippy::disallowed_methods, reason = "a copy that was just written is no ledger in use")]
fn copy(db: &Connection, path: &Path, found: i64, done: &mut dyn FnMut()) -> Result<(), OpenError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".schema-{found}"));
    let copy = path.with_file_name(&name);
    let io = |error| OpenError::Io { path: copy.clone(), source: std::io::Error::other(error) };
    let (folder, _) = durable::folder_of(&copy).map_err(io)?;
    // The lock is ours: what lies aside is what a crash left.
    durable::remove_orphans(folder.as_fd()).map_err(|source| OpenError::Io { path: copy.clone(), source })?;
    let aside = durable::aside_name().map_err(io)?;
    let written = path.with_file_name(&aside);
    let sqlite = |source| OpenError::Sqlite { path: written.clone(), source };
    db.execute("VACUUM INTO ?", [written.to_string_lossy()]).map_err(sqlite)?;
    done();
    let aside = durable::adopt(folder.as_fd(), aside, 0o440).map_err(io)?;
    let said: String = Connection::open(&written)
        .and_then(|copy| copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)))
        .map_err(sqlite)?;
    if said != "ok" {
        return Err(Untrusted::Damaged(said).into());
    }
    aside.place(&name, durable::Replace::Any).map(drop).map_err(io)
}

/// Fills the tables of words out of the enums that the numbers come from, so that there is one list of them.
fn fill_words(db: &Connection) -> rusqlite::Result<()> {
    let states = State::ALL.iter().map(|state| (state.number(), state.code()));
    let errors = ErrorCode::ALL.iter().map(|error| (error.number(), error.code()));
    let causes = Cause::ALL.iter().map(|cause| (cause.number(), cause.code()));
    let outcomes = Outcome::ALL.iter().map(|outcome| (outcome.number(), outcome.code()));
    fill(db, "INSERT OR REPLACE INTO state_word VALUES (?, ?)", states)?;
    fill(db, "INSERT OR REPLACE INTO error_word VALUES (?, ?)", errors)?;
    fill(db, "INSERT OR REPLACE INTO cause_word VALUES (?, ?)", causes)?;
    fill(db, "INSERT OR REPLACE INTO outcome_word VALUES (?, ?)", outcomes)?;
    let sentences = ErrorCode::ALL.iter().filter_map(|error| Some((error.number(), sentence(*error)?)));
    fill(db, "INSERT OR REPLACE INTO error_text VALUES (?, ?)", sentences)
}

fn fill(db: &Connection, insert: &str, rows: impl Iterator<Item = (i64, &'static str)>) -> rusqlite::Result<()> {
    let mut insert = db.prepare(insert)?;
    for (number, text) in rows {
        insert.execute(params![number, text])?;
    }
    Ok(())
}

/// What the service tells of an error. That of the unexpected one goes on with the request ID; ours are told by their
/// details alone.
fn sentence(error: ErrorCode) -> Option<&'static str> {
    match error {
        ErrorCode::DeviceNotFound => Some(
            "We couldn't register this device because we could not find a match for the provided manufacturer, model, \
             or serial number. Confirm these values with your device supplier.",
        ),
        ErrorCode::HardwareHashNotValid => Some(
            "The hardware hash you provided for this device was not formatted correctly. Double-check the hardware \
             hash and then resubmit.",
        ),
        ErrorCode::DeviceAlreadyRegistered => {
            Some("This device is already registered to your organization. No further action required.")
        }
        ErrorCode::DeviceClaimedByAnotherOrganization => {
            Some("This device has already been claimed by another organization. Check with your device supplier.")
        }
        ErrorCode::UnexpectedError => {
            Some("Your request could not be automatically processed. Contact Support and provide the Request ID:")
        }
        ErrorCode::RowNotValid | ErrorCode::FileNotValid => None,
    }
}

/// Puts the planner's one row of statistics in place, unless it is there alone already.
pub(super) fn put_statistics(db: &Connection) -> rusqlite::Result<()> {
    let there: bool =
        db.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1')", [], |row| {
            row.get(0)
        })?;
    let right = there
        && db.query_row("SELECT count(*) = 1 AND max(stat) = '10000000 100000 1' FROM sqlite_stat1", [], |row| {
            row.get(0)
        })?;
    if right {
        return Ok(());
    }
    db.execute_batch(STATISTICS)
}
