//! Until when a certificate holds: the one thing that is read of it here (RFC 5280, section 4.1).

use devicedrop_core::time::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::secret::{self, Why};
use crate::config::SecretPlace;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const SHORT_TIME: u8 = 0x17;
const LONG_TIME: u8 = 0x18;

/// When the certificate at this place ends.
pub fn certificate_end(place: &SecretPlace) -> Result<Timestamp, Why> {
    let text = secret::read(place)?;
    let certificate = CertificateDer::from_pem_slice(text.text().as_bytes())
        .map_err(|_| "it isn't a certificate in PEM".to_owned())?;
    end_of(&certificate).ok_or_else(|| "no end can be read in it".to_owned())
}

/// The end of a certificate in DER.
fn end_of(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(SEQUENCE, der)?;
    let (content, _) = element(SEQUENCE, certificate)?;
    let after_version = element(VERSION, content).map_or(content, |(_, rest)| rest);
    let (_, rest) = element(INTEGER, after_version)?;
    let (_algorithm, rest) = element(SEQUENCE, rest)?;
    let (_issuer, rest) = element(SEQUENCE, rest)?;
    let (validity, _) = element(SEQUENCE, rest)?;
    let (_, rest) = time(validity)?;
    time(rest).map(|(end, _)| end)
}

/// The content of the element of this kind that stands first, and what stands behind it.
fn element(kind: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (*found == kind).then(|| rest.split_at_checked(length)).flatten()
}

/// The time that stands first, and what stands behind it.
fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (digits, rest) = match *bytes.first()? {
        SHORT_TIME => element(SHORT_TIME, bytes).and_then(|(text, rest)| {
            let text = std::str::from_utf8(text).ok()?;
            // Years from 50 on are of the last century.
            let century = if text.get(..2)? < "50" { "20" } else { "19" };
            Some((format!("{century}{text}"), rest))
        })?,
        LONG_TIME => element(LONG_TIME, bytes)
            .and_then(|(text, rest)| Some((std::str::from_utf8(text).ok()?.to_owned(), rest)))?,
        _ => return None,
    };
    let part = |from: usize, to: usize| digits.get(from..to);
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    );
    text.parse().ok().map(|at| (at, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::assertion::tests::CERTIFICATE;
    use super::*;

    fn der() -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()
    }

    #[test]
    fn a_certificates_end_is_read() {
        // openssl x509 -enddate -noout -in src/registrar/credentials/testdata/certificate.pem
        assert_eq!(end_of(&der()).map(Timestamp::date).as_deref(), Some("2126-10-30"));
    }

    #[test]
    fn years_of_two_digits_are_of_either_century() {
        let short = |text: &str| {
            let mut bytes = vec![SHORT_TIME, 13];
            bytes.extend(text.as_bytes());
            time(&bytes).map(|(at, _)| at.to_string())
        };
        assert_eq!(short("491231235959Z").as_deref(), Some("2049-12-31T23:59:59.000Z"));
        assert_eq!(short("500101000000Z").as_deref(), Some("1950-01-01T00:00:00.000Z"));
        assert_eq!(short("xx0101000000Z"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes: Vec<u8>, at in 0_usize..2_000, byte: u8) {
            end_of(&bytes);
            let mut changed = der().to_vec();
            let length = changed.len();
            changed[at % length] = byte;
            end_of(&changed);
            end_of(&changed[..at % length]);
        }
    }
}
