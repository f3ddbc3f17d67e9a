//! The lifecycle task: asks the registrar for uses of devices and has them put on record.

use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::ids::{CustomerKey, RegistrationId};
use devicedrop_core::registrar::Activity;
use devicedrop_core::time::Timestamp;

use crate::actor::Actor;
use crate::control::protocol::Answer;
use crate::ledger::LedgerError;
use crate::lifecycle::{BATCH, Devices, record_silence, record_uses};

use super::commands::{No, acted};
use super::lanes::pause;
use super::shared::{AskError, Shared};

/// The note that holds how far the registrar's uses were taken.
const CURSOR: &str = "activity_cursor";

/// When the wall clock and the monotonic one part by more than this, nothing that time brings about is believed.
const CLOCKS_APART: Duration = Duration::from_mins(5);

/// A start so long after the last entry may be one with a wrong clock: a battery that is empty, a virtual machine that
/// was restored.
const LONG_AWAY: Duration = Duration::from_hours(30 * 24);

/// A step of the lifecycle failed.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the registrar can't be asked for uses of devices")]
    Registrar(#[source] devicedrop_core::registrar::Trouble),
}

/// The ledger's devices, and the customers whose devices may have been used without anybody's having heard of it.
struct LedgerDevices<'a>(&'a Shared, Vec<CustomerKey>);

impl Devices for LedgerDevices<'_> {
    type Error = StepError;

    fn registration(&self, activity: &Activity) -> Result<Option<RegistrationId>, StepError> {
        let holder = self.0.readers.ask(|reader| reader.holder_of(&activity.customer, &activity.device))?;
        Ok(holder.map(|holder| holder.registration))
    }

    fn seen(&self, devices: Vec<(RegistrationId, Timestamp)>) -> Result<(), StepError> {
        Ok(self.0.writer.seen(devices, self.0.clock.now()).wait()?)
    }

    fn unseen_since(&self, before: Timestamp, limit: usize) -> Result<Vec<RegistrationId>, StepError> {
        let silent = self.0.readers.ask(|reader| reader.unseen_since(before, limit, &self.1))?;
        Ok(silent.into_iter().map(|device| device.registration).collect())
    }

    fn unseen(&self, devices: Vec<RegistrationId>) -> Result<(), StepError> {
        Ok(self.0.writer.unseen(devices, self.0.clock.now()).wait()?)
    }
}

/// Runs until the daemon stops.
pub(super) async fn run(shared: Arc<Shared>) {
    while !shared.stop.is_cancelled() {
        if let Err(error) = step(&shared).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(error = %error, cause, "devices' uses could not be taken");
        }
        tokio::select! {
            () = shared.bells.lifecycle.notified() => {}
            () = pause(shared.config().lifecycle.poll) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

async fn step(shared: &Arc<Shared>) -> Result<(), StepError> {
    let mut cursor = cursor(shared).await?;
    let target = shared.registrar.target().to_owned();
    loop {
        let (uses, next) = shared.registrar.activity(cursor, BATCH).await.map_err(StepError::Registrar)?;
        let more = uses.len() >= BATCH;
        let taken = uses.len();
        let step_shared = Arc::clone(shared);
        let known = blocking(move || record_uses(&LedgerDevices(&step_shared, Vec::new()), &uses)).await?;
        if next != cursor {
            shared.writer.note(None, CURSOR.to_owned(), target.clone(), Some(next.to_string())).await?;
            cursor = next;
        }
        if taken > 0 {
            tracing::info!(uses = taken, known, "devices were used");
        }
        if !more {
            break;
        }
    }
    if let Some(why) = clock_doubt(shared) {
        let news = shared.board.lock().clock_held.replace(why.clone()).is_none();
        if news {
            tracing::error!(why = %why, "nothing that time brings about is recorded");
        }
        return Ok(());
    }
    shared.board.lock().clock_held = None;
    let step_shared = Arc::clone(shared);
    let inactive_after = shared.config().lifecycle.inactive_after;
    // Who wasn't asked wasn't silent.
    let unheard = shared.registrar.unheard().into_iter().map(|(customer, _)| customer).collect();
    let silent = blocking(move || {
        record_silence(&LedgerDevices(&step_shared, unheard), step_shared.clock.now(), inactive_after)
    })
    .await?;
    if silent > 0 {
        tracing::info!(devices = silent, "devices became inactive");
    }
    Ok(())
}

async fn cursor(shared: &Arc<Shared>) -> Result<u64, StepError> {
    let asked = Arc::clone(shared);
    let note =
        blocking(move || Ok(asked.readers.ask(|reader| reader.note(None, CURSOR, asked.registrar.target()))?))
            .await?;
    Ok(note.and_then(|text| text.parse().ok()).unwrap_or(0))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    match crate::blocking::run(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(Box::new(format!("a step of the lifecycle failed: {error}"))),
    }
}

/// A person says, on record, that the wall clock is right. What it shows from here on is believed as long as it goes on
/// as the monotonic one does.
pub(super) fn accept_clock(shared: &Shared, actor: &Actor, reason: Option<String>) -> Result<Answer, No> {
    let (now, elapsed) = (shared.clock.now(), shared.clock.elapsed());
    let doubt = clock_doubt(shared);
    acted(shared, actor, "accept_clock", Some(now.to_string()), reason)?;
    shared.accept_clock((now, elapsed));
    shared.board.lock().clock_held = None;
    shared.bells.lifecycle.notify_one();
    Ok(Answer::ClockAccepted { now, doubt })
}

/// Why the wall clock isn't believed; then nothing is brought about by time.
pub(super) fn clock_doubt(shared: &Shared) -> Option<String> {
    if let Some(accepted) = shared.accepted_clock() {
        return clocks_apart(shared, accepted);
    }
    started_at_odds(shared).or_else(|| clocks_apart(shared, shared.began))
}

/// Why the wall clock isn't believed since the start: it lay before what is on record, or long after it.
fn started_at_odds(shared: &Shared) -> Option<String> {
    let start = shared.pauses.get()?.first()?;
    // Nothing is on record before the first start.
    if start.from.unix_ms() == 0 {
        return None;
    }
    let remedy =
        "if the system's clock is right, devicedrop doctor --accept-clock; else set it, and restart devicedrop";
    if start.from.since(start.to) > CLOCKS_APART {
        return Some(format!(
            "it started at {}, and the last entry on record is of {}: {remedy}",
            start.to, start.from
        ));
    }
    let away = start.to.since(start.from);
    (away > LONG_AWAY).then(|| {
        let days = away.as_secs() / (24 * 60 * 60);
        format!("it started at {}, {days} days after the last entry on record: {remedy}", start.to)
    })
}

/// Why the wall clock isn't believed: it and the monotonic clock went differently far since the start.
fn clocks_apart(shared: &Shared, origin: (Timestamp, Duration)) -> Option<String> {
    let wall = shared.clock.now().unix_ms().saturating_sub(origin.0.unix_ms());
    let steady = i64::try_from(shared.clock.elapsed().saturating_sub(origin.1).as_millis()).unwrap_or(i64::MAX);
    let apart = Duration::from_millis(wall.abs_diff(steady));
    (apart > CLOCKS_APART).then(|| {
        format!(
            "the system's clock was set by {} minutes while devicedrop ran; when it is right, devicedrop doctor \
             --accept-clock",
            apart.as_secs() / 60
        )
    })
}
