//! Proofs out of the ledger: which entries are whose, and the blocks that they stand in, pruned to them.
//!
//! Reads through a connection of its own, in short transactions: what is on record doesn't change, so that nothing has
//! to be held while a long proof is written.
//!
//! Not here: the form of a proof, and its check (`crate::proof`); keys and files.

mod of_result;
mod runs;

use std::path::Path;

use devicedrop_core::checkpoint::block_leaf;
use devicedrop_core::ids::{CustomerKey, SubmissionId};
use devicedrop_core::record::{Piece, Pruner};
use rusqlite::Connection;

use crate::proof::{Block, Hex, Hidden, LogPiece};

use super::check;
use super::error::{OpenError, ReadError};
use super::open;
use super::reader::{Reader, all, one};
use super::rows::Head;

pub use of_result::OfResult;
pub use runs::Runs;

/// Whose entries are to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// All of one customer's: submissions with all that belongs to them, and refusals.
    Customer(CustomerKey),
    /// Those of one submission.
    Submission(SubmissionId),
}

/// Reads proofs out of a ledger.
#[derive(Debug)]
pub struct Prover {
    db: Connection,
    reader: Reader,
}

/// What is to be proven against which end of the record.
#[derive(Debug)]
pub struct Plan {
    /// The end of the record.
    pub head: Head,
    /// The root of the log there.
    pub root: [u8; 32],
    /// How many entries are shown.
    pub entries: u64,
    /// The log: hashes, and numbers of blocks with the entries to show of each.
    log: Vec<Planned>,
}

#[derive(Debug)]
enum Planned {
    Hidden(Hidden),
    Shown { block: u64, entries: Vec<i64> },
}

impl Prover {
    /// Opens the ledger at `path` for reading alone.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        open::check_place(path)?;
        Ok(Self { db: open::reader(path)?, reader: Reader::open(path)? })
    }

    /// Looks for the entries, and where they stand. None where there is none of them.
    pub fn plan(&self, whose: &Whose) -> Result<Option<Plan>, ReadError> {
        let Some(head) = self.reader.head()? else { return Ok(None) };
        let entries = self.entries(whose)?;
        self.plan_of(head, entries, |places, blocks| {
            let Some(mut pruner) = Pruner::new(places, blocks) else { return Ok(None) };
            self.reader.block_hashes_to(blocks, &mut |hash| pruner.push(block_leaf(&hash)))?;
            Ok(pruner.finish())
        })
    }

    /// Plans the proof of some entries; `prune` makes the log of so many blocks, with those at these places shown.
    fn plan_of(
        &self,
        head: Head,
        mut entries: Vec<i64>,
        prune: impl FnOnce(&[u64], u64) -> Result<Option<(Vec<Piece>, [u8; 32])>, ReadError>,
    ) -> Result<Option<Plan>, ReadError> {
        // What was added since the head was read belongs to a later proof.
        entries.retain(|entry| u64::try_from(*entry).is_ok_and(|entry| entry <= head.entries));
        entries.sort_unstable();
        entries.dedup();
        if entries.is_empty() {
            return Ok(None);
        }
        let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let blocks = self.by_block(&entries)?;
        let places: Vec<u64> = blocks.iter().map(|(number, _)| number.saturating_sub(1)).collect();
        let Some((pieces, root)) = prune(&places, head.blocks)? else { return Ok(None) };
        let mut blocks = blocks.into_iter();
        let log = pieces.into_iter().filter_map(|piece| match piece {
            Piece::Hidden { leaves, root } => Some(Planned::Hidden(Hidden { leaves, root: Hex(root) })),
            Piece::Leaf(_) => blocks.next().map(|(block, entries)| Planned::Shown { block, entries }),
        });
        Ok(Some(Plan { head, root, entries: count, log: log.collect() }))
    }

    /// Passes the pieces of the log, in their order; each block is read when its turn comes.
    pub fn pieces<E: From<ReadError>>(
        &self,
        plan: Plan,
        each: &mut dyn FnMut(LogPiece) -> Result<(), E>,
    ) -> Result<(), E> {
        plan.log.into_iter().try_for_each(|piece| {
            each(match piece {
                Planned::Hidden(hidden) => LogPiece::Hidden(hidden),
                Planned::Shown { block, entries } => LogPiece::Shown { block: self.block(block, &entries)? },
            })
        })
    }

    fn block(&self, number: u64, entries: &[i64]) -> Result<Block, ReadError> {
        check::pruned(&self.db, number, entries).map_err(|wrong| ReadError::Corrupt(wrong.to_string()))
    }

    fn entries(&self, whose: &Whose) -> Result<Vec<i64>, ReadError> {
        let mut entries = Vec::new();
        match whose {
            Whose::Submission(id) => {
                let submission =
                    one(&self.db, "SELECT id FROM submission WHERE shown = ?", [id.to_string()], |row| row.get(0))?;
                if let Some(submission) = submission {
                    self.of_submission(submission, &mut entries)?;
                }
            }
            Whose::Customer(customer) => {
                let of = "(SELECT number FROM customer WHERE text = ?)";
                let submissions: Vec<i64> = all(
                    &self.db,
                    &format!("SELECT id FROM submission WHERE customer = {of}"),
                    [customer.as_str()],
                    |row| row.get(0),
                )?;
                for submission in submissions {
                    self.of_submission(submission, &mut entries)?;
                }
                let refusals = format!("SELECT id FROM refusal WHERE customer = {of}");
                entries.extend(all(&self.db, &refusals, [customer.as_str()], |row| row.get::<_, i64>(0))?);
            }
        }
        Ok(entries)
    }

    /// All entries that belong to a submission: itself, its deliveries and results, its rows, and of these the calls,
    /// attempts, outcomes and changes of state.
    fn of_submission(&self, submission: i64, entries: &mut Vec<i64>) -> Result<(), ReadError> {
        const ROWS: &str = "range x CROSS JOIN registration r ON r.id BETWEEN x.first AND x.last";
        entries.push(submission);
        for sql in [
            "SELECT id FROM delivery WHERE submission = ?".to_owned(),
            "SELECT id FROM result WHERE submission = ?".to_owned(),
            format!("SELECT r.id FROM {ROWS} WHERE x.submission = ?"),
            format!("SELECT a.id FROM {ROWS} CROSS JOIN attempt a ON a.registration = r.id WHERE x.submission = ?"),
            format!(
                "SELECT DISTINCT a.call FROM {ROWS} CROSS JOIN attempt a ON a.registration = r.id
                 WHERE x.submission = ?"
            ),
            format!(
                "SELECT o.id FROM {ROWS} CROSS JOIN attempt a ON a.registration = r.id
                 CROSS JOIN outcome o ON o.attempt = a.id WHERE x.submission = ?"
            ),
            format!(
                "SELECT t.id FROM {ROWS} CROSS JOIN transition t ON t.registration = r.id WHERE x.submission = ?"
            ),
        ] {
            entries.extend(all(&self.db, &sql, [submission], |row| row.get::<_, i64>(0))?);
        }
        Ok(())
    }

    /// The blocks in which these entries stand, each with its part of them.
    fn by_block(&self, entries: &[i64]) -> Result<Vec<(u64, Vec<i64>)>, ReadError> {
        let mut blocks: Vec<(u64, Vec<i64>)> = Vec::new();
        let mut end = 0;
        for entry in entries {
            if *entry < end {
                if let Some((_, entries)) = blocks.last_mut() {
                    entries.push(*entry);
                }
                continue;
            }
            let Some((number, behind)) = self.block_of(*entry)? else { continue };
            end = behind;
            blocks.push((number, vec![*entry]));
        }
        Ok(blocks)
    }

    /// The block in which an entry stands, and the first entry behind it. Blocks have no index by their entries, but
    /// stand in their order.
    fn block_of(&self, entry: i64) -> Result<Option<(u64, i64)>, ReadError> {
        let (mut low, mut high) = (1_i64, self.last_block()?);
        while low <= high {
            let middle = low + (high - low) / 2;
            let block = one(
                &self.db,
                "SELECT first_entry, first_entry + entries FROM block WHERE number = ?",
                [middle],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
            )?;
            let Some((first, behind)) = block else { return Ok(None) };
            if entry < first {
                high = middle - 1;
            } else if entry >= behind {
                low = middle + 1;
            } else {
                return Ok(u64::try_from(middle).ok().map(|number| (number, behind)));
            }
        }
        Ok(None)
    }

    fn last_block(&self) -> Result<i64, ReadError> {
        let last = one(&self.db, "SELECT coalesce(max(number), 0) FROM block", [], |row| row.get(0))?;
        Ok(last.unwrap_or(0))
    }
}
