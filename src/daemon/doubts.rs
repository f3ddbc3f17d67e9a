//! Attempts in doubt: sent, or perhaps sent, and without an answer on record. The registrar is asked what became of
//! them before anything of the kind is sent again.
//!
//! Where the registrar can't tell and a repeated request isn't known to be harmless, the attempt stays open, and a
//! person decides (`devicedrop resolve`).

use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::registrar::{Answer, Knowledge, Request, Verdict};
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
        tokio::select! {
            () = shared.bells.doubts.notified() => {}
            () = pause(ASK_AGAIN), if left => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

/// Asks about all attempts in doubt. Returns whether some must be asked about again.
async fn ask(shared: &Arc<Shared>) -> bool {
    // Of the attempts without an outcome, those of this process are under way until their call says that they are
    // lost. Taken before the ledger is read: what is lost after that rings the bell.
    let lost = shared.turns.in_doubt();
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
    let doubts: Vec<InDoubt> = doubts.into_iter().filter(|doubt| lost.contains(&doubt.request.attempt)).collect();
    let mut left = false;
    for batch in doubts.chunks(BATCH) {
        left |= ask_about(shared, batch).await;
    }
    left
}

async fn ask_about(shared: &Arc<Shared>, doubts: &[InDoubt]) -> bool {
    let requests: Vec<Request> = doubts.iter().map(|doubt| doubt.request.clone()).collect();
    let asked = tokio::time::timeout(shared.registrar.patience(), shared.registrar.inquire(&requests)).await;
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
    for (one, known) in tries.iter().zip(knowledge) {
        match known {
            Knowledge::Answered(answer) => match answer.verdict {
                Verdict::InDoubt { .. } => left = true,
                _ => match told(shared, one, answer, &mut after) {
                    Ok(end) => finished.push(end),
                    Err(error) => {
                        answers::not_understood(one, &error);
                        left = true;
                    }
                },
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
fn told(shared: &Shared, one: &Try, answer: Answer, after: &mut After) -> Result<Finished, AskError> {
    if answer.verdict != Verdict::AlreadyRegistered {
        return answers::finished(shared, one, answer, after);
    }
    // The question was about our own request: "already" means that it had its effect.
    let end = answers::already(shared, one, true)?;
    Ok(Finished { request_id: answer.request_id, answer: answer.received, ..end })
}

fn interrupted(shared: &Shared, one: &Try) -> Finished {
    Finished {
        detail: Some("The request was cut off before its answer was on record.".to_owned()),
        due: Some(shared.clock.now()),
        ..answers::blank(shared, one, Outcome::Interrupted)
    }
}
