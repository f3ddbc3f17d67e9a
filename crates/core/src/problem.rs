//! What can be wrong with a dropped file or with one of its rows: data, without words.
//!
//! The words, in English and Dutch, are in the module `message`.

use crate::device::{Column, Device, Format};
use crate::dialect::Delimiter;

/// Why a file is rejected as a whole.
///
/// Lines count from 1 as a text editor counts them, the first line of the file included. Values out of the file
/// are hostile: whoever shows them escapes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileProblem {
    /// Not a single byte, or nothing but a byte order mark.
    Empty,
    /// Blank lines, empty cells, Excel's `sep=` line, and nothing else.
    Blank,
    /// Headings and no data row below them.
    NoDataRow,
    /// An Excel workbook, a ZIP, a PDF, ...: the name says `.csv`, the bytes say otherwise.
    OtherKind(OtherKind),
    /// A NUL byte: not text, or text that lost its byte order mark, or a file that is still being filled.
    NulByte {
        /// Where.
        line: u64,
    },
    /// Invalid UTF-8 behind a UTF-8 byte order mark.
    InvalidUtf8 {
        /// Where.
        line: u64,
        /// The first byte that can't stand there.
        byte: u8,
    },
    /// The last character of a UTF-8 file is there in part only: the file was cut off.
    Utf8Cut {
        /// Where.
        line: u64,
    },
    /// UTF-16 with half a character in it: an odd number of bytes or a lone surrogate.
    InvalidUtf16 {
        /// Where.
        line: u64,
    },
    /// UTF-16 without its byte order mark: every other byte of the beginning is zero.
    Utf16WithoutMark,
    /// UTF-32, which nothing that people use writes on purpose.
    Utf32,
    /// UTF-7, which old mail programs wrote.
    Utf7,
    /// Valid multi-byte UTF-8 and bytes that aren't UTF-8 in one file: glued together from two encodings.
    MixedEncodings {
        /// The first line with a multi-byte UTF-8 character.
        utf8_line: u64,
        /// The first line with a byte that isn't UTF-8.
        other_line: u64,
        /// That byte.
        byte: u8,
    },
    /// A byte that Windows-1252 doesn't define (81, 8D, 8F, 90, 9D).
    UndefinedByte {
        /// Where.
        line: u64,
        /// The byte.
        byte: u8,
    },
    /// A quote that is opened and never closed, or only after more lines than any real value has: it would swallow
    /// the rows between.
    QuoteNeverClosed {
        /// The line on which it is opened.
        line: u64,
        /// Where in that line, in characters from 1.
        position: u64,
        /// The heading of its column, where the headings were read before and there is one.
        column: Option<String>,
    },
    /// What should be the headings is longer than any real ones: no CSV at all, probably.
    RecordTooLong {
        /// The line on which it begins.
        line: u64,
        /// The limit, in bytes of UTF-8.
        limit: u64,
    },
    /// There are more headings than any real sheet has.
    TooManyFields {
        /// The line on which they stand.
        line: u64,
        /// The limit.
        limit: u64,
    },
    /// The headings aren't ours.
    HeadingsDiffer {
        /// The line on which they stand.
        line: u64,
        /// What stands there, cell by cell, blanks around them removed; at most twenty, each cut to 64 characters and
        /// an ellipsis.
        found: Vec<String>,
        /// The headings that would have been accepted, one list for each format allowed.
        expected: Vec<Vec<String>>,
        /// What probably happened.
        hint: HeadingHint,
    },
    /// The headings are those of a format that this customer doesn't accept.
    FormatNotAllowed {
        /// The format found.
        found: Format,
        /// The format to use.
        allowed: Format,
    },
    /// More bytes than `max_file_size`.
    TooLarge {
        /// The file's size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// More data rows than `max_rows`.
    TooManyRows {
        /// The limit.
        limit: u64,
    },
    /// The file brought the daemon down before; it isn't tried again.
    Poison,
}

impl FileProblem {
    /// The word for it that programs can go by; it never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Blank => "blank",
            Self::NoDataRow => "no_data_row",
            Self::OtherKind(_) => "other_kind",
            Self::NulByte { .. } => "nul_byte",
            Self::InvalidUtf8 { .. } => "invalid_utf8",
            Self::Utf8Cut { .. } => "utf8_cut",
            Self::InvalidUtf16 { .. } => "invalid_utf16",
            Self::Utf16WithoutMark => "utf16_without_mark",
            Self::Utf32 => "utf32",
            Self::Utf7 => "utf7",
            Self::MixedEncodings { .. } => "mixed_encodings",
            Self::UndefinedByte { .. } => "undefined_byte",
            Self::QuoteNeverClosed { .. } => "quote_never_closed",
            Self::RecordTooLong { .. } => "record_too_long",
            Self::TooManyFields { .. } => "too_many_fields",
            Self::HeadingsDiffer { .. } => "headings_differ",
            Self::FormatNotAllowed { .. } => "format_not_allowed",
            Self::TooLarge { .. } => "too_large",
            Self::TooManyRows { .. } => "too_many_rows",
            Self::Poison => "poison",
        }
    }

    /// Whether a file that is still being written, or whose upload broke off, would explain it: then it is worth
    /// waiting a little longer before its sender is told.
    pub fn may_be_incomplete(&self) -> bool {
        match self {
            Self::Empty
            | Self::Blank
            | Self::NoDataRow
            | Self::NulByte { .. }
            | Self::Utf8Cut { .. }
            | Self::InvalidUtf16 { .. }
            | Self::QuoteNeverClosed { .. } => true,
            Self::OtherKind(_)
            | Self::InvalidUtf8 { .. }
            | Self::Utf16WithoutMark
            | Self::Utf32
            | Self::Utf7
            | Self::MixedEncodings { .. }
            | Self::UndefinedByte { .. }
            | Self::RecordTooLong { .. }
            | Self::TooManyFields { .. }
            | Self::HeadingsDiffer { .. }
            | Self::FormatNotAllowed { .. }
            | Self::TooLarge { .. }
            | Self::TooManyRows { .. }
            | Self::Poison => false,
        }
    }
}

/// What a file is that isn't text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherKind {
    /// An Excel workbook (`.xlsx`): a ZIP with a workbook in it.
    Workbook,
    /// An Excel workbook of the old kind (`.xls`), or another OLE file.
    OldWorkbook,
    /// A LibreOffice sheet (`.ods`).
    OpenDocument,
    /// A text document (`.docx`, `.odt`).
    Document,
    /// What Numbers, Pages or Keynote save: from outside they are all alike.
    Iwork,
    /// A ZIP of something else.
    Zip,
    /// gzip.
    Gzip,
    /// PDF.
    Pdf,
    /// An HTML page (also what some portals export as `.xls` or `.csv`).
    Html,
    /// XML, also what Excel calls "XML Spreadsheet".
    Xml,
    /// JSON.
    Json,
}

/// What probably happened to headings that differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadingHint {
    /// The first line looks like data: there are no headings at all.
    Missing,
    /// Right but for capital letters.
    Capitals,
    /// All there, in another order.
    Order,
    /// Right but for quotes, blanks, underscores or hyphens (`Serial_Number`, as ConfigMgr writes it).
    Renamed,
    /// Intune's own columns (`Device Serial Number,Windows Product ID,Hardware Hash`, ...).
    Intune,
    /// Partner Center's own columns (`..., Manufacturer name,Device model`).
    PartnerCenter,
    /// Ours, and more at their right end.
    Extra(Vec<String>),
    /// Some of ours are missing.
    Incomplete(Vec<String>),
    /// One heading stands twice.
    Twice(String),
    /// A column of the sender's has the name of one that a result file adds.
    OfResult(String),
    /// PowerShell's `#TYPE` line stands above them.
    TypeLine,
    /// All in one cell: the delimiter isn't comma, semicolon or tab.
    Delimiter(char),
    /// Any of those above, where a customer's own headings stand for some of ours.
    Mapped {
        /// What probably happened.
        hint: Box<HeadingHint>,
        /// The customer's headings, and ours that they stand for.
        headings: Vec<(String, Column)>,
    },
    /// All in one cell, since quotes stand around the whole line.
    OneCell,
    /// This delimiter stands behind the last one, and others between them.
    Stray(Delimiter),
    /// Not the same delimiter between all of them.
    TwoDelimiters,
    /// All columns are there, some under other names: their numbers from 1, their names, and the right ones.
    Rename(Vec<(u64, String, String)>),
    /// The same, and in another order than they are to have.
    RenameAndMove(Vec<(u64, String, String)>),
    /// Others stand among them: their numbers from 1 and their names, which may be empty.
    Delete(Vec<(u64, String)>),
    /// All in one cell, since the line `sep=` above them names another delimiter than theirs.
    SepLine {
        /// The delimiter that the line names.
        named: Delimiter,
        /// The one between the headings.
        used: Delimiter,
    },
    /// Right but for a character that can't be seen: a second byte order mark, a blank that isn't the usual one, ...
    Invisible {
        /// The heading that it should be.
        heading: String,
        /// The character.
        character: char,
    },
    /// Right, but written as Excel's formulas for text are: `="Model"`.
    Formulas,
    /// All in one cell, with nothing but blanks between them.
    OnlyBlanks,
    /// They stand further down, on this line.
    Below(u64),
    /// Nothing can be guessed.
    Unknown,
}

impl HeadingHint {
    /// What probably happened, whosever the headings are.
    pub fn plain(&self) -> &Self {
        match self {
            Self::Mapped { hint, .. } => hint.plain(),
            plain => plain,
        }
    }
}

/// Why one row is refused while the others go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowProblem {
    /// More or fewer fields than headings.
    FieldCount {
        /// How many headings there are.
        expected: u64,
        /// How many fields the row has.
        found: u64,
        /// The device that a result file's echo of the row would name, where nothing else is wrong with it.
        echoed: Option<Box<Device>>,
    },
    /// Another number of fields than headings, and the right one if another delimiter is what stands between them.
    OtherDelimiter {
        /// What stands between the headings.
        headings: Delimiter,
        /// What stands between the values of this row.
        row: Delimiter,
        /// As above.
        echoed: Option<Box<Device>>,
    },
    /// Nothing but the character that old programs write at the end of a file (U+001A).
    EndMark,
    /// The whole row is one field, since quotes stand around it; without them, it has the right number of fields.
    OneCell,
    /// A required value is empty, or one that may be empty holds blanks alone.
    EmptyValue {
        /// The column's name, as the file has it.
        column: ColumnName,
    },
    /// A value is longer than any real one.
    TooLong {
        /// The column.
        column: ColumnName,
        /// Its length in characters.
        found: u64,
        /// The limit in characters.
        limit: u64,
    },
    /// The row is longer than any real one, and none of its values by itself.
    RowTooLong {
        /// The limit, in bytes of UTF-8.
        limit: u64,
    },
    /// A control character in a value (U+0000 to 001F, 007F to 009F).
    ControlCharacter {
        /// The column.
        column: ColumnName,
        /// The character.
        character: char,
        /// Its place in the value, in characters, from 1.
        position: u64,
    },
    /// A serial number in the form that Excel leaves of a long one (`1.23E+11`).
    Scientific {
        /// The column.
        column: ColumnName,
        /// What stands there.
        found: String,
    },
    /// Text behind a closing quote (`"15" Book`): what the value is can't be told without altering it. A quote inside a
    /// value that doesn't begin with one is fine (`15" Book`), and so is a doubled one in quotes (`"15"" Book"`).
    Quotes {
        /// The column, also one that means nothing to us: what stands in the others can't be told either then.
        column: ColumnName,
        /// The device that a result file's echo of the row would name, where nothing else is wrong with it.
        echoed: Option<Box<Device>>,
    },
}

/// A column as a message names it: our name for it, and the file's own heading where `columns` maps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnName {
    /// Which of ours it is; none where it is the sender's own, or one that a result file added.
    pub column: Option<Column>,
    /// The heading in the file; empty where it has none.
    pub heading: String,
    /// Where in the row it stands, from 0.
    pub index: usize,
}

impl RowProblem {
    /// The word for it that programs can go by; it never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FieldCount { .. } => "field_count",
            Self::OtherDelimiter { .. } => "other_delimiter",
            Self::EndMark => "end_mark",
            Self::OneCell => "one_cell",
            Self::EmptyValue { .. } => "empty_value",
            Self::TooLong { .. } => "too_long",
            Self::RowTooLong { .. } => "row_too_long",
            Self::ControlCharacter { .. } => "control_character",
            Self::Scientific { .. } => "scientific",
            Self::Quotes { .. } => "quotes",
        }
    }

    /// The column it is about, where it is about one.
    pub fn column(&self) -> Option<&ColumnName> {
        match self {
            Self::FieldCount { .. }
            | Self::OtherDelimiter { .. }
            | Self::EndMark
            | Self::OneCell
            | Self::RowTooLong { .. } => None,
            Self::EmptyValue { column }
            | Self::TooLong { column, .. }
            | Self::ControlCharacter { column, .. }
            | Self::Scientific { column, .. }
            | Self::Quotes { column, .. } => Some(column),
        }
    }
}
