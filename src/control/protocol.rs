//! What is said over the control socket: one request in one line of JSON, then replies, a line each, until one
//! ends them.
//!
//! A connection carries one request. Rights are the socket's own permissions; the peer's user is the actor.

use std::path::PathBuf;

use devicedrop_core::device::Device;
use devicedrop_core::ids::{CustomerKey, RegistrationId, SubmissionId};
use devicedrop_core::state::ErrorCode;
use devicedrop_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use super::health::DaemonHealth;
use super::paths;
pub use super::standing::{Health, RegistrarStatus, TargetStatus};

/// The longest line that either side reads, in bytes: a status of ten thousand customers stays below it.
pub const MAX_LINE: usize = 16 * 1024 * 1024;

/// What is asked of the daemon. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// How things stand. Answered by [`Answer::Status`].
    Status,
    /// Why a file is where it is. Answered by [`Answer::Explanation`].
    Explain {
        /// The file.
        #[serde(with = "paths::one")]
        path: PathBuf,
    },
    /// Tries failed registrations again. Answered by [`Answer::Retried`].
    Retry(Retry),
    /// Decides a registration whose attempt is in doubt. Answered by [`Answer::Resolved`].
    Resolve {
        /// The registration.
        registration: RegistrationId,
        /// What the person says became of it.
        decision: Decision,
        /// Why, for the record.
        reason: String,
    },
    /// Writes a result file anew. Answered by [`Answer::ResultWritten`].
    Result {
        /// The original.
        #[serde(with = "paths::one")]
        path: PathBuf,
    },
    /// Adds devices to the embedded registrar's inventory. Answered by [`Answer::Imported`], after a
    /// [`Reply::Progress`] now and then.
    RegistryImport {
        /// CSVs with the partner or self-service headings.
        #[serde(with = "paths::many")]
        files: Vec<PathBuf>,
    },
    /// Gives claims up. Answered by [`Answer::Released`].
    RegistryRelease {
        /// Which devices'.
        devices: Devices,
        /// Whose; none: whoever has them.
        customer: Option<CustomerKey>,
    },
    /// Records that devices were used. Answered by [`Answer::CheckedIn`].
    RegistryCheckIn {
        /// Which devices.
        devices: Devices,
        /// When; none: now, or as a file's `Last Seen` column says.
        at: Option<Timestamp>,
    },
    /// Puts on record that a backup was made. Answered by [`Answer::BackupRecorded`].
    BackedUp {
        /// The backup's folder.
        #[serde(with = "paths::one")]
        dir: PathBuf,
        /// How many blocks of the record are in it.
        blocks: u64,
        /// The hash of the last of them.
        head: String,
        /// Whether the signing key is in it.
        with_key: bool,
    },
    /// A user signed in whom the registrar is come to for: what was refused before is tried again. Answered by
    /// [`Answer::SignInTakenUp`].
    SignedIn,
    /// A person says that the clock is right. Answered by [`Answer::ClockAccepted`].
    AcceptClock {
        /// Why, for the record.
        reason: Option<String>,
    },
    /// Reads the configuration anew. Answered by [`Answer::Reloaded`].
    Reload,
    /// Reads the configuration anew if its bytes differ from those in force. Answered by [`Answer::Reloaded`].
    ReloadIfChanged,
}

impl Request {
    /// Whether it changes something on record. The others can be answered by whoever may read the ledger.
    pub fn changes(&self) -> bool {
        !matches!(self, Self::Status | Self::Explain { .. } | Self::Reload | Self::ReloadIfChanged)
    }
}

/// Which failed registrations to try again: those that match all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Of this submission. A rejected one is judged anew.
    pub submission: Option<SubmissionId>,
    /// Of this customer.
    pub customer: Option<CustomerKey>,
    /// With this error.
    pub error: Option<ErrorCode>,
    /// Also those of paths that have a newer submission.
    pub superseded: bool,
}

/// What a person says became of an attempt in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The device is registered.
    Registered,
    /// It is not: try again.
    Retry,
}

/// Devices that a command is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Devices {
    /// This one.
    One(Device),
    /// Those in a CSV with the partner headings (for check-ins, `Last Seen` too).
    File(#[serde(with = "paths::one")] PathBuf),
}

/// One line of the daemon's replies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// How far it is; more replies follow.
    Progress {
        /// What is being done: `reading inventory.csv`.
        what: String,
        /// How much is done.
        done: u64,
        /// Of how much, where that is known.
        total: Option<u64>,
    },
    /// It is done; the last reply.
    Done(Answer),
    /// It can't be done; the last reply.
    Refused(Refusal),
}

/// Why a request can't be met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What can't be done.
    pub message: String,
    /// The causes, the nearest first.
    pub because: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// What a request comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Explain`].
    Explanation(Explanation),
    /// To [`Request::Retry`].
    Retried(Retried),
    /// To [`Request::Resolve`].
    Resolved {
        /// The registration that was decided.
        registration_id: RegistrationId,
    },
    /// To [`Request::Result`].
    ResultWritten(ResultWritten),
    /// To [`Request::RegistryImport`].
    Imported(Imported),
    /// To [`Request::RegistryRelease`].
    Released {
        /// Claims that were given up.
        released: u64,
        /// Devices that nobody (or not the customer named) had claimed.
        not_claimed: u64,
    },
    /// To [`Request::RegistryCheckIn`].
    CheckedIn {
        /// Devices whose use was recorded.
        checked_in: u64,
        /// Devices that the registrar doesn't know.
        not_known: u64,
    },
    /// To [`Request::BackedUp`].
    BackupRecorded,
    /// To [`Request::SignedIn`].
    SignInTakenUp,
    /// To [`Request::AcceptClock`].
    ClockAccepted {
        /// What it shows.
        now: Timestamp,
        /// Why it wasn't believed before, if it wasn't.
        doubt: Option<String>,
    },
    /// To [`Request::Reload`] and [`Request::ReloadIfChanged`].
    Reloaded {
        /// Whether another configuration is in force now.
        changed: bool,
        /// The SHA-256 of the configuration in force; none for defaults.
        sha256: Option<String>,
    },
}

/// How things stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// When this was put together.
    pub at: Timestamp,
    /// The daemon; none when this comes from the ledger alone.
    pub daemon: Option<DaemonStatus>,
    /// The ledger.
    #[serde(with = "paths::one")]
    pub ledger: PathBuf,
    /// The configuration in force.
    pub configuration: ConfigurationStatus,
    /// The whole address of the web page, its token too.
    pub web: Option<String>,
    /// The registrar.
    pub registrar: RegistrarStatus,
    /// Rows on their way.
    pub queue: Queue,
    /// Each customer.
    pub customers: Vec<CustomerStatus>,
    /// Files that wait to be taken, and what for, the longest first; at most a thousand.
    #[serde(default)]
    pub waiting: Vec<Unfinished>,
    /// Paths that were refused and still lie there, the latest first; at most a thousand.
    pub refused: Vec<RefusedPath>,
    /// How many of them there are.
    #[serde(default)]
    pub refused_files: u64,
    /// The oldest file that isn't finished.
    pub oldest_unfinished: Option<Unfinished>,
    /// When anything last happened.
    pub last_activity: Option<Timestamp>,
    /// What needs a person.
    pub problems: Vec<Problem>,
}

/// The daemon itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Its user.
    pub user: String,
    /// When it started.
    pub started_at: Timestamp,
    /// What its start found half done or out of order, and what became of it, in sentences.
    #[serde(default)]
    pub recovery: Vec<String>,
    /// Whether it can do its job; none from a daemon that doesn't say.
    #[serde(default)]
    pub health: Option<DaemonHealth>,
    /// Why it doesn't believe the clock, if so.
    #[serde(default)]
    pub clock_held: Option<String>,
}

/// The configuration in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationStatus {
    /// Its file; none for defaults.
    #[serde(with = "paths::maybe")]
    pub path: Option<PathBuf>,
    /// The SHA-256 of its bytes.
    pub sha256: Option<String>,
    /// When it was loaded.
    pub loaded_at: Option<Timestamp>,
    /// Why a newer one isn't in force, in sentences.
    pub refused: Vec<String>,
}

/// Rows on their way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// All that are pending.
    pub pending: u64,
    /// Of these: under way now.
    pub under_way: u64,
    /// Of these: tried before, waiting for their next try.
    pub deferred: u64,
    /// Of these: attempt in doubt.
    pub in_doubt: u64,
    /// When the next deferred one is due.
    pub next_try_at: Option<Timestamp>,
    /// Result files that are owed.
    pub results_owed: u64,
}

/// How one customer stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerStatus {
    /// Its key.
    pub customer: CustomerKey,
    /// Its drop folder.
    #[serde(with = "paths::one")]
    pub folder: PathBuf,
    /// Whether its folder can be read.
    pub folder_state: FolderState,
    /// Why not, or how it is watched.
    pub folder_detail: Option<String>,
    /// Whether it is paused.
    pub paused: bool,
    /// Files that wait to be taken.
    pub waiting_files: u64,
    /// Its rows that are pending.
    pub pending: u64,
    /// Its rows that are ready (active, inactive and already registered ones too).
    pub ready: u64,
    /// Its rows that failed, superseded ones left out.
    pub failed: u64,
    /// Its result files that are owed.
    pub results_owed: u64,
    /// When anything of it last happened.
    pub last_activity: Option<Timestamp>,
}

/// Whether a drop folder can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FolderState {
    /// Not looked at yet.
    Unknown,
    /// It is read.
    Online,
    /// It vanished, or is an empty mount point.
    Offline,
    /// It is there and can't be read.
    Unreadable,
    /// A folder in the root that belongs to no customer.
    Unconfigured,
}

/// A path that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedPath {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub customer: CustomerKey,
    /// The path inside the drop folder.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// A file that isn't finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// Whose.
    pub customer: CustomerKey,
    /// The path inside the drop folder.
    pub file: String,
    /// Since when.
    pub since: Timestamp,
    /// What it waits for.
    pub why: String,
}

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Since when.
    pub since: Option<Timestamp>,
    /// Whose, where it is one customer's.
    pub customer: Option<CustomerKey>,
    /// The path inside the drop folder, where it is about a file.
    pub file: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: Option<String>,
}

/// Why a file is where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The file asked for.
    #[serde(with = "paths::one")]
    pub path: PathBuf,
    /// Whose it is.
    pub customer: Option<CustomerKey>,
    /// In one word: `ignored`, `settling`, `waiting`, `paused`, `accepted`, `rejected`, `result-owed`, ...
    pub verdict: String,
    /// In one sentence.
    pub why: String,
    /// Its newest submission.
    pub submission_id: Option<SubmissionId>,
}

/// What became of a [`Retry`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// Registrations that are tried again.
    pub registrations: u64,
    /// Rejected submissions that are judged anew.
    pub submissions: u64,
    /// Failed rows that matched and were left out because they are superseded.
    pub superseded_left_out: u64,
    /// Rows that matched and can't be tried again: the row itself isn't valid.
    pub not_valid_left_out: u64,
}

/// A result file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultWritten {
    /// The result file.
    #[serde(with = "paths::one")]
    pub path: PathBuf,
    /// The submission that it answers.
    pub submission_id: SubmissionId,
    /// Its rows.
    pub rows: u64,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// Whether no row is pending.
    #[serde(rename = "final")]
    pub is_final: bool,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Devices that are new in the inventory.
    pub added: u64,
    /// Devices that were there already.
    pub known: u64,
    /// Rows that can't be devices: file, line, why. At most a hundred are named.
    pub refused: Vec<RefusedRow>,
    /// How many rows were refused in all.
    pub refused_rows: u64,
    /// Failed registrations that would now be found.
    pub failed_rows_that_match: u64,
}

/// A row that an import refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRow {
    /// The file.
    #[serde(with = "paths::one")]
    pub file: PathBuf,
    /// The line on which the row begins; none when the whole file is refused.
    pub line: Option<u64>,
    /// Why.
    pub why: String,
}
