//! The mark beside a ledger that is being put back from a backup: as long as it lies there, nobody opens the ledger.
//!
//! So a restore that was cut off never looks like a ledger, not even like none yet.

use std::io;
use std::path::{Path, PathBuf};

use crate::durable::{self, DurableError};

/// A restore that is under way. Dropped, the mark stays: only [`Restoring::done`] takes it away.
#[derive(Debug)]
pub struct Restoring {
    mark: PathBuf,
}

impl Restoring {
    /// Where the mark is: `ledger.restoring` beside the ledger.
    fn place(ledger: &Path) -> PathBuf {
        ledger.with_file_name("ledger.restoring")
    }

    /// Whether a restore of this ledger began and didn't end.
    pub fn is_at(ledger: &Path) -> bool {
        Self::place(ledger).symlink_metadata().is_ok()
    }

    /// Begins one, durably, with words that tell a person what it is, and says whether the mark that lies there is of
    /// the same words: one that was cut off can be gone on with then.
    pub fn begin(ledger: &Path, what: &str) -> Result<(Self, bool), DurableError> {
        let mark = Self::place(ledger);
        let same = durable::write_new(&mark, 0o640, what.as_bytes())?
            || std::fs::read(&mark).map_err(DurableError::Open)? == what.as_bytes();
        Ok((Self { mark }, same))
    }

    /// The mark.
    pub fn path(&self) -> &Path {
        &self.mark
    }

    /// All of it is in place, durably: the ledger may be opened.
    pub fn done(self) -> io::Result<()> {
        std::fs::remove_file(&self.mark)?;
        let folder = self.mark.parent().unwrap_or(Path::new("/"));
        std::fs::File::open(folder)?.sync_all()
    }
}
