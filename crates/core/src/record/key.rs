//! The idempotency key of a row: what a registrar knows a repeated request by.

use sha2::{Digest, Sha256 as Hasher};

use crate::device::Sha256;
use crate::ids::CustomerKey;
use crate::registrar::IdempotencyKey;

/// What makes a row the same row, on any machine and after any restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Whose file it stands in.
    pub customer: &'a CustomerKey,
    /// The file's path inside the drop folder.
    pub path: &'a str,
    /// The content's hash.
    pub sha256: &'a Sha256,
    /// Which judging of that content this is, from 1.
    pub judging: u64,
    /// The line on which the row begins.
    pub line: u64,
    /// How often a person decided that it be sent as something new, and 1.
    pub generation: u64,
}

/// Returns the key of a row: SHA-256 over `devicedrop-idempotency-v1`, a NUL, customer and path, each with its length
/// as 8 bytes big-endian before it, the content's hash, and judging, line and generation as 8 bytes big-endian each.
pub fn idempotency_key(row: Row<'_>) -> IdempotencyKey {
    let mut hasher = Hasher::new_with_prefix(b"devicedrop-idempotency-v1\0");
    for text in [row.customer.as_str(), row.path] {
        // A length is at most isize::MAX, so it always fits.
        hasher.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(text);
    }
    hasher.update(row.sha256.as_bytes());
    for number in [row.judging, row.line, row.generation] {
        hasher.update(number.to_be_bytes());
    }
    Sha256::from_bytes(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(customer: &str, path: &str, numbers: [u64; 3]) -> String {
        let customer = CustomerKey::parse(customer).expect("a key of a customer");
        let [judging, line, generation] = numbers;
        let sha256 = Sha256::of(b"content");
        idempotency_key(Row { customer: &customer, path, sha256: &sha256, judging, line, generation }).to_string()
    }

    #[test]
    fn the_form_is_fixed() {
        assert_eq!(
            key("contoso", "PO-4711/devices.csv", [1, 2, 1]),
            "4f5d9e4d46865063d703e4a2439ea3353f0747cf4deddbbc222d045151a97bb4"
        );
    }

    #[test]
    fn every_part_counts_and_no_boundary_can_be_moved() {
        let keys = [
            key("ab", "c", [1, 2, 1]),
            key("a", "bc", [1, 2, 1]),
            key("ab", "c", [2, 2, 1]),
            key("ab", "c", [1, 1, 1]),
            key("ab", "c", [1, 2, 2]),
        ];
        for (index, one) in keys.iter().enumerate() {
            assert!(keys.iter().skip(index + 1).all(|other| other != one), "{index}");
        }
    }
}
