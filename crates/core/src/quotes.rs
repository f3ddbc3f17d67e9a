//! Watches the quotes of the same bytes that `csv-core` reads, since that reader takes any quotes without a word.
//!
//! Finds text behind a closing quote, and the place at which a quote that never closes was opened. A quote inside an
//! unquoted value is a character like any other: `14" Laptop`. The states are those of `csv-core`; a property test
//! against a third parser holds them together.

use crate::limits::{QUOTED_LINES, RECORD_FIELDS, count};
use crate::lines::{LineCount, ends_line};
use crate::problem::FileProblem;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    FieldStart,
    Unquoted,
    Quoted,
    /// Behind a quote inside quotes: the closing one, or the first of a doubled one.
    AfterQuote,
}

/// Where quotes were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Opened {
    line: u64,
    /// Characters of the line before it.
    before: usize,
    /// The field, from 0.
    pub(crate) field: usize,
}

impl Opened {
    /// The problem of quotes that were opened here and aren't closed.
    pub(crate) fn never_closed(self) -> FileProblem {
        let Self { line, before, field: _ } = self;
        FileProblem::QuoteNeverClosed { line, position: count(before) + 1, column: None }
    }
}

/// Where a record stands with its quotes.
#[derive(Debug)]
pub(crate) struct Quotes {
    delimiter: u8,
    place: Place,
    /// Where the quotes opened last were opened.
    opened: Opened,
    /// Characters of the line before the next byte.
    characters: usize,
    strays: Vec<usize>,
    bare: Option<usize>,
}

impl Quotes {
    pub(crate) fn new(delimiter: u8) -> Self {
        let opened = Opened::default();
        Self { delimiter, place: Place::FieldStart, opened, characters: 0, strays: Vec::new(), bare: None }
    }

    /// A record begins.
    pub(crate) fn begin(&mut self) {
        self.place = Place::FieldStart;
        self.opened = Opened::default();
        self.characters = 0;
        self.strays.clear();
        self.bare = None;
    }

    /// The fields of this record with text behind their closing quote, from 0.
    pub(crate) fn strays(&self) -> &[usize] {
        &self.strays
    }

    /// Whether any quotes were opened in this record.
    pub(crate) fn any(&self) -> bool {
        self.opened != Opened::default()
    }

    /// Where quotes were opened last.
    pub(crate) fn opened(&self) -> Opened {
        self.opened
    }

    /// The first field of this record that isn't quoted and has a quote in it, from 0.
    pub(crate) fn bare(&self) -> Option<usize> {
        self.bare
    }

    /// Where the quotes were opened that are open now.
    pub(crate) fn open(&self) -> Option<Opened> {
        (self.place == Place::Quoted).then_some(self.opened)
    }

    /// Reads the next bytes of the record, its line end included; they begin in `field`. `any` says whether there
    /// may be a quote among them.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        any: bool,
        field: usize,
        lines: &mut LineCount,
    ) -> Result<(), FileProblem> {
        if matches!(self.place, Place::Quoted | Place::AfterQuote) || (any && bytes.contains(&b'"')) {
            return self.each(bytes, field, lines);
        }
        lines.one_line(bytes);
        if let Some(last) = bytes.last() {
            self.place = if *last == self.delimiter { Place::FieldStart } else { Place::Unquoted };
            // Nobody asks for the place behind a record's end.
            if !ends_line(*last) {
                self.characters += characters(bytes);
            }
        }
        Ok(())
    }

    /// Goes from one byte that means something to the next.
    fn each(&mut self, mut bytes: &[u8], mut field: usize, lines: &mut LineCount) -> Result<(), FileProblem> {
        while !bytes.is_empty() {
            let plain = self.plain(bytes);
            let (skipped, rest) = bytes.split_at(plain);
            if plain > 0 {
                lines.one_line(skipped);
                self.characters += characters(skipped);
                self.text(field);
            }
            let Some((byte, after)) = rest.split_first() else { break };
            let line = lines.line();
            lines.byte(*byte);
            let before = self.characters;
            self.characters = if ends_line(*byte) { 0 } else { before + 1 };
            match (*byte, self.place) {
                (b'"', Place::FieldStart) => {
                    self.opened = Opened { line, before, field };
                    self.place = Place::Quoted;
                }
                (b'"', Place::AfterQuote) => self.place = Place::Quoted,
                (b'"', Place::Quoted) => self.place = Place::AfterQuote,
                // A line end: the only other byte that means something inside quotes.
                (_, Place::Quoted) if lines.line() - self.opened.line >= QUOTED_LINES => {
                    return Err(self.opened.never_closed());
                }
                (_, Place::Quoted) => {}
                (b'"', Place::Unquoted) => {
                    self.bare.get_or_insert(field);
                }
                _ => {
                    field += usize::from(*byte == self.delimiter);
                    self.place = Place::FieldStart;
                }
            }
            bytes = after;
        }
        Ok(())
    }

    /// How many of the next bytes are text wherever they stand, or at least inside quotes if that is where we are.
    fn plain(&self, bytes: &[u8]) -> usize {
        let end = match self.place {
            Place::Quoted => bytes.iter().position(|byte| matches!(byte, b'"' | b'\r' | b'\n')),
            _ => bytes.iter().position(|byte| matches!(byte, b'"' | b'\r' | b'\n') || *byte == self.delimiter),
        };
        end.unwrap_or(bytes.len())
    }

    /// Plain text was read.
    fn text(&mut self, field: usize) {
        match self.place {
            Place::Quoted => {}
            Place::FieldStart | Place::Unquoted => self.place = Place::Unquoted,
            Place::AfterQuote => {
                // Fields that aren't kept are no column's.
                if field < RECORD_FIELDS {
                    self.strays.push(field);
                }
                self.place = Place::Unquoted;
            }
        }
    }
}

/// The characters that begin in some bytes of UTF-8.
pub(crate) fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}
