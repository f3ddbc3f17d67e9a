//! Reads the drop folders: finds files, waits until they settle, copies them into the archive, hands them over.
//!
//! One [`CustomerInbox`] for each customer, owned by that customer's lane. A [`pass`](CustomerInbox::pass) is one
//! blocking step; who calls it again, and when, is the daemon's affair. Everything is decided in the core
//! (`settle`, `plan`); everything found goes to the [`Desk`]. Nothing here writes into a drop folder.

pub mod archive;
pub mod beside;
mod claim;
pub mod desk;
pub mod drop_path;
mod folder;
mod memory;
mod near;
mod order_file;
mod pass;
mod side;
mod taking;
mod walk;
pub mod watch;
pub mod why;

use std::path::PathBuf;
use std::time::Duration;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::settle::QuietTimes;

use self::folder::FolderMemory;
use self::memory::Memory;
use self::pass::Pass;
use crate::clock::Clock;

pub use archive::{Archive, Pin};
pub use claim::copy_of_content;
pub use desk::{
    Arrival, Claimed, Desk, DeskError, FileFacts, Hold, Known, Rehearsal, Rehearsed, SideFile, TooLarge, Wrote,
};
pub use drop_path::DropPath;
pub use order_file::OrderIds;
pub use walk::begins_as_list;
pub use watch::{Bell, Watch};
pub use why::{Offline, Refusal, Waiting, Why};

/// So many order folders of one customer are watched for events. A system lets one user watch about 200,000 folders at
/// most, and often only 8,000.
const MOST_WATCHED: usize = 1_000;

/// So many folders deep what would be taken elsewhere is answered. Senders file by year, month and day; a deeper tree is
/// something else that was copied here whole, and each level holds a folder open while it is listed.
pub const DEEPEST: usize = 8;

/// When a file is complete, for a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Completion {
    /// Once it has settled.
    #[default]
    Settled,
    /// Once its marker lies beside it, and it has settled.
    Marker,
}

/// Whether a customer's files need an order file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrderFiles {
    /// They may have one.
    #[default]
    Optional,
    /// They wait for one.
    Required,
}

/// What a customer's inbox goes by.
#[derive(Debug, Clone)]
pub struct InboxSettings {
    /// Whose inbox this is.
    pub customer: CustomerKey,
    /// The drop folder: an absolute path without links.
    pub folder: PathBuf,
    /// How long files must be quiet.
    pub quiet: QuietTimes,
    /// The longest time between two passes.
    pub rescan: Duration,
    /// Folders inside the drop folder that aren't looked into.
    pub ignore_folders: Vec<String>,
    /// The largest file that is read.
    pub max_file_size: u64,
    /// When a file is complete.
    pub completion: Completion,
    /// Whether order files are needed.
    pub order_files: OrderFiles,
    /// The customer's own headings in the place of ours.
    pub headings: Vec<String>,
    /// Whether nothing is to be taken.
    pub paused: bool,
}

/// What a pass did and left.
#[derive(Debug)]
pub struct PassReport {
    /// Look again after this time at the latest.
    pub next: Duration,
    /// Why the drop folder couldn't be looked into, if so.
    pub offline: Option<Offline>,
    /// How many files were handed over.
    pub delivered: u64,
    /// Files that wait, at most [`PassReport::MAX_WAITING`] of them.
    pub waiting: Vec<Waiting>,
    /// How many wait in all.
    pub waiting_total: u64,
    /// What kept the archive from taking a file, if anything.
    pub trouble: Option<std::io::Error>,
}

impl PassReport {
    /// So many waiting files are told apart; a flood is only counted.
    pub const MAX_WAITING: usize = 1_000;

    /// Nothing done, nothing left.
    fn idle(next: Duration) -> Self {
        Self { next, offline: None, delivered: 0, waiting: Vec::new(), waiting_total: 0, trouble: None }
    }
}

/// One customer's inbox.
#[derive(Debug)]
pub struct CustomerInbox {
    settings: InboxSettings,
    archive: Archive,
    watch: Watch,
    folder: FolderMemory,
    memory: Memory,
}

impl CustomerInbox {
    /// An inbox that has looked at nothing yet.
    pub fn new(settings: InboxSettings, archive: Archive, watch: Watch) -> Self {
        Self { settings, archive, watch, folder: FolderMemory::default(), memory: Memory::default() }
    }

    /// Goes by other settings from the next pass on. What is settling goes on settling.
    pub fn reconfigure(&mut self, settings: InboxSettings) {
        if settings.folder != self.settings.folder {
            self.watch.forget(&self.settings.customer);
            self.folder = FolderMemory::default();
            self.memory = Memory::default();
        } else if settings.headings != self.settings.headings {
            // What is a list of devices by them is another question now.
            self.memory.forget_remembered();
        }
        self.settings = settings;
    }

    /// Looks at the drop folder once and does what there is to do. Blocks, for long if there is much to copy.
    pub fn pass(&mut self, desk: &mut dyn Desk, clock: &dyn Clock) -> Result<PassReport, DeskError> {
        let mut report = PassReport::idle(self.settings.rescan);
        let root = match self.folder.open(&self.settings.folder, desk)? {
            Ok(root) => root,
            Err(offline) => {
                report.offline = Some(offline);
                return Ok(report);
            }
        };
        self.memory.begin_pass();
        let mut pass = Pass {
            settings: &self.settings,
            archive: &self.archive,
            watch: &self.watch,
            memory: &mut self.memory,
            desk,
            clock,
            root: &root,
            report,
            untold_in_folder: false,
            near: None,
            may_watch: MOST_WATCHED,
        };
        let walked = pass.walk()?;
        let mut report = pass.report;
        match walked {
            Ok(()) => self.memory.end_pass(),
            // The daemon stops; nothing is wrong with the folder.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => report.offline = Some(Offline::Io(error)),
        }
        Ok(report)
    }
}

#[cfg(test)]
mod tests;
