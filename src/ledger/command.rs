//! What the ledger can be told: the words of the closed set of commands. What they do is in `apply`.
//!
//! Every command that puts something on record brings its time along; the ledger has no clock of its own.

use devicedrop_core::device::{Format, Sha256};
use devicedrop_core::ids::{AttemptId, CallId, CustomerKey, RegistrationId, SubmissionEntry, SubmissionId};
use devicedrop_core::registrar::CallIds;
use devicedrop_core::state::{ErrorCode, Outcome};
use devicedrop_core::time::Timestamp;

/// One content of one file, about to go on record. Which judging of that content it is, the ledger counts itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubmission {
    /// When it was received.
    pub at: Timestamp,
    /// The identifier that people see.
    pub id: SubmissionId,
    /// Whose drop folder it lay in.
    pub customer: CustomerKey,
    /// Its path inside the drop folder; bytes that aren't UTF-8 as `\xNN`.
    pub file: String,
    /// The order ID that holds for all of it.
    pub order_id: Option<String>,
    /// The purchase ID that holds for all of it.
    pub purchase_id: Option<String>,
    /// Its format, where its headings told one.
    pub format: Option<Format>,
    /// Its encoding, as a word.
    pub encoding: Option<String>,
    /// Its delimiter.
    pub delimiter: Option<String>,
    /// The hash of its bytes; none where it was refused unread.
    pub sha256: Option<Sha256>,
    /// Its size.
    pub bytes: u64,
    /// How many data rows it has; none is registered of one that is rejected.
    pub rows: u64,
}

/// One data row, about to go on record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRegistration {
    /// The line on which it begins.
    pub line: u64,
    /// Manufacturer, where the row has one.
    pub manufacturer: Option<String>,
    /// Model, where the row has one.
    pub model: Option<String>,
    /// Serial number, where the row has one.
    pub serial_number: Option<String>,
    /// Hardware hash, where the row has one.
    pub hardware_hash: Option<String>,
    /// Order ID of this row alone.
    pub order_id: Option<String>,
    /// Purchase ID of this row alone.
    pub purchase_id: Option<String>,
    /// Why it is refused before anything is sent, with details in English.
    pub refused: Option<(ErrorCode, String)>,
}

/// One arrival of a submission's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// When it was taken.
    pub at: Timestamp,
    /// Its path inside the drop folder.
    pub file: String,
    /// Who owns the file.
    pub owner: Option<String>,
    /// When it was modified, by its own account.
    pub modified_at: Option<Timestamp>,
}

/// A file as it lay there when it was taken: what tells whether it was touched since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// Whose drop folder.
    pub customer: CustomerKey,
    /// Its path inside it.
    pub path: String,
    /// The device that it is on.
    pub dev: u64,
    /// Its inode.
    pub ino: u64,
    /// Its size.
    pub size: u64,
    /// Its modification, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Its last change of any kind, in nanoseconds since 1970.
    pub ctime_ns: i64,
    /// When it was made, in nanoseconds since 1970, where the file system says so.
    pub born_ns: Option<i64>,
}

/// One request to a registrar, about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// When.
    pub at: Timestamp,
    /// The registrar's word (`embedded`, ...).
    pub registrar: String,
    /// Base URL and tenant, or the path of the embedded registrar's store.
    pub target: String,
    /// Its IDs.
    pub ids: CallIds,
}

/// A call that is on record and may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The call.
    pub call: CallId,
    /// Its attempts, in the order in which the registrations were given.
    pub attempts: Vec<AttemptId>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its registration.
    pub registration: RegistrationId,
    /// When.
    pub at: Timestamp,
    /// How; everything but `Resolved`, which is [`super::Writer::resolve`]'s.
    pub outcome: Outcome,
    /// Required for `Failed`; of use for `Deferred`; `AlreadyRegistered` brings its own.
    pub error: Option<ErrorCode>,
    /// The registration that holds the device, for `AlreadyRegistered`.
    pub holder: Option<RegistrationId>,
    /// Details in English, beyond the fixed sentence of the error.
    pub detail: Option<String>,
    /// The registrar's own ID of the request.
    pub request_id: Option<String>,
    /// What the registrar follows the request by.
    pub tracking_id: Option<String>,
    /// Status and code as received.
    pub answer: Option<String>,
    /// When to try again: required for `Deferred` and `Interrupted`, refused for the others.
    pub due: Option<Timestamp>,
}

/// Which failed registrations to try again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only this one.
    pub registration: Option<RegistrationId>,
    /// Only those of this submission.
    pub submission: Option<SubmissionId>,
    /// Only this customer's.
    pub customer: Option<CustomerKey>,
    /// Only those with this error.
    pub error: Option<ErrorCode>,
    /// Also those of paths that have newer content.
    pub superseded: bool,
}

/// What a person decides of an attempt in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The device is registered.
    Registered,
    /// It isn't: send it again, with a key that the registrar doesn't know.
    Retry,
}

/// What a person did, or the daemon itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAction {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What, in one word (`start`, `retry`, ...).
    pub action: String,
    /// To what.
    pub subject: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// A result file that stands in place, to be put on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewResult {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub submission: SubmissionEntry,
    /// Its path inside the drop folder.
    pub file: String,
    /// Its hash.
    pub sha256: Sha256,
    /// Whether no row was pending any more.
    pub last: bool,
}

/// What kind of result is owed. The later ones go before the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OwedKind {
    /// Rows changed while others are still pending.
    Refresh,
    /// The first one of a submission, or of another delivery of it, while rows are pending.
    First,
    /// No row is pending any more.
    Final,
}

impl OwedKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Refresh, Self::First, Self::Final];

    /// The number that stands for it in the ledger.
    pub fn number(self) -> i64 {
        match self {
            Self::Refresh => 1,
            Self::First => 2,
            Self::Final => 3,
        }
    }

    /// The one with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}
