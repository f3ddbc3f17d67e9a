//! The dispatcher: takes rows that are due, puts the intent to register them on record, asks the registrar, puts the
//! answers on record. Nothing is sent that isn't on record before.
//!
//! Each target of the registrar has calls, waits and trouble of its own, and they take turns. Places in a call are shared
//! fairly among the customers of a target who wait. Of two rows of one device the later one waits for the earlier one's
//! end. What follows from an answer is decided in [`super::answers`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::ids::{CustomerKey, RegistrationId};
use devicedrop_core::registrar::{Answer, CallIds, Capacity, Origin, Request, Trouble, Verdict};
use devicedrop_core::share::shares;
use devicedrop_core::time::Timestamp;
use tokio::task::JoinSet;

use crate::ledger::LedgerError;
use crate::ledger::command::{Finished, NewCall, Started};
use crate::ledger::rows::Due;
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

/// Calls under way, whatever their targets: each holds a connection and the rows of its batch.
const CALLS_AT_ONCE: usize = 64;

/// After a read that failed, or without space, it looks again after this time.
const AFTER_ERROR: Duration = Duration::from_secs(2);

/// What the dispatcher has in hand.
#[derive(Default)]
struct Hand {
    /// Rows whose calls are under way.
    under_way: HashSet<RegistrationId>,
    /// Who began the last round, at each target.
    last: HashMap<String, CustomerKey>,
    /// The target whose turn it was last.
    last_target: Option<String>,
}

/// A call that ended, for better or worse.
pub(super) struct Ended {
    target: String,
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
        let wait = fill(&shared, &mut hand, &mut calls).await.unwrap_or(LOOK_AGAIN);
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
    while calls.len() < CALLS_AT_ONCE {
        if !space::has_reserve(shared, 0) {
            return Some(AFTER_ERROR);
        }
        let at = shared.steady();
        let picked = match pick(shared, hand, capacity).await {
            Ok(picked) => picked,
            Err(error) => {
                tracing::error!(error = %error, cause = ?std::error::Error::source(&error).map(ToString::to_string), "due rows can't be read");
                return Some(AFTER_ERROR);
            }
        };
        let Picked { target, batch, put_off, opens } = picked;
        if batch.is_empty() && put_off {
            // Those behind the ones that were put off may go.
            continue;
        }
        let Some(target) = target else {
            return next_due_in(shared, at).await.into_iter().chain(opens).min();
        };
        if batch.is_empty() {
            // They wait for something that is about to end.
            return Some(MOMENT);
        }
        hand.under_way.extend(batch.iter().map(|due| due.registration));
        // Said before the call is on record: whoever finds nothing due must find the dispatcher at work.
        shared.board.lock().dispatcher_idle = false;
        shared.gates.of(&target).went(shared.clock.elapsed(), capacity.rate);
        calls.spawn(call(Arc::clone(shared), target, batch));
    }
    None
}

/// How long until the next row is due that wasn't when rows were last looked for.
async fn next_due_in(shared: &Arc<Shared>, looked: Timestamp) -> Option<Duration> {
    let asked = Arc::clone(shared);
    let earliest = crate::blocking::run(move || asked.readers.ask(|reader| reader.earliest_due(Some(looked)))).await;
    let due = earliest.ok()?.ok()??;
    Some(due.since(shared.steady()).clamp(MOMENT, LOOK_AGAIN))
}

/// What was picked for one call.
#[derive(Default)]
struct Picked {
    /// Where it goes.
    target: Option<String>,
    /// Its rows.
    batch: Vec<Due>,
    /// Whether others were put off.
    put_off: bool,
    /// How long until a target that has work and no room now may have some.
    opens: Option<Duration>,
}

/// Rows that were found for one target, and whoever begins the round among its customers.
type Found = (String, Vec<Due>, Option<CustomerKey>);

/// Picks rows for one call: the targets in turn, fairly over the customers of one, one row for each device, nothing
/// that is in hand.
async fn pick(shared: &Arc<Shared>, hand: &mut Hand, capacity: Capacity) -> Result<Picked, AskError> {
    let now = shared.steady();
    let skip: Vec<RegistrationId> = hand.under_way.iter().copied().collect();
    let (last, last_target) = (hand.last.clone(), hand.last_target.clone());
    let asked = Arc::clone(shared);
    let read = crate::blocking::run(move || find(&asked, &last, last_target.as_deref(), &skip, capacity));
    let (found, opens) = match read.await {
        Ok(found) => found?,
        Err(error) => std::panic::resume_unwind(Box::new(format!("the choice of rows failed: {error}"))),
    };
    let Some((target, rows, began)) = found else { return Ok(Picked { opens, ..Picked::default() }) };
    if let Some(began) = began {
        hand.last.insert(target.clone(), began);
    }
    hand.last_target = Some(target.clone());
    let Choice { go, later } = shared.turns.choose(rows, now);
    let put_off = !later.is_empty();
    let picked = Picked { target: Some(target), batch: go, put_off, opens };
    if put_off {
        // Until it is known that their turn didn't come meanwhile: nothing is due on record, and yet there is work.
        shared.board.lock().dispatcher_idle = false;
        let times = later.iter().map(|(_, row, until)| (*row, *until)).collect();
        if let Err(error) = shared.writer.postpone(times).await {
            tracing::error!(error = %error, "rows that wait for another of their device can't be put off");
            return Ok(Picked { put_off: false, ..picked });
        }
        let due = shared.turns.put_off(&later);
        if let Err(error) = answers::are_due(shared, due).await {
            tracing::error!(error = %error, "rows whose turn came can't be said to be due");
        }
    }
    Ok(picked)
}

/// Looks for rows of the target whose turn it is among those that have room, and how long until another has. Blocks.
fn find(
    shared: &Shared,
    last: &HashMap<String, CustomerKey>,
    last_target: Option<&str>,
    skip: &[RegistrationId],
    capacity: Capacity,
) -> Result<(Option<Found>, Option<Duration>), AskError> {
    let (now, elapsed) = (shared.steady(), shared.clock.elapsed());
    let mut targets: BTreeMap<String, Vec<CustomerKey>> = BTreeMap::new();
    for customer in shared.readers.ask(|reader| reader.customers_due(now))? {
        targets.entry(shared.registrar.target_of(&customer)).or_default().push(customer);
    }
    let mut opens: Option<Duration> = None;
    targets.retain(|target, _| match shared.gates.of(target).room(elapsed, capacity) {
        Ok(()) => true,
        Err(left) => {
            opens = opens.into_iter().chain(left).min();
            false
        }
    });
    let (behind, before): (Vec<_>, Vec<_>) =
        targets.into_iter().partition(|(target, _)| last_target.is_none_or(|last| target.as_str() > last));
    for (target, mut customers) in behind.into_iter().chain(before) {
        customers.sort_unstable();
        let start = next_in_turn(&customers, last.get(&target));
        let places = shared.gates.of(&target).batch(capacity);
        let mut waiting = Vec::with_capacity(customers.len());
        for customer in &customers {
            waiting.push(shared.readers.ask(|reader| reader.next_due(customer, now, places, skip))?);
        }
        let places_each = shares(&waiting.iter().map(Vec::len).collect::<Vec<_>>(), places, start);
        let rows = waiting.into_iter().zip(places_each).flat_map(|(rows, share)| rows.into_iter().take(share));
        let rows = that_go_together(shared, rows.collect(), capacity);
        if !rows.is_empty() {
            return Ok((Some((target, rows, customers.get(start).cloned())), opens));
        }
    }
    Ok((None, opens))
}

/// Of these rows those that may be in one call with the first one.
fn that_go_together(shared: &Shared, rows: Vec<Due>, capacity: Capacity) -> Vec<Due> {
    let group = |due: &Due| {
        let origin =
            Origin { customer: &due.customer, submission: due.submission, order_id: due.order_id.as_deref() };
        (shared.registrar.group(origin), shared.cut_off.call_of(due.registration))
    };
    let Some(first) = rows.first().map(group) else { return rows };
    let mut serials = HashSet::new();
    let mut fits = |due: &Due| {
        // A service that folds case when it compares would take two of them for one.
        group(due) == first && (!capacity.distinct_serials || serials.insert(due.device.serial_number.to_lowercase()))
    };
    rows.into_iter().filter(|due| fits(due)).collect()
}

/// Who begins a round: whoever comes next behind the one who began the last, whoever else came or went meanwhile. So
/// nobody who waits is passed over by the same one twice.
fn next_in_turn(waiting: &[CustomerKey], last: Option<&CustomerKey>) -> usize {
    let behind = last.map_or(0, |last| waiting.partition_point(|customer| customer <= last));
    if behind < waiting.len() { behind } else { 0 }
}

/// The IDs of a call, where the registrar takes any.
fn ids_of(shared: &Shared, rows: &[RegistrationId]) -> CallIds {
    if !shared.registrar.takes_ids() {
        return CallIds::default();
    }
    let again = shared.cut_off.take(rows);
    CallIds {
        request_id: Some(again.unwrap_or_else(|| shared.clock.new_guid())),
        correlation_id: Some(shared.clock.new_guid()),
    }
}

/// One call, from the intent to the outcomes.
async fn call(shared: Arc<Shared>, target: String, batch: Vec<Due>) -> Ended {
    let keys: Vec<Key> = batch.iter().map(|due| (due.customer.clone(), due.device.clone())).collect();
    let rows: Vec<RegistrationId> = batch.iter().map(|due| due.registration).collect();
    let ids = ids_of(&shared, &rows);
    let intent = NewCall {
        at: shared.clock.now(),
        registrar: shared.registrar.kind().to_owned(),
        target: target.clone(),
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
        Ok(started) => attempt(&shared, &target, batch, started, ids).await,
        Err(error) => {
            for (row, key) in rows.iter().zip(&keys) {
                shared.turns.not_sent(key, *row);
            }
            Err(error)
        }
    };
    Ended { target, rows, outcome }
}

async fn attempt(
    shared: &Arc<Shared>,
    target: &str,
    batch: Vec<Due>,
    started: Started,
    ids: CallIds,
) -> Result<(), LedgerError> {
    shared.board.lock().under_way.extend(started.attempts.iter().copied());
    Step::Intended.passed();
    let tries: Vec<Try> = batch.iter().zip(&started.attempts).map(|(due, attempt)| Try::of(due, *attempt)).collect();
    let requests: Vec<Request> =
        batch.into_iter().zip(&started.attempts).map(|(due, attempt)| due.request(*attempt)).collect();
    let sent = shared.clock.elapsed();
    let answered = tokio::time::timeout(shared.registrar.patience(), shared.registrar.register(ids, requests)).await;
    shared.meters.call.observe(shared.clock.elapsed().saturating_sub(sent));
    Step::Answered.passed();
    let Heard { finished, lost, accepted, after, give_up, was_answered } = Heard::of(shared, &tries, answered.ok());
    // Before the record: no other call begins while the answers are written.
    gate::heard(shared, target, after.trouble.as_ref(), after.leave_alone);
    if was_answered {
        shared.cut_off.was_answered(started.call);
    }
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
    /// Whether any answer came, though perhaps none that says what became of the rows.
    was_answered: bool,
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
            was_answered: false,
        };
        match answered {
            None => {
                // What was sent may still have its effect: all of it is in doubt.
                heard.lost.extend(tries);
                let why = format!("it gave no answer within {} s", shared.registrar.patience().as_secs());
                heard.after.trouble = Some(Trouble::Unavailable(why));
            }
            Some(Ok(answers)) => {
                heard.was_answered = answers
                    .iter()
                    .any(|answer| answer.received.is_some() || !matches!(answer.verdict, Verdict::InDoubt { .. }));
                heard.after.trouble = all_lost(&answers);
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

/// The trouble that a registrar has which no row of a call got an answer from: if it is asked and knows nothing of them,
/// they would go to it again at once, and again.
fn all_lost(answers: &[Answer]) -> Option<Trouble> {
    let mut why = None;
    for answer in answers {
        let Verdict::InDoubt { why: lost } = &answer.verdict else { return None };
        why = Some(lost.clone());
    }
    why.map(Trouble::Unavailable)
}

/// What follows from a call's end for the next ones.
fn settle(shared: &Shared, hand: &mut Hand, ended: Ended) {
    let gate = shared.gates.of(&ended.target);
    gate.came_back();
    for row in &ended.rows {
        hand.under_way.remove(row);
    }
    if let Err(error) = ended.outcome {
        tracing::error!(error = %error, "a call could not be recorded");
        gate.close(shared.clock.elapsed().saturating_add(AFTER_ERROR), false);
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
