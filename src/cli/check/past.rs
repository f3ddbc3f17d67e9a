//! The rows of a file beside what its customer sent before. What they say together is the core's affair.

use devicedrop_core::row::Row;
use devicedrop_core::sheet::Head;
use devicedrop_core::suspicion::{Found, Past};

use crate::cli::error::Failure;
use crate::cli::services::PastRows;

/// Asks for what is on record, a batch of rows at a time; nobody where there is no record.
pub(super) struct Asking {
    whom: Option<Box<dyn PastRows>>,
    past: Past,
    failure: Option<Failure>,
}

impl Asking {
    /// There is nobody to ask.
    pub(super) fn nobody() -> Self {
        Self { whom: None, past: Past::new(), failure: None }
    }

    /// Asks this one.
    pub(super) fn of(whom: Box<dyn PastRows>) -> Self {
        Self { whom: Some(whom), ..Self::nobody() }
    }

    /// Takes the next row, and tells of those before it from time to time.
    pub(super) fn row(&mut self, head: &Head, row: &Row<'_>, found: Found<'_>) {
        if self.whom.is_some() {
            self.past.row(row);
            if self.past.is_full() {
                self.finish(head, found);
            }
        }
    }

    /// Tells of the rows that weren't told of yet.
    pub(super) fn finish(&mut self, head: &Head, found: Found<'_>) {
        let Some(whom) = &mut self.whom else { return };
        let past = &mut self.past;
        let wanted = past.wanted();
        if let Err(failure) = whom.known(&wanted, &mut |known| past.answer(known)) {
            // A record that can't be read now is worth no second try: the file is looked at without it.
            self.failure = Some(failure);
            self.whom = None;
        }
        past.tell(head, found);
    }

    /// Why not everything was asked.
    pub(super) fn failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }
}
