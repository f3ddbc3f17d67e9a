//! The registry as its one thread has it: the writing connection and what is kept in memory, changed together.
//!
//! Transactions and what their failure means are here; what is done in them is in `claims` and `stock`.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;

use super::memory::{Memory, Refused};
use super::{RegistryError, Settings, file};

/// The writing connection and the memory beside it.
pub(super) struct Store {
    pub(super) settings: Settings,
    connection: Connection,
    memory: Memory,
    trust: Trust,
    /// Held, not read.
    _lock: File,
}

/// Whether memory says what the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// It does.
    Same,
    /// A transaction was begun and not committed: memory may be ahead, and is read anew before it is used.
    Ahead,
    /// A commit failed. Its rows may be found in the file when it is opened anew, so nothing that is asked here can
    /// be answered before that, and committing again could make two truths.
    InDoubt,
}

impl Store {
    /// Takes the opened file, and reads what is kept in memory.
    pub(super) fn new(settings: Settings, opened: file::Opened) -> Result<Self, RegistryError> {
        let file::Opened { connection, lock, .. } = opened;
        let memory = Memory::read(&connection, &settings.path, settings.inventory)?;
        Ok(Self { settings, connection, memory, trust: Trust::Same, _lock: lock })
    }

    /// Says whether anything can be asked, after bringing memory back to what the file says.
    pub(super) fn ready(&mut self) -> Result<(), RegistryError> {
        match self.trust {
            Trust::Same => Ok(()),
            Trust::Ahead => {
                self.memory = Memory::read(&self.connection, &self.settings.path, self.settings.inventory)?;
                self.trust = Trust::Same;
                Ok(())
            }
            Trust::InDoubt => self.find_out(),
        }
    }

    /// Opens the file anew after a commit that failed, and takes what is there for what was done.
    fn find_out(&mut self) -> Result<(), RegistryError> {
        let anew = file::open_anew(&self.settings.path)?;
        // The one that failed is closed before anything is believed.
        drop(std::mem::replace(&mut self.connection, anew));
        // What the log holds of that commit, or doesn't, may be in the system's memory alone, and no sync brings it to
        // the disk once one has failed. Copied into the file, it is written again, and then it is one or the other.
        if !file::empty_log(&self.connection, &self.settings.path)? {
            return Err(RegistryError::InDoubt { path: self.path().to_owned() });
        }
        self.memory = Memory::read(&self.connection, &self.settings.path, self.settings.inventory)?;
        self.trust = Trust::Same;
        tracing::info!(path = %self.path().display(), "the registry was opened anew, and says what became of it");
        Ok(())
    }

    /// Lets `look` read. Nothing may be written there.
    pub(super) fn read<T>(
        &mut self,
        look: impl FnOnce(&Connection, &Memory, &Settings) -> rusqlite::Result<T>,
    ) -> Result<T, RegistryError> {
        self.ready()?;
        look(&self.connection, &self.memory, &self.settings)
            .map_err(|source| file::classify(&self.settings.path, "read", source))
    }

    /// Runs `work` in one transaction, and has it on disk before it returns.
    ///
    /// On [`RegistryError::InDoubt`] it may or may not be there; on every other error it isn't.
    pub(super) fn write<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Connection, &mut Memory, &Settings) -> Result<T, Refused>,
    ) -> Result<T, RegistryError> {
        self.ready()?;
        let run = |connection: &Connection, sql| connection.prepare_cached(sql)?.execute([]);
        if let Err(source) = run(&self.connection, "BEGIN IMMEDIATE") {
            return Err(file::classify(&self.settings.path, doing, source));
        }
        self.trust = Trust::Ahead;
        let refused = match work(&self.connection, &mut self.memory, &self.settings) {
            Ok(done) => {
                if let Err(source) = run(&self.connection, "COMMIT") {
                    tracing::error!(error = %source, path = %self.path().display(), "a commit to the registry failed");
                    self.trust = Trust::InDoubt;
                    return Err(RegistryError::InDoubt { path: self.path().to_owned() });
                }
                self.trust = Trust::Same;
                return Ok(done);
            }
            Err(refused) => refused,
        };
        // SQLite has rolled back by itself after some errors, and then there is nothing left to roll back.
        if !self.connection.is_autocommit() && run(&self.connection, "ROLLBACK").is_err() {
            self.trust = Trust::InDoubt;
        }
        Err(match refused {
            Refused::Sqlite(source) => file::classify(&self.settings.path, doing, source),
            Refused::Full => RegistryError::Full { path: self.path().to_owned(), limit: u64::from(u32::MAX) },
        })
    }

    /// Lets a test put something in the way of what follows.
    #[cfg(test)]
    pub(super) fn sabotage(&mut self, sql: &str) {
        self.connection.execute_batch(sql).unwrap();
    }

    fn path(&self) -> &Path {
        &self.settings.path
    }
}
