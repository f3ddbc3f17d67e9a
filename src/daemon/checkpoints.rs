//! Checkpoints that are made by themselves: every so often, if the record grew, and when the daemon stops in order.
//!
//! Each goes to a file beside the ledger and to the log. The files prove little by themselves, for they lie where the
//! record lies; copied elsewhere, or as lines of a log that is forwarded, they are witnesses.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use devicedrop_core::checkpoint::Checkpoint;
use rustix::fs::{Mode, OFlags};

use crate::durable::{self, DurableError};
use crate::ledger::prove::Prover;
use crate::proof::signing;

use super::lanes::pause;
use super::shared::{AskError, Shared};
use super::start::{StartError, private_folder};

/// How often a changed setting is noticed.
const LOOK: Duration = Duration::from_mins(1);

/// A checkpoint couldn't be made.
#[derive(Debug, thiserror::Error)]
enum CheckpointError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Folder(#[from] StartError),
    #[error("the file can't be written")]
    File(#[from] DurableError),
}

/// Runs until the daemon stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let folder = shared.config().checkpoints();
    if let Ok(folder) = rustix::fs::open(&folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    {
        // What a crash left half written; what can't be removed does no harm.
        durable::remove_orphans(folder.as_fd()).unwrap_or_default();
    }
    let mut made = shared.clock.elapsed();
    while !shared.stop.is_cancelled() {
        let left =
            shared.config().ledger.checkpoint_every.saturating_sub(shared.clock.elapsed().saturating_sub(made));
        if left.is_zero() {
            made = shared.clock.elapsed();
            make(&shared).await;
        }
        tokio::select! {
            () = pause(left.clamp(Duration::from_millis(100), LOOK)) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

/// Makes one, unless the newest has seen all there is.
pub(super) async fn make(shared: &Arc<Shared>) {
    let asked = Arc::clone(shared);
    match crate::blocking::run(move || write(&asked)).await {
        Ok(Ok(None)) => shared.meters.checkpointed(shared.clock.now()),
        Ok(Ok(Some((file, checkpoint)))) => {
            shared.meters.checkpointed(shared.clock.now());
            let text = checkpoint.to_string();
            let mut lines = text.lines();
            let (ledger, root) = (lines.next(), lines.nth(1));
            tracing::info!(
                ledger, blocks = checkpoint.blocks, root, epoch = checkpoint.epoch, entries = checkpoint.entries,
                path = %file.display(), "checkpoint"
            );
        }
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(error = %error, cause, "a checkpoint could not be made");
        }
        Err(error) => std::panic::resume_unwind(Box::new(format!("making a checkpoint failed: {error}"))),
    }
}

fn write(shared: &Shared) -> Result<Option<(PathBuf, Checkpoint)>, CheckpointError> {
    let Some((head, root)) = shared.proofs.ask(&shared.readers, Prover::head)? else {
        return Ok(None);
    };
    if shared.proofs.newest_checkpoint() == head.blocks {
        return Ok(None);
    }
    let now = shared.clock.now();
    let checkpoint = head.checkpoint(root, now);
    let folder = shared.config().checkpoints();
    private_folder(&folder)?;
    // Colons aren't for every system to which such a file may be copied.
    let time = now.to_string().replace([':', '-'], "");
    let file = folder.join(format!("{time}-{}.checkpoint", head.blocks));
    let text = signing::noted(&checkpoint, shared.proofs.signer());
    durable::write_new(&file, 0o640, text.as_bytes())?;
    shared.proofs.checkpoint_made(head.blocks);
    Ok(Some((file, checkpoint)))
}
