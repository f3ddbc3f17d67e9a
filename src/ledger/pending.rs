//! The answer to a command, once it is on the disk.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::error::LedgerError;
use super::inline::Inline;

/// An answer that is still to come. It comes after the commit: what it tells of is durable.
///
/// Dropping it doesn't take the command back.
#[must_use = "the command is carried out either way, but nobody learns whether it was"]
#[derive(Debug)]
pub struct Pending<T> {
    answer: oneshot::Receiver<Result<T, LedgerError>>,
    /// Who has to be driven for it to come, where no thread does that.
    inline: Option<Arc<Inline>>,
}

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

impl<T> Pending<T> {
    /// An answer to come, and where it is to go.
    pub(super) fn new(inline: Option<Arc<Inline>>) -> (Reply<T>, Self) {
        let (reply, answer) = oneshot::channel();
        (reply, Self { answer, inline })
    }

    /// Waits for it. For threads that may block; elsewhere, await it.
    pub fn wait(mut self) -> Result<T, LedgerError> {
        if let Some(inline) = &self.inline {
            inline.turn();
            return self.answer.try_recv().unwrap_or(Err(LedgerError::Stopped));
        }
        self.answer.blocking_recv().unwrap_or(Err(LedgerError::Stopped))
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A reply that was dropped unsent is the writer's end.
        Pin::new(&mut self.answer).poll(context).map(|answer| answer.unwrap_or(Err(LedgerError::Stopped)))
    }
}
