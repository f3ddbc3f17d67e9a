//! The proofs that a running daemon makes of its own record: one reading connection, what it remembers of the log, and
//! the key that signs.
//!
//! Receipts are made of them in `receipts`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use devicedrop_core::signed_note::Signer;

use crate::ledger::ReadError;
use crate::ledger::prove::{Prover, Runs};
use crate::proof::signing::SigningKey;

use super::shared::{AskError, Readers};

/// Makes proofs, one at a time.
pub struct Proofs {
    ledger: PathBuf,
    key: Option<SigningKey>,
    /// Opened when it is first needed.
    open: Mutex<Option<(Prover, Runs)>>,
    /// How many blocks the newest checkpoint of this run saw.
    newest_checkpoint: AtomicU64,
}

impl Proofs {
    /// Proofs of the ledger at this path, signed with this key.
    pub fn new(ledger: PathBuf, key: Option<SigningKey>) -> Self {
        Self { ledger, key, open: Mutex::new(None), newest_checkpoint: AtomicU64::new(0) }
    }

    /// The key that signs, if there is one.
    pub(super) fn signer(&self) -> Option<&Signer> {
        self.key.as_ref().map(|key| &key.signer)
    }

    /// The same, with what its file says of the key before it.
    pub(super) fn key(&self) -> Option<&SigningKey> {
        self.key.as_ref()
    }

    /// How many blocks the newest checkpoint of this run saw; 0 before the first.
    pub(super) fn newest_checkpoint(&self) -> u64 {
        self.newest_checkpoint.load(Ordering::Acquire)
    }

    /// A checkpoint that saw so many blocks was made.
    pub(super) fn checkpoint_made(&self, blocks: u64) {
        self.newest_checkpoint.store(blocks, Ordering::Release);
    }

    /// Asks for a proof. Blocks as long as SQLite takes.
    pub(super) fn ask<T>(
        &self,
        readers: &Readers,
        question: impl FnOnce(&Prover, &mut Runs) -> Result<T, ReadError>,
    ) -> Result<T, AskError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (prover, mut runs) = match open.take() {
            Some(open) => open,
            None => (Prover::open(&self.ledger)?, Runs::default()),
        };
        // After an error nothing is kept: the next one begins anew.
        let answer = question(&prover, &mut runs).inspect_err(|error| {
            if error.is_untrusted() {
                readers.untrusted.cancel();
            }
        })?;
        *open = Some((prover, runs));
        Ok(answer)
    }
}
