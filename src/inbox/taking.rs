//! How a settled file is taken: compared with what is known, copied, looked at again, handed over.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use devicedrop_core::device::Sha256;
use devicedrop_core::plan::{Change, Fate, judge, may_be_moved};
use devicedrop_core::settle::Unsettled;

use super::claim::{ClaimError, Copied, copy, digest};
use super::desk::{Arrival, Claimed, DeskError, FileFacts, Known, Rehearsal, Rehearsed, TooLarge};
use super::drop_path::DropPath;
use super::memory::Tracked;
use super::pass::{Pass, Step, is_gone};
use super::side::Beside;
use super::why::{Refusal, Why};
use crate::beneath::{Looked, look, look_at, open_folder};

/// What a CSV is dropped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be registered.
    Submission,
    /// To hear what would happen. Waits for no marker and no order file.
    Rehearsal,
}

/// A CSV that isn't done with.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) folder: BorrowedFd<'a>,
    pub(super) path: &'a DropPath,
    pub(super) purpose: Purpose,
    pub(super) looked: Looked,
    pub(super) known: Option<Known>,
    pub(super) change: Option<Change>,
}

impl Candidate<'_> {
    fn facts(&self) -> FileFacts {
        FileFacts { stamp: self.looked.stamp, owner: self.looked.owner, modified_at: self.looked.modified_at() }
    }

    /// Whether the file that was read is still as it was looked at, and still what lies at the path.
    fn is_as_it_was(&self, file: &File) -> bool {
        let here = look_at(file).ok();
        let there = look(self.folder, self.path.name()).ok();
        here == Some(self.looked) && there == Some(self.looked)
    }
}

impl Pass<'_> {
    /// Takes a file that has settled, unless something else keeps it.
    pub(super) fn take(
        &mut self,
        candidate: &Candidate<'_>,
        mut file: File,
        tracked: &mut Tracked,
    ) -> Result<Step, DeskError> {
        if candidate.change == Some(Change::Attributes)
            && !tracked.differs
            && let Some(step) = self.look_for_touch(candidate, &mut file, tracked)?
        {
            return Ok(step);
        }
        let stamp = candidate.looked.stamp;
        if stamp.size > self.settings.max_file_size {
            let limit = self.settings.max_file_size;
            if candidate.purpose == Purpose::Rehearsal {
                return self.rehearse(candidate, Rehearsed::TooLarge { limit });
            }
            self.desk.too_large(TooLarge { path: candidate.path.clone(), facts: candidate.facts(), limit })?;
            self.report.delivered = self.report.delivered.saturating_add(1);
            return Ok(Step::Done(stamp));
        }
        let beside = match candidate.purpose {
            Purpose::Rehearsal => Beside::default(),
            Purpose::Submission => match self.beside(candidate, tracked)? {
                Ok(beside) => beside,
                Err(step) => return Ok(step),
            },
        };
        if let Err(hold) = self.desk.may_take(candidate.path, stamp.size)? {
            return Ok(Step::Wait(Why::Held(hold), self.settings.rescan));
        }
        if self.desk.is_poison(candidate.path, &candidate.facts())? {
            self.report.delivered = self.report.delivered.saturating_add(1);
            return Ok(Step::Done(stamp));
        }
        self.claim(candidate, file, beside, tracked)
    }

    /// Reads a file whose attributes changed to see whether its content did.
    fn look_for_touch(
        &mut self,
        candidate: &Candidate<'_>,
        file: &mut File,
        tracked: &mut Tracked,
    ) -> Result<Option<Step>, DeskError> {
        let stamp = candidate.looked.stamp;
        let Some(known) = &candidate.known else { return Ok(None) };
        let same = if stamp.size > self.settings.max_file_size {
            // Too large to compare, and nothing that can't be forged says that it was written.
            true
        } else {
            let sha256 = match digest(file, self.settings.max_file_size, || !self.desk.is_closing()) {
                Ok(sha256) => sha256,
                Err(error) => return Ok(Some(self.unread(error, tracked))),
            };
            if !candidate.is_as_it_was(file) {
                return Ok(Some(self.disturbed(tracked)));
            }
            known.sha256 == Some(sha256)
        };
        if judge(Change::Attributes, same, tracked.settling.writer_seen()) == Fate::Touched {
            self.desk.touched(candidate.path, &stamp)?;
            return Ok(Some(Step::Done(stamp)));
        }
        tracked.differs = true;
        io::Seek::rewind(file)
            .map_or_else(|error| Ok(Some(self.unread(ClaimError::Source(error), tracked))), |()| Ok(None))
    }

    fn claim(
        &mut self,
        candidate: &Candidate<'_>,
        mut file: File,
        beside: Beside,
        tracked: &mut Tracked,
    ) -> Result<Step, DeskError> {
        if self.report.trouble.is_some() {
            return Ok(Step::Wait(Why::Archive, self.settings.rescan));
        }
        crate::step::Step::Opened.passed();
        self.desk.begin(candidate.path, &candidate.looked.stamp);
        let desk = &mut *self.desk;
        let copied = copy(&mut file, self.archive, self.settings.max_file_size, |bytes| {
            desk.feed(bytes);
            !desk.is_closing()
        });
        let Copied { copying, sha256, bytes } = match copied {
            Ok(copied) => copied,
            Err(error) => return Ok(self.unread(error, tracked)),
        };
        crate::step::Step::Copied.passed();
        // Asked in any case, so that the desk hears of the end of what it was fed.
        let may_be_incomplete = self.desk.may_be_incomplete();
        if !candidate.is_as_it_was(&file) {
            return Ok(self.disturbed(tracked));
        }
        if let Some(marker) = beside.names_other_content(&sha256) {
            tracked.wrong_marker = Some((marker, candidate.looked.stamp));
            return Ok(Step::Blocked(Why::OtherContent, Refusal::OtherContent));
        }
        let arrival = self.arrival(candidate, &sha256, tracked.settling.writer_seen())?;
        let Some(arrival) = arrival else {
            self.desk.touched(candidate.path, &candidate.looked.stamp)?;
            return Ok(Step::Done(candidate.looked.stamp));
        };
        if let Some(why) = beside.lacks_for(&arrival) {
            tracked.is_new = true;
            return self.wait_for(why, candidate, tracked);
        }
        if arrival == Arrival::New && may_be_incomplete && !tracked.settling.doubted() {
            tracked.settling.doubt();
            return Ok(Step::Wait(Why::Unsettled(Unsettled::Doubtful), self.settings.quiet.unsure));
        }
        if candidate.purpose == Purpose::Rehearsal {
            return match copying.into_nameless() {
                Ok(copy) => self.rehearse(candidate, Rehearsed::Whole { sha256, copy }),
                Err(error) => Ok(self.unread(ClaimError::Archive(error), tracked)),
            };
        }
        let (copy, pin) = match copying.keep(sha256) {
            Ok(kept) => kept,
            Err(error) => return Ok(self.unread(ClaimError::Archive(error), tracked)),
        };
        self.desk.deliver(Claimed {
            path: candidate.path.clone(),
            arrival,
            sha256,
            bytes,
            facts: candidate.facts(),
            copy,
            pin,
            order_id: beside.order_id,
            purchase_id: beside.purchase_id,
            spent: beside.spent,
        })?;
        self.report.delivered = self.report.delivered.saturating_add(1);
        Ok(Step::Done(candidate.looked.stamp))
    }

    fn rehearse(&mut self, candidate: &Candidate<'_>, content: Rehearsed) -> Result<Step, DeskError> {
        let rehearsal = Rehearsal { path: candidate.path.clone(), facts: candidate.facts(), content };
        Ok(match self.desk.rehearse(rehearsal)? {
            Ok(()) => Step::Done(candidate.looked.stamp),
            Err(hold) => Step::Wait(Why::Held(hold), self.settings.rescan),
        })
    }

    /// How a file whose content is known now came to be where it is; `None` if it was there all along.
    fn arrival(
        &mut self,
        candidate: &Candidate<'_>,
        sha256: &Sha256,
        writer_seen: bool,
    ) -> Result<Option<Arrival>, DeskError> {
        if let (Some(known), Some(change)) = (&candidate.known, candidate.change) {
            let fate = judge(change, known.sha256.as_ref() == Some(sha256), writer_seen);
            match (fate, known.submission) {
                (Fate::Touched, _) => return Ok(None),
                (Fate::Again, Some(submission)) => return Ok(Some(Arrival::Again { submission })),
                (Fate::Again, None) | (Fate::Replaced, _) => {}
            }
        }
        if candidate.purpose == Purpose::Rehearsal {
            return Ok(Some(Arrival::New));
        }
        let stamp = &candidate.looked.stamp;
        for (from, known) in self.desk.known_like(stamp)? {
            let is_it = from != *candidate.path && known.sha256.as_ref() == Some(sha256);
            let Some(submission) = known.submission.filter(|_| is_it) else { continue };
            if may_be_moved(&known.stamp, stamp) && self.is_gone_from(&from, stamp.ino) {
                return Ok(Some(Arrival::Moved { from, submission }));
            }
        }
        Ok(Some(Arrival::New))
    }

    /// Whether a file isn't at its old path any more. What can't be looked at isn't known to be gone.
    fn is_gone_from(&self, from: &DropPath, ino: u64) -> bool {
        let there = match from.folder() {
            Some(folder) => {
                open_folder(self.root.as_fd(), folder).and_then(|folder| look(folder.as_fd(), from.name()))
            }
            None => look(self.root.as_fd(), from.name()),
        };
        match there {
            Ok(there) => there.stamp.ino != ino,
            Err(error) => is_gone(&error),
        }
    }

    /// The file changed while it was read.
    fn disturbed(&self, tracked: &mut Tracked) -> Step {
        tracked.settling.disturbed(self.clock.elapsed());
        Step::Wait(Why::Unsettled(Unsettled::Changed), self.settings.quiet.settle)
    }

    /// The file wasn't read to its end.
    fn unread(&mut self, error: ClaimError, tracked: &mut Tracked) -> Step {
        match error {
            ClaimError::Source(_) => Step::Blocked(Why::Unreadable, Refusal::Unreadable),
            ClaimError::Grew => self.disturbed(tracked),
            ClaimError::Closing => Step::Wait(Why::Held(super::desk::Hold::Closed), self.settings.rescan),
            ClaimError::Archive(error) => {
                self.report.trouble = Some(error);
                Step::Wait(Why::Archive, self.settings.rescan)
            }
        }
    }
}
