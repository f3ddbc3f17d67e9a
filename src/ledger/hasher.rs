//! The hashing of a block's leaves, on a thread of its own: SQLite has the writer's whole attention.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use devicedrop_core::ids::EntryId;
use devicedrop_core::record::{Secret, Tree, leaf, salt};

/// Chunks under way to the thread at most; with [`Chunk::FULL`] that bounds what waits.
const QUEUE: usize = 16;

/// Contents of entries that follow one another.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// The first one's number.
    first: i64,
    /// All contents, one behind the other.
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Chunk {
    /// Bytes from which on a chunk goes to the thread.
    pub(super) const FULL: usize = 64 * 1024;

    /// An empty one that begins with this entry.
    pub(super) fn at(first: i64) -> Self {
        Self { first, ..Self::default() }
    }

    /// Lets `write` append the next entry's content.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= Self::FULL
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn leaves<'a>(&'a self, secret: &'a Secret) -> impl Iterator<Item = [u8; 32]> + 'a {
        let mut begin = 0;
        self.ends.iter().zip(self.first..).filter_map(move |(end, number)| {
            let content = self.bytes.get(begin..*end)?;
            begin = *end;
            Some(leaf(&salt(secret, EntryId::new(number)?), content))
        })
    }
}

/// What the thread is told.
enum Work {
    /// A block begins.
    Begin(Secret),
    /// The next entries of the command under way.
    Leaves(Chunk),
    /// The command was carried out: its entries stay.
    Keep,
    /// The command was refused: its entries never were.
    Discard,
    /// The block is complete.
    Seal(SyncSender<Seal>),
}

/// What a block's leaves come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seal {
    /// The root of the tree over them.
    pub(super) root: [u8; 32],
    /// [`mark`] of each.
    pub(super) marks: Vec<u8>,
}

/// What tells one leaf from another, if not for certain.
pub(super) fn mark(leaf: &[u8; 32]) -> [u8; 2] {
    let [first, second, ..] = *leaf;
    [first, second]
}

/// The thread's other end.
#[derive(Debug)]
pub(super) struct Hasher(SyncSender<Work>);

/// The thread is gone.
#[derive(Debug)]
pub(super) struct Gone;

impl Hasher {
    /// Starts the thread; it ends when this is dropped.
    pub(super) fn start() -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        std::thread::Builder::new().name("ledger-hash".to_owned()).spawn(move || work(&receiver))?;
        Ok(Self(sender))
    }

    pub(super) fn begin(&self, secret: Secret) -> Result<(), Gone> {
        self.tell(Work::Begin(secret))
    }

    pub(super) fn leaves(&self, chunk: Chunk) -> Result<(), Gone> {
        self.tell(Work::Leaves(chunk))
    }

    pub(super) fn keep(&self) -> Result<(), Gone> {
        self.tell(Work::Keep)
    }

    pub(super) fn discard(&self) -> Result<(), Gone> {
        self.tell(Work::Discard)
    }

    /// What all leaves that were kept since the block's beginning come to.
    pub(super) fn seal(&self) -> Result<Seal, Gone> {
        let (answer, seal) = sync_channel(1);
        self.tell(Work::Seal(answer))?;
        seal.recv().map_err(|_| Gone)
    }

    fn tell(&self, work: Work) -> Result<(), Gone> {
        self.0.send(work).map_err(|_| Gone)
    }
}

fn work(queue: &Receiver<Work>) {
    let mut secret = [0; 32];
    let mut tree = Tree::new();
    let mut marks = Vec::new();
    let mut open = Vec::new();
    for work in queue {
        match work {
            Work::Begin(new) => {
                secret = new;
                tree = Tree::new();
                marks.clear();
                open.clear();
            }
            Work::Leaves(chunk) => open.extend(chunk.leaves(&secret)),
            Work::Keep => {
                marks.extend(open.iter().flat_map(mark));
                tree.extend(open.drain(..));
            }
            Work::Discard => open.clear(),
            Work::Seal(answer) => {
                let seal = Seal { root: tree.root(), marks: std::mem::take(&mut marks) };
                if answer.send(seal).is_err() {
                    // Whoever asked has given up; the next block begins anew anyway.
                    tree = Tree::new();
                }
            }
        }
    }
}
