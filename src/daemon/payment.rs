//! Pays one result: the archived copy and the ledger's rows through the results' writer into the drop folder.
//!
//! Blocks; called from threads that may. What goes on record of it is the caller's affair.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use devicedrop_core::device::{Format, Sha256};
use devicedrop_core::dialect::Dialect;
use devicedrop_core::ids::{RegistrationId, SubmissionEntry};
use devicedrop_core::locale::Locale;
use devicedrop_core::message::{self, Details};
use devicedrop_core::oa3;
use devicedrop_core::problem::FileProblem;
use devicedrop_core::result_sheet::Fate;
use devicedrop_core::sheet::SheetOptions;
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_core::survey::Encoding;
use devicedrop_core::time::Timestamp;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::beneath;
use crate::config::CustomerSettings;
use crate::durable::{self, DurableError};
use crate::inbox::{DEEPEST, DropPath, copy_of_content};
use crate::ledger::LedgerError;
use crate::ledger::command::NewResult;
use crate::ledger::rows::{Row, Submission};
use crate::results::{self, Answers, Content, Fates, Ours, Place, ResultError, RowFate};

use super::desk::{as_accepted, folder_on_record, path_of, sheet_options};
use super::judge;
use super::originals;
use super::shared::{AskError, Shared};
use super::written::{Noted, Written};

/// Rows that are read from the ledger at once.
const ROWS: usize = 5_000;

/// A result that stands in its place.
#[derive(Debug)]
pub(super) struct Payment {
    /// The folder that it was written into.
    pub(super) folder: OwnedFd,
    /// The path of the original inside the drop folder.
    pub(super) original: DropPath,
    /// Whether newer content lies, or lay, at that path, taken or not.
    pub(super) superseded: bool,
    /// Its path inside the drop folder.
    pub(super) file: String,
    /// The SHA-256 of its bytes.
    pub(super) sha256: Sha256,
    /// Where the rows stood when it was written.
    pub(super) counted: Counted,
    /// Whether no row was pending any more then.
    pub(super) last: bool,
    /// What is noted of it under [`super::written::WRITTEN`].
    pub(super) noted: String,
}

impl Payment {
    /// The record's entry for it.
    pub(super) fn entry(&self, at: Timestamp, submission: SubmissionEntry) -> NewResult {
        NewResult { at, submission, file: self.file.clone(), sha256: self.sha256, last: self.last }
    }
}

/// Where the rows of a result stood when they were written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Pending ones.
    pub(super) pending: u64,
    /// Ready, active and inactive ones, and those registered already.
    pub(super) ready: u64,
    /// Failed ones.
    pub(super) failed: u64,
    /// Of those ready, the ones registered already.
    pub(super) already: u64,
}

impl Counted {
    fn count(&mut self, row: &Row) {
        match row.state {
            State::Pending => self.pending += 1,
            State::Failed => self.failed += 1,
            State::Ready | State::Active | State::Inactive => self.ready += 1,
        }
        if row.state != State::Pending && row.error == Some(ErrorCode::DeviceAlreadyRegistered) {
            self.already += 1;
        }
    }
}

/// A result wasn't paid.
#[derive(Debug, thiserror::Error)]
pub(super) enum PayError {
    /// The folder in which the original lay can't be opened.
    #[error("the folder {folder} can't be opened: put it back, or make it writable for devicedrop")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The archived copy isn't there.
    #[error("the archived copy of the original can't be opened")]
    Copy(#[source] io::Error),
    /// The ledger didn't answer.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The result couldn't be written.
    #[error(transparent)]
    Result(#[from] ResultError),
    /// The result is in place, and the ledger didn't take it up.
    #[error("what was written can't be put on record")]
    Record(#[from] LedgerError),
    /// The result is on record, and its receipt couldn't be written.
    #[error("the receipt can't be written")]
    Receipt(#[source] ResultError),
    /// The result is on record, and there is no proof of that.
    #[error("the receipt can't be written: the ledger gives no proof of the result")]
    NoProof,
    /// The daemon stops, and the result is long: what was written of it is gone again, and it stays owed.
    #[error("the daemon stops")]
    Stopping,
}

impl PayError {
    /// Whether the folder is gone, rather than full or forbidden: nothing lies at its path, or something that it
    /// can't be, a file or a link.
    pub(super) fn folder_is_gone(&self) -> bool {
        let Self::Folder { cause, .. } = self else { return false };
        cause.kind() == io::ErrorKind::NotFound
            || matches!(Errno::from_io_error(cause), Some(Errno::LOOP | Errno::NOTDIR))
            || cause.kind() == io::ErrorKind::NotADirectory
    }

    /// The whole of it in one line.
    pub(super) fn told(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line = format!("{line}: {error}");
            cause = error.source();
        }
        line
    }
}

/// Writes the result of a submission as things stand now: the submission is read again, for its file may have been
/// moved, or replaced by another content, since the caller learned of it.
pub(super) fn pay(
    shared: &Shared,
    customer: &CustomerSettings,
    submission: &Submission,
) -> Result<Payment, PayError> {
    let now = shared.readers.ask(|reader| reader.submission(submission.entry))?;
    let submission = now.as_ref().unwrap_or(submission);
    let path = path_of(submission.tally.as_ref().map_or(&submission.file, |tally| &tally.path));
    let folder = open_folder(shared, customer, &path)?;
    let short = submission.id.short();
    let superseded = submission.tally.as_ref().is_some_and(|tally| tally.superseded)
        || shared.board.is_told_otherwise(&customer.key, &path);
    let place = Place {
        folder: folder.as_fd(),
        path: path.bytes(),
        answers: if superseded { Answers::Older(&short) } else { Answers::Newest },
        mode: shared.config().results.mode,
    };
    let mut ours = Written::new(shared, &customer.key, &path);
    let (placed, counted) = match &submission.rejection {
        Some(rejection) => {
            (write_rejected(shared, customer, submission, rejection, &place, &mut ours)?, Counted::default())
        }
        None => write_rows(shared, customer, submission, &place, &mut ours)?,
    };
    let noted = Noted::placed(&placed, &path).to_string();
    Ok(Payment {
        file: path.beside(&placed.name).text(),
        sha256: placed.sha256,
        last: counted.pending == 0,
        counted,
        noted,
        superseded,
        folder,
        original: path,
    })
}

/// Removes our files aside that a crash left in a drop folder and the folders in it, and says how many those were. Only
/// for the one lane that writes there, while it writes nothing.
pub(super) fn sweep(shared: &Shared, customer: &CustomerSettings) -> Result<u64, PayError> {
    let root = open_drop_folder(shared, customer)?;
    sweep_from(root.as_fd(), DEEPEST).map_err(|cause| unopened(customer, cause))
}

fn sweep_from(folder: BorrowedFd<'_>, levels: usize) -> io::Result<u64> {
    let mut removed = durable::remove_orphans(folder)?;
    if levels == 0 {
        return Ok(removed);
    }
    let listed =
        rustix::fs::openat(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for entry in rustix::fs::Dir::new(listed)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let may_be_folder = matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
        if !may_be_folder || name == b"." || name == b".." {
            continue;
        }
        // One that isn't to be opened, or to be listed, keeps the others from nothing.
        if let Ok(inner) = beneath::open_folder(folder, name) {
            removed += sweep_from(inner.as_fd(), levels - 1).unwrap_or(0);
        }
    }
    Ok(removed)
}

pub(super) fn open_folder(
    shared: &Shared,
    customer: &CustomerSettings,
    path: &DropPath,
) -> Result<OwnedFd, PayError> {
    let root = open_drop_folder(shared, customer)?;
    match path.folder() {
        None => Ok(root),
        Some(name) => beneath::open_folder(root.as_fd(), name).map_err(|cause| unopened(customer, cause)),
    }
}

fn unopened(customer: &CustomerSettings, cause: io::Error) -> PayError {
    PayError::Folder { folder: customer.folder.display().to_string(), cause }
}

/// Opens a customer's drop folder to write into it: only the one from which the intake takes. What else lies at its
/// path may be the empty place of a share that isn't mounted, or whatever somebody put there this moment.
pub(super) fn open_drop_folder(shared: &Shared, customer: &CustomerSettings) -> Result<OwnedFd, PayError> {
    let failed = |cause| unopened(customer, cause);
    let root = beneath::open_path(&customer.folder).map_err(|error| failed(error.into()))?;
    let found = beneath::look_at(&root).map_err(failed)?.folder_id();
    match folder_on_record(shared, &customer.key, &customer.folder)? {
        // A file system keeps the number of its topmost folder over mounts, but not its own number.
        Some(known) if known.ino != found.ino => {
            let why = "another folder lies there than the one from which the files were taken";
            Err(failed(io::Error::new(io::ErrorKind::NotFound, why)))
        }
        _ => Ok(root),
    }
}

fn open_copy(shared: &Shared, submission: &Submission) -> Result<File, PayError> {
    let Some(sha256) = submission.sha256 else {
        return Err(PayError::Copy(io::ErrorKind::NotFound.into()));
    };
    shared.archive.copy_of(&sha256).map_err(PayError::Copy)
}

fn write_rows(
    shared: &Shared,
    customer: &CustomerSettings,
    submission: &Submission,
    place: &Place<'_>,
    ours: &mut dyn Ours,
) -> Result<(results::Placed, Counted), PayError> {
    let encoding = submission.encoding.as_deref().and_then(Encoding::from_code).unwrap_or(Encoding::Utf8);
    let options = as_accepted(shared, submission)?;
    let mut wrote = |mut copy: File| {
        let written = write_sheet(shared, customer, submission, place, ours, (&mut copy, encoding, &options));
        match written {
            Err(PayError::Result(_)) if shared.stop.is_cancelled() => Err(PayError::Stopping),
            // A reading that differs from the one of its acceptance: this isn't what was accepted.
            Err(PayError::Result(ResultError::Write(DurableError::Fill(_)))) => Ok(None),
            written => written.map(Some),
        }
    };
    match open_copy(shared, submission) {
        Ok(copy) => {
            if let Some(written) = wrote(copy)? {
                return Ok(written);
            }
        }
        Err(PayError::Copy(error)) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    if let Some(original) = original_at(shared, place, submission)
        && let Some(written) = wrote(original)?
    {
        return Ok(written);
    }
    // Neither the copy nor the file: what the record has of the rows is all that is left of them.
    tracing::warn!(
        customer = %customer.key, file = %submission.file, submission = %submission.id,
        "the original is gone, and so is its copy: its result is written with our headings and the record's values"
    );
    let format = submission.format.unwrap_or(Format::Partner);
    let mut rebuilt = originals::rebuilt(shared, submission.id, format).map_err(PayError::Copy)?;
    let options =
        SheetOptions { formats: vec![format], columns: BTreeMap::new(), max_rows: u64::MAX, empty_files: true };
    write_sheet(shared, customer, submission, place, ours, (&mut rebuilt, Encoding::Utf8, &options))
}

/// The sender's own file, copied, if it still lies at its path with the content that was accepted.
fn original_at(shared: &Shared, place: &Place<'_>, submission: &Submission) -> Option<File> {
    let content = (submission.sha256?, submission.bytes);
    let name = place.path.rsplit(|byte| *byte == b'/').next()?;
    let mut file = beneath::open_file(place.folder, name).ok()?;
    let looked = beneath::look_at(&file).ok()?;
    if looked.kind != FileType::RegularFile || looked.stamp.size != submission.bytes {
        return None;
    }
    copy_of_content(&mut file, &shared.archive, content, || !shared.stop.is_cancelled()).ok().flatten()
}

/// Writes the rows of a sheet with their fates.
fn write_sheet(
    shared: &Shared,
    customer: &CustomerSettings,
    submission: &Submission,
    place: &Place<'_>,
    ours: &mut dyn Ours,
    (copy, encoding, options): (&mut File, Encoding, &SheetOptions),
) -> Result<(results::Placed, Counted), PayError> {
    let config = shared.config();
    let mut fates = LedgerFates {
        shared,
        locale: customer.locale,
        support: config.support.as_deref(),
        submission: submission.entry,
        rows: Vec::new().into_iter().peekable(),
        after: None,
        counted: Counted::default(),
    };
    let content = Content::Rows { copy, encoding, options, fates: &mut fates };
    let placed = results::write(place, ours, customer.locale, content)?;
    Ok((placed, fates.counted))
}

fn write_rejected(
    shared: &Shared,
    customer: &CustomerSettings,
    submission: &Submission,
    rejection: &str,
    place: &Place<'_>,
    ours: &mut dyn Ours,
) -> Result<results::Placed, PayError> {
    // What is on record holds; other words for it are only used when they say the same.
    let says_the_same = |problem: &FileProblem| message::file_problem(problem, Locale::En) == rejection;
    let same = judged_again(shared, customer, submission).into_iter().find(says_the_same);
    let details =
        same.map_or_else(|| rejection.to_owned(), |problem| message::file_problem(&problem, customer.locale));
    let dialect = open_copy(shared, submission).ok().and_then(|copy| beginning_of(copy).ok());
    let dialect = dialect.map_or(Dialect::STANDARD, |beginning| Dialect::sniffed(&beginning));
    Ok(results::write(place, ours, customer.locale, Content::Refused { details, dialect })?)
}

/// So much of a file shows its dialect.
const BEGINNING: u64 = 4_096;

fn beginning_of(copy: File) -> io::Result<Vec<u8>> {
    let mut beginning = Vec::new();
    copy.take(BEGINNING).read_to_end(&mut beginning)?;
    Ok(beginning)
}

/// Why a file was rejected, found out anew from its archived copy.
fn judged_again(shared: &Shared, customer: &CustomerSettings, submission: &Submission) -> Vec<FileProblem> {
    if submission.sha256.is_none() {
        // Nothing but these is refused unread.
        let limit = shared.config().drop.max_file_size;
        return vec![FileProblem::TooLarge { bytes: submission.bytes, limit }, FileProblem::Poison];
    }
    read_again(shared, customer, submission).into_iter().collect()
}

fn read_again(shared: &Shared, customer: &CustomerSettings, submission: &Submission) -> Option<FileProblem> {
    let mut copy = open_copy(shared, submission).ok()?;
    let encoding = match judge::survey_copy(&mut copy).ok()? {
        Ok(encoding) => encoding,
        Err(problem) => return Some(problem),
    };
    let options = sheet_options(shared, customer);
    judge::judge_copy(&mut copy, encoding, &options, &mut || ()).ok()?.verdict.err()
}

/// The fates of a submission's rows, read from the ledger a few thousand at a time.
struct LedgerFates<'a> {
    shared: &'a Shared,
    locale: Locale,
    support: Option<&'a str>,
    submission: SubmissionEntry,
    rows: std::iter::Peekable<std::vec::IntoIter<Row>>,
    after: Option<RegistrationId>,
    counted: Counted,
}

impl LedgerFates<'_> {
    fn next(&mut self) -> io::Result<Option<Row>> {
        if self.rows.peek().is_none() {
            // A long result would be cut off half written by the end of the time to stop; a short one is ended.
            if self.after.is_some() && self.shared.stop.is_cancelled() {
                return Err(io::Error::other(PayError::Stopping));
            }
            let (submission, after) = (self.submission, self.after);
            let read =
                self.shared.readers.ask(|reader| reader.rows(submission, after, ROWS)).map_err(io::Error::other)?;
            self.after = read.last().map(|row| row.registration).or(self.after);
            self.rows = read.into_iter().peekable();
        }
        Ok(self.rows.next())
    }
}

impl Fates for LedgerFates<'_> {
    fn fate(&mut self, asked: &RowFate<'_>) -> io::Result<Fate> {
        let row = self.next()?.filter(|row| row.line == asked.line).ok_or_else(|| {
            io::Error::other(format!("line {} of the archived copy isn't the one that is on record", asked.line))
        })?;
        self.counted.count(&row);
        Ok(fate(&row, asked, self.locale, self.support))
    }
}

/// What a result says of one row.
fn fate(row: &Row, asked: &RowFate<'_>, locale: Locale, support: Option<&str>) -> Fate {
    let request_id = row.request_id.as_deref().unwrap_or_default();
    let details = match row.error {
        None => row.detail.as_deref().map(|recorded| warning(recorded, asked, locale)).unwrap_or_default(),
        Some(ErrorCode::RowNotValid) => row_details(row, asked, locale),
        Some(ErrorCode::DeviceAlreadyRegistered) => {
            let holder = row.holder.as_ref().map(|holder| message::Holder {
                file: &holder.file,
                line: holder.line,
                date: holder.at,
            });
            message::details(&Details::AlreadyRegistered { holder }, locale)
        }
        Some(error) => {
            message::details(&Details::Error { error, request_id, support, words: row.detail.as_deref() }, locale)
        }
    };
    let state = match (row.error, &row.holder) {
        (Some(ErrorCode::DeviceAlreadyRegistered), Some(holder)) => holder.state,
        _ => row.state,
    };
    Fate { state: Some(state), error: row.error, details, request_id: request_id.to_owned() }
}

/// The warning on record of a row that was registered: that its hardware hash speaks of another device.
fn warning(recorded: &str, asked: &RowFate<'_>, locale: Locale) -> String {
    let again = || {
        let content = asked.content.ok()?;
        let hash = oa3::check(content.hardware_hash?).ok()?;
        let mismatch = oa3::cross_check(&hash, &content.device())?;
        let told = |locale| message::details(&Details::HashMismatch(&mismatch), locale);
        (told(Locale::En) == recorded).then(|| told(locale))
    };
    again().unwrap_or_else(|| recorded.to_owned())
}

fn row_details(row: &Row, asked: &RowFate<'_>, locale: Locale) -> String {
    let recorded = row.detail.clone().unwrap_or_default();
    match asked.content {
        Err(problem) if message::row_problem(problem, row.line, Locale::En) == recorded => {
            message::row_problem(problem, row.line, locale)
        }
        _ => recorded,
    }
}
