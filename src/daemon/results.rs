//! The customers' results lanes: each pays the result files that its customer is owed, when they are due.
//!
//! What is owed is in the ledger and stays owed until the file is in place, durably. A first result waits for a
//! moment in case the final one is about to follow; a refresh never takes more than a twentieth of the time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::device::Sha256;
use devicedrop_core::ids::{CustomerKey, SubmissionEntry};
use devicedrop_core::time::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{CustomerSettings, ResultsWhen};
use crate::ledger::command::{NewAction, OwedKind};
use crate::ledger::rows::{Owed, Submission};
use crate::step::Step;

use super::desk::path_of;
use super::lanes::pause;
use super::originals;
use super::payment::{self, PayError, Payment};
use super::receipts;
use super::shared::Shared;
use super::written::WRITTEN;

/// A first result waits so long for a final one: most files are done by then.
const FIRST_GRACE: Duration = Duration::from_millis(300);

/// After a result that couldn't be written, the next try comes after this, doubled up to [`TRY_LONGEST`].
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The longest time between two tries.
const TRY_LONGEST: Duration = Duration::from_mins(1);

/// A result is written off when its folder was gone for so long.
const WRITTEN_OFF_AFTER: Duration = Duration::from_hours(7 * 24);

/// The topic of the notes that say since when the folder of a submission's result is gone.
const GONE: &str = "folder_gone";

/// Writing refreshes takes at most this part of the time: one in so many.
const REFRESH_SHARE: u32 = 20;

/// Results that are written at the same time, beyond the one that every lane may write at any time. Writing is mostly
/// waiting for the disk, which brings many files home at once as fast as one.
pub(super) const MORE_AT_ONCE: usize = 12;

/// Between two looks at what is owed lies at least this, so that one look serves many bells.
const BREATH: Duration = Duration::from_millis(20);

/// What the lane remembers of a submission whose results it pays.
#[derive(Default)]
struct Memory {
    /// Not before this time on the monotonic clock.
    not_before: Option<Duration>,
    /// When the debt was first met.
    met: Option<Duration>,
    /// Tries in vain, in a row.
    vain: u32,
    /// Since when its folder is gone, if it is.
    gone: Option<Timestamp>,
    /// The result that went on record last while something was owed: its path and hash, and whether it was final.
    on_record: Option<(String, Sha256, bool)>,
}

/// One customer's lane: runs until it is told to stop.
pub(super) async fn lane(
    shared: Arc<Shared>,
    more: Arc<Semaphore>,
    customer: CustomerSettings,
    token: CancellationToken,
) {
    let bells = shared.bells.of(&customer.key);
    let mut memory: HashMap<SubmissionEntry, Memory> = HashMap::new();
    let mut settings = customer;
    let mut swept = false;
    while !token.is_cancelled() {
        if let Some(newer) = shared.config().customer(&settings.key) {
            settings = newer;
        }
        // Before anything is written there; a folder that is offline now is swept once it is back.
        swept = swept || sweep(&shared, &settings).await;
        let wait = pay_all(&shared, &more, &settings, &mut memory, &token).await;
        tokio::select! {
            () = pause(BREATH) => {}
            () = token.cancelled() => {}
        }
        tokio::select! {
            () = bells.results.notified() => {}
            () = pause(wait.saturating_sub(BREATH)) => {}
            () = token.cancelled() => {}
        }
    }
}

/// Pays what is due. Returns how long until something else is.
async fn pay_all(
    shared: &Arc<Shared>,
    more: &Arc<Semaphore>,
    settings: &CustomerSettings,
    memory: &mut HashMap<SubmissionEntry, Memory>,
    token: &CancellationToken,
) -> Duration {
    let idle = shared.config().drop.rescan.max(TRY_AGAIN);
    let Some(owed) = owed(shared, &settings.key).await else { return TRY_AGAIN };
    let still: HashSet<SubmissionEntry> = owed.iter().map(|one| one.submission.entry).collect();
    memory.retain(|entry, _| still.contains(entry));
    let mut paying = JoinSet::new();
    let mut wait = idle;
    let mut unpaid = false;
    for one in owed {
        if token.is_cancelled() {
            break;
        }
        let entry = one.submission.entry;
        let mut remembered = memory.remove(&entry).unwrap_or_default();
        let elapsed = shared.clock.elapsed();
        let due = due(shared, &one, &mut remembered, elapsed);
        let left = due.map(|due| due.saturating_sub(elapsed));
        if left != Some(Duration::ZERO) {
            if let Some(left) = left {
                wait = wait.min(left);
                unpaid |= remembered.vain == 0;
            }
            memory.insert(entry, remembered);
            continue;
        }
        let place = place(more, &mut paying, |paid| wait = wait.min(put_back(shared, memory, paid))).await;
        paying.spawn(pay(Arc::clone(shared), settings.clone(), one, remembered, place));
    }
    while let Some(paid) = paying.join_next().await {
        wait = wait.min(put_back(shared, memory, ended(paid)));
    }
    shared.board.lane(&settings.key, |lane| lane.results_idle = !unpaid);
    shared.bells.changed.notify_waiters();
    wait.max(BREATH)
}

/// A payment that came to its end, for better or worse.
type Paid = (SubmissionEntry, Memory);

/// Waits until one more result may be written.
async fn place(
    more: &Arc<Semaphore>,
    paying: &mut JoinSet<Paid>,
    mut each: impl FnMut(Paid),
) -> Option<OwnedSemaphorePermit> {
    loop {
        if paying.is_empty() {
            return None;
        }
        if let Ok(place) = Arc::clone(more).try_acquire_owned() {
            return Some(place);
        }
        if let Some(paid) = paying.join_next().await {
            each(ended(paid));
        }
    }
}

fn ended(paid: Result<Paid, tokio::task::JoinError>) -> Paid {
    match paid {
        Ok(paid) => paid,
        Err(error) => std::panic::resume_unwind(Box::new(format!("writing a result failed: {error}"))),
    }
}

/// Remembers what came of a payment. Returns how long until this result may be looked at again: what came up in the
/// meantime, or the next try.
fn put_back(shared: &Shared, memory: &mut HashMap<SubmissionEntry, Memory>, (entry, remembered): Paid) -> Duration {
    let left = remembered.not_before.map_or(Duration::ZERO, |due| due.saturating_sub(shared.clock.elapsed()));
    memory.insert(entry, remembered);
    left
}

/// Takes away what a crash left half written in a customer's drop folder. Returns whether that is done.
async fn sweep(shared: &Arc<Shared>, settings: &CustomerSettings) -> bool {
    let (asked, customer) = (Arc::clone(shared), settings.clone());
    let swept = crate::blocking::run(move || payment::sweep(&asked, &customer)).await;
    match swept {
        Ok(Ok(0)) => true,
        Ok(Ok(removed)) => {
            tracing::info!(customer = %settings.key, removed, "results that were cut off half written are gone");
            let told = format!("{removed} results of {} that were cut off half written were removed", settings.key);
            shared.board.lock().recovery.push(told);
            true
        }
        Ok(Err(error)) => {
            tracing::debug!(customer = %settings.key, error = %error.told(), "the drop folder can't be swept now");
            false
        }
        Err(error) => std::panic::resume_unwind(Box::new(format!("sweeping a drop folder failed: {error}"))),
    }
}

async fn owed(shared: &Arc<Shared>, customer: &CustomerKey) -> Option<Vec<Owed>> {
    let (asked, customer) = (Arc::clone(shared), customer.clone());
    let read = crate::blocking::run(move || asked.readers.ask(|reader| reader.owed(Some(&customer)))).await;
    match read {
        Ok(Ok(owed)) => Some(owed),
        Ok(Err(error)) => {
            tracing::error!(error = %error, "what results are owed can't be read");
            None
        }
        Err(error) => std::panic::resume_unwind(Box::new(format!("reading owed results failed: {error}"))),
    }
}

/// When this result is due by the monotonic clock; none while it isn't to be written at all.
fn due(shared: &Shared, owed: &Owed, memory: &mut Memory, elapsed: Duration) -> Option<Duration> {
    let met = *memory.met.get_or_insert(elapsed);
    let not_before = memory.not_before.unwrap_or_default();
    let pending = owed.submission.tally.as_ref().map_or(0, |tally| tally.pending);
    let last = owed.kind == OwedKind::Final || pending == 0;
    if last {
        return Some(if memory.vain > 0 { not_before } else { met });
    }
    if shared.config().results.when == ResultsWhen::Final || is_told_otherwise(shared, &owed.submission) {
        return None;
    }
    Some(match owed.kind {
        OwedKind::First | OwedKind::Final => met.saturating_add(FIRST_GRACE).max(not_before),
        OwedKind::Refresh => met.saturating_add(shared.config().results.refresh).max(not_before),
    })
}

/// Whether the sender is told something else at the plain name: only the final answer comes then, under its own name.
fn is_told_otherwise(shared: &Shared, submission: &Submission) -> bool {
    let path = submission.tally.as_ref().map_or(&submission.file, |tally| &tally.path);
    shared.board.is_told_otherwise(&submission.customer, &path_of(path))
}

/// Pays one result, and says on record that it did.
async fn pay(
    shared: Arc<Shared>,
    settings: CustomerSettings,
    owed: Owed,
    mut memory: Memory,
    place: Option<OwnedSemaphorePermit>,
) -> Paid {
    let entry = owed.submission.entry;
    let began = shared.clock.elapsed();
    let (asked, customer, submission) = (Arc::clone(&shared), settings.clone(), owed.submission.clone());
    let paid = crate::blocking::run(move || payment::pay(&asked, &customer, &submission)).await;
    let paid = match paid {
        Ok(paid) => paid,
        Err(error) => std::panic::resume_unwind(Box::new(format!("writing a result failed: {error}"))),
    };
    // The record has places enough: it puts what comes together into one transaction.
    drop(place);
    let took = shared.clock.elapsed().saturating_sub(began);
    let file = owed.submission.tally.as_ref().map_or(owed.submission.file.as_str(), |tally| tally.path.as_str());
    let paid = match paid {
        Ok(payment) => {
            if memory.gone.take().is_some() {
                forget_gone(&shared, &owed).await;
            }
            let rest = shared.config().results.refresh.max(took.saturating_mul(REFRESH_SHARE - 1));
            memory.not_before = Some(shared.clock.elapsed().saturating_add(rest));
            recorded(&shared, &settings, &owed, payment, &mut memory).await
        }
        Err(error) => Err(error),
    };
    match paid {
        Ok(payment) => {
            memory.vain = 0;
            memory.met = None;
            Step::ResultRecorded.passed();
            if payment.last {
                give_up_copy(&shared, &owed).await;
            }
            shared.board.lane(&settings.key, |lane| {
                lane.unpaid.remove(file);
            });
            tracing::info!(
                customer = %settings.key, file = %file, submission = %owed.submission.id,
                result = %payment.file, last = payment.last, rows = owed.submission.rows, "result written"
            );
        }
        // The next start pays it.
        Err(PayError::Stopping) => {}
        Err(PayError::Record(error)) => {
            tracing::error!(error = %error, "a result that is in place could not be recorded");
        }
        Err(error) => {
            memory.vain = memory.vain.saturating_add(1);
            let delay = TRY_AGAIN.saturating_mul(1 << memory.vain.saturating_sub(1).min(10)).min(TRY_LONGEST);
            memory.not_before = Some(shared.clock.elapsed().saturating_add(delay));
            let gone = memory.gone.take();
            memory.gone = unpaid(&shared, &settings, &owed, file, &error, gone).await;
        }
    }
    (entry, memory)
}

/// Puts on record that a result is in place, and writes its receipt, if there are to be any, before it counts as paid.
async fn recorded(
    shared: &Arc<Shared>,
    settings: &CustomerSettings,
    owed: &Owed,
    payment: Payment,
    memory: &mut Memory,
) -> Result<Payment, PayError> {
    let customer = Some(owed.submission.customer.clone());
    let is_told = payment.last || owed.kind == OwedKind::First;
    let this = (payment.file.clone(), payment.sha256, payment.last);
    // Tried again because of its receipt, or owed once more by what it says already, the same result goes on record only
    // once.
    let written = (is_told && memory.on_record.as_ref() != Some(&this))
        .then(|| shared.writer.result_written(payment.entry(shared.clock.now(), owed.submission.entry)));
    let noted = shared.writer.note(customer, WRITTEN.to_owned(), payment.file.clone(), Some(payment.noted.clone()));
    let pay = || shared.writer.pay(owed.submission.entry, owed.version);
    let with_receipt = is_told && shared.config().results.receipts;
    // Without a receipt all three are with the writer by now, and as a rule go into one transaction.
    let paid = (!with_receipt).then(pay);
    if let Some(written) = written {
        written.await?;
        memory.on_record = Some(this);
    }
    noted.await?;
    shared.meters.results.add(1);
    if let Some(paid) = paid {
        paid.await?;
        return Ok(payment);
    }
    Step::ReceiptDue.passed();
    let (asked, settings, submission) = (Arc::clone(shared), settings.clone(), owed.submission.clone());
    let writing =
        crate::blocking::run(move || receipts::write(&asked, &settings, &submission, &payment).map(|()| payment));
    let payment = match writing.await {
        Ok(written) => written?,
        Err(error) => std::panic::resume_unwind(Box::new(format!("writing a receipt failed: {error}"))),
    };
    pay().await?;
    Ok(payment)
}

/// A result couldn't be written: it stays owed, or is written off when its folder has been gone for a week. Returns
/// since when it is gone, if it is.
async fn unpaid(
    shared: &Arc<Shared>,
    settings: &CustomerSettings,
    owed: &Owed,
    file: &str,
    error: &PayError,
    gone: Option<Timestamp>,
) -> Option<Timestamp> {
    let why = error.told();
    let now = shared.clock.now();
    let news = owed.reason.as_deref() != Some(why.as_str());
    if news {
        tracing::warn!(customer = %settings.key, file = %file, submission = %owed.submission.id, why = %why, "result owed");
    }
    shared.board.lane(&settings.key, |lane| {
        lane.unpaid.insert(file.to_owned(), why.clone());
    });
    let gone = if error.folder_is_gone() { Some(gone_since(shared, owed, gone, now).await) } else { None };
    let written_off = gone.is_some_and(|since| now.since(since) >= WRITTEN_OFF_AFTER);
    let done = if written_off {
        let action = NewAction {
            at: now,
            actor: "devicedrop".to_owned(),
            action: "result_written_off".to_owned(),
            subject: Some(format!("{} {file}", owed.submission.id)),
            reason: Some(why),
        };
        match shared.writer.act(action).await {
            Ok(()) => shared.writer.pay(owed.submission.entry, owed.version).await,
            Err(error) => Err(error),
        }
    } else if news {
        shared.writer.unpaid(owed.submission.entry, why).await
    } else {
        Ok(())
    };
    if let Err(error) = done {
        tracing::error!(error = %error, "a result that is owed could not be noted as such");
    }
    if gone.is_none() || written_off {
        forget_gone(shared, owed).await;
    }
    gone
}

/// Since when the folder of a result is gone, over restarts too.
async fn gone_since(shared: &Arc<Shared>, owed: &Owed, known: Option<Timestamp>, now: Timestamp) -> Timestamp {
    if let Some(since) = known {
        return since;
    }
    let (asked, key) = (Arc::clone(shared), owed.submission.id.to_string());
    let read = move || asked.readers.ask(|reader| reader.note(None, GONE, &key)).ok().flatten();
    let noted = match crate::blocking::run(read).await {
        Ok(noted) => noted,
        Err(error) => std::panic::resume_unwind(Box::new(format!("reading a note failed: {error}"))),
    };
    if let Some(since) = noted.and_then(|text| text.parse().ok()) {
        return Timestamp::from_unix_ms(since);
    }
    let (key, value) = (owed.submission.id.to_string(), now.unix_ms().to_string());
    if let Err(error) = shared.writer.note(None, GONE.to_owned(), key, Some(value)).await {
        tracing::error!(error = %error, "since when a folder is gone could not be noted");
    }
    now
}

/// The folder is there again, or nothing is owed to it any more.
async fn forget_gone(shared: &Shared, owed: &Owed) {
    if let Err(error) = shared.writer.note(None, GONE.to_owned(), owed.submission.id.to_string(), None).await {
        tracing::error!(error = %error, "that a folder is back could not be noted");
    }
}

/// Gives the original's copy up, if it isn't to be kept.
async fn give_up_copy(shared: &Arc<Shared>, owed: &Owed) {
    if shared.config().ledger.keep_originals {
        return;
    }
    let (giving, submission) = (Arc::clone(shared), owed.submission.clone());
    let done = crate::blocking::run(move || originals::give_up(&giving, &submission)).await;
    if let Err(error) = done {
        std::panic::resume_unwind(Box::new(format!("removing an original's copy failed: {error}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_lane_writes_one_result_and_shares_the_further_places() {
        let more = Arc::new(Semaphore::new(1));
        let nothing = || (SubmissionEntry::new(1).unwrap(), Memory::default());
        let mut paying = JoinSet::new();
        assert!(place(&more, &mut paying, |_| {}).await.is_none(), "the first one needs no place");
        let (done, is_done) = tokio::sync::oneshot::channel::<()>();
        paying.spawn(async move {
            drop(is_done.await);
            nothing()
        });
        let taken = place(&more, &mut paying, |_| {}).await;
        assert!(taken.is_some());
        let mut back = 0;
        done.send(()).unwrap();
        assert!(place(&more, &mut paying, |_| back += 1).await.is_none(), "it waited for the one under way");
        assert_eq!(back, 1);
    }
}
