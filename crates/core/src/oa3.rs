//! Hardware hashes (OA3): whether a text is one, and of which device it speaks.
//!
//! A hash is base64 of a blob: `OA`, a length, records of type, length and value, then a signature. Only what
//! identifies the device is read, and nothing is refused for what else a blob holds or lacks: its length differs
//! between versions of Windows, and only the registrar knows which hashes it takes.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::device::{Column, Device};
use crate::limits::count;
use crate::registrar::HashMismatch;

/// Padded and unpadded text both occur: the service's own sample leaves the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How `OA` and the beginning of any byte behind it are written in base64.
const BEGINNINGS: [&str; 4] = ["T0E", "T0F", "T0G", "T0H"];

/// The record with the system's serial number, as SMBIOS has it.
const SERIAL_NUMBER: u16 = 14;
/// The record with the system's manufacturer. Record 15 is the firmware's maker, which often is another.
const MANUFACTURER: u16 = 16;
/// The record with the system's product name.
const MODEL: u16 = 17;

/// What a hardware hash says of its device; `None` where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HardwareHash {
    /// The system's manufacturer.
    pub manufacturer: Option<String>,
    /// The system's product name.
    pub model: Option<String>,
    /// The system's serial number.
    pub serial_number: Option<String>,
}

/// Why a text isn't a hardware hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashProblem {
    /// A character that base64 doesn't have.
    #[error("character {position} of the hardware hash can't stand in base64")]
    Character {
        /// Its place, from 1.
        position: u64,
    },
    /// A number of characters, or an end, that no base64 text has: the end is probably missing.
    #[error("the hardware hash isn't whole base64: part of it is probably missing")]
    CutOff,
    /// A `=` that isn't at the end.
    #[error("a = stands in the middle of the hardware hash, as character {position}")]
    Middle {
        /// Its place, from 1.
        position: u64,
    },
    /// More `=` at the end than belong there.
    #[error("the hardware hash ends in {found} =, where {fitting} fit")]
    Excess {
        /// How many stand there.
        found: u64,
        /// How many fit what stands before them.
        fitting: u64,
    },
    /// It begins as hashes do but for its capitals: no letter of it is one.
    #[error("the hardware hash has small letters alone: its capitals were lost")]
    SmallLetters,
    /// Something else.
    #[error("this is no hardware hash: those begin with T0E, T0F, T0G or T0H")]
    NotOa3,
}

impl HashProblem {
    /// The problem that these words on record are, if they are one.
    pub fn recorded(words: &str) -> Option<Self> {
        let position = words
            .strip_prefix("character ")
            .and_then(|rest| rest.split_once(' '))
            .and_then(|(at, _)| at.parse().ok());
        // What stood on record before.
        if words == "the hardware hash is base64, but not of a hardware hash (those begin with T0)" {
            return Some(Self::NotOa3);
        }
        let middle = words.rsplit_once(' ').and_then(|(_, at)| at.parse().ok());
        let mut numbers = words.split(' ').filter_map(|word| word.parse().ok());
        let excess = numbers.next().zip(numbers.next());
        let numbered = [
            position.map(|position| Self::Character { position }),
            middle.map(|position| Self::Middle { position }),
            excess.map(|(found, fitting)| Self::Excess { found, fitting }),
        ];
        let all = numbered.into_iter().flatten().chain([Self::CutOff, Self::SmallLetters, Self::NotOa3]);
        all.into_iter().find(|problem| problem.to_string() == words)
    }
}

/// Reads a hardware hash.
pub fn check(text: &str) -> Result<HardwareHash, HashProblem> {
    if let Some(position) = text.chars().position(|c| !c.is_ascii_alphanumeric() && !"+/=".contains(c)) {
        return Err(HashProblem::Character { position: count(position).saturating_add(1) });
    }
    let begins_so = |beginning: &&str| text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(beginning));
    if BEGINNINGS.iter().any(begins_so) && !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(HashProblem::SmallLetters);
    }
    // What isn't a part of one at all isn't called one that was cut off.
    if text.get(..3).is_some_and(|start| !BEGINNINGS.contains(&start)) {
        return Err(HashProblem::NotOa3);
    }
    check_end(text)?;
    let blob = BASE64.decode(text).map_err(|_| HashProblem::CutOff)?;
    let body = blob.strip_prefix(b"OA").ok_or(HashProblem::NotOa3)?;
    Ok(read_records(body))
}

/// Whether `=` stands only where it fills up the last four characters.
fn check_end(text: &str) -> Result<(), HashProblem> {
    let body = text.trim_end_matches('=');
    if let Some(position) = body.find('=') {
        return Err(HashProblem::Middle { position: count(position).saturating_add(1) });
    }
    let found = count(text.len() - body.len());
    let fitting = match body.len() % 4 {
        0 => 0,
        2 => 2,
        3 => 1,
        // No number of them makes it whole.
        _ => return Err(HashProblem::CutOff),
    };
    if found > fitting { Err(HashProblem::Excess { found, fitting }) } else { Ok(()) }
}

/// Reads the records behind `OA` and the total length, which isn't believed: records end where they no longer fit.
fn read_records(body: &[u8]) -> HardwareHash {
    let mut hash = HardwareHash::default();
    let mut rest = body.get(2..).unwrap_or_default();
    while let Some((kind, value, after)) = split_record(rest) {
        match kind {
            MANUFACTURER => hash.manufacturer = string(value),
            MODEL => hash.model = string(value),
            SERIAL_NUMBER => hash.serial_number = string(value),
            _ => {}
        }
        rest = after;
    }
    hash
}

/// The first record's type and value, and what comes after it. A record's length includes its four bytes of head.
fn split_record(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (&[k0, k1, l0, l1], _) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    let (record, after) = bytes.split_at_checked(length)?;
    Some((u16::from_le_bytes([k0, k1]), record.get(4..)?, after))
}

/// The text of a record, up to its NUL; `None` if it is empty or no text.
fn string(value: &[u8]) -> Option<String> {
    let text = value.split(|byte| *byte == 0).next()?;
    std::str::from_utf8(text).ok().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Compares what a hash says of its device with its row: a warning, never a reason to refuse.
///
/// Blanks at the ends don't count: what reads a device for its row takes them away, what makes its hash doesn't.
pub fn cross_check(hash: &HardwareHash, device: &Device) -> Option<HashMismatch> {
    let pairs = [
        (Column::Manufacturer, &device.manufacturer, &hash.manufacturer),
        (Column::Model, &device.model, &hash.model),
        (Column::SerialNumber, &device.serial_number, &hash.serial_number),
    ];
    let fields: Vec<(String, String, String)> = pairs
        .into_iter()
        .filter_map(|(column, row, hash)| hash.as_ref().map(|hash| (column, row, hash)))
        .filter(|(_, row, hash)| row.trim() != hash.trim())
        .map(|(column, row, hash)| (column.heading().to_owned(), row.clone(), hash.clone()))
        .collect();
    (!fields.is_empty()).then_some(HashMismatch { fields })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + 4).expect("a short value");
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), value].concat()
    }

    fn hash_of(records: &[Vec<u8>]) -> String {
        let body = records.concat();
        BASE64.encode([b"OA\x00\x00", &body[..]].concat())
    }

    fn surface() -> HardwareHash {
        HardwareHash {
            manufacturer: Some("Microsoft Corporation".into()),
            model: Some("Surface Laptop".into()),
            serial_number: Some("016520771357".into()),
        }
    }

    #[test]
    fn the_services_own_sample_is_read() {
        assert_eq!(check(SAMPLE), Ok(surface()));
        assert_eq!(check(SAMPLE.trim_end_matches('=')), Ok(surface()));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        assert_eq!(check(""), Err(HashProblem::NotOa3));
        for begins_nearly_so in ["T0AA", "T0IA", "abc", "abcde", "T0=E"] {
            assert_eq!(check(begins_nearly_so), Err(HashProblem::NotOa3), "{begins_nearly_so}");
        }
        for begins_so in ["T0EA", "T0FA", "T0GA", "T0HA"] {
            assert!(check(begins_so).is_ok(), "{begins_so}");
        }
        assert_eq!(check("dGhpc2RldmljZWlzYW5tbWRkZXZpY2U"), Err(HashProblem::NotOa3));
        assert_eq!(check("T0E "), Err(HashProblem::Character { position: 4 }));
        assert_eq!(check("T0-_"), Err(HashProblem::Character { position: 3 }));
        assert_eq!(check("T0EeB"), Err(HashProblem::CutOff));
        assert_eq!(check("T0EeB==="), Err(HashProblem::CutOff));
        assert_eq!(check("T0E"), Ok(HardwareHash::default()), "the length is nobody's business");
    }

    #[test]
    fn what_is_wrong_with_a_hash_is_told_as_it_is() {
        for (text, problem) in [
            ("T0EeAA==", None),
            ("T0EeAA=", None),
            ("T0EeAA", None),
            ("T0EeAA===", Some(HashProblem::Excess { found: 3, fitting: 2 })),
            ("T0EeAAA==", Some(HashProblem::Excess { found: 2, fitting: 1 })),
            ("T0EeAAAA=", Some(HashProblem::Excess { found: 1, fitting: 0 })),
            ("T0Ee=AAA", Some(HashProblem::Middle { position: 5 })),
            ("T0EeAA==T0EeAA==", Some(HashProblem::Middle { position: 7 })),
            ("t0eeaaa1", Some(HashProblem::SmallLetters)),
            ("t0efaa==", Some(HashProblem::SmallLetters)),
            ("t0EeAAAA", Some(HashProblem::NotOa3)),
        ] {
            assert_eq!(check(text).err(), problem, "{text}");
            if let Some(problem) = problem {
                assert_eq!(HashProblem::recorded(&problem.to_string()), Some(problem), "{text}");
            }
        }
    }

    #[test]
    fn records_that_are_odd_are_no_reason_to_refuse() {
        let serial = record(SERIAL_NUMBER, b"4711\0");
        let cases = [
            (hash_of(std::slice::from_ref(&serial)), Some("4711")),
            (hash_of(&[record(99, b""), serial.clone()]), Some("4711")),
            (hash_of(&[record(SERIAL_NUMBER, b"4711")]), Some("4711")),
            (hash_of(&[record(SERIAL_NUMBER, b"\0")]), None),
            (hash_of(&[record(SERIAL_NUMBER, b"\xff\xfe\0")]), None),
            (hash_of(&[vec![1, 0, 0, 0], serial.clone()]), None),
            (hash_of(&[vec![1, 0, 255, 255], serial]), None),
        ];
        for (text, serial_number) in cases {
            assert_eq!(check(&text).map(|hash| hash.serial_number), Ok(serial_number.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn a_hash_of_another_device_is_noticed() {
        let device = |model: &str, serial_number: &str| Device {
            manufacturer: "Microsoft Corporation".into(),
            model: model.into(),
            serial_number: serial_number.into(),
        };
        assert_eq!(cross_check(&surface(), &device("Surface Laptop ", "016520771357")), None);
        assert_eq!(cross_check(&HardwareHash::default(), &device("x", "y")), None);
        let mismatch = cross_check(&surface(), &device("surface laptop", "16520771357"));
        let fields = vec![
            ("Model".to_owned(), "surface laptop".to_owned(), "Surface Laptop".to_owned()),
            ("Serial Number".to_owned(), "16520771357".to_owned(), "016520771357".to_owned()),
        ];
        assert_eq!(mismatch, Some(HashMismatch { fields }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, text: String) {
            let blob = [b"OA", &bytes[..]].concat();
            prop_assert!(check(&BASE64.encode(blob)).is_ok());
            prop_assert!(check(&text).is_err() || text.starts_with("T0"));
        }
    }

    /// The sample that the service's documentation gives out.
    const SAMPLE: &str = "T0EeBAEAHAAAAAoAAQBjRQAACgAgAWNFTw76I3gCCQMCABAACQABAAIABAABAAAABQAZAAgAAAAAAAAACAAAAAAAAAACAAEAAwMA\
         EQBHZW51aW5lSW50ZWwABAA0AEludGVsKFIpIENvcmUoVE0pIGk1LTczMDBVIENQVSBAIDIuNjBHSHoAAAAAAAAAAAYAEAAAAQAA\
         AAAAABEAAAEHAEUAMzMzM180QTMwXzRBMjFfNjExNV8wMDI1XzM4NTlfMDAwMF8wMDAxLnxTQU1TVU5HIEtVUzAzMDIwMk0tQjAw\
         MHwIABoACQAAALyDhexPuwgAAABQAEMASQAAAAgAGgAKAAAAvIOF7E+8CAAAAEIAVABIAAAACQAQAB0BvgDQCOAFAAAAgBsACAAd\
         ABMACgAJAAkCAMUKDQBQAFRQTS1WZXJzaW9uOjIuMCAtTGV2ZWw6MC1SZXZpc2lvbjoxLjE2LVZlbmRvcklEOidOVEMgJy1GaXJt\
         d2FyZTo2NTUzOS42NTUzNgAZAAQBtp4c1IQUNQ6Wiaih3jV16sI/9xdNPxB/iAT1+02gHsHpieOUbnlL39zVxDIgPDwhRM1Fjgh2\
         d8KJu2AM+SiHPXBbuWAP5/NwJlEyf3Te5/5yChEedFWdfgG1/13oK0AmEDSdfdJfDekpeloYSgZr73vsoClJ8DR67BnmyzSKnIY4\
         I8lqDBXrcETeZwqAoqQbv1IP9MB/qersMJjMyuDrnkixiPpBgOGE8r6Oip+KMm3MTVbawqCgMhfl/xfMMR+l+krrAR75msvN9Jzf\
         3ixXZu4uaHJYIobDIufyJYn29BgPllOtVfrK44IogwUeP1H09CT8TH1T9TPBi9CKh8zxjwsALgAAAAAAAQAgAAAAc3sivcVFJ1E8\
         5y+Gixfq87gUTmg7UlAfCesRyIuOLtgMABQANG6FKrfG3VAA6wI+Fp4TLQ4AEQAwMTY1MjA3NzEzNTcADwAaAE1pY3Jvc29mdCBD\
         b3Jwb3JhdGlvbgAQABoATWljcm9zb2Z0IENvcnBvcmF0aW9uABEAEwBTdXJmYWNlIExhcHRvcAASABMAU3VyZmFjZV9MYXB0b3AA\
         EwAMAFN1cmZhY2UAFwAnAEQ6RiBCOjBDODUwMkIxIEY6VSBDOjA5IFA6QzEgUzowMSAAFAAaAE1pY3Jvc29mdCBDb3Jwb3JhdGlv\
         bgAVABMAU3VyZmFjZSBMYXB0b3AAFgAaAFNNQklPU19TVFJJTkdfSU5ERVhfMAAYABIAMzg2MzQ3NTI5Nzc4NwAaABMAW1JTMl1Y\
         MjEtMzYzMTEAHABGADMzMzNfNEEzMF80QTIxXzYxMTVfMDAyNV8zODU5XzAwMDBfMDAwMS58U0FNU1VORyBLVVMwMzAyMDJNLUIw\
         MDB8AENTJADoMJEDquTVL+c3M1mlkr6E6sftOEuJD9f72qWBKCIr";
}
