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

    /// Writes a copy of the ledger, as it is now, into a file that any SQLite tool reads
    #[command(after_help = "\
Whoever works on the ledger goes on. The copy is one file, complete without a -wal beside it, and nobody's to write.

Example:
  devicedrop ledger snapshot /mnt/auditor/2026-11-22.db
  devicedrop ledger verify --snapshot /mnt/auditor/2026-11-22.db")]
    Snapshot(SnapshotArgs),

    /// Writes the views, as they are now, into a new folder: CSV, JSON Lines, and their SHA-256s
    #[command(after_help = "\
While it is written, the log beside the ledger can't be taken back; for a large ledger that is at work, export a
snapshot.

Example:
  devicedrop ledger export 2026-11-22 && cd 2026-11-22 && sha256sum --check SHA256SUMS")]
    Export(ExportArgs),

    /// Makes a key that signs checkpoints, and prints its public half
    #[command(after_help = "\
The file is readable by its owner alone; name it in `ledger.signing_key_file`.
A key that is configured already signs that the new one replaces it, and the daemon's next start
puts both on record.

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

    /// Reads each archived original again, too, and compares every row with the record
    #[arg(long)]
    pub originals: bool,

    /// A snapshot to be verified in place of the ledger; the archived originals then only with --originals
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,

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

/// `ledger snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    /// The file that is to be made
    pub file: PathBuf,

    /// Replaces an older snapshot that stands there
    #[arg(long)]
    pub replace: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
}

/// `ledger export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The folder that is to be made
    pub dir: PathBuf,

    /// A snapshot that is to be exported in place of the ledger
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would become the help's heading")]
    pub report: ReportArgs,
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
