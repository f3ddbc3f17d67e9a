//! An entry's leaf: the hash that stands for it, and that tells nothing of it.

use sha2::{Digest, Sha256 as Hasher};

use super::block::Secret;
use crate::ids::EntryId;

/// Returns the salt of one entry: the first 16 bytes of SHA-256(secret of its block ‖ number, 8 bytes big-endian).
///
/// A leaf has to hide what it stands for, since a proof of one customer's entry shows the hashes of its neighbours,
/// and a serial number is quickly guessed. The salt must therefore be unguessable without the secret, and different
/// for each entry, so that one salt that was given away opens no other. A plain hash suffices for that, and no HMAC
/// is needed: what HMAC guards against is a longer message made out of a shorter one's hash, and here every message
/// has the same forty bytes, and half of the hash is never shown.
pub fn salt(secret: &Secret, entry: EntryId) -> [u8; 16] {
    let digest: [u8; 32] =
        Hasher::new().chain_update(secret).chain_update(entry.get().to_be_bytes()).finalize().into();
    let mut salt = [0; 16];
    salt.copy_from_slice(digest.first_chunk::<16>().unwrap_or(&[0; 16]));
    salt
}

/// Returns the leaf of an entry: SHA-256(00 ‖ salt ‖ content).
pub fn leaf(salt: &[u8; 16], content: &[u8]) -> [u8; 32] {
    Hasher::new().chain_update([0]).chain_update(salt).chain_update(content).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Sha256;

    #[test]
    fn the_form_is_fixed() {
        let entry = EntryId::new(7).expect("7 is a number of an entry");
        let salt = salt(&[1; 32], entry);
        let mut message = vec![1; 32];
        message.extend([0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(salt, Sha256::of(&message).as_bytes()[..16]);

        let mut message = vec![0];
        message.extend(salt);
        message.extend(b"content");
        assert_eq!(leaf(&salt, b"content"), *Sha256::of(&message).as_bytes());
        assert_eq!(
            Sha256::from_bytes(leaf(&salt, b"content")).to_string(),
            "afdabce3e5d0522f1f90bf2ebf1a96e6f7e2335734a12f0978b178d99e2c7090"
        );
    }
}
