//! Pass 2 over a file, whose encoding is known: its headings, then row after row, in constant memory.
//!
//! Rows are given out as they are read; whether the file as a whole is accepted is known only at its end, so whoever
//! takes them acts on none before [`SheetReader::finish`].

use std::collections::BTreeMap;

pub use crate::dialect::{Delimiter, Dialect, LineEnding};

use crate::below::Below;
use crate::decode::{Decoder, Piece};
use crate::device::{Column, Format};
use crate::headings::{self, Headings, Layout, quoted};
use crate::limits::{RECORD_BYTES, RECORD_FIELDS, count};
use crate::lines::LineCount;
use crate::preamble::{Opening, Preamble};
use crate::problem::{FileProblem, HeadingHint};
use crate::records::Records;
use crate::row::{Fields, Row};
use crate::survey::Encoding;

/// What is accepted from a customer.
#[derive(Debug, Clone)]
pub struct SheetOptions {
    /// The formats; all if there is none.
    pub formats: Vec<Format>,
    /// The customer's own headings. If there is any, the columns' order is free and others may stand among them.
    pub columns: BTreeMap<Column, String>,
    /// Data rows in one file.
    pub max_rows: u64,
    /// Whether a file without a data row is fine.
    pub empty_files: bool,
}

/// What the beginning of a file says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its format, told by its headings.
    pub format: Format,
    /// How it is written.
    pub dialect: Dialect,
    /// The headings that a result file repeats, as written: without our own four, and without empty ones at the right
    /// end.
    pub headings: Vec<String>,
    /// The line on which the headings stand.
    pub line: u64,
}

/// A file read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Its beginning.
    pub head: Head,
    /// Its data rows.
    pub rows: u64,
    /// Those among them that are refused.
    pub invalid: u64,
    /// A sign that it isn't complete.
    pub doubt: Option<Doubt>,
}

/// What a file that is still being written, or whose upload broke off, would explain. Graver signs are problems, see
/// [`FileProblem::may_be_incomplete`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// The last line has too few fields and no line end.
    ShortLastLine,
    /// The last line has no line end, where every earlier one had.
    NoLineEnd,
}

/// Takes the rows in their order.
pub type Sink<'a> = &'a mut dyn FnMut(&Head, Row<'_>);

/// Reads a sheet that comes in chunks. How it is cut into chunks makes no difference to what is read. Holds some
/// megabytes at most, whatever is in the file.
pub struct SheetReader {
    decoder: Decoder,
    parser: Parser,
}

impl SheetReader {
    /// Nothing read yet.
    pub fn new(encoding: Encoding, options: SheetOptions) -> Self {
        let bom = encoding != Encoding::Utf8;
        let stage = Stage::Preamble(Preamble::new());
        Self { decoder: Decoder::new(encoding), parser: Parser { options, bom, stage } }
    }

    /// Reads the next bytes of the file. After a problem there is nothing more to be read.
    pub fn feed(&mut self, bytes: &[u8], sink: Sink<'_>) -> Result<(), FileProblem> {
        let Self { decoder, parser } = self;
        decoder.feed(bytes, &mut |piece| parser.piece(&piece, sink))
    }

    /// The file ends here.
    pub fn finish(mut self, sink: Sink<'_>) -> Result<Sheet, FileProblem> {
        let Self { decoder, parser } = &mut self;
        decoder.finish(&mut |piece| parser.piece(&piece, sink))?;
        self.parser.finish(sink)
    }

    /// The file's beginning, once it is read.
    pub fn head(&self) -> Option<&Head> {
        match &self.parser.stage {
            Stage::Preamble(_) | Stage::Below(_) => None,
            Stage::Table(table) => table.known.as_ref().filter(|_| !table.open_ending).map(|known| &known.head),
        }
    }
}

impl std::fmt::Debug for SheetReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SheetReader").field("head", &self.head()).finish_non_exhaustive()
    }
}

/// Text to rows.
struct Parser {
    options: SheetOptions,
    bom: bool,
    stage: Stage,
}

enum Stage {
    Preamble(Preamble),
    Table(Box<Table>),
    /// The headings aren't ours: it is only looked whether ours stand further down.
    Below(Below),
}

impl Parser {
    fn piece(&mut self, piece: &Piece<'_>, sink: Sink<'_>) -> Result<(), FileProblem> {
        let line = self.lines().line();
        match piece {
            Piece::Text(text) => self.text(text, sink),
            Piece::NotUtf8(bytes) => {
                Err(FileProblem::InvalidUtf8 { line, byte: bytes.first().copied().unwrap_or_default() })
            }
            Piece::CutUtf8(_) => Err(FileProblem::Utf8Cut { line }),
            Piece::NotUtf16 => Err(FileProblem::InvalidUtf16 { line }),
        }
    }

    fn lines(&self) -> &LineCount {
        match &self.stage {
            Stage::Preamble(preamble) => preamble.lines(),
            Stage::Table(table) => table.records.lines(),
            Stage::Below(below) => below.lines(),
        }
    }

    fn text(&mut self, text: &[u8], sink: Sink<'_>) -> Result<(), FileProblem> {
        let options = &self.options;
        let mut rest = text;
        if let Stage::Preamble(preamble) = &mut self.stage {
            let Some((opening, behind)) = preamble.feed(text, &options.known_headings()) else { return Ok(()) };
            let mut table = Table::open(&opening, options, self.bom)?;
            table.text(&mut opening.held.as_slice(), options, sink)?;
            self.stage = Stage::Table(Box::new(table));
            rest = behind;
        }
        if let Stage::Table(table) = &mut self.stage {
            match table.text(&mut rest, options, sink) {
                Err(problem) if Below::may_explain(&problem) => {
                    let free = !options.columns.is_empty();
                    self.stage = Stage::Below(Below::new(problem, table.records.lines().clone(), free));
                }
                done => return done,
            }
        }
        match &mut self.stage {
            Stage::Below(below) => below.feed(rest),
            Stage::Preamble(_) | Stage::Table(_) => Ok(()),
        }
    }

    fn finish(self, sink: Sink<'_>) -> Result<Sheet, FileProblem> {
        let options = &self.options;
        match self.stage {
            Stage::Table(table) => table.finish(options, sink),
            Stage::Below(below) => Err(below.finish()),
            Stage::Preamble(preamble) => {
                let nothing = preamble.is_empty();
                let Some(opening) = preamble.finish(&options.known_headings()) else {
                    return Err(if nothing { FileProblem::Empty } else { FileProblem::Blank });
                };
                let mut table = Table::open(&opening, options, self.bom)?;
                table.text(&mut opening.held.as_slice(), options, sink)?;
                table.finish(options, sink)
            }
        }
    }
}

/// The part of the text that is records: the headings, then the rows.
struct Table {
    records: Records,
    fields: Fields,
    /// As far as it is known before the headings are.
    dialect: Dialect,
    known: Option<Known>,
    /// The heading line ended with a CR, and it isn't known yet whether an LF follows.
    open_ending: bool,
    rows: u64,
    invalid: u64,
    last_is_short: bool,
}

struct Known {
    head: Head,
    layout: Layout,
}

impl Table {
    fn open(opening: &Opening, options: &SheetOptions, bom: bool) -> Result<Self, FileProblem> {
        let delimiter = opening.delimiter.map_err(|delimiter| FileProblem::HeadingsDiffer {
            line: opening.lines.line(),
            found: quoted(&[format!("sep={delimiter}")]),
            expected: options.expected(),
            hint: HeadingHint::Delimiter(delimiter),
        })?;
        Ok(Self {
            records: Records::new(delimiter, opening.lines.clone()),
            fields: Fields::default(),
            dialect: Dialect { delimiter, line_ending: LineEnding::Lf, bom, sep_line: opening.sep_line },
            known: None,
            open_ending: false,
            rows: 0,
            invalid: 0,
            last_is_short: false,
        })
    }

    /// Reads `text`; what is left of it after a problem is what stands behind the record with the problem.
    fn text(&mut self, text: &mut &[u8], options: &SheetOptions, sink: Sink<'_>) -> Result<(), FileProblem> {
        let any_quote = text.contains(&b'"');
        self.settle_ending(text);
        loop {
            let next = self.records.next(text, any_quote, &mut self.fields);
            let Some(line) = next.map_err(|problem| self.in_column(problem))? else { return Ok(()) };
            self.record(line, options, sink)?;
            self.settle_ending(text);
        }
    }

    /// Names the column of a quote that is never closed.
    fn in_column(&self, problem: FileProblem) -> FileProblem {
        let (FileProblem::QuoteNeverClosed { line, position, .. }, Some(known)) = (&problem, &self.known) else {
            return problem;
        };
        let heading = known.head.headings.get(self.records.quotes().opened().field);
        let column = heading.map(|heading| quoted(&[heading.trim()]).concat());
        FileProblem::QuoteNeverClosed { line: *line, position: *position, column }
    }

    fn settle_ending(&mut self, following: &[u8]) {
        if let (true, Some(byte), Some(known)) = (self.open_ending, following.first(), &mut self.known) {
            known.head.dialect.line_ending = if *byte == b'\n' { LineEnding::CrLf } else { LineEnding::Cr };
            self.open_ending = false;
        }
    }

    fn record(&mut self, line: u64, options: &SheetOptions, sink: Sink<'_>) -> Result<(), FileProblem> {
        let Some(Known { head, layout }) = &self.known else { return self.heading(line, options) };
        let (quotes, delimiter) = (self.records.quotes(), head.dialect.delimiter);
        let judged = Row::judge(line, &self.fields, layout, quotes.strays(), delimiter);
        let Some(mut row) = judged else { return Ok(()) };
        row.note_bare_quote(quotes.bare());
        if self.rows == options.max_rows {
            return Err(FileProblem::TooManyRows { limit: options.max_rows });
        }
        self.rows += 1;
        self.invalid += u64::from(row.content.is_err());
        self.last_is_short = row.is_short();
        sink(head, row);
        Ok(())
    }

    fn heading(&mut self, line: u64, options: &SheetOptions) -> Result<(), FileProblem> {
        if self.fields.holds_blanks_only() {
            return Ok(());
        }
        let over = self.fields.over();
        if over.dropped || !over.cut.is_empty() {
            return Err(FileProblem::RecordTooLong { line, limit: count(RECORD_BYTES) });
        }
        if over.named > 0 {
            return Err(FileProblem::TooManyFields { line, limit: count(RECORD_FIELDS) });
        }
        let Dialect { delimiter, sep_line, .. } = self.dialect;
        let quotes = self.records.quotes();
        let whole_line_in_quotes = quotes.any() && quotes.strays().is_empty();
        let named = (sep_line && !whole_line_in_quotes).then_some(delimiter);
        let Headings { format, layout, own } = headings::read(&self.fields, line, delimiter, named, options)?;
        self.open_ending = self.records.lines().last() == Some(b'\r');
        let line_ending = if self.open_ending { LineEnding::Cr } else { LineEnding::Lf };
        let head = Head { format, dialect: Dialect { line_ending, ..self.dialect }, headings: own, line };
        self.known = Some(Known { head, layout });
        Ok(())
    }

    fn finish(mut self, options: &SheetOptions, sink: Sink<'_>) -> Result<Sheet, FileProblem> {
        self.last_is_short = false;
        let last = self.records.finish(&mut self.fields);
        if let Some(line) = last.map_err(|problem| self.in_column(problem))? {
            self.record(line, options, sink)?;
        }
        let doubt = match (self.records.lines().inside_line(), self.last_is_short) {
            (true, true) => Some(Doubt::ShortLastLine),
            (true, false) => Some(Doubt::NoLineEnd),
            (false, _) => None,
        };
        match self.known {
            Some(Known { head, .. }) if self.rows > 0 || options.empty_files => {
                Ok(Sheet { head, rows: self.rows, invalid: self.invalid, doubt })
            }
            Some(_) => Err(FileProblem::NoDataRow),
            None => Err(FileProblem::Blank),
        }
    }
}

#[cfg(test)]
mod again;
#[cfg(test)]
mod large;
#[cfg(test)]
mod model;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod tests;
