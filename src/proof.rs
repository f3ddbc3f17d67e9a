//! Proofs as they leave the machine: some entries of the record as JSON, and the hashes that tie them to a checkpoint.
//!
//! Whoever has a proof and believes the checkpoint in it, by its signature or because he got it elsewhere, knows that
//! these entries stand in the record, and learns nothing of the others. No ledger is needed to check one. The form is
//! told in `docs/auditing.md`, for those who write a checker of their own. `signing` signs the checkpoints.
//!
//! Not here: which entries are shown, and where they come from (the ledger's), and receipts (`receipt`).

mod hex;
pub mod receipt;
pub mod signing;
#[cfg(test)]
mod tests;

use devicedrop_core::checkpoint::{Checkpoint, CheckpointError, block_leaf};
use devicedrop_core::ids::EntryId;
use devicedrop_core::record::pruned::{self, Piece};
use devicedrop_core::record::{BlockHeader, Kind, Value, content, leaf};
use devicedrop_core::signed_note::Note;
use devicedrop_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub use hex::Hex;

/// What a proof of this form says of itself.
pub const FORM: &str = "devicedrop-proof-v1";

/// Some entries of the record, and what ties them to a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// [`FORM`].
    pub form: String,
    /// The checkpoint as text, a signed note where it is signed.
    pub checkpoint: String,
    /// The log whose root the checkpoint has, block by block: those with entries to show, and the rest as hashes.
    pub log: Vec<LogPiece>,
}

/// Leaves that aren't shown: how many, and the root over them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hidden {
    /// How many.
    pub leaves: u64,
    /// Their root.
    pub root: Hex<32>,
}

/// A piece of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LogPiece {
    /// Blocks that aren't shown.
    Hidden(Hidden),
    /// A block with entries to show.
    Shown {
        /// The block.
        block: Block,
    },
}

/// A block with entries to show: its header, but for the root, which comes of its tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// The epoch it was written in.
    pub epoch: u64,
    /// Its number, from 1.
    pub number: u64,
    /// The number of its first entry.
    pub first: u64,
    /// How many entries it has.
    pub entries: u64,
    /// When it was written, in milliseconds since 1970.
    pub at_ms: i64,
    /// What is told of its secret.
    pub commitment: Hex<32>,
    /// The hash of the block before.
    pub previous: Hex<32>,
    /// Its entries: those to show, and the rest as hashes.
    pub tree: Vec<TreePiece>,
}

/// A piece of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TreePiece {
    /// Entries that aren't shown.
    Hidden(Hidden),
    /// An entry that is shown.
    Shown {
        /// The entry.
        entry: Entry,
    },
}

/// An entry with all that is hashed of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The word of its kind.
    pub kind: String,
    /// Its salt.
    pub salt: Hex<16>,
    /// Its columns, the first of which is its number, in the order of the view `entry_<kind>`.
    pub columns: Vec<Column>,
}

/// A column of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    /// Nothing.
    Null(()),
    /// A number.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes {
        /// As hexadecimal digits.
        hex: String,
    },
}

impl Column {
    /// The value as it is hashed, with the bytes of a [`Column::Bytes`] in `bytes`.
    fn value<'a>(&'a self, bytes: &'a mut Vec<u8>) -> Option<Value<'a>> {
        Some(match self {
            Self::Null(()) => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes { hex } => {
                *bytes = hex::decoded(hex)?;
                Value::Blob(bytes)
            }
        })
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if it is one.
    pub fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The bytes as hexadecimal digits, if it is some.
    pub fn hex(&self) -> Option<&str> {
        if let Self::Bytes { hex } = self { Some(hex) } else { None }
    }
}

impl From<Value<'_>> for Column {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null(()),
            Value::Integer(number) => Self::Integer(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Blob(bytes) => Self::Bytes { hex: hex::encoded(bytes) },
        }
    }
}

/// Why something is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Another form.
    #[error("it isn't of the form {FORM}")]
    Form,
    /// The checkpoint in it is none.
    #[error("the checkpoint in it can't be read: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A block's pieces make no block.
    #[error("block {0} in it doesn't hold together")]
    Block(u64),
    /// An entry can't be one.
    #[error("entry {0} in it can't be one of the record")]
    Entry(u64),
    /// The pieces don't give the root that the checkpoint has.
    #[error("what it shows doesn't lead to the root of its checkpoint: something in it was changed")]
    Root,
}

/// What a proof shows, once it was checked.
#[derive(Debug)]
pub struct Proven<'a> {
    /// The checkpoint that it hangs on.
    pub checkpoint: Checkpoint,
    /// The note that the checkpoint came in, if it came in one: whoever has a key checks it.
    pub note: Option<Note>,
    /// The entries, in the record's order.
    pub entries: Vec<ProvenEntry<'a>>,
}

/// One entry that a proof shows.
#[derive(Debug)]
pub struct ProvenEntry<'a> {
    /// Its number.
    pub id: EntryId,
    /// Its kind.
    pub kind: Kind,
    /// Its columns.
    pub columns: &'a [Column],
    /// The epoch it was written in.
    pub epoch: u64,
}

impl Proof {
    /// Recomputes the root from what is shown and compares it with the checkpoint's. Believing the checkpoint is the
    /// caller's part.
    pub fn check(&self) -> Result<Proven<'_>, ProofError> {
        if self.form != FORM {
            return Err(ProofError::Form);
        }
        let (text, note) = match self.checkpoint.parse::<Note>() {
            Ok(note) => (note.text.clone(), Some(note)),
            Err(_) => (self.checkpoint.clone(), None),
        };
        let checkpoint: Checkpoint = text.parse()?;
        let mut entries = Vec::new();
        let mut pieces = Vec::with_capacity(self.log.len());
        let mut before = 0_u64;
        for piece in &self.log {
            let piece = match piece {
                LogPiece::Hidden(hidden) => hidden.piece(),
                LogPiece::Shown { block } => {
                    if block.number != before.saturating_add(1) {
                        return Err(ProofError::Block(block.number));
                    }
                    let hash = block.check(&checkpoint, &mut entries)?;
                    Piece::Leaf(block_leaf(&hash))
                }
            };
            before = before.saturating_add(piece.leaves());
            pieces.push(piece);
        }
        if pruned::root_of(&pieces, checkpoint.blocks) != Some(checkpoint.root) {
            return Err(ProofError::Root);
        }
        Ok(Proven { checkpoint, note, entries })
    }
}

impl Hidden {
    fn piece(&self) -> Piece {
        Piece::Hidden { leaves: self.leaves, root: self.root.0 }
    }
}

impl Block {
    /// The block's hash; its entries go to `entries`.
    fn check<'a>(
        &'a self,
        checkpoint: &Checkpoint,
        entries: &mut Vec<ProvenEntry<'a>>,
    ) -> Result<[u8; 32], ProofError> {
        let mut pieces = Vec::with_capacity(self.tree.len());
        let mut next = self.first;
        for piece in &self.tree {
            let piece = match piece {
                TreePiece::Hidden(hidden) => hidden.piece(),
                TreePiece::Shown { entry } => {
                    let (kind, hash) = entry.leaf().ok_or(ProofError::Entry(next))?;
                    let id = i64::try_from(next).ok().and_then(EntryId::new).ok_or(ProofError::Entry(next))?;
                    if entry.columns.first().and_then(Column::integer) != Some(id.get()) {
                        return Err(ProofError::Entry(next));
                    }
                    entries.push(ProvenEntry { id, kind, columns: &entry.columns, epoch: self.epoch });
                    Piece::Leaf(hash)
                }
            };
            next = next.saturating_add(piece.leaves());
            pieces.push(piece);
        }
        let wrong = || ProofError::Block(self.number);
        let root = pruned::root_of(&pieces, self.entries).ok_or_else(wrong)?;
        let first = i64::try_from(self.first).ok().and_then(EntryId::new).ok_or_else(wrong)?;
        let header = BlockHeader {
            ledger: checkpoint.ledger,
            epoch: self.epoch,
            number: self.number,
            first,
            entries: self.entries,
            at: Timestamp::from_unix_ms(self.at_ms),
            root,
            commitment: self.commitment.0,
            previous: self.previous.0,
        };
        Ok(header.hash())
    }
}

impl Entry {
    /// Its kind and the hash that stands for it; none where it can't be an entry.
    fn leaf(&self) -> Option<(Kind, [u8; 32])> {
        let kind = *Kind::ALL.iter().find(|kind| kind.word() == self.kind)?;
        let mut bytes = vec![Vec::new(); self.columns.len()];
        let values = self
            .columns
            .iter()
            .zip(&mut bytes)
            .map(|(column, bytes)| column.value(bytes))
            .collect::<Option<Vec<_>>>()?;
        Some((kind, leaf(&self.salt.0, &content(kind, &values))))
    }
}
