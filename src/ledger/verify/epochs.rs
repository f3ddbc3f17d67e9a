//! The lives of the ledger: whether each begins where the one before ended, and what restores left behind.

use devicedrop_core::checkpoint::Checkpoint;
use devicedrop_core::time::Timestamp;

use super::super::error::ReadError;
use super::super::reader::{all, count, time};
use super::super::rows::Head;
use super::Verifier;
use super::finding::{Finding, Lost};

/// An unbroken life of the ledger, as its first entry tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, from 1.
    pub number: u64,
    /// When it began.
    pub at: Timestamp,
    /// The entry that opened it.
    pub entry: i64,
    /// Who opened it.
    pub actor: String,
    /// Why, where it isn't the first.
    pub reason: Option<String>,
    /// How many blocks it took over from the one before.
    pub blocks_before: u64,
}

/// Reads the epochs and compares each with the one before it.
pub(super) fn check(verifier: &mut Verifier) -> Result<Vec<Epoch>, ReadError> {
    let rows = all(
        &verifier.db,
        "SELECT e.number, e.at, e.id, e.actor, e.reason, coalesce(b.number, 1) - 1, e.ledger_uuid,
           e.prior_hash IS p.hash AND b.first_entry IS e.id
         FROM epoch e
         LEFT JOIN block b ON b.number = (SELECT max(number) FROM block WHERE first_entry <= e.id)
         LEFT JOIN block p ON p.number = b.number - 1
         ORDER BY e.id",
        [],
        |row| {
            let epoch = Epoch {
                number: count(row, 0)?,
                at: time(row, 1)?,
                entry: row.get(2)?,
                actor: row.get(3)?,
                reason: row.get(4)?,
                blocks_before: count(row, 5)?,
            };
            Ok((epoch, row.get::<_, Vec<u8>>(6)?, row.get::<_, bool>(7)?))
        },
    )?;
    let ledger = rows.first().map(|(_, ledger, _)| ledger.clone());
    for (expected, (epoch, uuid, follows)) in (1..).zip(&rows) {
        if epoch.number != expected || Some(uuid) != ledger.as_ref() || !follows {
            verifier.tell(Finding::Epoch(epoch.number));
        }
    }
    Ok(rows.into_iter().map(|(epoch, ..)| epoch).collect())
}

/// Tells the checkpoints that saw what a restore left behind from those that the record must agree with. What wasn't
/// accepted is found; the rest is returned, with the checkpoints to be compared.
pub(super) fn lost(
    verifier: &mut Verifier,
    head: Option<&Head>,
    epochs: &[Epoch],
    checkpoints: &[Checkpoint],
) -> (Vec<Lost>, Vec<Checkpoint>) {
    let (mut accepted, mut binding) = (Vec::new(), Vec::new());
    for checkpoint in checkpoints {
        let ours = head.is_some_and(|head| head.ledger == checkpoint.ledger);
        let next = epochs.iter().find(|epoch| epoch.number > checkpoint.epoch);
        let Some(next) = next.filter(|next| ours && next.blocks_before < checkpoint.blocks) else {
            binding.push(*checkpoint);
            continue;
        };
        let lost = Lost {
            checkpoint: *checkpoint,
            epoch: next.number,
            at: next.at,
            actor: next.actor.clone(),
            blocks: next.blocks_before,
            entries: u64::try_from(next.entry).unwrap_or(1).saturating_sub(1),
        };
        if next.number <= verifier.accepted {
            accepted.push(lost);
        } else {
            verifier.tell(Finding::Lost(lost));
        }
    }
    (accepted, binding)
}
