//! Attempts in doubt: sent, or perhaps sent, and without an answer on record. The registrar is asked what became of
//! them before anything of the kind is sent again. And attempts that it took and tells of later, which are asked about
//! until it is done with them.
//!
//! Where the registrar can't tell and a repeated request isn't known to be harmless, the attempt stays open, and a
//! person decides (`devicedrop resolve`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::ids::RegistrationId;
use devicedrop_core::registrar::{Answer, Knowledge, Question, Trouble, Verdict};
use devicedrop_core::state::{ErrorCode, Outcome};
use tokio::task::JoinSet;

use crate::ledger::command::Finished;
use crate::ledger::rows::InDoubt;

use super::answers::{self, GiveUp, Try};
use super::dispatcher::After;
use super::gate;
use super::lanes::pause;
use super::recovery;
use super::shared::{AskError, Shared};

/// When the registrar didn't answer the question, it is asked again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Between two questions about attempts that are followed lies at least this, whatever a registrar says.
const AT_LEAST: Duration = Duration::from_millis(100);

/// So many are asked about at once, or as many as the registrar takes in one call: what one question after the other
/// brought is on record then, whatever becomes of the next.
const BATCH: usize = 1_000;

/// So many targets are asked at the same time.
const AT_ONCE: usize = 64;

/// Wakes whoever asks about attempts in doubt.
pub(super) fn ask_again(shared: &Shared) {
    shared.bells.doubts.notify_one();
}

/// Who is being asked, and who isn't to be asked yet.
#[derive(Default)]
struct Round {
    asking: JoinSet<Asked>,
    /// The targets that are being asked now.
    busy: BTreeSet<String>,
    /// When those are asked again that gave no answer, by the monotonic clock.
    again: BTreeMap<String, Duration>,
    /// The target that was asked last: the others come before it.
    last: Option<String>,
    /// Of the targets of the first look those that haven't had their turn.
    first: Option<BTreeSet<String>>,
}

/// A target that was asked about all that was due there.
struct Asked {
    target: String,
    /// Some must be asked about again, after this time.
    again: Option<Duration>,
}

/// Runs until the daemon stops: asks at the start, and whenever an answer was lost. Each target is asked by itself: one
/// that keeps silent holds up no other.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut round = Round::default();
    while !shared.stop.is_cancelled() {
        let wait = begin(&shared, &mut round).await;
        if round.first.as_ref().is_some_and(BTreeSet::is_empty) {
            shared.board.lock().doubts_asked = true;
        }
        shared.bells.changed.notify_waiters();
        tokio::select! {
            () = shared.bells.doubts.notified() => round.again.clear(),
            () = pause(wait.unwrap_or_default()), if wait.is_some() => {}
            Some(asked) = round.asking.join_next(), if !round.asking.is_empty() => match asked {
                Ok(asked) => round.had(asked, shared.clock.elapsed()),
                Err(error) => std::panic::resume_unwind(Box::new(format!("a question failed: {error}"))),
            },
            () = shared.stop.cancelled() => {}
        }
    }
    while round.asking.join_next().await.is_some() {}
}

impl Round {
    fn had(&mut self, asked: Asked, elapsed: Duration) {
        self.busy.remove(&asked.target);
        if let Some(first) = &mut self.first {
            first.remove(&asked.target);
        }
        if let Some(wait) = asked.again {
            self.again.insert(asked.target, elapsed.saturating_add(wait));
        }
    }

    /// Whether this target may be asked now.
    fn is_free(&self, target: &str, elapsed: Duration) -> bool {
        !self.busy.contains(target) && self.again.get(target).is_none_or(|at| *at <= elapsed)
    }
}

/// How long until there is somebody to ask: at the time that a target was given, or when what is followed is due. What is
/// due already waits for a target that is being asked, or has its time in `again`.
fn next_look(again: Option<Duration>, followed: Option<Duration>, elapsed: Duration) -> Option<Duration> {
    again.into_iter().chain(followed).min().map(|next| next.saturating_sub(elapsed).max(AT_LEAST))
}

/// Begins to ask each target that is free about all that is due there. Returns when to look again, if that is known.
async fn begin(shared: &Arc<Shared>, round: &mut Round) -> Option<Duration> {
    let Ok(targets) = due(shared, round).await else { return Some(ASK_AGAIN) };
    let names = || targets.keys().cloned();
    if round.first.is_none() {
        round.first = Some(names().collect());
    }
    let last = round.last.clone();
    let (behind, before): (Vec<_>, Vec<_>) =
        targets.into_iter().partition(|(target, _)| last.as_ref().is_none_or(|last| target > last));
    for (target, doubts) in behind.into_iter().chain(before) {
        if round.asking.len() >= AT_ONCE {
            break;
        }
        round.again.remove(&target);
        round.busy.insert(target.clone());
        round.last = Some(target.clone());
        round.asking.spawn(ask(Arc::clone(shared), target, doubts));
    }
    let elapsed = shared.clock.elapsed();
    round.again.retain(|_, at| *at > elapsed); // nothing is left to ask there
    let again = round.again.values().min().copied();
    next_look(again, shared.followed.next_after(elapsed), elapsed)
}

/// What is in doubt, and due to be asked about, at each target that is free.
async fn due(shared: &Arc<Shared>, round: &Round) -> Result<BTreeMap<String, Vec<InDoubt>>, AskError> {
    // Of the attempts without an outcome, those of this process are under way until their call says that they are
    // lost. Taken before the ledger is read: what is lost after that rings the bell.
    let lost = shared.turns.in_doubt();
    shared.followed.keep(&lost);
    let now = shared.clock.elapsed();
    let is_due = |attempt| lost.contains(&attempt) && shared.followed.is_due(attempt, now);
    let mut targets: BTreeMap<String, Vec<InDoubt>> = BTreeMap::new();
    if !lost.iter().any(|attempt| is_due(*attempt)) {
        return Ok(targets);
    }
    let asked = Arc::clone(shared);
    let read = crate::blocking::run(move || asked.readers.ask(crate::ledger::Reader::in_doubt)).await;
    let doubts = match read {
        Ok(Ok(doubts)) => doubts,
        Ok(Err(error)) => {
            tracing::error!(error = %error, "attempts in doubt can't be read");
            return Err(error);
        }
        Err(error) => std::panic::resume_unwind(Box::new(format!("reading attempts in doubt failed: {error}"))),
    };
    for doubt in doubts.into_iter().filter(|doubt| is_due(doubt.request.attempt)) {
        let target = shared.registrar.target_of(&doubt.request.customer);
        if round.is_free(&target, now) {
            targets.entry(target).or_default().push(doubt);
        }
    }
    Ok(targets)
}

/// Asks one target about all of these.
async fn ask(shared: Arc<Shared>, target: String, doubts: Vec<InDoubt>) -> Asked {
    let at_once = BATCH.min(shared.registrar.capacity().batch);
    let mut again: Option<Duration> = None;
    for batch in whole_calls(&doubts, at_once) {
        let one = match shared.gates.of(&target).closed_for(shared.clock.elapsed()) {
            // It is to be left alone by these questions, too. Who mends it rings.
            Some(closed) => Some(closed.clamp(AT_LEAST, ASK_AGAIN)),
            None => ask_about(&shared, &target, batch).await.then_some(ASK_AGAIN),
        };
        again = again.into_iter().chain(one).min();
    }
    Asked { target, again }
}

/// Batches of attempts in doubt of this size, in which each call has all of its own, as far as that leaves a batch its
/// size.
fn whole_calls(doubts: &[InDoubt], at_once: usize) -> Vec<&[InDoubt]> {
    let mut batches = Vec::new();
    let mut begin = 0;
    let mut end = 0;
    for call in doubts.chunk_by(|one, next| one.call == next.call) {
        if end > begin && end - begin + call.len() > at_once {
            batches.extend(doubts.get(begin..end));
            begin = end;
        }
        end += call.len();
    }
    batches.extend(doubts.get(begin..end).filter(|last| !last.is_empty()));
    batches
}

/// Asks about attempts in doubt at one target. Returns whether some must be asked about again.
async fn ask_about(shared: &Arc<Shared>, target: &str, doubts: &[InDoubt]) -> bool {
    let questions: Vec<Question> = doubts.iter().map(InDoubt::question).collect();
    let asked = tokio::time::timeout(shared.registrar.patience(), shared.registrar.inquire(&questions)).await;
    let knowledge = match asked {
        Ok(Ok(knowledge)) => knowledge,
        Err(_) => {
            tracing::warn!("the registrar gave no answer about attempts in doubt; it is asked again");
            return true;
        }
        Ok(Err(trouble)) => {
            tracing::warn!(error = %trouble, "the registrar can't be asked about attempts in doubt now");
            // What it says of itself holds for all that goes there.
            if !matches!(trouble, Trouble::Unavailable(_)) {
                gate::heard(shared, target, Some(&trouble), None);
            }
            return true;
        }
    };
    let harmless = shared.registrar.capacity().idempotent;
    let tries: Vec<Try> = doubts.iter().map(Try::in_doubt).collect();
    let mut after = After::default();
    let mut finished = Vec::new();
    let mut left = false;
    let now = shared.clock.elapsed();
    send_again_as_they_were(shared, doubts, &knowledge);
    for ((one, doubt), known) in tries.iter().zip(doubts).zip(knowledge) {
        if !matches!(known, Knowledge::UnderWay { .. }) {
            shared.followed.leave(one.attempt);
        }
        match known {
            Knowledge::UnderWay { .. } if answers::takes_too_long(shared, doubt.started_at) => {
                shared.followed.leave(one.attempt);
                finished.push(unheard_of(shared, one, doubt));
            }
            Knowledge::UnderWay { ask_after } => {
                shared.followed.follow(one.attempt, now.saturating_add(ask_after));
            }
            Knowledge::Answered(answer) => match told(shared, one, doubt, answer, &mut after) {
                Ok(Some(end)) => finished.push(end),
                Ok(None) => left = true,
                Err(error) => {
                    answers::not_understood(one, &error);
                    left = true;
                }
            },
            Knowledge::Unknown => finished.push(interrupted(shared, one)),
            Knowledge::CannotTell if harmless => finished.push(interrupted(shared, one)),
            Knowledge::CannotTell => {}
        }
    }
    let ends: Vec<_> = finished.iter().map(|end| (end.attempt, end.outcome)).collect();
    if let Err(error) = answers::record(shared, finished, &tries, GiveUp::Allowed).await {
        tracing::error!(error = %error, "what became of attempts in doubt could not be recorded");
        return true;
    }
    recovery::ended(shared, &ends);
    shared.bells.dispatcher.notify_one();
    left
}

/// Has the rows of calls of which the registrar knows nothing sent again with the IDs that they had.
fn send_again_as_they_were(shared: &Shared, doubts: &[InDoubt], knowledge: &[Knowledge]) {
    let known: Vec<(&InDoubt, &Knowledge)> = doubts.iter().zip(knowledge).collect();
    for call in known.chunk_by(|(one, _), (next, _)| one.call == next.call) {
        let Some((first, _)) = call.first() else { continue };
        let Some(request_id) = &first.ids.request_id else { continue };
        if call.iter().all(|(doubt, known)| **known == Knowledge::Unknown && doubt.tracking_id.is_none()) {
            let rows: BTreeSet<RegistrationId> = call.iter().map(|(doubt, _)| doubt.request.registration).collect();
            shared.cut_off.cut_off(first.call, request_id, rows);
        }
    }
}

/// The end of an attempt that the registrar took and hasn't been done with for so long that nobody waits any more.
fn unheard_of(shared: &Shared, one: &Try, doubt: &InDoubt) -> Finished {
    Finished {
        error: Some(ErrorCode::UnexpectedError),
        detail: Some("The registration service took the request and never said what became of it.".to_owned()),
        request_id: doubt.ids.request_id.clone(),
        tracking_id: doubt.tracking_id.clone(),
        ..answers::blank(shared, one, Outcome::Failed)
    }
}

/// The end of an attempt in doubt, by what the registrar knows of it.
fn told(
    shared: &Shared,
    one: &Try,
    doubt: &InDoubt,
    answer: Answer,
    after: &mut After,
) -> Result<Option<Finished>, AskError> {
    // What the registrar followed has its answer, as if it had been given at once.
    if answer.verdict != Verdict::AlreadyRegistered || doubt.tracking_id.is_some() {
        let end = answers::finished(shared, one, answer, after)?;
        return Ok(end.map(|end| Finished { tracking_id: doubt.tracking_id.clone(), ..end }));
    }
    // The question was about our own request: "already" means that it had its effect.
    let end = answers::already(shared, one, true)?;
    Ok(Some(Finished { request_id: answer.request_id, answer: answer.received, ..end }))
}

fn interrupted(shared: &Shared, one: &Try) -> Finished {
    Finished {
        detail: Some("The request was cut off before its answer was on record.".to_owned()),
        due: Some(shared.steady()),
        ..answers::blank(shared, one, Outcome::Interrupted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_asked_or_gave_no_answer_is_left_alone_for_its_time() {
        let seconds = Duration::from_secs;
        let mut round = Round { busy: BTreeSet::from(["one".to_owned()]), ..Round::default() };
        assert!(!round.is_free("one", seconds(9)) && round.is_free("other", seconds(9)));
        round.had(Asked { target: "one".to_owned(), again: Some(ASK_AGAIN) }, seconds(9));
        assert!(!round.is_free("one", seconds(13)) && round.is_free("one", seconds(14)));
    }

    #[test]
    fn the_next_look_is_when_there_is_somebody_to_ask() {
        let seconds = Duration::from_secs;
        assert_eq!(next_look(None, None, seconds(9)), None);
        assert_eq!(next_look(Some(seconds(14)), None, seconds(9)), Some(seconds(5)));
        assert_eq!(next_look(None, Some(seconds(12)), seconds(9)), Some(seconds(3)));
        assert_eq!(next_look(Some(seconds(14)), Some(seconds(12)), seconds(9)), Some(seconds(3)));
        assert_eq!(next_look(Some(seconds(9)), None, seconds(9)), Some(AT_LEAST));
    }
}
