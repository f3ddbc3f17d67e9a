//! Whole views, row by row, as they are at one moment.

use crate::ledger::error::ReadError;
use crate::ledger::rows::Head;
use crate::ledger::views::{Cell, View};

use super::lookup::cell;
use super::{Connection, Reader};

/// The ledger as it is at one moment, while it is held: what is written meanwhile isn't seen, and the WAL can't be
/// taken back.
#[derive(Debug)]
pub struct Moment<'a> {
    reader: &'a Reader,
    /// What was the end of the record then; none before the first block.
    pub head: Option<Head>,
}

impl Reader {
    /// Holds the ledger as it is now.
    pub fn moment(&self) -> Result<Moment<'_>, ReadError> {
        self.db.execute_batch("BEGIN")?;
        let mut moment = Moment { reader: self, head: None };
        // The transaction begins with what is read first.
        moment.head = self.head()?;
        Ok(moment)
    }
}

impl Moment<'_> {
    /// Passes each row of a view, in the order of its key.
    pub fn each_row<E: From<ReadError>>(
        &self,
        view: View,
        each: &mut dyn FnMut(&[Cell]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self.db().prepare(&sql(view)).map_err(ReadError::from)?;
        let mut rows = statement.query([]).map_err(ReadError::from)?;
        let mut cells = Vec::with_capacity(view.columns().len());
        while let Some(row) = rows.next().map_err(ReadError::from)? {
            cells.clear();
            for column in 0..view.columns().len() {
                cells.push(cell(row.get_ref(column).map_err(ReadError::from)?));
            }
            each(&cells)?;
        }
        Ok(())
    }

    fn db(&self) -> &Connection {
        &self.reader.db
    }
}

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        // Nothing was written; a connection that can't end it is closed soon.
        self.db().execute_batch("ROLLBACK").unwrap_or_default();
    }
}

/// All rows of a view. SQLite keeps none of them: each order is one in which an index, or the table, stands.
pub(in crate::ledger) fn sql(view: View) -> String {
    format!("SELECT {} FROM {} ORDER BY {}", view.columns().join(", "), view.name(), view.key())
}
