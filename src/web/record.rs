//! What the page needs of whoever keeps the record: questions, each answered by a short read.
//!
//! The daemon implements [`Record`] over the ledger. All of it blocks, and nothing of it writes.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use devicedrop_core::ids::{AttemptId, CustomerKey, RegistrationId, SubmissionId};
use devicedrop_core::locale::Locale;
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_core::time::Timestamp;

use crate::control::protocol::{DaemonHealth, Status};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// It would have taken too long, and was given up.
    #[error("the answer would have taken longer than {} s", .0.as_secs())]
    TooLong(Duration),
    /// It can't be asked so.
    #[error("{0}")]
    Refused(String),
    /// The record can't be read.
    #[error("the record can't be read: {0}")]
    Failed(String),
}

/// Which rows are wanted: those that meet all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowFilter {
    /// Of this customer.
    pub customer: Option<CustomerKey>,
    /// In this state.
    pub state: Option<State>,
    /// With this error.
    pub error: Option<ErrorCode>,
    /// With this order ID, byte for byte.
    pub order: Option<String>,
    /// Received at this time or later.
    pub since: Option<Timestamp>,
    /// Received before this time.
    pub until: Option<Timestamp>,
    /// Whose serial number begins so.
    pub serial: Option<String>,
    /// Failed ones, too, whose file has newer content.
    pub superseded: bool,
}

/// Which rows of a submission come: all, errors first, or those in one state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Which {
    /// All of them, the failed ones first.
    #[default]
    All,
    /// Those in this state.
    In(State),
}

/// Where a page of a submission's rows begins: behind this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The last row of the page before.
    pub after: RegistrationId,
    /// Whether that was one of the failed rows that come first.
    pub failed: bool,
}

/// Which submissions are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubmissionFilter {
    /// Of this customer.
    pub customer: Option<CustomerKey>,
}

/// A row and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Which.
    pub registration: RegistrationId,
    /// Of which submission.
    pub submission: SubmissionId,
    /// Whose.
    pub customer: CustomerKey,
    /// The file that it came in, inside the drop folder.
    pub file: String,
    /// The line on which it begins.
    pub line: u64,
    /// The order ID that holds for it.
    pub order_id: Option<String>,
    /// The purchase ID that holds for it.
    pub purchase_id: Option<String>,
    /// The manufacturer.
    pub manufacturer: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The serial number.
    pub serial_number: Option<String>,
    /// Its state.
    pub state: State,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Its error.
    pub error: Option<ErrorCode>,
    /// What is to be said of that, in the language asked for.
    pub details: Option<String>,
    /// The request ID to tell support.
    pub request_id: Option<String>,
    /// How many attempts it had.
    pub attempts: u64,
    /// Whether it failed, and its file has newer content.
    pub superseded: bool,
}

/// One change of a row's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Option<Timestamp>,
    /// Out of which state; none at its beginning.
    pub from: Option<State>,
    /// Into which.
    pub to: State,
    /// Its error.
    pub error: Option<ErrorCode>,
    /// What brought it about, in the contract's word.
    pub cause: String,
    /// Who did, where a person did.
    pub actor: Option<String>,
    /// The attempt that did, where one did.
    pub attempt: Option<AttemptId>,
}

/// One try to register a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which.
    pub attempt: AttemptId,
    /// Which one of its row, from 1.
    pub number: u64,
    /// The registrar.
    pub registrar: String,
    /// Where it went.
    pub target: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When its outcome was known.
    pub finished_at: Option<Timestamp>,
    /// Its outcome, in the contract's word; none while it is under way or in doubt.
    pub outcome: Option<String>,
    /// Its error.
    pub error: Option<ErrorCode>,
    /// What the record says of it, in English.
    pub details: Option<String>,
    /// The request ID.
    pub request_id: Option<String>,
    /// The correlation ID.
    pub correlation_id: Option<String>,
    /// The tracking ID.
    pub tracking_id: Option<String>,
    /// Status and code as they were received.
    pub answer: Option<String>,
}

/// All that is on record of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The row.
    pub row: Registration,
    /// Its changes, the oldest first.
    pub changes: Vec<Change>,
    /// Its attempts, the oldest first.
    pub attempts: Vec<Attempt>,
    /// Other rows of the same device at the same customer, the newest first.
    pub others: Vec<Registration>,
}

/// A submission and where its rows stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Which.
    pub submission: SubmissionId,
    /// Whose.
    pub customer: CustomerKey,
    /// Its file, inside the drop folder.
    pub file: String,
    /// The order ID that holds for all of it.
    pub order_id: Option<String>,
    /// The purchase ID that holds for all of it.
    pub purchase_id: Option<String>,
    /// The hash of its bytes.
    pub sha256: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// When it was received.
    pub received_at: Option<Timestamp>,
    /// Since when no row is pending.
    pub completed_at: Option<Timestamp>,
    /// Why it was rejected as a whole, in English.
    pub rejection: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// The pending ones.
    pub pending: u64,
    /// Those that are ready, active or inactive.
    pub ready: u64,
    /// The failed ones.
    pub failed: u64,
    /// Those whose device was registered already.
    pub already: u64,
}

/// How many rows are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pending.
    pub pending: u64,
    /// Failed, superseded ones left out.
    pub failed: u64,
    /// Ready, and neither active nor inactive.
    pub ready: u64,
    /// Active.
    pub active: u64,
    /// Inactive.
    pub inactive: u64,
}

impl Counts {
    /// How many are in this state.
    pub fn of(&self, state: State) -> u64 {
        match state {
            State::Pending => self.pending,
            State::Failed => self.failed,
            State::Ready => self.ready,
            State::Active => self.active,
            State::Inactive => self.inactive,
        }
    }
}

/// One of the contract's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Submissions.
    Submissions,
    /// Registrations.
    Registrations,
    /// Attempts.
    Attempts,
    /// Transitions.
    Transitions,
    /// Devices.
    Devices,
}

/// A look-up in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Which.
    pub table: Table,
    /// Columns and what must stand in them; where nothing is given, nothing must.
    pub filters: Vec<(String, String)>,
    /// Only rows behind this key.
    pub after: Option<String>,
    /// How many rows at most.
    pub limit: usize,
}

/// Rows of a table, in the order of their keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The table's columns.
    pub columns: &'static [&'static str],
    /// The rows: a value for each column.
    pub rows: Vec<Vec<serde_json::Value>>,
    /// The key behind which the next page begins, if there is one.
    pub next: Option<String>,
}

/// What tells one moment of the record from another: unequal if anything changed that the page shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sign {
    /// How many entries there are.
    pub entries: u64,
    /// What else the page shows of the daemon, in a few bytes.
    pub others: u64,
}

/// Answers what the page asks.
pub trait Record: Send + Sync + 'static {
    /// Rows that meet a filter, the newest first, at most `limit`, older than `before`. Their details may be left out.
    fn rows(
        &self,
        filter: &RowFilter,
        before: Option<RegistrationId>,
        limit: usize,
    ) -> Result<Vec<Registration>, Unanswered>;

    /// How many rows are in which state, of one customer or of all.
    fn counts(&self, customer: Option<&CustomerKey>) -> Result<Counts, Unanswered>;

    /// Customers of whom anything is on record, by their keys.
    fn customers(&self) -> Result<Vec<CustomerKey>, Unanswered>;

    /// The folder in which the customers' drop folders lie.
    fn drop_root(&self) -> String;

    /// One row and all of its history.
    fn device(&self, registration: RegistrationId, locale: Locale) -> Result<Option<Device>, Unanswered>;

    /// Submissions that meet a filter, the newest first, at most `limit`, older than `before`.
    fn submissions(
        &self,
        filter: &SubmissionFilter,
        before: Option<SubmissionId>,
        limit: usize,
    ) -> Result<Vec<Submission>, Unanswered>;

    /// One submission.
    fn submission(&self, submission: SubmissionId) -> Result<Option<Submission>, Unanswered>;

    /// Rows of a submission, the failed ones first and else by their lines, at most `limit`, behind `page`.
    fn submission_rows(
        &self,
        submission: SubmissionId,
        which: Which,
        page: Option<Page>,
        limit: usize,
        locale: Locale,
    ) -> Result<Vec<Registration>, Unanswered>;

    /// Rows of one of the contract's tables, the oldest first.
    fn table(&self, ask: &Ask) -> Result<Rows, Unanswered>;

    /// How things stand, as `status` tells it.
    fn standing(&self) -> Result<Status, Unanswered>;

    /// Whether the daemon can do its job. Answered at once, whatever hangs.
    fn health(&self) -> DaemonHealth;

    /// All figures, as Prometheus takes them.
    fn metrics(&self) -> Result<String, Unanswered>;

    /// What tells this moment from others.
    fn sign(&self) -> Result<Sign, Unanswered>;

    /// Returns once something may have changed since this was called. It may be called and dropped.
    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}
