//! Whether SQLite finds what stands in the tables: a look-up goes by indexes, and one that isn't as the table has it
//! hides rows although the record is whole.

use super::super::error::{ReadError, Untrusted};
use super::super::reader::all;
use super::finding::Finding;
use super::{Part, Progress, Verifier, Watch};

/// Has SQLite compare each table with its indexes, one after the other. False when `watch` stopped it.
pub(super) fn check(verifier: &mut Verifier, watch: Watch<'_>) -> Result<bool, ReadError> {
    let tables: Vec<String> =
        all(&verifier.db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", [], |row| row.get(0))?;
    let of = u64::try_from(tables.len()).unwrap_or(0);
    for (done, table) in (1..).zip(tables) {
        // The answer to a name that isn't one of the schema's would be `ok`, and this one is.
        let said: Option<String> =
            verifier
                .db
                .query_row("SELECT integrity_check FROM pragma_integrity_check(?)", [table], |row| row.get(0))?;
        if let Some(said) = said.filter(|said| said != "ok") {
            verifier.tell(Finding::Record(Untrusted::Damaged(said)));
        }
        if !watch(Progress { part: Part::Indexes, done, of }) {
            return Ok(false);
        }
    }
    Ok(true)
}
