//! Space that is held back on the ledger's disk, in a file of its own: given up when the disk is full, so that the
//! outcomes of requests that were sent can be recorded all the same.
//!
//! Looked at before each transaction. Who takes or sends nothing new on a disk that is filling up is the daemon.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, fallocate};

/// The most that is held back: the outcomes of all calls that can be under way take some megabytes.
pub const MOST: u64 = 32 * 1024 * 1024;

/// How much is to be held back; set by whoever opened the ledger, read by the thread that writes.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted(Arc<AtomicU64>);

impl Wanted {
    pub(super) fn set(&self, bytes: u64) {
        self.0.store(bytes.min(MOST), Ordering::Relaxed);
    }
}

/// The file that holds space back.
#[derive(Debug)]
pub(super) struct Room {
    path: PathBuf,
    wanted: Wanted,
    /// What it holds now.
    held: u64,
}

impl Room {
    /// Where it is: `ledger.reserve` beside the ledger.
    pub(super) fn path(ledger: &Path) -> PathBuf {
        ledger.with_file_name("ledger.reserve")
    }

    pub(super) fn of(ledger: &Path, wanted: Wanted) -> Self {
        let path = Self::path(ledger);
        let held = std::fs::metadata(&path).map_or(0, |about| about.len());
        Self { path, wanted, held }
    }

    /// Gives up what is held when the disk has less than that left, and holds it again once it has twice as much to
    /// spare. Before each transaction.
    pub(super) fn look(&mut self) {
        let wanted = self.wanted.0.load(Ordering::Relaxed);
        let Some(free) = free_bytes(&self.path) else { return };
        if self.held > 0 && free < self.held.min(wanted) {
            match self.give_up() {
                Ok(()) => tracing::warn!(
                    bytes = free,
                    "the ledger's disk is full; the space that was held back is used now"
                ),
                Err(error) => tracing::error!(error = %error, "the space that was held back can't be given up"),
            }
        } else if self.held < wanted && free >= wanted.saturating_mul(3) {
            // Where it can't be done, the next write says whether there is room.
            if self.hold(wanted).is_ok() {
                tracing::debug!(bytes = wanted, "space is held back for outcomes");
            }
        }
    }

    fn give_up(&mut self) -> io::Result<()> {
        give_up(&self.path)?;
        self.held = 0;
        Ok(())
    }

    fn hold(&mut self, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o640).open(&self.path)?;
        if let Err(errno) = fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            file.set_len(0)?;
            return Err(errno.into());
        }
        self.held = bytes;
        Ok(())
    }
}

/// Gives up what is held back for this ledger, if anything is.
pub fn give_up_for(ledger: &Path) -> io::Result<()> {
    give_up(&Room::path(ledger))
}

fn give_up(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => File::set_len(&file, 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Free bytes for us on the file system on which this path is or would be.
fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path.parent()?).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_held_and_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let wanted = Wanted::default();
        let mut room = Room::of(&ledger, wanted.clone());
        room.look();
        assert!(!Room::path(&ledger).exists(), "nothing is held that nobody wants");
        wanted.set(64 * 1024);
        room.look();
        let blocks = |path: &Path| std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(path).unwrap());
        assert!(blocks(&Room::path(&ledger)) >= 128, "the space is taken, not just named");
        assert_eq!(Room::of(&ledger, wanted).held, 64 * 1024, "the next process finds it");
        give_up_for(&ledger).unwrap();
        assert_eq!(blocks(&Room::path(&ledger)), 0);
    }
}
