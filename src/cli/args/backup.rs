//! `backup` and `restore` on the command line.

use std::path::PathBuf;

use clap::Args;

use super::ReportArgs;

/// `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The folder that is to be made
    pub dir: PathBuf,

    /// Takes the key along that signs checkpoints
    #[arg(long)]
    pub with_key: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup
    pub dir: PathBuf,

    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}
