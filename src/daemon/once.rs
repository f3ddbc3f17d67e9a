//! The end of a single run: everything that lay there at its start was taken, attempted and answered, but for what
//! only time, a sender or an operator can bring.

use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::time::Timestamp;

use crate::config::ResultsWhen;
use crate::inbox::{Waiting, Why};
use crate::ledger::Reader;

use super::board::{Lane, RosterState, State};
use super::lanes::{is_left_by_a_single_run, pause};
use super::shared::Shared;

/// The board is looked at this often when nobody rings.
const LOOK: Duration = Duration::from_millis(100);

/// Waits for the end of a single run. Returns whether every drop folder could be looked into, and every row that was
/// taken is ready, active or inactive.
pub(super) async fn done(shared: &Arc<Shared>) -> bool {
    loop {
        tokio::select! {
            () = shared.bells.changed.notified() => {}
            () = pause(LOOK) => {}
        }
        // Twice: what began between the look at the board and the one into the ledger is seen by the second.
        if quiet_and_done(shared).await.is_some()
            && let Some(all_well) = quiet_and_done(shared).await
        {
            return all_well;
        }
    }
}

async fn quiet_and_done(shared: &Arc<Shared>) -> Option<bool> {
    if !shared.followed.is_empty() || !is_quiet(&shared.board.read(), shared.clock.now()) {
        return None;
    }
    let asked = Arc::clone(shared);
    crate::blocking::run(move || look(&asked)).await.ok().flatten()
}

/// Whether no lane has anything to take and no call is under way.
fn is_quiet(board: &State, now: Timestamp) -> bool {
    let lanes_quiet = board.customers.values().all(|lane| {
        (lane.looked || lane.offline.is_some() || lane.hangs)
            && lane.waiting.iter().all(|waiting| is_left_by_a_single_run(waiting, now))
            && lane.results_idle
    });
    let asked = board.roster != RosterState::Unknown;
    asked && lanes_quiet && board.dispatcher_idle && board.doubts_asked && board.under_way.is_empty()
}

/// Whether the root and every drop folder could be looked into, and nothing was left there that couldn't be read or copied.
fn all_seen(board: &State) -> bool {
    let ours = |waiting: &Waiting| matches!(waiting.why, Why::Archive | Why::Unreadable);
    let seen = |lane: &Lane| lane.offline.is_none() && !lane.hangs && !lane.waiting.iter().any(ours);
    board.roster == RosterState::Known && board.customers.values().all(seen)
}

/// Whether the ledger has nothing left to do now; and then whether all is well.
fn look(shared: &Shared) -> Option<bool> {
    let now = shared.steady();
    let due = shared.readers.ask(|reader| reader.customers_due(now)).ok()?;
    let owed = shared.readers.ask(|reader| reader.owed(None)).ok()?;
    let final_only = shared.config().results.when == ResultsWhen::Final;
    let unwritten = owed.iter().any(|one| {
        let pending = one.submission.tally.as_ref().is_some_and(|tally| tally.pending > 0);
        one.tries == 0 && !(final_only && pending)
    });
    let elapsed = shared.clock.elapsed();
    let waits_for_a_person =
        |customer: &CustomerKey| shared.gates.of(&shared.registrar.target_of(customer)).waits_for_a_person(elapsed);
    if !due.iter().all(waits_for_a_person) || unwritten {
        return None;
    }
    let counts = shared.readers.ask(|reader| reader.counts(None)).ok()?;
    // What failed or was rejected before is no affair of this run.
    let failed = shared.readers.ask(Reader::failed_since_the_start).ok()?;
    let rejected = shared.readers.ask(|reader| reader.rejected_since(shared.board.read().started_at)).ok()?;
    Some(all_seen(&shared.board.read()) && counts.pending == 0 && !failed && rejected == 0 && owed.is_empty())
}
