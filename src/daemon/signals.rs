//! Signals from outside, and word to the service manager.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::actor::Actor;

use super::lanes::pause;
use super::reload;
use super::shared::Shared;

/// The signals that the daemon serves. From the moment of their making on, none of them ends the process by itself.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// Takes the signals over. None if the system doesn't let us.
pub(super) fn take() -> Option<Signals> {
    let terminate = signal(SignalKind::terminate()).ok()?;
    let interrupt = signal(SignalKind::interrupt()).ok()?;
    let hang_up = signal(SignalKind::hangup()).ok()?;
    Some(Signals { terminate, interrupt, hang_up })
}

/// Has a write over the limit on the size of files (RLIMIT_FSIZE) fail as any other does. Without this the signal ends
/// the process on the spot.
pub(super) fn outlive_file_size_limit() {
    let kind = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    // Once there is a handler, it stays; nobody needs to listen.
    if let Err(error) = signal(kind) {
        tracing::debug!(error = %error, "a limit on the size of files would end the process");
    }
}

/// Serves signals: SIGTERM and SIGINT stop the daemon, a second one of them at once, which is safe: what is under way is
/// in doubt, on record, and asked about at the next start. SIGHUP reads the configuration anew.
pub(super) async fn run(shared: Arc<Shared>, signals: Option<Signals>) {
    let Some(Signals { mut terminate, mut interrupt, mut hang_up }) = signals else {
        tracing::error!("signals can't be received; stop devicedrop by killing it, which is safe");
        return shared.stop.cancelled().await;
    };
    let beat = watchdog_beat();
    loop {
        tokio::select! {
            _ = terminate.recv() => stop(&shared, "SIGTERM"),
            _ = interrupt.recv() => stop(&shared, "SIGINT"),
            _ = hang_up.recv(), if !shared.stop.is_cancelled() => reload_now(&shared).await,
            () = pause(beat.unwrap_or(std::time::Duration::MAX)), if beat.is_some() => {
                if shared.writer.failure().is_none() {
                    tell(&[sd_notify::NotifyState::Watchdog]);
                }
            }
        }
    }
}

fn stop(shared: &Shared, signal: &str) {
    if shared.stop.is_cancelled() {
        tracing::warn!(signal, "stopping at once");
        return shared.hurry.cancel();
    }
    tracing::info!(signal, "stopping");
    shared.stop.cancel();
}

async fn reload_now(shared: &Arc<Shared>) {
    if let Ok(began) = sd_notify::NotifyState::monotonic_usec_now() {
        tell(&[sd_notify::NotifyState::Reloading, began]);
    }
    let (reloading, actor) = (Arc::clone(shared), Actor::program());
    let done = crate::blocking::run(move || reload::reload(&reloading, &actor, true)).await;
    if let Err(error) = done {
        std::panic::resume_unwind(Box::new(format!("reloading failed: {error}")));
    }
    notify_ready();
}

/// Half of the time after which the service manager takes us for dead, if it watches.
fn watchdog_beat() -> Option<std::time::Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

/// Tells the service manager, if there is one, that the daemon works.
pub(super) fn notify_ready() {
    tell(&[sd_notify::NotifyState::Ready]);
}

/// Tells the service manager, if there is one, that a start takes longer than it was given: so long, and some more.
pub(super) fn notify_waiting(time: std::time::Duration) {
    let more = time.saturating_mul(10);
    let more = u32::try_from(more.as_micros()).unwrap_or(u32::MAX);
    tell(&[
        sd_notify::NotifyState::ExtendTimeoutUsec(more),
        sd_notify::NotifyState::Status("waiting for room on a full disk"),
    ]);
}

/// Tells the service manager, if there is one, that the daemon is about to end.
pub(super) fn notify_stopping() {
    tell(&[sd_notify::NotifyState::Stopping]);
}

fn tell(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(error = %error, "the service manager can't be told");
    }
}
