//! Watches the quotes of the same bytes that `csv-core` reads, since that reader takes any quotes without a word.
//!
//! Finds text behind a closing quote, and the line on which a quote that never closes was opened. A quote inside an
//! unquoted value is a character like any other: `14" Laptop`. The states are those of `csv-core`; a property test
//! against a third parser holds them together.

use crate::limits::QUOTED_LINES;
use crate::lines::LineCount;
use crate::problem::FileProblem;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    FieldStart,
    Unquoted,
    Quoted,
    /// Behind a quote inside quotes: the closing one, or the first of a doubled one.
    AfterQuote,
}

/// Where a record stands with its quotes.
#[derive(Debug)]
pub(crate) struct Quotes {
    delimiter: u8,
    place: Place,
    /// The line on which the quotes opened last were opened.
    opened: u64,
    stray: Option<usize>,
    bare: Option<usize>,
}

impl Quotes {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self { delimiter, place: Place::FieldStart, opened: 0, stray: None, bare: None }
    }

    /// A record begins.
    pub(crate) fn begin(&mut self) {
        self.place = Place::FieldStart;
        self.stray = None;
        self.bare = None;
    }

    /// The first field of this record with text behind its closing quote, from 0.
    pub(crate) fn stray(&self) -> Option<usize> {
        self.stray
    }

    /// The first field of this record that isn't quoted and has a quote in it, from 0.
    pub(crate) fn bare(&self) -> Option<usize> {
        self.bare
    }

    /// The line on which the quotes were opened that are open now.
    pub(crate) fn open(&self) -> Option<u64> {
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
                self.text(field);
            }
            let Some((byte, after)) = rest.split_first() else { break };
            let line = lines.line();
            lines.byte(*byte);
            match (*byte, self.place) {
                (b'"', Place::FieldStart) => {
                    self.opened = line;
                    self.place = Place::Quoted;
                }
                (b'"', Place::AfterQuote) => self.place = Place::Quoted,
                (b'"', Place::Quoted) => self.place = Place::AfterQuote,
                // A line end: the only other byte that means something inside quotes.
                (_, Place::Quoted) if lines.line() - self.opened >= QUOTED_LINES => {
                    return Err(FileProblem::QuoteNeverClosed { line: self.opened });
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
                self.stray.get_or_insert(field);
                self.place = Place::Unquoted;
            }
        }
    }
}
