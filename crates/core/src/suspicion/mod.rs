//! What would be taken and looks wrong: values must match byte for byte, and some seldom do. Data, without words; the
//! words are in the module `message`.
//!
//! [`Watcher`] is fed with the rows of a file and says what looks wrong in each; what shows only when all rows are
//! known comes at the end. What the record knows of a row ([`Suspect::RegisteredBefore`] and the like) is found by
//! whoever can ask it. Nothing here refuses a row: that is `row`'s and `sheet`'s affair.

mod character;
mod date;
mod past;
mod serial;
mod spelling;
mod together;
mod value;

use std::ops::Range;

use crate::device::{Column, Device};
use crate::oa3::{self, HashProblem};
use crate::registrar::HashMismatch;
use crate::row::{Content, Row};
use crate::sheet::Head;
use crate::time::Timestamp;

pub use self::past::{Known, MOST_ZEROS, Past, Standing};

use self::spelling::Spellings;
use self::together::Together;

/// One thing that looks wrong. Its text is the file's own: hostile, and escaped by whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicion<'a> {
    /// The line on which the row begins.
    pub line: u64,
    /// The cell that it is about; none where it is the whole row.
    pub cell: Option<Cell<'a>>,
    /// What it is.
    pub suspect: Suspect<'a>,
}

/// A cell, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell<'a> {
    /// Our name for its column.
    pub column: Column,
    /// The file's heading for it.
    pub heading: &'a str,
    /// Where in the row it stands, from 0.
    pub index: usize,
    /// The characters of its value that are meant, from 0; all of them where none is named.
    pub characters: Option<Range<u64>>,
}

/// Where something stood before, on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier<'a> {
    /// The file, inside the drop folder.
    pub file: &'a str,
    /// The line of the row.
    pub line: u64,
    /// The day on which it was registered, or else came in.
    pub date: Timestamp,
}

/// What can look wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suspect<'a> {
    /// The headings once more, where a device should stand.
    HeadingsAgain,
    /// Blanks at the beginning or the end of a value. The character is the first of them that isn't a keyboard's.
    SurroundingBlanks(Option<char>),
    /// Two or more blanks in a row inside a value.
    DoubledBlanks,
    /// A byte order mark inside a value.
    ByteOrderMark,
    /// A character without width inside a value.
    Invisible(char),
    /// A blank inside a value that isn't a keyboard's.
    OddBlank(char),
    /// A typographic quotation mark or apostrophe, and the one of a keyboard.
    SmartQuote(char, char),
    /// A character that is easily taken for this other one: a Cyrillic letter, a full-width digit, a long hyphen.
    LookAlike(char, char),
    /// A letter and its mark in two characters, and the one character that looks the same and is usual.
    MarkApart(char),
    /// A character that seldom stands in serial numbers.
    NotAscii(char),
    /// A quotation mark in a field that isn't quoted.
    BareQuote,
    /// The row of the documentation's sample.
    Sample,
    /// What firmware and exports hold where nobody gave a serial number.
    Placeholder(&'a str),
    /// What a spreadsheet makes of a serial number that looks like a date to it.
    Date(&'a str),
    /// A long number whose digits behind the fifteenth a spreadsheet made zeros.
    LostDigits(&'a str),
    /// What a spreadsheet shows in place of a value it can't compute (`#N/A`).
    SpreadsheetError(&'a str),
    /// A formula or an apostrophe that was meant to keep a spreadsheet from changing the value, and is part of it now.
    TextMark(&'a str),
    /// A whole number with a decimal part (`123.0`).
    Decimals(&'a str),
    /// Shorter than nearly all others of its kind in the file, which are digits alone as this one is.
    LostZeros {
        /// The serial number.
        found: &'a str,
        /// How many digits the others have.
        usual: u64,
    },
    /// Another row's but for leading zeros.
    ZerosDiffer {
        /// The line on which the other one stands.
        first: u64,
    },
    /// The device stands in the file already.
    Twice {
        /// The line on which it stands first.
        first: u64,
    },
    /// A manufacturer or model that other rows write with other capitals, blanks or marks.
    OtherSpelling {
        /// As it is written here.
        found: &'a str,
        /// In how many rows.
        rows: u64,
        /// As most write it.
        usual: &'a str,
        /// In how many rows.
        usual_rows: u64,
        /// The first line that does.
        first: u64,
    },
    /// A column that counts for nothing, since its heading is only nearly this one.
    NearlyHeading {
        /// The heading.
        found: &'a str,
        /// The one that would count.
        wanted: &'a str,
    },
    /// An order ID or purchase ID without a letter or digit, as in advice that was copied.
    NotFilledIn(&'a str),
    /// The hardware hash isn't one.
    HardwareHash(HashProblem),
    /// The hardware hash speaks of another device.
    OtherDevice(HashMismatch),
    /// The row of a result file that was refused for its form; its device is still what the result made of it.
    Uncorrected(Device),
    /// This customer registered the device before.
    RegisteredBefore(Earlier<'a>),
    /// This customer dropped the device before, and its registration is pending.
    PendingBefore(Earlier<'a>),
    /// This customer registered a device with this serial number, whose manufacturer or model was another.
    OtherDeviceBefore {
        /// The cell's value.
        found: &'a str,
        /// What stood there.
        before: &'a str,
        /// Where.
        earlier: Earlier<'a>,
    },
    /// This customer sent the serial number before with more or fewer leading zeros.
    ZerosBefore {
        /// How it is written here.
        found: &'a str,
        /// How it was.
        before: &'a str,
        /// Where.
        earlier: Earlier<'a>,
    },
}

impl Suspect<'_> {
    /// The word for it that programs can go by; it never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HeadingsAgain => "headings_again",
            Self::SurroundingBlanks(_) => "surrounding_blanks",
            Self::DoubledBlanks => "doubled_blanks",
            Self::ByteOrderMark => "bom_inside",
            Self::Invisible(_) => "invisible",
            Self::OddBlank(_) => "odd_blank",
            Self::SmartQuote(..) => "smart_quote",
            Self::LookAlike(..) => "look_alike",
            Self::MarkApart(_) => "mark_apart",
            Self::NotAscii(_) => "not_ascii",
            Self::BareQuote => "bare_quote",
            Self::Sample => "sample",
            Self::Placeholder(_) => "placeholder",
            Self::Date(_) => "date",
            Self::LostDigits(_) => "lost_digits",
            Self::SpreadsheetError(_) => "spreadsheet_error",
            Self::TextMark(_) => "text_mark",
            Self::Decimals(_) => "decimals",
            Self::LostZeros { .. } => "lost_zeros",
            Self::ZerosDiffer { .. } => "zeros_differ",
            Self::Twice { .. } => "twice",
            Self::OtherSpelling { .. } => "other_spelling",
            Self::NearlyHeading { .. } => "nearly_heading",
            Self::NotFilledIn(_) => "not_filled_in",
            Self::HardwareHash(_) => "hardware_hash",
            Self::OtherDevice(_) => "other_device",
            Self::Uncorrected(_) => "uncorrected",
            Self::RegisteredBefore(_) => "registered_before",
            Self::PendingBefore(_) => "pending_before",
            Self::OtherDeviceBefore { .. } => "other_device_before",
            Self::ZerosBefore { .. } => "zeros_before",
        }
    }
}

/// Takes what looks wrong.
pub type Found<'f> = &'f mut dyn FnMut(&Suspicion<'_>);

/// Watches the rows of one file. Holds some 60 MB at most, whatever is in the file: past its limits it compares less,
/// and says so at the end.
#[derive(Debug, Default)]
pub struct Watcher {
    together: Together,
    spellings: Spellings,
    /// Where the columns stand, from the first row on.
    columns: Vec<(Column, usize)>,
}

/// What a watcher has to say of itself at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watched {
    /// How many devices others were compared with, where that wasn't all.
    pub compared: Option<u64>,
    /// Serial numbers that probably lost leading zeros and weren't named one by one.
    pub lost_zeros_unnamed: u64,
}

impl Watcher {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what looks wrong in the next row. Of a row that is refused nothing is said.
    pub fn row(&mut self, head: &Head, row: &Row<'_>, found: Found<'_>) {
        let Ok(content) = &row.content else { return };
        if repeats_headings(head, row) {
            found(&Suspicion { line: row.line, cell: None, suspect: Suspect::HeadingsAgain });
            return;
        }
        if let Some(device) = row.uncorrected() {
            found(&Suspicion { line: row.line, cell: None, suspect: Suspect::Uncorrected(device) });
        }
        if self.columns.is_empty() {
            for (index, column, wanted) in row.nearly() {
                let heading = head.headings.get(index).map(String::as_str).unwrap_or_default();
                let cell = Some(Cell { column, heading, index, characters: None });
                let suspect = Suspect::NearlyHeading { found: heading.trim(), wanted };
                found(&Suspicion { line: head.line, cell, suspect });
            }
            let place = |column| row.index(column).map(|index| (column, index));
            self.columns = Column::ALL.into_iter().filter_map(place).collect();
        }
        let columns = &self.columns;
        let mut tell = |column, characters, suspect| {
            found(&Suspicion { line: row.line, cell: cell(head, columns, column, characters), suspect });
        };
        let Content { manufacturer, model, serial_number, hardware_hash, order_id, purchase_id } = *content;
        for (column, id) in [(Column::OrderId, order_id), (Column::PurchaseId, purchase_id)] {
            if let Some(id) = id.filter(|id| is_not_filled_in(id)) {
                tell(column, None, Suspect::NotFilledIn(id));
            }
        }
        for (column, value) in
            [(Column::Manufacturer, manufacturer), (Column::Model, model), (Column::SerialNumber, serial_number)]
        {
            value::look(column, value, &mut tell);
        }
        // Of `="0123"` the whole is told below.
        let formula = |column: &Column| *column == Column::SerialNumber && serial_number.starts_with('=');
        if let Some(column) = row.bare_quote.filter(|column| !formula(column)) {
            tell(column, None, Suspect::BareQuote);
        }
        if serial::is_sample(manufacturer, model, serial_number) {
            tell(Column::SerialNumber, None, Suspect::Sample);
        } else if let Some(suspect) = serial::look(serial_number) {
            tell(Column::SerialNumber, None, suspect);
        }
        if let Some(suspect) = self.together.row(content, row.line) {
            tell(Column::SerialNumber, None, suspect);
        }
        self.spellings.row(content, row.line);
        if let Some(hash) = hardware_hash {
            hash_of(content, hash, &mut tell);
        }
    }

    /// Says what shows only now that all rows are known.
    pub fn finish(self, head: &Head, found: Found<'_>) -> Watched {
        let Self { together, spellings, columns } = self;
        let mut late = |line: u64, column: Column, suspect: Suspect<'_>| {
            found(&Suspicion { line, cell: cell(head, &columns, column, None), suspect });
        };
        spellings.finish(&mut late);
        let compared = together.compared();
        let lost_zeros_unnamed =
            together.finish(&mut |line, suspect: Suspect<'_>| late(line, Column::SerialNumber, suspect));
        Watched { compared, lost_zeros_unnamed }
    }
}

/// Takes a column, the characters of its value that are meant, and what is wrong with them.
type Tell<'t, 'a> = &'t mut dyn FnMut(Column, Option<Range<u64>>, Suspect<'a>);

fn cell<'a>(
    head: &'a Head,
    columns: &[(Column, usize)],
    column: Column,
    characters: Option<Range<u64>>,
) -> Option<Cell<'a>> {
    let (_, index) = columns.iter().find(|(known, _)| *known == column)?;
    let heading = head.headings.get(*index).map(String::as_str).unwrap_or_default();
    Some(Cell { column, heading, index: *index, characters })
}

/// Whether an ID, which may have any form, says nothing: `...`, `-`, `?`.
pub fn is_not_filled_in(id: &str) -> bool {
    !id.chars().any(char::is_alphanumeric)
}

/// Whether a row is the line of headings again, as where files were put together.
fn repeats_headings(head: &Head, row: &Row<'_>) -> bool {
    fn plain(text: &str) -> &str {
        text.trim_start_matches('\u{feff}').trim()
    }
    let is_heading = |(cell, heading): (&str, &String)| plain(cell) == plain(heading);
    // The first cell tells nearly every row apart.
    row.echo(head).zip(&head.headings).take(1).all(is_heading) && row.echo(head).zip(&head.headings).all(is_heading)
}

fn hash_of(content: &Content<'_>, hash: &str, tell: Tell<'_, '_>) {
    let hash = match oa3::check(hash) {
        Ok(hash) => hash,
        Err(problem) => {
            let characters = match problem {
                HashProblem::Character { position } | HashProblem::Middle { position } => {
                    Some(position.saturating_sub(1)..position)
                }
                _ => None,
            };
            return tell(Column::HardwareHash, characters, Suspect::HardwareHash(problem));
        }
    };
    let device = Device {
        manufacturer: content.manufacturer.to_owned(),
        model: content.model.to_owned(),
        serial_number: content.serial_number.to_owned(),
    };
    if let Some(mismatch) = oa3::cross_check(&hash, &device) {
        tell(Column::HardwareHash, None, Suspect::OtherDevice(mismatch));
    }
}

#[cfg(test)]
mod tests;
