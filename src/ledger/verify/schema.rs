//! The schema, the words and the one row of statistics, compared with those of a ledger that was just made.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::super::error::ReadError;
use super::super::reader::all;
use super::super::schema;
use super::Verifier;
use super::finding::{Drift, Finding};

/// Tables whose rows the program brings along.
const WORDS: [&str; 5] = ["state_word", "error_word", "cause_word", "outcome_word", "error_text"];

type Objects = BTreeMap<(String, String), Option<String>>;

pub(super) fn check(verifier: &mut Verifier) -> Result<(), ReadError> {
    let made = schema::made_anew()?;
    let (mut expected, found) = (objects(&made)?, objects(&verifier.db)?);
    for ((kind, name), sql) in found {
        let what = match expected.remove(&(kind.clone(), name.clone())) {
            Some(ours) if ours == sql => continue,
            Some(_) => Drift::Changed,
            None => Drift::Added,
        };
        verifier.tell(Finding::Schema { kind, name, what });
    }
    for (kind, name) in expected.into_keys() {
        verifier.tell(Finding::Schema { kind, name, what: Drift::Gone });
    }
    for table in WORDS {
        // What was told of the table itself is enough.
        let Ok(found) = words(&verifier.db, table) else { continue };
        if found != words(&made, table)? {
            verifier.tell(Finding::Word(table));
        }
    }
    Ok(())
}

/// All that makes up a schema, but for what SQLite keeps for itself.
fn objects(db: &Connection) -> Result<Objects, ReadError> {
    let rows = all(
        db,
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        [],
        |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)),
    )?;
    Ok(rows.into_iter().collect())
}

fn words(db: &Connection, table: &str) -> Result<Vec<(i64, String)>, ReadError> {
    all(db, &format!("SELECT * FROM {table} ORDER BY 1"), [], |row| Ok((row.get(0)?, row.get(1)?)))
}
