//! What shows only of several rows together: devices that stand twice, serial numbers that differ by leading zeros,
//! and those that lost zeros or digits in a spreadsheet. In a memory that no file can fill.

use std::collections::BTreeMap;

use super::Suspect;
use super::serial::{KEPT_DIGITS, is_digits, zero_tail};
use crate::limits::count;
use crate::row::Content;

/// Devices that are remembered, some 50 MB of them.
const DEVICES: usize = 1 << 20;

/// Pairs of manufacturer and model whose serial numbers are compared by their length.
const KINDS: usize = 1024;

/// Rows that are kept until the end, when it is known whether anything is wrong with them.
const DOUBTFUL: usize = 4096;

/// Serial numbers longer than this are no numbers of a spreadsheet.
const LONGEST: usize = 32;

/// Rows of a kind before its usual length means anything.
const ENOUGH: u64 = 4;

/// A usual length below which serial numbers may well just be counted up.
const SHORTEST_USUAL: usize = 6;

/// Zeros that a serial number may have lost: one in a million begins with more.
const ZEROS: usize = 6;

/// The first 16 bytes of a SHA-256: a sender can't make two devices look the same.
type Hash = [u8; 16];

/// The rows of a file so far.
#[derive(Debug, Default)]
pub(super) struct Together {
    /// By what a device is without the leading zeros of its serial number.
    devices: BTreeMap<Hash, First>,
    forgets: bool,
    kinds: Vec<Kind>,
    kinds_by_hash: BTreeMap<Hash, usize>,
    /// The kind of the row before, since rows of one kind mostly stand together.
    last: Option<(String, String, usize)>,
    doubtful: Vec<Doubtful>,
    /// Serial numbers of more digits than a spreadsheet keeps.
    long: u64,
    /// Those of them that have zeros in place of the others.
    long_with_zeros: u64,
}

/// The first row of a device.
#[derive(Debug, Clone, Copy)]
struct First {
    line: u64,
    zeros: u16,
}

/// The serial numbers of one manufacturer and model that are digits alone, by their length.
#[derive(Debug, Clone)]
struct Kind {
    lengths: [u64; LONGEST + 1],
    /// Those of them that begin with another digit than 0.
    without_zero: [u64; LONGEST + 1],
}

impl Kind {
    /// The length that nearly all have.
    fn usual(&self) -> Option<usize> {
        let (length, most) = self.lengths.iter().enumerate().max_by_key(|(_, rows)| **rows)?;
        let shorter: u64 = self.lengths.iter().take(length).sum();
        (length >= SHORTEST_USUAL && *most >= ENOUGH && shorter.saturating_mul(2) <= *most).then_some(length)
    }

    /// The lengths at which a serial number lost zeros, if `usual` is what nearly all have.
    fn short(usual: usize) -> std::ops::Range<usize> {
        usual.saturating_sub(ZEROS).max(1)..usual
    }

    fn lost(&self) -> u64 {
        let Some(usual) = self.usual() else { return 0 };
        Self::short(usual).filter_map(|length| self.without_zero.get(length)).sum()
    }
}

/// A row of which only the end tells whether something is wrong.
#[derive(Debug)]
struct Doubtful {
    line: u64,
    serial_number: String,
    /// Its kind, where it may have lost zeros; otherwise it may have lost digits.
    kind: Option<usize>,
}

impl Together {
    /// Says what can be said at once.
    pub(super) fn row(&mut self, content: &Content<'_>, line: u64) -> Option<Suspect<'static>> {
        let serial_number = content.serial_number;
        if is_digits(serial_number) {
            self.number(content, line);
        }
        let significant = without_zeros(serial_number);
        let zeros = u16::try_from(serial_number.len() - significant.len()).unwrap_or(u16::MAX);
        let hash = hash_of(&[content.manufacturer, content.model, significant]);
        if let Some(first) = self.devices.get(&hash) {
            let first_line = first.line;
            return Some(if first.zeros == zeros {
                Suspect::Twice { first: first_line }
            } else {
                Suspect::ZerosDiffer { first: first_line }
            });
        }
        if self.devices.len() < DEVICES {
            self.devices.insert(hash, First { line, zeros });
        } else {
            self.forgets = true;
        }
        None
    }

    /// How many devices others were compared with, where that wasn't all.
    pub(super) fn compared(&self) -> Option<u64> {
        self.forgets.then(|| count(self.devices.len()))
    }

    /// Counts a serial number that is digits alone.
    fn number(&mut self, content: &Content<'_>, line: u64) {
        let serial_number = content.serial_number;
        let tail = zero_tail(serial_number);
        self.long += u64::from(serial_number.len() > KEPT_DIGITS);
        self.long_with_zeros += u64::from(tail > 0);
        let Some(kind) = self.kind(content) else { return };
        let length = serial_number.len();
        let Some(counts) = self.kinds.get_mut(kind) else { return };
        let Some(rows) = counts.lengths.get_mut(length) else { return };
        *rows += 1;
        let begins_with_zero = serial_number.starts_with('0');
        if let Some(rows) = counts.without_zero.get_mut(length).filter(|_| !begins_with_zero) {
            *rows += 1;
        }
        let may_be_short =
            !begins_with_zero && counts.usual().is_none_or(|usual| Kind::short(usual).contains(&length));
        let mut keep = |kind| {
            if self.doubtful.len() < DOUBTFUL {
                self.doubtful.push(Doubtful { line, serial_number: serial_number.to_owned(), kind });
            }
        };
        if may_be_short {
            keep(Some(kind));
        }
        // Longer tails are told of at once.
        if matches!(tail, 1 | 2) {
            keep(None);
        }
    }

    fn kind(&mut self, content: &Content<'_>) -> Option<usize> {
        let Content { manufacturer, model, .. } = *content;
        match &self.last {
            Some((known, of_it, kind)) if known == manufacturer && of_it == model => return Some(*kind),
            _ => {}
        }
        let hash = hash_of(&[manufacturer, model]);
        let kind = match self.kinds_by_hash.get(&hash) {
            Some(kind) => *kind,
            None if self.kinds.len() == KINDS => return None,
            None => {
                self.kinds.push(Kind { lengths: [0; LONGEST + 1], without_zero: [0; LONGEST + 1] });
                let kind = self.kinds.len() - 1;
                self.kinds_by_hash.insert(hash, kind);
                kind
            }
        };
        self.last = Some((manufacturer.to_owned(), model.to_owned(), kind));
        Some(kind)
    }

    /// Says what is wrong with the rows in doubt; returns how many that lost zeros weren't kept.
    pub(super) fn finish(self, late: &mut dyn FnMut(u64, Suspect<'_>)) -> u64 {
        // One alone may end in zeros by chance; all of several don't.
        let digits_are_lost = self.long >= ENOUGH && self.long == self.long_with_zeros;
        let mut named = 0;
        for Doubtful { line, serial_number, kind } in &self.doubtful {
            let Some(kind) = kind else {
                if digits_are_lost {
                    late(*line, Suspect::LostDigits(serial_number));
                }
                continue;
            };
            let usual = self.kinds.get(*kind).and_then(Kind::usual);
            if let Some(usual) = usual.filter(|usual| Kind::short(*usual).contains(&serial_number.len())) {
                named += 1;
                late(*line, Suspect::LostZeros { found: serial_number, usual: count(usual) });
            }
        }
        let lost: u64 = self.kinds.iter().map(Kind::lost).sum();
        lost.saturating_sub(named)
    }
}

/// A serial number of digits without its leading zeros; any other as it is.
fn without_zeros(serial_number: &str) -> &str {
    if !is_digits(serial_number) {
        return serial_number;
    }
    let significant = serial_number.trim_start_matches('0');
    if significant.is_empty() { serial_number } else { significant }
}

fn hash_of(parts: &[&str]) -> Hash {
    use sha2::Digest;
    let mut digest = sha2::Sha256::new();
    for part in parts {
        digest.update(count(part.len()).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let digest: [u8; 32] = digest.finalize().into();
    let mut hash = Hash::default();
    hash.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    hash
}
