//! The customers' intake lanes: each looks into its drop folder whenever its bell rings or its time comes.
//!
//! A pass blocks, for ever perhaps when a share hangs; it does so in a thread of its own, and no other lane waits for
//! it. How many pass at once is bounded, but one that hangs gives its place back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use devicedrop_core::ids::CustomerKey;
use devicedrop_core::settle::{QuietTimes, Unsettled};
use devicedrop_core::time::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::config::{Completeness, Config, CustomerSettings, CustomersFrom, OrderRule};
use crate::inbox::{Completion, CustomerInbox, Hold, InboxSettings, OrderFiles, PassReport, Waiting, Why};

use super::board::RosterState;
use super::desk::CustomerDesk;
use super::results;
use super::roster::{self, Roster};
use super::shared::Shared;

/// Lanes that look at their folders at the same time. Looking is mostly waiting for a disk or a network.
const PASSES_MAX: usize = 16;

/// A pass that takes longer than this no longer counts among those: it copies much, or its share hangs.
const PASS_LONG: Duration = Duration::from_secs(2);

/// A pass of which nothing was seen for so long is said to hang.
const PASS_HANGS: Duration = Duration::from_mins(1);

/// After an error of the desk, a pass is begun again after this time.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// Keeps a lane running for every customer, until the daemon stops.
pub(super) async fn keep(shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(PASSES_MAX));
    let more_results = Arc::new(Semaphore::new(results::MORE_AT_ONCE));
    let mut lanes = JoinSet::new();
    let mut running: BTreeMap<CustomerKey, CancellationToken> = BTreeMap::new();
    loop {
        let config = shared.config();
        let asked = crate::blocking::run({
            let config = Arc::clone(&config);
            move || roster::customers(&config)
        })
        .await;
        let Ok(roster) = asked else { return };
        let found = found(&shared, &roster).await;
        if let Some(customers) = roster.customers {
            let present: BTreeSet<_> = customers.iter().map(|customer| customer.key.clone()).collect();
            // A folder that is gone keeps its lane: it says so, and its owed results stay owed.
            if config.drop.customers == CustomersFrom::Configured {
                running.retain(|key, token| {
                    present.contains(key) || {
                        token.cancel();
                        false
                    }
                });
            }
            for customer in customers {
                let key = customer.key.clone();
                if running.contains_key(&key) {
                    continue;
                }
                let token = shared.stop.child_token();
                running.insert(key, token.clone());
                shared.board.lane(&customer.key, |_| {});
                lanes.spawn(lane(Arc::clone(&shared), Arc::clone(&places), customer.clone(), token.clone()));
                lanes.spawn(results::lane(Arc::clone(&shared), Arc::clone(&more_results), customer, token));
            }
        }
        {
            // Only now: a single run that knew of no customer would be done at once.
            let mut board = shared.board.lock();
            board.strangers = roster.strangers;
            if let RosterState::Unlisted(why) = &found
                && board.roster != found
            {
                tracing::warn!(root = %config.drop.root.display(), why = %why, "who is a customer can't be told");
            }
            board.roster = found;
        }
        tokio::select! {
            () = shared.bells.roster.notified() => {}
            () = pause(config.drop.rescan) => {}
            () = shared.stop.cancelled() => break,
            Some(ended) = lanes.join_next(), if !lanes.is_empty() => {
                if let Err(error) = ended {
                    std::panic::resume_unwind(Box::new(format!("a customer's lane failed: {error}")));
                }
            }
        }
    }
    while lanes.join_next().await.is_some() {}
}

/// What is known of who is a customer. A root without any, of which there are some on record, isn't the one that it was.
async fn found(shared: &Arc<Shared>, roster: &Roster) -> RosterState {
    if let Some(why) = &roster.unlisted {
        return RosterState::Unlisted(why.clone());
    }
    if roster.customers.as_ref().is_none_or(|customers| !customers.is_empty()) {
        return RosterState::Known;
    }
    let asked = Arc::clone(shared);
    let counted = crate::blocking::run(move || asked.readers.ask(crate::ledger::Reader::customers_on_record)).await;
    match counted {
        Ok(Ok(1..)) => RosterState::Unlisted(
            "it holds no folder, though customers are on record: their share isn't mounted, as it seems".to_owned(),
        ),
        _ => RosterState::Known,
    }
}

/// One customer's lane.
async fn lane(shared: Arc<Shared>, places: Arc<Semaphore>, customer: CustomerSettings, token: CancellationToken) {
    let key = customer.key.clone();
    let bells = shared.bells.of(&key);
    let (config, folder) = (shared.config(), customer.folder.clone());
    let mut inbox =
        CustomerInbox::new(inbox_settings(&config, &customer), shared.archive.clone(), shared.watch.clone());
    let mut desk = CustomerDesk::new(Arc::clone(&shared), customer);
    let beats = desk.beats();
    shared.board.lane(&key, |lane| lane.began = shared.clock.elapsed());
    while !token.is_cancelled() {
        let config = shared.config();
        if let Some(settings) = config.customer(&key) {
            inbox.reconfigure(inbox_settings(&config, &settings));
            desk.reconfigure(settings);
        }
        let place = Arc::clone(&places).acquire_owned().await;
        let clock = Arc::clone(&shared.clock);
        let began = clock.elapsed();
        let mut pass = crate::blocking::run_in(&folder, move || {
            let report = inbox.pass(&mut desk, clock.as_ref());
            desk.after_pass();
            (inbox, desk, report)
        });
        let mut ended = tokio::time::timeout(PASS_LONG, &mut pass).await.ok();
        drop(place);
        if ended.is_none() {
            let told = |hangs| {
                let mut began = false;
                shared.board.lane(&key, |lane| {
                    began = hangs && !lane.hangs;
                    lane.hangs = hangs;
                });
                if began {
                    tracing::warn!(customer = %key, "looking into the drop folder hangs; no other customer waits for it");
                }
            };
            ended = patiently(&mut pass, PASS_HANGS, || beats.load(Ordering::Relaxed), told, &token).await;
        }
        let Some(ended) = ended else { return };
        let (inbox_back, desk_back, report) = match ended {
            Ok(all) => all,
            Err(error) => std::panic::resume_unwind(Box::new(format!("the inbox of {key} failed: {error}"))),
        };
        (inbox, desk) = (inbox_back, desk_back);
        let next = match report {
            Ok(report) => {
                if report.offline.is_none() {
                    shared.meters.scan.observe(shared.clock.elapsed().saturating_sub(began));
                }
                said(&shared, &key, report)
            }
            Err(error) => {
                let cause = error.into_inner();
                tracing::error!(customer = %key, error = %cause, "what lies in the drop folder could not be recorded");
                AFTER_ERROR
            }
        };
        tokio::select! {
            () = bells.intake.notified() => {}
            () = pause(next) => {}
            () = token.cancelled() => {}
        }
    }
    shared.watch.forget(&key);
}

/// Waits for the end of a pass, and tells after each such time whether nothing came of it in all of that: a folder of a
/// hundred thousand files takes long, too. Nothing, if it hangs when it is told to stop.
async fn patiently<T>(
    pass: &mut JoinHandle<T>,
    patience: Duration,
    beats: impl Fn() -> u64,
    told: impl Fn(bool),
    token: &CancellationToken,
) -> Option<Result<T, JoinError>> {
    let mut hangs = false;
    loop {
        let before = beats();
        tokio::select! {
            ended = &mut *pass => return Some(ended),
            () = pause(patience) => {}
            () = token.cancelled(), if hangs => return None,
        }
        hangs = beats() == before;
        told(hangs);
    }
}

/// Puts what a pass found on the board; returns when to look again.
fn said(shared: &Shared, key: &CustomerKey, report: PassReport) -> Duration {
    let (now, elapsed) = (shared.clock.now(), shared.clock.elapsed());
    let mut line = None;
    shared.board.lane(key, |lane| {
        let offline = report.offline.as_ref().map(ToString::to_string);
        if offline.is_some() != lane.offline.is_some() {
            line = Some(offline.clone());
        }
        lane.offline = match (offline, lane.offline.take()) {
            (Some(why), Some((_, since))) => Some((why, since)),
            (Some(why), None) => Some((why, now)),
            (None, _) => None,
        };
        if lane.offline.is_none() {
            lane.scanned = Some((now, elapsed));
        }
        lane.looked = true;
        lane.hangs = false;
        lane.waiting = report.waiting;
        lane.waiting_total = report.waiting_total;
    });
    match line {
        Some(Some(why)) => tracing::warn!(customer = %key, why = %why, "drop folder offline"),
        Some(None) => tracing::info!(customer = %key, "drop folder online again"),
        None => {}
    }
    if let Some(trouble) = report.trouble {
        tracing::error!(customer = %key, error = %trouble, "the archive of originals can't be written");
    }
    shared.bells.changed.notify_waiters();
    report.next
}

/// An archive that can't be written for so long isn't about to mend itself.
const ARCHIVE_LOST: Duration = Duration::from_secs(10);

/// Whether a file waits for something that only its sender or an operator can bring: a single run leaves it.
pub(super) fn is_left_by_a_single_run(waiting: &Waiting, now: Timestamp) -> bool {
    match waiting.why {
        Why::Unsettled(unsettled) => unsettled == Unsettled::HeldOpen,
        Why::Held(Hold::Busy) => false,
        Why::Archive => now.since(waiting.since) >= ARCHIVE_LOST,
        _ => true,
    }
}

fn inbox_settings(config: &Config, customer: &CustomerSettings) -> InboxSettings {
    InboxSettings {
        customer: customer.key.clone(),
        folder: customer.folder.clone(),
        quiet: QuietTimes {
            settle: config.drop.settle,
            open: config.drop.settle_open,
            unsure: config.drop.settle_unsure,
        },
        rescan: config.drop.rescan,
        ignore_folders: config.drop.ignore_folders.clone(),
        max_file_size: config.drop.max_file_size,
        completion: match customer.complete {
            Completeness::Settled => Completion::Settled,
            Completeness::Marker => Completion::Marker,
        },
        order_files: match customer.order {
            OrderRule::Optional => OrderFiles::Optional,
            OrderRule::Required => OrderFiles::Required,
        },
        headings: customer.columns.values().cloned().collect(),
        paused: customer.paused,
    }
}

/// Waits, by tokio's clock. The daemon's only way to let time pass.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub(super) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicU64;

    use super::*;

    /// What was told of a pass until it was told of twice; by then it ends.
    async fn told_twice(beats: impl Fn() -> u64) -> Vec<bool> {
        let told = Mutex::new(Vec::new());
        let (end, is_ended) = tokio::sync::oneshot::channel::<()>();
        let end = Mutex::new(Some(end));
        let mut pass = tokio::task::spawn(async move { drop(is_ended.await) });
        let tell = |hangs| {
            let mut told = told.lock().unwrap();
            told.push(hangs);
            if told.len() == 2 {
                drop(end.lock().unwrap().take());
            }
        };
        let token = CancellationToken::new();
        patiently(&mut pass, Duration::from_millis(1), beats, tell, &token).await.unwrap().unwrap();
        let mut told = told.into_inner().unwrap();
        told.truncate(2);
        told
    }

    #[tokio::test]
    async fn a_pass_hangs_when_nothing_comes_of_it_and_not_when_it_is_long() {
        assert_eq!(told_twice(|| 7).await, [true, true]);
        let beats = AtomicU64::new(0);
        assert_eq!(told_twice(|| beats.fetch_add(1, Ordering::Relaxed)).await, [false, false]);
    }

    #[tokio::test]
    async fn a_pass_that_hangs_keeps_nobody_from_stopping() {
        let token = CancellationToken::new();
        token.cancel();
        let mut pass = tokio::task::spawn(std::future::pending::<()>());
        let ended = patiently(&mut pass, Duration::from_millis(1), || 7, |_| (), &token).await;
        assert!(ended.is_none());
    }
}
