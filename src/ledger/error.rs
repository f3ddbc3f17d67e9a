//! What can go wrong with the ledger.
//!
//! Opening it ([`OpenError`]), reading it ([`ReadError`]), and writing to it ([`LedgerError`]) fail differently: what
//! can't be opened is a person's task, what can't be written ends the process.

use std::path::PathBuf;
use std::sync::Arc;

use devicedrop_core::ids::{AttemptId, CallId, RegistrationId, SubmissionEntry};
use devicedrop_core::record::Kind;
use devicedrop_core::state::IllegalTransition;

pub use super::transaction::Broken;

/// A command wasn't carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A write failed, this one or one before it. Whether it is on record, the next start will tell.
    #[error(
        "the ledger takes nothing more, since a write to it failed; start again, and go on from what is on record"
    )]
    Stopped,
    /// A rule forbids it. Nothing of this command is on record; others go on.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A command that a rule forbids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such submission.
    #[error("there is no submission with entry {0}")]
    UnknownSubmission(SubmissionEntry),
    /// The submission is accepted already, or was rejected.
    #[error("the submission with entry {0} is closed; nothing can be added to it")]
    Closed(SubmissionEntry),
    /// The submission's acceptance isn't complete.
    #[error("the submission with entry {0} isn't accepted yet")]
    NotClosed(SubmissionEntry),
    /// Fewer or more rows were added than the submission was said to have.
    #[error("the submission was said to have {said} rows, and {added} were added")]
    Rows {
        /// What its entry says.
        said: u64,
        /// How many registrations it has.
        added: u64,
    },
    /// No such registration.
    #[error("there is no registration {0}")]
    UnknownRegistration(RegistrationId),
    /// An attempt of this registration has no outcome yet.
    #[error("an attempt of registration {0} is under way or in doubt")]
    UnderWay(RegistrationId),
    /// No attempt of this registration is without an outcome.
    #[error("no attempt of registration {0} is in doubt")]
    NotUnderWay(RegistrationId),
    /// No such attempt under way, or not of this registration.
    #[error("attempt {0} isn't one that is under way for this registration")]
    UnknownAttempt(AttemptId),
    /// No such call under way.
    #[error("no attempt of call {0} is under way")]
    UnknownCall(CallId),
    /// The state forbids it.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The outcome lacks what it needs, or brings what it can't have.
    #[error("an attempt can't end so: {0}")]
    Outcome(&'static str),
    /// The schema refused what the rules above let through.
    #[error("the ledger's schema refuses it: {0}")]
    Schema(String),
}

/// Why the writer stopped.
#[derive(Debug, Clone, thiserror::Error)]
#[error("a write to the ledger failed")]
pub struct WriteFailure(#[source] pub Arc<Broken>);

/// The ledger couldn't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// SQLite says no.
    #[error("the ledger can't be read")]
    Sqlite(#[from] rusqlite::Error),
    /// What stands there can't stand there.
    #[error("the ledger holds what no version of devicedrop writes: {0}")]
    Corrupt(String),
    /// A look-up by a column that the view doesn't have.
    #[error("{view} has no column {column:?}; it has: {columns}", columns = .known.join(", "))]
    UnknownColumn {
        /// The view.
        view: &'static str,
        /// What was asked for.
        column: String,
        /// What there is.
        known: &'static [&'static str],
    },
    /// A look-up through a view whose rows don't belong to those of the one asked.
    #[error("rows of {view} have none of {other} of their own")]
    Unconnected {
        /// The view.
        view: &'static str,
        /// The one that it was to be looked up through.
        other: &'static str,
    },
}

impl ReadError {
    /// Whether the question was given up because it took longer than its limit.
    pub fn was_cut_off(&self) -> bool {
        matches!(self, Self::Sqlite(source)
            if source.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted))
    }

    /// Whether a person must look at the ledger before anything goes on (exit code 4); the others are the
    /// environment's or the question's fault (exit code 2).
    pub fn is_untrusted(&self) -> bool {
        match self {
            Self::Sqlite(source) => is_damage(source),
            Self::Corrupt(_) => true,
            Self::UnknownColumn { .. } | Self::Unconnected { .. } => false,
        }
    }
}

/// Whether SQLite says that the file isn't as it was written.
fn is_damage(source: &rusqlite::Error) -> bool {
    matches!(
        source.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
    )
}

/// The ledger couldn't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none.
    #[error("there is no ledger at {}; `devicedrop run` makes one", .0.display())]
    Missing(PathBuf),
    /// Its folder or file can't be made or looked at.
    #[error("{}: can't make or look at it", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A restore was cut off: what lies there isn't whole.
    #[error("the restore of the ledger {} from a backup was cut off", .0.display())]
    Restoring(PathBuf),
    /// Another process has it.
    #[error(transparent)]
    Locked(#[from] super::lock::LockError),
    /// The path is a link.
    #[error("{} is a link; name the ledger's own path", .0.display())]
    Link(PathBuf),
    /// WAL doesn't work there.
    #[error("{} is on a network file system or FUSE ({kind}), where a ledger isn't safe; put it on a local disk",
        path.display())]
    Network {
        /// The ledger's folder.
        path: PathBuf,
        /// The file system.
        kind: &'static str,
    },
    /// SQLite has a bug that can lose commits.
    #[error("SQLite {0} can lose commits; 3.51.3 or newer is needed")]
    OldSqlite(&'static str),
    /// Another program's file.
    #[error("{} is a SQLite database of another program", .0.display())]
    Foreign(PathBuf),
    /// Written by a newer devicedrop.
    #[error("the ledger has schema {found}, this devicedrop knows up to {known}; use the newer program")]
    Newer {
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Written by an older devicedrop; only the daemon brings it up to date.
    #[error("the ledger has schema {found}, this devicedrop needs {known}; `devicedrop run` brings it up to date")]
    Older {
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// What is on record isn't what was written.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// No randomness for the ledger's UUID.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// The first entry couldn't be written.
    #[error("a new ledger's first entry can't be written")]
    Begin(#[source] Broken),
    /// A thread couldn't be started.
    #[error("a thread of the ledger can't be started")]
    Thread(#[source] std::io::Error),
    /// A copy can't be made.
    #[error("the copy {} can't be written", path.display())]
    Copy {
        /// The copy.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// SQLite says no.
    #[error("{}: SQLite can't open it", path.display())]
    Sqlite {
        /// The ledger.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}

/// Whether SQLite says that a write failed: the disk is full, or broken.
fn is_failed_write(source: &rusqlite::Error) -> bool {
    use rusqlite::ffi;
    let Some(error) = source.sqlite_error() else { return false };
    matches!(
        error.extended_code,
        ffi::SQLITE_FULL
            | ffi::SQLITE_IOERR_WRITE
            | ffi::SQLITE_IOERR_FSYNC
            | ffi::SQLITE_IOERR_DIR_FSYNC
            | ffi::SQLITE_IOERR_TRUNCATE
            | ffi::SQLITE_IOERR_SHMSIZE
    )
}

impl OpenError {
    /// Whether a write to the ledger failed: started again, it goes on from what is on record (exit code 3).
    pub fn is_failed_write(&self) -> bool {
        match self {
            Self::Begin(_) => true,
            Self::Sqlite { source, .. } => is_failed_write(source),
            _ => false,
        }
    }

    /// Whether a person must look at the ledger before anything goes on (exit code 4); the others are the
    /// environment's fault (exit code 2).
    pub fn is_untrusted(&self) -> bool {
        match self {
            Self::Untrusted(_) => true,
            Self::Sqlite { source, .. } | Self::Copy { source, .. } => is_damage(source),
            _ => false,
        }
    }
}

/// The record isn't what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// SQLite's own check finds the file damaged.
    #[error("the ledger's file is damaged: {0}")]
    Damaged(String),
    /// A block's hash isn't that of its header.
    #[error("block {0} of the ledger doesn't have the hash that its header gives")]
    Hash(u64),
    /// A block doesn't begin where the one before ends.
    #[error("block {0} of the ledger doesn't follow the one before it")]
    Chain(u64),
    /// Entries are missing, or too many, in a block.
    #[error("entry {entry} of block {block} is missing from the ledger")]
    Missing {
        /// The block.
        block: u64,
        /// The first number without an entry.
        entry: i64,
    },
    /// Entries behind the last block.
    #[error("the ledger holds entries behind its last block, from {0}")]
    Surplus(i64),
    /// An entry was changed.
    #[error("entry {entry} of the ledger (its kind: {kind}; its block: {block}) isn't as it was written", kind = .kind.word())]
    Entry {
        /// The block.
        block: u64,
        /// The entry's number.
        entry: i64,
        /// What it is about.
        kind: Kind,
    },
    /// Two entries have one number.
    #[error("the ledger holds two entries with the number {entry} (block {block})")]
    Twice {
        /// The block.
        block: u64,
        /// The number.
        entry: i64,
    },
    /// What is kept beside a block to tell a changed entry by was changed; the entries weren't.
    #[error("the marks beside block {0} of the ledger were changed; its entries are as they were written")]
    Marks(u64),
    /// Some entry of the block was changed, and the marks that would tell which one, too.
    #[error("an entry of block {block} (entries {first} to {last}) isn't as it was written")]
    Entries {
        /// The block.
        block: u64,
        /// Its first entry.
        first: i64,
        /// Its last entry.
        last: i64,
    },
    /// The present state isn't what the record gives.
    #[error("the ledger's present state of {0} isn't what its record gives")]
    Present(String),
    /// It can't be read to be checked.
    #[error("the ledger can't be read to be checked: {0}")]
    Unreadable(String),
}
