//! What a start finds half done, and ends: acceptances that were cut off, whose file may be gone by now.
//!
//! And what it takes up again: rows that wait, attempts in doubt ([`super::doubts`] asks about them). Owed results are
//! the lanes' affair.

use std::sync::Arc;

use super::commands::No;
use super::desk::CustomerDesk;
use super::gate;
use super::shared::Shared;

/// What is on record of a file whose acceptance was cut off and can't be ended: once for each path.
const CUT_OFF: &str = "acceptance_cut_off";

/// Ends acceptances that were cut off, from the archived copies. Blocks; before any lane runs.
pub(super) fn end_acceptances(shared: &Arc<Shared>) -> Result<(), No> {
    let unfinished = shared.readers.ask(crate::ledger::Reader::unfinished_acceptances)?;
    for one in unfinished {
        let (submission, rows_in) = (one.submission, one.rows_in);
        let config = shared.config();
        let settings =
            config.customer(&submission.customer).unwrap_or_else(|| config.customer_defaults(&submission.customer));
        let told = format!(
            "the acceptance of {} of {} was cut off after {rows_in} of {} rows; it was ended from the archived copy",
            submission.file, submission.customer, submission.rows
        );
        let ended = CustomerDesk::new(Arc::clone(shared), settings).go_on_without_file(&submission, rows_in);
        if let Err(no) = ended {
            // One customer's trouble: the others' files and rows don't wait for it.
            let why = [vec![no.message], no.because].concat().join(": ");
            tracing::error!(
                customer = %submission.customer, file = %submission.file, submission = %submission.id, why = %why,
                "the acceptance was cut off and can't be ended"
            );
            let told = format!(
                "the acceptance of {} of {} was cut off and can't be ended: {why}",
                submission.file, submission.customer
            );
            shared.board.lock().recovery.push(told);
            let (customer, file) = (submission.customer.clone(), submission.file.clone());
            shared.writer.refuse(customer, file, CUT_OFF.to_owned(), shared.clock.now()).wait()?;
            continue;
        }
        tracing::warn!(
            customer = %submission.customer, file = %submission.file, submission = %submission.id,
            rows = submission.rows, found_on_record = rows_in, "accepted, from where it was cut off"
        );
        shared.board.lock().recovery.push(told);
    }
    Ok(())
}

/// Takes up what waits for its time or for an answer. Blocks; before anything is sent.
pub(super) fn take_up(shared: &Shared) -> Result<(), No> {
    let waiting = shared.readers.ask(crate::ledger::Reader::waiting)?;
    let in_doubt = shared.readers.ask(crate::ledger::Reader::in_doubt)?;
    if !in_doubt.is_empty() {
        let found = format!("{} attempts had no answer on record; the registrar is asked about them", in_doubt.len());
        tracing::warn!(attempts = in_doubt.len(), "found attempts in doubt");
        shared.board.lock().recovery.push(found);
    }
    shared.turns.load(waiting, &in_doubt);
    gate::remember(shared)?;
    let pauses = shared.readers.ask(crate::ledger::Reader::pauses)?;
    // Set by this start alone.
    shared.pauses.set(pauses).unwrap_or_default();
    Ok(())
}
