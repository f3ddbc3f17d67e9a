//! The named steps between which a crash leaves something half done.
//!
//! Passing one is a trace event and nothing else; the crash tests listen for these events and kill the process at
//! the one they are about. The names are what `docs/decisions/` and the tests call them.

/// The steps of a file's way from drop to result, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A file was looked at and has lain still; it isn't open yet.
    Looked,
    /// It is open and is what was looked at; nothing of it is copied yet.
    Opened,
    /// It is copied; it wasn't looked at again yet.
    Copied,
    /// The archived copy is in place; the ledger doesn't know it yet.
    Claimed,
    /// A submission's first rows are on record, its last ones aren't.
    MidAcceptance,
    /// The submission and all its rows are on record.
    Accepted,
    /// The attempts are on record; the registrar wasn't asked yet.
    Intended,
    /// The registrar answered; the outcomes aren't on record yet.
    Answered,
    /// The outcomes are on record.
    Recorded,
    /// The result file is complete and synced under its temporary name.
    ResultReady,
    /// What stands at the result's name was looked at and may be replaced.
    ResultChecked,
    /// The result file is in place; the ledger doesn't know it yet.
    ResultInPlace,
    /// The result is on record; its receipt isn't written, and nobody knows that it is paid.
    ReceiptDue,
    /// The result is on record, and it is paid.
    ResultRecorded,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Looked,
        Self::Opened,
        Self::Copied,
        Self::Claimed,
        Self::MidAcceptance,
        Self::Accepted,
        Self::Intended,
        Self::Answered,
        Self::Recorded,
        Self::ResultReady,
        Self::ResultChecked,
        Self::ResultInPlace,
        Self::ReceiptDue,
        Self::ResultRecorded,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Looked => "looked",
            Self::Opened => "opened",
            Self::Copied => "copied",
            Self::Claimed => "claimed",
            Self::MidAcceptance => "mid-acceptance",
            Self::Accepted => "accepted",
            Self::Intended => "intended",
            Self::Answered => "answered",
            Self::Recorded => "recorded",
            Self::ResultReady => "result-ready",
            Self::ResultChecked => "result-checked",
            Self::ResultInPlace => "result-in-place",
            Self::ReceiptDue => "receipt-due",
            Self::ResultRecorded => "result-recorded",
        }
    }

    /// Says that this step was passed.
    pub fn passed(self) {
        tracing::trace!(target: "devicedrop::step", step = self.name());
    }
}
