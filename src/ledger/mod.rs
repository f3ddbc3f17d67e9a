//! The ledger: what happened, on record and never changed, and beside it where everything stands now.
//!
//! All SQL of the ledger is here and nowhere else. Writing goes through [`Writer`], one thread with a closed set of
//! commands ([`command`]); reading through [`Reader`], short and typed, or through the contract's views ([`views`]).
//! What an entry's hash is made of is decided in `devicedrop_core::record`; which change of state is legal, in
//! `devicedrop_core::state`.
//!
//! Not here: what is worth doing next (the daemon's), and any clock.

mod apply;
mod check;
pub mod command;
pub mod copy;
pub mod engine;
mod entries;
pub mod error;
mod hasher;
mod holder;
mod inline;
pub mod lock;
pub mod log;
mod open;
pub mod pending;
pub mod prove;
pub mod reader;
pub mod restoring;
pub mod room;
pub mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod thread;
mod transaction;
pub mod verify;
pub mod views;
mod words;
pub mod writer;

use std::path::{Path, PathBuf};

use devicedrop_core::time::Timestamp;

pub use error::{LedgerError, OpenError, ReadError, Refusal, Untrusted, WriteFailure};
pub use lock::{LedgerLock, LockError};
pub use open::network;
pub use pending::Pending;
pub use reader::Reader;
pub use writer::Writer;

use hasher::Hasher;
use thread::{Chain, Thread};
use transaction::Record;
use words::Words;

/// A ledger that this process may write to.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    writer: Writer,
    lock: LedgerLock,
    clean: bool,
    wanted: room::Wanted,
}

impl Ledger {
    /// Opens the ledger at `path` for writing; makes one if there is none and `create` says so. `now` and `actor` go
    /// on record with a new ledger's first epoch.
    ///
    /// Takes the lock, brings the schema up to date, and checks the end of the record, and the whole file when it
    /// wasn't left in order.
    pub fn open(path: &Path, create: bool, now: Timestamp, actor: &str) -> Result<Self, OpenError> {
        let (thread, lock, clean) = prepare(path, create, now, actor)?;
        let wanted = thread.room_wanted.clone();
        let writer = Writer::start(thread).map_err(OpenError::Thread)?;
        Ok(Self { path: path.to_owned(), writer, lock, clean, wanted })
    }

    /// Whether the run before this one left the ledger in order.
    pub fn was_clean(&self) -> bool {
        self.clean
    }

    /// Holds so much space back on the ledger's disk, at most [`room::MOST`], for the outcomes of what was sent.
    pub fn hold_back(&self, bytes: u64) {
        self.wanted.set(bytes);
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The handle of its writer.
    pub fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// A new reading connection.
    pub fn reader(&self) -> Result<Reader, OpenError> {
        Reader::open(&self.path)
    }

    /// Ends the writer in order, waits for it, and gives the lock back.
    pub fn close(self) -> Result<(), LedgerError> {
        let closed = self.writer.close().wait();
        self.writer.join();
        drop(self.lock);
        closed
    }
}

/// Does all that comes before the writer's thread starts.
fn prepare(path: &Path, create: bool, now: Timestamp, actor: &str) -> Result<(Thread, LedgerLock, bool), OpenError> {
    if create {
        open::make_folder(path)?;
    }
    open::check_place(path)?;
    if !create && !path.exists() {
        return Err(OpenError::Missing(path.to_owned()));
    }
    let lock = LedgerLock::take(path)?;
    let (mut thread, clean) = thread_of(path, create)?;
    if thread.chain.blocks == 0 {
        begin(&mut thread, now, actor)?;
    }
    Ok((thread, lock, clean))
}

/// Opens the ledger, whose lock the caller holds, and checks the end of its record.
fn thread_of(path: &Path, create: bool) -> Result<(Thread, bool), OpenError> {
    let (db, clean) = open::writer(path, create)?;
    let chain = check::tail(&db)?;
    let number = |sql| {
        db.query_row(sql, [], |row| row.get(0)).map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })
    };
    let next = number(
        "SELECT coalesce(max(first_entry + entries), 1) FROM block WHERE number = (SELECT max(number) FROM block)",
    )?;
    let last = number("SELECT coalesce(max(id), 0) FROM registration")?;
    let record = Record::new(Hasher::start().map_err(OpenError::Thread)?, next, last);
    let room_wanted = room::Wanted::default();
    let room = room::Room::of(path, room_wanted.clone());
    let chain = chain.unwrap_or(Chain::NONE);
    let (words, turns, watch) = (Words::default(), std::sync::Arc::default(), std::sync::Arc::default());
    Ok((Thread { db, record, words, chain, room, room_wanted, turns, watch }, clean))
}

/// Writes a new ledger's first entry: who made it, when, and the UUID that tells it from every other.
fn begin(thread: &mut Thread, now: Timestamp, actor: &str) -> Result<(), OpenError> {
    let mut ledger = [0; 16];
    getrandom::fill(&mut ledger).map_err(OpenError::Random)?;
    let ledger = *uuid::Builder::from_random_bytes(ledger).as_uuid().as_bytes();
    thread
        .alone(|transaction| transaction.enter_epoch(now, 1, ledger, None, actor, None).map(|_| ()))
        .map_err(OpenError::Begin)
}
