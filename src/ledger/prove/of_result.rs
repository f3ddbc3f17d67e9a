//! The proof that a result was written, as a receipt has it: the submission, its newest delivery, and the writing.

use devicedrop_core::device::Sha256;
use devicedrop_core::ids::SubmissionEntry;

use crate::ledger::error::ReadError;
use crate::ledger::reader::{all, count, one};
use crate::ledger::rows::Head;

use super::{Plan, Prover, Runs};

/// What the record has of a result.
#[derive(Debug)]
pub struct OfResult {
    /// Where the submission's file lay at its newest delivery.
    pub file: String,
    /// The runs of entries in which its registrations stand, first and last of each.
    pub registrations: Vec<[u64; 2]>,
    /// What is to be shown.
    pub plan: Plan,
}

impl Prover {
    /// Plans the proof of a result: the newest one of a submission with this path and these bytes. None where there
    /// is no such one.
    pub fn plan_of_result(
        &self,
        submission: SubmissionEntry,
        (file, sha256): (&str, &Sha256),
        runs: &mut Runs,
    ) -> Result<Option<OfResult>, ReadError> {
        let Some(head) = self.reader.head()? else { return Ok(None) };
        let (number, last) = (submission.get(), i64::try_from(head.entries).unwrap_or(i64::MAX));
        let result = one(
            &self.db,
            "SELECT max(id) FROM result WHERE submission = ? AND file = ? AND sha256 = ? AND id <= ?",
            (number, file, sha256.as_bytes(), last),
            |row| row.get::<_, Option<i64>>(0),
        )?;
        let delivery = one(
            &self.db,
            "SELECT id, file FROM delivery WHERE submission = ? AND id <= ? ORDER BY id DESC LIMIT 1",
            [number, last],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)),
        )?;
        let (Some(result), Some((delivery, file))) = (result.flatten(), delivery) else { return Ok(None) };
        let registrations =
            all(&self.db, "SELECT first, last FROM range WHERE submission = ? ORDER BY first", [number], |row| {
                Ok([count(row, 0)?, count(row, 1)?])
            })?;
        let plan = self.plan_remembering(head, vec![number, delivery, result], runs)?;
        Ok(plan.map(|plan| OfResult { file, registrations, plan }))
    }

    /// The end of the record, and the root of the log there.
    pub fn head(&self, runs: &mut Runs) -> Result<Option<(Head, [u8; 32])>, ReadError> {
        let Some(head) = self.reader.head()? else { return Ok(None) };
        let read = |after, to, each: &mut dyn FnMut([u8; 32])| self.reader.block_hashes_between(after, to, each);
        let pruned = runs.prune(&[], head.blocks, &read)?;
        Ok(pruned.map(|(_, root)| (head, root)))
    }

    fn plan_remembering(&self, head: Head, entries: Vec<i64>, runs: &mut Runs) -> Result<Option<Plan>, ReadError> {
        let read = |after, to, each: &mut dyn FnMut([u8; 32])| self.reader.block_hashes_between(after, to, each);
        self.plan_of(head, entries, |places, blocks| runs.prune(places, blocks, &read))
    }
}
