//! A certificate as far as it is needed: its thumbprints, and its RSA key to check signatures with.
//!
//! Just so much of X.509 (RFC 5280, 4.1) is read as lies in front of the key. Whether it is trusted isn't asked: the
//! operator names it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

/// How an assertion is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// RSA, PKCS #1 padding.
    Rs256,
    /// RSA, PSS padding.
    Ps256,
}

/// A certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    /// The key in the form of PKCS #1.
    key: Vec<u8>,
}

/// The text is no certificate with an RSA key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no certificate in PEM with an RSA key")]
pub struct NoCertificate;

impl Certificate {
    /// Reads the first certificate of a PEM file.
    pub fn from_pem(text: &str) -> Result<Self, NoCertificate> {
        let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----").ok_or(NoCertificate)?;
        let (body, _) = rest.split_once("-----END CERTIFICATE-----").ok_or(NoCertificate)?;
        let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        let der = STANDARD.decode(body).map_err(|_| NoCertificate)?;
        let key = rsa_key(&der).ok_or(NoCertificate)?.to_vec();
        Ok(Self { der, key })
    }

    /// Whether one of these thumbprints is its own; an empty one isn't looked at.
    pub(super) fn is(&self, sha1: &str, sha256: &str) -> bool {
        let fits = |given: &str, algorithm| {
            given.is_empty()
                || given.trim_end_matches('=') == URL_SAFE_NO_PAD.encode(digest::digest(algorithm, &self.der))
        };
        fits(sha1, &digest::SHA1_FOR_LEGACY_USE_ONLY) && fits(sha256, &digest::SHA256)
    }

    /// Whether its key made this signature.
    pub(super) fn verify(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        let parameters = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        };
        UnparsedPublicKey::new(parameters, &self.key).verify(signed, signature).is_ok()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// The certificate's version, which the oldest leave out.
const VERSION: u8 = 0xa0;

/// The key of a certificate: certificate, what is signed of it, behind serial number, algorithm, issuer, validity and
/// subject the key's algorithm and bits.
fn rsa_key(der: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = value(der, SEQUENCE)?;
    let (mut rest, _) = value(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = value(rest, VERSION)?.1;
    }
    for tag in [0x02, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        rest = value(rest, tag)?.1;
    }
    let (key, _) = value(rest, SEQUENCE)?;
    let (_, bits) = value(key, SEQUENCE)?;
    let (bits, _) = value(bits, BIT_STRING)?;
    let (unused, key) = bits.split_first()?;
    // An RSA key is a sequence of two numbers; a key of another kind isn't.
    (*unused == 0 && value(key, SEQUENCE).is_some()).then_some(key)
}

/// The content of the first value, which must have this tag, and what follows it.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0_usize, |sum, digit| (sum << 8) | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    if *found == tag { rest.split_at_checked(length) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        for text in ["", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"] {
            assert_eq!(Certificate::from_pem(text), Err(NoCertificate));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _: Option<&[u8]> = rsa_key(&bytes);
        }
    }
}
