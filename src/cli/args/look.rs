//! The look-ups' part of the command line.

use clap::Args;
use devicedrop_core::ids::CustomerKey;
use devicedrop_core::state::{ErrorCode, State};
use devicedrop_core::time::Timestamp;

use super::{ReportArgs, error_code};

/// What all look-ups share.
#[derive(Debug, Clone, Args)]
pub struct LookArgs {
    /// Only of this customer
    #[arg(long, value_name = "KEY")]
    pub customer: Option<CustomerKey>,

    /// Only from this time on (2026-11-22, or 2026-11-22T14:05:39Z)
    #[arg(long, value_name = "TIME")]
    pub since: Option<Timestamp>,

    /// At most so many [default: 100 in a table, all with --json]
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,

    /// Only those behind this one: the key at which the list before ended
    #[arg(long, value_name = "KEY")]
    pub after: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `submissions`.
#[derive(Debug, Args)]
pub struct SubmissionsArgs {
    /// Only those with rows in this state
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub state: Option<State>,

    /// Only those with rows that have this error
    #[arg(long, value_name = "CODE", value_parser = error_code)]
    pub error: Option<ErrorCode>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub look: LookArgs,
}

/// `devices`.
#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// Only in this state
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub state: Option<State>,

    /// Only those with this error
    #[arg(long, value_name = "CODE", value_parser = error_code)]
    pub error: Option<ErrorCode>,

    /// As it was at this time
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub look: LookArgs,
}

/// `attempts`.
#[derive(Debug, Args)]
pub struct AttemptsArgs {
    /// Only of registrations in this state
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub state: Option<State>,

    /// Only those with this error
    #[arg(long, value_name = "CODE", value_parser = error_code)]
    pub error: Option<ErrorCode>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub look: LookArgs,
}

/// `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The serial number, as its file has it
    pub serial: String,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub look: LookArgs,
}

/// `find`.
#[derive(Debug, Args)]
pub struct FindArgs {
    /// A serial number (its beginning will do), request ID, order ID, submission ID or file name
    pub text: String,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub look: LookArgs,
}

/// A state by its code, or by the part of it that people say.
fn state(text: &str) -> Result<State, String> {
    match text {
        "pending" => return Ok(State::Pending),
        "failed" => return Ok(State::Failed),
        "ready" => return Ok(State::Ready),
        _ => {}
    }
    State::from_code(text).ok_or_else(|| {
        let known: Vec<&str> = State::ALL.iter().map(|state| state.code()).collect();
        format!("the states are: {} (pending, failed and ready for short)", known.join(", "))
    })
}
