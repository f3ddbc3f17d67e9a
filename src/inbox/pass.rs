//! One look at one drop folder: what becomes of each CSV that the walk finds.
//!
//! The walk itself lives in `walk`; how a file that settled is taken, in `taking`.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use devicedrop_core::plan::{Change, compare};
use devicedrop_core::settle::{Openness, Readiness, Stamp, Unsettled};
use devicedrop_core::time::Timestamp;
use devicedrop_sys::Writers;
use rustix::fs::FileType;
use rustix::io::Errno;

use super::archive::Archive;
use super::desk::{Desk, DeskError};
use super::drop_path::DropPath;
use super::folder::Root;
use super::memory::{Memory, Tracked};
use super::near::NearNames;
use super::taking::{Candidate, Purpose};
use super::watch::Watch;
use super::why::{Refusal, Waiting, Why};
use super::{InboxSettings, PassReport};
use crate::beneath::{Looked, look, look_at, open_file};
use crate::clock::Clock;

/// A sender has so long to put right by itself what would be refused.
pub(super) const GRACE: Duration = Duration::from_mins(1);

/// So long a first file may lack its marker or its order file before its sender is told: a sender that writes many files
/// and all their markers after them isn't done yet, and would take the answer for the result.
pub(super) const LONG_GRACE: Duration = Duration::from_hours(1);

/// The next pass is never begun sooner than this, whatever is about to settle.
const SHORTEST_NEXT: Duration = Duration::from_millis(10);

/// One pass under way.
pub(super) struct Pass<'a> {
    pub(super) settings: &'a InboxSettings,
    pub(super) archive: &'a Archive,
    pub(super) watch: &'a Watch,
    pub(super) memory: &'a mut Memory,
    pub(super) desk: &'a mut dyn Desk,
    pub(super) clock: &'a dyn Clock,
    pub(super) root: &'a Root,
    pub(super) report: PassReport,
    /// Whether something in the folder that is being listed can't be looked at.
    pub(super) untold_in_folder: bool,
    /// The markers and order files of the folder at this path, once they were asked for.
    pub(super) near: Option<(Option<Vec<u8>>, NearNames)>,
    /// How many more folders are watched for events; files in further ones are found by the scan alone.
    pub(super) may_watch: usize,
}

/// What became of a file that isn't done with.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// It isn't there any more, or isn't a file of ours after all.
    Gone,
    /// Nothing more is to be done while it stays in this state.
    Done(Stamp),
    /// It waits, and is looked at again after this time.
    Wait(Why, Duration),
    /// It waits, and is refused once it has waited for the grace.
    Blocked(Why, Refusal),
    /// The same, after another grace.
    Lacking(Why, Refusal, Duration),
}

impl Pass<'_> {
    pub(super) fn csv(&mut self, folder: BorrowedFd<'_>, path: &DropPath, purpose: Purpose) -> Result<(), DeskError> {
        let looked = match regular(folder, path) {
            Ok(Some(looked)) => looked,
            Ok(None) => return Ok(()),
            Err(_) => {
                self.untold_in_folder = true;
                return Ok(());
            }
        };
        if self.memory.is_remembered(path, &looked.stamp) {
            return Ok(());
        }
        let known = self.desk.known(path)?;
        let change = known.as_ref().map(|known| compare(&known.stamp, &looked.stamp, self.root.knowing));
        // What was told of another content that lay here stands in the place of its answer: it is delivered again.
        let change = if self.memory.was_told(path) { change.map(|_| Change::Delivered) } else { change };
        match change {
            Some(Change::None) => {
                self.memory.remember(path, &looked.stamp);
                return Ok(());
            }
            Some(Change::Remounted) => {
                self.desk.touched(path, &looked.stamp)?;
                self.memory.remember(path, &looked.stamp);
                return Ok(());
            }
            // A second link to what was taken already: a backup, as a rule. Its end changes the ctime again.
            Some(Change::Attributes) if looked.links != 1 => return Ok(()),
            Some(Change::Attributes | Change::Delivered) | None => {}
        }
        if self.settings.paused {
            self.note(path, Why::Paused, changed_at(&looked.stamp));
            return Ok(());
        }
        if self.still_refused(folder, path, &looked) {
            return Ok(());
        }
        let Some(mut tracked) = self.memory.take(path, looked.stamp, self.clock.elapsed()) else {
            self.note(path, Why::Unsettled(Unsettled::Changed), self.clock.now());
            return Ok(());
        };
        let candidate = Candidate { folder, path, purpose, looked, known, change };
        let step = self.consider(&candidate, &mut tracked)?;
        self.conclude(path, tracked, step)
    }

    /// Whether a refusal that takes no reading to be found was told and still holds.
    fn still_refused(&mut self, folder: BorrowedFd<'_>, path: &DropPath, looked: &Looked) -> bool {
        let why = if looked.links != 1 && self.memory.is_told(path, &looked.stamp, &Refusal::SecondLink) {
            Why::SecondLink
        } else if self.memory.is_told(path, &looked.stamp, &Refusal::Unreadable)
            && let Err(error) = open_file(folder, path.name())
        {
            unopened(&error)
        } else {
            return false;
        };
        self.note(path, why, changed_at(&looked.stamp));
        true
    }

    /// Decides whether the file has settled, and takes it if so.
    fn consider(&mut self, candidate: &Candidate<'_>, tracked: &mut Tracked) -> Result<Step, DeskError> {
        let now = self.clock.elapsed();
        let looked = &candidate.looked;
        tracked.seen(looked.stamp, now);
        if looked.links != 1 {
            return Ok(Step::Blocked(Why::SecondLink, Refusal::SecondLink));
        }
        let changed = Why::Unsettled(Unsettled::Changed);
        if let Some(remaining) = tracked.settling.early(&self.settings.quiet, now) {
            return Ok(Step::Wait(changed, remaining));
        }
        crate::step::Step::Looked.passed();
        let opened = open_file(candidate.folder, candidate.path.name()).and_then(|file| Ok((look_at(&file)?, file)));
        let (opened, file) = match opened {
            Ok((opened, file)) if opened.kind == FileType::RegularFile => (opened, file),
            Ok(_) => return Ok(Step::Gone),
            Err(error) if is_gone(&error) && !is_mount(&error) => return Ok(Step::Gone),
            // A server that shares the folder holds a lease on it for a client. It was asked to give it back.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Step::Wait(Why::Unsettled(Unsettled::HeldOpen), self.settings.quiet.settle));
            }
            // What was taken already goes on being answered: only its mode or owner changed, as far as can be seen.
            Err(error) if candidate.change == Some(Change::Attributes) => {
                return Ok(Step::Wait(unopened(&error), self.settings.rescan));
            }
            Err(error) => return Ok(Step::Blocked(unopened(&error), Refusal::Unreadable)),
        };
        if opened != *looked {
            tracked.seen(opened.stamp, now);
            return Ok(Step::Wait(changed, self.settings.quiet.settle));
        }
        match tracked.settling.decide(self.openness(&file), &self.settings.quiet, now) {
            Readiness::Wait { remaining, because } => Ok(Step::Wait(Why::Unsettled(because), remaining)),
            Readiness::Ready => self.take(candidate, file, tracked),
        }
    }

    /// Whether anybody has the file open for writing, as far as the file system can be believed.
    pub(super) fn openness(&self, file: &File) -> Openness {
        if !self.root.knowing {
            return Openness::Unknown;
        }
        match devicedrop_sys::writers(file) {
            Ok(Writers::None) => Openness::Closed,
            Ok(Writers::Some) => Openness::OpenForWriting,
            Ok(Writers::Untold) | Err(_) => Openness::Unknown,
        }
    }

    /// Draws the conclusions from what became of a file.
    pub(super) fn conclude(&mut self, path: &DropPath, mut tracked: Tracked, step: Step) -> Result<(), DeskError> {
        let now = self.clock.elapsed();
        match step {
            Step::Gone => {}
            Step::Done(stamp) => {
                self.memory.untell(path);
                self.memory.remember(path, &stamp);
            }
            Step::Wait(why, remaining) => {
                tracked.blocked = None;
                if self.memory.untell(path) {
                    tracked.was_told = true;
                    self.desk.no_longer_refused(path)?;
                }
                self.look_again(remaining);
                self.note(path, why, self.clock.now().minus(tracked.settling.quiet(now)));
                self.memory.put_back(path, tracked);
            }
            Step::Blocked(why, refusal) => self.blocked(path, tracked, (why, refusal), GRACE)?,
            Step::Lacking(why, refusal, grace) => self.blocked(path, tracked, (why, refusal), grace)?,
        }
        Ok(())
    }

    /// Waits with a file that can't be taken as it is, and has it refused once that was so for the grace.
    fn blocked(
        &mut self,
        path: &DropPath,
        mut tracked: Tracked,
        (why, refusal): (Why, Refusal),
        grace: Duration,
    ) -> Result<(), DeskError> {
        let now = self.clock.elapsed();
        let stamp = tracked.settling.stamp();
        let since = match &tracked.blocked {
            Some((blocked, since)) if *blocked == refusal => *since,
            _ => now,
        };
        tracked.blocked = Some((refusal.clone(), since));
        let waited = now.saturating_sub(since);
        // What was told before is no longer what is wrong.
        if !self.memory.is_told(path, &stamp, &refusal) && self.memory.untell(path) {
            tracked.was_told = true;
            self.desk.no_longer_refused(path)?;
        }
        self.note(path, why, self.clock.now().minus(waited));
        if waited < grace {
            self.look_again(grace.saturating_sub(waited));
        } else if !self.memory.is_told(path, &stamp, &refusal) {
            self.desk.refused(path, &refusal)?;
            self.memory.tell(path, &stamp, &refusal);
        }
        self.memory.put_back(path, tracked);
        Ok(())
    }

    pub(super) fn look_again(&mut self, remaining: Duration) {
        self.report.next = self.report.next.min(remaining).max(SHORTEST_NEXT);
    }

    pub(super) fn note(&mut self, path: &DropPath, why: Why, since: Timestamp) {
        self.report.waiting_total = self.report.waiting_total.saturating_add(1);
        if self.report.waiting.len() < PassReport::MAX_WAITING {
            self.report.waiting.push(Waiting { path: path.clone(), why, since });
        }
    }
}

/// Looks at what must be a regular file; an error if it can't be looked at although it is there.
pub(super) fn regular(folder: BorrowedFd<'_>, path: &DropPath) -> io::Result<Option<Looked>> {
    match look(folder, path.name()) {
        Ok(looked) => Ok(Some(looked).filter(|looked| looked.kind == FileType::RegularFile)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Why a file that lies there can't be opened.
fn unopened(error: &io::Error) -> Why {
    if is_mount(error) { Why::Mounted } else { Why::Unreadable }
}

/// Whether an error of opening says that there is nothing of ours under the name (any more): nothing at all, a link,
/// a socket, another file system's. A name too long for the file system is no file's either.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::NOENT
                | Errno::LOOP
                | Errno::NOTDIR
                | Errno::NXIO
                | Errno::XDEV
                | Errno::ISDIR
                | Errno::NAMETOOLONG
        )
    )
}

/// Whether an error of opening says that a mount would have to be crossed.
pub(super) fn is_mount(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::XDEV)
}

/// The time of a file's last change, for people.
pub(super) fn changed_at(stamp: &Stamp) -> Timestamp {
    Timestamp::from_unix_ms(stamp.ctime_ns.div_euclid(1_000_000))
}
