//! The daemon: wires the inbox, the ledger, the registrar, the results and the lifecycle together, and watches over
//! the tasks that they run in.
//!
//! Decisions are the core's, effects the neighbours'; here is who is asked when, and how all of it starts and ends.

mod answers;
pub mod board;
mod checkpoints;
pub mod commands;
mod control;
pub mod cut_off;
mod desk;
mod dispatcher;
mod doubts;
mod elders;
mod explain;
#[cfg(test)]
mod fairness;
pub mod followed;
pub mod gate;
mod held;
pub mod judge;
mod lanes;
mod lifecycle;
mod locate;
mod memory;
pub mod monitor;
mod notices;
mod once;
mod originals;
mod payment;
mod poison;
mod proofs;
mod receipts;
mod recovery;
mod registrars;
mod registry;
mod rehearsal;
mod reload;
mod results;
mod roster;
pub mod scene;
pub mod shared;
mod signals;
mod space;
mod stalls;
mod start;
mod status;
pub mod supervise;
mod targets;
pub mod turns;
mod web;
mod written;

pub(crate) use desk::{is_spent, options_on_record};
pub use registrars::embedded_of;
pub(crate) use roster::customers as roster_of;
pub use shared::Shared;
pub(crate) use space::over_the_day;
pub use start::{GivenRegistrar, Parts, StartError, shared_of};

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::ledger::Ledger;
use crate::ledger::command::NewAction;

use supervise::Tasks;

/// What is still under way this long after the order to stop is left to the next start.
const GRACE: Duration = Duration::from_secs(8);

/// The task that goes on listening while the others end.
const SIGNALS: &str = "signals";

/// How a daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was told to stop.
    Stopped,
    /// A single run found nothing more to do; whether every row that it took got what it was dropped for.
    Done {
        /// Every row is ready, active or inactive.
        all_well: bool,
    },
    /// A write to the ledger failed.
    LedgerFailed,
    /// The ledger isn't as it was written: a person must act.
    LedgerUntrusted,
    /// A part of the daemon failed.
    TaskFailed,
}

/// Runs the daemon until it is told to stop, or a single run is done, or something fails.
///
/// `ready` is told when the lanes run and the control socket listens.
pub async fn run(parts: Parts, ready: Option<oneshot::Sender<()>>) -> Result<End, StartError> {
    signals::outlive_file_size_limit();
    if !devicedrop_sys::keep_few_heaps() {
        tracing::debug!("the allocator keeps as many heaps as it likes");
    }
    let stop = parts.stop.clone();
    let (ledger, shared) = start::open(parts).await?;
    let listener = control::listen(&shared.config().control_socket()).map_err(StartError::Socket)?;
    let page = web::open(&shared)?;
    // Before anybody is told that we are ready: an order to stop that comes at once is one to stop in order.
    let signals = signals::take();
    let mut tasks = Tasks::new(stop.clone());
    tasks.start("control", control::run(Arc::clone(&shared), listener));
    tasks.start("lanes", lanes::keep(Arc::clone(&shared)));
    tasks.start("dispatcher", dispatcher::run(Arc::clone(&shared)));
    tasks.start("doubts", doubts::run(Arc::clone(&shared)));
    tasks.start("space", space::watch(Arc::clone(&shared)));
    tasks.start("readers", held::watch(Arc::clone(&shared)));
    tasks.start("memory", memory::give_back(Arc::clone(&shared)));
    tasks.start("lifecycle", lifecycle::run(Arc::clone(&shared)));
    tasks.start("checkpoints", checkpoints::run(Arc::clone(&shared)));
    tasks.start("configuration", reload::watch(Arc::clone(&shared)));
    tasks.start("stalls", stalls::watch(Arc::clone(&shared)));
    tasks.start("web", web::run(stop.clone(), page));
    tasks.start(SIGNALS, signals::run(Arc::clone(&shared), signals));
    tracing::info!(
        customers = customers(&shared).await, ledger = %ledger.path().display(),
        watch = %shared.watch.describe(), "ready"
    );
    if ready.is_some_and(|ready| ready.send(()).is_err()) {
        tracing::debug!("whoever waited for the start has gone; the daemon runs all the same");
    }
    signals::notify_ready();
    let end = tokio::select! {
        () = stop.cancelled() => End::Stopped,
        failure = shared.writer.failed() => {
            tracing::error!(error = %failure, cause = ?std::error::Error::source(&failure).map(ToString::to_string), "a write to the ledger failed; start again, and devicedrop goes on from what is on record");
            End::LedgerFailed
        }
        () = shared.readers.untrusted.cancelled() => {
            tracing::error!(ledger = %ledger.path().display(), "the ledger can't be trusted: it isn't as it was written; keep a copy of it, restore a backup, and look after the disk");
            End::LedgerUntrusted
        }
        failure = tasks.first_failure() => {
            tracing::error!(error = %failure, "a part of the daemon failed");
            End::TaskFailed
        }
        all_well = once::done(&shared), if shared.once => End::Done { all_well },
    };
    signals::notify_stopping();
    stop.cancel();
    let (left, failure) = tasks.finish(GRACE, SIGNALS, &shared.hurry).await;
    if !left.is_empty() {
        tracing::warn!(tasks = %left.join(", "), "left to the next start: still busy when the time to stop was over");
    }
    if let Some(failure) = failure {
        tracing::error!(error = %failure, "a part of the daemon failed while it stopped");
    }
    let in_order = close(shared, ledger, end).await;
    Ok(if in_order || end == End::LedgerUntrusted { end } else { End::LedgerFailed })
}

/// How many customers there are.
async fn customers(shared: &Arc<Shared>) -> usize {
    let config = shared.config();
    let configured = config.customers.len();
    let listed = crate::blocking::run(move || roster::customers(&config).customers).await;
    listed.ok().flatten().map_or(configured, |customers| customers.len())
}

/// Notes when each customer was last heard of, for the next start to tell.
fn note_activity(shared: &Shared) {
    for (customer, lane) in shared.board.read().customers {
        let Some(at) = lane.last_activity else { continue };
        let noted =
            shared.writer.note(Some(customer), "activity".to_owned(), String::new(), Some(at.unix_ms().to_string()));
        // Only told to people, who see an older time then.
        drop(noted);
    }
}

/// Puts the stop on record and closes the ledger in order, unless it failed. Returns whether all of that was written.
async fn close(shared: Arc<Shared>, ledger: Ledger, end: End) -> bool {
    let socket = shared.config().control_socket();
    let action = NewAction {
        at: shared.clock.now(),
        actor: "devicedrop".to_owned(),
        action: "stop".to_owned(),
        subject: None,
        reason: None,
    };
    let mut in_order = true;
    if !matches!(end, End::LedgerFailed | End::LedgerUntrusted) {
        note_activity(&shared);
        if let Err(error) = shared.writer.act(action).await {
            in_order = false;
            tracing::error!(error = %error, "the stop could not be recorded");
        } else {
            checkpoints::make(&shared).await;
        }
    }
    drop(shared);
    let closed = crate::blocking::run(move || ledger.close()).await;
    if let Ok(Err(error)) = closed {
        in_order = false;
        tracing::error!(error = %error, "the ledger could not be closed in order");
    }
    if let Err(error) = rustix::fs::unlink(&socket) {
        tracing::debug!(error = %error, "the control socket is left lying; the next daemon takes its place");
    }
    tracing::info!("stopped");
    in_order
}
