//! The tree over the leaves of a block, as RFC 6962 builds it.

use sha2::{Digest, Sha256 as Hasher};

/// A tree that grows leaf by leaf and keeps no more than one hash for each of its full subtrees.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// The roots of the full subtrees, largest first; the bits of `leaves` say which sizes there are.
    full: Vec<[u8; 32]>,
    leaves: u64,
}

impl Tree {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: [u8; 32]) {
        let mut node = leaf;
        // Each trailing one bit is a full subtree of the size that `node` just got.
        for _ in 0..self.leaves.trailing_ones() {
            if let Some(left) = self.full.pop() {
                node = inner(&left, &node);
            }
        }
        self.full.push(node);
        self.leaves += 1;
    }

    /// Appends a full subtree by its root. False, and nothing is done, where none of this size can stand next.
    pub fn push_full(&mut self, root: [u8; 32], leaves: u64) -> bool {
        if !leaves.is_power_of_two() || !self.leaves.is_multiple_of(leaves) {
            return false;
        }
        let mut node = root;
        for _ in 0..(self.leaves / leaves).trailing_ones() {
            if let Some(left) = self.full.pop() {
                node = inner(&left, &node);
            }
        }
        self.full.push(node);
        self.leaves += leaves;
        true
    }

    /// How many leaves it has.
    pub fn len(&self) -> u64 {
        self.leaves
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.leaves == 0
    }

    /// The hash over all of them; of none, SHA-256 of nothing.
    pub fn root(&self) -> [u8; 32] {
        let mut subtrees = self.full.iter().rev();
        let Some(last) = subtrees.next() else { return Hasher::digest([]).into() };
        subtrees.fold(*last, |right, left| inner(left, &right))
    }
}

impl Extend<[u8; 32]> for Tree {
    fn extend<I: IntoIterator<Item = [u8; 32]>>(&mut self, leaves: I) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

/// The node above two: SHA-256(01 ‖ left ‖ right).
pub fn inner(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Hasher::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Sha256;
    use proptest::prelude::*;

    /// RFC 6962, section 2.1, to the letter.
    fn slow(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [] => Hasher::digest([]).into(),
            [one] => *one,
            _ => {
                let mut split = 1;
                while split * 2 < leaves.len() {
                    split *= 2;
                }
                inner(&slow(&leaves[..split]), &slow(&leaves[split..]))
            }
        }
    }

    proptest! {
        #[test]
        fn grows_into_the_tree_of_the_standard(leaves in proptest::collection::vec(any::<[u8; 32]>(), 0..70)) {
            let mut tree = Tree::new();
            tree.extend(leaves.iter().copied());
            prop_assert_eq!(tree.root(), slow(&leaves));
            prop_assert_eq!(usize::try_from(tree.len()), Ok(leaves.len()));
        }
    }

    /// The vectors that implementations of certificate transparency share.
    #[test]
    fn known_vectors() {
        let data: [&[u8]; 3] = [b"", b"\x00", b"\x10"];
        let mut tree = Tree::new();
        assert_eq!(
            Sha256::from_bytes(tree.root()).to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        ];
        for (data, root) in data.iter().zip(roots) {
            tree.push(Hasher::new().chain_update([0]).chain_update(data).finalize().into());
            assert_eq!(Sha256::from_bytes(tree.root()).to_string(), root);
        }
    }
}
