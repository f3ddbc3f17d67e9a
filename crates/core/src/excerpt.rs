//! Picks single lines out of a file, as they stand there, to be shown beside what is said of them.
//!
//! Lines are counted as problems and rows count them. What is in a line is not looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::decode::{Decoder, Piece};
use crate::lines::{LineCount, ends_line};
use crate::survey::Encoding;

/// Bytes that are kept of one line: room for the longest hardware hash and all beside it.
const KEPT_BYTES: usize = 64 << 10;

/// Looks for lines in a file that comes in chunks. Holds the lines asked for, each up to 64 KiB.
pub struct Excerpts {
    /// Nothing where the encoding isn't known: then lines are given out as the bytes that they are.
    decoder: Option<Decoder>,
    picking: Picking,
}

struct Picking {
    wanted: BTreeSet<u64>,
    lines: LineCount,
    found: BTreeMap<u64, Vec<u8>>,
}

impl Excerpts {
    /// Nothing read yet.
    pub fn new(encoding: Option<Encoding>, wanted: BTreeSet<u64>) -> Self {
        let picking = Picking { wanted, lines: LineCount::new(), found: BTreeMap::new() };
        Self { decoder: encoding.map(Decoder::new), picking }
    }

    /// Reads the next bytes of the file; says whether there is still something to be found.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        let Self { decoder, picking } = self;
        match decoder {
            None => picking.text(bytes),
            // What isn't text is left out: a survey went over the file before.
            Some(decoder) => drop(decoder.feed(bytes, &mut |piece| {
                if let Piece::Text(text) = piece {
                    picking.text(text);
                }
                Ok(())
            })),
        }
        picking.wanted.last().is_some_and(|last| picking.lines.line() <= *last)
    }

    /// The lines, without their ends: UTF-8 where the encoding was known.
    pub fn finish(self) -> BTreeMap<u64, Vec<u8>> {
        self.picking.found
    }
}

impl Picking {
    fn text(&mut self, text: &[u8]) {
        for part in text.split_inclusive(|byte| ends_line(*byte)) {
            let line = self.lines.line();
            // The LF of a CRLF stands on the next line by this count; there is nothing else in its part.
            self.lines.one_line(part);
            if !self.wanted.contains(&line) {
                continue;
            }
            let without_end = part.strip_suffix(b"\n").or(part.strip_suffix(b"\r")).unwrap_or(part);
            let kept = self.found.entry(line).or_default();
            let room = KEPT_BYTES.saturating_sub(kept.len()).min(without_end.len());
            kept.extend_from_slice(without_end.get(..room).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(encoding: Option<Encoding>, bytes: &[u8], wanted: &[u64], chunk: usize) -> Vec<(u64, String)> {
        let mut excerpts = Excerpts::new(encoding, wanted.iter().copied().collect());
        for bytes in bytes.chunks(chunk) {
            excerpts.feed(bytes);
        }
        let text = |bytes: &[u8]| crate::shown::shown_bytes(bytes).to_string();
        excerpts.finish().into_iter().map(|(line, bytes)| (line, text(&bytes))).collect()
    }

    #[test]
    fn lines_are_found_whatever_their_ends_and_the_chunks() {
        for chunk in 1..9 {
            let bytes = b"\xEF\xBB\xBFone\r\ntwo\rthree\n\nfiv\xC3\xA9";
            let found = picked(Some(Encoding::Utf8Bom), bytes, &[1, 2, 4, 5, 9], chunk);
            let expected = [(1, "one"), (2, "two"), (4, ""), (5, "fivé")];
            assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())), "chunks of {chunk}");
        }
    }

    #[test]
    fn other_encodings_are_decoded_and_an_unknown_one_is_left_as_it_is() {
        assert_eq!(picked(Some(Encoding::Windows1252), b"a\nM\xFCller", &[2], 3), [(2, "Müller".to_owned())]);
        assert_eq!(picked(Some(Encoding::Utf16Le), b"\xFF\xFEa\0\n\0b\0", &[2], 3), [(2, "b".to_owned())]);
        assert_eq!(picked(None, b"a\nM\xFC\0", &[2], 3), [(2, r"M\xfc\u{0}".to_owned())]);
    }

    #[test]
    fn nothing_is_read_behind_the_last_line_and_no_line_is_kept_without_limit() {
        let mut excerpts = Excerpts::new(Some(Encoding::Utf8), [2].into());
        assert!(excerpts.feed(b"a\n"));
        assert!(excerpts.feed("x".repeat(2 * KEPT_BYTES).as_bytes()));
        assert!(!excerpts.feed(b"\n"));
        assert_eq!(excerpts.finish().get(&2).map(Vec::len), Some(KEPT_BYTES));
        assert!(!Excerpts::new(None, BTreeSet::new()).feed(b"a"));
    }
}
