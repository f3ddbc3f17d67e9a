//! Failures of look-ups as the commands tell them: exit code, causes, a way out.

use std::error::Error;
use std::path::Path;

use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::control::protocol::Refusal;
use crate::ledger::{OpenError, ReadError};
use crate::registrar::embedded::RegistryError;

/// An error that can be told as a failure.
pub(in crate::services) trait Told {
    /// As a failure.
    fn told(self) -> Failure;
}

impl Told for OpenError {
    fn told(self) -> Failure {
        match &self {
            Self::Missing(path) => ledger_missing(path),
            error if error.is_untrusted() => untrusted(error),
            error => unable(error, None),
        }
    }
}

impl Told for ReadError {
    fn told(self) -> Failure {
        if self.is_untrusted() { untrusted(&self) } else { unable(&self, None) }
    }
}

impl Told for RegistryError {
    fn told(self) -> Failure {
        unable(&self, None)
    }
}

/// There is no ledger.
pub(super) fn ledger_missing(path: &Path) -> Failure {
    Failure {
        exit: Exit::Unable,
        refusal: Refusal {
            message: format!("there is no ledger at {}", path.display()),
            because: Vec::new(),
            hint: Some("only `devicedrop run` and `devicedrop demo` make one".to_owned()),
        },
    }
}

/// What is asked for can't be told apart by `filter`.
pub(super) fn not_by(what: &str, filter: &str, these: &str) -> Failure {
    refused(format!("{what} can't be asked for by {filter}"), format!("what can be asked for: {these}"))
}

/// The text isn't a key at which a page can begin.
pub(super) fn bad_key(key: &str) -> Failure {
    refused(
        format!("{key:?} isn't a key of this list"),
        "--after takes what the list before ended with, as it is".to_owned(),
    )
}

/// What was asked for can't be done, and this can be done instead.
pub(super) fn refused(message: String, hint: String) -> Failure {
    Refusal { message, because: Vec::new(), hint: Some(hint) }.into()
}

fn untrusted(error: &(dyn Error + 'static)) -> Failure {
    let hint =
        "`devicedrop ledger verify` tells what isn't as it was, `devicedrop restore` brings a backup back".to_owned();
    Failure { exit: Exit::LedgerUntrusted, ..unable(error, Some(hint)) }
}

fn unable(error: &(dyn Error + 'static), hint: Option<String>) -> Failure {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let because = causes.map(ToString::to_string).collect();
    Refusal { message: error.to_string(), because, hint }.into()
}
