//! Proofs and receipts for the commands: printed out of the ledger, and checked without one.

use std::io;
use std::path::{Path, PathBuf};

use devicedrop_core::device::Sha256;
use devicedrop_core::shown::shown;
use devicedrop_core::signed_note::Verifier as Key;
use serde::Deserialize;

use crate::cli::audit::ProveAsk;
use crate::cli::error::Failure;
use crate::cli::services::Print;
use crate::config::Config;
use crate::ledger::ReadError;
use crate::ledger::prove::{Prover, Whose};
use crate::proof::receipt::Receipt;
use crate::proof::{FORM, LogPiece, Proof};

use super::lookups::failure::Told;
use super::{audit, failure};

/// Proofs of all of a large customer's rows are long; longer ones than this would be held in memory for nothing.
const LONGEST: u64 = 1024 * 1024 * 1024;

/// Why a proof ended before its end.
enum Stop {
    Read(ReadError),
    Print(io::Error),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// Prints the proof of these entries; in pieces, since it may be long.
pub(super) fn prove(config: &Config, ask: &ProveAsk, out: Print<'_>) -> Result<io::Result<()>, Failure> {
    let signer = audit::in_force(config)?;
    let prover = Prover::open(&config.ledger.path).map_err(Told::told)?;
    let (whose, name) = match ask {
        ProveAsk::Customer(key) => (Whose::Customer(key.clone()), format!("customer {}", shown(key.as_str()))),
        ProveAsk::Submission(id) => (Whose::Submission(*id), format!("submission {id}")),
    };
    let plan = prover.plan(&whose).map_err(Told::told)?;
    let plan = plan.ok_or_else(|| failure(format!("nothing is on record of {name}"), Vec::new(), None))?;
    let checkpoint = audit::noted(&plan.head, plan.root, signer.as_ref());
    let json = |error: serde_json::Error| Stop::Print(error.into());
    let write = || -> Result<(), Stop> {
        let checkpoint = serde_json::to_string(&checkpoint).map_err(json)?;
        out(&format!("{{\"form\":\"{FORM}\",\"checkpoint\":{checkpoint},\"log\":[")).map_err(Stop::Print)?;
        let mut between = "";
        prover.pieces(plan, &mut |piece: LogPiece| -> Result<(), Stop> {
            let piece = serde_json::to_string(&piece).map_err(json)?;
            out(&format!("{between}\n{piece}")).map_err(Stop::Print)?;
            between = ",";
            Ok(())
        })?;
        out("\n]}\n").map_err(Stop::Print)
    };
    match write() {
        Ok(()) => Ok(Ok(())),
        Err(Stop::Print(error)) => Ok(Err(error)),
        Err(Stop::Read(error)) => Err(error.told()),
    }
}

/// What receipts and proofs came to.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// The checkpoints that they hang on, of those that hold.
    pub(super) checkpoints: Vec<audit::Kept>,
    /// What doesn't hold, each as a sentence.
    pub(super) found: Vec<String>,
}

/// A file that holds one or the other.
#[derive(Deserialize)]
#[serde(untagged)]
enum Brought {
    Receipt(Box<Receipt>),
    Proof(Proof),
}

/// Checks receipts and proofs by themselves, and receipts against the files beside them. One that can't be read, or
/// that none of the keys has signed, is an error; one that doesn't hold is a finding.
pub(super) fn check(paths: &[PathBuf], keys: &[Key]) -> Result<Checked, Failure> {
    let mut checked = Checked::default();
    for path in paths {
        let brought: Brought = serde_json::from_str(&audit::read(path, LONGEST)?)
            .map_err(|_| audit::unusable(path, "receipt and no proof", "it isn't JSON of one of their forms"))?;
        let name = shown(&path.display().to_string()).to_string();
        let proven = match &brought {
            Brought::Receipt(receipt) => {
                checked.found.extend(beside(path, receipt).map(|wrong| format!("receipt {name}: {wrong}")));
                receipt.check().map_err(|error| format!("receipt {name}: {error}"))
            }
            Brought::Proof(proof) => proof.check().map_err(|error| format!("proof {name}: {error}")),
        };
        match proven {
            Ok(proven) if audit::is_believed(proven.note.as_ref(), keys) => {
                let (checkpoint, note) = (proven.checkpoint, proven.note);
                checked.checkpoints.push(audit::Kept { name: format!("the checkpoint in {name}"), checkpoint, note });
            }
            Ok(_) => return Err(audit::not_believed(path, "receipt")),
            Err(error) => checked.found.push(error),
        }
    }
    Ok(checked)
}

/// Compares a receipt with the result file beside it, where there is one.
fn beside(path: &Path, receipt: &Receipt) -> Option<String> {
    let name = Path::new(&receipt.result).file_name()?;
    let bytes = std::fs::read(path.with_file_name(name)).ok()?;
    (Sha256::of(&bytes).to_string() != receipt.result_sha256)
        .then(|| format!("{} beside it isn't the result file that it names", shown(&name.to_string_lossy())))
}
