//! What a running daemon remembers of the log, so that a proof costs the same however long the ledger is: the root of
//! each complete run of blocks. Only the runs in which something is shown are read again, and the one under way.

use devicedrop_core::checkpoint::block_leaf;
use devicedrop_core::record::{Piece, Pruner, Tree};

/// Blocks of a run: a power of two, so that a run is a subtree of the log. A million blocks are four thousand runs.
const RUN: u64 = 256;

/// The complete runs of the log's blocks, from the first.
#[derive(Debug)]
pub struct Runs {
    length: u64,
    roots: Vec<[u8; 32]>,
}

impl Default for Runs {
    fn default() -> Self {
        Self { length: RUN, roots: Vec::new() }
    }
}

/// A log with some of its blocks shown, and its root.
pub(super) type Pruned = (Vec<Piece>, [u8; 32]);

/// Passes the hashes of the blocks behind so many, up to that one.
type Read<'a, E> = &'a dyn Fn(u64, u64, &mut dyn FnMut([u8; 32])) -> Result<(), E>;

impl Runs {
    /// The log of the first `blocks` blocks with those at `places` (from 0, ascending) shown. None where these are no places of it, or a block is missing.
    pub(super) fn prune<E>(&mut self, places: &[u64], blocks: u64, read: Read<'_, E>) -> Result<Option<Pruned>, E> {
        self.learn(blocks, read)?;
        let Some(mut pruner) = Pruner::new(places, blocks) else { return Ok(None) };
        let mut first = 0;
        for root in &self.roots {
            let behind = first + self.length;
            if behind > blocks {
                break;
            }
            let is_shown = places.get(places.partition_point(|place| *place < first)).is_some_and(|at| *at < behind);
            if is_shown || !pruner.push_full(*root, self.length) {
                read(first, behind, &mut |hash| pruner.push(block_leaf(&hash)))?;
            }
            first = behind;
        }
        read(first, blocks, &mut |hash| pruner.push(block_leaf(&hash)))?;
        Ok(pruner.finish())
    }

    /// Adds the runs that were completed since the last time.
    fn learn<E>(&mut self, blocks: u64, read: Read<'_, E>) -> Result<(), E> {
        let known = u64::try_from(self.roots.len()).unwrap_or(u64::MAX).saturating_mul(self.length);
        let complete = blocks - blocks % self.length;
        if complete <= known {
            return Ok(());
        }
        let mut run = Tree::new();
        read(known, complete, &mut |hash| {
            run.push(block_leaf(&hash));
            if run.len() == self.length {
                self.roots.push(run.root());
                run = Tree::new();
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;
    use proptest::prelude::*;

    fn hash(number: u64) -> [u8; 32] {
        let mut hash = [7; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        hash
    }

    /// How many hashes were read, beside the answer.
    fn remembered(runs: &mut Runs, places: &[u64], blocks: u64) -> (Option<Pruned>, u64) {
        let reads = Cell::new(0);
        let read = |after: u64, to: u64, each: &mut dyn FnMut([u8; 32])| -> Result<(), Infallible> {
            reads.set(reads.get() + to.saturating_sub(after));
            for number in after..to {
                each(hash(number));
            }
            Ok(())
        };
        let Ok(pruned) = runs.prune(places, blocks, &read);
        (pruned, reads.get())
    }

    fn plain(places: &[u64], blocks: u64) -> Option<Pruned> {
        let mut pruner = Pruner::new(places, blocks)?;
        for number in 0..blocks {
            pruner.push(block_leaf(&hash(number)));
        }
        pruner.finish()
    }

    proptest! {
        #[test]
        fn what_is_remembered_gives_the_same_as_all_blocks(
            exponent in 0_u32..5,
            asked in proptest::collection::vec((0_u64..200, proptest::collection::btree_set(0_u64..220, 0..6)), 1..6),
        ) {
            let mut runs = Runs { length: 1 << exponent, roots: Vec::new() };
            for (blocks, places) in asked {
                let places: Vec<u64> = places.into_iter().collect();
                prop_assert_eq!(remembered(&mut runs, &places, blocks).0, plain(&places, blocks));
            }
        }
    }

    #[test]
    fn a_long_log_is_read_once() {
        let (mut runs, blocks) = (Runs::default(), 100_000);
        assert_eq!(remembered(&mut runs, &[5], blocks).0, plain(&[5], blocks));
        let places = [5, 7, 70_000, blocks];
        let (pruned, read) = remembered(&mut runs, &places, blocks + 1);
        assert_eq!(pruned, plain(&places, blocks + 1));
        assert_eq!(read, 2 * RUN + (blocks + 1) % RUN, "the runs of what is shown, and the one under way");
    }
}
