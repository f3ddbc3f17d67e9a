//! What verification can find, each with a sentence that names it.

use devicedrop_core::checkpoint::Checkpoint;
use devicedrop_core::ids::{RegistrationId, SubmissionEntry};
use devicedrop_core::shown::shown;
use devicedrop_core::time::Timestamp;

use super::super::error::Untrusted;

/// Something that isn't as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// The record.
    #[error(transparent)]
    Record(#[from] Untrusted),
    /// The record is shorter than it was.
    #[error("the ledger ends with block {blocks}; the checkpoint of {} saw {}: its end was cut off, or an older copy \
        was put in its place", .checkpoint.at, .checkpoint.blocks)]
    Shorter {
        /// What saw more.
        checkpoint: Checkpoint,
        /// How many blocks there are.
        blocks: u64,
    },
    /// The record was written anew.
    #[error("the first {} blocks of the ledger aren't those that the checkpoint of {} saw: the record was written anew",
        .0.blocks, .0.at)]
    Rewritten(Checkpoint),
    /// A line of the checkpoint isn't what the record gives.
    #[error("the checkpoint of {} (blocks: {}) has the right root, and says {said} for the {what}; the record gives {given}: \
        that line was changed", .checkpoint.at, .checkpoint.blocks)]
    Line {
        /// The checkpoint.
        checkpoint: Checkpoint,
        /// What of it.
        what: &'static str,
        /// As it says.
        said: String,
        /// As the record gives it.
        given: String,
    },
    /// A restore left behind what a checkpoint saw.
    #[error("{0}; if that restore is known to you, --accept-epoch {epoch}", epoch = .0.epoch)]
    Lost(Lost),
    /// An epoch doesn't begin where the one before ended.
    #[error("epoch {0} of the ledger doesn't begin where the one before it ended")]
    Epoch(u64),
    /// The checkpoint is of another ledger.
    #[error("the checkpoint of {} is of another ledger", .0.at)]
    OtherLedger(Checkpoint),
    /// A table, view, index or trigger of the schema.
    #[error("the {kind} {} of the ledger's schema {what}", shown(.name))]
    Schema {
        /// Table, view, index or trigger.
        kind: String,
        /// Its name.
        name: String,
        /// What became of it.
        what: Drift,
    },
    /// A table of words.
    #[error("the ledger's words for codes were changed: {0}")]
    Word(&'static str),
    /// What is kept of where a registration stands isn't what its record gives.
    #[error("registration {registration}: its {what} is kept as {kept}, and its record gives {given}")]
    Present {
        /// Which.
        registration: RegistrationId,
        /// What of it.
        what: &'static str,
        /// As it is kept.
        kept: String,
        /// As the record gives it.
        given: String,
    },
    /// What is kept of a call under way isn't what its record gives.
    #[error("the call with entry {entry}: its {what} are kept as {kept}, and its record gives {given}")]
    Work {
        /// The call.
        entry: i64,
        /// What of it.
        what: &'static str,
        /// As it is kept.
        kept: String,
        /// As the record gives it.
        given: String,
    },
    /// What is kept of a submission isn't what its record gives.
    #[error("the submission with entry {submission}: its {what} is kept as {}, and its record gives {}",
        shown(.kept), shown(.given))]
    Submission {
        /// Which.
        submission: SubmissionEntry,
        /// What of it.
        what: &'static str,
        /// As it is kept.
        kept: String,
        /// As the record gives it.
        given: String,
    },
}

/// The end of an epoch that a checkpoint saw and a restore left behind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("epoch {epoch}, opened on {at} by {}, goes on from block {blocks} (entry {entries}); the checkpoint of {} saw \
    {} blocks ({} entries) of epoch {}: the end of that epoch is missing",
    shown(.actor), .checkpoint.at, .checkpoint.blocks, .checkpoint.entries, .checkpoint.epoch)]
pub struct Lost {
    /// What saw more.
    pub checkpoint: Checkpoint,
    /// The epoch that came then.
    pub epoch: u64,
    /// When it was opened.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// How many blocks it took over.
    pub blocks: u64,
    /// How many entries it took over.
    pub entries: u64,
}

/// What became of a part of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Drift {
    /// It is gone.
    #[error("is gone")]
    Gone,
    /// It isn't as the program made it.
    #[error("was changed")]
    Changed,
    /// The program didn't make it.
    #[error("was added by somebody")]
    Added,
}
