//! Manufacturers and models that a file writes in two ways: the one that few rows have is probably a slip.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::Suspect;
use super::character::is_blank;
use crate::device::Column;
use crate::row::Content;

/// Different spellings that are remembered of one column: real files have some dozens.
const REMEMBERED: usize = 1024;

/// Characters of a value that is remembered; longer ones aren't compared.
const LONGEST: usize = 128;

/// How many rows write a value so, and the first that does.
#[derive(Debug, Clone, Copy)]
struct Seen {
    rows: u64,
    first: u64,
}

/// The manufacturers and the models of a file so far.
#[derive(Debug, Default)]
pub(super) struct Spellings {
    manufacturers: BTreeMap<String, Seen>,
    models: BTreeMap<String, Seen>,
}

impl Spellings {
    pub(super) fn row(&mut self, content: &Content<'_>, line: u64) {
        remember(&mut self.manufacturers, content.manufacturer, line);
        remember(&mut self.models, content.model, line);
    }

    /// Names each spelling that fewer rows have than another one of the same letters and digits.
    pub(super) fn finish(&self, late: &mut dyn FnMut(u64, Column, Suspect<'_>)) {
        for (column, spellings) in [(Column::Manufacturer, &self.manufacturers), (Column::Model, &self.models)] {
            let mut same: BTreeMap<String, Vec<(&str, Seen)>> = BTreeMap::new();
            for (text, seen) in spellings {
                same.entry(plain(text)).or_default().push((text, *seen));
            }
            for (plain, mut written) in same {
                // The most usual one first; of two alike, the one that stands first.
                written.sort_by_key(|(_, seen)| (std::cmp::Reverse(seen.rows), seen.first));
                let Some((&(usual, most), others)) = written.split_first() else { continue };
                for (found, seen) in others.iter().filter(|_| !plain.is_empty()) {
                    let suspect = Suspect::OtherSpelling {
                        found,
                        rows: seen.rows,
                        usual,
                        usual_rows: most.rows,
                        first: most.first,
                    };
                    late(seen.first, column, suspect);
                }
            }
        }
    }
}

fn remember(spellings: &mut BTreeMap<String, Seen>, value: &str, line: u64) {
    // Blanks around a value are told of by themselves.
    let value = value.trim_matches(is_blank);
    if let Some(seen) = spellings.get_mut(value) {
        seen.rows += 1;
    } else if spellings.len() < REMEMBERED && value.len() <= LONGEST {
        spellings.insert(value.to_owned(), Seen { rows: 1, first: line });
    }
}

/// A value without capitals, blanks and marks. A plus or a sharp makes another model of it.
fn plain(value: &str) -> String {
    let kept = |character: &char| character.is_alphanumeric() || matches!(character, '+' | '#');
    value.nfc().filter(kept).flat_map(char::to_lowercase).collect()
}
