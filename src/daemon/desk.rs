//! One customer's side of the record: what the inbox asks of it and hands over to it.
//!
//! Here is what the inbox is answered, and what is known of the customer's files; [`acceptance`] judges contents and
//! puts them on record. The bells are rung for whoever goes on from there. Blocks.

mod acceptance;
mod rehearsing;
mod sheets;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use devicedrop_core::ids::{CustomerKey, SubmissionEntry};
use devicedrop_core::locale::Locale;
use devicedrop_core::message;
use devicedrop_core::name::{self, Kind};
use devicedrop_core::plan::FolderId;
use devicedrop_core::problem::FileProblem;
use devicedrop_core::settle::Stamp;
use devicedrop_core::survey::Encoding;
use tokio::sync::OwnedSemaphorePermit;

use crate::config::CustomerSettings;
use crate::inbox::{
    Arrival, Claimed, Desk, DeskError, DropPath, FileFacts, Hold, Known, Refusal, Rehearsal, SideFile, TooLarge,
    Wrote,
};
use crate::ledger::command::{KnownFile, NewDelivery, NewSubmission};
use crate::ledger::{ReadError, Reader};
use crate::step::Step;

use super::judge::{Judge, Judged};
use super::monitor::meters::Fate;
use super::notices::{self, Cause};
use super::poison::{self, Mark};
use super::shared::{AskError, CustomerBells, Shared};
use super::space::{self, Today};
use super::written::{self, Noted, WRITTEN, Written};

use acceptance::Content;
pub(crate) use sheets::options_on_record;
pub(super) use sheets::{as_accepted, sheet_options};

/// Topics of the notes that a lane keeps in the ledger, beside the record.
mod topic {
    pub(super) const FOLDER: &str = "folder";
    pub(super) const SPENT: &str = "spent";
    /// An order file that came with a rejected file and waits for the corrected one.
    pub(super) const KEPT: &str = "kept";
}

/// The reason on record for a file that waits because its customer is over the day's limit.
const DAY_LIMIT: &str = "day_limit";

/// The name that belongs to a path, by its number from 1.
type NameOf = fn(&[u8], u32) -> Vec<u8>;

/// One customer's desk.
pub(super) struct CustomerDesk {
    shared: Arc<Shared>,
    settings: CustomerSettings,
    bells: Arc<CustomerBells>,
    judge: Judge,
    judged: Option<Result<Judged, Encoding>>,
    /// What is on record of each path; read once, then kept up with.
    known: Option<HashMap<DropPath, Known>>,
    /// The inodes of those, and of some that were there before: a file with another one wasn't moved.
    inodes: HashSet<u64>,
    today: Today,
    /// Counts up as the pass goes on, however long it takes.
    beats: Arc<AtomicU64>,
    /// Held while a long rehearsal is answered.
    long_rehearsal: Option<OwnedSemaphorePermit>,
    mark: Mark,
}

impl CustomerDesk {
    /// The desk of a customer.
    pub(super) fn new(shared: Arc<Shared>, settings: CustomerSettings) -> Self {
        let bells = shared.bells.of(&settings.key);
        let judge = Judge::new(sheet_options(&shared, &settings));
        let mark = Mark::of(&shared, &settings.key);
        Self {
            mark,
            shared,
            settings,
            bells,
            judge,
            judged: None,
            known: None,
            inodes: HashSet::new(),
            today: Today::default(),
            beats: Arc::default(),
            long_rehearsal: None,
        }
    }

    /// What counts up while a pass goes on.
    pub(super) fn beats(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.beats)
    }

    /// Something more of the pass is done.
    fn goes_on(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Goes by other settings from now on.
    pub(super) fn reconfigure(&mut self, settings: CustomerSettings) {
        self.settings = settings;
    }

    /// After a pass: nothing is being read, and the files that aren't taken are answered.
    pub(super) fn after_pass(&mut self) {
        self.mark.clear();
        self.long_rehearsal = None;
        if notices::write_all(&self.shared, &self.settings, &mut || self.goes_on()) {
            self.bells.intake.notify_one();
        }
    }

    fn known(&mut self) -> Result<&mut HashMap<DropPath, Known>, DeskError> {
        if self.known.is_none() {
            let files =
                self.shared.readers.ask(|reader| reader.known_files(&self.settings.key)).map_err(DeskError::new)?;
            let known = files.into_iter().map(|known| (path_of(&known.file.path), entry(&known)));
            let known: HashMap<DropPath, Known> = known.collect();
            self.inodes = known.values().map(|known| known.stamp.ino).collect();
            self.known = Some(known);
        }
        Ok(self.known.get_or_insert_default())
    }

    fn remember(&mut self, path: &DropPath, known: Known) -> Result<(), DeskError> {
        let ino = known.stamp.ino;
        self.known()?.insert(path.clone(), known);
        self.inodes.insert(ino);
        Ok(())
    }

    fn known_file(&self, path: &DropPath, stamp: &Stamp) -> KnownFile {
        KnownFile {
            customer: self.settings.key.clone(),
            path: path.text(),
            dev: stamp.dev,
            ino: stamp.ino,
            size: stamp.size,
            mtime_ns: stamp.mtime_ns,
            ctime_ns: stamp.ctime_ns,
            born_ns: stamp.born_ns,
        }
    }

    fn delivery(&self, path: &DropPath, facts: &FileFacts) -> NewDelivery {
        NewDelivery {
            at: self.shared.clock.now(),
            file: path.text(),
            owner: Some(facts.owner.to_string()),
            modified_at: Some(facts.modified_at),
        }
    }

    /// What we wrote beside a file may have been moved with it, as when its folder was renamed: then it is ours at
    /// its new place too, as its content tells.
    fn take_results_along(&self, from: &DropPath, to: &DropPath) -> Result<(), DeskError> {
        let note = |path: &DropPath| {
            let note = |reader: &crate::ledger::Reader| reader.note(Some(&self.settings.key), WRITTEN, &path.text());
            self.shared.readers.ask(note).map_err(DeskError::new)
        };
        let names: [NameOf; 2] = [name::result_name_numbered, name::receipt_name_numbered];
        for name_of in names {
            for number in 1.. {
                let at = |path: &DropPath| path.beside(&name_of(path.bytes(), number));
                let (before, now) = (at(from), at(to));
                let Some(wrote) = note(&before)? else { break };
                if let (None, Some(wrote)) = (note(&now)?, Noted::read(&wrote)) {
                    let wrote = wrote.now_of(to).to_string();
                    let (customer, topic) = (self.settings.key.clone(), WRITTEN.to_owned());
                    let noted = self.shared.writer.note(Some(customer), topic, now.text(), Some(wrote));
                    noted.wait().map_err(DeskError::new)?;
                }
            }
        }
        Ok(())
    }

    /// Puts on record that a path is answered without being taken; once for each path and reason.
    fn record_refusal(&self, path: &DropPath, reason: &str) -> Result<(), DeskError> {
        let (customer, now) = (self.settings.key.clone(), self.shared.clock.now());
        let refused = self.shared.writer.refuse(customer, path.text(), reason.to_owned(), now);
        if refused.wait().map_err(DeskError::new)? {
            self.shared.meters.file(Fate::Refused);
            tracing::warn!(customer = %self.settings.key, file = %path.text(), why = reason, "refused");
        }
        Ok(())
    }

    /// Puts a file on record as rejected that wasn't read.
    fn reject_unread(&mut self, path: &DropPath, facts: &FileFacts, problem: &FileProblem) -> Result<(), DeskError> {
        let why = message::file_problem(problem, Locale::En);
        let new = NewSubmission {
            at: self.shared.clock.now(),
            id: self.shared.clock.new_submission_id(),
            customer: self.settings.key.clone(),
            file: path.text(),
            order_id: None,
            purchase_id: None,
            format: None,
            encoding: None,
            delimiter: None,
            sha256: None,
            bytes: facts.stamp.size,
            rows: 0,
        };
        tracing::warn!(customer = %self.settings.key, file = %path.text(), submission = %new.id, why = %why, "rejected");
        let delivery = self.delivery(path, facts);
        let known = self.known_file(path, &facts.stamp);
        self.shared.board.taken(&self.settings.key, path);
        let entry = self.shared.writer.reject(new, why, delivery, known).wait().map_err(DeskError::new)?;
        self.shared.meters.file(Fate::Rejected);
        self.remember(path, Known { stamp: facts.stamp, sha256: None, submission: Some(entry) })?;
        self.bells.results.notify_one();
        Ok(())
    }

    /// A rejected file was accepted after all: the order file that came with it counted for it.
    fn spend_kept(&self, csv: &DropPath) -> Result<(), DeskError> {
        let key = csv.beside(&name::order_file_name(csv.name())).text();
        let customer = &self.settings.key;
        let kept = self.shared.readers.ask(|reader| reader.note(Some(customer), topic::KEPT, &key));
        let Some(marks) = kept.map_err(DeskError::new)? else { return Ok(()) };
        let noted = self.shared.writer.note(Some(customer.clone()), topic::SPENT.to_owned(), key, Some(marks));
        noted.wait().map_err(DeskError::new)
    }

    /// What lay beside a file counts once. But under the order of a file that was rejected nothing was registered:
    /// its order file waits for the corrected file.
    fn spend(&self, spent: &[SideFile], entry: SubmissionEntry) -> Result<(), DeskError> {
        if spent.is_empty() {
            return Ok(());
        }
        let submission = self.shared.readers.ask(|reader| reader.submission(entry)).map_err(DeskError::new)?;
        let is_rejected = submission.is_some_and(|submission| submission.rejection.is_some());
        for side in spent {
            let is_marker = name::classify(side.path.name()) == Kind::Marker;
            let topic = if is_rejected && !is_marker { topic::KEPT } else { topic::SPENT };
            let value = Some(marks(&side.stamp));
            self.shared
                .writer
                .note(Some(self.settings.key.clone()), topic.to_owned(), side.path.text(), value)
                .wait()
                .map_err(DeskError::new)?;
        }
        Ok(())
    }
}

impl Desk for CustomerDesk {
    fn known(&mut self, path: &DropPath) -> Result<Option<Known>, DeskError> {
        if rehearsing::is_rehearsal(path) {
            return self.rehearsed(path);
        }
        Ok(self.known()?.get(path).cloned())
    }

    fn known_like(&mut self, stamp: &Stamp) -> Result<Vec<(DropPath, Known)>, DeskError> {
        self.known()?;
        // Nearly always so, and looking through all of them for each file would make a flood's end slower by the file.
        if !self.inodes.contains(&stamp.ino) {
            return Ok(Vec::new());
        }
        let like = |known: &Known| {
            (known.stamp.ino, known.stamp.size, known.stamp.mtime_ns) == (stamp.ino, stamp.size, stamp.mtime_ns)
        };
        Ok(self
            .known()?
            .iter()
            .filter(|(_, known)| like(known))
            .map(|(path, known)| (path.clone(), known.clone()))
            .collect())
    }

    fn folder(&mut self, path: &Path) -> Result<Option<FolderId>, DeskError> {
        folder_on_record(&self.shared, &self.settings.key, path).map_err(DeskError::new)
    }

    fn folder_is(&mut self, path: &Path, id: FolderId) -> Result<(), DeskError> {
        let value = format!("{} {}", id.dev, id.ino);
        let folder = path.to_string_lossy().into_owned();
        self.shared
            .writer
            .note(Some(self.settings.key.clone()), topic::FOLDER.to_owned(), folder, Some(value))
            .wait()
            .map_err(DeskError::new)
    }

    fn is_spent(&mut self, side: &SideFile) -> Result<bool, DeskError> {
        self.shared.readers.ask(|reader| is_spent(reader, &self.settings.key, side)).map_err(DeskError::new)
    }

    fn may_take(&mut self, path: &DropPath, bytes: u64) -> Result<Result<(), Hold>, DeskError> {
        let answer =
            space::may_take(&self.shared, &self.settings.key, &mut self.today, bytes).map_err(DeskError::new)?;
        if answer == Err(Hold::DayLimit)
            && self.shared.board.to_be_answered(&self.settings.key, path, Cause::DayLimit)
        {
            self.record_refusal(path, DAY_LIMIT)?;
        }
        Ok(answer.and_then(|()| self.place_for(path, bytes)))
    }

    fn is_closing(&self) -> bool {
        // Asked for each entry of a folder and for each piece of a file.
        self.goes_on();
        self.shared.stop.is_cancelled()
    }

    fn is_poison(&mut self, path: &DropPath, facts: &FileFacts) -> Result<bool, DeskError> {
        let is = poison::is_poison(&self.shared, &self.settings.key, path, &facts.stamp).map_err(DeskError::new)?;
        if is {
            self.reject_unread(path, facts, &FileProblem::Poison)?;
        }
        Ok(is)
    }

    fn begin(&mut self, path: &DropPath, stamp: &Stamp) {
        self.mark.set(path, stamp);
        self.judge = Judge::new(sheet_options(&self.shared, &self.settings));
        self.judged = None;
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.judge.feed(bytes);
    }

    fn may_be_incomplete(&mut self) -> bool {
        let judge = std::mem::replace(&mut self.judge, Judge::new(sheet_options(&self.shared, &self.settings)));
        let judged = self.judged.insert(judge.finish());
        judged.as_ref().is_ok_and(Judged::may_be_incomplete)
    }

    fn deliver(&mut self, claimed: Claimed) -> Result<(), DeskError> {
        Step::Claimed.passed();
        let Claimed { path, arrival, sha256, bytes, facts, copy, pin, order_id, purchase_id, spent } = claimed;
        let mut claimed = Content { path, sha256, bytes, facts, copy, order_id, purchase_id };
        let waited = self.shared.board.waited_since(&self.settings.key, &claimed.path);
        self.shared.meters.settle.observe(self.shared.clock.now().since(waited.unwrap_or(self.shared.clock.now())));
        // Before its result is due, which nothing else stands in the way of any more.
        self.shared.board.taken(&self.settings.key, &claimed.path);
        let entry = match &arrival {
            Arrival::Moved { from, submission } => {
                let (from, submission) = (from.clone(), *submission);
                let delivery = self.delivery(&claimed.path, &claimed.facts);
                let file = self.known_file(&claimed.path, &claimed.facts.stamp);
                self.take_results_along(&from, &claimed.path)?;
                self.shared.writer.moved(submission, from.text(), delivery, file).wait().map_err(DeskError::new)?;
                self.known()?.remove(&from);
                self.shared.meters.file(Fate::Moved);
                tracing::info!(
                    customer = %self.settings.key, file = %claimed.path.text(), from = %from.text(), "moved"
                );
                submission
            }
            Arrival::Again { .. } | Arrival::New => {
                let before = self
                    .shared
                    .readers
                    .ask(|reader| reader.submission_of(&self.settings.key, &claimed.path.text(), &claimed.sha256))
                    .map_err(DeskError::new)?;
                match before {
                    Some(before) => self.back_again(&mut claimed, &before)?,
                    None => self.judge_anew(&mut claimed)?,
                }
            }
        };
        drop(pin);
        self.spend(&spent, entry)?;
        let known = Known { stamp: claimed.facts.stamp, sha256: Some(claimed.sha256), submission: Some(entry) };
        self.remember(&claimed.path, known)?;
        self.bells.results.notify_one();
        self.shared.board.happened(&self.settings.key, self.shared.clock.now());
        Ok(())
    }

    fn too_large(&mut self, file: TooLarge) -> Result<(), DeskError> {
        let problem = FileProblem::TooLarge { bytes: file.facts.stamp.size, limit: file.limit };
        self.reject_unread(&file.path, &file.facts, &problem)
    }

    fn rehearse(&mut self, rehearsal: Rehearsal) -> Result<Result<(), Hold>, DeskError> {
        self.answer_rehearsal(rehearsal)
    }

    fn touched(&mut self, path: &DropPath, stamp: &Stamp) -> Result<(), DeskError> {
        if rehearsing::is_rehearsal(path) {
            let known = self.rehearsed(path)?;
            return self.is_rehearsed(path, stamp, known.and_then(|known| known.sha256).as_ref());
        }
        let file = self.known_file(path, stamp);
        self.shared.writer.touch(file).wait().map_err(DeskError::new)?;
        if let Some(known) = self.known()?.get_mut(path) {
            known.stamp = *stamp;
        }
        self.inodes.insert(stamp.ino);
        Ok(())
    }

    fn refused(&mut self, path: &DropPath, refusal: &Refusal) -> Result<(), DeskError> {
        self.record_refusal(path, refusal.code())?;
        self.shared.board.refused(&self.settings.key, path, refusal.clone(), self.shared.clock.now());
        self.bells.results.notify_one();
        Ok(())
    }

    fn no_longer_refused(&mut self, path: &DropPath) -> Result<(), DeskError> {
        self.shared.board.no_longer_refused(&self.settings.key, path);
        Ok(())
    }

    fn wrote(&mut self, path: &DropPath, stamp: &Stamp) -> Result<Wrote, DeskError> {
        let key = path.text();
        let note = |topic| {
            let note = self.shared.readers.ask(|reader| reader.note(Some(&self.settings.key), topic, &key));
            note.map_err(DeskError::new)
        };
        if note(WRITTEN)?.as_deref().and_then(Noted::read).is_some_and(|noted| noted.is(stamp)) {
            return Ok(Wrote::This);
        }
        let any = Written::new(&self.shared, &self.settings.key, path).any(path.name());
        let hashes: Vec<_> = any.into_iter().map(|noted| noted.sha256).collect();
        Ok(if hashes.is_empty() { Wrote::Nothing } else { Wrote::OneOf(hashes) })
    }

    fn wrote_anywhere(&mut self, sha256: &devicedrop_core::device::Sha256) -> Result<bool, DeskError> {
        written::anywhere(&self.shared, sha256).map_err(DeskError::new)
    }
}

/// What the drop folder at this path was last.
pub(super) fn folder_on_record(
    shared: &Shared,
    customer: &CustomerKey,
    path: &Path,
) -> Result<Option<FolderId>, AskError> {
    let folder = path.to_string_lossy();
    let note = shared.readers.ask(|reader| reader.note(Some(customer), topic::FOLDER, &folder))?;
    Ok(note.and_then(|text| {
        let (dev, ino) = text.split_once(' ')?;
        Some(FolderId { dev: dev.parse().ok()?, ino: ino.parse().ok()? })
    }))
}

fn entry(known: &crate::ledger::rows::Known) -> Known {
    let file = &known.file;
    let stamp = Stamp {
        dev: file.dev,
        ino: file.ino,
        size: file.size,
        mtime_ns: file.mtime_ns,
        ctime_ns: file.ctime_ns,
        born_ns: file.born_ns,
    };
    Known { stamp, sha256: known.sha256, submission: Some(known.submission) }
}

/// The path inside a drop folder that the record's text stands for.
pub(super) fn path_of(text: &str) -> DropPath {
    DropPath::from_bytes(&devicedrop_core::name::path_bytes(text))
}

/// What tells one state of a side file from another, as text for a note.
fn marks(stamp: &Stamp) -> String {
    format!("{} {} {} {}", stamp.ino, stamp.size, stamp.mtime_ns, stamp.ctime_ns)
}

/// Whether a marker or an order file of a customer was used up by an earlier delivery.
pub(crate) fn is_spent(reader: &Reader, customer: &CustomerKey, side: &SideFile) -> Result<bool, ReadError> {
    let note = reader.note(Some(customer), topic::SPENT, &side.path.text())?;
    Ok(note.is_some_and(|marks_then| was(&marks_then, &side.stamp)))
}

/// Whether these are the marks of this file. Its ctime doesn't count: another mode or owner makes it no new file.
fn was(marks_then: &str, stamp: &Stamp) -> bool {
    let now = marks(stamp);
    let content = |marks: &str| marks.rsplit_once(' ').map(|(content, _)| content.to_owned());
    content(marks_then) == content(&now)
}
