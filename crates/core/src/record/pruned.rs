//! Pruned trees: trees as RFC 6962 builds them, of which some leaves are shown and the rest stands as few hashes.
//!
//! That is what a proof is made of: whoever recomputes the root from the pieces, and trusts the root, knows that the
//! leaves shown stand in the tree, and where.

use std::collections::VecDeque;

use super::tree::{Tree, inner};

/// A piece of a tree, in the order of the leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A leaf that is shown.
    Leaf([u8; 32]),
    /// A whole subtree that isn't: how many leaves it has, and its root.
    Hidden {
        /// How many leaves.
        leaves: u64,
        /// Its root.
        root: [u8; 32],
    },
}

impl Piece {
    /// How many leaves it stands for.
    pub fn leaves(&self) -> u64 {
        match self {
            Self::Leaf(_) => 1,
            Self::Hidden { leaves, .. } => *leaves,
        }
    }
}

/// Returns the root of the tree of `size` leaves that these pieces make; none where they make no such tree.
///
/// Whoever checks compares the answer with the root that he trusts; that is all of the check. Each leaf shown stands
/// at the place that the pieces before it leave to it.
pub fn root_of(pieces: &[Piece], size: u64) -> Option<[u8; 32]> {
    if size == 0 {
        return pieces.is_empty().then(|| Tree::new().root());
    }
    let mut pieces = pieces.iter();
    let root = node(&mut pieces, size)?;
    pieces.next().is_none().then_some(root)
}

/// The root of the subtree of `size` leaves at which the pieces begin. Each level halves the size, so it goes at most
/// 64 deep; and nothing is done for leaves that no piece stands for.
fn node(pieces: &mut std::slice::Iter<'_, Piece>, size: u64) -> Option<[u8; 32]> {
    match pieces.as_slice().first()? {
        Piece::Leaf(leaf) if size == 1 => {
            pieces.next();
            Some(*leaf)
        }
        Piece::Hidden { leaves, root } if *leaves == size => {
            pieces.next();
            Some(*root)
        }
        _ if size <= 1 => None,
        _ => {
            let left = left_of(size);
            let (left, right) = (node(pieces, left)?, node(pieces, size - left)?);
            Some(inner(&left, &right))
        }
    }
}

/// The largest power of two below `size`, which is at least 2.
fn left_of(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// Prunes a tree while all its leaves go by, in order; keeps a few hashes for each leaf shown.
#[derive(Debug)]
pub struct Pruner {
    /// What is to come, and what came by of the first of it.
    ahead: VecDeque<Ahead>,
    tree: Tree,
    done: Vec<Piece>,
    whole: Tree,
}

#[derive(Debug)]
struct Ahead {
    leaves: u64,
    shown: bool,
}

impl Pruner {
    /// For a tree of `size` leaves of which those at `shown` (from 0, ascending, none twice) are to be shown. None where
    /// they aren't places of such a tree.
    pub fn new(shown: &[u64], size: u64) -> Option<Self> {
        let ascending = shown.iter().zip(shown.iter().skip(1)).all(|(one, next)| one < next);
        if !ascending || shown.last().is_some_and(|last| *last >= size) {
            return None;
        }
        let mut ahead = VecDeque::new();
        if size > 0 {
            plan(shown, 0, size, &mut ahead);
        }
        Some(Self { ahead, tree: Tree::new(), done: Vec::new(), whole: Tree::new() })
    }

    /// Lets the next leaf go by.
    pub fn push(&mut self, leaf: [u8; 32]) {
        self.whole.push(leaf);
        self.tree.push(leaf);
        self.next_if_full();
    }

    /// Lets a full subtree go by, none of whose leaves is to be shown. False, and nothing is done, where no such one
    /// can come next.
    pub fn push_full(&mut self, root: [u8; 32], leaves: u64) -> bool {
        let fits = |next: &Ahead| !next.shown && next.leaves.saturating_sub(self.tree.len()) >= leaves;
        if !self.ahead.front().is_some_and(fits) || !self.tree.len().is_multiple_of(leaves.max(1)) {
            return false;
        }
        if !self.whole.push_full(root, leaves) {
            return false;
        }
        self.tree.push_full(root, leaves);
        self.next_if_full();
        true
    }

    /// Ends the piece under way, if it has all its leaves.
    fn next_if_full(&mut self) {
        let Some(next) = self.ahead.front() else { return };
        if self.tree.len() == next.leaves {
            let (leaves, root) = (next.leaves, self.tree.root());
            self.done.push(if next.shown { Piece::Leaf(root) } else { Piece::Hidden { leaves, root } });
            self.ahead.pop_front();
            self.tree = Tree::new();
        }
    }

    /// The pieces and the root, once all leaves went by; none before.
    pub fn finish(self) -> Option<(Vec<Piece>, [u8; 32])> {
        self.ahead.is_empty().then(|| (self.done, self.whole.root()))
    }
}

fn plan(shown: &[u64], first: u64, size: u64, out: &mut VecDeque<Ahead>) {
    if shown.is_empty() {
        out.push_back(Ahead { leaves: size, shown: false });
    } else if size == 1 {
        out.push_back(Ahead { leaves: 1, shown: true });
    } else {
        let left = left_of(size);
        let (before, behind) = shown.split_at(shown.partition_point(|place| *place < first + left));
        plan(before, first, left, out);
        plan(behind, first + left, size - left, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaves(count: u64) -> Vec<[u8; 32]> {
        (0..count).map(|n| [u8::try_from(n).unwrap_or(0); 32]).collect()
    }

    fn pruned(shown: &[u64], size: u64) -> (Vec<Piece>, [u8; 32]) {
        let mut pruner = Pruner::new(shown, size).expect("places of the tree");
        for leaf in leaves(size) {
            pruner.push(leaf);
        }
        pruner.finish().expect("all leaves went by")
    }

    fn places(size: u64) -> impl Strategy<Value = Vec<u64>> {
        proptest::collection::btree_set(0..size.max(1), 0..8)
            .prop_map(move |places| places.into_iter().filter(|place| *place < size).collect())
    }

    proptest! {
        #[test]
        fn proves_each_leaf_at_its_place((size, shown) in (0_u64..70).prop_flat_map(|size| (Just(size), places(size)))) {
            let (pieces, root) = pruned(&shown, size);
            let mut tree = Tree::new();
            tree.extend(leaves(size));
            prop_assert_eq!(root, tree.root());
            prop_assert_eq!(root_of(&pieces, size), Some(root));
            let mut at = 0;
            let mut seen = Vec::new();
            for piece in &pieces {
                if let Piece::Leaf(leaf) = piece {
                    prop_assert_eq!(leaf, &leaves(size)[usize::try_from(at).expect("small")]);
                    seen.push(at);
                }
                at += piece.leaves();
            }
            prop_assert_eq!(seen, shown);
        }

        #[test]
        fn any_change_shows(
            (size, shown) in (2_u64..40).prop_flat_map(|size| (Just(size), places(size))),
            which in any::<prop::sample::Index>(), bit in 0_usize..256, other in 1_u64..90,
        ) {
            let (pieces, root) = pruned(&shown, size);
            let mut changed = pieces.clone();
            let piece = &mut changed[which.index(pieces.len())];
            let (Piece::Leaf(hash) | Piece::Hidden { root: hash, .. }) = piece;
            hash[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(root_of(&changed, size), Some(root));
            let mut without = pieces.clone();
            without.remove(which.index(pieces.len()));
            prop_assert_ne!(root_of(&without, size), Some(root));
            let elsewhere = root_of(&pieces, other);
            prop_assert!(other == size || elsewhere.is_none(), "a tree of another size");
        }

        #[test]
        fn nonsense_ends_and_is_refused_without_a_panic(
            kinds in proptest::collection::vec((any::<bool>(), any::<u64>()), 0..70), size: u64,
        ) {
            let pieces: Vec<Piece> = kinds
                .into_iter()
                .map(|(leaf, leaves)| if leaf { Piece::Leaf([1; 32]) } else { Piece::Hidden { leaves, root: [2; 32] } })
                .collect();
            let sum = pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.leaves()));
            prop_assert!(root_of(&pieces, size).is_none() || sum == Some(size));
        }
    }

    #[test]
    fn the_whole_can_be_one_piece() {
        let (pieces, root) = pruned(&[], 5);
        assert_eq!(pieces, [Piece::Hidden { leaves: 5, root }]);
        assert_eq!(pruned(&[], 0).0, []);
    }

    #[test]
    fn places_that_are_none_are_refused() {
        assert!(Pruner::new(&[3], 3).is_none());
        assert!(Pruner::new(&[1, 1], 3).is_none());
        assert!(Pruner::new(&[2, 1], 3).is_none());
    }
}
