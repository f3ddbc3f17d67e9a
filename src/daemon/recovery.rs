//! What a start finds half done, and ends: acceptances that were cut off, whose file may be gone by now.
//!
//! And what it takes up again: rows that wait, attempts in doubt ([`super::doubts`] asks about them). Owed results are
//! the lanes' affair. What was found, and what became of it, is told by `status`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use devicedrop_core::ids::{AttemptId, RegistrationId};
use devicedrop_core::state::Outcome;
use devicedrop_core::time::Timestamp;

use crate::ledger::Ledger;
use crate::ledger::rows::Later;

use super::answers;
use super::commands::No;
use super::desk::CustomerDesk;
use super::gate;
use super::shared::Shared;

/// What is on record of a file whose acceptance was cut off and can't be ended: once for each path.
const CUT_OFF: &str = "acceptance_cut_off";

/// What is on record of a start after a run that was cut off.
pub(super) const UNCLEAN: &str = "the run before this one did not stop in order";

/// Attempts that the start found in doubt, and what became of them.
#[derive(Debug, Clone, Default)]
pub struct Doubts {
    found: usize,
    open: HashSet<AttemptId>,
    ended: BTreeMap<&'static str, u64>,
}

impl Doubts {
    /// In a sentence; none where there were none.
    pub(super) fn told(&self) -> Option<String> {
        if self.found == 0 {
            return None;
        }
        let ended: Vec<String> = self.ended.iter().map(|(what, count)| format!("{what} {count}")).collect();
        let open = self.open.len();
        Some(match (ended.is_empty(), open) {
            (true, _) => {
                format!("{} attempts had no answer on record; the registrar is asked about them", self.found)
            }
            (false, 0) => format!(
                "{} attempts had no answer on record; the registrar was asked: {}",
                self.found,
                ended.join(", ")
            ),
            (false, open) => format!(
                "{} attempts had no answer on record; the registrar was asked: {}; still in doubt {open}",
                self.found,
                ended.join(", ")
            ),
        })
    }

    fn ended(&mut self, attempt: AttemptId, outcome: Outcome) {
        if self.open.remove(&attempt) {
            *self.ended.entry(outcome.code()).or_default() += 1;
        }
    }
}

/// What became of attempts is on record: tells it of those that the start found.
pub(super) fn ended(shared: &Shared, ends: &[(AttemptId, Outcome)]) {
    let mut board = shared.board.lock();
    for (attempt, outcome) in ends {
        board.doubts.ended(*attempt, *outcome);
    }
}

/// Tells what the ledger says of the run before this one, and of a restore that no daemon has seen yet.
pub(super) fn check(ledger: &Ledger, shared: &Shared) -> Result<(), No> {
    let mut told = Vec::new();
    if let Some(restore) = shared.readers.ask(crate::ledger::Reader::last_restore)? {
        if restore.starts <= 1 {
            told.push(format!(
                "epoch {} of the ledger began on {} with a restore by {}: {}",
                restore.epoch, restore.at, restore.actor, restore.reason
            ));
        }
        // Set by this start alone.
        shared.restored.set(restore).unwrap_or_default();
    }
    if !ledger.was_clean() {
        told.push(format!("{UNCLEAN}; the ledger was checked and is as it was written"));
        let owed = shared.readers.ask(|reader| reader.counts(None))?.owed;
        if owed > 0 {
            told.push(format!("{owed} result files were owed; they are written now"));
        }
    }
    for line in &told {
        tracing::warn!(found = %line, "the start found");
    }
    shared.board.lock().recovery.extend(told);
    Ok(())
}

/// So many copies that were cut off were removed from the archive.
pub(super) fn swept(shared: &Shared, removed: u64) {
    if removed > 0 {
        let told = format!("{removed} copies of files that were cut off were removed from the originals");
        shared.board.lock().recovery.push(told);
    }
}

/// Whether the registrar must be asked about these rows before they are sent: after a restore they may have been sent
/// already, and a repeated request isn't known to be harmless. What can't be found out counts as yes.
pub(super) async fn must_ask_first(shared: &Arc<Shared>, rows: &[RegistrationId]) -> bool {
    if shared.restored.get().is_none() || shared.registrar.capacity().idempotent {
        return false;
    }
    let (asked, rows) = (Arc::clone(shared), rows.to_vec());
    let found = crate::blocking::run(move || {
        let restore = asked.restored.get()?;
        asked.readers.ask(|reader| reader.may_have_been_sent(restore, &rows)).ok()
    });
    found.await.ok().flatten().unwrap_or(true)
}

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
    let mut waiting = shared.readers.ask(crate::ledger::Reader::waiting)?;
    let in_doubt = shared.readers.ask(crate::ledger::Reader::in_doubt)?;
    if !in_doubt.is_empty() {
        tracing::warn!(attempts = in_doubt.len(), "found attempts in doubt");
        let open: HashSet<AttemptId> = in_doubt.iter().map(|doubt| doubt.request.attempt).collect();
        shared.board.lock().doubts = Doubts { found: open.len(), open, ended: BTreeMap::new() };
    }
    let pauses = shared.readers.ask(crate::ledger::Reader::pauses)?;
    // Set by this start alone.
    shared.pauses.set(pauses).unwrap_or_default();
    gate::remember(shared)?;
    let now = shared.steady();
    let mut due = due_never(shared, &mut waiting, now);
    due.extend(shared.turns.load(waiting, &in_doubt));
    shared.writer.postpone(due.into_iter().map(|row| (row, now)).collect()).wait()?;
    Ok(())
}

/// Rows that wait for longer than anything can make them: a run whose clock was years off put them off. They are due.
fn due_never(shared: &Shared, waiting: &mut [Later], now: Timestamp) -> Vec<RegistrationId> {
    let left_alone = shared.gates.longest(shared.clock.elapsed());
    let longest = now.plus(answers::policy(shared).longest.max(left_alone));
    let mut never = Vec::new();
    for row in waiting.iter_mut().filter(|row| row.tried && row.due > longest) {
        row.due = now;
        never.push(row.registration);
    }
    never
}
