//! What the ledger tells: the typed rows of the reader's answers.

use devicedrop_core::checkpoint::Checkpoint;
use devicedrop_core::device::{Device, Format, Sha256};
use devicedrop_core::ids::{AttemptId, CallId, CustomerKey, RegistrationId, SubmissionEntry, SubmissionId};
use devicedrop_core::registrar::{CallIds, IdempotencyKey, Question, Request};
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_core::time::Timestamp;

use super::command::{KnownFile, OwedKind};

/// A submission, closed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Its place in the record.
    pub entry: SubmissionEntry,
    /// The identifier that people see.
    pub id: SubmissionId,
    /// When it was received.
    pub at: Timestamp,
    /// Whose.
    pub customer: CustomerKey,
    /// Its path inside the drop folder, at its first delivery.
    pub file: String,
    /// Which judging of this content it is, from 1.
    pub judging: u64,
    /// The order ID that holds for all of it.
    pub order_id: Option<String>,
    /// The purchase ID that holds for all of it.
    pub purchase_id: Option<String>,
    /// Its format.
    pub format: Option<Format>,
    /// Its encoding.
    pub encoding: Option<String>,
    /// Its delimiter.
    pub delimiter: Option<String>,
    /// The hash of its bytes.
    pub sha256: Option<Sha256>,
    /// Its size.
    pub bytes: u64,
    /// Why it was rejected, in English; none for an accepted one.
    pub rejection: Option<String>,
    /// How many data rows it has.
    pub rows: u64,
    /// Where its rows stand; none before its acceptance is complete.
    pub tally: Option<Tally>,
}

/// Where the rows of a submission stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Where its file lies now, or lay last: another path than `file` once it was moved.
    pub path: String,
    /// Whether newer content lies, or lay, at its path.
    pub superseded: bool,
    /// How many registrations it has.
    pub rows: u64,
    /// Pending ones.
    pub pending: u64,
    /// Ready, active and inactive ones; those that were registered already among them.
    pub ready: u64,
    /// Failed ones.
    pub failed: u64,
    /// Those whose device was registered already.
    pub already: u64,
    /// Since when none is pending.
    pub completed_at: Option<Timestamp>,
}

/// A file that was taken, and what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The file as it lay there.
    pub file: KnownFile,
    /// What it was taken as.
    pub submission: SubmissionEntry,
    /// The hash of its bytes.
    pub sha256: Option<Sha256>,
    /// Whether it was rejected.
    pub rejected: bool,
}

/// An acceptance that was cut off: the submission is on record, its delivery isn't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The submission.
    pub submission: Submission,
    /// How many of its rows are on record, from the first one on.
    pub rows_in: u64,
}

/// A registration that may be attempted now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub registration: RegistrationId,
    /// Of which submission.
    pub submission: SubmissionId,
    /// Whose device it is to be.
    pub customer: CustomerKey,
    /// The device.
    pub device: Device,
    /// Its hardware hash.
    pub hardware_hash: Option<String>,
    /// The order ID that holds for the row.
    pub order_id: Option<String>,
    /// The purchase ID that holds for the row.
    pub purchase_id: Option<String>,
    /// The key to send along.
    pub key: IdempotencyKey,
    /// How many attempts it had, ever.
    pub attempts: u64,
    /// How many of them since it last became pending.
    pub tries: u64,
    /// When it last became pending.
    pub since: Timestamp,
}

impl Due {
    /// The request for this row, once its attempt is on record.
    pub fn request(self, attempt: AttemptId) -> Request {
        Request {
            attempt,
            registration: self.registration,
            submission: self.submission,
            key: self.key,
            customer: self.customer,
            device: self.device,
            hardware_hash: self.hardware_hash,
            order_id: self.order_id,
            purchase_id: self.purchase_id,
        }
    }
}

/// An attempt without an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InDoubt {
    /// The request, as it was or was to be sent.
    pub request: Request,
    /// The call that carried it.
    pub call: CallId,
    /// The registrar's word.
    pub registrar: String,
    /// Where the call went.
    pub target: String,
    /// The IDs of that call.
    pub ids: CallIds,
    /// What the registrar follows the request by, where it gave one.
    pub tracking_id: Option<String>,
    /// When the attempt was put on record.
    pub started_at: Timestamp,
    /// Which attempt of its registration it is, from 1.
    pub number: u64,
    /// How many attempts since the registration last became pending, this one included.
    pub tries: u64,
    /// When the registration last became pending.
    pub since: Timestamp,
}

impl InDoubt {
    /// What the registrar is asked about it.
    pub fn question(&self) -> Question {
        Question { request: self.request.clone(), ids: self.ids.clone(), tracking_id: self.tracking_id.clone() }
    }
}

/// A row that waits for its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// Which.
    pub registration: RegistrationId,
    /// Whose.
    pub customer: CustomerKey,
    /// Its device.
    pub device: Device,
    /// When it is due.
    pub due: Timestamp,
    /// Whether it was tried since it last became pending; if not, it was put off for another row of its device.
    pub tried: bool,
}

/// A time in which no daemon ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// The last entry before it.
    pub from: Timestamp,
    /// The start after it.
    pub to: Timestamp,
}

/// The registration that holds a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Which.
    pub registration: RegistrationId,
    /// The file it stands in.
    pub file: String,
    /// The line it begins on.
    pub line: u64,
    /// When the device was registered.
    pub at: Timestamp,
    /// Where it stands.
    pub state: State,
}

/// One row of a submission, with all that a result file says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub registration: RegistrationId,
    /// The line it begins on.
    pub line: u64,
    /// Where it stands.
    pub state: State,
    /// Its error.
    pub error: Option<ErrorCode>,
    /// Details in English, beyond the error's fixed sentence.
    pub detail: Option<String>,
    /// The registration that holds the device, where that is another one; `state` is then the row's own still.
    pub holder: Option<Holder>,
    /// The request ID to tell support: the registrar's, or for a failed row `dd-` and the attempt's number.
    pub request_id: Option<String>,
}

/// A result file that is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// Of which submission.
    pub submission: Submission,
    /// Since when.
    pub since: Timestamp,
    /// Which kind.
    pub kind: OwedKind,
    /// What tells this debt from one that arises while it is being paid; goes back with `Writer::pay`.
    pub version: i64,
    /// How often it was tried in vain.
    pub tries: u64,
    /// Why the last try failed.
    pub reason: Option<String>,
    /// Whether its content is what lies at its path now, so that it owes the plain name.
    pub newest: bool,
}

/// A device in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// The registration that made it ready.
    pub registration: RegistrationId,
    /// Whose.
    pub customer: CustomerKey,
    /// The device.
    pub device: Device,
    /// Where it stands.
    pub state: State,
    /// When it was last seen.
    pub last_seen: Option<Timestamp>,
}

/// How much there is of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted submissions.
    pub accepted: u64,
    /// Rejected submissions.
    pub rejected: u64,
    /// Registrations of accepted submissions.
    pub rows: u64,
    /// Pending ones.
    pub pending: u64,
    /// Ready, active and inactive ones.
    pub ready: u64,
    /// Failed ones whose content is the newest of its path.
    pub failed: u64,
    /// Failed ones whose path has newer content.
    pub superseded: u64,
    /// Those whose device was registered already.
    pub already: u64,
    /// Result files owed.
    pub owed: u64,
    /// Attempts without an outcome.
    pub under_way: u64,
}

/// What a customer delivered in some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
}

/// The end of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The ledger's UUID.
    pub ledger: [u8; 16],
    /// The present epoch.
    pub epoch: u64,
    /// How many entries there are.
    pub entries: u64,
    /// How many blocks.
    pub blocks: u64,
    /// When the last one was written.
    pub at: Timestamp,
    /// Its hash.
    pub hash: Sha256,
}

impl Head {
    /// The same as a checkpoint made at `at`, with the root of the log over all blocks.
    pub fn checkpoint(&self, root: [u8; 32], at: Timestamp) -> Checkpoint {
        let Self { ledger, epoch, entries, blocks, .. } = *self;
        Checkpoint { ledger, blocks, root, epoch, entries, at }
    }
}
