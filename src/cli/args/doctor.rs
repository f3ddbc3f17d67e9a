//! The doctor's part of the command line.

use clap::Args;

use super::ReportArgs;

/// `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Asks no registration service, and so needs no network
    #[arg(long)]
    pub offline: bool,

    /// Says, on record, that the system's clock is right although it doesn't fit the last entry
    #[arg(long, conflicts_with_all = ["offline", "json"])]
    pub accept_clock: bool,

    /// Why, for the record
    #[arg(long, value_name = "TEXT", requires = "accept_clock")]
    pub reason: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}
