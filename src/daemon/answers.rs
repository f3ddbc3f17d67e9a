//! What follows from a registrar's answer: the outcome that goes on record, and when a row is tried again.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::device::Device;
use devicedrop_core::ids::{AttemptId, CustomerKey, RegistrationId};
use devicedrop_core::locale::Locale;
use devicedrop_core::message;
use devicedrop_core::registrar::{Answer, Request, Trouble, Verdict};
use devicedrop_core::retry::RetryPolicy;
use devicedrop_core::state::{ErrorCode, Outcome};
use devicedrop_core::time::Timestamp;

use crate::ledger::LedgerError;
use crate::ledger::command::Finished;
use crate::ledger::rows::{Due, InDoubt};
use crate::ledger::views::{Cell, Lookup, Test, View};

use super::dispatcher::After;
use super::lifecycle;
use super::shared::{AskError, Shared};
use super::turns::Key;

/// One attempt under way, with what is needed to say what follows from its answer.
#[derive(Debug, Clone)]
pub(super) struct Try {
    /// The attempt.
    pub(super) attempt: AttemptId,
    /// Its registration.
    pub(super) registration: RegistrationId,
    /// Whose.
    pub(super) customer: CustomerKey,
    /// Its device.
    pub(super) device: Device,
    /// How many tries there were since the row last became pending, this one included.
    pub(super) tries: u32,
    /// When the row last became pending.
    pub(super) since: Timestamp,
}

impl Try {
    /// The try of a row that was due.
    pub(super) fn of(due: &Due, attempt: AttemptId) -> Self {
        Self {
            attempt,
            registration: due.registration,
            customer: due.customer.clone(),
            device: due.device.clone(),
            tries: u32::try_from(due.tries.saturating_add(1)).unwrap_or(u32::MAX),
            since: due.since,
        }
    }

    /// Its device, as rows of it are told from each other.
    pub(super) fn key(&self) -> Key {
        (self.customer.clone(), self.device.clone())
    }

    /// The try that an attempt in doubt was.
    pub(super) fn in_doubt(doubt: &InDoubt) -> Self {
        let Request { attempt, registration, customer, device, .. } = doubt.request.clone();
        let tries = u32::try_from(doubt.tries).unwrap_or(u32::MAX);
        Self { attempt, registration, customer, device, tries, since: doubt.since }
    }
}

/// How deferred rows are tried again.
pub(super) fn policy(shared: &Shared) -> RetryPolicy {
    let config = shared.config();
    let retry = &config.registrar.retry;
    RetryPolicy { first: retry.first, longest: retry.longest, give_up_after: retry.give_up_after }
}

/// A number from 0 to 1, so that what failed together isn't tried again together.
pub(super) fn jitter() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

/// An end of an attempt with nothing but its outcome.
pub(super) fn blank(shared: &Shared, one: &Try, outcome: Outcome) -> Finished {
    Finished {
        attempt: one.attempt,
        registration: one.registration,
        at: shared.clock.now(),
        outcome,
        error: None,
        holder: None,
        detail: None,
        request_id: None,
        tracking_id: None,
        answer: None,
        due: None,
    }
}

/// Says that an answer can't be put on record now, since what it means can't be looked up.
pub(super) fn not_understood(one: &Try, error: &AskError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(
        attempt = one.attempt.get(), error = %error, cause = ?cause,
        "what an answer means can't be looked up in the ledger; the registrar is asked again"
    );
}

/// The end of an attempt that got this answer; none if the answer is none yet.
///
/// Fails if the ledger can't be asked what the answer means: then the attempt stays open, as if nothing was heard.
pub(super) fn finished(
    shared: &Shared,
    one: &Try,
    answer: Answer,
    after: &mut After,
) -> Result<Option<Finished>, AskError> {
    let Answer { verdict, request_id, received } = answer;
    let mut finished = match verdict {
        Verdict::Registered { warning } => Finished {
            detail: warning.map(|mismatch| message::details(&message::Details::HashMismatch(&mismatch), Locale::En)),
            ..blank(shared, one, Outcome::Registered)
        },
        Verdict::AlreadyRegistered => already(shared, one, was_lost(shared, one)?)?,
        Verdict::Refused { error, detail, near } => Finished {
            error: Some(error),
            detail: near.map(|near| message::hint(&near, Locale::En)).or(detail),
            ..blank(shared, one, Outcome::Failed)
        },
        Verdict::Deferred { why, retry_after } => {
            after.leave_alone = after.leave_alone.max(retry_after);
            deferred(shared, one, why, retry_after)
        }
        // Their end is to come.
        Verdict::Accepted { .. } | Verdict::InDoubt { .. } => return Ok(None),
    };
    finished.request_id = request_id;
    finished.answer = received;
    Ok(Some(finished))
}

/// The end of an attempt when the registrar as a whole had trouble and surely nothing was done.
pub(super) fn troubled(shared: &Shared, one: &Try, trouble: &Trouble) -> Finished {
    match trouble {
        Trouble::Throttled { retry_after, .. } => deferred(shared, one, trouble.to_string(), *retry_after),
        Trouble::Unavailable(_) => deferred(shared, one, trouble.to_string(), None),
        // The gate holds it back, which a person may open, and then it is its turn.
        Trouble::Broken(_) => put_off(shared, one, trouble.to_string(), policy(shared).delay(1, jitter())),
    }
}

/// Whether what the registrar took then, and isn't done with, is waited for no longer.
pub(super) fn takes_too_long(shared: &Shared, since: Timestamp) -> bool {
    lifecycle::clock_doubt(shared).is_none() && running(shared, since) >= policy(shared).give_up_after
}

/// The end of an attempt when this customer has the device already. If the answer to an earlier request of this row
/// was `lost`, that request registered it, unless another row is known to hold the device.
pub(super) fn already(shared: &Shared, one: &Try, lost: bool) -> Result<Finished, AskError> {
    Ok(match holder(shared, one)? {
        None if lost => blank(shared, one, Outcome::Registered),
        holder => Finished {
            error: Some(ErrorCode::DeviceAlreadyRegistered),
            holder,
            ..blank(shared, one, Outcome::AlreadyRegistered)
        },
    })
}

fn deferred(shared: &Shared, one: &Try, why: String, retry_after: Option<Duration>) -> Finished {
    let policy = policy(shared);
    let delay = policy.delay(one.tries, jitter()).max(retry_after.unwrap_or_default());
    put_off(shared, one, why, delay)
}

fn put_off(shared: &Shared, one: &Try, why: String, delay: Duration) -> Finished {
    let due = shared.steady().plus(delay);
    Finished {
        error: Some(ErrorCode::UnexpectedError),
        detail: Some(why),
        due: Some(due),
        ..blank(shared, one, Outcome::Deferred)
    }
}

/// Whether an earlier attempt of this row was cut off: then "already registered" is the answer to that one.
fn was_lost(shared: &Shared, one: &Try) -> Result<bool, AskError> {
    if one.tries < 2 {
        return Ok(false);
    }
    let rows = shared.readers.ask(|reader| {
        let view = View::Attempts;
        let row = view.filter("registration_id", Test::Is(Cell::Integer(one.registration.get())))?;
        let lost = view.filter("outcome", Test::Is(Cell::Text(Outcome::Interrupted.code().to_owned())))?;
        reader.lookup(&Lookup { view, filters: vec![row, lost], limit: 1, after: None, newest_first: false })
    })?;
    Ok(!rows.is_empty())
}

/// The registration that holds the device, as far as the ledger knows.
fn holder(shared: &Shared, one: &Try) -> Result<Option<RegistrationId>, AskError> {
    let holder = shared.readers.ask(|reader| reader.holder_of(&one.customer, &one.device))?;
    Ok(holder.map(|holder| holder.registration).filter(|holder| *holder != one.registration))
}

/// Whether rows may be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GiveUp {
    /// Those that ran out of time.
    Allowed,
    /// None: it is us whom the registrar refuses, and a person must mend that.
    Never,
}

/// What follows from the end of an attempt for its row's turn.
enum Turn {
    Ended,
    Again(Option<Timestamp>),
}

/// How long devicedrop ran since then.
fn running(shared: &Shared, since: Timestamp) -> Duration {
    let pauses = shared.pauses.get().map(Vec::as_slice).unwrap_or_default();
    let asleep: Duration = pauses.iter().map(|pause| pause.to.since(pause.from.max(since))).sum();
    shared.clock.now().since(since).saturating_sub(asleep)
}

/// Whether a row ran out of time, which doesn't count while its registrar waited for a person.
fn ran_out(shared: &Shared, one: &Try) -> bool {
    let broken_at = shared.gates.of(&shared.registrar.target_of(&one.customer)).broken_at();
    let since = broken_at.map_or(one.since, |at| at.max(one.since));
    policy(shared).gives_up(one.tries, running(shared, since))
}

/// Puts the ends of attempts on record, gives up what ran out of time, lets those go whose turn comes by that, and
/// rings for the results.
pub(super) async fn record(
    shared: &Arc<Shared>,
    finished: Vec<Finished>,
    tries: &[Try],
    give_up: GiveUp,
) -> Result<(), LedgerError> {
    let mut turns: Vec<(&Try, Turn)> = Vec::with_capacity(finished.len());
    let mut out_of_time: Vec<(RegistrationId, Option<String>)> = Vec::new();
    // A clock that is years off would give up all that was tried often enough.
    let is_clock_believed = lifecycle::clock_doubt(shared).is_none();
    let by_attempt: HashMap<AttemptId, &Try> = tries.iter().map(|one| (one.attempt, one)).collect();
    for one in &finished {
        let Some(attempted) = by_attempt.get(&one.attempt) else { continue };
        let ran_out = one.outcome == Outcome::Deferred
            && give_up == GiveUp::Allowed
            && is_clock_believed
            && self::ran_out(shared, attempted);
        if ran_out {
            out_of_time.push((one.registration, one.detail.clone()));
        }
        let turn = match one.outcome {
            Outcome::Deferred if !ran_out => Turn::Again(one.due),
            Outcome::Interrupted => Turn::Again(None),
            _ => Turn::Ended,
        };
        turns.push((attempted, turn));
    }
    if !finished.is_empty() {
        let outcomes: Vec<Outcome> = finished.iter().map(|one| one.outcome).collect();
        shared.writer.finish_attempts(finished).await?;
        for outcome in outcomes {
            shared.meters.attempt(outcome);
        }
    }
    for (registration, detail) in out_of_time {
        shared.writer.gave_up(registration, shared.clock.now(), detail).await?;
    }
    let next = turns.into_iter().filter_map(|(attempted, turn)| {
        let key = attempted.key();
        match turn {
            Turn::Ended => shared.turns.ended(&key, attempted.registration, attempted.attempt),
            Turn::Again(due) => shared.turns.again(&key, attempted.registration, attempted.attempt, due),
        }
    });
    are_due(shared, next.collect()).await?;
    let customers: BTreeSet<&CustomerKey> = tries.iter().map(|one| &one.customer).collect();
    let now = shared.clock.now();
    for customer in customers {
        shared.board.happened(customer, now);
        shared.bells.of(customer).results.notify_one();
    }
    Ok(())
}

/// Says that rows which were put off are due now: their turn came.
pub(super) async fn are_due(shared: &Shared, rows: Vec<RegistrationId>) -> Result<(), LedgerError> {
    let now = shared.steady();
    let said: Vec<_> = rows.into_iter().map(|row| shared.writer.postpone(vec![(row, now)])).collect();
    for one in said {
        match one.await {
            // It was due by itself in this very moment, and is under way.
            Ok(()) | Err(LedgerError::Refused(_)) => shared.bells.dispatcher.notify_one(),
            Err(stopped) => return Err(stopped),
        }
    }
    Ok(())
}
