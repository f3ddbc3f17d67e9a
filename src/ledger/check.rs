//! Whether the record is as it was written: blocks recomputed from their entries, and the chain from its headers.
//!
//! What it can't tell: whether the end was cut off, or all of it rewritten. A checkpoint kept elsewhere can.

use devicedrop_core::ids::EntryId;
use devicedrop_core::record::{
    BlockHeader, Kind, Piece, Pruner, Secret, Tree, Value, commitment, leaf, salt, write_content,
};
use devicedrop_core::time::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::proof::{self, Hex, TreePiece};

use super::error::Untrusted;
use super::hasher::mark;
use super::thread::Chain;

/// Entries at the end whose blocks are recomputed at each start: enough to notice a torn or edited end, and quick.
const TAIL: i64 = 1_000;

/// A block as it is stored.
struct Block {
    number: i64,
    first: i64,
    entries: i64,
    at: i64,
    secret: Secret,
    root: [u8; 32],
    hash: [u8; 32],
    marks: Vec<u8>,
}

impl Block {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            first: row.get(1)?,
            entries: row.get(2)?,
            at: row.get(3)?,
            secret: row.get(4)?,
            root: row.get(5)?,
            hash: row.get(6)?,
            marks: row.get(7)?,
        })
    }

    fn name(&self) -> u64 {
        u64::try_from(self.number).unwrap_or(0)
    }

    fn last(&self) -> i64 {
        self.first.saturating_add(self.entries).saturating_sub(1)
    }
}

const BLOCK: &str = "SELECT number, first_entry, entries, at, secret, root, hash, marks FROM block";

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn unreadable(error: rusqlite::Error) -> Untrusted {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            Untrusted::Damaged(error.to_string())
        }
        _ => Untrusted::Unreadable(error.to_string()),
    }
}

fn block(db: &Connection, number: i64) -> Result<Option<Block>, Untrusted> {
    db.prepare_cached(&format!("{BLOCK} WHERE number = ?"))
        .and_then(|mut block| block.query_row([number], Block::read).optional())
        .map_err(unreadable)
}

/// The end of the chain, its last block's hash recomputed, and the blocks of the last entries with it. None while the
/// ledger has no block.
pub(super) fn tail(db: &Connection) -> Result<Option<Chain>, Untrusted> {
    let last: i64 =
        db.query_row("SELECT coalesce(max(number), 0) FROM block", [], |row| row.get(0)).map_err(unreadable)?;
    let Some(head) = block(db, last)? else {
        return nothing_behind(db).map(|()| None);
    };
    nothing_behind(db)?;
    let mut number = last;
    while let Some(block) = block(db, number)? {
        check(db, &block)?;
        if block.first <= head.last().saturating_sub(TAIL) {
            break;
        }
        number -= 1;
    }
    Ok(Some(Chain { blocks: head.name(), last: head.hash }))
}

/// Recomputes one block from its entries and its place in the chain.
pub(super) fn block_numbered(db: &Connection, number: u64) -> Result<Checked, Untrusted> {
    let stored = block(db, i64::try_from(number).unwrap_or(i64::MAX))?.ok_or(Untrusted::Chain(number))?;
    let epoch = check(db, &stored)?;
    let at = Timestamp::from_unix_ms(stored.at);
    Ok(Checked { entries: u64::try_from(stored.entries).unwrap_or(0), hash: stored.hash, epoch, at })
}

/// No entry stands behind the last block.
pub(super) fn nothing_behind(db: &Connection) -> Result<(), Untrusted> {
    // One statement: what the writer adds meanwhile is seen whole or not at all.
    let last = Kind::ALL.iter().map(|kind| format!("SELECT max(id) AS id FROM {}", kind.word())).collect::<Vec<_>>();
    let sql = format!(
        "SELECT (SELECT coalesce(max(first_entry + entries), 1) FROM block), (SELECT coalesce(max(id), 0) FROM ({}))",
        last.join(" UNION ALL ")
    );
    let (end, last): (i64, i64) = db.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(unreadable)?;
    if last >= end { Err(Untrusted::Surplus(end)) } else { Ok(()) }
}

/// A block that is as it was written.
pub(super) struct Checked {
    /// How many entries it has.
    pub(super) entries: u64,
    /// Its hash.
    pub(super) hash: [u8; 32],
    /// The epoch it was written in.
    pub(super) epoch: u64,
    /// When it was written.
    pub(super) at: Timestamp,
}

/// Returns the epoch that it was written in.
fn check(db: &Connection, stored: &Block) -> Result<u64, Untrusted> {
    let number = stored.name();
    let previous = block(db, stored.number - 1)?;
    let follows = match &previous {
        Some(previous) => stored.first == previous.last().saturating_add(1),
        None => stored.number == 1 && stored.first == 1,
    };
    let first = EntryId::new(stored.first).filter(|_| follows).ok_or(Untrusted::Chain(number))?;
    let (ledger, epoch) = epoch_of(db, stored)?;
    let header = BlockHeader {
        ledger,
        epoch,
        number,
        first,
        entries: u64::try_from(stored.entries).unwrap_or(0),
        at: Timestamp::from_unix_ms(stored.at),
        root: stored.root,
        commitment: commitment(&stored.secret),
        previous: previous.map_or([0; 32], |previous| previous.hash),
    };
    if header.hash() != stored.hash {
        return Err(Untrusted::Hash(number));
    }
    let mut leaves = leaves(db, stored).map_err(unreadable)?;
    leaves.sort_unstable_by_key(|leaf| leaf.entry);
    let mut tree = Tree::new();
    for (expected, leaf) in (stored.first..).zip(&leaves) {
        if leaf.entry < expected {
            return Err(Untrusted::Twice { block: number, entry: leaf.entry });
        }
        if leaf.entry > expected {
            return Err(Untrusted::Missing { block: number, entry: expected });
        }
        tree.push(leaf.hash);
    }
    if tree.len() != header.entries {
        let entry = stored.first.saturating_add(i64::try_from(tree.len()).unwrap_or(i64::MAX));
        return Err(Untrusted::Missing { block: number, entry });
    }
    let sound = tree.root() == stored.root;
    let marked = leaves.iter().map(|leaf| mark(&leaf.hash));
    let odd = leaves.iter().zip(marked.zip(stored.marks.chunks(2))).find(|(_, (mark, kept))| mark != kept);
    match (sound, odd) {
        (true, None) if stored.marks.len() == 2 * leaves.len() => Ok(epoch),
        (true, _) => Err(Untrusted::Marks(number)),
        (false, Some((leaf, _))) => Err(Untrusted::Entry { block: number, entry: leaf.entry, kind: leaf.kind }),
        (false, None) => Err(Untrusted::Entries { block: number, first: stored.first, last: stored.last() }),
    }
}

/// One entry of a block, as it stands there now.
struct Leaf {
    entry: i64,
    kind: Kind,
    hash: [u8; 32],
}

/// The ledger's UUID and the epoch that held when the block was written.
fn epoch_of(db: &Connection, block: &Block) -> Result<([u8; 16], u64), Untrusted> {
    db.prepare_cached("SELECT ledger_uuid, number FROM epoch WHERE id <= ? ORDER BY id DESC LIMIT 1")
        .and_then(|mut epoch| {
            epoch.query_row([block.last()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?))).optional()
        })
        .map_err(unreadable)?
        .map(|(ledger, number)| (ledger, u64::try_from(number).unwrap_or(0)))
        .ok_or(Untrusted::Missing { block: block.name(), entry: 1 })
}

/// The leaves of a block, kind by kind.
fn leaves(db: &Connection, block: &Block) -> rusqlite::Result<Vec<Leaf>> {
    let mut leaves = Vec::new();
    entries(db, block, &mut |entry, kind, _, hash| leaves.push(Leaf { entry: entry.get(), kind, hash }))?;
    Ok(leaves)
}

/// Takes an entry: number, kind, columns, leaf.
type EachEntry<'a> = &'a mut dyn FnMut(EntryId, Kind, &[Value<'_>], [u8; 32]);

/// Passes the entries of a block, kind by kind.
fn entries(db: &Connection, block: &Block, each: EachEntry<'_>) -> rusqlite::Result<()> {
    let mut content = Vec::new();
    for kind in Kind::ALL {
        let sql = format!("SELECT * FROM entry_{} WHERE id BETWEEN ? AND ?", kind.word());
        let mut entries = db.prepare_cached(&sql)?;
        let columns = entries.column_count();
        let mut rows = entries.query([block.first, block.last()])?;
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|column| value(row.get_ref(column)?)).collect::<Result<Vec<_>, _>>()?;
            let Some(entry) = EntryId::new(row.get(0)?) else { continue };
            content.clear();
            write_content(&mut content, *kind, &values);
            each(entry, *kind, &values, leaf(&salt(&block.secret, entry), &content));
        }
    }
    Ok(())
}

/// The block with this number, those of its entries whose numbers stand in `shown` as they are, and the rest of them
/// as hashes. As it stands there now; whether that is as it was written, a check of the proof tells.
pub(super) fn pruned(db: &Connection, number: u64, shown: &[i64]) -> Result<proof::Block, Untrusted> {
    let block = block(db, i64::try_from(number).unwrap_or(i64::MAX))?.ok_or(Untrusted::Chain(number))?;
    let previous = self::block(db, block.number - 1)?.map_or([0; 32], |previous| previous.hash);
    let (_, epoch) = epoch_of(db, &block)?;
    let mut leaves = Vec::new();
    let mut told = Vec::new();
    entries(db, &block, &mut |id, kind, values, hash| {
        leaves.push((id.get(), hash));
        if shown.binary_search(&id.get()).is_ok() {
            let columns = values.iter().copied().map(proof::Column::from).collect();
            let salt = Hex(salt(&block.secret, id));
            told.push((id.get(), proof::Entry { kind: kind.word().to_owned(), salt, columns }));
        }
    })
    .map_err(unreadable)?;
    leaves.sort_unstable_by_key(|(entry, _)| *entry);
    told.sort_unstable_by_key(|(entry, _)| *entry);
    let places: Vec<u64> =
        told.iter().filter_map(|(entry, _)| u64::try_from(entry.checked_sub(block.first)?).ok()).collect();
    let count = u64::try_from(block.entries).unwrap_or(0);
    let mut pruner = Pruner::new(&places, count).ok_or(Untrusted::Chain(number))?;
    for (_, hash) in leaves {
        pruner.push(hash);
    }
    let missing = || Untrusted::Missing { block: number, entry: block.first };
    let (pieces, _) = pruner.finish().ok_or_else(missing)?;
    let mut told = told.into_iter();
    let tree = pieces.into_iter().filter_map(|piece| match piece {
        Piece::Hidden { leaves, root } => Some(TreePiece::Hidden(proof::Hidden { leaves, root: Hex(root) })),
        Piece::Leaf(_) => told.next().map(|(_, entry)| TreePiece::Shown { entry }),
    });
    Ok(proof::Block {
        epoch,
        number,
        first: u64::try_from(block.first).unwrap_or(0),
        entries: count,
        at_ms: block.at,
        commitment: Hex(commitment(&block.secret)),
        previous: Hex(previous),
        tree: tree.collect(),
    })
}

/// A stored value as it is hashed. A REAL can stand in no column; one all the same hashes as nothing does.
fn value(stored: ValueRef<'_>) -> rusqlite::Result<Value<'_>> {
    Ok(match stored {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(_) => Value::Blob(b"REAL"),
        ValueRef::Text(text) => {
            Value::Text(std::str::from_utf8(text).map_err(|error| rusqlite::Error::Utf8Error(0, error))?)
        }
        ValueRef::Blob(bytes) => Value::Blob(bytes),
    })
}

/// A block's header and marks as they had to be for what stands in the tables, behind a block with this hash: what
/// somebody writes who knows how, and may write to the file.
#[cfg(test)]
pub(super) fn forged(db: &Connection, number: i64, previous: [u8; 32]) -> Option<(BlockHeader, Vec<u8>)> {
    let stored = block(db, number).ok()??;
    let mut leaves = leaves(db, &stored).ok()?;
    leaves.sort_unstable_by_key(|leaf| leaf.entry);
    let mut tree = Tree::new();
    tree.extend(leaves.iter().map(|leaf| leaf.hash));
    let (ledger, epoch) = epoch_of(db, &stored).ok()?;
    let header = BlockHeader {
        ledger,
        epoch,
        number: stored.name(),
        first: EntryId::new(stored.first)?,
        entries: tree.len(),
        at: Timestamp::from_unix_ms(stored.at),
        root: tree.root(),
        commitment: commitment(&stored.secret),
        previous,
    };
    Some((header, leaves.iter().flat_map(|leaf| mark(&leaf.hash)).collect()))
}
