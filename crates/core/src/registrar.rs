//! What is asked of a registrar and what it can answer: the vocabulary that all registrars share.
//!
//! The trait itself, with its futures, is in the program's `registrar` module.

use std::time::Duration;

use crate::device::{Device, Sha256};
use crate::ids::{AttemptId, CustomerKey, RegistrationId, SubmissionId};
use crate::near::Near;
use crate::state::ErrorCode;
use crate::time::Timestamp;

/// What makes a repeated request recognizable: the same for every try of one row, also after a restore of the
/// ledger from a backup or on another machine.
///
/// SHA-256 over customer, path, content, judging, line and generation; see `record::idempotency_key`.
pub type IdempotencyKey = Sha256;

/// One row to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The attempt, already on record.
    pub attempt: AttemptId,
    /// The registration that it is for.
    pub registration: RegistrationId,
    /// The submission that it belongs to.
    pub submission: SubmissionId,
    /// The key to send along.
    pub key: IdempotencyKey,
    /// Whose device it is to be.
    pub customer: CustomerKey,
    /// The device.
    pub device: Device,
    /// Its hardware hash, where the file has one.
    pub hardware_hash: Option<String>,
    /// The order ID that holds for the row.
    pub order_id: Option<String>,
    /// The purchase ID that holds for the row.
    pub purchase_id: Option<String>,
}

/// Where a row comes from, as far as a registrar may group rows by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Whose device it is to be.
    pub customer: &'a CustomerKey,
    /// The submission that it belongs to.
    pub submission: SubmissionId,
    /// The order ID that holds for it.
    pub order_id: Option<&'a str>,
}

/// The IDs under which a call is sent, on record before it leaves; none where the registrar takes none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallIds {
    /// Tells the call from every other one, and is the same when the very same rows are sent again because no answer
    /// came.
    pub request_id: Option<String>,
    /// Tells each sending from every other one.
    pub correlation_id: Option<String>,
}

/// A question about a request that was sent, or perhaps sent, and has no answer on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The request, as it was or was to be sent.
    pub request: Request,
    /// The IDs of the call that carried it.
    pub ids: CallIds,
    /// What the registrar follows it by, if it took it and said so.
    pub tracking_id: Option<String>,
}

impl From<Request> for Question {
    /// A question about a request of which nothing was heard.
    fn from(request: Request) -> Self {
        Self { request, ids: CallIds::default(), tracking_id: None }
    }
}

/// What the registrar said of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// The registrar's own request ID, for support.
    pub request_id: Option<String>,
    /// Status and code as received, cut to [`Answer::MAX_RECEIVED`] characters.
    pub received: Option<String>,
}

impl Answer {
    /// How much of an answer is kept, in characters.
    pub const MAX_RECEIVED: usize = 1_024;

    /// An answer with nothing but its verdict.
    pub fn bare(verdict: Verdict) -> Self {
        Self { verdict, request_id: None, received: None }
    }
}

/// A registrar's verdict on one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Registered for this customer, now or by an earlier request with the same key.
    Registered {
        /// What to tell of it all the same: a hardware hash that speaks of another device, for instance.
        warning: Option<HashMismatch>,
    },
    /// This customer has the device already, by another request.
    AlreadyRegistered,
    /// Refused for good.
    Refused {
        /// One of the service's five errors.
        error: ErrorCode,
        /// The registrar's own words, where it has any beyond the error. Hostile text: shown escaped.
        detail: Option<String>,
        /// What lies between the device and a known one that is nearly the same, where the registrar can tell.
        near: Option<Near>,
    },
    /// Not now: busy, throttled, timed out before anything was sent. Surely not registered by this request.
    Deferred {
        /// Why, for the record.
        why: String,
        /// How long the registrar asks to be left alone, all of it.
        retry_after: Option<Duration>,
    },
    /// The registrar took the request and tells later what became of it, to whoever asks with this ID.
    Accepted {
        /// What the request is followed by: the same for all rows of the call that were accepted.
        tracking_id: String,
        /// It is asked after this time.
        ask_after: Duration,
    },
    /// The request may or may not have had its effect: it was sent and its answer was lost.
    InDoubt {
        /// Why, for the record.
        why: String,
    },
}

/// Fields in which a hardware hash speaks of another device than its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashMismatch {
    /// Column's heading, what the row says, what the hash says.
    pub fields: Vec<(String, String, String)>,
}

/// What a registrar knows of an attempt in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knowledge {
    /// The request arrived; this is its answer.
    Answered(Answer),
    /// The registrar took the request and isn't done with it: it is asked again after this time.
    UnderWay {
        /// The time.
        ask_after: Duration,
    },
    /// The registrar never saw the request: it may be sent again.
    Unknown,
    /// The registrar can't tell: a person must decide, unless sending the same key again is harmless.
    CannotTell,
}

/// Trouble of the whole registrar: no row of the call got an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Credentials or permissions: nothing is sent until a person mended it; rows stay pending.
    #[error("the registrar refuses our credentials: {0}")]
    Broken(String),
    /// The registrar can't be reached or can't work now.
    #[error("the registrar can't be used: {0}")]
    Unavailable(String),
    /// It asks to be asked less often.
    #[error("the registrar asks to be left alone for a while: {why}")]
    Throttled {
        /// Its words.
        why: String,
        /// For how long, if it says so.
        retry_after: Option<Duration>,
    },
}

/// How much a registrar takes at once, for each of its targets by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Rows in one call.
    pub batch: usize,
    /// Calls at the same time.
    pub concurrency: usize,
    /// Whether sending the same key again is known to be harmless.
    pub idempotent: bool,
    /// Whether no two rows of a call may have the same serial number, since its answers name nothing else.
    pub distinct_serials: bool,
    /// How often it lets itself be called, where that is known.
    pub rate: Option<Rate>,
}

/// So many calls in such a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The calls; at least 1.
    pub calls: u32,
    /// The time.
    pub per: Duration,
}

impl Rate {
    /// How long lies between two calls at least, so that they come evenly.
    pub fn interval(self) -> Duration {
        self.per.checked_div(self.calls).unwrap_or(self.per)
    }
}

/// A use of a registered device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Whose device.
    pub customer: CustomerKey,
    /// The device.
    pub device: Device,
    /// When it was last seen.
    pub last_seen: Timestamp,
}
