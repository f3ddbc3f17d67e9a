//! How a command ends, as its exit code: an interface for scripts, so the numbers never change.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Done, and the answer is no: invalid rows, tampering found, something needs a person.
    No,
    /// It could not be done: usage, configuration, environment.
    Unable,
    /// The daemon stopped because a write to the ledger failed; start it again.
    LedgerStopped,
    /// The ledger can't be trusted; a person must act.
    LedgerUntrusted,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Unable => 2,
            Self::LedgerStopped => 3,
            Self::LedgerUntrusted => 4,
        }
    }

    /// `Done` when the answer is yes.
    pub fn answer(yes: bool) -> Self {
        if yes { Self::Done } else { Self::No }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
