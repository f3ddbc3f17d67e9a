//! The auditor's part of the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use devicedrop_core::ids::CustomerKey;
use uuid::Uuid;

use super::ReportArgs;

/// `ledger`.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Recomputes the whole ledger and names what isn't as it was
    #[command(after_help = "\
Without a checkpoint that was kept elsewhere, nobody can tell an honest record from one whose end was cut off or that
was written anew as a whole.

Example:
  devicedrop ledger verify --checkpoint /mnt/auditor/2026-11-01.checkpoint --key auditor.pub")]
    Verify(VerifyArgs),

    /// Prints the head of the record, to be kept elsewhere
    #[command(after_help = "\
Signed when `ledger.signing_key_file` is set.

Example:
  devicedrop ledger checkpoint > 2026-11-22.checkpoint")]
    Checkpoint(CheckpointArgs),

    /// Prints the proof that a customer's entries stand in the record, without anybody else's
    #[command(after_help = "\
The proof shows these entries with all their columns, of the others hashes alone, and the checkpoint that it hangs on.
It needs no ledger to be checked: `devicedrop ledger verify --receipt FILE`, or by the description in docs/auditing.md.

Example:
  devicedrop ledger prove --customer contoso > contoso.proof.json")]
    Prove(ProveArgs),

    /// Makes a key that signs checkpoints, and prints its public half
    #[command(after_help = "\
The file is readable by its owner alone; name it in `ledger.signing_key_file`.

Example:
  devicedrop ledger keygen /etc/devicedrop/ledger.key --name example.com/ledger > ledger.pub")]
    Keygen(KeygenArgs),
}

/// `ledger verify`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("kept").args(["checkpoints", "receipts"]).multiple(true))]
pub struct VerifyArgs {
    /// A checkpoint that was kept elsewhere
    #[arg(long = "checkpoint", value_name = "FILE")]
    pub checkpoints: Vec<PathBuf>,

    /// A receipt, or a proof: checked by itself, and against the ledger where there is one
    #[arg(long = "receipt", value_name = "FILE")]
    pub receipts: Vec<PathBuf>,

    /// A public key that must have signed each of them: NAME+ID+KEY, or a file that holds it
    #[arg(long = "key", value_name = "KEY", requires = "kept")]
    pub keys: Vec<String>,

    /// Accepts the restores up to this epoch: what a checkpoint saw of an earlier one and is missing is told all the same
    #[arg(long, value_name = "N")]
    pub accept_epoch: Option<u64>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `ledger checkpoint`.
#[derive(Debug, Args)]
pub struct CheckpointArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `ledger prove`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whose").args(["customer", "submission"]).required(true))]
pub struct ProveArgs {
    /// All entries of this customer
    #[arg(long, value_name = "KEY", value_parser = CustomerKey::parse)]
    pub customer: Option<CustomerKey>,

    /// The entries of this submission
    #[arg(long, value_name = "ID")]
    pub submission: Option<Uuid>,
}

/// `ledger keygen`.
#[derive(Debug, Args)]
pub struct KeygenArgs {
    /// The file for the secret key; it must not be there yet
    pub file: PathBuf,

    /// The key's name, as others will know it: no blanks, no plus signs
    #[arg(long, value_name = "NAME")]
    pub name: String,
}
