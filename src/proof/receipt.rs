//! Receipts: what a result file came to, and the proof that it is on record so.
//!
//! A receipt lies beside its result file. Its sender keeps it: a record that is rewritten later, or cut off, no longer
//! leads to the checkpoint in it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use devicedrop_core::ids::EntryId;
use devicedrop_core::record::Kind;

use super::{Column, Proof, ProofError, Proven, ProvenEntry};

/// What a receipt of this form says of itself.
pub const FORM: &str = "devicedrop-receipt-v1";

/// What a result file came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`FORM`].
    pub form: String,
    /// The submission that the result answers.
    pub submission_id: String,
    /// The customer.
    pub customer: String,
    /// The original's path in the drop folder.
    pub file: String,
    /// The SHA-256 of the original, in hexadecimal digits; none where it was refused unread.
    pub sha256: Option<String>,
    /// The order ID that holds for the file.
    pub order_id: Option<String>,
    /// The purchase ID that holds for the file.
    pub purchase_id: Option<String>,
    /// The result file's path in the drop folder.
    pub result: String,
    /// The SHA-256 of the result file.
    pub result_sha256: String,
    /// Whether the result is final.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// How many rows the original has.
    pub rows: u64,
    /// How many of them are pending.
    pub pending: u64,
    /// How many are ready, active, inactive, or were registered already.
    pub ready: u64,
    /// How many failed.
    pub failed: u64,
    /// How many of those ready were registered already.
    pub already: u64,
    /// Where the rows stand in the record: runs of entries, first and last.
    pub registrations: Vec<[u64; 2]>,
    /// The proof of the submission, of its newest delivery, and of the writing of the result.
    pub proof: Proof,
}

/// Why a receipt isn't one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Another form.
    #[error("it isn't of the form {FORM}")]
    Form,
    /// Its proof is none.
    #[error("its proof doesn't hold: {0}")]
    Proof(#[from] ProofError),
    /// An entry is missing in the proof.
    #[error("its proof shows no {0}")]
    Missing(&'static str),
    /// The receipt says something else than the record.
    #[error("it says something else than the record about: {0}")]
    Differs(&'static str),
}

impl Receipt {
    /// Checks the proof, and compares what the receipt says with what the proof shows of the record. How many rows are
    /// pending, ready or failed is told by the result file, whose SHA-256 is compared.
    pub fn check(&self) -> Result<Proven<'_>, ReceiptError> {
        if self.form != FORM {
            return Err(ReceiptError::Form);
        }
        let proven = self.proof.check()?;
        let last = |kind| proven.entries.iter().rfind(|entry: &&ProvenEntry<'_>| entry.kind == kind);
        let submission = last(Kind::Submission).ok_or(ReceiptError::Missing("submission"))?;
        let delivery = last(Kind::Delivery).ok_or(ReceiptError::Missing("delivery"))?;
        let result = last(Kind::Result).ok_or(ReceiptError::Missing("result"))?;
        // To the letter: whoever looks the submission up by its ID must find it.
        let id = Uuid::try_parse(&self.submission_id).ok().filter(|id| id.to_string() == self.submission_id);
        let id = id.map(|id| id.simple().to_string());
        let rows = i64::try_from(self.rows).ok();
        for (what, same) in [
            ("submission_id", id.is_some() && submission.hex(2) == id.as_deref()),
            ("customer", submission.text(3) == Some(&self.customer)),
            ("order_id", submission.text(6) == self.order_id.as_deref()),
            ("purchase_id", submission.text(7) == self.purchase_id.as_deref()),
            ("sha256", submission.hex(11) == self.sha256.as_deref()),
            ("rows", submission.integer(15) == rows),
            ("file", delivery.is_of(submission.id, 2) && delivery.text(4) == Some(&self.file)),
            ("result", result.is_of(submission.id, 2) && result.text(3) == Some(&self.result)),
            ("result_sha256", result.hex(4) == Some(&self.result_sha256)),
            ("final", result.integer(5) == Some(i64::from(self.is_final))),
        ] {
            if !same {
                return Err(ReceiptError::Differs(what));
            }
        }
        Ok(proven)
    }
}

impl ProvenEntry<'_> {
    fn text(&self, column: usize) -> Option<&str> {
        self.columns.get(column).and_then(Column::text)
    }

    fn hex(&self, column: usize) -> Option<&str> {
        self.columns.get(column).and_then(Column::hex)
    }

    fn integer(&self, column: usize) -> Option<i64> {
        self.columns.get(column).and_then(Column::integer)
    }

    fn is_of(&self, submission: EntryId, column: usize) -> bool {
        self.integer(column) == Some(submission.get())
    }
}
