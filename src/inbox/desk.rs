//! What the inbox needs of whoever keeps the record: questions it asks and findings it hands over.
//!
//! The daemon implements [`Desk`] over the ledger, one desk for each customer.

use std::error::Error;
use std::fs::File;
use std::path::Path;

use devicedrop_core::device::Sha256;
use devicedrop_core::ids::SubmissionEntry;
use devicedrop_core::plan::FolderId;
use devicedrop_core::settle::Stamp;
use devicedrop_core::time::Timestamp;

use super::archive::Pin;
use super::drop_path::DropPath;
use super::why::Refusal;

/// The desk failed: a write to the ledger, as a rule. The pass ends at once and is begun again after a restart.
#[derive(Debug, thiserror::Error)]
#[error("what the inbox found could not be put on record")]
pub struct DeskError(#[source] Box<dyn Error + Send + Sync>);

impl DeskError {
    /// Wraps the desk's own error.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }

    /// The desk's own error.
    pub fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }
}

/// What is on record of the file that was last taken at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its state when it was taken or last touched.
    pub stamp: Stamp,
    /// Its content; `None` where it was refused unread.
    pub sha256: Option<Sha256>,
    /// The submission that it belongs to; `None` for a rehearsal, which is none.
    pub submission: Option<SubmissionEntry>,
}

/// How a file came to be where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// Nothing is known of this path, or another content was last taken there. The desk tells whether the content is
    /// an older one of this path that came back (then it is delivered again) or a new submission.
    New,
    /// The content that was last taken at this path was delivered there again.
    Again {
        /// The submission that it belongs to.
        submission: SubmissionEntry,
    },
    /// A known file that lies at this path now and no longer at its old one.
    Moved {
        /// Where it lay.
        from: DropPath,
        /// The submission that it belongs to.
        submission: SubmissionEntry,
    },
}

/// A file beside a CSV that says something about it: its marker or its order file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideFile {
    /// Where it lies.
    pub path: DropPath,
    /// Its state when it was read.
    pub stamp: Stamp,
}

/// What is on record of what we wrote at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrote {
    /// Nothing: what lies there is somebody else's.
    Nothing,
    /// What lies there, in the state in which it is.
    This,
    /// Something with one of these hashes, which what lies there may have or not.
    OneOf(Vec<Sha256>),
}

/// What the file system says of a file besides its [`Stamp`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// The state in which it was read.
    pub stamp: Stamp,
    /// The numeric ID of its owner.
    pub owner: u32,
    /// Its mtime, for the record.
    pub modified_at: Timestamp,
}

/// A file that was copied into the archive and compared, whole.
#[derive(Debug)]
pub struct Claimed {
    /// Where it lies.
    pub path: DropPath,
    /// How it came there.
    pub arrival: Arrival,
    /// The SHA-256 of its bytes.
    pub sha256: Sha256,
    /// The number of its bytes.
    pub bytes: u64,
    /// What the file system says of it. The desk keeps the stamp as [`Known::stamp`].
    pub facts: FileFacts,
    /// The archived copy, open at its beginning.
    pub copy: File,
    /// Keeps the archived copy from being removed until this is dropped.
    pub pin: Pin,
    /// The order ID from the folder's name or the order file, and where the latter was.
    pub order_id: Option<String>,
    /// The purchase ID from the order file.
    pub purchase_id: Option<String>,
    /// The marker and order file that this delivery used up: [`Desk::is_spent`] must say yes for them from now on.
    pub spent: Vec<SideFile>,
}

/// A file that is refused as a whole without having been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLarge {
    /// Where it lies.
    pub path: DropPath,
    /// What the file system says of it; its size is in the stamp. The desk keeps the stamp as [`Known::stamp`].
    pub facts: FileFacts,
    /// The limit that it is over.
    pub limit: u64,
}

/// A rehearsal that is to be answered. Nothing of it goes into the archive.
#[derive(Debug)]
pub struct Rehearsal {
    /// Where it lies.
    pub path: DropPath,
    /// What the file system says of it. The desk keeps the stamp as [`Known::stamp`].
    pub facts: FileFacts,
    /// What was read of it.
    pub content: Rehearsed,
}

/// What was read of a rehearsal.
#[derive(Debug)]
pub enum Rehearsed {
    /// All of it.
    Whole {
        /// The SHA-256 of its bytes.
        sha256: Sha256,
        /// A copy without a name, gone when this is dropped.
        copy: File,
    },
    /// Nothing, since it is over the limit.
    TooLarge {
        /// The limit.
        limit: u64,
    },
}

/// Why nothing may be taken now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hold {
    /// The customer is over its limit for the day. The desk tells the sender.
    DayLimit,
    /// The disk has no more than the reserve left.
    Reserve,
    /// The record can't take anything, or the daemon stops.
    Closed,
    /// Another long rehearsal is being answered.
    Busy,
    /// A rehearsal's answer couldn't be written, or the registrar not be asked.
    Unanswered,
}

/// Keeps the record that an inbox works against: one customer's side of the ledger.
///
/// Every method may be asked again for the same file, after a crash in particular, and must then come to the same
/// state. Calls come from one thread at a time.
pub trait Desk {
    /// What is known of the file last taken at `path`, too large ones and answered rehearsals included.
    fn known(&mut self, path: &DropPath) -> Result<Option<Known>, DeskError>;

    /// The known files at other paths that have this inode, size and mtime. A few are enough.
    fn known_like(&mut self, stamp: &Stamp) -> Result<Vec<(DropPath, Known)>, DeskError>;

    /// What the drop folder at this path was last; `None` if there was none, or at another path.
    fn folder(&mut self, at: &Path) -> Result<Option<FolderId>, DeskError>;

    /// The drop folder at this path is this one from now on.
    fn folder_is(&mut self, at: &Path, id: FolderId) -> Result<(), DeskError>;

    /// Whether a marker or an order file has been used up by a delivery.
    fn is_spent(&mut self, side: &SideFile) -> Result<bool, DeskError>;

    /// Whether a file of so many bytes may be taken now.
    fn may_take(&mut self, path: &DropPath, bytes: u64) -> Result<Result<(), Hold>, DeskError>;

    /// Rejects a file unread that can't be read without bringing the process down, and keeps its stamp as known. Says
    /// whether it did; asked before each file is read.
    fn is_poison(&mut self, _path: &DropPath, _facts: &FileFacts) -> Result<bool, DeskError> {
        Ok(false)
    }

    /// Whether the pass should end soon: asked between files and while one is copied.
    fn is_closing(&self) -> bool {
        false
    }

    /// A file's bytes follow, from their beginning, once or again.
    fn begin(&mut self, path: &DropPath, stamp: &Stamp);

    /// The file's next bytes.
    fn feed(&mut self, bytes: &[u8]);

    /// The file's end. Says whether its content looks as if more were to come.
    fn may_be_incomplete(&mut self) -> bool;

    /// Takes a file; the bytes fed last are its own. Parses, records, and keeps its stamp as known.
    fn deliver(&mut self, claimed: Claimed) -> Result<(), DeskError>;

    /// Rejects a file that is over the limit, and keeps its stamp as known.
    fn too_large(&mut self, file: TooLarge) -> Result<(), DeskError>;

    /// Answers a rehearsal; the bytes fed last are its own, if it was read. Keeps its stamp as known.
    fn rehearse(&mut self, rehearsal: Rehearsal) -> Result<Result<(), Hold>, DeskError>;

    /// A known file's attributes or file system changed and its content didn't: its stamp is this one now.
    fn touched(&mut self, path: &DropPath, stamp: &Stamp) -> Result<(), DeskError>;

    /// A file gets an answer other than being taken. Said again after each start.
    fn refused(&mut self, path: &DropPath, refusal: &Refusal) -> Result<(), DeskError>;

    /// Nothing of what was said with [`refused`](Self::refused) of this file holds any more.
    fn no_longer_refused(&mut self, path: &DropPath) -> Result<(), DeskError>;

    /// What we wrote at this path, at which a file with the name of an output of ours lies in this state.
    fn wrote(&mut self, path: &DropPath, stamp: &Stamp) -> Result<Wrote, DeskError>;

    /// Whether we wrote something with this hash at any path.
    fn wrote_anywhere(&mut self, sha256: &Sha256) -> Result<bool, DeskError>;
}
