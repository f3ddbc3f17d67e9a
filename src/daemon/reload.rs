//! Reading the configuration anew: by a signal, by a command, or because its file changed and then lay still.
//!
//! A bad one is refused, and the one in force stays; so is one that changes what only a restart can change.

use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::device::Sha256;

use crate::actor::Actor;
use crate::config::{self, Config, Source};
use crate::control::protocol::Answer;

use super::commands::{No, acted};
use super::lanes::pause;
use super::originals;
use super::shared::Shared;

/// How often the file is looked at, and how long it must lie still.
const LOOK: Duration = Duration::from_secs(2);

/// The configuration's SHA-256, where it comes from a file.
pub(super) fn sha256_of(config: &Config) -> Option<Sha256> {
    match &config.source {
        Source::Defaults => None,
        Source::File { sha256, .. } => Some(*sha256),
    }
}

/// Reads the configuration anew and puts it in force. Unless `always`, only if its bytes are others.
pub(super) fn reload(shared: &Arc<Shared>, actor: &Actor, always: bool) -> Result<Answer, No> {
    let old = shared.config();
    let new = match shared.lookup.load() {
        Ok(new) => new,
        Err(error) => {
            let no = No::from(error);
            let told = [vec![no.message.clone()], no.because.clone()].concat().join(": ");
            // One line, as a line of the log and of a table is.
            refused(shared, vec![told.lines().map(str::trim).collect::<Vec<_>>().join("; ")]);
            return Err(no);
        }
    };
    let sha256 = sha256_of(&new);
    let same = sha256 == sha256_of(&old);
    if same && !always {
        shared.board.lock().reload_refused.clear();
        return Ok(Answer::Reloaded { changed: false, sha256: sha256.map(|hash| hash.to_string()) });
    }
    let refusals = config::reload_refusals(&old, &new);
    if !refusals.is_empty() {
        refused(shared, refusals.clone());
        return Err(No {
            message: "the new configuration is not in force".to_owned(),
            because: refusals,
            hint: Some("restart devicedrop to put it in force".to_owned()),
        });
    }
    originals::keep_configuration(&new)?;
    shared.set_config(Arc::new(new));
    {
        let mut board = shared.board.lock();
        board.reload_refused.clear();
        board.loaded_at = shared.clock.now();
    }
    acted(shared, actor, "load_configuration", sha256.map(|hash| hash.to_string()), None)?;
    shared.mended();
    tracing::info!(sha256 = sha256.map(|hash| hash.to_string()), "configuration loaded");
    Ok(Answer::Reloaded { changed: !same, sha256: sha256.map(|hash| hash.to_string()) })
}

/// Says that a configuration isn't in force; once for each kind of trouble.
fn refused(shared: &Shared, why: Vec<String>) {
    let news = shared.board.lock().reload_refused != why;
    if news {
        tracing::error!(why = %why.join("; "), "the new configuration is refused; the old one stays in force");
    }
    shared.board.lock().reload_refused = why;
}

/// Watches the configuration's file until the daemon stops.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut seen: Option<Sha256> = None;
    while !shared.stop.is_cancelled() {
        let now = content(&shared).await;
        // Two looks in a row at the same new bytes: they lay still.
        if now.is_some() && now == seen && now != sha256_of(&shared.config()) {
            let (reloading, actor) = (Arc::clone(&shared), Actor::program());
            let done = crate::blocking::run(move || reload(&reloading, &actor, false)).await;
            if let Err(error) = done {
                std::panic::resume_unwind(Box::new(format!("reloading failed: {error}")));
            }
        }
        seen = now;
        tokio::select! {
            () = pause(LOOK) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

async fn content(shared: &Arc<Shared>) -> Option<Sha256> {
    let config = shared.config();
    let Source::File { path, .. } = &config.source else { return None };
    let path = path.clone();
    let read = crate::blocking::run(move || std::fs::read(path)).await;
    read.ok()?.ok().map(|bytes| Sha256::of(&bytes))
}
