//! Answers a rehearsal: what would become of each row, in a result file beside it, and nothing else.
//!
//! Nothing is registered, sent or put on record; what was answered is noted beside the record, so that it is answered
//! once. Blocks; called from threads that may. What the inbox hands over comes in by `desk`.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use devicedrop_core::device::{Device, Sha256};
use devicedrop_core::dialect::Dialect;
use devicedrop_core::ids::{AttemptId, EntryId, RegistrationId, SubmissionId};
use devicedrop_core::locale::Locale;
use devicedrop_core::message::{self, Details, Foreseen};
use devicedrop_core::problem::FileProblem;
use devicedrop_core::registrar::{Request, Verdict};
use devicedrop_core::result_sheet::Fate;
use devicedrop_core::row::Row;
use devicedrop_core::settle::Stamp;
use devicedrop_core::sheet::{Head, SheetOptions, SheetReader};
use devicedrop_core::state::ErrorCode;
use devicedrop_core::survey::Encoding;
use devicedrop_core::suspicion::{Past, Suspect, Suspicion, Watcher};

use crate::config::CustomerSettings;
use crate::inbox::DropPath;
use crate::ledger::reader::known::Whereabouts;
use crate::ledger::rows::Holder;
use crate::registrar::embedded::Embedded;
use crate::results::{self, Answers, Content, Fates, Place, Placed, RowFate};

use super::payment::{PayError, open_folder};
use super::shared::Shared;
use super::written::{Noted, WRITTEN, Written, note_answer};

/// The topic of the notes that tell which rehearsals were answered, in which state.
pub(super) const REHEARSED: &str = "rehearsed";

/// Bytes that are read ahead of what is written.
const CHUNK: usize = 128 * 1024;

/// Rows that the registrar is asked about at once, so that registrations needn't wait for long.
const ROWS: usize = 2_000;

/// What looks wrong with one row is told so often; more is no help.
const NOTES_EACH: usize = 5;

/// What shows only at a file's end is told of so many rows.
const LATE_NOTES: usize = 10_000;

/// A rehearsal above this size is long: one of them is answered at a time, since the warnings take memory.
pub(super) const LONG: u64 = 1024 * 1024;

/// What is answered: the rows of a file that was read whole, or why the whole file would be refused.
pub(super) enum Read<'a> {
    /// Its rows.
    Rows {
        /// The copy.
        copy: &'a mut File,
        /// How its bytes are read.
        encoding: Encoding,
        /// How its headings are read.
        options: &'a SheetOptions,
    },
    /// Why it would be refused.
    Refused {
        /// Why.
        problem: &'a FileProblem,
        /// As the file has it, where that is known.
        dialect: Dialect,
    },
}

/// Writes the answer to a rehearsal, and counts `beats` up while it goes on. What may stand at its name is what we last wrote there, as with every result.
pub(super) fn answer(
    shared: &Shared,
    customer: &CustomerSettings,
    path: &DropPath,
    read: Read<'_>,
    beats: &AtomicU64,
) -> Result<(), PayError> {
    let folder = open_folder(shared, customer, path)?;
    let mode = shared.config().results.mode;
    let place = Place { folder: folder.as_fd(), path: path.bytes(), answers: Answers::Newest, mode };
    let mut ours = Written::new(shared, &customer.key, path);
    let placed = match read {
        Read::Refused { problem, dialect } => {
            let details = message::file_problem(problem, customer.locale);
            results::write(&place, &mut ours, customer.locale, Content::Refused { details, dialect })?
        }
        Read::Rows { copy, encoding, options } => {
            let mut foresight = Foresight::new(shared, customer, copy, encoding, options, beats)?;
            let content = Content::Rows { copy, encoding, options, fates: &mut foresight };
            results::write(&place, &mut ours, customer.locale, content)?
        }
    };
    note_written(shared, customer, path, &placed);
    Ok(())
}

fn note_written(shared: &Shared, customer: &CustomerSettings, path: &DropPath, placed: &Placed) {
    let file = path.beside(&placed.name).text();
    note_answer(shared, &placed.sha256);
    let key = Some(customer.key.clone());
    let noted =
        shared.writer.note(key, WRITTEN.to_owned(), file.clone(), Some(Noted::placed(placed, path).to_string()));
    if let Err(error) = noted.wait() {
        tracing::error!(error = %error, "the answer to a rehearsal is in place and could not be noted");
    }
    tracing::info!(customer = %customer.key, file = %path.text(), result = %file, "rehearsal answered");
}

/// The state in which a rehearsal was answered, and the SHA-256 of what was read, as a note.
pub(super) fn note_of(stamp: &Stamp, sha256: Option<&Sha256>) -> String {
    let Stamp { dev, ino, size, mtime_ns, ctime_ns, born_ns } = stamp;
    let born = born_ns.map_or_else(|| "-".to_owned(), |born| born.to_string());
    let sha256 = sha256.map_or_else(|| "-".to_owned(), ToString::to_string);
    format!("{dev} {ino} {size} {mtime_ns} {ctime_ns} {born} {sha256}")
}

/// What such a note says; none if it is none.
pub(super) fn read_note(note: &str) -> Option<(Stamp, Option<Sha256>)> {
    let mut parts = note.split(' ');
    let mut next = || parts.next();
    let stamp = Stamp {
        dev: next()?.parse().ok()?,
        ino: next()?.parse().ok()?,
        size: next()?.parse().ok()?,
        mtime_ns: next()?.parse().ok()?,
        ctime_ns: next()?.parse().ok()?,
        born_ns: next().filter(|born| *born != "-").map(str::parse).transpose().ok()?,
    };
    Some((stamp, next()?.parse().ok()))
}

/// What would become of the rows of a file, told a chunk of it ahead of what is written.
struct Foresight<'a> {
    shared: &'a Shared,
    /// Counts up as the answer goes on, however long it takes.
    beats: &'a AtomicU64,
    customer: &'a CustomerSettings,
    support: Option<String>,
    copy: File,
    offset: u64,
    reader: Option<SheetReader>,
    watcher: Watcher,
    /// What shows only at the end, by line.
    late: BTreeMap<u64, Vec<String>>,
    ready: VecDeque<(u64, Fate)>,
}

/// A row that was read and not judged yet.
struct Waiting {
    line: u64,
    /// The device and its hash, or what is wrong with the row.
    content: Result<(Device, Option<String>), String>,
    notes: Vec<String>,
    /// The earlier line on which the device stands first, if there is one, and how a note says it.
    first: Option<(u64, String)>,
    /// What is wrong with its hash, which a registrar that refuses it says too.
    hash: Option<String>,
}

impl<'a> Foresight<'a> {
    fn new(
        shared: &'a Shared,
        customer: &'a CustomerSettings,
        copy: &mut File,
        encoding: Encoding,
        options: &SheetOptions,
        beats: &'a AtomicU64,
    ) -> Result<Self, PayError> {
        let late = late_notes(shared, customer, copy, encoding, options, beats).map_err(PayError::Copy)?;
        Ok(Self {
            shared,
            beats,
            customer,
            support: shared.config().support.clone(),
            copy: copy.try_clone().map_err(PayError::Copy)?,
            offset: 0,
            reader: Some(SheetReader::new(encoding, options.clone())),
            watcher: Watcher::new(),
            late,
            ready: VecDeque::new(),
        })
    }

    /// Reads and judges on until a row is ready; false at the end.
    fn read_on(&mut self) -> io::Result<bool> {
        let mut buffer = vec![0; CHUNK];
        while self.ready.is_empty() {
            go_on(self.shared, self.beats)?;
            let Some(mut reader) = self.reader.take() else { return Ok(false) };
            // The writer of the result reads the same file by its own place in it.
            let read = self.copy.read_at(&mut buffer, self.offset)?;
            let bytes = buffer.get(..read).unwrap_or_default();
            self.offset = self.offset.saturating_add(u64::try_from(read).unwrap_or_default());
            let mut rows = Vec::new();
            let (watcher, locale) = (&mut self.watcher, self.customer.locale);
            let mut sink = |head: &Head, row: Row<'_>| rows.push(waiting(watcher, head, &row, locale));
            let changed = |_| io::Error::other("the copy of a rehearsal no longer reads as it did");
            if bytes.is_empty() {
                reader.finish(&mut sink).map_err(changed)?;
            } else {
                reader.feed(bytes, &mut sink).map_err(changed)?;
                self.reader = Some(reader);
            }
            let mut rows = rows.into_iter();
            loop {
                let batch: Vec<Waiting> = rows.by_ref().take(ROWS).collect();
                if batch.is_empty() {
                    break;
                }
                self.judge(batch)?;
            }
        }
        Ok(true)
    }

    fn judge(&mut self, rows: Vec<Waiting>) -> io::Result<()> {
        let verdicts = match &self.shared.embedded {
            Some(embedded) => self.ask(embedded, &rows)?.into_iter().map(Some).collect(),
            None => Vec::new(),
        };
        let mut verdicts = verdicts.into_iter();
        for row in rows {
            let line = row.line;
            let verdict = if row.content.is_ok() { verdicts.next().flatten() } else { None };
            let fate = self.fate_of(row, verdict)?;
            self.ready.push_back((line, fate));
        }
        Ok(())
    }

    fn ask(&self, embedded: &Embedded, rows: &[Waiting]) -> io::Result<Vec<Verdict>> {
        let number = EntryId::new(1).ok_or(io::ErrorKind::InvalidInput)?;
        let request = |(device, hardware_hash): &(Device, Option<String>)| Request {
            // Nobody keeps them: a rehearsal claims nothing.
            attempt: AttemptId(number),
            registration: RegistrationId(number),
            submission: SubmissionId::from_bytes([0; 16]),
            key: Sha256::of(REHEARSED.as_bytes()),
            customer: self.customer.key.clone(),
            device: device.clone(),
            hardware_hash: hardware_hash.clone(),
            order_id: None,
            purchase_id: None,
        };
        let requests = rows.iter().filter_map(|row| row.content.as_ref().ok()).map(request).collect();
        embedded.rehearse(requests).map_err(io::Error::other)
    }

    /// What the answer says of one row. Without a verdict nobody could be asked.
    fn fate_of(&mut self, row: Waiting, verdict: Option<Verdict>) -> io::Result<Fate> {
        let locale = self.customer.locale;
        let Waiting { line, content, mut notes, mut first, hash } = row;
        let (error, details) = match (content, verdict) {
            (Err(problem), _) => {
                (Some(ErrorCode::RowNotValid), message::foreseen(&Foreseen::Failed { details: &problem }, locale))
            }
            (Ok(_), Some(Verdict::Registered { .. })) => match first.take() {
                None => (None, message::foreseen(&Foreseen::Registered, locale)),
                Some((line, _)) => (
                    Some(ErrorCode::DeviceAlreadyRegistered),
                    message::foreseen(&Foreseen::EarlierInFile { line }, locale),
                ),
            },
            (Ok((device, _)), Some(Verdict::AlreadyRegistered)) => {
                let holder = self.holder(&device)?;
                let foreseen = Foreseen::AlreadyRegistered { holder: holder.as_ref().map(told) };
                (Some(ErrorCode::DeviceAlreadyRegistered), message::foreseen(&foreseen, locale))
            }
            (Ok(_), Some(Verdict::Refused { error, detail, near })) => {
                let words = near.map(|near| message::hint(&near, Locale::En)).or(detail);
                let support = self.support.as_deref();
                let details = Details::Error { error, request_id: "", support, words: words.as_deref() };
                let details = message::details(&details, locale);
                (Some(error), message::foreseen(&Foreseen::Failed { details: &details }, locale))
            }
            (
                Ok((device, _)),
                Some(Verdict::Accepted { .. } | Verdict::Deferred { .. } | Verdict::InDoubt { .. }) | None,
            ) => {
                let holder = self.holder(&device)?;
                (None, message::foreseen(&Foreseen::Sent { holder: holder.as_ref().map(told) }, locale))
            }
        };
        notes.extend(first.map(|(_, note)| note));
        notes.extend(hash.filter(|_| error != Some(ErrorCode::HardwareHashNotValid)));
        notes.extend(self.late.remove(&line).unwrap_or_default());
        let details =
            std::iter::once(details).chain(notes.into_iter().take(NOTES_EACH)).collect::<Vec<_>>().join(" ");
        Ok(Fate { state: None, error, details, request_id: String::new() })
    }

    /// The registration that holds the device, as far as the ledger knows.
    fn holder(&self, device: &Device) -> io::Result<Option<Holder>> {
        self.shared.readers.ask(|reader| reader.holder_of(&self.customer.key, device)).map_err(io::Error::other)
    }
}

impl Fates for Foresight<'_> {
    fn fate(&mut self, asked: &RowFate<'_>) -> io::Result<Fate> {
        if self.ready.is_empty() {
            self.read_on()?;
        }
        match self.ready.pop_front() {
            Some((line, fate)) if line == asked.line => Ok(fate),
            _ => Err(io::Error::other(format!("line {} of a rehearsal isn't the one that was judged", asked.line))),
        }
    }
}

/// An answer that takes long ends when the daemon does.
fn go_on(shared: &Shared, beats: &AtomicU64) -> io::Result<()> {
    beats.fetch_add(1, Ordering::Relaxed);
    if shared.stop.is_cancelled() { Err(io::Error::other("the daemon stops")) } else { Ok(()) }
}

fn told(holder: &Holder) -> message::Holder<'_> {
    message::Holder { file: &holder.file, line: holder.line, date: holder.at }
}

fn waiting(watcher: &mut Watcher, head: &Head, row: &Row<'_>, locale: Locale) -> Waiting {
    let (mut notes, mut first, mut hash) = (Vec::new(), None, None);
    watcher.row(head, row, &mut |suspicion: &Suspicion<'_>| match &suspicion.suspect {
        Suspect::Twice { first: line } => first = Some((*line, message::note(suspicion, locale))),
        Suspect::HardwareHash(_) => hash = Some(message::note(suspicion, locale)),
        _ => notes.push(message::note(suspicion, locale)),
    });
    let content = match &row.content {
        Err(problem) => Err(message::row_problem(problem, row.line, locale)),
        Ok(content) => {
            let device = Device {
                manufacturer: content.manufacturer.to_owned(),
                model: content.model.to_owned(),
                serial_number: content.serial_number.to_owned(),
            };
            Ok((device, content.hardware_hash.map(ToOwned::to_owned)))
        }
    };
    Waiting { line: row.line, content, notes, first, hash }
}

/// What shows only when all rows are known, or beside what the customer sent before.
fn late_notes(
    shared: &Shared,
    customer: &CustomerSettings,
    copy: &mut File,
    encoding: Encoding,
    options: &SheetOptions,
    beats: &AtomicU64,
) -> io::Result<BTreeMap<u64, Vec<String>>> {
    let (mut watcher, mut past) = (Watcher::new(), Past::new());
    let whereabouts = shared.readers.ask(|reader| reader.whereabouts(&customer.key)).map_err(io::Error::other)?;
    let mut late: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let mut note = |suspicion: &Suspicion<'_>| {
        if late.len() < LATE_NOTES || late.contains_key(&suspicion.line) {
            late.entry(suspicion.line).or_default().push(message::note(suspicion, customer.locale));
        }
    };
    let sheet = crate::reading::read_sheet(copy, encoding, options, &mut |head, row| {
        watcher.row(head, &row, &mut |_| {});
        past.row(&row);
        if past.is_full() {
            tell_of_past(shared, &whereabouts, &mut past, head, &mut note)?;
        }
        go_on(shared, beats)
    })?;
    if let Ok(sheet) = sheet {
        tell_of_past(shared, &whereabouts, &mut past, &sheet.head, &mut note)?;
        watcher.finish(&sheet.head, &mut note);
    }
    Ok(late)
}

/// Says what looks wrong in some rows beside the record. Who holds a device is said with what would become of its row.
fn tell_of_past(
    shared: &Shared,
    whereabouts: &Whereabouts,
    past: &mut Past,
    head: &Head,
    note: &mut dyn FnMut(&Suspicion<'_>),
) -> io::Result<()> {
    let wanted = past.wanted();
    let mut answers = Vec::new();
    let asked =
        shared.readers.ask(|reader| reader.known_serials(whereabouts, &wanted, &mut |known| answers.push(known)));
    asked.map_err(io::Error::other)?;
    for known in answers {
        past.answer(known);
    }
    past.tell(head, &mut |suspicion| {
        if !matches!(suspicion.suspect, Suspect::RegisteredBefore(_)) {
            note(suspicion);
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let stamp = Stamp { dev: 1, ino: 2, size: 3, mtime_ns: -4, ctime_ns: 5, born_ns: None };
        let sha256 = Sha256::of(b"abc");
        for (stamp, sha256) in [(stamp, None), (Stamp { born_ns: Some(-6), ..stamp }, Some(sha256))] {
            assert_eq!(read_note(&note_of(&stamp, sha256.as_ref())), Some((stamp, sha256)));
        }
        for other in ["", "1 2 3", "1 2 3 4 5 x -", "a"] {
            assert_eq!(read_note(other), None);
        }
    }
}
