//! The whole ledger recomputed: every block from its entries, the present state from the record, the schema from the
//! program.
//!
//! A [`Verifier`] reads over a connection of its own, in bounded pieces, while the daemon goes on: what is on record
//! at its beginning is checked, and what is added meanwhile isn't. Memory doesn't grow with the ledger.
//!
//! Not here: archived files (whoever has the archive compares them with [`Verifier::originals`]), signatures, and
//! words for people beyond a finding's own sentence.

mod checkpoints;
mod epochs;
mod finding;
mod indexes;
mod present;
mod reread;
mod schema;
mod submissions;
mod work;

use std::path::Path;

use devicedrop_core::checkpoint::{Checkpoint, block_leaf};
use devicedrop_core::device::Sha256;
use devicedrop_core::ids::SubmissionId;
use devicedrop_core::record::Tree;
use rusqlite::Connection;

use super::check;
use super::error::{OpenError, ReadError};
use super::open;
use super::reader::{KeyEntry, Reader};
use super::rows::Head;

use checkpoints::{Kept, Seen};

pub use epochs::Epoch;
pub use finding::{Finding, Lost};
pub use reread::{Accepted, Recorded};

/// Findings told in full; more are counted.
const TOLD: usize = 100;

/// Registrations, or submissions, read in one go: a short transaction, so that the daemon's WAL can be taken back.
const PIECE: i64 = 20_000;

/// What part of the work is under way, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which part.
    pub part: Part,
    /// How much of it is done.
    pub done: u64,
    /// How much of it there is.
    pub of: u64,
}

/// The parts of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Blocks recomputed from their entries; counted in entries.
    Entries,
    /// Present states; counted in registrations.
    States,
    /// Submissions' counts and places; counted in submissions.
    Submissions,
    /// Indexes, compared with their tables; counted in tables.
    Indexes,
}

/// What verification came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The end of the record as it was checked; none in a ledger without a block.
    pub head: Option<Head>,
    /// The root of the tree over all blocks.
    pub root: [u8; 32],
    /// Its lives.
    pub epochs: Vec<Epoch>,
    /// What checkpoints saw of epochs that restores left behind, where those were accepted.
    pub lost: Vec<Lost>,
    /// How many registrations were compared.
    pub registrations: u64,
    /// What isn't as it was, first the first; at most a hundred.
    pub found: Vec<Finding>,
    /// How much more was found than `found` holds.
    pub more: u64,
}

impl Verification {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.found.is_empty()
    }
}

/// An original that the record names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Of which submission.
    pub submission: SubmissionId,
    /// Its bytes' hash.
    pub sha256: Sha256,
    /// Whether the record says that its copy was given up.
    pub removed: bool,
}

/// Recomputes a ledger.
#[derive(Debug)]
pub struct Verifier {
    db: Connection,
    reader: Reader,
    /// Restores up to this epoch are known to whoever asks.
    accepted: u64,
    found: Vec<Finding>,
    more: u64,
}

/// Stops early, when it answers false.
pub type Watch<'a> = &'a mut dyn FnMut(Progress) -> bool;

impl Verifier {
    /// Opens the ledger at `path` for reading alone.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        open::check_place(path)?;
        Ok(Self::over(open::reader(path)?, Reader::open(path)?))
    }

    /// Opens a copy of a ledger that nobody writes to, as it lies in a backup.
    pub fn open_copy(path: &Path) -> Result<Self, OpenError> {
        Ok(Self::over(open::copy_reader(path)?, Reader::open_copy(path)?))
    }

    fn over(db: Connection, reader: Reader) -> Self {
        Self { db, reader, accepted: 0, found: Vec::new(), more: 0 }
    }

    /// Takes the restores up to this epoch for known: what they left behind is told, and is nothing found.
    pub fn accept_epochs(&mut self, until: u64) {
        self.accepted = until;
    }

    /// Recomputes all of it and compares it with itself and with `checkpoints`, each of which the caller believes.
    /// None when `watch` stopped it.
    pub fn verify(
        &mut self,
        checkpoints: &[Checkpoint],
        watch: Watch<'_>,
    ) -> Result<Option<Verification>, ReadError> {
        self.found.clear();
        self.more = 0;
        schema::check(self)?;
        let head = self.reader.head()?;
        let epochs = epochs::check(self)?;
        let (lost, binding) = epochs::lost(self, head.as_ref(), &epochs, checkpoints);
        let sound = self.found.len();
        let Some(root) = self.chain(head.as_ref(), &binding, watch) else { return Ok(None) };
        let mut registrations = 0;
        // Over a record that isn't what it was, every state that hangs on it would be told again.
        if self.found.len() == sound {
            let Some(compared) = present::check(self, watch)? else { return Ok(None) };
            registrations = compared;
            if !submissions::check(self, watch)? {
                return Ok(None);
            }
            work::check(self)?;
            if !indexes::check(self, watch)? {
                return Ok(None);
            }
        }
        let (found, more) = (std::mem::take(&mut self.found), self.more);
        Ok(Some(Verification { head, root, epochs, lost, registrations, found, more }))
    }

    /// The originals that the record names, in its order, from behind `after` on; at most a thousand.
    pub fn originals(&self, after: Option<i64>) -> Result<Vec<(i64, Original)>, ReadError> {
        super::reader::all(
            &self.db,
            "SELECT s.id, s.uuid, s.sha256, r.subject IS NOT NULL FROM submission s
             LEFT JOIN (SELECT DISTINCT subject FROM action WHERE action = 'remove_original') r
               ON r.subject = lower(hex(s.sha256))
             WHERE s.id > ? AND s.sha256 IS NOT NULL ORDER BY s.id LIMIT 1000",
            [after.unwrap_or(0)],
            |row| {
                Ok((
                    row.get(0)?,
                    Original {
                        submission: SubmissionId::from_bytes(row.get(1)?),
                        sha256: Sha256::from_bytes(row.get(2)?),
                        removed: row.get(3)?,
                    },
                ))
            },
        )
    }

    /// The keys that signed checkpoints, one after the other, as the record tells them.
    pub fn signing_keys(&self) -> Result<Vec<KeyEntry>, ReadError> {
        super::reader::keys::entries(&self.db)
    }

    fn tell(&mut self, finding: Finding) {
        if self.found.len() < TOLD {
            self.found.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// Recomputes the chain up to `head`, and the root at each checkpoint's size. Ends at the first block that isn't
    /// what it was: what comes behind can't be told from it.
    fn chain(&mut self, head: Option<&Head>, checkpoints: &[Checkpoint], watch: Watch<'_>) -> Option<[u8; 32]> {
        let (blocks, entries) = head.map_or((0, 0), |head| (head.blocks, head.entries));
        let mut kept = Kept::new(head, checkpoints);
        let mut tree = Tree::new();
        let mut seen = Seen::default();
        self.found_all(kept.compare(&tree, &seen));
        for number in 1..=blocks {
            let block = match check::block_numbered(&self.db, number) {
                Ok(block) => block,
                Err(wrong) => {
                    self.tell(Finding::Record(wrong));
                    return Some(tree.root());
                }
            };
            self.found_all(kept.compare_time(number, block.at));
            seen.add(&block);
            tree.push(block_leaf(&block.hash));
            self.found_all(kept.compare(&tree, &seen));
            if !watch(Progress { part: Part::Entries, done: seen.entries, of: entries }) {
                return None;
            }
        }
        if let Err(wrong) = check::nothing_behind(&self.db) {
            self.tell(Finding::Record(wrong));
        }
        self.found_all(kept.left(blocks));
        Some(tree.root())
    }

    fn found_all(&mut self, found: Vec<Finding>) {
        for finding in found {
            self.tell(finding);
        }
    }
}
