//! The walk over a drop folder: which names are looked at, and as what.
//!
//! Streaming, and never deeper than it must: nothing here grows with the number of files.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Dir, FileType};

use super::DEEPEST;
use super::claim::digest;
use super::desk::{DeskError, Wrote};
use super::drop_path::DropPath;
use super::pass::{GRACE, Pass, Step, changed_at, is_gone, is_mount, regular};
use super::taking::Purpose;
use super::why::{Refusal, Why};
use crate::beneath::{Looked, look, look_at, open_file, open_folder};
use devicedrop_core::device::Sha256;
use devicedrop_core::name::{self, Kind};

/// The part of a text file in which its headings are looked for.
const BEGINNING: usize = 4 * 1024;

/// How deep a folder lies.
#[derive(Clone, Copy)]
enum Level<'a> {
    Drop,
    /// A folder inside the drop folder.
    Order(&'a [u8]),
    /// A folder in such a folder, or deeper, from which nothing is taken.
    TooDeep(&'a [u8]),
}

impl Level<'_> {
    fn path(self, name: &[u8]) -> DropPath {
        match self {
            Self::Drop => DropPath::file(name),
            Self::Order(folder) | Self::TooDeep(folder) => DropPath::in_folder(folder, name),
        }
    }
}

impl Pass<'_> {
    /// Looks at everything in the drop folder.
    pub(super) fn walk(&mut self) -> Result<io::Result<()>, DeskError> {
        // Watched before it is listed, so that nothing falls between.
        self.watch.arm(&self.settings.customer, &self.settings.folder, self.root.id, self.clock.elapsed());
        let root = self.root;
        self.list(root.as_fd(), Level::Drop)
    }

    fn list(&mut self, folder: BorrowedFd<'_>, level: Level<'_>) -> Result<io::Result<()>, DeskError> {
        let entries = match Dir::read_from(folder) {
            Ok(entries) => entries,
            Err(errno) => return Ok(Err(errno.into())),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(errno) => return Ok(Err(errno.into())),
            };
            if self.desk.is_closing() {
                return Ok(Err(io::ErrorKind::Interrupted.into()));
            }
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => look(folder, name).map_or(FileType::Unknown, |looked| looked.kind),
                told => told,
            };
            match kind {
                FileType::Directory => self.enter(folder, level, name)?,
                FileType::RegularFile => self.file(folder, level, name)?,
                _ => {}
            }
        }
        Ok(Ok(()))
    }

    /// Goes into a folder, if that is looked into.
    fn enter(&mut self, parent: BorrowedFd<'_>, level: Level<'_>, name: &[u8]) -> Result<(), DeskError> {
        if name::folder_is_taken(name, &self.settings.ignore_folders).is_err() {
            return Ok(());
        }
        let path = level.path(name);
        let inner = match level {
            Level::Drop => Level::Order(path.bytes()),
            Level::Order(_) | Level::TooDeep(_) if path.depth() < DEEPEST => Level::TooDeep(path.bytes()),
            Level::Order(_) | Level::TooDeep(_) => return Ok(()),
        };
        let untold_around = std::mem::take(&mut self.untold_in_folder);
        let listed = match open_folder(parent, name) {
            Ok(folder) => {
                if let (Level::Order(_), 1.., Ok(looked)) = (inner, self.may_watch, look_at(&folder)) {
                    self.may_watch -= 1;
                    let path = self.settings.folder.join(OsStr::from_bytes(name));
                    self.watch.arm(&self.settings.customer, &path, looked.folder_id(), self.clock.elapsed());
                }
                self.list(folder.as_fd(), inner)?
            }
            Err(error) => Err(error),
        };
        let untold_inside = std::mem::replace(&mut self.untold_in_folder, untold_around);
        let shut = match listed {
            Ok(()) => untold_inside,
            Err(error) if is_mount(&error) => {
                self.note(&path, Why::Mounted, self.clock.now());
                return Ok(());
            }
            Err(error) => !is_gone(&error) && error.kind() != io::ErrorKind::Interrupted,
        };
        // Nothing is taken from a folder in one of these, whether it can be listed or not: it is told of in `status`.
        if let (Level::TooDeep(_), true) = (inner, shut) {
            self.note(&path, Why::FolderUnreadable, self.clock.now());
        }
        if let Level::Order(_) = inner {
            if shut {
                return self.shut_folder(parent, &path);
            }
            if self.memory.untell(&path) {
                self.desk.no_longer_refused(&path)?;
            }
        }
        Ok(())
    }

    /// A folder in the drop folder can't be listed or entered: the files in it wait, and their sender is told so.
    fn shut_folder(&mut self, parent: BorrowedFd<'_>, path: &DropPath) -> Result<(), DeskError> {
        let Ok(looked) = look(parent, path.name()) else { return Ok(()) };
        let now = self.clock.elapsed();
        let Some(mut tracked) = self.memory.take(path, looked.stamp, now) else { return Ok(()) };
        tracked.seen(looked.stamp, now);
        self.conclude(path, tracked, Step::Blocked(Why::FolderUnreadable, Refusal::FolderUnreadable))
    }

    fn file(&mut self, folder: BorrowedFd<'_>, level: Level<'_>, name: &[u8]) -> Result<(), DeskError> {
        let kind = name::classify(name);
        let path = level.path(name);
        if !matches!(level, Level::TooDeep(_)) {
            self.memory.side_seen(&path);
        }
        match (level, kind) {
            (Level::TooDeep(_), Kind::Submission | Kind::Rehearsal) => {
                self.answer(folder, &path, &Refusal::TooDeep, false)
            }
            (Level::TooDeep(_), Kind::NotACsv(miss)) => {
                self.answer(folder, &path, &Refusal::TooDeep, miss.depends_on_first_line())
            }
            (Level::TooDeep(_), _) | (_, Kind::Ignored(_) | Kind::Marker | Kind::OrderFile) => Ok(()),
            (_, Kind::Submission) => self.csv(folder, &path, Purpose::Submission),
            (_, Kind::Rehearsal) => self.csv(folder, &path, Purpose::Rehearsal),
            (_, Kind::OurOutput) => self.output(folder, &path),
            (_, Kind::NotACsv(miss)) => self.answer(folder, &path, &Refusal::NotACsv, miss.depends_on_first_line()),
        }
    }

    /// Looks whether an output of ours is as we wrote it; its sender may have put his corrections there.
    fn output(&mut self, folder: BorrowedFd<'_>, path: &DropPath) -> Result<(), DeskError> {
        let Ok(Some(looked)) = regular(folder, path) else { return Ok(()) };
        if self.memory.is_remembered(path, &looked.stamp) {
            return Ok(());
        }
        let is_receipt = path.name().to_ascii_lowercase().ends_with(b".json");
        let (hashes, refusal) = match self.desk.wrote(path, &looked.stamp)? {
            Wrote::OneOf(hashes) => (Some(hashes), Refusal::ResultChanged),
            Wrote::Nothing if !is_receipt && self.settings.paused => return Ok(()),
            Wrote::Nothing if !is_receipt => (Some(Vec::new()), Refusal::NamedAsResult),
            Wrote::Nothing | Wrote::This => (None, Refusal::ResultChanged),
        };
        let foreign = match hashes {
            None => false,
            Some(_) if !self.is_grace_over(path, &looked) => return Ok(()),
            Some(hashes) => match self.hash_of(folder, path, &looked) {
                // A copy of a result, or one that was moved, is nobody's attempt.
                Some(sha256) => !hashes.contains(&sha256) && !self.desk.wrote_anywhere(&sha256)?,
                None => return Ok(()),
            },
        };
        if foreign {
            self.desk.refused(path, &refusal)?;
            self.memory.tell(path, &looked.stamp, &refusal);
        } else if self.memory.untell(path) {
            self.desk.no_longer_refused(path)?;
        }
        self.memory.remember(path, &looked.stamp);
        Ok(())
    }

    /// Waits with what isn't taken for the grace, then has it refused, or not if its beginning is to decide that.
    fn answer(
        &mut self,
        folder: BorrowedFd<'_>,
        path: &DropPath,
        refusal: &Refusal,
        beginning_decides: bool,
    ) -> Result<(), DeskError> {
        let Ok(Some(looked)) = regular(folder, path) else { return Ok(()) };
        if self.memory.is_remembered(path, &looked.stamp) {
            return Ok(());
        }
        let settings = self.settings;
        // What can't be read isn't known to be meant for us; `explain` says so.
        let is_meant = || !beginning_decides || begins_as_list(folder, path, &settings.headings).unwrap_or(false);
        if self.settings.paused {
            // While nothing is taken nobody is told either that this wouldn't be: it waits like the others.
            if is_meant() {
                self.note(path, Why::Paused, changed_at(&looked.stamp));
            } else {
                self.memory.remember(path, &looked.stamp);
            }
            return Ok(());
        }
        if !self.is_grace_over(path, &looked) {
            return Ok(());
        }
        if is_meant() {
            self.desk.refused(path, refusal)?;
        }
        self.memory.remember(path, &looked.stamp);
        Ok(())
    }

    /// Whether a file lay unchanged for the grace.
    fn is_grace_over(&mut self, path: &DropPath, looked: &Looked) -> bool {
        let now = self.clock.elapsed();
        let Some(mut tracked) = self.memory.take(path, looked.stamp, now) else { return false };
        tracked.settling.seen(looked.stamp, now);
        let left = GRACE.checked_sub(tracked.settling.quiet(now)).filter(|left| !left.is_zero());
        if let Some(remaining) = left {
            self.look_again(remaining);
            self.memory.put_back(path, tracked);
        }
        left.is_none()
    }

    fn hash_of(&self, folder: BorrowedFd<'_>, path: &DropPath, looked: &Looked) -> Option<Sha256> {
        let mut file = open_file(folder, path.name()).ok()?;
        let sha256 = digest(&mut file, u64::MAX, || !self.desk.is_closing()).ok()?;
        (look_at(&file).ok()? == *looked).then_some(sha256)
    }
}

/// Whether the first line of a text file holds headings of ours, or of the customer's own.
pub fn begins_as_list(folder: BorrowedFd<'_>, path: &DropPath, own: &[String]) -> io::Result<bool> {
    let mut beginning = vec![0; BEGINNING];
    let mut file = open_file(folder, path.name())?;
    let is_file = look_at(&file)?.kind == FileType::RegularFile;
    let read = if is_file { file.read(&mut beginning)? } else { 0 };
    Ok(name::holds_our_headings(beginning.get(..read).unwrap_or_default(), own))
}
