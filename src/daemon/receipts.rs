//! Receipts: what stands in the one for a result that was just put on record, and its way into the drop folder.
//!
//! Blocks; called from threads that may. A receipt that isn't in place leaves its result owed: both are one debt.

use std::os::fd::AsFd;

use crate::config::CustomerSettings;
use crate::ledger::rows::Submission;
use crate::proof::receipt::{FORM, Receipt};
use crate::proof::{self, LogPiece, Proof, signing};
use crate::results::{self, Answers, Place};

use super::payment::{PayError, Payment};
use super::shared::Shared;
use super::written::{Noted, WRITTEN, Written};

/// Writes the receipt of a result that is on record, and notes that it is ours.
pub(super) fn write(
    shared: &Shared,
    customer: &CustomerSettings,
    submission: &Submission,
    payment: &Payment,
) -> Result<(), PayError> {
    let mut text = serde_json::to_vec_pretty(&receipt(shared, submission, payment)?)
        .map_err(|error| PayError::Receipt(results::ResultError::Record(error.into())))?;
    text.push(b'\n');
    let short = submission.id.short();
    let path = &payment.original;
    let place = Place {
        folder: payment.folder.as_fd(),
        path: path.bytes(),
        answers: if payment.superseded { Answers::Older(&short) } else { Answers::Newest },
        mode: shared.config().results.mode,
    };
    let mut ours = Written::new(shared, &customer.key, path);
    let placed = results::write_receipt(&place, &mut ours, &text).map_err(PayError::Receipt)?;
    let (file, noted) = (path.beside(&placed.name).text(), Noted::placed(&placed, path).to_string());
    let noted = shared.writer.note(Some(customer.key.clone()), WRITTEN.to_owned(), file.clone(), Some(noted));
    noted.wait()?;
    tracing::debug!(customer = %customer.key, receipt = %file, submission = %submission.id, "receipt written");
    Ok(())
}

/// What the receipt of a result says, with the proof of it as the record stands now.
fn receipt(shared: &Shared, submission: &Submission, payment: &Payment) -> Result<Receipt, PayError> {
    let made = shared.proofs.ask(&shared.readers, |prover, runs| {
        let result = (payment.file.as_str(), &payment.sha256);
        let Some(found) = prover.plan_of_result(submission.entry, result, runs)? else { return Ok(None) };
        let checkpoint = found.plan.head.checkpoint(found.plan.root, shared.clock.now());
        let mut log = Vec::new();
        prover.pieces(found.plan, &mut |piece: LogPiece| -> Result<(), crate::ledger::ReadError> {
            log.push(piece);
            Ok(())
        })?;
        Ok(Some((found.file, found.registrations, checkpoint, log)))
    });
    let (file, registrations, checkpoint, log) = made?.ok_or(PayError::NoProof)?;
    let checkpoint = signing::noted(&checkpoint, shared.proofs.signer());
    let counted = payment.counted;
    Ok(Receipt {
        form: FORM.to_owned(),
        submission_id: submission.id.to_string(),
        customer: submission.customer.to_string(),
        file,
        sha256: submission.sha256.map(|sha256| sha256.to_string()),
        order_id: submission.order_id.clone(),
        purchase_id: submission.purchase_id.clone(),
        result: payment.file.clone(),
        result_sha256: payment.sha256.to_string(),
        is_final: payment.last,
        rows: submission.rows,
        pending: counted.pending,
        ready: counted.ready,
        failed: counted.failed,
        already: counted.already,
        registrations,
        proof: Proof { form: proof::FORM.to_owned(), checkpoint, log },
    })
}
