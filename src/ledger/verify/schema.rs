//! The schema, the words and the one row of statistics, compared with those of a ledger that was just made.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rusqlite::Connection;

use super::super::error::ReadError;
use super::super::reader::all;
use super::super::schema;
use super::Verifier;
use super::finding::{Drift, Finding};

/// Tables whose rows the program brings along.
const WORDS: [&str; 5] = ["state_word", "error_word", "cause_word", "outcome_word", "error_text"];

/// Type and name, and with them the table and the words that made it.
type Objects = BTreeMap<(String, String), (String, Option<String>)>;

/// What the program makes; the same for as long as the process lives.
struct Made {
    objects: Objects,
    words: Vec<Vec<(i64, String)>>,
}

impl Made {
    fn get() -> Result<&'static Self, ReadError> {
        static MADE: OnceLock<Made> = OnceLock::new();
        if let Some(made) = MADE.get() {
            return Ok(made);
        }
        let db = schema::made_anew()?;
        let words = WORDS.iter().map(|table| words(&db, table)).collect::<Result<_, _>>()?;
        let made = Self { objects: objects(&db)?, words };
        Ok(MADE.get_or_init(|| made))
    }
}

pub(super) fn check(verifier: &mut Verifier) -> Result<(), ReadError> {
    let made = Made::get()?;
    let found = objects(&verifier.db)?;
    for ((kind, name), of) in &found {
        let what = match made.objects.get(&(kind.clone(), name.clone())) {
            Some(ours) if ours == of => continue,
            Some(_) => Drift::Changed,
            None => Drift::Added,
        };
        verifier.tell(Finding::Schema { kind: kind.clone(), name: name.clone(), what });
    }
    for (kind, name) in made.objects.keys().filter(|key| !found.contains_key(*key)).cloned() {
        verifier.tell(Finding::Schema { kind, name, what: Drift::Gone });
    }
    for (table, ours) in WORDS.into_iter().zip(&made.words) {
        // What was told of a table that isn't there is enough.
        let there = found.contains_key(&("table".to_owned(), table.to_owned()));
        if there && words(&verifier.db, table).ok().as_ref() != Some(ours) {
            verifier.tell(Finding::Word(table));
        }
    }
    Ok(())
}

/// All that makes up a schema, but for the planner's statistics.
fn objects(db: &Connection) -> Result<Objects, ReadError> {
    let rows = all(
        db,
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\'",
        [],
        |row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?))),
    )?;
    Ok(rows.into_iter().collect())
}

fn words(db: &Connection, table: &str) -> Result<Vec<(i64, String)>, ReadError> {
    all(db, &format!("SELECT * FROM {table} ORDER BY 1"), [], |row| Ok((row.get(0)?, row.get(1)?)))
}
