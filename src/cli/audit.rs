//! `ledger`: what verification comes to, and checkpoints, as people and programs read them.

use std::path::PathBuf;

use devicedrop_core::ids::{CustomerKey, SubmissionId};
use devicedrop_core::shown::shown;
use serde::Serialize;

use crate::cli::args::{LedgerCommand, VerifyArgs};
use crate::cli::context::Context;
use crate::cli::copies;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, Paint};
use crate::cli::services::Services;

/// What is to be verified against what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyAsk {
    /// Files with checkpoints.
    pub checkpoints: Vec<PathBuf>,
    /// Files with receipts or proofs.
    pub receipts: Vec<PathBuf>,
    /// A snapshot that is verified in place of the ledger.
    pub snapshot: Option<PathBuf>,
    /// Whether each archived original is read again, row by row.
    pub originals: bool,
    /// Keys, or files that hold them, one of which must have signed each of these.
    pub keys: Vec<String>,
    /// The epoch up to which restores are known to whoever asks; 0 for none.
    pub accept_epoch: u64,
}

/// Whose entries are to be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProveAsk {
    /// All of a customer's.
    Customer(CustomerKey),
    /// Those of a submission.
    Submission(SubmissionId),
}

/// A signing key that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its public half.
    pub public: String,
    /// The public half of the configured key, which has signed that this one replaces it.
    pub replaces: Option<String>,
}

/// What verification came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verified {
    /// Whether nothing was found.
    pub sound: bool,
    /// Whether there was a ledger to verify; without one, receipts were checked by themselves.
    pub ledger: bool,
    /// How many entries the record has.
    pub entries: u64,
    /// In how many blocks.
    pub blocks: u64,
    /// How many registrations' states were compared with the record.
    pub registrations: u64,
    /// Whether the archived originals were left out.
    pub without_originals: bool,
    /// How many archived originals were read and compared.
    pub originals: u64,
    /// How many rows of archived originals were read again and compared with the record.
    pub rows_read_again: u64,
    /// How many more were removed, as the record says.
    pub originals_removed: u64,
    /// How many checkpoints the record was compared with.
    pub checkpoints: u64,
    /// How many checkpoints that the daemon kept beside the ledger were compared.
    pub checkpoints_here: u64,
    /// How many receipts and proofs were checked.
    pub receipts: u64,
    /// How many of the checkpoints, receipts and proofs no key was given for.
    pub unsigned: u64,
    /// The ledger's lives, each as a sentence.
    pub epochs: Vec<String>,
    /// The keys that signed checkpoints, as the record names them, each as a sentence.
    pub keys: Vec<String>,
    /// What checkpoints saw that restores left behind, each as a sentence.
    pub lost: Vec<String>,
    /// What isn't as it was, first the first.
    pub found: Vec<String>,
    /// How much more was found.
    pub more: u64,
    /// Entries recomputed in a second.
    pub entries_per_second: u64,
}

/// Does one of the auditor's commands.
pub fn run(
    command: &LedgerCommand,
    context: &Context,
    services: &dyn Services,
    output: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        LedgerCommand::Verify(args) => verify(args, context, services, output),
        LedgerCommand::Checkpoint(args) => {
            let checkpoint = services.checkpoint(&context.config)?;
            if args.report.json {
                output.json(&serde_json::json!({ "checkpoint": checkpoint }))?;
            } else {
                output.raw(checkpoint)?;
            }
            Ok(Exit::Done)
        }
        LedgerCommand::Prove(args) => {
            let ask = match (&args.customer, args.submission) {
                (Some(customer), _) => ProveAsk::Customer(customer.clone()),
                (None, id) => ProveAsk::Submission(SubmissionId::from_bytes(id.unwrap_or_default().into_bytes())),
            };
            services.prove(&context.config, &ask, &mut |text| output.raw(text))??;
            Ok(Exit::Done)
        }
        LedgerCommand::Snapshot(args) => copies::snapshot(args, context, services, output),
        LedgerCommand::Export(args) => copies::export(args, context, services, output),
        LedgerCommand::Keygen(args) => {
            let made = services.keygen(&context.config, &args.file, &args.name)?;
            output.line(&made.public)?;
            if let Some(replaces) = made.replaces {
                output.note(format_args!(
                    "The configured key {} has signed that this one replaces it. It does so once `ledger.signing_key_file`\n\
                     names {} and the daemon was restarted.",
                    shown(&replaces),
                    shown(&args.file.display().to_string())
                ));
            }
            Ok(Exit::Done)
        }
    }
}

fn verify(
    args: &VerifyArgs,
    context: &Context,
    services: &dyn Services,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let ask = VerifyAsk {
        checkpoints: args.checkpoints.clone(),
        receipts: args.receipts.clone(),
        snapshot: args.snapshot.clone(),
        originals: args.originals,
        keys: args.keys.clone(),
        accept_epoch: args.accept_epoch.unwrap_or(0),
    };
    let told = services.verify(&context.config, &ask, &mut |text| output.progress(text));
    output.progress_ended();
    let told = told?;
    if args.report.json {
        output.json(&told)?;
    } else {
        print(&told, output)?;
    }
    Ok(Exit::answer(told.sound))
}

fn print(told: &Verified, output: &mut Output) -> Result<(), CliError> {
    if told.ledger {
        print_ledger(told, output)?;
    } else {
        output.line("record       there is no ledger here: receipts are checked by themselves")?;
    }
    if told.receipts > 0 {
        output.line(format_args!("receipts     checked {}", told.receipts))?;
    }
    if let Some(first) = told.found.first() {
        let first = output.painted(Paint::Bad, first);
        output.line(format_args!("\nNot as it was, first: {first}"))?;
        for finding in told.found.iter().skip(1) {
            output.line(format_args!("  also: {finding}"))?;
        }
        if told.more > 0 {
            output.line(format_args!("  and more: {}", told.more))?;
        }
        if told.ledger {
            output.line("Keep a copy of the ledger as it is, with its -wal file, before anything else is done.")?;
        }
    } else {
        let well = output.painted(Paint::Good, "Nothing was found that isn't as it was.");
        output.line(format_args!("\n{well}"))?;
    }
    if told.ledger && told.checkpoints + told.receipts == 0 {
        output.line(
            "Without a checkpoint that was kept elsewhere, a record whose end was cut off, or that was written anew as\n\
             a whole, can't be told from an honest one: `devicedrop ledger checkpoint` makes them.",
        )?;
        if told.checkpoints_here > 0 {
            output.line(
                "Those kept on this machine prove little: whoever can write the record anew can do so with them.",
            )?;
        }
    }
    if told.unsigned > 0 {
        output.line(format_args!(
            "Not compared with a key: {}. Whoever can write to such a file can make it lead to a record of his own:\n\
             believe it as far as you believe the place that it was kept in, or name the key with --key.",
            told.unsigned
        ))?;
    }
    Ok(())
}

fn print_ledger(told: &Verified, output: &mut Output) -> Result<(), CliError> {
    let Verified { entries, blocks, registrations, originals, originals_removed, entries_per_second, .. } = told;
    output.line(format_args!(
        "record       entries {entries}, blocks {blocks}; {entries_per_second} entries a second"
    ))?;
    for epoch in &told.epochs {
        output.line(format_args!("             {epoch}"))?;
    }
    for lost in &told.lost {
        output.line(format_args!("             {lost}"))?;
    }
    for (index, key) in told.keys.iter().enumerate() {
        output.line(format_args!("{:13}{key}", if index == 0 { "keys" } else { "" }))?;
    }
    output.line(format_args!("states       registrations {registrations}, compared with the record"))?;
    let removed = match originals_removed {
        0 => String::new(),
        removed => format!("; removed, as the record says, {removed}"),
    };
    if told.without_originals {
        output.line("originals    left out: they don't come with a snapshot, and --originals wasn't given")?;
    } else {
        output.line(format_args!("originals    read and compared {originals}{removed}"))?;
    }
    if told.rows_read_again > 0 {
        output.line(format_args!(
            "             rows read again and compared with the record {}",
            told.rows_read_again
        ))?;
    }
    let here = match told.checkpoints_here {
        0 => String::new(),
        here => format!("; of those kept on this machine {here}"),
    };
    output.line(format_args!("checkpoints  compared with the record {}{here}", told.checkpoints))?;
    Ok(())
}
