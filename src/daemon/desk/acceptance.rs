//! What becomes of a file's content: judged, put on record as accepted or rejected, or found there already.
//!
//! Also acceptances that were cut off, and rejected submissions that a person wants judged anew. What the inbox asks
//! is in [`super`]; how sheets are read in [`super::sheets`].

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use devicedrop_core::device::Sha256;
use devicedrop_core::ids::SubmissionEntry;
use devicedrop_core::locale::Locale;
use devicedrop_core::message;
use devicedrop_core::problem::FileProblem;
use devicedrop_core::settle::Stamp;
use devicedrop_core::sheet::{Sheet, SheetOptions};
use devicedrop_core::survey::Encoding;

use crate::daemon::commands::No;
use crate::daemon::judge::{self, Judged, judge_copy, rows_of_copy};
use crate::daemon::monitor::meters::Fate;
use crate::daemon::shared::Shared;
use crate::inbox::{Desk, DeskError, DropPath, FileFacts};
use crate::ledger::command::{KnownFile, NewDelivery, NewRegistration, NewSubmission};
use crate::ledger::rows::Submission;
use crate::ledger::{Pending, Reader};
use crate::step::Step;

use super::sheets::{as_accepted, keep_mapping, sheet_options};
use super::{CustomerDesk, path_of};

impl CustomerDesk {
    /// A content that nothing is on record of at this path, or that is judged anew.
    pub(super) fn judge_anew(&mut self, claimed: &mut Content) -> Result<SubmissionEntry, DeskError> {
        let options = sheet_options(&self.shared, &self.settings);
        let judged = match self.judged.take() {
            Some(Ok(judged)) => judged,
            Some(Err(encoding)) => {
                judge_copy(&mut claimed.copy, encoding, &options, &mut || self.goes_on()).map_err(DeskError::new)?
            }
            None => return Err(DeskError::new(io::Error::other("a file was handed over before it was read"))),
        };
        let Judged { verdict, encoding, rows } = judged;
        match (verdict, encoding) {
            (Ok(sheet), Some(encoding)) => self.accept(claimed, &sheet, encoding, rows, &options),
            (Ok(_), None) => Err(DeskError::new(io::Error::other("a sheet without an encoding"))),
            (Err(problem), encoding) => self.reject(claimed, &problem, encoding),
        }
    }

    fn accept(
        &mut self,
        claimed: &mut Content,
        sheet: &Sheet,
        encoding: Encoding,
        rows: Option<Vec<NewRegistration>>,
        options: &SheetOptions,
    ) -> Result<SubmissionEntry, DeskError> {
        let mut new = self.submission(claimed, Some(encoding));
        new.format = Some(sheet.head.format);
        new.delimiter = Some(sheet.head.dialect.delimiter.code().to_owned());
        new.rows = sheet.rows;
        let delivery = self.delivery(&claimed.path, &claimed.facts);
        let file = self.known_file(&claimed.path, &claimed.facts.stamp);
        let id = new.id;
        let noted = keep_mapping(&self.shared, &self.settings, &claimed.sha256, &new.file).map_err(DeskError::new)?;
        let writer = self.shared.writer.clone();
        let entry = if let Some(rows) = rows {
            writer.accept_whole(new, rows, delivery, file).wait().map_err(DeskError::new)?
        } else {
            let entry = writer.open_submission(new).wait().map_err(DeskError::new)?;
            add_rows(&self.shared, &self.beats, &mut claimed.copy, entry, encoding, options, 0)?;
            writer.close_submission(entry, delivery, file).wait().map_err(DeskError::new)?;
            entry
        };
        noted.into_iter().try_for_each(Pending::wait).map_err(DeskError::new)?;
        self.today.add(claimed.bytes, sheet.rows);
        self.shared.meters.accepted(sheet.rows, sheet.invalid);
        Step::Accepted.passed();
        tracing::info!(
            customer = %self.settings.key, file = %claimed.path.text(), submission = %id,
            rows = sheet.rows, refused = sheet.invalid, bytes = claimed.bytes, "accepted"
        );
        self.shared.bells.dispatcher.notify_one();
        Ok(entry)
    }

    fn reject(
        &mut self,
        claimed: &Content,
        problem: &FileProblem,
        encoding: Option<Encoding>,
    ) -> Result<SubmissionEntry, DeskError> {
        let new = self.submission(claimed, encoding);
        let why = message::file_problem(problem, Locale::En);
        let id = new.id;
        let delivery = self.delivery(&claimed.path, &claimed.facts);
        let file = self.known_file(&claimed.path, &claimed.facts.stamp);
        tracing::warn!(
            customer = %self.settings.key, file = %claimed.path.text(), submission = %id, why = %why, "rejected"
        );
        let entry = self.shared.writer.reject(new, why, delivery, file).wait().map_err(DeskError::new)?;
        self.today.add(claimed.bytes, 0);
        self.shared.meters.file(Fate::Rejected);
        Ok(entry)
    }

    fn submission(&self, claimed: &Content, encoding: Option<Encoding>) -> NewSubmission {
        NewSubmission {
            at: self.shared.clock.now(),
            id: self.shared.clock.new_submission_id(),
            customer: self.settings.key.clone(),
            file: claimed.path.text(),
            order_id: claimed.order_id.clone(),
            purchase_id: claimed.purchase_id.clone(),
            format: None,
            encoding: encoding.map(|encoding| encoding.code().to_owned()),
            delimiter: None,
            sha256: Some(claimed.sha256),
            bytes: claimed.bytes,
            rows: 0,
        }
    }

    /// A content that is on record at this path.
    pub(super) fn back_again(
        &mut self,
        claimed: &mut Content,
        before: &Submission,
    ) -> Result<SubmissionEntry, DeskError> {
        if before.rejection.is_some() {
            return self.judge_anew(claimed);
        }
        let file = self.known_file(&claimed.path, &claimed.facts.stamp);
        let delivery = self.delivery(&claimed.path, &claimed.facts);
        if before.tally.is_none() {
            return self.go_on(claimed, before, delivery, file);
        }
        let again = self.shared.writer.deliver_again(before.entry, delivery, file).wait().map_err(DeskError::new)?;
        self.shared.meters.file(Fate::Again);
        tracing::info!(
            customer = %self.settings.key, file = %claimed.path.text(), submission = %before.id,
            tried_again = again, "delivered again"
        );
        self.shared.bells.dispatcher.notify_one();
        Ok(before.entry)
    }

    /// Ends an acceptance that was cut off.
    fn go_on(
        &mut self,
        claimed: &mut Content,
        before: &Submission,
        delivery: NewDelivery,
        file: KnownFile,
    ) -> Result<SubmissionEntry, DeskError> {
        let unfinished = self.shared.readers.ask(Reader::unfinished_acceptances).map_err(DeskError::new)?;
        let rows_in = unfinished.iter().find(|one| one.submission.entry == before.entry).map_or(0, |one| one.rows_in);
        let encoding = before.encoding.as_deref().and_then(Encoding::from_code).unwrap_or(Encoding::Utf8);
        let options = as_accepted(&self.shared, before).map_err(DeskError::new)?;
        add_rows(&self.shared, &self.beats, &mut claimed.copy, before.entry, encoding, &options, rows_in)?;
        self.shared.writer.close_submission(before.entry, delivery, file).wait().map_err(DeskError::new)?;
        tracing::info!(
            customer = %self.settings.key, file = %claimed.path.text(), submission = %before.id,
            rows = before.rows, found_on_record = rows_in, "accepted, from where it was cut off"
        );
        self.shared.bells.dispatcher.notify_one();
        Ok(before.entry)
    }

    /// Ends an acceptance that was cut off, from the archived copy alone: its file may be gone, or another by now.
    pub(in crate::daemon) fn go_on_without_file(&mut self, before: &Submission, rows_in: u64) -> Result<(), No> {
        let mut copy = self.copy_of(before)?;
        let encoding = before.encoding.as_deref().and_then(Encoding::from_code).unwrap_or(Encoding::Utf8);
        let options = as_accepted(&self.shared, before)?;
        add_rows(&self.shared, &self.beats, &mut copy, before.entry, encoding, &options, rows_in).map_err(desk_no)?;
        let delivery =
            NewDelivery { at: self.shared.clock.now(), file: before.file.clone(), owner: None, modified_at: None };
        // A stamp that no file has: if the file still lies there, it is known again by its content.
        let stamp = Stamp { dev: 0, ino: 0, size: before.bytes, mtime_ns: 0, ctime_ns: 0, born_ns: None };
        let file = self.known_file(&path_of(&before.file), &stamp);
        self.shared.writer.close_submission(before.entry, delivery, file).wait()?;
        Ok(())
    }

    /// Judges a rejected submission anew from its archived copy, because a person asked for it.
    pub(in crate::daemon) fn judge_again(&mut self, before: &Submission) -> Result<(), No> {
        let path = path_of(before.tally.as_ref().map_or(&before.file, |tally| &tally.path));
        let known = Desk::known(self, &path).map_err(desk_no)?;
        let Some(known) = known.filter(|known| known.sha256 == before.sha256) else {
            return Err(No::new(
                format!("another content than that of submission {} was last taken at its path", before.id),
                "drop the file again; that is safe at any time",
            ));
        };
        let newest = match known.submission {
            Some(entry) => self.shared.readers.ask(|reader| reader.submission(entry))?,
            None => None,
        };
        if let Some(newest) = newest.filter(|newest| newest.rejection.is_none()) {
            return Err(No::new(
                format!(
                    "the content of submission {} has been accepted since, as submission {}",
                    before.id, newest.id
                ),
                "nothing is left to be judged; devicedrop explain tells how it stands",
            ));
        }
        let copy = self.copy_of(before)?;
        let sha256 = before.sha256.unwrap_or(Sha256::of(b""));
        let facts = FileFacts { stamp: known.stamp, owner: 0, modified_at: before.at };
        self.begin(&path, &known.stamp);
        let mut bytes = copy.try_clone()?;
        let encoding = judge::survey_copy(&mut bytes)?;
        let options = sheet_options(&self.shared, &self.settings);
        self.judged = Some(Ok(match encoding {
            Err(problem) => Judged { verdict: Err(problem), encoding: None, rows: None },
            Ok(encoding) => judge_copy(&mut bytes, encoding, &options, &mut || ())?,
        }));
        let mut content = Content {
            path: path.clone(),
            sha256,
            bytes: before.bytes,
            facts,
            copy,
            order_id: before.order_id.clone(),
            purchase_id: before.purchase_id.clone(),
        };
        let entry = self.judge_anew(&mut content).map_err(desk_no)?;
        let judged = self.shared.readers.ask(|reader| reader.submission(entry))?;
        if judged.is_some_and(|judged| judged.rejection.is_none()) {
            self.spend_kept(&path).map_err(desk_no)?;
        }
        self.mark.clear();
        self.bells.results.notify_one();
        self.bells.intake.notify_one();
        Ok(())
    }

    fn copy_of(&self, submission: &Submission) -> Result<File, No> {
        let sha256 = submission.sha256.ok_or_else(|| {
            No::new("the file was refused unread; there is no copy of it", "drop the file again; that is safe")
        })?;
        self.shared.archive.copy_of(&sha256).map_err(|error| No {
            message: "the archived copy of the original can't be opened".to_owned(),
            because: vec![error.to_string()],
            hint: Some("drop the file again; that is safe at any time".to_owned()),
        })
    }
}

/// A file's content, as it is judged.
pub(super) struct Content {
    pub(super) path: DropPath,
    pub(super) sha256: Sha256,
    pub(super) bytes: u64,
    pub(super) facts: FileFacts,
    pub(super) copy: File,
    pub(super) order_id: Option<String>,
    pub(super) purchase_id: Option<String>,
}

/// Puts the rows of a file on record that are too many to be kept at hand, but for the first `skip` of them.
fn add_rows(
    shared: &Shared,
    beats: &AtomicU64,
    copy: &mut File,
    entry: SubmissionEntry,
    encoding: Encoding,
    options: &SheetOptions,
    skip: u64,
) -> Result<(), DeskError> {
    let mut waiting: Option<Pending<()>> = None;
    let sheet = rows_of_copy(copy, encoding, options, skip, &mut |batch| {
        // One batch is written while the next is read, and never more than that.
        let before = waiting.replace(shared.writer.add_registrations(entry, batch));
        before.map_or(Ok(()), Pending::wait).map_err(io::Error::other)?;
        beats.fetch_add(1, Ordering::Relaxed);
        Step::MidAcceptance.passed();
        Ok(())
    })
    .map_err(DeskError::new)?;
    if let Some(last) = waiting {
        last.wait().map_err(DeskError::new)?;
    }
    let changed = |problem: FileProblem| {
        DeskError::new(io::Error::other(format!(
            "an archived copy no longer reads as it did: {}",
            message::file_problem(&problem, Locale::En)
        )))
    };
    sheet.map(drop).map_err(changed)
}
fn desk_no(error: DeskError) -> No {
    let cause = error.into_inner();
    No { message: cause.to_string(), because: Vec::new(), hint: None }
}
