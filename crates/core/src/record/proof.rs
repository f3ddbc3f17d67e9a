//! Proofs that a leaf stands in a tree, as RFC 6962 builds and RFC 9162 checks them: a few hashes beside the way from
//! the leaf to the root.

use super::tree::{Tree, inner};

/// The hashes beside the way from one leaf to the root, nearest the leaf first.
pub type Path = Vec<[u8; 32]>;

/// Returns the root of the tree of `size` leaves in which `leaf` stands at `index` (from 0), if `path` proves it of
/// any. None where a path of this length can't be one of such a leaf.
///
/// Whoever checks compares the answer with the root that he trusts; that is all of the check.
pub fn root_of(leaf: [u8; 32], index: u64, size: u64, path: &[[u8; 32]]) -> Option<[u8; 32]> {
    let mut last = size.checked_sub(1).filter(|last| index <= *last)?;
    let mut index = index;
    let mut node = leaf;
    for beside in path {
        if last == 0 {
            return None;
        }
        if index & 1 == 1 || index == last {
            node = inner(beside, &node);
            // A right end without a partner moves up alone.
            while index & 1 == 0 && index != 0 {
                index >>= 1;
                last >>= 1;
            }
        } else {
            node = inner(&node, beside);
        }
        index >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(node)
}

/// Collects the path of one leaf while all leaves of its tree go by, in order; keeps a few hashes.
#[derive(Debug)]
pub struct PathBuilder {
    index: u64,
    leaf: Option<[u8; 32]>,
    /// The subtrees beside the way, nearest the leaf first: where each begins and ends, and what came by of it.
    beside: Vec<(u64, u64, Tree)>,
    whole: Tree,
}

impl PathBuilder {
    /// For the leaf at `index` (from 0) of a tree of `size` leaves. None where there is no such leaf.
    pub fn new(index: u64, size: u64) -> Option<Self> {
        if index >= size {
            return None;
        }
        let mut beside = Vec::new();
        let (mut first, mut end) = (0, size);
        while end - first > 1 {
            // The largest power of two below the length.
            let left = 1 << (u64::BITS - 1 - (end - first - 1).leading_zeros());
            let split = first + left;
            if index < split {
                beside.push((split, end, Tree::new()));
                end = split;
            } else {
                beside.push((first, split, Tree::new()));
                first = split;
            }
        }
        beside.reverse();
        Some(Self { index, leaf: None, beside, whole: Tree::new() })
    }

    /// Lets the next leaf go by.
    pub fn push(&mut self, leaf: [u8; 32]) {
        let at = self.whole.len();
        self.whole.push(leaf);
        if at == self.index {
            self.leaf = Some(leaf);
        } else if let Some((_, _, tree)) = self.beside.iter_mut().find(|(first, end, _)| (*first..*end).contains(&at))
        {
            tree.push(leaf);
        }
    }

    /// The leaf, its path, and the root, once all leaves went by; none before.
    pub fn finish(&self) -> Option<([u8; 32], Path, [u8; 32])> {
        let complete = self.beside.iter().all(|(first, end, tree)| tree.len() == end - first);
        let path = self.beside.iter().map(|(_, _, tree)| tree.root()).collect();
        Some((self.leaf?, path, self.whole.root())).filter(|_| complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn built(leaves: &[[u8; 32]], index: usize) -> ([u8; 32], Path, [u8; 32]) {
        let size = u64::try_from(leaves.len()).expect("few");
        let mut builder = PathBuilder::new(u64::try_from(index).expect("few"), size).expect("a leaf of the tree");
        for leaf in leaves {
            builder.push(*leaf);
        }
        builder.finish().expect("all leaves went by")
    }

    fn numbered(size: usize) -> Vec<[u8; 32]> {
        (0..size).map(|number| [u8::try_from(number % 251).expect("small"); 32]).collect()
    }

    #[test]
    fn every_leaf_of_small_trees_is_proven() {
        for size in 1..70 {
            let leaves = numbered(size);
            let mut tree = Tree::new();
            tree.extend(leaves.iter().copied());
            for index in 0..size {
                let (leaf, path, root) = built(&leaves, index);
                assert_eq!((leaf, root), (leaves[index], tree.root()));
                let (index, size) = (u64::try_from(index).expect("few"), u64::try_from(size).expect("few"));
                assert_eq!(root_of(leaf, index, size, &path), Some(root), "{index} of {size}");
            }
        }
    }

    #[test]
    fn what_is_none_of_the_tree_is_refused() {
        assert!(PathBuilder::new(3, 3).is_none());
        assert_eq!(root_of([0; 32], 0, 0, &[]), None);
        assert_eq!(root_of([0; 32], 1, 1, &[]), None);
        assert_eq!(root_of([0; 32], 0, 1, &[[1; 32]]), None, "too long");
        assert_eq!(root_of([0; 32], 0, 2, &[]), None, "too short");
        let unfinished = PathBuilder::new(0, 2).expect("a leaf");
        assert!(unfinished.finish().is_none());
    }

    proptest! {
        #[test]
        fn a_changed_proof_proves_nothing(
            size in 2_usize..40, index in any::<proptest::sample::Index>(), bit in any::<proptest::sample::Index>(),
        ) {
            let leaves = numbered(size);
            let index = index.index(size);
            let (leaf, path, root) = built(&leaves, index);
            let (at, of) = (u64::try_from(index).expect("few"), u64::try_from(size).expect("few"));
            let mut changed = path.clone();
            let bit = bit.index(path.len() * 256);
            changed[bit / 256][bit % 256 / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(root_of(leaf, at, of, &changed), Some(root));
            let mut other = leaf;
            other[0] ^= 128;
            prop_assert_ne!(root_of(other, at, of, &path), Some(root));
            prop_assert_ne!(root_of(leaf, at, of, &path[1..]), Some(root));
            for elsewhere in (0..of).filter(|elsewhere| *elsewhere != at) {
                prop_assert_ne!(root_of(leaf, elsewhere, of, &path), Some(root), "at another place");
            }
        }

        #[test]
        fn nonsense_is_refused_without_a_panic(
            leaf in any::<[u8; 32]>(), index: u64, size: u64, path in proptest::collection::vec(any::<[u8; 32]>(), 0..70),
        ) {
            let root = root_of(leaf, index, size, &path);
            prop_assert!(root.is_none() || index < size);
        }
    }
}
