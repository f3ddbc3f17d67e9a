//! A block: the entries of one transaction, and the header that chains it to the one before.

use sha2::{Digest, Sha256 as Hasher};

use crate::ids::EntryId;
use crate::time::Timestamp;

/// The random bytes of one block, on record with it, that the salts of its entries are made of.
pub type Secret = [u8; 32];

/// Returns what a header says of the block's secret, so that a header can be shown without it:
/// SHA-256(`devicedrop-secret-v1`, NUL ‖ secret).
pub fn commitment(secret: &Secret) -> [u8; 32] {
    Hasher::new().chain_update(b"devicedrop-secret-v1\0").chain_update(secret).finalize().into()
}

/// All that a block's hash is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHeader {
    /// The ledger's UUID, which all its epochs share.
    pub ledger: [u8; 16],
    /// The epoch's number, from 1.
    pub epoch: u64,
    /// The block's number, from 1.
    pub number: u64,
    /// Its first entry.
    pub first: EntryId,
    /// How many entries it has.
    pub entries: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The root of the tree over its leaves.
    pub root: [u8; 32],
    /// What is told of its secret.
    pub commitment: [u8; 32],
    /// The hash of the block before; zeros for the first one.
    pub previous: [u8; 32],
}

impl BlockHeader {
    /// The block's hash: SHA-256 of `devicedrop-block-v1`, a NUL, and the fields in their order, each number as 8
    /// bytes big-endian. Every field has a fixed length, so nothing needs a length before it.
    pub fn hash(&self) -> [u8; 32] {
        Hasher::new()
            .chain_update(b"devicedrop-block-v1\0")
            .chain_update(self.ledger)
            .chain_update(self.epoch.to_be_bytes())
            .chain_update(self.number.to_be_bytes())
            .chain_update(self.first.get().to_be_bytes())
            .chain_update(self.entries.to_be_bytes())
            .chain_update(self.at.unix_ms().to_be_bytes())
            .chain_update(self.root)
            .chain_update(self.commitment)
            .chain_update(self.previous)
            .finalize()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Sha256;

    #[test]
    fn the_form_is_fixed() {
        let header = BlockHeader {
            ledger: [2; 16],
            epoch: 1,
            number: 3,
            first: EntryId::new(10).expect("10 is a number of an entry"),
            entries: 4,
            at: Timestamp::from_unix_ms(1_795_356_339_003),
            root: [5; 32],
            commitment: commitment(&[6; 32]),
            previous: [7; 32],
        };
        let mut message = b"devicedrop-block-v1\0".to_vec();
        message.extend([2; 16]);
        for number in [1, 3, 10, 4, 1_795_356_339_003_u64] {
            message.extend(number.to_be_bytes());
        }
        message.extend([5; 32]);
        message.extend(header.commitment);
        message.extend([7; 32]);
        assert_eq!(header.hash(), *Sha256::of(&message).as_bytes());
        assert_eq!(
            Sha256::from_bytes(header.hash()).to_string(),
            "465ee013eb9ee5232a8574d8e910cd2b561f5fe879c0158ec54369fff43a3a83"
        );
    }
}
