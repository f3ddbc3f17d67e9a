//! One process at a time has the ledger: a lock file beside it, with the holder's process ID in it.
//!
//! SQLite's own locks don't do for this: readers come and go, and a second daemon must be refused at once.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The right to write to a ledger, held until it is dropped.
#[derive(Debug)]
pub struct LedgerLock {
    path: PathBuf,
    // The lock lives as long as the open file.
    _file: File,
}

/// The right to write wasn't to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{} is in use by {}", ledger.display(), holder(*pid))]
    Held {
        /// The ledger.
        ledger: PathBuf,
        /// The process, where it could be read.
        pid: Option<u32>,
    },
    /// The lock file can't be made or locked.
    #[error("{}: can't lock it", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl LedgerLock {
    /// Where the lock of this ledger is: `ledger.lock` beside it.
    pub fn path(ledger: &Path) -> PathBuf {
        ledger.with_file_name("ledger.lock")
    }

    /// Takes the lock, or says who has it. Its folder must be there.
    pub fn take(ledger: &Path) -> Result<Self, LockError> {
        let path = Self::path(ledger);
        let io = |source| LockError::Io { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(LockError::Held { ledger: ledger.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { path, _file: file })
    }

    /// Who has the lock of this ledger, where anybody does: his process, if that can be read. Takes nothing.
    pub fn holder(ledger: &Path) -> Option<Option<u32>> {
        let mut file = File::open(Self::path(ledger)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                Some(file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok()))
            }
            _ => None,
        }
    }

    /// Whether it is the lock of this ledger.
    pub fn is_of(&self, ledger: &Path) -> bool {
        self.path == Self::path(ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_is_first() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = folder.path().join("ledger.db");
        let first = LedgerLock::take(&ledger).expect("the lock is free");
        let refused = LedgerLock::take(&ledger).expect_err("the lock is held");
        assert!(matches!(refused, LockError::Held { pid: Some(pid), .. } if pid == std::process::id()), "{refused}");
        assert_eq!(LedgerLock::holder(&ledger), Some(Some(std::process::id())));
        drop(first);
        assert_eq!(LedgerLock::holder(&ledger), None);
        LedgerLock::take(&ledger).expect("the lock is free again");
    }
}
