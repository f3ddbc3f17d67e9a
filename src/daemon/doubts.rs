//! Attempts in doubt: sent, or perhaps sent, and without an answer on record. The registrar is asked what became of
//! them before anything of the kind is sent again. And attempts that it took and tells of later, which are asked about
//! until it is done with them.
//!
//! Where the registrar can't tell and a repeated request isn't known to be harmless, the attempt stays open, and a
//! person decides (`devicedrop resolve`).

use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::registrar::{Answer, Knowledge, Question, Verdict};
use devicedrop_core::state::Outcome;

use crate::ledger::command::Finished;
use crate::ledger::rows::InDoubt;

use super::answers::{self, GiveUp, Try};
use super::dispatcher::After;
use super::lanes::pause;
use super::recovery;
use super::shared::{AskError, Shared};

/// When the registrar didn't answer the question, it is asked again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// Between two questions about attempts that are followed lies at least this, whatever a registrar says.
const AT_LEAST: Duration = Duration::from_millis(100);

/// So many are asked about at once.
const BATCH: usize = 1_000;

/// Wakes whoever asks about attempts in doubt.
pub(super) fn ask_again(shared: &Shared) {
    shared.bells.doubts.notify_one();
}

/// Runs until the daemon stops: asks at the start, and whenever an answer was lost.
pub(super) async fn run(shared: Arc<Shared>) {
    while !shared.stop.is_cancelled() {
        let left = ask(&shared).await;
        shared.board.lock().doubts_asked = true;
        shared.bells.changed.notify_waiters();
        let wait = next_look(left, shared.followed.next(), shared.clock.elapsed());
        tokio::select! {
            () = shared.bells.doubts.notified() => {}
            () = pause(wait.unwrap_or_default()), if wait.is_some() => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

/// How long until the registrar is asked again, if it is to be: what it didn't answer now isn't asked sooner because it is
/// followed, and was due.
fn next_look(left: bool, followed: Option<Duration>, elapsed: Duration) -> Option<Duration> {
    if left {
        return Some(ASK_AGAIN);
    }
    followed.map(|next| next.saturating_sub(elapsed).max(AT_LEAST))
}

/// Asks about all attempts in doubt. Returns whether some must be asked about again.
async fn ask(shared: &Arc<Shared>) -> bool {
    // Of the attempts without an outcome, those of this process are under way until their call says that they are
    // lost. Taken before the ledger is read: what is lost after that rings the bell.
    let lost = shared.turns.in_doubt();
    shared.followed.keep(&lost);
    if lost.is_empty() {
        return false;
    }
    let asked = Arc::clone(shared);
    let read = crate::blocking::run(move || asked.readers.ask(crate::ledger::Reader::in_doubt)).await;
    let doubts = match read {
        Ok(Ok(doubts)) => doubts,
        Ok(Err(error)) => {
            tracing::error!(error = %error, "attempts in doubt can't be read");
            return true;
        }
        Err(error) => std::panic::resume_unwind(Box::new(format!("reading attempts in doubt failed: {error}"))),
    };
    let now = shared.clock.elapsed();
    let is_due = |attempt| lost.contains(&attempt) && shared.followed.is_due(attempt, now);
    let doubts: Vec<InDoubt> = doubts.into_iter().filter(|doubt| is_due(doubt.request.attempt)).collect();
    let mut left = false;
    for batch in doubts.chunks(BATCH) {
        left |= ask_about(shared, batch).await;
    }
    left
}

async fn ask_about(shared: &Arc<Shared>, doubts: &[InDoubt]) -> bool {
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
            return true;
        }
    };
    let harmless = shared.registrar.capacity().idempotent;
    let tries: Vec<Try> = doubts.iter().map(Try::in_doubt).collect();
    let mut after = After::default();
    let mut finished = Vec::new();
    let mut left = false;
    let now = shared.clock.elapsed();
    for ((one, doubt), known) in tries.iter().zip(doubts).zip(knowledge) {
        if !matches!(known, Knowledge::UnderWay { .. }) {
            shared.followed.leave(one.attempt);
        }
        match known {
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
    fn a_registrar_that_does_not_answer_is_not_asked_more_often_for_what_is_followed() {
        let seconds = Duration::from_secs;
        assert_eq!(next_look(false, None, seconds(9)), None);
        assert_eq!(next_look(true, None, seconds(9)), Some(ASK_AGAIN));
        assert_eq!(next_look(false, Some(seconds(12)), seconds(9)), Some(seconds(3)));
        assert_eq!(next_look(false, Some(seconds(9)), seconds(9)), Some(AT_LEAST));
        assert_eq!(next_look(true, Some(seconds(2)), seconds(9)), Some(ASK_AGAIN), "it was due, and not answered");
    }
}
