//! The writer without a thread of its own, for simulations: its transactions run where somebody waits for an answer, or
//! when its turn comes.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::error::{LedgerError, WriteFailure};
use super::thread::{Thread, refuse_all};
use super::writer::Command;
use crate::blocking;

/// What the thread would own.
struct Running {
    thread: Thread,
    queue: Receiver<Command>,
    failed: watch::Sender<Option<WriteFailure>>,
}

/// Stands in for the writer's thread. Dropped, it leaves the ledger as a killed process does.
pub(super) struct Inline {
    running: Mutex<Option<Running>>,
    /// Whether its turn is about to come.
    is_due: AtomicBool,
}

impl Inline {
    pub(super) fn new(thread: Thread, queue: Receiver<Command>, failed: watch::Sender<Option<WriteFailure>>) -> Self {
        Self { running: Mutex::new(Some(Running { thread, queue, failed })), is_due: AtomicBool::new(false) }
    }

    /// Carries out all that is queued.
    pub(super) fn turn(&self) {
        self.is_due.store(false, Ordering::SeqCst);
        let mut place = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Running { mut thread, queue, failed }) = place.take() else { return };
        if thread.turn(&queue, &failed) {
            *place = Some(Running { thread, queue, failed });
        } else {
            refuse_all(queue);
        }
    }

    /// Queues a command, or tells whoever waits that the writer has ended.
    pub(super) fn send(self: &Arc<Self>, queue: &SyncSender<Command>, command: Command) {
        self.soon();
        let refused = match queue.try_send(command) {
            Err(TrySendError::Full(command)) => {
                self.turn();
                queue.try_send(command)
            }
            sent => sent,
        };
        if let Err(TrySendError::Disconnected(command) | TrySendError::Full(command)) = refused {
            command.refuse(LedgerError::Stopped);
        }
    }

    /// Has what is queued from now on carried out when its turn comes; nobody needs to wait for an answer.
    #[expect(clippy::disallowed_methods, reason = "a simulation ends with its runtime, and so does this")]
    fn soon(self: &Arc<Self>) {
        let Some(simulated) = blocking::simulated() else { return };
        if self.is_due.swap(true, Ordering::SeqCst) {
            return;
        }
        let inline = Arc::clone(self);
        tokio::spawn(async move {
            simulated.turn().await;
            inline.turn();
        });
    }
}

impl fmt::Debug for Inline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inline").finish_non_exhaustive()
    }
}
