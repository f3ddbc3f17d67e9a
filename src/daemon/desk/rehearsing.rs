//! The desk's side of rehearsals: judged like any other file, answered at once, and put on no record.
//!
//! What the answer says is in [`super::super::rehearsal`].

use std::io::{Read as _, Seek};
use std::sync::Arc;

use devicedrop_core::device::Sha256;
use devicedrop_core::dialect::Dialect;
use devicedrop_core::name::{self, Kind};
use devicedrop_core::problem::FileProblem;
use devicedrop_core::settle::Stamp;

use crate::daemon::judge::{Judged, judge_copy};
use crate::daemon::payment::PayError;
use crate::daemon::rehearsal::{self, LONG, REHEARSED, Read, note_of, read_note};
use crate::inbox::{DeskError, DropPath, Hold, Known, Rehearsal, Rehearsed};

use super::CustomerDesk;
use super::sheets::sheet_options;

/// So much of a file shows its dialect.
const BEGINNING: u64 = 4_096;

/// Whether a file is a rehearsal by its name.
pub(super) fn is_rehearsal(path: &DropPath) -> bool {
    name::classify(path.name()) == Kind::Rehearsal
}

impl CustomerDesk {
    /// The state in which a rehearsal was last answered.
    pub(super) fn rehearsed(&self, path: &DropPath) -> Result<Option<Known>, DeskError> {
        let note = self
            .shared
            .readers
            .ask(|reader| reader.note(Some(&self.settings.key), REHEARSED, &path.text()))
            .map_err(DeskError::new)?;
        let known = note.as_deref().and_then(read_note);
        Ok(known.map(|(stamp, sha256)| Known { stamp, sha256, submission: None }))
    }

    /// A rehearsal counts as answered in this state.
    pub(super) fn is_rehearsed(
        &self,
        path: &DropPath,
        stamp: &Stamp,
        sha256: Option<&Sha256>,
    ) -> Result<(), DeskError> {
        let key = Some(self.settings.key.clone());
        let noted = self.shared.writer.note(key, REHEARSED.to_owned(), path.text(), Some(note_of(stamp, sha256)));
        noted.wait().map_err(DeskError::new)
    }

    /// Takes the place of the one long rehearsal, if this is a long one.
    pub(super) fn place_for(&mut self, path: &DropPath, bytes: u64) -> Result<(), Hold> {
        self.long_rehearsal = None;
        if bytes > LONG && is_rehearsal(path) {
            let place = Arc::clone(&self.shared.long_rehearsals).try_acquire_owned();
            self.long_rehearsal = Some(place.map_err(|_| Hold::Busy)?);
        }
        Ok(())
    }

    /// Answers a rehearsal, and notes that it did.
    pub(super) fn answer_rehearsal(&mut self, rehearsal: Rehearsal) -> Result<Result<(), Hold>, DeskError> {
        let Rehearsal { path, facts, content } = rehearsal;
        let mut rows = 0;
        let (answered, sha256) = match content {
            Rehearsed::TooLarge { limit } => {
                let problem = FileProblem::TooLarge { bytes: facts.stamp.size, limit };
                let read = Read::Refused { problem: &problem, dialect: Dialect::STANDARD };
                (rehearsal::answer(&self.shared, &self.settings, &path, read, &self.beats), None)
            }
            Rehearsed::Whole { sha256, mut copy } => {
                (self.answer_content(&path, &mut copy, &mut rows)?, Some(sha256))
            }
        };
        self.long_rehearsal = None;
        if let Err(error) = answered {
            tracing::warn!(
                customer = %self.settings.key, file = %path.text(), why = %error.told(), "rehearsal not answered"
            );
            return Ok(Err(if self.shared.stop.is_cancelled() { Hold::Closed } else { Hold::Unanswered }));
        }
        // It takes time and tells of the inventory, as a submission does; for today only what this process did counts.
        self.today.add(facts.stamp.size, rows);
        self.is_rehearsed(&path, &facts.stamp, sha256.as_ref())?;
        self.shared.board.taken(&self.settings.key, &path);
        Ok(Ok(()))
    }

    fn answer_content(
        &mut self,
        path: &DropPath,
        copy: &mut std::fs::File,
        rows: &mut u64,
    ) -> Result<Result<(), PayError>, DeskError> {
        let options = sheet_options(&self.shared, &self.settings);
        let Judged { verdict, encoding, .. } = match self.judged.take() {
            Some(Ok(judged)) => judged,
            Some(Err(encoding)) => {
                judge_copy(copy, encoding, &options, &mut || self.goes_on()).map_err(DeskError::new)?
            }
            None => return Err(DeskError::new(std::io::Error::other("a rehearsal came before it was read"))),
        };
        let read = match (&verdict, encoding) {
            (Ok(sheet), Some(encoding)) => {
                *rows = sheet.rows;
                Read::Rows { copy, encoding, options: &options }
            }
            (Ok(_), None) => return Err(DeskError::new(std::io::Error::other("a sheet without an encoding"))),
            (Err(problem), _) => {
                let mut beginning = Vec::new();
                copy.rewind().map_err(DeskError::new)?;
                copy.take(BEGINNING).read_to_end(&mut beginning).map_err(DeskError::new)?;
                Read::Refused { problem, dialect: Dialect::sniffed(&beginning) }
            }
        };
        Ok(rehearsal::answer(&self.shared, &self.settings, path, read, &self.beats))
    }
}
