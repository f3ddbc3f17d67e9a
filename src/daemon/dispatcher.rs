//! The dispatcher: takes rows that are due, puts the intent to register them on record, asks the registrar, puts the
//! answers on record. Nothing is sent that isn't on record before.
//!
//! Places in a call are shared fairly among the customers who wait. Of two rows of one device the later one waits for
//! the earlier one's end. What follows from an answer is decided in [`super::answers`].

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::ids::{CustomerKey, RegistrationId};
use devicedrop_core::registrar::{Answer, CallIds, Request, Trouble, Verdict};
use devicedrop_core::share::shares;
use tokio::task::JoinSet;

use crate::ledger::command::{Finished, NewCall, Started};
use crate::ledger::rows::Due;
use crate::ledger::{LedgerError, ReadError};
use crate::step::Step;

use super::answers::{self, GiveUp, Try};
use super::lanes::pause;
use super::shared::{AskError, Shared};
use super::space;
use super::turns::{Choice, Key};
use super::{doubts, gate, recovery};

/// The dispatcher looks again after this time even if nobody rings.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Rows that became due in the very moment in which nothing was found are looked for after this time.
const MOMENT: Duration = Duration::from_millis(10);

/// After a read that failed, or without space, it looks again after this time.
const AFTER_ERROR: Duration = Duration::from_secs(2);

/// What the dispatcher has in hand.
#[derive(Default)]
struct Hand {
    /// Rows whose calls are under way.
    under_way: HashSet<RegistrationId>,
    /// Who began the last round.
    last: Option<CustomerKey>,
}

/// A call that ended, for better or worse.
pub(super) struct Ended {
    rows: Vec<RegistrationId>,
    outcome: Result<(), LedgerError>,
}

/// What a call leaves behind.
#[derive(Debug, Default)]
pub(super) struct After {
    /// The registrar asked to be left alone for so long.
    pub(super) leave_alone: Option<Duration>,
    /// The registrar as a whole had trouble.
    pub(super) trouble: Option<Trouble>,
}

/// Runs until the daemon stops. Calls under way are then left to their own end, or to the next start.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut hand = Hand::default();
    let mut calls: JoinSet<Ended> = JoinSet::new();
    while !shared.stop.is_cancelled() {
        let mut wait = LOOK_AGAIN;
        if let Some(left) = shared.gate.closed_for(shared.clock.elapsed()) {
            wait = left;
        } else {
            wait = fill(&shared, &mut hand, &mut calls).await.unwrap_or(wait);
        }
        shared.board.lock().calls = u64::try_from(calls.len()).unwrap_or(0);
        shared.board.lock().dispatcher_idle = calls.is_empty();
        shared.bells.changed.notify_waiters();
        tokio::select! {
            () = shared.bells.dispatcher.notified() => {}
            () = pause(wait) => {}
            Some(ended) = calls.join_next(), if !calls.is_empty() => match ended {
                Ok(ended) => settle(&shared, &mut hand, ended),
                Err(error) => std::panic::resume_unwind(Box::new(format!("a call failed: {error}"))),
            },
            () = shared.stop.cancelled() => {}
        }
    }
    while calls.join_next().await.is_some() {}
}

/// Begins as many calls as there is room and work for. Returns when to look again, if that is known.
async fn fill(shared: &Arc<Shared>, hand: &mut Hand, calls: &mut JoinSet<Ended>) -> Option<Duration> {
    let capacity = shared.registrar.capacity();
    while calls.len() < capacity.concurrency {
        if let Some(left) = shared.gate.closed_for(shared.clock.elapsed()) {
            return Some(left);
        }
        if !space::has_reserve(shared, 0) {
            return Some(AFTER_ERROR);
        }
        let (batch, put_off) = match pick(shared, hand, capacity.batch).await {
            Ok(picked) => picked,
            Err(error) => {
                tracing::error!(error = %error, cause = ?std::error::Error::source(&error).map(ToString::to_string), "due rows can't be read");
                return Some(AFTER_ERROR);
            }
        };
        if batch.is_empty() && put_off {
            // Those behind the ones that were put off may go.
            continue;
        }
        if batch.is_empty() {
            return next_due_in(shared).await;
        }
        hand.under_way.extend(batch.iter().map(|due| due.registration));
        // Said before the call is on record: whoever finds nothing due must find the dispatcher at work.
        shared.board.lock().dispatcher_idle = false;
        calls.spawn(call(Arc::clone(shared), batch));
    }
    None
}

/// How long until the next row is due that is to be tried again.
async fn next_due_in(shared: &Arc<Shared>) -> Option<Duration> {
    let now = shared.steady();
    let asked = Arc::clone(shared);
    let earliest = crate::blocking::run(move || asked.readers.ask(crate::ledger::Reader::earliest_due)).await;
    let due = earliest.ok()?.ok()??;
    // A row that is due by now became so after the choice was made, or its call is just being put on record.
    Some(due.since(now).clamp(MOMENT, LOOK_AGAIN))
}

/// Picks rows for one call: fairly over the customers, one row for each device, nothing that is in hand. And whether
/// others were put off.
async fn pick(shared: &Arc<Shared>, hand: &mut Hand, places: usize) -> Result<(Vec<Due>, bool), AskError> {
    let now = shared.steady();
    let skip: Vec<RegistrationId> = hand.under_way.iter().copied().collect();
    let last = hand.last.clone();
    let asked = Arc::clone(shared);
    let read = crate::blocking::run(move || {
        asked.readers.ask(|reader| {
            let mut customers = reader.customers_due(now)?;
            customers.sort_unstable();
            let start = next_in_turn(&customers, last.as_ref());
            let mut waiting = Vec::with_capacity(customers.len());
            for customer in &customers {
                waiting.push(reader.next_due(customer, now, places, &skip)?);
            }
            let places_each = shares(&waiting.iter().map(Vec::len).collect::<Vec<_>>(), places, start);
            let rows: Vec<Due> =
                waiting.into_iter().zip(places_each).flat_map(|(rows, share)| rows.into_iter().take(share)).collect();
            Ok::<_, ReadError>((rows, customers.get(start).cloned()))
        })
    });
    let (rows, began) = match read.await {
        Ok(rows) => rows?,
        Err(error) => std::panic::resume_unwind(Box::new(format!("the choice of rows failed: {error}"))),
    };
    hand.last = began.or(hand.last.take());
    let Choice { go, later } = shared.turns.choose(rows, now);
    let put_off = !later.is_empty();
    if put_off {
        // Until it is known that their turn didn't come meanwhile: nothing is due on record, and yet there is work.
        shared.board.lock().dispatcher_idle = false;
        let times = later.iter().map(|(_, row, until)| (*row, *until)).collect();
        if let Err(error) = shared.writer.postpone(times).await {
            tracing::error!(error = %error, "rows that wait for another of their device can't be put off");
            return Ok((go, false));
        }
        let due = shared.turns.put_off(&later);
        if let Err(error) = answers::are_due(shared, due).await {
            tracing::error!(error = %error, "rows whose turn came can't be said to be due");
        }
    }
    Ok((go, put_off))
}

/// Who begins a round: whoever comes next behind the one who began the last, whoever else came or went meanwhile. So
/// nobody who waits is passed over by the same one twice.
fn next_in_turn(waiting: &[CustomerKey], last: Option<&CustomerKey>) -> usize {
    let behind = last.map_or(0, |last| waiting.partition_point(|customer| customer <= last));
    if behind < waiting.len() { behind } else { 0 }
}

/// The IDs of a new call, where the registrar takes any.
fn new_ids(shared: &Shared) -> CallIds {
    if !shared.registrar.takes_ids() {
        return CallIds::default();
    }
    CallIds { request_id: Some(shared.clock.new_guid()), correlation_id: Some(shared.clock.new_guid()) }
}

/// One call, from the intent to the outcomes.
async fn call(shared: Arc<Shared>, batch: Vec<Due>) -> Ended {
    let keys: Vec<Key> = batch.iter().map(|due| (due.customer.clone(), due.device.clone())).collect();
    let rows: Vec<RegistrationId> = batch.iter().map(|due| due.registration).collect();
    let ids = new_ids(&shared);
    let intent = NewCall {
        at: shared.clock.now(),
        registrar: shared.registrar.kind().to_owned(),
        target: shared.registrar.target().to_owned(),
        ids: ids.clone(),
    };
    let ask_first = recovery::must_ask_first(&shared, &rows).await;
    let outcome = match shared.writer.start_call(intent, rows.clone()).await {
        Ok(started) if ask_first => {
            // As if their answers had been lost: with those that the copy doesn't know of, they were.
            for ((row, key), attempt) in rows.iter().zip(&keys).zip(started.attempts) {
                shared.turns.lost(key, *row, attempt);
            }
            doubts::ask_again(&shared);
            Ok(())
        }
        Ok(started) => attempt(&shared, batch, started, ids).await,
        Err(error) => {
            for (row, key) in rows.iter().zip(&keys) {
                shared.turns.not_sent(key, *row);
            }
            Err(error)
        }
    };
    Ended { rows, outcome }
}

async fn attempt(shared: &Arc<Shared>, batch: Vec<Due>, started: Started, ids: CallIds) -> Result<(), LedgerError> {
    shared.board.lock().under_way.extend(started.attempts.iter().copied());
    Step::Intended.passed();
    let tries: Vec<Try> = batch.iter().zip(&started.attempts).map(|(due, attempt)| Try::of(due, *attempt)).collect();
    let requests: Vec<Request> =
        batch.into_iter().zip(&started.attempts).map(|(due, attempt)| due.request(*attempt)).collect();
    let answered = tokio::time::timeout(shared.registrar.patience(), shared.registrar.register(ids, requests)).await;
    Step::Answered.passed();
    let Heard { finished, lost, accepted, after, give_up } = Heard::of(shared, &tries, answered.ok());
    // Before the record: no other call begins while the answers are written.
    gate::heard(shared, after.trouble.as_ref(), after.leave_alone);
    // What the registrar took is found again by this alone.
    let tracked = match accepted.first() {
        Some((_, tracking_id, _)) => shared.writer.track(started.call, tracking_id.clone()).await,
        None => Ok(()),
    };
    let recorded = answers::record(shared, finished, &tries, give_up).await;
    let now = shared.clock.elapsed();
    for one in lost.iter().copied().chain(accepted.iter().map(|(one, ..)| *one)) {
        shared.turns.lost(&one.key(), one.registration, one.attempt);
    }
    for (one, _, ask_after) in &accepted {
        shared.followed.follow(one.attempt, now.saturating_add(*ask_after));
    }
    shared.board.lock().under_way.retain(|attempt| !started.attempts.contains(attempt));
    tracked.and(recorded)?;
    Step::Recorded.passed();
    if !lost.is_empty() || !accepted.is_empty() {
        doubts::ask_again(shared);
    }
    Ok(())
}

/// What was heard of a call.
struct Heard<'a> {
    finished: Vec<Finished>,
    /// What became of these must be asked.
    lost: Vec<&'a Try>,
    /// These were taken: what they are followed by, and after which time they are asked about.
    accepted: Vec<(&'a Try, String, Duration)>,
    after: After,
    give_up: GiveUp,
}

impl<'a> Heard<'a> {
    /// By what the registrar answered; nothing if it didn't in time.
    fn of(shared: &Shared, tries: &'a [Try], answered: Option<Result<Vec<Answer>, Trouble>>) -> Self {
        let mut heard = Self {
            finished: Vec::with_capacity(tries.len()),
            lost: Vec::new(),
            accepted: Vec::new(),
            after: After::default(),
            give_up: GiveUp::Allowed,
        };
        match answered {
            None => {
                // What was sent may still have its effect: all of it is in doubt.
                heard.lost.extend(tries);
                let why = format!("it gave no answer within {} s", shared.registrar.patience().as_secs());
                heard.after.trouble = Some(Trouble::Unavailable(why));
            }
            Some(Ok(answers)) => {
                let mut answers = answers.into_iter();
                for one in tries {
                    heard.row(shared, one, answers.next());
                }
            }
            Some(Err(trouble)) => {
                heard.finished.extend(tries.iter().map(|one| answers::troubled(shared, one, &trouble)));
                if matches!(trouble, Trouble::Broken(_)) {
                    heard.give_up = GiveUp::Never;
                }
                heard.after.trouble = Some(trouble);
            }
        }
        heard
    }

    fn row(&mut self, shared: &Shared, one: &'a Try, answer: Option<Answer>) {
        let Some(answer) = answer else { return self.lost.push(one) };
        if let Verdict::Accepted { tracking_id, ask_after } = answer.verdict {
            return self.accepted.push((one, tracking_id, ask_after));
        }
        match answers::finished(shared, one, answer, &mut self.after) {
            Ok(Some(end)) => self.finished.push(end),
            // Its attempt stays open; what became of it is asked before anything else happens to its device.
            Ok(None) => self.lost.push(one),
            Err(error) => {
                answers::not_understood(one, &error);
                self.lost.push(one);
            }
        }
    }
}

/// What follows from a call's end for the next ones.
fn settle(shared: &Shared, hand: &mut Hand, ended: Ended) {
    for row in &ended.rows {
        hand.under_way.remove(row);
    }
    if let Err(error) = ended.outcome {
        tracing::error!(error = %error, "a call could not be recorded");
        shared.gate.close(shared.clock.elapsed().saturating_add(AFTER_ERROR), false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<CustomerKey> {
        names.iter().map(|name| CustomerKey::parse(name).unwrap()).collect()
    }

    #[test]
    fn whoever_comes_and_goes_everybody_begins_once_in_a_round() {
        let last = |name: &str| CustomerKey::parse(name).ok();
        let (few, more) = (keys(&["b", "d"]), keys(&["a", "b", "c", "d"]));
        assert_eq!(next_in_turn(&few, None), 0);
        assert_eq!(next_in_turn(&few, last("b").as_ref()), 1);
        assert_eq!(next_in_turn(&more, last("b").as_ref()), 2, "c came, and the round goes on");
        assert_eq!(next_in_turn(&few, last("c").as_ref()), 1, "c went, and d is next all the same");
        assert_eq!(next_in_turn(&few, last("d").as_ref()), 0);
        assert_eq!(next_in_turn(&[], last("d").as_ref()), 0);
    }
}
